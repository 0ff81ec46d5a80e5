"""Find the cord: where it runs and how large it is there, from edges, symmetry and continuity.

Arrays are in RAS order, shape (X, Y, Z) = (right, anterior, superior); positions in a slice are in
mm from the centre of voxel (0, 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .cordness import DARK, STRIDE, cordness
from .ellipses import STEP_MM, fit_ellipses

SLAB_MM = 3.0  # thin slices are averaged to slabs of about this height


@dataclass(frozen=True)
class Tube:
    """A cord as one ellipse per slice."""

    center_mm: np.ndarray  # (Z, 2): x and y
    axes_mm: np.ndarray  # (Z, 2): semi-axes along RL and AP
    #: Score of the path in each slice, shape (Z,), no unit: medians 11 to 27 on the development
    #: images, 1 to 10 in noise.
    cordness: np.ndarray
    #: Median cordness along the path over that of the best path of the other polarity. On real
    #: images the right polarity gives +2 to +13; below −2 the contrast is likely wrong.
    margin: float


def find_cord(
    data: np.ndarray, spacing: np.ndarray, *, bright: bool, hints: np.ndarray | None = None
) -> Tube:
    """Find the cord in all slices at once.

    Every position of every slab gets a `cordness`. The best smooth path through the slabs
    (Viterbi) is the centreline, along which ellipses are fitted. `data` has shape (X, Y, Z),
    `spacing` (3,) is in mm; `bright` is the cord against what surrounds it; `hints` of shape
    (Z, 2) are known centres in mm, NaN where unknown: the path keeps within about 3 mm of them.
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
    """Average thin slices to slabs (S, X', Y') on the in-plane grid, about `levels` of them if
    fewer are enough; and the slice coordinate of each slab's centre, (S,).
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
