"""Anterior–posterior diameter of slices, in front of and behind the centroid."""

from __future__ import annotations

from typing import Any

import numpy as np

PIXEL_MM = 0.1  # of the fine image
PADDING = 3  # pixels that SCT leaves around the bounding box
AP_ROWS = 30  # the AP diameter is the mean over 3 mm


def ap_true(
    values: np.ndarray,
    start: np.ndarray,
    step: np.ndarray,
    count: np.ndarray,
    region: dict[str, np.ndarray],
) -> np.ndarray:
    """Lengths in front of and behind the centroid, means over ten lines 0.3 mm apart, (2, n).

    The lines are read from the slices themselves, with all of their soft edge.
    """
    deg = region["orientation_deg"]
    # a cord longer in AP than in RL keeps its AP axis: turn the short way
    angle = -np.radians(np.where(np.abs(deg) > 45, deg - 90 * np.sign(deg), deg))
    size = count + 2 * PADDING / step
    reach = size[0] * np.abs(np.sin(angle)) + size[1] * np.abs(np.cos(angle))
    half = int(np.ceil(np.nan_to_num(reach).max() / 2 + 1))
    line = (np.arange(AP_ROWS // 3) - (AP_ROWS // 3 - 1) / 2) * 3
    y, x = _turned(
        line,
        np.arange(-half, half) + 0.5,
        (region["row"][:, None, None], region["column"][:, None, None]),
        angle[:, None, None],
    )
    start, step = start[..., None, None], step[..., None, None]
    at_y, at_x = start[0] + (y + 0.5) * step[0] - 0.5, start[1] + (x + 0.5) * step[1] - 0.5
    profile = _bilinear(values, at_y, at_x).mean(axis=1) * PIXEL_MM
    lengths = np.stack([profile[:, half:].sum(axis=1), profile[:, :half].sum(axis=1)])
    return np.where(region["pixels"] > 0, lengths, np.nan)


def ap_sct(fine: np.ndarray, sizes: np.ndarray, region: dict[str, np.ndarray]) -> np.ndarray:
    """The same by SCT: in the turned fine image, around the centroid rounded to a pixel."""
    from scipy.ndimage import map_coordinates

    lengths = np.full((2, len(fine)), np.nan)
    for i in np.flatnonzero(region["pixels"] > 0):
        rows, columns = sizes[i]
        image = fine[i, :rows, :columns]
        centre = (region["row"][i], region["column"][i])
        angle = -np.radians(region["orientation_deg"][i])
        every_column = np.arange(columns) - centre[1]
        middle = np.array(centre)
        if abs(angle) * max(image.shape) > 1e-6:  # else nothing turns
            at = _turned(np.arange(rows) - centre[0], every_column, centre, angle)
            inside = np.nonzero(map_coordinates(image, at, order=1) > 0.5)
            middle = np.mean(inside, axis=1) if inside[0].size else middle
        row, split = np.rint(middle).astype(int)
        row = np.arange(max(row - AP_ROWS // 2, 0), min(row + AP_ROWS // 2, rows))
        at = _turned(row - centre[0], every_column, centre, angle)
        profile = map_coordinates(image, at, order=1).mean(axis=0) * PIXEL_MM
        lengths[:, i] = profile[split:].sum(), profile[:split].sum()
    return lengths


def _turned(row: Any, column: Any, centre: Any, angle: Any) -> tuple[np.ndarray, np.ndarray]:
    """Where pixels at these distances from the centre of a turned image come from."""
    y = centre[0] + row[:, None] * np.cos(angle) + column * np.sin(angle)
    x = centre[1] - row[:, None] * np.sin(angle) + column * np.cos(angle)
    return y, x


def _bilinear(values: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Interpolate slices (n, X, Y) linearly at pixels y, x of shape (n, …), zero outside."""
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)))
    n, rows, columns = padded.shape
    y = np.clip(np.nan_to_num(y) + 1, 0, rows - 1)
    x = np.clip(np.nan_to_num(x) + 1, 0, columns - 1)
    row = np.minimum(y.astype(np.intp), rows - 2)
    column = np.minimum(x.astype(np.intp), columns - 2)
    y, x = y - row, x - column
    flat = padded.ravel()
    corner = (np.arange(n).reshape(n, *[1] * (y.ndim - 1)) * rows + row) * columns + column
    upper = flat[corner] * (1 - x) + flat[corner + 1] * x
    corner += columns
    return upper * (1 - y) + (flat[corner] * (1 - x) + flat[corner + 1] * x) * y
