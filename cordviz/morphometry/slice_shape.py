"""Shape of 2-D slices on a 0.1 mm grid: ellipse, convexity and AP diameter, many slices at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .ap_lengths import PADDING, PIXEL_MM, ap_sct, ap_true
from .convexity import solidity

NEAR_ZERO = 1e-6
CHUNK_PIXELS = 400_000

COLUMNS = (
    "sum_mm2",
    "diameter_AP_mm",
    "diameter_AP_ellipse_mm",
    "diameter_RL_mm",
    "length_anterior_mm",
    "length_posterior_mm",
    "eccentricity",
    "orientation_deg",
    "solidity",
)


@dataclass(frozen=True)
class Stack:
    """Slices with mask, cropped in plane, in LAS order."""

    values: np.ndarray  # float, (n, X, Y): X towards the left, Y towards the front
    origin: tuple[int, int]  # of values[:, 0, 0] in the whole slice, pixels
    shape: tuple[int, int]  # of the whole slice, pixels
    pixel_mm: tuple[float, float]  # along X and Y


def measure_sct(stack: Stack, scale: np.ndarray) -> dict[str, np.ndarray]:
    """Shape of the slices by the arithmetic of SCT's ``sct_process_segmentation`` (7.4).

    Each slice is warped about pixel (0, 0) by `scale` with linear interpolation, min–max
    normalised, cropped to its bounding box plus 3, and zoomed to round(n · p / 0.1) pixels that
    count as 0.1 mm.
    """
    size = (stack.values.shape[1], stack.values.shape[2])
    offset, sides, matrices = [], [], []
    for axis in (0, 1):
        factor = scale[:, axis]
        first = int(np.floor(stack.origin[axis] * factor.min()))
        last = int(np.ceil((stack.origin[axis] + size[axis]) * factor.max()))
        last = min(last, stack.shape[axis] - 1)
        position = np.arange(first, last + 1) / factor[:, None] - stack.origin[axis]
        bounds = np.zeros_like(factor, int), np.full_like(factor, size[axis], int)
        matrices.append(_linear(position, size[axis], *bounds))
        offset.append(first)
        sides.append(last + 1 - first)
    warped = matrices[0] @ stack.values @ matrices[1].transpose(0, 2, 1)
    low = warped.min(axis=(1, 2), keepdims=True) if size == stack.shape else 0.0
    high = warped.max(axis=(1, 2), keepdims=True)
    with np.errstate(invalid="ignore"):  # a constant slice is 0/0: it has no outline
        values = np.nan_to_num((warped - low) / (high - low))
    moved = Stack(values, (offset[0], offset[1]), stack.shape, stack.pixel_mm)
    return measure_true(moved, np.ones_like(scale), sct=True)


def _fine_grid(stack: Stack, scale: np.ndarray, above: np.ndarray, *, sct: bool) -> np.ndarray:
    """Fine pixels around what is `above` the threshold in each slice, shape (5, 2 axes, n).

    In pixels of the slice: the part that is interpolated, [low, high); the outer edge of the first
    fine pixel, the size of all, and their number.
    """
    low, high, start, step, count = grid = np.zeros((5, 2, len(above)))
    padding = PADDING if sct else 1  # interpolation reaches one pixel beyond what is > 0.5
    for axis in (0, 1):
        hit = np.asarray(above.any(axis=2 - axis))
        first = hit.argmax(axis=1) - padding
        last = hit.shape[1] - hit[:, ::-1].argmax(axis=1) + padding
        low[axis] = np.maximum(first, -stack.origin[axis])  # never beyond the image
        high[axis] = np.minimum(last, stack.shape[axis] - stack.origin[axis])
        extent = high[axis] - low[axis]
        zoom = stack.pixel_mm[axis] / PIXEL_MM * scale[:, axis]
        count[axis] = np.rint(extent * zoom) if sct else np.ceil(extent * zoom)
        step[axis] = extent / count[axis] if sct else 1 / zoom
        # the fine grid lies in the middle of the box, so that a mirror image gives the same
        start[axis] = low[axis] + (extent - count[axis] * step[axis]) / 2
    return grid


def _matrices(grid: np.ndarray, pixels: int) -> np.ndarray:
    """Interpolate slices along the axis of a grid (5, n): matrices (n, largest number, pixels)."""
    low, high, start, step, count = grid
    number = np.arange(count.max())
    position = start[:, None] + (number + 0.5) * step[:, None] - 0.5
    position[number >= count[:, None]] = -10  # beyond the end of this slice
    return _linear(position, pixels, low, high)


def measure_true(stack: Stack, scale: np.ndarray, *, sct: bool = False) -> dict[str, np.ndarray]:
    """Shape of the slices as they stand, or as `sct` has made them.

    Each slice is interpolated linearly onto 0.1 mm pixels after scaling its axes by `scale` (n, 2),
    which turns slice distances into distances across the cord. No value is normalised: a soft slice
    that never exceeds 0.5 has no shape (NaN).
    """
    values = stack.values
    result = {name: np.full(len(values), np.nan) for name in COLUMNS}
    above = np.greater(values, NEAR_ZERO if sct else 0.5)
    grid = _fine_grid(stack, scale, above, sct=sct)
    hulls = []
    for chunk in _chunks(np.flatnonzero(above.any(axis=(1, 2))), grid[4]):
        along_x, along_y = (
            _matrices(grid[:, axis, chunk], values.shape[1 + axis]) for axis in (0, 1)
        )
        fine = (along_y @ (along_x @ values[chunk]).transpose(0, 2, 1)).transpose(0, 2, 1)
        outline, region = _region(fine, sct=sct)
        hulls.append((chunk, outline, region["pixels"]))
        if sct:
            result["sum_mm2"][chunk] = fine.sum(axis=(1, 2)) * PIXEL_MM**2
        for name in ("eccentricity", "orientation_deg"):
            result[name][chunk] = region[name]
        upright = np.abs(region["orientation_deg"]) < 45
        minor, major = region["minor"] * PIXEL_MM, region["major"] * PIXEL_MM
        result["diameter_AP_ellipse_mm"][chunk] = np.where(upright, minor, major)
        result["diameter_RL_mm"][chunk] = np.where(upright, major, minor)
        start, step, count = grid[2:, :, chunk]
        if sct:
            lengths = ap_sct(fine, count.astype(int).T, region)
        else:
            lengths = ap_true(values[chunk], start, step, count, region)
        result["length_anterior_mm"][chunk], result["length_posterior_mm"][chunk] = lengths
    result["diameter_AP_mm"] = result["length_anterior_mm"] + result["length_posterior_mm"]
    if hulls:
        chunks, outlines, pixels = zip(*hulls, strict=True)
        result["solidity"][np.concatenate(chunks)] = solidity(outlines, np.concatenate(pixels))
    return result


def _chunks(indices: np.ndarray, count: np.ndarray) -> Iterator[np.ndarray]:
    """Runs of slices whose fine grids fit in a small memory together."""
    if len(indices) == 0:
        return
    pixels = int(count[0, indices].max() * count[1, indices].max())
    size = max(1, CHUNK_PIXELS // max(pixels, 1))
    for start in range(0, len(indices), size):
        yield indices[start : start + size]


def _linear(position: np.ndarray, pixels: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Matrices that interpolate linearly along one axis, zero outside [low, high).

    position : (n, K) sample positions in pixels → (n, K, pixels).
    """
    n, k = position.shape
    floor = np.floor(position)
    matrix = np.zeros((n, k, pixels + 2))  # one spare pixel at each side takes what falls outside
    row = np.arange(n * k).reshape(n, k) * (pixels + 2)
    for tap, weight in ((floor, floor + 1 - position), (floor + 1, position - floor)):
        inside = (tap >= np.maximum(low, 0)[:, None]) & (tap < np.minimum(high, pixels)[:, None])
        column = np.where(inside, tap + 1, 0).astype(np.intp)
        matrix.ravel()[row + column] = np.where(inside, weight, 0)
    return matrix[:, :, 1:-1]


def _region(fine: np.ndarray, *, sct: bool) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Ends of each row of the > 0.5 region, and its moments (conventions of scikit-image)."""
    _, rows, columns = fine.shape
    inside = fine > 0.5
    c = np.arange(columns, dtype=float)
    r = np.arange(rows, dtype=float)
    exact = "f4" if columns < 350 else "f8"  # sums of columns² are whole numbers
    powers = np.stack([np.ones(columns), c, c**2], axis=1)
    by_row = np.matmul(inside.astype(exact), powers.astype(exact)).astype(float)
    m00, m01, m02 = by_row.sum(axis=1).T
    m10, m20 = by_row[..., 0] @ r, by_row[..., 0] @ r**2
    m11 = by_row[..., 1] @ r
    with np.errstate(invalid="ignore", divide="ignore"):  # no pixel above 0.5: NaN throughout
        row, column = m10 / m00, m01 / m00
        # sums of whole numbers are exact, so a round region has exactly equal variances
        var_r, var_c = (m20 * m00 - m10**2) / m00**2, (m02 * m00 - m01**2) / m00**2
        covariance = (m11 * m00 - m10 * m01) / m00**2
        mean, spread = (var_r + var_c) / 2, np.hypot((var_r - var_c) / 2, covariance)
        major, minor = mean + spread, np.maximum(mean - spread, 0)
        eccentricity = np.sqrt(1 - minor / major)
    angle = 0.5 * np.arctan2(2 * covariance, var_r - var_c)  # of the long axis, from X to Y
    if sct:  # scikit-image's choice for a round region
        angle[(var_r == var_c) & (covariance <= 0)] = -np.pi / 4
    empty = by_row[..., 0] == 0
    outline = np.stack([inside.argmax(axis=2), inside[..., ::-1].argmax(axis=2)]).astype(float)
    outline[:, empty] = np.inf  # columns before the first and after the last pixel of a row
    outline[1] = outline[1] - (columns - 1)  # as minus the last column: both are lower bounds
    return outline, {
        "pixels": m00,
        "row": row,
        "column": column,
        "major": 4 * np.sqrt(major),
        "minor": 4 * np.sqrt(minor),
        "eccentricity": np.where(major > 0, eccentricity, 0.0),
        "orientation_deg": np.degrees(angle),
    }
