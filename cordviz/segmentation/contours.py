"""Closed contours in polar coordinates: sample along rays, find the cheapest, fill.

A contour is its distance in mm from a centre at each of `ANGLES`; all slices are treated at once.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import ndimage

ANGLES = 2 * np.pi * np.arange(48) / 48
STEP_MM = 0.25  # radial step of the contour search
STIFFNESS = 2.0  # cost of a step between neighbouring angles, 1/mm²
REACH = 3  # radial steps between them, at most
SAMPLES = 5  # points along each side of a voxel
HARMONICS = 6  # of a smooth contour


def along_rays(
    data: np.ndarray, spacing: np.ndarray, center: np.ndarray, radius: np.ndarray
) -> np.ndarray:
    """Linear interpolation at distances `radius` (Z, 48, R) in mm from the centres (Z, 2)."""
    x = (center[:, 0, None, None] + radius * np.cos(ANGLES)[:, None]) / spacing[0]
    y = (center[:, 1, None, None] + radius * np.sin(ANGLES)[:, None]) / spacing[1]
    z = np.broadcast_to(np.arange(len(center))[:, None, None], x.shape)
    return ndimage.map_coordinates(data, [x, y, z], order=1, mode="nearest", output=np.float32)


def area_fraction(
    shape: tuple[int, ...],
    spacing: np.ndarray,
    center: np.ndarray,
    radius: np.ndarray,
    slices: Iterable[int],
) -> np.ndarray:
    """Fraction of each voxel's area inside the contours, by `SAMPLES` × `SAMPLES` points."""
    mask = np.zeros(shape, dtype=np.float32)
    within = (np.arange(SAMPLES) - (SAMPLES - 1) / 2) / SAMPLES
    angles = np.append(ANGLES, 2 * np.pi)
    for k in slices:
        reach = radius[k].max()
        low = np.clip(np.floor((center[k] - reach) / spacing[:2]), 0, None).astype(int)
        high = np.clip(np.ceil((center[k] + reach) / spacing[:2]) + 1, 0, shape[:2]).astype(int)
        if (high <= low).any():
            continue
        x, y = (
            (np.arange(lo, hi)[:, None] + within).ravel() * s - c
            for lo, hi, s, c in zip(low, high, spacing, center[k], strict=False)
        )
        angle = np.arctan2(y, x[:, None]) % (2 * np.pi)
        edge = np.interp(angle, angles, np.append(radius[k], radius[k, 0]))
        nx, ny = high - low
        points = (np.hypot(x[:, None], y) <= edge).reshape(nx, SAMPLES, ny, SAMPLES)
        mask[low[0] : high[0], low[1] : high[1], k] = points.mean(axis=(1, 3))
    return mask


def closed_contours(cost: np.ndarray) -> np.ndarray:
    """Cheapest closed contour of each slice, by two turns of dynamic programming.

    `cost` (Z, N, R) is that of radius index r at angle n; returns indices of shape (Z, N).
    """
    rows, n, _ = cost.shape
    total, moves = cost[:, 0], []
    for t in range(1, 2 * n + 1):
        total, move = _cheapest_step(total)
        moves.append(move)
        total = total + cost[:, t % n]
    contour = np.empty((rows, n), dtype=int)
    index = total.argmin(axis=1)
    for t in range(2 * n, 0, -1):
        if n // 2 < t <= n + n // 2:  # the turn in the middle no longer feels its ends
            contour[:, t % n] = index
        index = index + moves[t - 1][np.arange(rows), index]
    return contour


def subgrid(cost: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Index of the minimum, refined by the parabola through its neighbours."""
    inner = np.clip(index, 1, cost.shape[2] - 2)
    low, here, high = (
        np.take_along_axis(cost, inner[..., None] + step, 2)[..., 0] for step in (-1, 0, 1)
    )
    shift = 0.5 * (low - high) / np.maximum(low - 2 * here + high, 1e-6)
    return inner + np.clip(shift, -0.5, 0.5)


def centroid(radius: np.ndarray) -> np.ndarray:
    """Centroid of the contours relative to their centre, shape (Z, 2), mm."""
    area = (radius**2).sum(axis=1) / 2
    return np.stack(
        [(radius**3 * f(ANGLES)).sum(axis=1) / 3 / area for f in (np.cos, np.sin)], axis=1
    )


def low_pass(radius: np.ndarray) -> np.ndarray:
    """Keep the first `HARMONICS` of the contours: smooth over the angle."""
    spectrum = np.fft.rfft(radius, axis=1)
    spectrum[:, HARMONICS + 1 :] = 0
    return np.maximum(np.fft.irfft(spectrum, len(ANGLES), axis=1), 1.0)


def _cheapest_step(total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    best, move = total.copy(), np.zeros(total.shape, dtype=np.int8)
    for d in range(1, REACH + 1):
        penalty = STIFFNESS * (d * STEP_MM) ** 2
        for here, there, step in (
            (slice(None, -d), slice(d, None), d),
            (slice(d, None), slice(None, -d), -d),
        ):
            candidate = total[:, there] + penalty
            better = candidate < best[:, here]
            best[:, here][better] = candidate[better]
            move[:, here][better] = step
    return best, move
