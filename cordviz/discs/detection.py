"""Discs found without clicks on T1w and T2w images, or carried from one image to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from nibabel.affines import apply_affine

from ..centerline import Centerline, fit_centerline
from ..contrasts import closest_contrast
from ..images import ImageLike, load_image, on_grid, read_image, reorient, spacing_mm, voxels
from ..levels import read_discs
from .network import WIDTH, log_odds
from .numbering import doubt_of, most_likely

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image

C2_SHARE = 0.90  #: of the mean height of C3 to C6 (norms: 15.5 of 17.3 mm); no disc shows its top
ABOVE_MM, BELOW_MM = 45.0, 25.0  #: how far beyond the mask's ends discs are looked for
EDGE_MM = 8.5  #: posterior edge of a disc in front of the cord's centre (norms: 3.8 + 3.2 + dura)
THICKEST_MM = 2.6  #: slices above this do not show discs
SURE = 0.7  #: in cropped views of three real necks no wrong numbering came above 0.4


class DiscsNotFound(ValueError):
    """No discs that could be trusted; give them by hand."""


@dataclass(frozen=True)
class FoundDiscs:
    """Discs of an image.

    Attributes
    ----------
    discs : nibabel.Nifti1Image
        uint8 on the image's grid, one voxel per disc inside it (3 = C2/C3), at its posterior edge.
    points_mm : dict of int → ndarray of shape (3,)
        The same in world mm, also of discs outside the grid.
    confidence : float
        Probability in [0, 1] that C2/C3 is where it was found, as far as the model goes.
    """

    discs: Nifti1Image
    points_mm: dict[int, np.ndarray]
    confidence: float


def find_discs(
    image: ImageLike, seg: ImageLike, *, contrast: str | None = None, at_least: float = SURE
) -> FoundDiscs:
    """Find the intervertebral discs from C2/C3 down on a T1w or T2w image, or refuse.

    The image is straightened along the cord. A small network, trained on simulated subjects
    only, scores how much each height looks like C2/C3 (below the dens, which has no disc for two
    levels) or a lower disc. Dynamic programming then weighs all numberings against the heights
    that vertebrae have. Discs 1 and 2, where C1 and C2 begin, show no disc: they are put at the
    norms' height above C2/C3, scaled to this neck.

    Parameters
    ----------
    image : str, Path or nibabel image
        T1w or T2w with the front of the vertebral bodies (24 mm before the cord) and C2 in view,
        spacing up to 2.6 mm.
    seg : str, Path or nibabel image
        Cord mask, values in [0, 1]; another grid of the same session will do.
    contrast : str, optional
        Only to refuse a contrast that does not show discs.
    at_least : float
        Confidence below which the result is refused. 0 returns the best guess where at least two
        discs are in view: look at it with `plot_discs` and correct it.

    Returns
    -------
    FoundDiscs
        Label image, points in mm and confidence, for `levels_from_discs` and `transfer_discs`.

    Raises
    ------
    DiscsNotFound
        A ValueError: too little in view, another numbering is as likely, or heights that no neck
        has. Then give discs by hand.
    FileNotFoundError, TypeError, ValueError
        Unreadable input; a contrast or slices that show no discs.

    Examples
    --------
    >>> import cordviz as cv
    >>> subject = cv.simulate_subject(seed=3)
    >>> image, seg = subject.acquire("T1w", fov=(20, 80, 160))
    >>> found = cv.find_discs(image, seg)
    >>> levels = cv.levels_from_discs(found.discs, seg)
    >>> gap = found.points_mm[3] - subject.disc_points_mm[3]
    >>> bool(found.confidence > 0.7 and abs(gap[2]) < 2)
    True
    """
    img = load_image(image)
    _check(img, contrast)
    curve = fit_centerline(seg)
    if len(curve.slices) < 2:
        raise DiscsNotFound("The mask has one slice only, along which no disc can be placed.")
    picture, centre, front = straighten(img, curve)
    c2c3, other = log_odds(picture)
    rows, confidence = most_likely(c2c3, other)
    doubt = doubt_of(rows, c2c3, other)
    confidence = 0.0 if doubt else confidence
    if confidence < at_least or len(rows) < 2:
        doubt = doubt or f"C2/C3 may be elsewhere (confidence {confidence:.2f}, not {at_least:g})"
        raise DiscsNotFound(
            f"No discs that could be trusted: {doubt}. Give them by hand, as a label image or "
            "{3: (x, y, z), 4: …} in mm; or find them on another image of the session, with C2 "
            "and the vertebral bodies in view."
            + (" at_least=0 returns the best guess, to look at." if len(rows) > 1 else "")
        )
    height = C2_SHARE * (rows[0] - rows[min(4, len(rows) - 1)]) / min(4, len(rows) - 1)
    heights = np.array([rows[0] + height * 1.94, rows[0] + height, *rows])
    places = np.stack([np.interp(heights, np.arange(len(centre)), c) for c in centre.T], axis=1)
    points = places + EDGE_MM * front[np.rint(heights).clip(0, len(front) - 1).astype(int)]
    inside = heights < len(centre)
    named = {k: point for k, point in enumerate(points, start=1) if inside[k - 1]}
    return FoundDiscs(transfer_discs(named, img), named, confidence)


def transfer_discs(
    discs: ImageLike | Mapping[int, Sequence[float] | np.ndarray],
    image: ImageLike,
    *,
    warp: ImageLike | None = None,
) -> Nifti1Image:
    """Carry discs to the grid of another image of the session, by the headers or a registration.

    `levels_from_discs` takes discs of any grid as they are; this is to save or show them, or to
    undo motion between the scans that the headers do not know.

    Parameters
    ----------
    discs : str, Path, nibabel image, or mapping
        Label image or ``{label: (x, y, z)}`` in mm, as in `levels_from_discs`.
    image : str, Path or nibabel image
        The grid.
    warp : str, Path or nibabel image, optional
        Displacements in mm as ITK reads them, on the image that the discs were marked on:
        ``result.warps[contrast].to_reference`` of `average_soft_truth` carries discs of the
        reference to a contrast, ``to_native`` those of the contrast to the reference.

    Returns
    -------
    nibabel.Nifti1Image
        uint8, one voxel per disc (3 = C2/C3); discs outside the grid are missing.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        Unreadable input, discs that are none, or two discs in one voxel.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> image = nib.Nifti1Image(np.zeros((9, 9, 30)), np.diag([1, 1, 2, 1]))
    >>> discs = cv.transfer_discs({3: (4, 8, 40), 4: (4, 8, 22)}, image)
    >>> np.asarray(discs.dataobj)[4, 8, [20, 11]].tolist()
    [3, 4]
    """
    img = read_image(image)
    labels = np.zeros(img.shape[:3], np.uint8)
    to_voxels = np.linalg.inv(img.affine)
    field = None if warp is None else read_image(warp, name="warp")
    for label, point in read_discs(discs).items():
        there = point if field is None else point + _displacement(field, point)
        voxel = tuple(np.rint(apply_affine(to_voxels, there)).astype(int))
        if min(voxel) < 0 or (np.array(voxel) >= labels.shape).any():
            continue
        if labels[voxel]:
            raise ValueError(
                f"Discs {labels[voxel]} and {label} fall into one voxel of the image. Its slices "
                "are too thick for a label image: keep the discs in mm, or on their own grid."
            )
        labels[voxel] = label
    return on_grid(labels, img)


def _displacement(warp: Nifti1Image, point: np.ndarray) -> np.ndarray:
    """Where a field of displacements (I, J, K, 1, 3), x to the left and y to the back, moves to."""
    from scipy.ndimage import map_coordinates

    if len(warp.shape) != 5 or warp.shape[3:] != (1, 3):
        raise ValueError(
            f"Expected displacements of shape (I, J, K, 1, 3) as warp, got {warp.shape}."
        )
    at = apply_affine(np.linalg.inv(warp.affine), point)[:, None]
    parts = np.moveaxis(np.asarray(warp.dataobj)[..., 0, :], -1, 0)
    moved = [map_coordinates(part, at, order=1, mode="nearest")[0] for part in parts]
    return np.array(moved) * [-1, -1, 1]


def _check(img: Nifti1Image, contrast: str | None) -> None:
    if contrast is not None and closest_contrast(contrast) not in ("t1", "t2"):
        raise ValueError(
            f"Discs are found on T1w and T2w images, got contrast={contrast!r}. Find them on one "
            "of those and pass them on: levels_from_discs carries them by the headers."
        )
    if (thick := spacing_mm(reorient(img))[2]) > THICKEST_MM:
        raise ValueError(
            f"Slices are {thick:.1f} mm apart along the cord; discs show up to {THICKEST_MM} mm. "
            "Find them on a T1w or T2w image of the session with smaller voxels and pass them on."
        )


def straighten(
    img: Nifti1Image, curve: Centerline, *, columns: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut the image along the cord, straightened: rows of 1 mm from the lowest up.

    Returns the picture of shape (rows, columns), NaN outside the image; the cord's centre in
    world mm for each row; the unit vector to the front. The mean of 7 mm right to left.
    """
    from scipy.ndimage import map_coordinates

    columns = np.arange(WIDTH) if columns is None else columns
    tall = np.linalg.norm(curve.affine[:3, 2])
    ends = curve.slices[0] - BELOW_MM / tall, curve.slices[-1] + ABOVE_MM / tall
    fine = curve.point_mm(np.arange(*ends, 0.25 / tall))
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
    rows = np.arange(0, arc[-1], 1.0)
    centre = np.stack([np.interp(rows, arc, c) for c in fine.T], axis=1)
    along = np.gradient(centre, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    front = np.array([0, 1, 0]) - along[:, 1:2] * along
    front /= np.linalg.norm(front, axis=1, keepdims=True)
    right = np.cross(front, along)
    across = np.arange(-3, 4)
    place = centre[:, None, None] + columns[:, None, None] * front[:, None, None]
    place = place + across[:, None] * right[:, None, None]
    vox = np.moveaxis(apply_affine(np.linalg.inv(img.affine), place), -1, 0)
    values = map_coordinates(voxels(img), vox, order=1, cval=np.nan)
    known = np.isfinite(values)
    total, count = np.where(known, values, 0).sum(axis=2), known.sum(axis=2)
    picture = np.where(count > across.size // 2, total / np.maximum(count, 1), np.nan)
    return picture, centre, front
