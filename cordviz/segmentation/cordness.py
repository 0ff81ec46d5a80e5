"""Score how much each position of a slab looks like the centre of a cord."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import ndimage

from .ellipses import STEP_MM, local_sd

STRIDE = 2  # candidate centres lie on every second grid point
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


def cordness(
    slabs: np.ndarray, *, bright: tuple[bool, ...], slab_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Score each position of slabs (S, X, Y) that lie `slab_mm` apart.

    Edges of the right polarity all around at cord size, edges of the other polarity at canal
    size, a smooth interior and left-right symmetry. `bright` says, for each of P polarities,
    whether the cord is brighter than what surrounds it; both cost little more than one.

    Returns the score, (P, S, ceil(X / STRIDE), ceil(Y / STRIDE)), and for each position of each
    slab 1 where it is as dark as an airway, 0 where no doubt is: not in the score yet.
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
