"""Inside the dural sac: cord with grey matter, CSF, rootlets, ligaments, vessels, dura."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .anatomy import Anatomy
from .layers import Array, Layers, Noise, soft
from .tissues import TISSUES

#: Rows of a fraction array: the tissues, then the share of CSF that pulsates (counted twice).
ROWS = (*TISSUES, "pulsation")


# capsules of the grey matter in cord coordinates: two ends (x, y) with their radii
_CAPSULES = (
    ((0.12, 0.08), (0.27, 0.42), 0.085, 0.14),  # anterior horn
    ((0.12, 0.02), (0.20, -0.30), 0.075, 0.065),  # neck of the posterior horn
    ((0.20, -0.30), (0.42, -0.70), 0.068, 0.04),  # posterior horn, up to the root's entry
    ((0.0, 0.04), (0.12, 0.05), 0.05, 0.06),  # commissure
)


def butterfly(x: Array, y: Array) -> Array:
    """Shape function of the grey matter in cord coordinates (±1 at the surface), high inside."""
    x = np.abs(x)
    depth = np.full_like(x, -9.0)
    for (x0, y0), (x1, y1), r0, r1 in _CAPSULES:
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        gap = np.sqrt((x - x0 - along * dx) ** 2 + (y - y0 - along * dy) ** 2)
        depth = np.maximum(depth, r0 + (r1 - r0) * along - gap)
    return depth


class CordPixels(NamedTuple):
    """The cord in small pixels: share of their area inside, and `Anatomy.cord_depth` there."""

    fraction: Array
    depth: Array
    x: Array
    y: Array


class Canal:
    """Paint the inside of the dural sac of one anatomy."""

    def __init__(self, rng: np.random.Generator, anatomy: Anatomy) -> None:
        """Draw textures, rootlets and lesions."""
        self.anatomy = a = anatomy
        self.grain, self.patches = Noise(rng, 3.0, 5), Noise(rng, 16, 5)
        grid = np.linspace(-1, 1, 161)
        x, y = np.meshgrid(grid, grid)
        shape = np.sort(butterfly(x, y)[x * x + y * y < 1])
        rank = ((1 - a.gm_fraction) * shape.size).astype(int)
        # the level set of the butterfly that encloses the level's share of grey matter
        table = np.stack([shape[rank], np.sqrt(a.a * a.b), a.a, a.b, a.sac_rl, a.s])
        self._table = table.astype(np.float32)
        self.rootlet_phase = rng.uniform(0, 6.28, 4).tolist()
        self.lesions = []
        for level, radius in (a.options.lesion or {}).items():
            mid = 0.5 * (a.disc_s[level] + a.disc_s[level + 1])
            side, depth = rng.uniform(-0.45, 0.45), rng.uniform(-0.6, 0.1)
            self.lesions.append((side, depth, mid, radius))

    def paint(
        self, index: Array, u: Array, v: Array, pixels: CordPixels, width: float
    ) -> tuple[Array, Array]:
        """Tissue fractions of straightened points, (T + 1, M), and how much the sac covers, (M,).

        Rows as in `ROWS`; `width` is the softness in mm of every edge but the cord's.
        """
        threshold, scale, a, b, rl, s = np.take(self._table, index, axis=1)
        cord, depth, x, y = pixels.fraction, pixels.depth, pixels.x, pixels.y
        sac = self.anatomy.sac_depth(index, u, v)
        out = Layers(u.size)
        grain = self.grain(u, v, s)

        # first the share of each pixel that is cord, then what lies around it
        out.rest = cord.copy()
        for side, back, mid, radius in self.lesions:
            r = np.sqrt((u - side * a) ** 2 + (v - back * b) ** 2 + (0.35 * (s - mid)) ** 2)
            out.add("lesion", soft(radius * 0.8 - r, 1.0), grain)
        grey = soft((butterfly(x, y) - threshold) * scale, max(width, 0.3))
        out.add("grey_matter", grey, grain)
        out.add("white_matter", np.ones_like(u), grain)
        outside, inner = 1 - cord, soft(sac, width)
        outer = np.maximum(inner, soft(sac + 0.35, width))
        out.rest = outside * (outer - inner)
        out.add("ligament", np.ones_like(u))  # the dura
        out.rest = outside * inner
        covered = cord + outside * outer

        artery = 0.45 - np.sqrt(u * u + (v - 1.04 * b) ** 2)
        out.add("blood", soft(artery, width))
        self._strands(out, u, v, s, a, b, rl, width)
        flow = np.clip(0.25 + 0.55 * self.patches(u, v, s), 0, 1)
        near = np.exp(-(((depth + 1.0) / 0.9) ** 2))
        pulsation = out.rest * flow * (0.25 + 0.75 * near) * (0.6 + 0.4 * (v > 0))
        out.add("csf", np.ones_like(u))
        return np.concatenate([out.fractions, pulsation[None]]), covered

    def _strands(
        self, out: Layers, u: Array, v: Array, s: Array, a: Array, b: Array, rl: Array, width: float
    ) -> None:
        """Ventral and dorsal rootlets on their way down and out, denticulate ligaments."""
        side = np.abs(u)
        left = (u < 0).astype(np.float32)
        for k, (start, end, top) in enumerate(((-0.72, -0.10, 0.62), (0.80, 0.30, 0.55))):
            # rootlets fan out: the strand in this plane wanders between cord and dura with s
            where = 0.5 + 0.42 * np.sin(0.8 * s + self.rootlet_phase[2 * k] + 1.9 * left)
            cu = top * a + (0.9 * rl - top * a) * where
            cv = b * (start * 1.15 + (end - start) * where)
            r = np.sqrt((side - cu) ** 2 + (1.3 * (v - cv)) ** 2)
            out.add("white_matter", 0.8 * soft(0.45 - r, width))
        denticulate = np.minimum(0.18 - np.abs(v + 0.05 * b), np.minimum(side - a, rl - side))
        out.add("ligament", soft(denticulate, width) * (0.3 + 0.3 * np.sin(0.35 * s)))
