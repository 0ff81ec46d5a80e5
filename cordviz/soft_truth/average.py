"""Soft truth: hard masks of several contrasts, registered, averaged, and warped back.

The registration is slice-wise and in plane along the cord, from the headers on: centre of mass of
each slice, then rotation or an affine map from the second moments of the masks, then one shift
that fits the images, then, if asked for, a smooth deformation (B-splines of SimpleITK) that the
images drive around the cord. All keep areas, so that every rater's cross-sectional area (CSA)
enters the mean as it is: a map that scaled a mask to its fellow would turn the mean into the area
of the reference's rater.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Image

from .._validation import check_choice, check_finite, check_same_grid
from ..images import ImageLike, load_mask, on_grid, one_volume, read_image, restore, sha256_of
from .image_registration import bend, settle
from .registration import Box, Link, Space, align, displacements, points_per_voxel, pull

TRANSFORMS = ("rigid", "affine", "shift")
PLACES = ("images", "masks")
LEAST_COVER = 1e-3  #: of a voxel by slices that were drawn on, for it to be known
MARGIN_MM = 8.0  #: kept around the cord, for soft edges, displacements and tiles of figures


@dataclass(frozen=True)
class Warp:
    """Displacement fields between a contrast and the reference, as ITK, ANTs and SCT read them.

    Each is a 5-D NIfTI image (I, J, K, 1, 3) of displacements in mm (x to the left, y to the
    back, z upwards) around the cord: what to add to a point of the grid to be resampled *onto*.

    Attributes
    ----------
    to_reference : nibabel.Nifti1Image
        Brings an image of the contrast into the reference space; lives there.
    to_native : nibabel.Nifti1Image
        Brings an image of the reference space onto the contrast; lives there.
    """

    to_reference: Nifti1Image
    to_native: Nifti1Image


@dataclass(frozen=True)
class SoftTruth:
    """What `average_soft_truth` returns, and all that `plot_soft_truth` draws.

    Attributes
    ----------
    reference : nibabel.Nifti1Image
        Soft truth on the grid of the reference contrast, float32 in [0, 1].
    native : dict of str to nibabel.Nifti1Image
        Soft truth on the grid of every contrast, float32 in [0, 1].
    warps : dict of str to Warp
        How each contrast lies to the reference.
    in_reference : dict of str to nibabel.Nifti1Image
        Hard masks carried into the reference space, cropped to the cord, float32 in [0, 1].
    shifts_mm : dict of str to float
        How far to the front images put each contrast from where masks did.
    hard_masks, images : dict of str to nibabel.Nifti1Image
        What came in.
    reference_name : str
        The reference contrast.
    """

    reference: Nifti1Image
    native: dict[str, Nifti1Image]
    warps: dict[str, Warp]
    in_reference: dict[str, Nifti1Image]
    shifts_mm: dict[str, float]
    hard_masks: dict[str, Nifti1Image]
    images: dict[str, Nifti1Image]
    reference_name: str


def average_soft_truth(
    hard_masks: Mapping[str, ImageLike],
    images: Mapping[str, ImageLike],
    *,
    reference: str = "T2w",
    transform: str = "rigid",
    place: str = "images",
    deform: bool = False,
    progress: bool = True,
) -> SoftTruth:
    """Average the hard masks of one person's contrasts into one soft truth.

    Each mask is registered to the reference contrast, the soft truth is the sum of the warped
    masks over the sum of their coverage, and it is warped back onto every contrast. A mask covers
    the slices that it was drawn on: a slab adds to the mean only where it is. Thick slices are
    cut into thin ones along the cord, thin ones averaged over the thickness of the thick.

    Parameters
    ----------
    hard_masks : mapping of str to path or nibabel image
        Cord mask of each contrast, values in [0, 1], any grid and orientation.
    images : mapping of str to path or nibabel image
        The images they were drawn on, with the same names and grids; intensities are looked at
        for ``place="images"``, `deform` and figures.
    reference : str
        Name of the contrast that all are registered to.
    transform : {"rigid", "affine", "shift"}
        What follows the centre of mass in each slice: rotation; rotation, stretch and shear that
        keep the area; or nothing.
    place : {"images", "masks"}
        What says where two contrasts lie to each other: the images within 7 mm around the cord,
        by one shift of a contrast to the front or back (mutual information, SimpleITK, up to 1 mm
        from the masks), so that the soft truth lies where the raters have the cord on average; or
        the masks, so that it lies where each contrast's rater has it. Raters are off by 0.1 to
        0.3 mm, alike in all slices, where a vessel or the dura looks like cord.
    deform : bool
        Add a smooth in-plane deformation that fits the images within 4 mm around the cord by
        their mutual information (SimpleITK, several seconds per contrast); the masks hold place
        and area of every section. Meant for echo-planar images.
    progress : bool
        Show a progress bar where it takes longer than a second.

    Returns
    -------
    SoftTruth
        ``.reference`` and ``.native[contrast]``, soft masks on the grids that came in, and
        ``.warps[contrast]``.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        Unreadable input; names that do not match; a mask off the grid of its image; masks that
        share no slice or lie more than 20 mm apart by their headers.

    Notes
    -----
    After Bédard et al. 2025, Medical Image Analysis (arXiv 2310.15402). Motion along the cord is
    left as the headers have it, since cord sections hardly differ over a few millimetres. Where
    most raters are off to one side, so is the soft truth. Slices that no contrast covers are 0, and
    so are those of a contrast that lie outside the field of view of the reference, even in part.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> x, y, z = np.indices((40, 40, 12))
    >>> t2w = nib.Nifti1Image((np.hypot(x - 20, y - 20) < 6).astype("u1"), np.eye(4))
    >>> t1w = nib.Nifti1Image((np.hypot(x - 21, y - 18) < 5).astype("u1"), np.eye(4))
    >>> masks = {"T2w": t2w, "T1w": t1w}
    >>> result = cv.average_soft_truth(masks, masks, progress=False)
    >>> areas = [mask.get_fdata()[..., 6].sum() for mask in (t1w, result.reference, t2w)]
    >>> bool(areas[0] < areas[1] < areas[2])
    True
    """
    from tqdm.auto import tqdm

    check_choice(transform, TRANSFORMS, "transform")
    check_choice(place, PLACES, "place")
    masks, scans = _session(hard_masks, images, reference)
    spaces = {name: Space(mask) for name, mask in masks.items()}
    space = spaces[reference]
    steps = {"total": 2 * len(masks), "desc": "soft truth", "leave": False, "delay": 1}
    with tqdm(disable=not progress, **steps) as bar:
        links = {name: _link(spaces, name, reference, transform) for name in masks}
        box = _box(space, [(one.data, links[name].to_reference) for name, one in spaces.items()])
        inside: dict[str, np.ndarray] = {}
        seen: dict[str, np.ndarray] = {}
        shifts = {reference: 0.0}
        # the reference first: deformations need to know where the cord is
        for name in sorted(masks, key=lambda name: name != reference):
            link, pair = links[name], (scans[name], scans[reference])
            if name != reference:
                cord = inside[reference]
                link = settle(link, *pair, cord, box) if place == "images" else link
                shifts[name] = round(float((link.goal - links[name].goal)[:, 1].mean()), 3)
                link = links[name] = bend(link, *pair, cord, box) if deform else link
            times = points_per_voxel(np.linalg.inv(link.header))
            inside[name], seen[name] = pull(
                [spaces[name].data, spaces[name].seen],
                partial(link.to_native, snap=True), box, times,
            )  # fmt: skip
            bar.update()
        total, covered = (np.sum(list(part.values()), axis=0) for part in (inside, seen))
        soft = np.zeros(space.data.shape, np.float32)
        soft[box.slices] = _ratio(total, covered)
        known = np.zeros(len(space.seen), np.float32)
        _, _, along = box.slices
        known[along] = covered.max(axis=(0, 1)) > LEAST_COVER
        made = {
            "Method": "average_soft_truth",
            "Reference": reference,
            "Transform": transform,
            "Place": place,
            "Shifts_mm": shifts,
            "Deform": deform,
            "Sources": {name: _source(mask) for name, mask in masks.items()},
        }
        native, warps = {}, {}
        for name, mask in masks.items():
            data, warps[name] = _carry_back(soft, known, links[name], space, box)
            native[name] = restore(data, mask, extra={"cordviz": {**made, "Space": name}})
            bar.update()
    crop = space.affine.copy()
    crop[:3, 3] += crop[:3, :3] @ box.start
    return SoftTruth(
        reference=native[reference],
        native=native,
        warps=warps,
        in_reference={name: Nifti1Image(inside[name], crop) for name in masks},
        shifts_mm=shifts,
        hard_masks=masks,
        images=scans,
        reference_name=reference,
    )


def _session(
    hard_masks: Mapping[str, ImageLike], images: Mapping[str, ImageLike], reference: str
) -> tuple[dict[str, Nifti1Image], dict[str, Nifti1Image]]:
    """Open masks and images by contrast, on one grid each."""
    for what, given in (("hard_masks", hard_masks), ("images", images)):
        if not isinstance(given, Mapping):
            raise TypeError(
                f"Expected {what} as a mapping of contrast to image, such as "
                f"{{'T2w': …, 'T1w': …}}, got {type(given).__name__}."
            )
    if set(hard_masks) != set(images) or len(hard_masks) < 2:
        raise ValueError(
            "Expected masks and images of the same two or more contrasts, got masks of "
            f"{', '.join(hard_masks) or 'none'} and images of {', '.join(images) or 'none'}."
        )
    check_choice(reference, tuple(hard_masks), "reference")
    masks = {name: load_mask(mask, name=f"{name} mask") for name, mask in hard_masks.items()}
    scans = {}
    for name, mask in masks.items():
        scan = read_image(images[name], name=f"{name} image")
        check_same_grid(mask, scan, f"{name} mask", f"{name} image")
        data = one_volume(scan, name=f"{name} image")
        check_finite(data, f"{name} image")
        scans[name] = on_grid(data, scan)
    return masks, scans


def _link(spaces: dict[str, Space], name: str, reference: str, transform: str) -> Link:
    try:
        return align(spaces[name], spaces[reference], transform)
    except ValueError as error:
        raise ValueError(
            f"By the headers the {name} mask and the {reference} mask {error}. Give scans of one "
            "session whose headers are right, or another reference."
        ) from error


def _carry_back(
    soft: np.ndarray, known: np.ndarray, link: Link, space: Space, box: Box
) -> tuple[np.ndarray, Warp]:
    """Soft truth of the reference on the voxels of a contrast (RAS), and how the two lie."""
    native, last = link.native, len(known) - 1

    def there(points: np.ndarray) -> np.ndarray:  # the outer halves of the first and last slice
        at = link.to_reference(points)
        at[2] = np.where(np.abs(at[2] - last / 2) <= last / 2 + 0.5, at[2].clip(0, last), at[2])
        return at

    part = _box(native, [(soft, link.to_native)])
    values, weight = pull([soft, known], there, part, points_per_voxel(link.header))
    data = np.zeros(native.data.shape, np.float32)
    # what leaves the reference's field of view would keep a part of its section
    whole = ~((native.data[part.slices] > 0) & (weight < LEAST_COVER)).any(axis=(0, 1))
    data[part.slices] = _ratio(values, weight) * whole
    warp = Warp(
        displacements(link.to_native, space.affine, native.affine, box),
        displacements(link.to_reference, native.affine, space.affine, part),
    )
    return data, warp


def _box(space: Space, volumes: list[tuple[np.ndarray, Any]]) -> Box:
    """Part of a grid that holds the cord of all volumes, each with its way to that grid."""
    reach = [
        where(np.argwhere(volume > 0).T[:, :, None, None]).reshape(3, -1)
        for volume, where in volumes
    ]
    return Box.around(np.concatenate(reach, 1), MARGIN_MM / space.spacing, space.data.shape)


def _ratio(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Values over weight in [0, 1], 0 where there is no weight."""
    quotient = np.divide(values, weight, out=np.zeros_like(values), where=weight > LEAST_COVER)
    return np.clip(quotient, 0, 1)


def _source(mask: Nifti1Image) -> dict[str, str | None]:
    file = mask.get_filename()
    return {"File": file and Path(file).name, "SHA256": sha256_of(mask)}
