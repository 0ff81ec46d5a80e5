"""Contrast-specific propagation: a deformable tube grown along the cord.

After De Leener, Kadoury & Cohen-Adad (2014), "Robust, accurate and fast automatic segmentation of
the spinal cord", NeuroImage 98: detect the cord, then propagate a deformable surface along it, the
polarity of its edges given by the contrast. Here the surface is a closed contour per slice in polar
coordinates; each round finds the best contours exactly (dynamic programming over the angle), then
couples neighbouring slices through their common prior.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .detection import Tube, find_cord

ANGLES = 2 * np.pi * np.arange(48) / 48
STEP_MM = 0.25  # radial step of the contour search
REACH_MM = 3.5  # how far from the prior the contour is sought


@dataclass(frozen=True)
class Parameters:
    """What a contrast sets.

    Attributes
    ----------
    bright : bool
        Whether the cord is brighter than its surround: the polarity of its edge.
    prior : tuple of float
        Pull of the contour to the prior shape, first and last round (1/mm²).
    ellipse : float
        Share of the fitted ellipse in the prior, the rest being the neighbours' mean contour.
    leak : float
        Cost per mm of surround inside the contour.
    edge_mm : float
        Scale (Gaussian sigma) at which the edge is sought, mm.
    """

    bright: bool
    prior: tuple[float, float] = (0.4, 0.3)
    ellipse: float = 0.3
    leak: float = 0.3
    edge_mm: float = 0.4


PARAMETERS = {
    "t1": Parameters(bright=True),
    "t2": Parameters(bright=False),
    "t2s": Parameters(bright=False),
    "dwi": Parameters(bright=True),
}

ROUNDS = 4
STIFFNESS = 2.0  # cost of a step between neighbouring angles, 1/mm²
SMOOTH_MM = 5.0  # along the cord: prior and intensity levels
EVIDENCE_FLOOR = 0.8  # edge contrast over interior scatter; noise stays below 0.7
EVIDENCE_SHARE = 0.2  # of the best slices' evidence: below, the image says nothing
NO_CORD = 1.2
GAP_MM = 80.0  # the longest stretch without evidence that is bridged
GROWTH = 1.9  # times the area 20 mm before: no longer cord but brain stem or leak


def propagate(
    data: np.ndarray,
    spacing: np.ndarray,
    *,
    contrast: str,
    hints: np.ndarray | None = None,
    report: Callable[[], object] = lambda: None,
) -> np.ndarray:
    """Segment the cord by propagation.

    Parameters
    ----------
    data : ndarray of shape (X, Y, Z)
        Image in RAS order.
    spacing : ndarray of shape (3,)
        Voxel size in mm.
    contrast : {"t1", "t2", "t2s", "dwi"}
    hints : ndarray of shape (Z, 2), optional
        Known centres in mm from voxel (0, 0), NaN where unknown.
    report : callable
        Called after each of the `ROUNDS` + 1 steps.

    Returns
    -------
    ndarray of shape (X, Y, Z)
        Fraction of each voxel inside the contour, float32 in [0, 1].

    Raises
    ------
    ValueError
        No cord found.
    """
    parameters = PARAMETERS[contrast]
    tube = find_cord(data, spacing, bright=parameters.bright, hints=hints)
    report()
    center, radius = fit_contours(data, spacing, tube, parameters, report=report)
    first, last = find_extent(data, spacing, center, radius, parameters)
    return area_fraction(data.shape, spacing, center, radius, range(first, last + 1))


def fit_contours(
    data: np.ndarray,
    spacing: np.ndarray,
    tube: Tube,
    parameters: Parameters,
    *,
    report: Callable[[], object] = lambda: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Deform the tube's ellipses to the cord's edge.

    Returns
    -------
    center : ndarray of shape (Z, 2), mm
    radius : ndarray of shape (Z, 48), mm
        Distance from the centre to the contour at `ANGLES`.
    """
    sign = -1.0 if parameters.bright else 1.0
    dz = float(spacing[2])
    thin = dz < 2.5  # the centres of thick slices may jump
    a, b = tube.axes_mm[:, :1], tube.axes_mm[:, 1:]
    ellipse = a * b / np.hypot(b * np.cos(ANGLES), a * np.sin(ANGLES))
    center, prior = tube.center_mm, ellipse
    offsets = np.arange(-REACH_MM - 1, REACH_MM + 1 + STEP_MM / 2, STEP_MM)
    sought = slice(4, len(offsets) - 4)  # the margin is for derivatives only

    for strength in np.linspace(*parameters.prior, ROUNDS):
        grid = np.maximum(prior[..., None] + offsets, 0)
        profile = along_rays(data, spacing, center, grid)
        profile = ndimage.gaussian_filter1d(profile, 0.7, axis=1, mode="wrap")
        profile = _smooth_z(profile, 1.5, dz)
        inside = np.median(_interior(data, spacing, center, prior, 0.7), axis=(1, 2))
        ring = along_rays(data, spacing, center, prior[..., None] + np.arange(-0.5, 4, 0.5))
        outside = np.median(sign * (sign * ring).max(axis=2), axis=1)
        inside, outside = _smooth_z(inside, SMOOTH_MM, dz), _smooth_z(outside, SMOOTH_MM, dz)
        contrast = np.maximum(sign * (outside - inside), 0.025 * np.abs(inside + outside))
        contrast = np.maximum(contrast, 1e-6 * np.abs(data).max())[:, None, None]
        level = sign * (profile - inside[:, None, None]) / contrast  # 0 in the cord, 1 outside
        edge = ndimage.gaussian_filter1d(
            level, parameters.edge_mm / STEP_MM, axis=2, order=1, mode="nearest"
        )
        edge = np.clip(edge / STEP_MM, -0.3, 1.0)
        leak = np.cumsum(np.clip(level - 0.5, 0, 1), axis=2) * STEP_MM
        cost = strength * offsets**2 + parameters.leak * leak - edge
        cost = np.where(grid < 1.5, 10.0, cost)[..., sought]

        index = closed_contours(cost)
        radius = _low_pass(prior + offsets[sought][0] + _subgrid(cost, index) * STEP_MM)
        strength_of_edge = np.take_along_axis(edge[..., sought], index[..., None], 2)
        trust = np.clip(strength_of_edge[..., 0], 0, 1).mean(axis=1, keepdims=True) ** 2 + 1e-3
        report()

        moved = center + _centroid(radius)
        new_center = _weighted_smooth(moved, trust, SMOOTH_MM / 2, dz) if thin else moved
        centered = np.fft.rfft(radius, axis=1)
        centered[:, 1] = 0  # the first harmonic is the shift that the centre took
        shape = np.fft.irfft(centered, len(ANGLES), axis=1)
        shape = _weighted_smooth(shape, trust, max(SMOOTH_MM, 0.4 * dz), dz)
        last = center, radius
        center, prior = new_center, (1 - parameters.ellipse) * shape + parameters.ellipse * ellipse
    return last


def find_extent(
    data: np.ndarray,
    spacing: np.ndarray,
    center: np.ndarray,
    radius: np.ndarray,
    parameters: Parameters,
) -> tuple[int, int]:
    """First and last slice of the cord: walk out from the best slice while the image says so.

    The evidence of a slice is the step across its contour over the scatter inside it.
    """
    sign = -1.0 if parameters.bright else 1.0
    dz = float(spacing[2])
    rim = np.array([0.5, 0.9, 1.3])
    outer = along_rays(data, spacing, center, radius[..., None] + rim).mean(axis=(1, 2))
    inner = along_rays(data, spacing, center, radius[..., None] - rim).mean(axis=(1, 2))
    scatter = _interior(data, spacing, center, radius, 0.8).std(axis=(1, 2))
    evidence = _smooth_z(sign * (outer - inner) / np.maximum(scatter, 1e-9), 4.0, dz)
    if evidence.max() < NO_CORD:
        raise ValueError(
            "No spinal cord found: nothing in the image looks like a "
            f"{'bright cord in a dark' if parameters.bright else 'dark cord in a bright'} surround. "
            "Check the contrast, or point at the cord with centerline= or seed_mm=."
        )
    area = _smooth_z(np.pi * (radius**2).mean(axis=1), 4.0, dz)
    threshold = max(EVIDENCE_FLOOR, EVIDENCE_SHARE * np.percentile(evidence, 95))
    good = evidence >= threshold
    back = max(1, round(20 / dz))
    best = int(evidence.argmax())
    ends = []
    for step in (-1, 1):
        last = best
        k = best + step
        while 0 <= k < len(good) and abs(k - last) * dz <= max(GAP_MM, dz):
            before = np.clip(k - step * back, min(best, k), max(best, k))
            if area[k] > GROWTH * area[before]:
                break
            if good[k]:
                last = k
            k += step
        ends.append(last)
    return ends[0], ends[1]


def area_fraction(
    shape: tuple[int, ...],
    spacing: np.ndarray,
    center: np.ndarray,
    radius: np.ndarray,
    slices: range,
    *,
    samples: int = 5,
) -> np.ndarray:
    """Fraction of each voxel's area inside the contours, by `samples` × `samples` points."""
    mask = np.zeros(shape, dtype=np.float32)
    within = (np.arange(samples) - (samples - 1) / 2) / samples
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
        points = (np.hypot(x[:, None], y) <= edge).reshape(nx, samples, ny, samples)
        mask[low[0] : high[0], low[1] : high[1], k] = points.mean(axis=(1, 3))
    return mask


def along_rays(
    data: np.ndarray, spacing: np.ndarray, center: np.ndarray, radius: np.ndarray
) -> np.ndarray:
    """Linear interpolation at distances `radius` (Z, 48, R) in mm from the centres (Z, 2)."""
    x = (center[:, 0, None, None] + radius * np.cos(ANGLES)[:, None]) / spacing[0]
    y = (center[:, 1, None, None] + radius * np.sin(ANGLES)[:, None]) / spacing[1]
    z = np.broadcast_to(np.arange(len(center))[:, None, None], x.shape)
    return ndimage.map_coordinates(data, [x, y, z], order=1, mode="nearest", output=np.float32)


def closed_contours(cost: np.ndarray) -> np.ndarray:
    """Cheapest closed contour of each slice, by two turns of dynamic programming.

    Parameters
    ----------
    cost : ndarray of shape (Z, N, R)
        Cost of radius index r at angle n.

    Returns
    -------
    ndarray of shape (Z, N), int
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


def _cheapest_step(total: np.ndarray, reach: int = 3) -> tuple[np.ndarray, np.ndarray]:
    best, move = total.copy(), np.zeros(total.shape, dtype=np.int8)
    for d in range(1, reach + 1):
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


def _subgrid(cost: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Index of the minimum, refined by the parabola through its neighbours."""
    inner = np.clip(index, 1, cost.shape[2] - 2)
    low, here, high = (
        np.take_along_axis(cost, inner[..., None] + step, 2)[..., 0] for step in (-1, 0, 1)
    )
    shift = 0.5 * (low - high) / np.maximum(low - 2 * here + high, 1e-6)
    return inner + np.clip(shift, -0.5, 0.5)


def _interior(
    data: np.ndarray, spacing: np.ndarray, center: np.ndarray, radius: np.ndarray, share: float
) -> np.ndarray:
    """Samples that cover the inner `share` of the contour evenly by area, shape (Z, 48, 6)."""
    fractions = share * np.sqrt((np.arange(6) + 0.5) / 6)
    return along_rays(data, spacing, center, radius[..., None] * fractions)


def _centroid(radius: np.ndarray) -> np.ndarray:
    """Centroid of the contours relative to their centre, shape (Z, 2), mm."""
    area = (radius**2).sum(axis=1) / 2
    return np.stack(
        [(radius**3 * f(ANGLES)).sum(axis=1) / 3 / area for f in (np.cos, np.sin)], axis=1
    )


def _low_pass(radius: np.ndarray, harmonics: int = 6) -> np.ndarray:
    spectrum = np.fft.rfft(radius, axis=1)
    spectrum[:, harmonics + 1 :] = 0
    return np.maximum(np.fft.irfft(spectrum, len(ANGLES), axis=1), 1.0)


def _smooth_z(values: np.ndarray, sigma_mm: float, dz: float) -> np.ndarray:
    if sigma_mm / dz <= 0.3:
        return values
    return ndimage.gaussian_filter1d(values, sigma_mm / dz, axis=0, mode="nearest")


def _weighted_smooth(
    values: np.ndarray, weights: np.ndarray, sigma_mm: float, dz: float
) -> np.ndarray:
    return _smooth_z(values * weights, sigma_mm, dz) / _smooth_z(weights, sigma_mm, dz)
