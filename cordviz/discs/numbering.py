"""Number the discs along a cord, by what is seen and by how tall vertebrae are."""

from __future__ import annotations

from itertools import takewhile

import numpy as np

#: Height of C3 to L1, disc to disc: means of in-vivo norms (PAM50-normalized-metrics, to T1) and
#: of dissected vertebrae with their discs (Panjabi 1991), which disagree by 10 % on C3 and T1.
PITCH_MM = (
    *(17.7, 17.5, 16.5, 15.8, 17.4),
    *(20.0, 20.9, 21.0, 21.5, 21.6, 22.2, 23.0, 23.6, 24.3, 25.4, 26.8, 28.5),
)
SIZE_SD, PITCH_SD = 0.09, 0.09  #: relative: of people, and of a vertebra in its column
PAD_MM = 80  #: above the picture, where C2/C3 may also be: then it is not found


def most_likely(c2c3: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, float]:
    """Rows of discs 3, 4 … in view by dynamic programming, and how sure C2/C3 is.

    All numberings are summed for the confidence, those too in which C2/C3 is out of view; where
    nothing is known counts neither for nor against.
    """
    from scipy.special import logsumexp

    n = len(other) + PAD_MM
    first, lower = (np.pad(np.nan_to_num(x), (0, n - len(x))) for x in (c2c3, other))
    place = np.arange(n)[:, None]
    total, best = [], []
    for size in np.exp(SIZE_SD * np.linspace(-2.5, 2.5, 15)):
        below, below_best, steps = np.zeros(n), np.zeros(n), []
        for pitch in PITCH_MM[::-1]:
            mean, sd = pitch * size, PITCH_SD * pitch * size
            step = np.arange(round(mean - 3.5 * sd), round(mean + 3.5 * sd) + 1)
            prior = -0.5 * ((step - mean) / sd) ** 2
            at, inside = np.maximum(place - step, 0), place >= step
            options = np.where(inside, (lower + below)[at], 0) + prior - logsumexp(prior)
            options_best = np.where(inside, (lower + below_best)[at], 0) + prior
            steps.append(step[options_best.argmax(axis=1)])
            below, below_best = logsumexp(options, axis=1), options_best.max(axis=1)
        start = first - 0.5 * (np.log(size) / SIZE_SD) ** 2
        total.append(start + below)
        best.append((start + below_best, steps[::-1]))
    chance = np.exp(logsumexp(total, axis=0) - logsumexp(total))
    within = np.convolve(chance, np.ones(7), mode="same")  # of ±3 mm
    top = int(within.argmax())
    near = np.arange(max(top - 3, 0), min(top + 4, n))
    path, steps = max(((p[near], s) for p, s in best), key=lambda one: one[0].max())
    rows = [int(near[path.argmax()])]
    for step in steps:
        rows.append(rows[-1] - int(step[rows[-1]]))
        if rows[-1] < 0:
            break
    known = list(takewhile(lambda row: 0 <= row < len(other) and np.isfinite(other[row]), rows))
    if not known or known[0] != rows[0]:  # C2/C3 out of view
        return np.array([]), 0.0
    fine = [_refine(row, c2c3 if k == 0 else other) for k, row in enumerate(known)]
    return np.array(fine), float(min(within[top], 1))


def _refine(row: int, odds: np.ndarray) -> float:
    """Centre of what looks like a disc within 2 mm."""
    near = np.arange(max(row - 2, 0), min(row + 3, len(odds)))
    weight = 1 / (1 + np.exp(-np.nan_to_num(odds[near], nan=-9.0)))
    return float((near * weight).sum() / weight.sum())


def doubt_of(rows: np.ndarray, c2c3: np.ndarray, other: np.ndarray) -> str:
    """What cannot be right about the discs, or nothing."""
    if len(rows) == 0:
        return "disc C2/C3 seems to be out of view"
    if len(rows) < 3:
        return "fewer than three discs below C2 are in view"
    # C2/C3 may look like any disc where the dens is barely in view
    disc = np.fmax(c2c3, other)
    at = np.rint(rows).astype(int)
    seen = np.array([np.nanmax(disc[max(row - 1, 0) : row + 2]) for row in at])
    if min(seen[:2]) < 0 or np.mean(seen < 0) > 0.25:
        return "some do not look like discs"
    share = -np.diff(rows) / PITCH_MM[: len(rows) - 1]
    if share.min() < 0.68 or share.max() > 1.4 or share.max() / share.min() > 1.6:
        return "the heights of the vertebrae are not those of a neck"
    return ""
