"""Fit one upright ellipse per slab to the cord's edge by exhaustive search."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

STEP_MM = 1.0  # in-plane grid of the slabs

#: Mean and spread of the semi-axes (RL, AP) in mm; cervical norms widened for the thoracic cord.
TYPICAL_AXES, AXES_SPREAD = (5.9, 3.9), (1.0, 0.6)


def fit_ellipses(
    slabs: np.ndarray, center: np.ndarray, *, bright: bool, slab_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit an upright ellipse to each slab (S, X, Y) by exhaustive search near a start (S, 2) in mm.

    Returns centres and semi-axes (RL, AP), both of shape (S, 2), mm.
    """
    n, nx, ny = slabs.shape
    start = np.clip(np.rint(center / STEP_MM), 0, (nx - 1, ny - 1)).astype(int)
    smooth = ndimage.gaussian_filter(slabs, (0, 0.6, 0.6), mode="nearest")
    scatter = ndimage.uniform_filter(local_sd(smooth, 6.0), (0, 9, 9), mode="nearest")
    scatter = scatter[np.arange(n), start[:, 0], start[:, 1]]
    scatter = np.maximum(scatter, max(0.25 * np.median(scatter), 1e-6))
    sign = -1.0 if bright else 1.0
    gx, gy = (sign * np.gradient(smooth, axis=a) / scatter[:, None, None] for a in (1, 2))

    shift = np.arange(-3, 3.01)
    a, b, dx, dy = (
        grid.ravel()
        for grid in np.meshgrid(
            np.arange(4.0, 8.01, 0.5), np.arange(2.75, 5.76, 0.5), shift, shift, indexing="ij"
        )
    )
    a, b, dx, dy = (v[(a > b) & (a < 2.2 * b)][:, None] for v in (a, b, dx, dy))
    unlikely = ((a - TYPICAL_AXES[0]) / AXES_SPREAD[0]) ** 2 + (
        (b - TYPICAL_AXES[1]) / AXES_SPREAD[1]
    ) ** 2
    prior = -(0.03 * unlikely + 0.005 * (dx**2 + dy**2))[:, 0]
    angles = 2 * np.pi * np.arange(32) / 32
    cos, sin = np.cos(angles), np.sin(angles)
    normal = np.stack([cos / a, sin / b])
    normal /= np.linalg.norm(normal, axis=0)

    def slope(k: int, fraction: float) -> np.ndarray:
        i = np.clip(np.rint(start[k, 0] + dx + fraction * a * cos), 0, nx - 1).astype(int)
        j = np.clip(np.rint(start[k, 1] + dy + fraction * b * sin), 0, ny - 1).astype(int)
        return gx[k][i, j] * normal[0] + gy[k][i, j] * normal[1]

    score = np.empty((n, len(a)), dtype=np.float32)
    for k in range(n):
        inside = np.max([np.abs(slope(k, f)) for f in (0.4, 0.6, 0.75)], axis=0)
        on_edge = np.clip(slope(k, 1.0), -0.2, 1).mean(axis=1)
        score[k] = on_edge - 0.5 * np.minimum(inside, 1).mean(axis=1) + prior
    if slab_mm < 12:  # neighbours see the same cord
        score = ndimage.gaussian_filter1d(score, 4 / slab_mm, axis=0, mode="nearest")
    best = score.argmax(axis=1)
    shifted = start + np.stack([dx[best, 0], dy[best, 0]], 1)
    return shifted * STEP_MM, np.stack([a[best, 0], b[best, 0]], 1)


def local_sd(slabs: np.ndarray, sigma: float) -> np.ndarray:
    """Standard deviation within a Gaussian neighbourhood of `sigma` grid points, in plane."""
    blur = (0, sigma, sigma)
    mean = ndimage.gaussian_filter(slabs, blur, mode="nearest", truncate=2.5)
    square = ndimage.gaussian_filter(slabs * slabs, blur, mode="nearest", truncate=2.5)
    return np.sqrt(np.maximum(square - mean * mean, 0))
