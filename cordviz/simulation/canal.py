"""Inside the dural sac: cord with grey matter, CSF, rootlets, ligaments, vessels, dura."""

from __future__ import annotations

import numpy as np

from .anatomy import Anatomy
from .surroundings import Layers, Noise, soft
from .tissues import TISSUES

Array = np.ndarray

#: Rows of a fraction array: the tissues, then the share of CSF that pulsates (counted twice).
ROWS = (*TISSUES, "pulsation")


def butterfly(x: Array, y: Array) -> Array:
    """Shape function of the grey matter in cord coordinates (±1 at the surface), high inside."""
    x = np.abs(x)
    anterior = 0.2 - np.sqrt(((x - 0.24) * 1.15) ** 2 + ((y - 0.22 - 0.2 * (x - 0.24)) * 0.8) ** 2)
    # posterior horn: a slim wedge from the middle to the entry of the dorsal roots
    along = np.clip((0.05 - y) / 0.72, 0, 1)
    posterior = 0.095 - 0.03 * along - np.abs(x - 0.16 - 0.2 * along)
    posterior = np.minimum(posterior, 0.68 + y)
    bridge = np.minimum(0.06 - np.abs(y + 0.0), 0.3 - x)
    return np.maximum(np.maximum(anterior, np.minimum(posterior, 0.25 - y)), bridge)


class Canal:
    """Paint the inside of the dural sac of one anatomy."""

    def __init__(self, rng: np.random.Generator, anatomy: Anatomy) -> None:
        self.anatomy = a = anatomy
        self.grain, self.patches = Noise(rng, 3.0, 5), Noise(rng, 16, 5)
        grid = np.linspace(-1, 1, 161)
        x, y = np.meshgrid(grid, grid)
        shape = np.sort(butterfly(x, y)[x * x + y * y < 1])
        rank = ((1 - a.gm_fraction) * shape.size).astype(int)
        # the level set of the butterfly that encloses the level's share of grey matter
        self.columns = np.stack([shape[rank], np.sqrt(a.a * a.b), a.a, a.b, a.sac_rl, a.s], 1)
        self.columns = self.columns.astype(np.float32)
        self.rootlet_phase = rng.uniform(0, 6.28, 4)
        self.lesions = []
        for level, radius in (a.options.lesion or {}).items():
            mid = 0.5 * (a.disc_s[level] + a.disc_s[level + 1])
            side, depth = rng.uniform(-0.45, 0.45), rng.uniform(-0.6, 0.1)
            self.lesions.append((side, depth, mid, radius))

    def paint(self, index: Array, u: Array, v: Array, cord: Array, width: float) -> tuple:
        """Tissue fractions of straightened points and how much of each the sac covers.

        Parameters
        ----------
        index, u, v : ndarray of shape (M,)
            As returned by `Anatomy.locate`.
        cord : ndarray of shape (M,)
            Fraction of each point's small pixel inside the cord, computed by the caller.
        width : float
            Edge softness of everything but the cord, mm.

        Returns
        -------
        fractions : ndarray of shape (T + 1, M), float32
            Rows as in `ROWS`.
        covered : ndarray of shape (M,), float32
        """
        threshold, scale, a, b, rl, s = self.columns[index].T
        depth, x, y = self.anatomy.cord_depth(index, u, v)
        sac = self.anatomy.sac_depth(index, u, v)
        out = Layers(u.size)
        grain = self.grain(u, v, s)

        for side, back, mid, radius in self.lesions:
            r = np.sqrt((u - side * a) ** 2 + (v - back * b) ** 2 + (0.35 * (s - mid)) ** 2)
            out.add("lesion", cord * soft(radius * 0.8 - r, 1.0), grain)
        grey = soft((butterfly(x, y) - threshold) * scale, max(width, 0.3))
        out.add("csf", cord * soft(0.15 - np.sqrt(u * u + (v - 0.05 * b) ** 2), width))
        out.add("grey_matter", cord * grey, grain)
        out.add("white_matter", cord - cord * grey, grain)
        # what the cord leaves of its pixel belongs to what lies outside
        outside = np.clip(out.rest, 0, 1)
        out.rest = outside * soft(sac, width)
        covered = 1 - outside * (1 - soft(sac + 0.35, width))
        dura = np.clip(covered - (1 - outside) - out.rest, 0, 1)
        out.fractions[TISSUES.index("ligament")] += dura

        artery = 0.45 - np.sqrt(u * u + (v - 1.04 * b) ** 2)
        out.add("blood", soft(artery, width))
        self._strands(out, u, v, s, a, b, rl, width)
        flow = np.clip(0.25 + 0.55 * self.patches(u, v, s), 0, 1)
        near = np.exp(-(((depth + 1.0) / 0.9) ** 2))
        pulsation = out.rest * flow * (0.25 + 0.75 * near) * (0.6 + 0.4 * (v > 0))
        out.add("csf", np.ones_like(u))
        return np.concatenate([out.fractions, pulsation[None]]), covered

    def _strands(self, out, u, v, s, a, b, rl, width) -> None:  # type: ignore[no-untyped-def]
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
