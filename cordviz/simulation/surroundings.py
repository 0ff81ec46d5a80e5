"""Everything around the dural sac: bone, discs, muscle, fat, vessels, airway, skull base.

The picture that a cord is found in, not a truth to measure: sizes are typical values [T] except
those of vertebral bodies and discs, and edges are softened over one voxel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .anatomy import Anatomy, rounded_norm
from .bones import paint_arches, paint_epidural_space, paint_skull
from .layers import Array, Layers, Noise, Points, ellipse, soft
from .tissues import TISSUES

# length of the spinous process C1 to T5 in mm, vertebral body half width and half depth
_SPINOUS = (5.0, 20.0, 13.0, 13.0, 15.0, 20.0, 30.0, 33.0, 34.0, 34.0, 34.0, 34.0)
_BODY_RL = (5.5, 9.5, 10.0, 10.5, 11.0, 12.0, 13.0, 14.0, 14.0, 14.0, 14.0, 14.0)
_BODY_AP = (5.5, 7.5, 8.0, 8.0, 8.2, 8.4, 8.8, 9.0, 9.5, 10.0, 10.0, 10.0)
_COLUMNS = ("s", "level", "phase", "to_disc", "body_rl", "body_ap", "spinous", "rl", "ap", "shift")
_LEVEL, _PHASE = 1, 2


class Surroundings:
    """Paint the neck around the dural sac of one anatomy."""

    def __init__(self, rng: np.random.Generator, anatomy: Anatomy) -> None:
        """Draw sizes, positions and textures."""
        a = anatomy
        self._slow, self._mid = Noise(rng, 26, 3), Noise(rng, 9, 4)
        self._fine, self._grain = Noise(rng, 4.5, 4), Noise(rng, 2.3, 4)
        level = np.clip(a.level, 1, 12.99)
        k = np.floor(level).astype(int)
        n = np.arange(1, 13) + 0.5
        near = np.clip(np.rint(level), 3, 12).astype(int)
        to_disc = a.s - a.disc_s[near]
        body_rl = np.interp(level, n, _BODY_RL) * a.size
        body_ap = np.interp(level, n, _BODY_AP) * a.size
        body_ap = body_ap - 0.09 * np.minimum(np.abs(to_disc), 8)  # bodies have a waist
        spinous = np.array(_SPINOUS)[k - 1] * a.size
        columns = [a.s, a.level, level - k, to_disc, body_rl, body_ap, spinous]
        columns += [a.sac_rl, a.sac_ap, a.sac_shift]
        self._table = np.stack(columns).astype(np.float32)
        draw = rng.uniform(0.85, 1.15, 12).tolist()  # Python floats keep arrays in float32
        self._fat_mm = 6.0 * draw[0] ** 3
        self._disc_mm = 4.1 * draw[1]
        self._carotid = (24 * draw[2], 21 * draw[3], 3.1 * draw[4])
        self._jugular = (30 * draw[5], 21 * draw[6], 4.6 * draw[7])
        self._artery = np.float32(1.7 * draw[8]), np.float32(1.7 * draw[9])
        self._airway_mm = (9.0 * draw[10], 6.5 * draw[11])
        self._septum = rng.uniform(0.3, 0.7)
        # discs lose water with age: the share of the nucleus that is still bright
        self._hydration = rng.uniform(0.15, 0.75, 14).astype(np.float32)
        self._swing = rng.uniform(0.2, 1.0, 14).astype(np.float32)
        self._shim = rng.normal(0, 6.0, 2).tolist()

    def paint(self, index: Array, u: Array, v: Array, sac: Array, width: float) -> Array:
        """Tissue fractions at straightened points, shape (T, M), edges `width` mm soft.

        `sac` is `Anatomy.sac_depth` there.
        """
        fractions = np.zeros((len(TISSUES), u.size), dtype=np.float32)
        table = dict(zip(_COLUMNS, np.take(self._table, index, axis=1), strict=True))
        front = table["shift"] + table["ap"] + np.float32(0.9)
        slow = self._slow(u, v, table["s"])
        skin = _skin_depth(table["level"], u, v, slow)
        inside: Any = np.flatnonzero(skin > -width)  # most of a full field of view is air
        if inside.size == 0:
            return fractions
        if inside.size == u.size:
            inside = slice(None)
        part = {name: column[inside] for name, column in table.items()}
        u, v, slow, front = u[inside], v[inside], slow[inside], front[inside]
        s, shift, ap = part["s"], part.pop("shift"), part.pop("ap")
        mid, fine = self._mid(u, v, s), self._fine(u, v, s)
        p = Points(
            **part, u=u, v=v, side=np.abs(u), front=front, back=shift - ap - np.float32(1.2),
            wall=sac[inside] + np.float32(1.1) + 0.25 * mid + 0.35 * soft(-v - 4, 3.0),
            skin=skin[inside], slow=slow, mid=mid, fine=fine,
            speckle=0.6 * self._grain(u, v, s) + 0.6 * fine,
            neck=soft(part["level"] - 0.75, 0.3), width=width,
        )  # fmt: skip
        out = Layers(p.u.size)
        out.add(None, soft(-p.skin, width))
        out.add("skin", soft(1.6 - p.skin, width), p.speckle)
        paint_skull(out, p)
        paint_epidural_space(out, p)
        self._paint_vessels(out, p)
        self._paint_column(out, p)
        paint_arches(out, p)
        self._paint_airway(out, p)
        self._paint_soft_tissue(out, p)
        fractions[:, inside] = out.fractions
        return fractions

    def field_hz(self, index: Array, u: Array, v: Array) -> Array:
        """Off-resonance at 3 T in Hz and its slope along the neck in Hz/mm, shape (2, M).

        Discs and bodies alternate, the airway lies in front and the lungs begin below T1: a
        smooth model of the reported pattern; amplitudes are typical values [T].
        """
        level, phase = self._table[_LEVEL, index], self._table[_PHASE, index]
        wave = 2 * np.pi * phase
        swing = 6 * self._swing[np.clip(np.rint(level), 0, 13).astype(int)]
        lungs = np.exp(-np.clip(9.5 - level, 0, None) / 1.1)
        airway = np.exp(-((v - 32) ** 2 + u * u) / 300)
        field = swing * np.cos(wave) + 70 * lungs + 40 * airway
        field += self._shim[0] + self._shim[1] * u / 20
        slope = (swing * np.sin(wave) * 2 * np.pi - 70 * lungs / 1.1) / 17.5
        return np.stack([field, slope]).astype(np.float32)

    def _paint_vessels(self, out: Layers, p: Points) -> None:
        """Vertebral arteries in their foramina, carotids and jugular veins."""
        if p.v.max() < p.front.min() - 1:
            return
        radius = np.where(p.u < 0, *self._artery)
        depth = radius - np.hypot(p.side - p.rl - 5.2, p.v - p.front - 2.5)
        below = (p.level > 1.2).astype(np.float32)
        out.add("blood", soft(depth, p.width) * below)
        out.add("fat", soft(depth + 0.9, p.width) * below * 0.6)
        for x, y, r in (self._carotid, self._jugular):
            center = (x + (p.level - 4) + 0.05 * p.u, p.front + y - 9)
            depth = ellipse(p.side, p.v, center, (r, r * 0.85))
            out.add("blood", soft(depth, p.width))
            out.add("ligament", soft(depth + 0.7, p.width) * 0.5)

    def _paint_column(self, out: Layers, p: Points) -> None:
        """Vertebral bodies with marrow and cortex, discs, longitudinal ligaments, dens."""
        if p.v.max() < p.front.min() - 2:
            return
        w, waist = p.width, np.abs(p.to_disc)
        rl = p.body_rl * 1.06 - 0.22 * np.minimum(waist, 8)
        center = p.front + p.body_ap + 0.3 - 0.2 * np.minimum(waist, 3)
        x, y = p.u / rl, (p.v - center) / p.body_ap
        # flat behind, round in front
        r = np.where(y < 0, rounded_norm(x, y), np.sqrt(x * x + y * y))
        ring = (1 - r) * np.minimum(rl, p.body_ap) + 0.25 * p.mid
        gate = p.neck * (p.level > 1.12)
        # discs: thick in the middle, thinner behind than in front
        flat = 1 - 0.45 * np.clip(-y, 0, 1) ** 2 - 0.3 * np.clip(y, 0, 1) ** 2
        half = 0.5 * self._disc_mm * flat * ((p.level > 2.5) & (p.level < 13))
        in_disc = half - waist
        disc = soft(np.minimum(in_disc, ring + 0.7), w) * gate
        nucleus = np.minimum(in_disc + 0.2, ring - 1.8 - 1.2 * (y > 0))
        wet = self._hydration[np.clip(np.rint(p.level), 0, 13).astype(int)]
        out.add("disc", disc * soft(nucleus, 2.5 * w) * wet, p.speckle)
        out.add("ligament", disc * 0.5)
        out.add("muscle", disc, p.speckle)
        height = np.where(p.level < 1.98, (p.level - 1.1) * 14, -in_disc)
        # a smooth minimum rounds the corners
        corner = np.clip(1 - np.abs(ring - height) / 2.5, 0, 1)
        shell = np.minimum(ring, height) - 0.6 * corner * corner
        vein = np.exp(-((p.u / 3) ** 2) - ((waist - 8) / 1.4) ** 2 - ((y + 0.7) / 0.4) ** 2)
        inner = soft(shell - 0.85, w) * gate
        out.add("blood", inner * vein * 0.35)
        out.add("marrow", inner, 1.2 * p.speckle + 0.8 * p.mid)
        out.add("bone", soft(shell, w) * gate)
        out.add("ligament", soft(ring + 1.1, w) * gate * (p.v > center) * (p.side < 9))
        # anterior arch of C1, in front of the dens
        arch = ellipse(p.u, p.v, (0.0, center + p.body_ap + 3.6 - 0.02 * p.u**2), (9.0, 3.2))
        arch = np.minimum(arch, 5.5 - np.abs(p.level - 1.5) * 14)
        out.add("marrow", soft(arch - 0.9, w), p.speckle)
        out.add("bone", soft(arch, w))

    def _paint_airway(self, out: Layers, p: Points) -> None:
        """Pharynx and trachea with their mucosa, oesophagus, thyroid gland, tongue."""
        if p.v.max() < p.front.min() + 8:
            return
        w, u, v = p.width, p.u, p.v
        trachea = np.clip(p.level - 4.5, 0, 1)
        center = (0.6 * p.slow, p.front + 2 * p.body_ap + 9.5 + 5.5 * trachea)
        width, depth_mm = self._airway_mm
        half = (width * (1.25 - 0.35 * trachea), depth_mm * (0.75 + 0.4 * trachea))
        depth = ellipse(u, v, center, half)
        on = soft(p.level - 0.3, 0.5)
        out.add(None, soft(depth + 0.3 * p.mid, w) * on)
        out.add("mucosa", soft(depth + 1.8, w) * on, p.speckle)
        out.add("muscle", soft(depth + 3.6, w) * on, p.speckle)
        gullet = ellipse(u, v, (2.0, center[1] - 9.5), (6.0, 2.6))
        low = soft(p.level - 5.6, 0.5)
        out.add("mucosa", soft(gullet - 1.0, w) * low * 0.7, p.speckle)
        out.add("muscle", soft(gullet, w) * low, p.speckle)
        gland = ellipse(p.side, v, (13.0, center[1] + 1), (6.5, 9.0)) + 0.4 * p.mid
        here = soft(1.3 - np.abs(p.level - 6.6), 0.3)
        out.add("mucosa", soft(gland, w) * here * 0.8, p.speckle)
        tongue = soft(ellipse(u, v, (0.0, p.front + 62), (24.0, 30.0)) + p.mid, w)
        tongue = tongue * soft(3.6 - p.level, 0.6)
        out.add("fat", tongue * np.clip(0.25 + 0.15 * p.mid, 0, 1), p.speckle)
        out.add("muscle", tongue, p.speckle)

    def _paint_soft_tissue(self, out: Layers, p: Points) -> None:
        """Muscles in layers, fat between them and under the skin: whatever is left."""
        u, v, slow, mid = p.u, p.v, p.slow, p.mid
        behind = soft(6 - v, 8.0)
        thick = self._fat_mm * (0.45 + 0.75 * behind + 0.25 * np.clip(p.level - 5, 0, 4))
        out.add("fat", soft(thick + 0.8 * slow - p.skin + 1.6, p.width), p.speckle)
        # deep neck muscles lie in shells around the arches, parted by fat
        radius = np.sqrt(u * u + (0.85 * (v + 8)) ** 2) + 1.6 * slow + 0.5 * mid
        gap = np.abs((radius - 15.0) % 8.5 - 4.25) - 4.25 + self._septum + 0.25 * mid
        gap = np.where(radius > 15, gap, -1.0)
        angle = np.arctan2(p.side, -(v + 6)) * np.minimum(radius, 40)
        cleft = np.abs((angle + 8.5 + 2.5 * slow) % 17.0 - 8.5) - 8.5 + 0.45 + 0.3 * mid
        raphe = 0.5 + 0.35 * slow - np.abs(u + 0.4 * slow)
        raphe = np.where(v < p.back - 4, raphe, -1.0)
        streaks = 0.45 * (p.fine + 0.5 * mid - 2.05)
        fat = np.maximum(np.maximum(gap, cleft), np.maximum(raphe, streaks))
        # in front, between the viscera, fat dominates and muscles are straps
        visceral = np.minimum(v - p.front - 6, p.side - 9 + 0.6 * (v - p.front - 16))
        straps = 4.5 - np.abs((radius + 4) % 13 - 6.5) + 1.2 * mid
        fat = np.where(visceral > 0, np.maximum(fat, -straps), fat)
        out.add("fat", soft(fat, 1.3 * p.width) * np.float32(0.85), p.speckle)
        out.add("muscle", np.ones_like(u), p.speckle + 0.5 * slow)


def _skin_depth(level: Array, u: Array, v: Array, slow: Array) -> Array:
    """Depth below the skin: a neck that widens to head and shoulders."""
    low = np.clip(level - 6.5, 0, 5)
    high = np.clip(3.5 - level, 0, 4)
    half_rl = 58 + 9 * low * low + 5 * high
    chin = np.clip(4.2 - level, 0, 1)
    half_ap = np.where(v > 5, 46 + 30 * chin + 4 * high + 6 * low, 58 + 6 * low + 2 * high)
    r = rounded_norm(u / half_rl, (v - 5) / half_ap)
    return (1 - r) * np.minimum(half_rl, half_ap) + 0.8 * slow
