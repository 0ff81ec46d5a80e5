"""Cut square patches around the cord from slices of any voxel size, and put them back.

Arrays are in RAS order, shape (X, Y, Z); positions are in mm from the centre of voxel (0, 0).
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

STEP_MM = 0.6  # pixel of a patch
RIM = 0.25  # share of a slice's border with one and the same value that makes it a rim
NEAR_MM = 40.0  # from the middle of what is seen; a rim further off matters little


def fill_rim(data: np.ndarray, spacing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Let edge values go on where an image was masked or padded with one value near the cord.

    Returns the image (X, Y, Z), filled, and where there is one, bool of the same shape.
    """
    filled, shown = data, np.ones(data.shape, bool)
    border = np.ones(data.shape[:2], bool)
    border[1:-1, 1:-1] = False
    for k in range(data.shape[2]):
        plane, seen = data[..., k], shown[..., k]
        values, counts = np.unique(plane[border], return_counts=True)
        if counts.max() < RIM * counts.sum():
            continue
        pieces, _ = ndimage.label(plane == values[counts.argmax()])
        seen[np.isin(pieces, np.setdiff1d(pieces[border], 0))] = False
        if seen.any() and _nearest_rim(seen, spacing) < NEAR_MM:
            nearest = ndimage.distance_transform_edt(
                ~seen, spacing[:2], return_distances=False, return_indices=True
            )
            filled = filled.copy() if filled is data else filled
            filled[..., k] = plane[tuple(nearest)]
    return filled, shown


def _nearest_rim(seen: np.ndarray, spacing: np.ndarray) -> float:
    """Distance of what is not seen in a slice from the middle of what is, mm."""
    middle = np.argwhere(seen).mean(axis=0)
    return float(np.hypot(*((np.argwhere(~seen) - middle) * spacing[:2]).T).min())


def cut_patches(
    data: np.ndarray,
    spacing: np.ndarray,
    center_mm: np.ndarray,
    size: int,
    *,
    mask: bool = False,
    slices: np.ndarray | None = None,
) -> np.ndarray:
    """Resample a square around a centre in each slice to `STEP_MM`: (S, size, size), float32.

    An image (X, Y, Z) is interpolated linearly and averaged over each new pixel, its edge values
    going on outside the field of view. A `mask` counts the area of its voxels in each new pixel, so
    that the sum keeps its meaning, and is 0 outside. `spacing` (3,) and `center_mm` (S, 2) are in
    mm; `slices` (S,) are all by default.
    """
    picked = data if slices is None else data[..., slices]
    planes = np.ascontiguousarray(np.moveaxis(picked, 2, 0), dtype=np.float32)
    ends = (np.arange(size + 1) - size / 2) * STEP_MM
    wx, wy = (
        _weights(n, (center_mm[:, axis, None] + ends) / mm, smooth=not mask, extend=not mask)
        for axis, (n, mm) in enumerate(zip(planes.shape[1:], spacing[:2], strict=True))
    )
    return _between(wx, planes, wy)


def paste_patches(
    patches: np.ndarray, shape: tuple[int, ...], spacing: np.ndarray, center_mm: np.ndarray
) -> np.ndarray:
    """Resample masks (Z, N, N), 0 at their edges, back onto the slices they were cut from.

    `spacing` and `center_mm` as given to `cut_patches`. Returns float32 of `shape` (X, Y, Z); the
    sum times the area of a pixel is kept.
    """
    size = patches.shape[1]
    wx, wy = (
        _weights(
            size,
            ((np.arange(shape[axis] + 1) - 0.5) * spacing[axis] - center_mm[:, axis, None])
            / STEP_MM
            + (size - 1) / 2,
            smooth=True,
        )
        for axis in (0, 1)
    )
    return np.ascontiguousarray(np.moveaxis(_between(wx, patches, wy), 0, 2))


def _between(wx: np.ndarray, planes: np.ndarray, wy: np.ndarray) -> np.ndarray:
    """Weights along both axes, in torch: numpy starts and stops its threads for every plane."""
    left, middle, right = (torch.from_numpy(np.ascontiguousarray(a)) for a in (wx, planes, wy))
    return torch.bmm(torch.bmm(left, middle), right.transpose(1, 2)).numpy()


def _weights(n: int, ends: np.ndarray, *, smooth: bool, extend: bool = False) -> np.ndarray:
    """Mean of each basis function of `n` samples over the intervals between `ends`, (S, M, n).

    `ends` (S, M + 1) are the borders of the M new pixels in samples (0 is the centre of the first).
    The basis is hats (`smooth`: linear interpolation), of which the first and the last may `extend`
    for ever, or boxes: each sample fills its cell.
    """
    integral = (ends[..., None] - np.arange(n)).astype(np.float32)
    first, last = integral[..., 0].copy(), integral[..., -1].copy()
    if smooth:
        np.clip(integral, -1, 1, out=integral)
        integral -= np.abs(integral) * integral / 2
    else:
        np.clip(integral, -0.5, 0.5, out=integral)
    if extend:
        np.copyto(integral[..., 0], first, where=first < 0)
        np.copyto(integral[..., -1], last, where=last > 0)
    return np.diff(integral, axis=1) / np.diff(ends, axis=1)[..., None].astype(np.float32)
