"""How softly the network draws an edge tells how well it sees it; where it sees it badly, its
neighbours help.

Patches are fractions of cord, shape (Z, N, N), one for each slice, pixels of `STEP_MM`.
"""

from __future__ import annotations

import numpy as np

from .cleaning import LEAST_AREA_MM2
from .sampling import STEP_MM

USUAL = 1.8  # pixels, sum of p (1 - p) over the root of the area: of a clear edge
SURE, POWER = 0.006, 6.0  # relative SD of an area with that edge; it grows with this power,
SUREST = 0.001  # and is no less
CHANGE_PER_MM = 0.02  # of the area; real and simulated cords change by 0.5 to 1 %, seldom more
LEAST_WEIGHT = 0.005


def softness(patches: np.ndarray) -> np.ndarray:
    """Softness of the edge over the usual one, shape (Z,)."""
    root = np.sqrt(np.maximum(patches.sum(axis=(1, 2)), 1))
    return (patches * (1 - patches)).sum(axis=(1, 2)) / root / USUAL


def lean_on_neighbours(patches: np.ndarray, drift: np.ndarray, slice_mm: float) -> np.ndarray:
    """Mean of each slice and those near it, weighted by what each tells of it.

    The weight is the inverse of a variance: of the slice's own area, from the softness of its edge,
    and of what a cord changes over the distance. A clear slice keeps its shape.

    Parameters
    ----------
    patches : ndarray of shape (Z, N, N)
        Slices without cord, which stay as they are, are 0.
    drift : ndarray of shape (Z, 2)
        Where the cord runs in each patch, from its middle, in mm.
    slice_mm : float
        Distance of slices.

    Returns
    -------
    ndarray of shape (Z, N, N)
    """
    cord = patches.sum(axis=(1, 2)) * STEP_MM**2 > LEAST_AREA_MM2
    sd = np.where(cord, np.maximum(SURE * softness(patches) ** POWER, SUREST), np.inf)
    at = np.arange(len(patches))
    weights = 1 / (sd**2 + (CHANGE_PER_MM * slice_mm * (at[:, None] - at)) ** 2)
    pixels = np.rint(drift / STEP_MM).astype(int)
    leaning = patches.copy()
    for k in np.flatnonzero(cord):
        near = np.flatnonzero(weights[k] > LEAST_WEIGHT * weights[k].sum())
        shapes = [np.roll(patches[n], pixels[k] - pixels[n], (0, 1)) for n in near]
        leaning[k] = np.average(shapes, axis=0, weights=weights[k, near])
    return leaning
