"""The simulated rater: a hard mask at the visible edge, moved by a convention.

The convention is a model of what human raters and their protocols do, not of physics. It is an
input: a spread between contrasts that comes from it was put in, so every table or figure made
with it shows the run with ``convention="zero"`` beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from .layers import Array
from .sampling import Grid
from .sequences import PRESETS

#: How far the drawn edge lies outside the visible one, mm, per contrast and convention.
#: "published" makes the mean over simulated subjects deviate from the true CSA at C2–C3 as the
#: published contrast-specific means deviate from their own average (SCT's tutorial: DWI −11.5 %,
#: MT-on +3.3, GRE-T1w −2.9, T1w −3.9, T2*w +10.1, T2w +4.9); calibrated by
#: ``python benchmarks/simulation.py raters``. MT-off and fMRI have no published mean: 0 [T].
#: "one-sided" draws every contrast too large by different amounts, so that nothing cancels.
CONVENTIONS_MM: dict[str, dict[str, float]] = {
    "published": {
        "T1w": -0.09, "T2w": 0.115, "T2star": 0.195, "MT-on": -0.015, "MT-off": 0.0,
        "GRE-T1w": -0.06, "DWI": -0.185, "fMRI": 0.0,
    },
    "zero": {},
    "one-sided": {
        "T1w": 0.05, "T2w": 0.20, "T2star": 0.30, "MT-on": 0.15, "MT-off": 0.10,
        "GRE-T1w": 0.05, "DWI": 0.10, "fMRI": 0.25,
    },
}  # fmt: skip

_ANGLES, _STEP_MM, _REACH_MM = 72, 0.15, 13.0


def convention_offset(convention: str | Mapping[str, float], contrast: str) -> float:
    """Offset in mm of a contrast under a named convention or a mapping of one's own."""
    if isinstance(convention, str):
        if convention not in CONVENTIONS_MM:
            raise ValueError(
                f"expected convention {', '.join(CONVENTIONS_MM)} or a dict of contrast to mm, "
                f"got {convention!r}"
            )
        convention = CONVENTIONS_MM[convention]
    if not isinstance(convention, Mapping):
        raise TypeError(
            f"expected a convention's name or a dict, got {convention!r}; e.g. "
            f"{{{contrast!r}: 0.1}} (mm outwards)"
        )
    if unknown := sorted(set(convention) - set(PRESETS)):
        raise ValueError(f"expected contrasts {', '.join(PRESETS)}, got {', '.join(unknown)}")
    offset = float(convention.get(contrast, 0.0))
    if not abs(offset) <= 2:
        raise ValueError(f"expected offsets within 2 mm, got {offset} for {contrast}")
    return offset


def visible_edge(
    image: Array, truth: Array, grid: Grid, *, height: float = 0.5
) -> tuple[Array, Array, Array]:
    """Trace the level between cord (0) and surround (1) around the cord, slice by slice.

    `truth` is where the scan shows the cord; levels other than half are other display windows.
    Returns the slices that show the cord, shape (n,), the voxel coordinates of its centre there,
    (n, 2), and the distance of the edge from it in mm at equal angles from the first axis, (n, 72).
    """
    nx, ny, _ = image.shape
    vx, vy, _ = grid.voxel_mm
    used = np.nonzero(truth.sum((0, 1)) * vx * vy > 10)[0]
    if used.size == 0:
        return used, np.zeros((0, 2)), np.zeros((0, _ANGLES))
    cord = truth[:, :, used]
    weight = cord.sum((0, 1))
    ci = (cord * np.arange(nx)[:, None, None]).sum((0, 1)) / weight
    cj = (cord * np.arange(ny)[None, :, None]).sum((0, 1)) / weight
    phi = np.linspace(0, 2 * np.pi, _ANGLES, endpoint=False)
    radius = np.arange(0, _REACH_MM, _STEP_MM)
    # rays from the cord's centre: slice, angle, radius
    at_i = ci[:, None, None] + np.cos(phi)[:, None] * radius / vx
    at_j = cj[:, None, None] + np.sin(phi)[:, None] * radius / vy
    at_k = np.broadcast_to(used[:, None, None], at_i.shape)
    rays = map_coordinates(image, [at_i, at_j, at_k], order=1, mode="nearest")
    inside = map_coordinates(truth, [at_i, at_j, at_k], order=1, mode="constant")
    expected = ((inside > 0.5).sum(2) - 0.5) * _STEP_MM

    beyond = radius - expected[..., None]
    peak = inside.max((1, 2), keepdims=True)  # coarse voxels may hold no whole cord
    sure = np.where(inside > np.where(peak > 0.9, 0.9, 0.9 * peak), rays, np.nan)
    inner = np.nanmedian(sure.reshape(used.size, -1), axis=1)[:, None]
    ring = (beyond > 0.6 + 0.5 * max(vx, vy)) & (beyond < 1.6 + 0.7 * max(vx, vy))
    outer = (rays * ring).sum(2) / ring.sum(2)
    outer = gaussian_filter(outer, (1.0, 2.0), mode=("nearest", "wrap"))
    spread = np.nanstd(sure.reshape(used.size, -1), axis=1)[:, None] + 1e-3
    edge = inner + height * (outer - inner)
    # first crossing of that level near the expected edge, as seen along the ray
    signed = (rays - edge[..., None]) * np.sign(outer - inner)[..., None]
    crossing = (signed[..., :-1] < 0) & (signed[..., 1:] >= 0) & (np.abs(beyond[..., :-1]) < 2)
    distance = np.where(crossing, np.abs(beyond[..., :-1]), np.inf)
    best = distance.argmin(2)
    below = np.take_along_axis(signed, best[..., None], 2)[..., 0]
    above = np.take_along_axis(signed, best[..., None] + 1, 2)[..., 0]
    seen = radius[best] + _STEP_MM * below / np.minimum(below - above, -1e-6)
    # where cord and surround look alike the rater goes on as anatomy suggests
    clear = np.isfinite(distance.min(2)) & (np.abs(outer - inner) > 1.0 * spread)
    drawn = np.where(clear, seen, expected)
    drawn = gaussian_filter(drawn, (0.7, 1.2), mode=("nearest", "wrap"))
    return used, np.stack([ci, cj], axis=1), drawn


def draw_mask(
    image: Array, truth: Array, grid: Grid, *, rng: np.random.Generator,
    offset_mm: float = 0.0, jitter_mm: float = 0.1, height: float = 0.5,
) -> Array:  # fmt: skip
    """Draw the cord as a rater would who knows where it is but sees only the image.

    The visible edge, moved outwards by `offset_mm` square to itself (the convention) and by a
    smooth random displacement of SD `jitter_mm`. Returns uint8 of the image's shape.
    """
    slices, centers, radii = visible_edge(image, truth, grid, height=height)
    mask = np.zeros(image.shape, dtype=np.uint8)
    if slices.size == 0:
        return mask
    wobble = gaussian_filter(rng.standard_normal(radii.shape), (1.0, 4.0), mode=("nearest", "wrap"))
    phi, step = np.linspace(0, 2 * np.pi, _ANGLES, endpoint=False, retstep=True)
    slope = (np.roll(radii, -1, 1) - np.roll(radii, 1, 1)) / (2 * step * radii)
    # square to the edge, which most rays meet at an angle
    radii = radii + offset_mm * np.hypot(1, slope) + jitter_mm * wobble / wobble.std()
    nx, ny, _ = image.shape
    i, j = np.meshgrid(np.arange(nx), np.arange(ny), indexing="ij")
    for k, (ci, cj), radius in zip(slices, centers, radii, strict=True):
        di, dj = (i - ci) * grid.voxel_mm[0], (j - cj) * grid.voxel_mm[1]
        at = np.interp(np.arctan2(dj, di), phi, radius, period=2 * np.pi)
        mask[..., k] = np.hypot(di, dj) <= at
    return mask
