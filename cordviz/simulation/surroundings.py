"""Everything around the dural sac: bone, discs, muscle, fat, vessels, airway, skull base.

The picture that a cord is found in, not a truth to measure: sizes are typical values [T] except
those of vertebral bodies and discs, and edges are softened over one voxel.
"""

from __future__ import annotations

import numpy as np

from .anatomy import Anatomy, rounded_norm
from .tissues import TEXTURE, TISSUES

Array = np.ndarray
_INDEX = {name: i for i, name in enumerate(TISSUES)}
# length of the spinous process C1 to T4 in mm, vertebral body half width and half depth
_SPINOUS = (5.0, 20.0, 13.0, 13.0, 15.0, 20.0, 30.0, 33.0, 34.0, 34.0, 34.0, 34.0)
_BODY_RL = (5.5, 9.5, 10.0, 10.5, 11.0, 12.0, 13.0, 14.0, 14.0, 14.0, 14.0, 14.0)
_BODY_AP = (5.5, 7.5, 8.0, 8.0, 8.2, 8.4, 8.8, 9.0, 9.5, 10.0, 10.0, 10.0)


class Layers:
    """Tissue fractions of points, painted front to back: what comes first covers the rest."""

    def __init__(self, n: int) -> None:
        self.fractions = np.zeros((len(TISSUES), n), dtype=np.float32)
        self.rest = np.ones(n, dtype=np.float32)

    def add(self, tissue: str | None, alpha: Array, texture: Array | None = None) -> None:
        """Cover with a tissue (None is air) where alpha is above 0, optionally textured."""
        if not alpha.max() > 0:  # most structures are absent from most slices
            return
        part = self.rest * alpha
        self.rest -= part
        if tissue is not None:
            row = _INDEX[tissue]
            if texture is not None:
                part *= 1 + TEXTURE[row] * texture
            self.fractions[row] += part


class Noise:
    """Smooth unit-variance random field: a few plane waves around one wavelength in mm."""

    def __init__(self, rng: np.random.Generator, wavelength: float, waves: int = 4) -> None:
        direction = rng.standard_normal((waves, 3))
        direction[:, 2] *= 0.5  # structures run along the neck
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        speed = 2 * np.pi / (wavelength * rng.uniform(0.6, 1.6, (waves, 1)))
        self.k = (direction * speed).astype(np.float32)
        self.phase = rng.uniform(0, 2 * np.pi, waves).astype(np.float32)

    def __call__(self, u: Array, v: Array, s: Array) -> Array:
        total = np.zeros_like(u)
        for (a, b, c), phase in zip(self.k, self.phase, strict=True):
            total += np.sin(a * u + b * v + c * s + phase)
        return total * np.float32(np.sqrt(2 / len(self.k)))


def soft(depth: Array, width: float) -> Array:
    """Fraction of a voxel inside a surface at `depth` mm (positive inside), linear edge."""
    return np.clip(depth / np.float32(width) + np.float32(0.5), 0, 1)


def ellipse(u: Array, v: Array, center: tuple, half: tuple) -> Array:
    """Approximate depth in mm inside an ellipse."""
    x, y = (u - center[0]) / half[0], (v - center[1]) / half[1]
    return (1 - np.sqrt(x * x + y * y)) * np.minimum(half[0], half[1])


class Surroundings:
    """Paint the neck around the dural sac of one anatomy."""

    def __init__(self, rng: np.random.Generator, anatomy: Anatomy) -> None:
        self.anatomy = a = anatomy
        self.slow, self.mid = Noise(rng, 26), Noise(rng, 9)
        self.fine, self.grain = Noise(rng, 4.5, 5), Noise(rng, 2.3, 6)
        level = np.clip(a.level, 1, 12.99)
        k = np.floor(level).astype(int)
        n = np.arange(1, 13) + 0.5
        near = np.clip(np.rint(level), 3, 12).astype(int)
        to_disc = a.s - a.disc_s[near]
        size = a.size
        body_rl = np.interp(level, n, _BODY_RL) * size
        body_ap = np.interp(level, n, _BODY_AP) * size
        body_ap = body_ap - 0.09 * np.minimum(np.abs(to_disc), 8)  # bodies have a waist
        spinous = np.array(_SPINOUS)[k - 1] * size
        columns = [a.s, a.level, level - k, to_disc, body_rl, body_ap, spinous]
        self.table = np.stack([*columns, a.sac_rl, a.sac_ap, a.sac_shift], 1).astype(np.float32)
        draw = rng.uniform(0.85, 1.15, 12).tolist()  # float32 stays float32
        self.fat_mm = 6.0 * draw[0] ** 3
        self.disc_mm = 4.1 * draw[1]
        self.carotid = (24 * draw[2], 21 * draw[3], 3.1 * draw[4])
        self.jugular = (30 * draw[5], 21 * draw[6], 4.6 * draw[7])
        self.artery = 1.7 * draw[8], 1.7 * draw[9]
        self.airway = (9.0 * draw[10], 6.5 * draw[11])
        # discs lose water with age: the share of the nucleus that is still bright
        self.hydration = rng.uniform(0.15, 0.75, 14).astype(np.float32)
        self.swing = rng.uniform(0.2, 1.0, 14)
        self.septum = rng.uniform(0.3, 0.7)
        self.shim = rng.normal(0, 6.0, 2).tolist()

    def paint(self, index: Array, u: Array, v: Array, sac: Array, width: float) -> Array:
        """Tissue fractions at straightened points.

        Parameters
        ----------
        index, u, v : ndarray of shape (M,)
            As returned by `Anatomy.locate`.
        sac : ndarray of shape (M,)
            `Anatomy.sac_depth` there.
        width : float
            Edge softness in mm, about one voxel.

        Returns
        -------
        ndarray of shape (T, M), float32
        """
        fractions = np.zeros((len(TISSUES), u.size), dtype=np.float32)
        shift, ap = self.table[index, 9], self.table[index, 8]
        front = shift + ap + np.float32(0.9)  # back of the vertebral bodies
        slow = self.slow(u, v, self.table[index, 0])
        skin = self._skin(self.table[index, 1], u, v, front, slow)
        inside = np.flatnonzero(skin > -width)  # most of a full field of view is air
        if inside.size:
            parts = (index, u, v, sac, front, slow, skin)
            fractions[:, inside] = self._paint(*(p[inside] for p in parts), w=width)
        return fractions

    def _paint(self, index, u, v, sac, front, slow, skin, *, w) -> Array:  # type: ignore[no-untyped-def]
        s, level, phase, to_disc, body_rl, body_ap, spinous, rl, ap, shift = self.table[index].T
        out = Layers(u.size)
        mid, fine, grain = self.mid(u, v, s), self.fine(u, v, s), self.grain(u, v, s)
        speckle = 0.6 * grain + 0.6 * fine
        # surface of the bony canal, and the front of the laminae
        wall = sac + np.float32(1.1) + 0.25 * mid + 0.35 * soft(-v - 4, 3.0)
        back = shift - ap - np.float32(1.2)
        side = np.abs(u)
        out.add(None, soft(-skin, w))
        out.add("skin", soft(1.6 - skin, w), speckle)
        self._skull(out, s, level, u, v, front, mid, speckle, w)
        neck = soft(level - 0.75, 0.3)
        self._epidural(out, wall, to_disc, side, v, mid, speckle, neck, w)
        self._vessels(out, level, u, v, front, rl, w)
        self._column(out, level, to_disc, u, v, front, body_rl, body_ap, mid, speckle, neck, w)
        self._arches(out, wall, phase, to_disc, u, v, back, rl, spinous, mid, speckle, neck, w)
        self._airway(out, level, u, v, front, body_ap, slow, mid, speckle, w)
        self._soft_tissue(out, skin, level, u, v, front, back, slow, mid, fine, speckle, w)
        return out.fractions

    def field_hz(self, index: Array, u: Array, v: Array) -> Array:
        """Off-resonance in Hz and its slope along the neck in Hz/mm, shape (2, M).

        Discs and bodies alternate, the airway lies in front and the lungs begin below T1: a
        smooth model of the reported pattern at 3 T; amplitudes are typical values [T].
        """
        s, level, phase = self.table[index, :3].T
        wave = 2 * np.pi * phase
        fade = self.swing[np.clip(np.rint(level), 0, 13).astype(int)]
        lungs = np.exp(-np.clip(9.5 - level, 0, None) / 1.1)
        airway = np.exp(-((v - 32) ** 2 + u * u) / 300)
        field = 6 * np.cos(wave) * fade + 70 * lungs + 40 * airway
        field += self.shim[0] + self.shim[1] * u / 20
        slope = (6 * np.sin(wave) * fade * 2 * np.pi - 70 * lungs / 1.1) / 17.5
        return np.stack([field, slope]).astype(np.float32)

    def _skin(self, level: Array, u: Array, v: Array, front: Array, slow: Array) -> Array:
        """Depth below the skin: a neck that widens to head and shoulders."""
        low = np.clip(level - 6.5, 0, 5)
        high = np.clip(3.5 - level, 0, 4)
        half_rl = 58 + 9 * low * low + 5 * high
        chin = np.clip(4.2 - level, 0, 1)
        half_ap = np.where(v > 5, 46 + 30 * chin + 4 * high + 6 * low, 58 + 6 * low + 2 * high)
        x, y = u / half_rl, (v - 5) / half_ap
        return (1 - rounded_norm(x, y)) * np.minimum(half_rl, half_ap) + 0.8 * slow

    def _skull(self, out, s, level, u, v, front, mid, speckle, w) -> None:  # type: ignore[no-untyped-def]
        """Posterior fossa with cerebellum, occipital bone and clivus, above C1."""
        up = (0.75 - level) * 15.0  # mm above the foramen magnum
        if not (up > -8).any():
            return
        on = soft(up + 3, 4.0)
        grow = np.sqrt(np.clip(up + 3, 0.0, None))
        half = (10 + 6.2 * grow, 9 + 4.6 * grow)
        center = (np.zeros_like(u), -0.55 * half[1] + 6)
        inside = ellipse(u, v, center, half) + 0.5 * mid
        folia = np.sin(1.6 * np.sqrt((v + 4) ** 2 + (s - s.max()) ** 2) + 1.5 * mid)
        lobe = np.minimum(inside - 2.0, -v - 9 - 0.15 * up + 0.1 * u * u / 20)
        brain = soft(lobe, w) * on
        out.add("csf", brain * (0.12 + 0.12 * (folia > 0.7)))
        out.add("grey_matter", brain, speckle)
        out.add("csf", soft(inside, w) * on * soft(up, 4.0))
        out.add("bone", soft(inside + 1.2, w) * on)
        clivus = np.minimum(9 + 0.25 * up - np.abs(u), np.minimum(v - front + 4, front + 8 - v))
        out.add("marrow", soft(np.minimum(clivus - 1, up - 4), w), speckle)
        out.add("marrow", soft(inside + 5.5 + mid, w) * on * (v < -4), speckle)
        out.add("bone", soft(np.maximum(clivus, (inside + 7.0) * (v < -4)), w) * on)

    def _epidural(self, out, wall, to_disc, side, v, mid, speckle, neck, w) -> None:  # type: ignore[no-untyped-def]
        """Fat behind, longitudinal ligament in front, veins at the sides of the dural sac."""
        inside = soft(wall, w) * neck
        ligament = soft(np.minimum(8 - side, v - 3.5), 2.0)
        out.add("ligament", inside * ligament * 0.8)
        veins = soft(v + 1 + mid, 2.0) * soft(side - 6, 2.0)
        out.add("blood", inside * veins * 0.35)
        # fat gathers behind, in the midline and between the laminae
        fat = soft(-v - 3.5 + 0.6 * mid, 2.0) * soft(4.0 - side, 3.0)
        out.add("fat", inside * fat * (0.25 + 0.6 * soft(4 - np.abs(to_disc), 4.0)), speckle)
        out.add("ligament", inside * 0.7)
        out.add("fat", inside * 0.4, speckle)
        out.add("muscle", inside, speckle)

    def _vessels(self, out, level, u, v, front, rl, w) -> None:  # type: ignore[no-untyped-def]
        side = np.abs(u)
        radius = np.where(u < 0, *(np.float32(r) for r in self.artery))
        depth = radius - np.hypot(side - rl - 5.2, v - front - 2.5)
        below = (level > 1.2).astype(np.float32)
        out.add("blood", soft(depth, w) * below)
        out.add("fat", soft(depth + 0.9, w) * below * 0.6)
        for x, y, r in (self.carotid, self.jugular):
            center = (x + 1.0 * (level - 4) + 0.05 * u, front + y - 9)
            depth = ellipse(side, v, center, (r, r * 0.85))
            out.add("blood", soft(depth, w))
            out.add("ligament", soft(depth + 0.7, w) * 0.5)

    def _column(  # type: ignore[no-untyped-def]
        self, out, level, to_disc, u, v, front, body_rl, body_ap, mid, speckle, neck, w
    ) -> None:
        """Vertebral bodies with marrow and cortex, discs, longitudinal ligaments, dens."""
        waist = np.abs(to_disc)
        dens = level < 1.98
        rl = body_rl * 1.06 - 0.22 * np.minimum(waist, 8)
        center = front + body_ap + 0.3 - 0.2 * np.minimum(waist, 3)
        x, y = u / rl, (v - center) / body_ap
        # flat behind, round in front
        r = np.where(y < 0, rounded_norm(x, y), np.sqrt(x * x + y * y))
        ring = (1 - r) * np.minimum(rl, body_ap) + 0.25 * mid
        # discs: thick in the middle, thinner behind than in front
        flat = 1 - 0.45 * np.clip(-y, 0, 1) ** 2 - 0.3 * np.clip(y, 0, 1) ** 2
        has_disc = (level > 2.5) & (level < 13)
        half = 0.5 * self.disc_mm * flat * has_disc
        in_disc = half - np.abs(to_disc)
        gate = neck * (level > 1.12)
        nucleus = np.minimum(in_disc + 0.2, ring - 1.8 - 1.2 * (y > 0))
        disc = soft(np.minimum(in_disc, ring + 0.7), w) * gate
        wet = self.hydration[np.clip(np.rint(level), 0, 13).astype(int)]
        out.add("disc", disc * soft(nucleus, 2.5 * w) * wet, speckle)
        out.add("ligament", disc * 0.5)
        out.add("muscle", disc, speckle)
        height = np.where(dens, (level - 1.1) * 14, -in_disc)
        # round the corners: a smooth minimum
        shell = np.minimum(ring, height) - np.clip(1 - np.abs(ring - height) / 2.5, 0, 1) ** 2 * 0.6
        basivertebral = np.exp(-((u / 3) ** 2) - ((waist - 8) / 1.4) ** 2 - ((y + 0.7) / 0.4) ** 2)
        inner = soft(shell - 0.85, w) * gate
        out.add("blood", inner * basivertebral * 0.35)
        out.add("marrow", inner, 1.2 * speckle + 0.8 * mid)
        out.add("bone", soft(shell, w) * gate)
        out.add("ligament", soft(ring + 1.1, w) * gate * (v > center) * (np.abs(u) < 9))
        # anterior arch of C1, in front of the dens
        arch = ellipse(u, v, (0.0, center + body_ap + 3.6 - 0.02 * u * u), (9.0, 3.2))
        arch = np.minimum(arch, 5.5 - np.abs(level - 1.5) * 14)
        out.add("marrow", soft(arch - 0.9, w), speckle)
        out.add("bone", soft(arch, w))

    def _arches(  # type: ignore[no-untyped-def]
        self, out, wall, phase, to_disc, u, v, back, rl, spinous, mid, speckle, neck, w
    ) -> None:
        """Laminae, articular pillars, pedicles, spinous processes, flaval ligament, foramina."""
        side = np.abs(u)
        # laminae slope down: their middle lies in the lower half of the level
        lamina = np.minimum(-wall - 0.2, wall + 5.0)
        lamina = np.minimum(lamina, 5.5 - np.abs(phase - 0.62) * 15)
        lamina = np.minimum(lamina, 1.5 - v)
        pillar = ellipse(u, v, (np.sign(u) * (rl + 7.5), -2.5), (6.3, 5.5)) + 0.3 * mid
        facet = to_disc + 0.9 * (v + 2.5)
        joint = np.abs(facet) - 0.5
        pedicle = np.minimum(2.8 - np.abs(v - 3.5), 3.6 - np.abs(phase - 0.4) * 16)
        pedicle = np.minimum(pedicle, np.minimum(-wall, rl + 9 - side))
        transverse = ellipse(u, v, (np.sign(u) * (rl + 6.5), back * 0 + 7.0), (6.5, 4.0))
        transverse = np.minimum(transverse, 3.0 - np.abs(phase - 0.45) * 15)
        reach = back - v  # distance behind the canal
        drop = (phase - 0.62) * 16 - 0.4 * np.clip(reach - 3, 0, 30)  # mm below the lamina
        process = 1 - rounded_norm((reach - spinous / 2) / (spinous / 2 + 2), drop / 4.6)
        process = np.minimum(4 * process, 2.0 + 0.05 * reach + 0.3 * mid - side)
        bony = np.maximum(np.maximum(lamina, process), np.maximum(pedicle, transverse))
        bony = np.maximum(bony, np.minimum(pillar, joint + 0.6)) + 0.15 * mid
        out.add("marrow", soft(bony - 1.15, w) * neck, 1.2 * speckle)
        out.add("disc", soft(np.minimum(pillar - 1, -joint - 0.1), w) * neck * 0.2)
        out.add("bone", soft(bony, w) * neck)
        flavum = np.minimum(np.minimum(-wall, wall + 2.6), -1.0 - v)
        out.add("ligament", soft(flavum, w) * neck * 0.75)
        # nerve root with its ganglion in the fat of the foramen, at disc height
        near = soft(3.5 - np.abs(to_disc + 1.5), 2.0) * neck
        along = (side - rl - 1.0) / 12.0
        root = np.minimum(1.9 + 0.8 * np.sin(3 * along) - np.abs(v - 2.5 - 4 * along), 13 * along)
        root = np.minimum(root, 13 * (1.2 - along))
        out.add("mucosa", soft(root, w) * near, speckle)
        out.add("fat", soft(root + 1.3, w) * near, speckle)

    def _airway(self, out, level, u, v, front, body_ap, slow, mid, speckle, w) -> None:  # type: ignore[no-untyped-def]
        """Pharynx and trachea with their mucosa, oesophagus, thyroid gland, tongue."""
        trachea = np.clip(level - 4.5, 0, 1)
        center = (0.6 * slow, front + 2 * body_ap + 9.5 + 5.5 * trachea)
        width = self.airway[0] * (1.25 - 0.35 * trachea)
        depth = ellipse(u, v, center, (width, self.airway[1] * (0.75 + 0.4 * trachea)))
        on = soft(level - 0.3, 0.5)
        out.add(None, soft(depth + 0.3 * mid, w) * on)
        out.add("mucosa", soft(depth + 1.8, w) * on, speckle)
        out.add("muscle", soft(depth + 3.6, w) * on, speckle)
        gullet = ellipse(u, v, (2.0, center[1] - 9.5), (6.0, 2.6))
        low = soft(level - 5.6, 0.5)
        out.add("mucosa", soft(gullet - 1.0, w) * low * 0.7, speckle)
        out.add("muscle", soft(gullet, w) * low, speckle)
        gland = ellipse(np.abs(u), v, (13.0, center[1] + 1), (6.5, 9.0)) + 0.4 * mid
        out.add("mucosa", soft(gland, w) * soft(1.3 - np.abs(level - 6.6), 0.3) * 0.8, speckle)
        tongue = ellipse(u, v, (0.0 * u, front + 62), (24.0, 30.0)) + mid
        mouth = soft(3.6 - level, 0.6)
        out.add("fat", soft(tongue, w) * mouth * np.clip(0.25 + 0.15 * mid, 0, 1), speckle)
        out.add("muscle", soft(tongue, w) * mouth, speckle)

    def _soft_tissue(  # type: ignore[no-untyped-def]
        self, out, skin, level, u, v, front, back, slow, mid, fine, speckle, w
    ) -> None:
        """Muscles in layers, fat between them and under the skin."""
        behind = soft(6 - v, 8.0)
        thick = self.fat_mm * (0.45 + 0.75 * behind + 0.25 * np.clip(level - 5, 0, 4))
        out.add("fat", soft(thick + 0.8 * slow - skin + 1.6, w), speckle)
        # deep neck muscles lie in shells around the arches, parted by fat
        radius = np.sqrt(u * u + (0.85 * (v + 8)) ** 2) + 1.6 * slow + 0.5 * mid
        gap = np.abs((radius - 22.0 + 7.0) % 8.5 - 4.25) - 4.25 + self.septum + 0.25 * mid
        gap = np.where(radius > 15, gap, -1.0)
        angle = np.arctan2(np.abs(u), -(v + 6)) * np.minimum(radius, 40)
        cleft = np.abs((angle + 2.5 * slow) % 17.0 - 8.5) - 8.5 + 0.45 + 0.3 * mid
        raphe = 0.5 + 0.35 * slow - np.abs(u + 0.4 * slow)
        raphe = np.where(v < back - 4, raphe, -1.0)
        streaks = 0.45 * (fine + 0.5 * mid - 2.05)
        fat = np.maximum(np.maximum(gap, cleft), np.maximum(raphe, streaks))
        # in front, between the viscera, fat dominates and muscles are straps
        visceral = np.minimum(v - front - 6, np.abs(u) - 9 + 0.6 * (v - front - 16))
        straps = 4.5 - np.abs((radius + 4) % 13 - 6.5) + 1.2 * mid
        fat = np.where(visceral > 0, np.maximum(fat, -straps), fat)
        out.add("fat", soft(fat, 1.3 * w) * np.float32(0.85), speckle)
        out.add("muscle", np.ones_like(u), speckle + 0.5 * slow)
