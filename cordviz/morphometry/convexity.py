"""Solidity of many regions at once: their pixels over the pixels in their convex hull."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def solidity(outlines: Sequence[np.ndarray], pixels: np.ndarray) -> np.ndarray:
    """Solidity as scikit-image has it, where each pixel is a diamond; NaN for a region without any.

    `outlines`, each of shape (2, n, rows) with its own number of rows, have the first column and
    minus the last column of each row of n regions, inf for a row without pixels; `pixels`, shape
    (sum of n,), are the pixels of each region. Returns (sum of n,), values in (0, 1].
    """
    rows = max(outline.shape[2] for outline in outlines)
    bounds = np.concatenate(
        [
            np.pad(o, ((0, 0), (0, 0), (0, rows - o.shape[2])), constant_values=np.inf)
            for o in outlines
        ],
        axis=1,
    )
    flat = _lower_hull(bounds.reshape(-1, rows))
    # Hull of the pixel centres ⊕ a diamond of half a pixel: on a whole row the widest of half a
    # pixel sideways and half way to the rows before and after.
    between = (flat[:, 1:] + flat[:, :-1]) / 2
    wide = flat - 0.5
    wide[:, 1:] = np.minimum(wide[:, 1:], between)
    wide[:, :-1] = np.minimum(wide[:, :-1], between)
    left, right = np.ceil(wide - 1e-9).reshape(2, -1, rows)
    with np.errstate(invalid="ignore"):
        width = np.nan_to_num(1 - left - right, posinf=0, neginf=0)
    area = np.maximum(width, 0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return pixels / area


def _lower_hull(v: np.ndarray) -> np.ndarray:
    """Largest convex function below each row of `v`, shape (m, R); inf marks what is absent.

    Gift wrapping, all rows at once: from each vertex to the one that it sees at the lowest slope.
    """
    size = v.shape[1]
    hull = np.full_like(v, np.inf)
    finite = np.isfinite(v)
    at = finite.argmax(axis=1)
    end = size - 1 - finite[:, ::-1].argmax(axis=1)
    todo = np.flatnonzero(finite.any(axis=1))
    hull[todo, at[todo]] = v[todo, at[todo]]
    index = np.arange(size)
    while (todo := todo[at[todo] < end[todo]]).size:
        here = at[todo, None]
        value = v[todo, at[todo]][:, None]
        ahead = index - here
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = np.where(ahead > 0, (v[todo] - value) / ahead, np.inf)
        best = slope.min(axis=1, keepdims=True)
        reach = size - 1 - (slope == best)[:, ::-1].argmax(axis=1)  # ties: the farthest
        on_edge = (ahead > 0) & (index <= reach[:, None])
        hull[todo] = np.where(on_edge, value + best * ahead, hull[todo])
        at[todo] = reach
    return hull
