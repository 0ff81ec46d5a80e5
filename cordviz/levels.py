"""Vertebral levels along the cord: from disc labels to a level map, and to a level per slice."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from nibabel.affines import apply_affine

from ._validation import check_point
from .centerline import Centerline, bounding_box, opened_in_las, slice_centres, smooth_curve
from .images import ImageLike, labels_of, on_grid, read_image, reorient, restore

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image

#: Disc 1 is above C1, 3 is C2/C3, 8 is C7/T1, 20 is T12/L1, 25 is L5/S1.
DISCS = range(1, 27)
#: Landmarks that share the label images with discs: pontomedullary groove and junction, conus.
NOT_DISCS = (49, 50, 60)
FAR_FROM_CORD_MM = 60.0
ROUNDING = 1e-3  # of a label
DISC_HEIGHT_MM = 15.0  # no disc label is taller; a level is
SAME_PLACE_MM = 1.0


def levels_from_discs(
    discs: ImageLike | Mapping[int, Sequence[float] | np.ndarray], seg: ImageLike
) -> Nifti1Image:
    """Label the cord with vertebral levels, from the positions of intervertebral discs.

    Each disc is projected on the centreline of the mask. The cord is cut there across its own
    direction, not along the slices, so that the map also fits images that are cut at another
    angle. The slice that holds a disc belongs to the level below it, as in the Spinal Cord
    Toolbox; so the level of a slice is that of its centre.

    Parameters
    ----------
    discs : str, Path, nibabel image, or mapping
        A label image on any grid, one voxel or blob per disc (3 = C2/C3), or
        ``{label: (x, y, z)}`` in mm of nibabel's world (RAS+). Labels 49, 50 and 60
        (pontomedullary groove and junction, conus) are ignored.
    seg : str, Path or nibabel image
        Cord mask, values in [0, 1].

    Returns
    -------
    nibabel.Nifti1Image
        uint8 labels on the grid of `seg` where `seg` > 0: 1–7 = C1–C7, 8–19 = T1–T12,
        20–24 = L1–L5. Level k lies between discs k and k + 1; above the top disc it is its
        label − 1, below the lowest its label. Where a disc between two others is missing, which
        of their levels it is remains unknown: 0, with a warning.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        No disc; labels that are no discs; a disc marked twice, at the place of another, or more
        than 60 mm from the cord; discs not in order from top to bottom; no part of the mask near
        a disc.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> seg = np.zeros((9, 9, 60), np.uint8)
    >>> seg[3:6, 3:6] = 1
    >>> discs = {2: (4, 8, 50), 3: (4, 8, 35), 4: (4, 8, 20)}
    >>> levels = cv.levels_from_discs(discs, nib.Nifti1Image(seg, np.eye(4)))
    >>> np.asarray(levels.dataobj)[4, 4, [55, 45, 30, 10]].tolist()
    [1, 2, 3, 4]
    """
    points = read_discs(discs)
    img = read_image(seg, name="mask")
    data, affine = opened_in_las(img)
    curve = smooth_curve(*slice_centres(data), affine)
    if len(curve.slices) == 1:
        raise ValueError("The mask has one slice only, along which no disc can be placed.")
    labels, cuts = _cuts(points, curve)
    box = bounding_box(data)
    inside = data[box] > 0
    vox = np.argwhere(inside) + [part.start for part in box]
    level = np.zeros(data.shape, np.uint8)
    section = np.searchsorted(cuts, curve.slice_position(vox, unit="voxel"))
    level[box][inside] = _level_between(labels)[section]
    return restore(level, img, "LAS")


def slice_levels(levels: ImageLike) -> np.ndarray:
    """Level of each slice: the rounded mean of its non-zero labels, NaN where there are none.

    Shape (slices,) in nibabel-LAS order, slice 0 inferior. Raises ValueError for labels that are
    negative, NaN, or those of discs.
    """
    img = read_image(levels, name="level map")
    data = labels_of(img, name="level map")
    low = data.min()
    if not low >= 0:
        raise ValueError(
            f"The level map has negative or NaN labels (lowest {low:g}). If it was resampled, do "
            "that with interpolation='nearest'."
        )
    if data.max() > DISCS[-1]:
        raise ValueError(
            f"The level map has labels up to {data.max():g}; vertebral levels are 1 (C1) to 24 "
            "(L5). Is it the image itself?"
        )
    data = np.asanyarray(reorient(on_grid(data, img), "LAS").dataobj)
    level = np.full(data.shape[2], np.nan)
    if not data.any():
        return level
    box = bounding_box(data)
    total = data[box].sum(axis=(0, 1), dtype=float)
    with np.errstate(invalid="ignore"):  # a slice without labels in between
        level[box[2]] = np.rint(total / np.count_nonzero(data[box], axis=(0, 1)))
    labelled = np.flatnonzero(np.isfinite(level))
    gaps = np.diff(labelled)
    runs = np.diff(np.flatnonzero(np.r_[True, gaps > 1, True]))
    # levels that follow each other touch, discs do not
    between = gaps[(gaps > 1) & (np.diff(level[labelled]) == -1)] - 1
    points = len(runs) > 1 and runs.max() == 1
    if points or (between.size and np.median(between) >= np.median(runs)):
        raise ValueError(
            "The level map labels few slices here and there. These look like discs or points: give "
            "them to levels_from_discs, which fills the levels between them."
        )
    return level


def read_discs(discs: Any) -> dict[int, np.ndarray]:
    """Centre of each disc in world mm."""
    if isinstance(discs, Mapping):
        wanted = "Disc {} needs three coordinates (x, y, z) in mm, got {!r}."
        points = {_label(k): check_point(v, wanted.format(k, v)) for k, v in discs.items()}
    else:
        points = _discs_of_image(discs)
    points = {label: point for label, point in points.items() if label not in NOT_DISCS}
    strange = [label for label in points if label not in DISCS]
    if strange:
        raise ValueError(
            f"Labels {strange} are no discs: expected {DISCS[0]} (above C1), 2, 3 (C2/C3) … "
            f"{DISCS[-1]}."
        )
    if not points:
        raise ValueError("There is no disc; give at least one label (3 = C2/C3).")
    return points


def _label(key: Any) -> int:
    number = isinstance(key, (int, float, np.number)) and not isinstance(key, bool)
    if not number or not np.isfinite(key) or int(key) != key:
        raise ValueError(f"A disc label is a whole number (3 = C2/C3), got {key!r}.")
    return int(key)


def _discs_of_image(discs: ImageLike) -> dict[int, np.ndarray]:
    from scipy.ndimage import generate_binary_structure, label

    if not isinstance(discs, (str, os.PathLike)) and not hasattr(discs, "affine"):
        raise TypeError(
            "discs must be a label image, its path, or a mapping {label: (x, y, z) in mm}; got "
            f"{type(discs).__name__}."
        )
    img = read_image(discs, name="disc image")
    data = labels_of(img, name="disc image")
    index = np.argwhere(data)
    values = data[tuple(index.T)]
    whole = np.rint(values)
    if not np.isfinite(values).all() or (np.abs(values - whole) > ROUNDING).any():
        raise ValueError(
            "The disc image has labels that are not whole numbers. Is it the image itself? If it "
            "was resampled, do that with interpolation='nearest'."
        )
    values = whole  # integers that are stored scaled come back a little off
    points = {}
    if len(found := np.unique(values)) > len(DISCS) + len(NOT_DISCS):
        raise ValueError(
            f"The disc image has {len(found)} different labels; discs are {DISCS[0]} to "
            f"{DISCS[-1]}. Is it the image itself?"
        )
    for value in found:
        own = index[values == value]
        box = np.zeros(np.ptp(own, axis=0) + 1, bool)
        box[tuple((own - own.min(axis=0)).T)] = True
        parts = label(box, generate_binary_structure(3, 3))[1]
        if parts > 1 and int(value) not in NOT_DISCS:
            raise ValueError(f"Disc {int(value)} is marked at {parts} places; keep one.")
        world = apply_affine(img.affine, own)
        if (height := np.ptp(world[:, 2])) > DISC_HEIGHT_MM:
            raise ValueError(
                f"Label {int(value)} of the disc image is {height:.0f} mm tall. That looks like a "
                "map of vertebral levels: pass it as levels=, not as discs."
            )
        points[int(value)] = world.mean(axis=0)
    return points


def _cuts(points: dict[int, np.ndarray], curve: Centerline) -> tuple[list[int], np.ndarray]:
    """Disc labels from the lowest up, and the slice position above each where the cord is cut."""
    labels = sorted(points, reverse=True)
    world = np.array([points[label] for label in labels])
    position = curve.slice_position(world)
    nearest = curve.point_mm(position)
    for label, distance in zip(labels, np.linalg.norm(world - nearest, axis=1), strict=True):
        if distance > FAR_FROM_CORD_MM:
            raise ValueError(
                f"Disc {label} is {distance:.0f} mm from the cord. Coordinates must be mm of "
                "nibabel's world (RAS+), not voxels or LPS; or the discs are of another image."
            )
    step = np.linalg.norm(np.diff(nearest, axis=0), axis=1) * np.sign(np.diff(position))
    for upper, lower, distance in zip(labels[1:], labels[:-1], step, strict=True):
        if abs(distance) < SAME_PLACE_MM:
            raise ValueError(f"Discs {upper} and {lower} are at the same place along the cord.")
        if distance < 0:
            raise ValueError(
                f"Disc {upper} is below disc {lower}; labels must grow from top to bottom. Are "
                "they numbered from the wrong end, or is the image upside down?"
            )
    first, last = curve.slices[0] - 0.5, curve.slices[-1] + 0.5
    if position[0] > last or position[-1] < first:
        where = "above the top" if position[0] > last else "below the bottom"
        raise ValueError(f"All discs are {where} of the mask, so its levels are unknown.")
    return labels, np.rint(position) + 0.5


def _level_between(labels: list[int]) -> np.ndarray:
    """Levels below, between and above discs that are given from the lowest up."""
    level = [labels[0]]
    for lower, upper in pairwise(labels):
        level.append(upper if lower - upper == 1 else 0)
    if 0 in level:
        lost = sorted(set(range(labels[-1], labels[0])) - set(labels))
        warnings.warn(
            f"Disc {', '.join(map(str, lost))} is missing: the levels beside it are left without "
            "a label (0). Add it to label them.",
            stacklevel=3,
        )
    return np.array([*level, labels[-1] - 1], np.uint8)


def level_name(level: int) -> str:
    """Anatomical name of a vertebral level: 2 → C2, 8 → T1, 20 → L1."""
    for first, letter in ((20, "L"), (8, "T"), (1, "C")):
        if level >= first and level <= 24:
            return f"{letter}{level - first + 1}"
    return str(level)


def disc_name(disc: int) -> str:
    """Name of a disc: 3 → C2/C3."""
    below = "S1" if disc == 25 else level_name(disc)
    return f"{level_name(disc - 1)}/{below}" if disc > 1 else "above C1"
