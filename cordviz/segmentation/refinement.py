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
REACH_MM = 1.2  # the edge moves no further than this
SMOOTH_MM = 3.0  # along the cord
SMOOTH_ANGLES = 2.0  # of 48
LEAST_AREA_MM2 = 12.0  # of a slice that is refined
NOISE = 3.0  # contrast over scatter at which the image counts one half
MASK = 0.4  # weight of the mask itself, where that of a clear edge is 1


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
    edge = np.sqrt(2 * (fraction * r).sum(axis=2) * STEP_MM)  # as far as the mask has area
    beyond = r - edge[..., None]

    blur = 0.3 * pixel_mm
    inside, scatter = _median(profile, beyond < -0.6 - blur)
    inside, scatter = _along(inside, dz), _along(scatter, dz)
    ring = (beyond > 0.5 + blur) & (beyond < 2.0 + blur)
    outside = (profile * ring).sum(axis=2) / np.maximum(ring.sum(axis=2), 1)
    outside = _along(ndimage.gaussian_filter1d(outside, 1.5, axis=1, mode="wrap"), dz)
    step = outside - inside[:, None]
    # where the surround looks like the cord, or differs the other way, there is no edge to see
    clear = np.maximum(step * np.sign(np.median(step, axis=1, keepdims=True)), 0) ** 2
    weight = clear / (clear + (NOISE * scatter[:, None]) ** 2 + 1e-12)
    level = (profile - inside[:, None, None]) / np.where(step == 0, 1, step)[..., None]
    level = ndimage.gaussian_filter1d(level, 1.0, axis=1, mode="wrap")
    near = np.abs(beyond) <= REACH_MM
    # cord within reach, of what there would be if the edge were right
    moved = (np.clip(1 - level, 0, 1) * near).sum(axis=2) - (near & (beyond < 0)).sum(axis=2)
    moved = _smooth(weight * moved * STEP_MM, dz) / (_smooth(weight, dz) + MASK)
    refined = mask.copy()
    refined[..., slices] = area_fraction(
        cord.shape, spacing, center, np.maximum(edge + moved, 0.8), range(slices.size)
    )
    return refined


def _median(profile: np.ndarray, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median and robust standard deviation of each slice's samples, of all if there are none."""
    where = where | ~where.any(axis=(1, 2), keepdims=True)
    samples = np.where(where, profile, np.nan).reshape(len(profile), -1)
    middle = np.nanmedian(samples, axis=1)
    return middle, 1.4826 * np.nanmedian(np.abs(samples - middle[:, None]), axis=1)


def _along(values: np.ndarray, dz: float, sigma_mm: float = SMOOTH_MM) -> np.ndarray:
    if sigma_mm / dz <= 0.3:
        return values
    return ndimage.gaussian_filter1d(values, sigma_mm / dz, axis=0, mode="nearest")


def _smooth(values: np.ndarray, dz: float) -> np.ndarray:
    around = ndimage.gaussian_filter1d(values, SMOOTH_ANGLES, axis=1, mode="wrap")
    return _along(around, dz, 0.7 * SMOOTH_MM)
