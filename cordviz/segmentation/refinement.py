"""Move the edge of a mask to where the image shows it: half-way between cord and surround.

A network that has seen any contrast knows where the cord is better than how large it is: where the
image is unsure it answers with the usual size. Where the image is sure, its edge decides here.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .contours import ANGLES, along_rays, area_fraction

STEP_MM = 0.2
FARTHEST_MM = 13.0
REACH_MM = 1.2  # the edge moves no further than this in one turn
TURNS = 2  # with the edge in a better place, cord and surround are better known
RIM_MM = 3.0  # the cord's grey level is that of white matter: this far within the edge
RING_MM = 2.0  # and its surround's that of this far without
SMOOTH_MM = 3.0  # along the cord
SMOOTH_ANGLES = 2.0  # of 48
LEAST_AREA_MM2 = 12.0  # of a slice that is refined
NOISE = 3.0  # contrast over noise at which the image counts one half
MASK = 0.3  # weight of the mask itself, where that of a clear edge is 1


def refine(data: np.ndarray, spacing: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Refine a soft mask by the image.

    Parameters
    ----------
    data : ndarray of shape (X, Y, Z)
        Image in RAS order, of any contrast.
    spacing : ndarray of shape (3,)
        Voxel size in mm.
    mask : ndarray of shape (X, Y, Z)
        Fraction of each voxel that is cord, one piece per slice.

    Returns
    -------
    ndarray of shape (X, Y, Z)
        Fraction of each voxel inside the moved contour; slices with hardly any cord as they were.
    """
    pixel_mm = float(np.sqrt(spacing[0] * spacing[1]))
    total = mask.sum(axis=(0, 1))
    slices = np.flatnonzero(total * pixel_mm**2 > LEAST_AREA_MM2)
    if slices.size == 0:
        return mask
    data, cord, dz = data[..., slices], mask[..., slices], float(spacing[2])
    center = np.stack(
        [
            np.arange(cord.shape[a]) @ cord.sum(axis=1 - a) / total[slices] * spacing[a]
            for a in (0, 1)
        ],
        axis=1,
    )
    r = np.arange(STEP_MM / 2, FARTHEST_MM, STEP_MM)
    rays = np.broadcast_to(r, (slices.size, ANGLES.size, r.size))
    profile = along_rays(data, spacing, center, rays)
    fraction = along_rays(cord, spacing, center, rays)
    start = np.sqrt(2 * (fraction * r).sum(axis=2) * STEP_MM)  # as far as the mask has area
    noise, edge = _along(_noise(data, cord), dz)[:, None], start
    for _ in range(TURNS):
        moved, weight = _to_half_height(profile, r - edge[..., None], noise, 0.3 * pixel_mm, dz)
        pull = _smooth(weight * moved, dz) + MASK * _smooth(start - edge, dz)
        edge = np.maximum(edge + pull / (_smooth(weight, dz) + MASK), 0.8)
    refined = mask.copy()
    refined[..., slices] = area_fraction(cord.shape, spacing, center, edge, range(slices.size))
    return refined


def _to_half_height(
    profile: np.ndarray, beyond: np.ndarray, noise: np.ndarray, blur: float, dz: float
) -> tuple[np.ndarray, np.ndarray]:
    """How far the edge should move, mm, and how clear it is, 0 to 1: both of shape (Z, 48).

    `profile` along the rays, `beyond` how far each sample is outside the edge: (Z, 48, R).
    """
    inside = _mean(profile, (beyond < -0.4 - blur) & (beyond > -RIM_MM), 4.0, dz)
    outside = _mean(profile, (beyond > 0.5 + blur) & (beyond < RING_MM + blur), 1.5, dz)
    step = outside - inside
    # where the surround looks like the cord, or differs the other way, there is no edge to see
    right_way = np.maximum(step * np.sign(np.median(step, axis=1, keepdims=True)), 0)
    weight = right_way**2 / (right_way**2 + (NOISE * noise) ** 2 + 1e-12)
    # where it differs less than elsewhere, something else is close behind thin fluid
    weight *= np.minimum(right_way / (np.quantile(right_way, 0.7, axis=1)[:, None] + 1e-9), 1)
    level = (profile - inside[..., None]) / np.where(step == 0, 1, step)[..., None]
    level = ndimage.gaussian_filter1d(level, 1.0, axis=1, mode="wrap")
    near = np.abs(beyond) <= REACH_MM
    # cord within reach, of what there would be if the edge were right
    cord = (np.clip(1 - level, 0, 1) * near).sum(axis=2) - (near & (beyond < 0)).sum(axis=2)
    return cord * STEP_MM, weight


def _noise(data: np.ndarray, cord: np.ndarray) -> np.ndarray:
    """Robust standard deviation of the noise within the cord of each slice.

    From each voxel's difference to the mean of two neighbours, which grey matter hardly changes.
    """
    differences = np.abs(data[1:-1] - (data[:-2] + data[2:]) / 2)
    within = cord[1:-1] > 0.5
    found = [
        np.median(d[w]) if w.any() else 0.0 for d, w in zip(differences.T, within.T, strict=True)
    ]
    return 1.4826 / np.sqrt(1.5) * np.array(found)


def _mean(profile: np.ndarray, where: np.ndarray, sigma: float, dz: float) -> np.ndarray:
    """Mean of the samples of each ray, smoothed over `sigma` angles and along the cord."""
    mean = (profile * where).sum(axis=2) / np.maximum(where.sum(axis=2), 1)
    return _along(ndimage.gaussian_filter1d(mean, sigma, axis=1, mode="wrap"), dz)


def _along(values: np.ndarray, dz: float, sigma_mm: float = SMOOTH_MM) -> np.ndarray:
    if sigma_mm / dz <= 0.3:
        return values
    return ndimage.gaussian_filter1d(values, sigma_mm / dz, axis=0, mode="nearest")


def _smooth(values: np.ndarray, dz: float) -> np.ndarray:
    around = ndimage.gaussian_filter1d(values, SMOOTH_ANGLES, axis=1, mode="wrap")
    return _along(around, dz, 0.7 * SMOOTH_MM)
