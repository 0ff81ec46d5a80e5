"""Shape of 2-D slices on a 0.1 mm grid: ellipse, convexity and AP diameter, many slices at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

PIXEL_MM = 0.1
PADDING = 3  # pixels around the bounding box
AP_ROWS = 30  # the AP diameter is the mean over 3 mm
NEAR_ZERO = 1e-6
CHUNK_PIXELS = 1_500_000

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
    """Slices with mask, cropped in plane.

    Attributes
    ----------
    values : ndarray of float, shape (n, X, Y)
        Slices in LAS order: X towards the left, Y towards the front.
    origin : tuple of int
        Position of values[:, 0, 0] in the whole slice, in pixels.
    shape : tuple of int
        Size of the whole slice in pixels.
    pixel_mm : tuple of float
        (px, py).
    """

    values: np.ndarray
    origin: tuple[int, int]
    shape: tuple[int, int]
    pixel_mm: tuple[float, float]


def measure_true(stack: Stack, scale: np.ndarray) -> dict[str, np.ndarray]:
    """Shape of the slices as they stand.

    Each slice is cropped to the bounding box of its > 0.5 pixels plus 3, and interpolated
    linearly onto 0.1 mm pixels after scaling its axes by `scale`. No value is normalised: a soft
    slice that never exceeds 0.5 has no shape (NaN).

    Parameters
    ----------
    stack : Stack
    scale : ndarray of shape (n, 2)
        Factor on X and Y that turns slice distances into distances across the cord.
    """
    return _measure(stack.values, stack, scale, sct=False)


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
    return _measure(values, moved, np.ones_like(scale), sct=True)


def _measure(
    values: np.ndarray, stack: Stack, scale: np.ndarray, *, sct: bool
) -> dict[str, np.ndarray]:
    result = {name: np.full(len(values), np.nan) for name in COLUMNS}
    low, high, start, step, count = np.zeros((5, 2, len(values)))
    above = np.greater(values, NEAR_ZERO if sct else 0.5)
    measurable = above.any(axis=(1, 2))
    for axis in (0, 1):
        hit = above.any(axis=2 - axis)
        first = hit.argmax(axis=1) - PADDING
        last = hit.shape[1] - hit[:, ::-1].argmax(axis=1) + PADDING
        low[axis] = np.maximum(first, -stack.origin[axis])  # never beyond the image
        high[axis] = np.minimum(last, stack.shape[axis] - stack.origin[axis])
        extent = high[axis] - low[axis]
        zoom = stack.pixel_mm[axis] / PIXEL_MM * scale[:, axis]
        count[axis] = np.rint(extent * zoom) if sct else np.ceil(extent * zoom)
        step[axis] = extent / count[axis] if sct else 1 / zoom
        # the fine grid lies in the middle of the box, so that a mirror image gives the same
        start[axis] = low[axis] + (extent - count[axis] * step[axis]) / 2
    hulls = []
    for chunk in _chunks(np.flatnonzero(measurable), count):
        fine = values[chunk]
        for axis in (0, 1):
            number = np.arange(count[axis, chunk].max())
            position = start[axis, chunk, None] + (number + 0.5) * step[axis, chunk, None] - 0.5
            position[number >= count[axis, chunk, None]] = -10  # beyond the end of this slice
            fine = _linear(
                position, values.shape[1 + axis], low[axis, chunk], high[axis, chunk]
            ) @ (fine if axis == 0 else fine.transpose(0, 2, 1))
            fine = fine if axis == 0 else fine.transpose(0, 2, 1)
        outline, region = _region(fine, sct=sct)
        hulls.append((chunk, outline, region["pixels"]))
        result["sum_mm2"][chunk] = fine.sum(axis=(1, 2)) * PIXEL_MM**2
        for name in ("eccentricity", "orientation_deg"):
            result[name][chunk] = region[name]
        upright = np.abs(region["orientation_deg"]) < 45
        axes = np.stack([region["minor"], region["major"]]) * PIXEL_MM
        result["diameter_AP_ellipse_mm"][chunk] = np.where(upright, axes[0], axes[1])
        result["diameter_RL_mm"][chunk] = np.where(upright, axes[1], axes[0])
        sizes = count[:, chunk].astype(int).T
        anterior, posterior = _ap_lengths(fine, sizes, region, sct=sct)
        result["length_anterior_mm"][chunk] = anterior
        result["length_posterior_mm"][chunk] = posterior
        result["diameter_AP_mm"][chunk] = anterior + posterior
    _fill_solidity(result["solidity"], hulls)
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
    by_row = inside.astype(float) @ np.stack([np.ones(columns), c, c**2], axis=1)
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


def _ap_lengths(
    fine: np.ndarray, sizes: np.ndarray, region: dict[str, np.ndarray], *, sct: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Anterior and posterior part of the AP diameter, after turning the long axis to RL."""
    from scipy.ndimage import map_coordinates

    lengths = np.full((2, len(fine)), np.nan)
    for i in np.flatnonzero(region["pixels"] > 0):
        rows, columns = sizes[i]
        image = fine[i, :rows, :columns]
        centre = np.array([region["row"][i], region["column"][i]])
        angle = region["orientation_deg"][i]
        if sct:
            turn = _Turn(image, centre, -np.radians(angle))
            middle = turn.centre_pixel()
            row = np.arange(middle[0] - AP_ROWS // 2, middle[0] + AP_ROWS // 2)
            row = row[(row >= 0) & (row < rows)] - centre[0]
            column, split = np.arange(columns) - centre[1], max(int(middle[1]), 0)
        else:
            # a cord longer in AP than in RL keeps its AP axis: turn the short way
            angle = angle - 90 * np.sign(angle) if abs(angle) > 45 else angle
            turn = _Turn(image, centre, -np.radians(angle))
            row = np.arange(AP_ROWS) - (AP_ROWS - 1) / 2
            cos, sin = np.abs([np.cos(turn.angle), np.sin(turn.angle)])
            split = int(np.ceil(rows * sin + columns * cos))
            column = np.arange(-split, split) + 0.5
        at_y, at_x = turn.coordinates(row, column)
        profile = map_coordinates(image, [at_y, at_x], order=1).mean(axis=0) * PIXEL_MM
        lengths[:, i] = profile[split:].sum(), profile[:split].sum()
    return lengths[0], lengths[1]


@dataclass(frozen=True)
class _Turn:
    """A slice turned by `angle` about `centre`."""

    image: np.ndarray
    centre: np.ndarray
    angle: float

    def coordinates(self, row: np.ndarray, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the turned pixels at these distances from the centre come from."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        y = self.centre[0] + row[:, None] * cos + column * sin
        x = self.centre[1] - row[:, None] * sin + column * cos
        return y, x

    def centre_pixel(self) -> np.ndarray:
        """Centroid of the turned > 0.5 region, rounded to a pixel."""
        if abs(self.angle) * max(self.image.shape) < 1e-6:  # nothing turns
            return np.rint(self.centre)
        from scipy.ndimage import map_coordinates

        rows, columns = self.image.shape
        at = self.coordinates(np.arange(rows) - self.centre[0], np.arange(columns) - self.centre[1])
        inside = map_coordinates(self.image, at, order=1) > 0.5
        if not inside.any():
            return np.rint(self.centre)
        y, x = np.nonzero(inside)
        return np.rint([y.mean(), x.mean()])


def _fill_solidity(
    solidity: np.ndarray, hulls: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
) -> None:
    """Pixels of the region over pixels in its convex hull, each pixel taken as a diamond."""
    if not hulls:
        return
    rows = max(outline.shape[2] for _, outline, _ in hulls)
    bounds = np.concatenate(
        [
            np.pad(o, ((0, 0), (0, 0), (0, rows - o.shape[2])), constant_values=np.inf)
            for _, o, _ in hulls
        ],
        axis=1,
    )
    flat = _lower_hull(bounds.reshape(-1, rows))
    # Hull of the pixel centres ⊕ a diamond of half a pixel: on a whole row the widest of half a
    # pixel sideways and half way to the rows before and after.
    between = (flat[:, 1:] + flat[:, :-1]) / 2
    wide = flat - 0.5
    wide[:, 1:] = np.minimum(wide[:, 1:], between)
    wide[:, :-1] = np.minimum(wide[:, :-1], between)
    left, right = np.ceil(wide - 1e-9).reshape(2, -1, rows)
    with np.errstate(invalid="ignore"):
        width = np.nan_to_num(1 - left - right, posinf=0, neginf=0)
    area = np.maximum(width, 0).sum(axis=1)
    pixels = np.concatenate([p for _, _, p in hulls])
    with np.errstate(invalid="ignore", divide="ignore"):
        solidity[np.concatenate([chunk for chunk, _, _ in hulls])] = pixels / area


def _lower_hull(v: np.ndarray) -> np.ndarray:
    """Largest convex function below each row of `v`, shape (m, R); inf marks what is absent.

    Gift wrapping, all rows at once: from each vertex to the one that it sees at the lowest slope.
    """
    size = v.shape[1]
    hull = np.full_like(v, np.inf)
    finite = np.isfinite(v)
    at = finite.argmax(axis=1)
    end = size - 1 - finite[:, ::-1].argmax(axis=1)
    todo = np.flatnonzero(finite.any(axis=1))
    hull[todo, at[todo]] = v[todo, at[todo]]
    index = np.arange(size)
    while (todo := todo[at[todo] < end[todo]]).size:
        here = at[todo, None]
        value = v[todo, at[todo]][:, None]
        ahead = index - here
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = np.where(ahead > 0, (v[todo] - value) / ahead, np.inf)
        best = slope.min(axis=1, keepdims=True)
        reach = size - 1 - (slope == best)[:, ::-1].argmax(axis=1)  # ties: the farthest
        on_edge = (ahead > 0) & (index <= reach[:, None])
        hull[todo] = np.where(on_edge, value + best * ahead, hull[todo])
        at[todo] = reach
    return hull
