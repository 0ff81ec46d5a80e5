"""How softly the network draws an edge tells how well it sees it; where it sees it badly, its
neighbours help.

Patches are fractions of cord, shape (Z, N, N), one for each slice, pixels of `STEP_MM`.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .cleaning import LEAST_AREA_MM2
from .sampling import STEP_MM

USUAL = 1.8  # pixels, sum of p (1 - p) over the root of the area: of a clear edge
SURE, POWER = 0.006, 6.0  # relative SD of an area with that edge; it grows with this power,
SUREST = 0.001  # and is no less
CHANGE_PER_MM = 0.02  # of the area; real and simulated cords change by 0.5 to 1 %, seldom more
PLACE_MM = 5.0  # SD of where the middle is, for a relative SD of the area of 1; and at most
BEND_PER_MM = 0.006  # how far off a line the cord gets, over the distance squared; in people 0.003
LEAST_WEIGHT = 0.005


def softness(patches: np.ndarray) -> np.ndarray:
    """Softness of the edge over the usual one, shape (Z,)."""
    root = np.sqrt(np.maximum(patches.sum(axis=(1, 2)), 1))
    return (patches * (1 - patches)).sum(axis=(1, 2)) / root / USUAL


def lean_on_neighbours(patches: np.ndarray, center: np.ndarray, slice_mm: float) -> np.ndarray:
    """Mean of each slice and those near it, weighted by what each tells of it, (Z, N, N).

    The weight is the inverse of a variance: of the slice's own area, from the softness of its edge,
    and of what a cord changes over the distance. Where a slice's middle lies is told in the same
    way, by a straight line through the middles nearby. A clear slice keeps its shape and its place;
    those without cord, which stay as they are, are 0. `center` (Z, 2) is where in the image the
    middle of each patch is, mm.
    """
    cord = patches.sum(axis=(1, 2)) * STEP_MM**2 > LEAST_AREA_MM2
    sd = np.where(cord, np.maximum(SURE * softness(patches) ** POWER, SUREST), np.inf)
    at = slice_mm * np.arange(len(patches))
    apart = at - at[:, None]
    weights = 1 / (sd**2 + (CHANGE_PER_MM * apart) ** 2)
    own = middles(patches)
    place = 1 / ((PLACE_MM * np.minimum(sd, 1)) ** 2 + (BEND_PER_MM * apart**2) ** 2)
    seen = np.ix_(cord, cord)
    wanted = own.copy()
    wanted[cord] = _on_lines((own + center)[cord], apart[seen], place[seen]) - center[cord]
    leaning = patches.copy()
    for k in np.flatnonzero(cord):
        near = np.flatnonzero(weights[k] > LEAST_WEIGHT * weights[k].sum())
        pixels = np.rint((wanted[k] - own[near]) / STEP_MM).astype(int)
        shapes = [np.roll(patches[n], by, (0, 1)) for n, by in zip(near, pixels, strict=True)]
        leaning[k] = np.average(shapes, axis=0, weights=weights[k, near])
    return leaning


def middles(patches: np.ndarray) -> np.ndarray:
    """Where the cord is in each patch, mm from the patch's middle, shape (Z, 2).

    Centre of mass of the largest piece above 0.3; (0, 0) where there is none.
    """
    offset = (np.arange(patches.shape[1]) - (patches.shape[1] - 1) / 2) * STEP_MM
    found = np.zeros((len(patches), 2))
    for k, patch in enumerate(patches):
        pieces, count = ndimage.label(patch > 0.3)
        if count > 1:
            pieces = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
        if count:
            weight = patch * (pieces > 0)
            found[k] = [weight.sum(axis=axis) @ offset / weight.sum() for axis in (1, 0)]
    return found


def _on_lines(values: np.ndarray, apart: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """For each slice, fit a weighted line to all values, shape (Z, 2); what it gives there.

    `apart[i, j]` is how far j is from i, mm; `weights[i, j]` what j counts in the fit for i.
    """
    total = weights.sum(axis=1, keepdims=True)
    mean, away = weights @ values / total, (weights * apart).sum(axis=1, keepdims=True) / total
    spread = (weights * (apart - away) ** 2).sum(axis=1, keepdims=True)
    slope = (weights * (apart - away)) @ values / np.maximum(spread, 1e-9 * total)
    return np.asarray(mean - slope * away)
