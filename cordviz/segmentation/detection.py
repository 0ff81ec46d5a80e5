"""Find the cord: where it runs and how large it is there, from edges, symmetry and continuity.

Arrays are in RAS order, shape (X, Y, Z) = (right, anterior, superior); positions in a slice are in
mm from the centre of voxel (0, 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import ndimage

from .ellipses import STEP_MM, fit_ellipses, local_sd

STRIDE = 2  # candidate centres lie on every second grid point
SLAB_MM = 3.0  # thin slices are averaged to slabs of about this height
DIRECTIONS = 16
MARGIN = 18  # grid points around the slab that an edge search may reach into

# How much each sign of a cord counts. Fitted (conditional logit over all positions of a slice, L2
# penalty) on half of the development images and rounded; the other half is the check.
INNER_EDGE, OUTER_EDGE, ROUGHNESS, SYMMETRY, MIDLINE = 16.0, 14.0, -13.0, 8.0, -1.0
# Brightness along the neck: vertebrae alternate with discs, the cord goes on. Set on simulated
# MT-off images (seeds above 1,000,000), where vertebral bodies look most like a cord.
CHANGE, CHANGE_MM, CORD_CHANGE = -18.0, 15.0, 0.09
# Brightness over what lies within 2 cm, above the darkest of the image: 0.5 and more of cords, also
# with inverted grey values, 0.4 and less of airways. Set on simulated MT-off images (same seeds).
DARK, DARKNESS = -8.0, (0.25, 0.5)  # from all of it to none

# Elliptical shells in which the two edges are sought: (RL, AP) semi-axes in mm, smallest, largest.
CORD_SHELL = ((4.0, 2.6), (8.0, 5.8))
CANAL_SHELL = ((7.0, 5.0), (15.0, 11.0))


@dataclass(frozen=True)
class Tube:
    """A cord as one ellipse per slice.

    Attributes
    ----------
    center_mm : ndarray of shape (Z, 2)
        Centre (x, y) in each slice, mm.
    axes_mm : ndarray of shape (Z, 2)
        Semi-axes along RL and AP, mm.
    cordness : ndarray of shape (Z,)
        Score of the path in each slice (no unit): medians 11 to 27 on the development images, 1 to
        10 in noise.
    margin : float
        Median cordness along the path over that of the best path of the other polarity (no unit).
        On real images the right polarity gives +2 to +13; below −2 the contrast is likely wrong.
    """

    center_mm: np.ndarray
    axes_mm: np.ndarray
    cordness: np.ndarray
    margin: float


def find_cord(
    data: np.ndarray,
    spacing: np.ndarray,
    *,
    bright: bool,
    hints: np.ndarray | None = None,
) -> Tube:
    """Find the cord in all slices at once.

    Every position of every slab gets a cordness: edges of the right polarity all around at cord
    size, edges of the other polarity at canal size, a smooth interior and left-right symmetry.
    The best smooth path through the slabs (Viterbi) is the centreline, along which ellipses are
    fitted.

    Parameters
    ----------
    data : ndarray of shape (X, Y, Z)
        Image in RAS order.
    spacing : ndarray of shape (3,)
        Voxel size in mm.
    bright : bool
        Whether the cord is brighter than what surrounds it.
    hints : ndarray of shape (Z, 2), optional
        Known centres in mm, NaN where unknown; the path keeps within about 3 mm of them.

    Returns
    -------
    Tube
    """
    slabs, at = make_slabs(data, spacing)
    height = float(np.median(np.diff(at)) * spacing[2]) if len(at) > 1 else float(spacing[2])
    score = _cordness(slabs, bright, height)
    if hints is not None:
        score = _pull_to(score, at, hints)
    path = best_path(score, height)
    step = max(1, len(slabs) // 12)
    other = _cordness(slabs[::step], not bright, height * step)
    along = values_along(score, path)
    against = values_along(other, best_path(other, height * step))
    center = path * float(STEP_MM * STRIDE)
    if height < 4:
        center = ndimage.gaussian_filter1d(center, 4 / height, axis=0, mode="nearest")
    center, axes = fit_ellipses(slabs, center, bright=bright, slab_mm=height)
    slices = np.arange(data.shape[2])
    center, axes = (
        np.stack([np.interp(slices, at, v[:, a]) for a in (0, 1)], 1) for v in (center, axes)
    )
    if spacing[2] < 2.5:
        center, axes = (
            ndimage.gaussian_filter1d(v, 3 / spacing[2], axis=0, mode="nearest")
            for v in (center, axes)
        )
    margin = float(np.median(along) - np.median(against))
    return Tube(center, axes, np.interp(slices, at, along), margin)


def make_slabs(
    data: np.ndarray, spacing: np.ndarray, *, levels: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Average thin slices to slabs and resample them to the in-plane grid.

    Parameters
    ----------
    data : ndarray of shape (X, Y, Z)
    spacing : ndarray of shape (3,)
        Voxel size in mm.
    levels : int, optional
        About so many slabs, evenly spread, are enough.

    Returns
    -------
    slabs : ndarray of shape (S, X', Y')
    at : ndarray of shape (S,)
        Slice coordinate of each slab's centre.
    """
    per_slab = max(1, round(SLAB_MM / spacing[2]))
    edges = np.linspace(0, data.shape[2], max(1, data.shape[2] // per_slab) + 1).round().astype(int)
    slabs = np.add.reduceat(data, edges[:-1], axis=2, dtype=np.float32) / np.diff(edges)
    some = slice(None, None, max(1, slabs.shape[2] // levels) if levels else 1)
    slabs, at = slabs[..., some], ((edges[:-1] + edges[1:] - 1) / 2)[some]
    finer = [0.42 * STEP_MM / s if s < STEP_MM else 0.0 for s in spacing[:2]]
    slabs = ndimage.gaussian_filter(slabs, (*finer, 0), mode="nearest")
    shape = [int((n - 1) * s / STEP_MM) + 1 for n, s in zip(slabs.shape, spacing[:2], strict=False)]
    slabs = ndimage.affine_transform(
        slabs.transpose(2, 0, 1),
        np.array([1, STEP_MM / spacing[0], STEP_MM / spacing[1]]),
        output_shape=(slabs.shape[2], *shape),
        order=1,
        mode="nearest",
    )
    return slabs, at


def _cordness(slabs: np.ndarray, bright: bool, slab_mm: float) -> np.ndarray:
    (score,), dark = cordness(slabs, bright=(bright,), slab_mm=slab_mm)
    return score + DARK * dark


def cordness(
    slabs: np.ndarray, *, bright: tuple[bool, ...], slab_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Score how much each position looks like the centre of a cord.

    Parameters
    ----------
    slabs : ndarray of shape (S, X, Y)
    bright : tuple of P bool
        Whether the cord is brighter than what surrounds it; both cost little more than one.
    slab_mm : float
        Distance between slabs.

    Returns
    -------
    score : ndarray of shape (P, S, ceil(X / STRIDE), ceil(Y / STRIDE))
    dark : ndarray of shape (S, ceil(X / STRIDE), ceil(Y / STRIDE))
        1 where it is as dark as an airway, 0 where no doubt is: not in the score yet.
    """
    few = range(0, len(slabs), 2)  # more of a large image leave the processor's cache
    air = np.percentile(slabs, 1)
    parts = [_in_slabs(slabs[k : k + 2], bright, air) for k in few]
    score = np.concatenate([part[0] for part in parts], axis=1)
    inside, seen = (np.concatenate([part[k] for part in parts]) for k in (1, 2))
    dark = np.interp(seen, DARKNESS, (1, 0))
    if slab_mm > CHANGE_MM / 2 or len(slabs) < 3:
        return score + CHANGE * CORD_CHANGE, dark
    window = max(3, 2 * round(CHANGE_MM / slab_mm / 2) + 1)
    mean, square = (
        ndimage.uniform_filter1d(v, window, axis=0, mode="nearest") for v in (inside, inside**2)
    )
    return score + CHANGE * np.sqrt(np.maximum(square - mean**2, 0)), dark


def _in_slabs(
    slabs: np.ndarray, bright: tuple[bool, ...], air: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Score of each slab by itself, per polarity.

    And its brightness at the scale of the cord, in SDs from what is around and over that.
    """
    nx, ny = slabs.shape[1:]
    local, around = _normalise(slabs)
    pad = ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN))
    gx, gy = (np.pad(np.gradient(local, axis=a), pad) for a in (1, 2))

    def edges(rise: np.ndarray, offsets: set[tuple[int, int]], side: int) -> list[np.ndarray]:
        """Steepest rise and fall at some offsets from each centre, on this or the other side."""
        starts = ((MARGIN + side * dx, MARGIN + side * dy) for dx, dy in offsets)
        near = np.stack([rise[:, x : x + nx : STRIDE, y : y + ny : STRIDE] for x, y in starts])
        return [np.clip(best, -0.1, 1) for best in (near.max(axis=0), -near.min(axis=0))]

    inner: list[list[np.ndarray]] = [[] for _ in bright]
    outer: list[list[np.ndarray]] = [[] for _ in bright]
    for angle in 2 * np.pi * np.arange(DIRECTIONS // 2) / DIRECTIONS:
        ray = (np.cos(angle), np.sin(angle))
        rise = gx * ray[0] + gy * ray[1]
        for side in (1, -1):
            cord, canal = (edges(rise, _ray(ray, *at), side) for at in (CORD_SHELL, CANAL_SHELL))
            for k, is_bright in enumerate(bright):
                falls = is_bright == (side > 0)  # seen from the other side, what rises falls
                inner[k].append(cord[falls])
                outer[k].append(canal[not falls])
    steep = np.hypot(gx, gy)[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    rough = ndimage.gaussian_filter(steep, (0, 2, 1.5), mode="nearest", truncate=2.5)
    off_midline = (np.arange(nx) - (nx - 1) / 2)[None, ::STRIDE, None] * STEP_MM / 50
    either = (
        ROUGHNESS * rough[:, ::STRIDE, ::STRIDE]
        + SYMMETRY * _symmetry(local)
        + MIDLINE * off_midline**2
    )
    weaker = np.sort(inner, axis=1)[:, : DIRECTIONS // 2]  # half: closed all around
    score = INNER_EDGE * weaker.mean(axis=1) + OUTER_EDGE * np.mean(outer, axis=1) + either
    inside, seen = (
        ndimage.gaussian_filter(a, (0, 2, 1.5), mode="nearest", truncate=2.5)[:, ::STRIDE, ::STRIDE]
        for a in (local, slabs - air)
    )
    return score, inside, seen / np.maximum(around[:, ::STRIDE, ::STRIDE] - air, 1e-6)


def best_path(score: np.ndarray, slab_mm: float) -> np.ndarray:
    """Best smooth path through the slabs (Viterbi), shape (S, 2), in indices of `score`."""
    grid = STEP_MM * STRIDE
    reach = int(np.clip(np.ceil(slab_mm / grid), 2, 12))  # up to 45° of tilt
    stiffness = 0.3 * grid**2 / slab_mm
    # thin slabs are not independent: their evidence counts by height
    weighted = score * min(slab_mm / SLAB_MM, 1.0)
    total, back = weighted[0], []
    for slab in weighted[1:]:
        total, along_y = _parabolic_max(total, stiffness, reach, axis=1)
        total, along_x = _parabolic_max(total, stiffness, reach, axis=0)
        back.append((along_x, along_y))
        total = total + slab
    x, y = np.unravel_index(int(total.argmax()), total.shape)
    path = [(x, y)]
    for along_x, along_y in reversed(back):
        x = x + along_x[x, y]
        y = y + along_y[x, y]
        path.append((x, y))
    return np.array(path[::-1])


def values_along(score: np.ndarray, path: np.ndarray) -> np.ndarray:
    """Score of a path in each slab, shape (S,)."""
    return score[np.arange(len(path)), path[:, 0], path[:, 1]]


def _normalise(slabs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Remove the local mean and scale, so that coil shading does not decide; and that mean."""
    smooth = ndimage.gaussian_filter(slabs, (0, 0.7, 0.7), mode="nearest")
    scatter = local_sd(smooth, 10.0)
    floor = 0.15 * np.percentile(scatter, 90, axis=(1, 2), keepdims=True)
    mean = ndimage.gaussian_filter(smooth, (0, 10, 10), mode="nearest", truncate=2)
    return (smooth - mean) / (scatter + floor + 1e-6), mean


@cache
def _ray(
    direction: tuple[float, float], small: tuple[float, float], large: tuple[float, float]
) -> set[tuple[int, int]]:
    """Grid offsets along a direction between two ellipses."""
    cos, sin = direction
    t = np.linspace(0, 1, 8)
    a, b = (small[i] + t * (large[i] - small[i]) for i in (0, 1))
    radius = a * b / np.hypot(b * cos, a * sin) / STEP_MM
    return {(round(r * cos), round(r * sin)) for r in radius}


def _symmetry(local: np.ndarray) -> np.ndarray:
    """Correlation of the 26 × 21 mm around each `STRIDE`th position with their mirror image."""
    nx = local.shape[1]
    padded = np.pad(local, ((0, 0), (14, 14), (0, 0)))
    product, power = np.zeros_like(local[:, ::STRIDE]), np.full_like(local[:, ::STRIDE], 1e-3)
    for d in range(1, 14):
        right, left = (padded[:, 14 + k : 14 + k + nx : STRIDE] for k in (d, -d))
        product += right * left
        power += (right * right + left * left) / 2
    product, power = (
        ndimage.uniform_filter1d(v, 21, axis=2, mode="constant") for v in (product, power)
    )
    return (product / power)[..., ::STRIDE]


def _pull_to(score: np.ndarray, at: np.ndarray, hints: np.ndarray) -> np.ndarray:
    """Forbid positions far from the hinted centre of the nearest slice."""
    known = np.flatnonzero(np.isfinite(hints).all(axis=1))
    score = score.copy()
    gx, gy = np.ogrid[: score.shape[1], : score.shape[2]]
    nearest = np.abs(at[:, None] - known).argmin(axis=0)
    for slab in np.unique(nearest):
        x, y = hints[known[nearest == slab]].mean(axis=0) / (STEP_MM * STRIDE)
        distance = np.hypot(gx - x, gy - y) * STEP_MM * STRIDE
        score[slab] -= 10 * np.maximum(distance - 3, 0) ** 2
    return score


def _parabolic_max(
    score: np.ndarray, stiffness: float, reach: int, *, axis: int
) -> tuple[np.ndarray, np.ndarray]:
    """Maximum of score(x + d) − stiffness · d² over |d| ≤ reach, and the d that gives it."""
    values = np.moveaxis(score, axis, 0)
    best, where = values.copy(), np.zeros(values.shape, dtype=int)
    for d in range(1, min(reach, len(values) - 1) + 1):
        for step in (d, -d):
            to = slice(0, -d) if step > 0 else slice(d, None)
            come = slice(d, None) if step > 0 else slice(0, -d)
            candidate = values[come] - stiffness * d * d
            better = candidate > best[to]
            best[to][better] = candidate[better]
            where[to][better] = step
    return np.moveaxis(best, 0, axis), np.moveaxis(where, 0, axis)
