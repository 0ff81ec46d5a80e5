"""Contrast-specific propagation: a deformable tube grown along the cord.

After De Leener, Kadoury & Cohen-Adad (2014), "Robust, accurate and fast automatic segmentation of
the spinal cord", NeuroImage 98: detect the cord, then propagate a deformable surface along it, the
polarity of its edges given by the contrast. Here the surface is a closed contour per slice in polar
coordinates; each round finds the best contours exactly (dynamic programming over the angle), then
couples neighbouring slices through their common prior.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from ..contrasts import CORD, doubt
from .contours import (
    ANGLES,
    STEP_MM,
    along_rays,
    area_fraction,
    centroid,
    closed_contours,
    low_pass,
    subgrid,
)
from .detection import Tube, find_cord

REACH_MM = 3.5  # how far from the prior the contour is sought


# Beyond the polarity of the edge, all four contrasts sit on one plateau.
PRIOR = (0.4, 0.3)  # pull of the contour to the prior shape, first and last round, 1/mm²
ELLIPSE = 0.3  # share of the fitted ellipse in the prior; the rest: the neighbours' mean contour
REGION = 0.3  # cost per mm of surround inside the contour, gain per mm of cord, 1/mm
EDGE_MM = 0.4  # scale (Gaussian sigma) at which the edge is sought
ROUNDS = 4
SMOOTH_MM = 5.0  # along the cord: prior and intensity levels
EVIDENCE_FLOOR = 0.8  # edge contrast over interior scatter; noise stays below 0.7
EVIDENCE_SHARE = 0.2  # of the best slices' evidence: below, the image says nothing
LEAST_EVIDENCE = 1.4  # of the best slice; white noise reaches 1.35
CORDNESS_SHARE = 0.7  # of the best slices' cordness: above, the path alone is enough
LEAST_CORDNESS = 10.5  # of half of the slices; see Tube.cordness
LEAST_BEST_CORDNESS = 11.2  # mean over the best 60 mm
WRONG_POLARITY = -2.0
GAP_MM = 80.0  # the longest stretch without evidence that is bridged
LARGE_MM2 = 120.0  # a healthy cord is smaller
GROWTH = 1.9  # times the area 20 mm before: no longer cord but brain stem or leak


def propagate(
    data: np.ndarray,
    spacing: np.ndarray,
    *,
    contrast: str,
    hints: np.ndarray | None = None,
    report: Callable[[], object] = lambda: None,
) -> np.ndarray:
    """Segment the cord of an image (X, Y, Z) with voxels of `spacing` (3,) mm by propagation.

    `hints` (Z, 2) are known centres in mm from voxel (0, 0), NaN where unknown; `report` is called
    after each of the `ROUNDS` + 1 steps. Returns the fraction of each voxel inside the contour,
    float32 in [0, 1]. Raises ValueError where no cord is found.
    """
    bright = CORD[contrast] == "bright"
    looks, opposite = ("bright", "dark") if bright else ("dark", "bright")
    tube = find_cord(data, spacing, bright=bright, hints=hints)
    report()
    center, radius = fit_contours(data, spacing, tube, bright, report=report)
    evidence = edge_evidence(data, spacing, center, radius, bright)
    first, last = find_extent(evidence, tube.cordness, radius, float(spacing[2]))
    found = evidence.max() >= LEAST_EVIDENCE and (
        hints is not None or _looks_like_cord(tube.cordness[first : last + 1], float(spacing[2]))
    )
    advice = doubt(contrast, opposite) if tube.margin < WRONG_POLARITY else ""
    if not found:
        raise ValueError(
            f"No spinal cord found: nothing in the image looks like a {looks} cord in a {opposite} "
            "surround. "
            + (advice or "Check the contrast, or point at the cord with centerline= or seed_mm=.")
        )
    if advice:
        warnings.warn(advice, stacklevel=4)  # the caller of segment_cord
    signal = np.ptp(data, axis=(0, 1)) > 0  # a slice without any says nothing
    slices = first + np.flatnonzero(signal[first : last + 1])
    return area_fraction(data.shape, spacing, center, radius, slices)


def _looks_like_cord(cordness: np.ndarray, dz: float) -> bool:
    stretch = min(len(cordness), max(1, round(60 / dz)))
    best = np.convolve(cordness, np.full(stretch, 1 / stretch), "valid").max()
    return bool(best >= LEAST_BEST_CORDNESS and np.median(cordness) >= LEAST_CORDNESS)


def fit_contours(
    data: np.ndarray,
    spacing: np.ndarray,
    tube: Tube,
    bright: bool,
    *,
    report: Callable[[], object] = lambda: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Deform the tube's ellipses to the cord's edge.

    Returns centres (Z, 2) and the distances from there to the contour at `ANGLES`, (Z, 48), mm.
    """
    sign = -1.0 if bright else 1.0
    dz = float(spacing[2])
    thin = dz < 2.5  # the centres of thick slices may jump
    a, b = tube.axes_mm[:, :1], tube.axes_mm[:, 1:]
    ellipse = a * b / np.hypot(b * np.cos(ANGLES), a * np.sin(ANGLES))
    center, prior = tube.center_mm, ellipse
    offsets = np.arange(-REACH_MM - 1, REACH_MM + 1 + STEP_MM / 2, STEP_MM)
    sought = slice(4, len(offsets) - 4)  # the margin is for derivatives only

    for strength in np.linspace(*PRIOR, ROUNDS):
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
        edge = ndimage.gaussian_filter1d(level, EDGE_MM / STEP_MM, axis=2, order=1, mode="nearest")
        edge = np.clip(edge / STEP_MM, -0.3, 1.0)
        surround = np.cumsum(np.clip(level - 0.5, -0.5, 0.5), axis=2) * STEP_MM
        cost = strength * offsets**2 + REGION * surround - edge
        cost = np.where(grid < 1.5, 10.0, cost)[..., sought]

        index = closed_contours(cost)
        radius = low_pass(prior + offsets[sought][0] + subgrid(cost, index) * STEP_MM)
        strength_of_edge = np.take_along_axis(edge[..., sought], index[..., None], 2)
        trust = np.clip(strength_of_edge[..., 0], 0, 1).mean(axis=1, keepdims=True) ** 2 + 1e-3
        report()

        moved = center + centroid(radius)
        new_center = _weighted_smooth(moved, trust, SMOOTH_MM / 2, dz) if thin else moved
        centered = np.fft.rfft(radius, axis=1)
        centered[:, 1] = 0  # the first harmonic is the shift that the centre took
        shape = np.fft.irfft(centered, len(ANGLES), axis=1)
        shape = _weighted_smooth(shape, trust, max(SMOOTH_MM, 0.4 * dz), dz)
        last = center, radius
        center, prior = new_center, (1 - ELLIPSE) * shape + ELLIPSE * ellipse
    return last


def edge_evidence(
    data: np.ndarray, spacing: np.ndarray, center: np.ndarray, radius: np.ndarray, bright: bool
) -> np.ndarray:
    """Step across the contour over the scatter inside it, per slice, shape (Z,), no unit."""
    rim = np.array([0.5, 0.9, 1.3])
    outer = along_rays(data, spacing, center, radius[..., None] + rim).mean(axis=(1, 2))
    inner = along_rays(data, spacing, center, radius[..., None] - rim).mean(axis=(1, 2))
    scatter = _interior(data, spacing, center, radius, 0.8).std(axis=(1, 2))
    step = (inner - outer) if bright else (outer - inner)
    return _smooth_z(step / np.maximum(scatter, 1e-9), 4.0, float(spacing[2]))


def find_extent(
    evidence: np.ndarray, cordness: np.ndarray, radius: np.ndarray, dz: float
) -> tuple[int, int]:
    """First and last slice of the cord: walk out from the best slice while the image says so.

    Of `evidence` and `cordness`, both (Z,), either is enough: low contrast has little evidence, a
    cord at the border little cordness. `radius` (Z, 48) and the distance of slices `dz` are in mm.
    """
    threshold = max(EVIDENCE_FLOOR, EVIDENCE_SHARE * float(np.percentile(evidence, 95)))
    area = _smooth_z(np.pi * (radius**2).mean(axis=1), 4.0, dz)
    back = max(1, round(20 / dz))
    good = (evidence >= threshold) | (cordness >= CORDNESS_SHARE * np.percentile(cordness, 95))
    best = int(evidence.argmax())
    ends = []
    for step in (-1, 1):
        last, k = best, best + step
        while 0 <= k < len(evidence) and abs(k - last) * dz <= max(GAP_MM, dz):
            nearer = k - step * min(back, abs(k - best))
            if area[k] > max(GROWTH * area[nearer], LARGE_MM2):
                break
            if good[k]:
                last = k
            k += step
        ends.append(last)
    return ends[0], ends[1]


def _interior(
    data: np.ndarray, spacing: np.ndarray, center: np.ndarray, radius: np.ndarray, share: float
) -> np.ndarray:
    """Samples that cover the inner `share` of the contour evenly by area, shape (Z, 48, 6)."""
    fractions = share * np.sqrt((np.arange(6) + 0.5) / 6)
    return along_rays(data, spacing, center, radius[..., None] * fractions)


def _smooth_z(values: np.ndarray, sigma_mm: float, dz: float) -> np.ndarray:
    if sigma_mm / dz <= 0.3:
        return values
    return ndimage.gaussian_filter1d(values, sigma_mm / dz, axis=0, mode="nearest")


def _weighted_smooth(
    values: np.ndarray, weights: np.ndarray, sigma_mm: float, dz: float
) -> np.ndarray:
    return _smooth_z(values * weights, sigma_mm, dz) / _smooth_z(weights, sigma_mm, dz)
