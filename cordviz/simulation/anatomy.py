"""The continuous anatomy of one neck: centreline, cord surface, canal, levels.

Everything is a function of arc length ``s`` along the centreline (mm, 0 at disc C2/C3, superior
positive) and of ``u`` (right positive) and ``v`` (anterior positive) in the perpendicular plane.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.special import i0e

from .options import Options

# Norms of 203 healthy adults at 3 T, T2w (PAM50-normalized-metrics), C1 to T1: mean CSA in mm² of
# both sexes, of men, of women; its SD; cord AP and RL mm, canal AP and RL mm.
_CSA = {
    None: (74.0, 71.7, 72.5, 77.3, 76.4, 69.1, 56.8, 46.8),
    "M": (76.6, 74.1, 74.6, 79.05, 78.1, 70.9, 58.6, 48.3),
    "F": (71.1, 69.0, 70.2, 75.5, 74.5, 67.2, 54.8, 45.2),
}
_CSA_SD = (7.3, 6.9, 7.1, 7.5, 7.7, 7.8, 7.2, 5.5)
_AP = (8.27, 7.76, 7.59, 7.62, 7.47, 7.07, 6.56, 6.29)
_RL = (11.36, 11.73, 12.14, 12.93, 13.03, 12.44, 10.94, 9.41)
_ASPECT_CV = 0.080
_CANAL_AP = (16.1, 14.5, 13.1, 12.8, 12.8, 12.6, 12.8, 12.9)
_CANAL_RL = (23.2, 22.2, 20.8, 21.0, 21.2, 20.7, 19.7, 18.0)
_CANAL_CV = 0.085
_GM = (0.184, 0.194, 0.206, 0.214, 0.200, 0.214, 0.196, 0.174)
# Height of each level, disc to disc; C1 and below T1 typical values [T]
_PITCH = (14.5, 15.5, 18.5, 18.5, 16.5, 15.5, 17.0, 21.5, 22.0, 22.0, 22.5, 22.5)
# Pontomedullary junction to C2/C3: 64 ± 5 mm (Bédard 2022; SD [T])
_PMJ = 64.0
STEP = 0.25
_BOTTOM, _TOP = -175.0, 125.0


def along_cord_draws(rng: np.random.Generator, n: int, shared: float) -> np.ndarray:
    """Draw n unit-variance values along the cord, correlated: one factor plus a smooth rest."""
    lag = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    rest = np.linalg.cholesky(np.exp(-lag / 1.5)) @ rng.standard_normal(n)
    return np.sqrt(shared) * rng.standard_normal() + np.sqrt(1 - shared) * rest


class Anatomy:
    """Centreline, cord surface and canal of one person, as tables over arc length.

    In coordinates divided by half widths a(s) and b(s) the outline is
    ``ρ²(φ) = 1 + Σ c_k basis_k(φ)`` with bases of zero mean over φ. The area is the integral of
    ``ρ²/2``, so it is exactly ``π a b`` whatever the coefficients: flattening, asymmetry and the
    anterior median fissure change the shape and never the drawn area. The centreline runs through
    the centroids, so by Pappus' theorem the volume is exactly the integral of the area.
    """

    def __init__(self, rng: np.random.Generator, options: Options) -> None:
        """Draw levels, centreline, cord and canal, in this order."""
        self.options = options
        self.s = np.arange(_BOTTOM, _TOP + STEP / 2, STEP)
        self._draw_levels(rng)
        self._draw_centreline(rng)
        self._draw_cord(rng)
        self._draw_canal(rng)

    # ---- levels -------------------------------------------------------------------------------
    def _draw_levels(self, rng: np.random.Generator) -> None:
        size = 1.0 + 0.05 * np.clip(rng.standard_normal(), -2, 2)
        size *= {None: 1.0, "M": 1.025, "F": 0.975}[self.options.sex]
        pitch = np.array(_PITCH) * size * (1 + 0.025 * rng.standard_normal(len(_PITCH)))
        edges = np.concatenate([[0.0], -np.cumsum(pitch)])
        #: arc length of disc k at [k]; index 0 is unused
        self.disc_s = np.concatenate([[np.nan], edges - edges[2]])
        self.size = size
        discs = np.arange(1, len(self.disc_s))
        #: fractional level: 3.5 is mid-C3; extrapolated above C1
        extended = np.interp(self.s, self.disc_s[:0:-1], discs[::-1].astype(float))
        above = self.s > self.disc_s[1]
        self.level = np.where(above, 1 - (self.s - self.disc_s[1]) / 15.0, extended)
        self.pmj_s = _PMJ * size + 2.0 * np.clip(rng.standard_normal(), -2, 2)

    # ---- centreline ---------------------------------------------------------------------------
    def _draw_centreline(self, rng: np.random.Generator) -> None:
        o = self.options
        cobb = o.lordosis_deg
        if cobb is None:
            cobb = float(np.clip(12.7 + 8.0 * rng.standard_normal(), -10, 30))
        lean = 6.0 + 3.0 * rng.standard_normal(), 1.0 * rng.standard_normal()
        lean_ap, lean_rl = lean if o.tilt_deg is None else o.tilt_deg
        bend = 1.5 * rng.standard_normal()
        # angle of the tangent, from the top: brain stem, C2/C3, C7/T1, mid thoracic. Lordosis
        # is the fall of the angle from C7 up to C2; below T1 the curve turns back (kyphosis).
        knots = [_BOTTOM, -130.0, self.disc_s[8], self.disc_s[5], 0.0, 30.0, _TOP]
        fall = np.array([-0.9, -0.15, 0.5, 0.05, -0.5, -0.45, 0.1]) * cobb
        fall += np.array([-12.0, -5.0, 2.0, 0.0, 0.0, 2.0, 16.0])
        angle_ap = CubicSpline(knots, lean_ap + fall, bc_type="natural")(self.s)
        sway = np.sin(np.linspace(-np.pi, np.pi, self.s.size) + rng.uniform(0, 6.28))
        angle_rl = lean_rl + bend * sway
        limit = 50.0
        tan_ap = np.tan(np.deg2rad(np.clip(angle_ap, -limit, limit)))
        tan_rl = np.tan(np.deg2rad(angle_rl))
        t = np.stack([tan_rl, tan_ap, np.ones_like(tan_ap)], axis=1)
        t /= np.linalg.norm(t, axis=1, keepdims=True)
        mid = 0.5 * (t[1:] + t[:-1]) * STEP
        c = np.concatenate([np.zeros((1, 3)), np.cumsum(mid, axis=0)])
        # the scanner's isocentre is near C4/C5, give or take how the person lies
        origin = c[np.argmin(np.abs(self.s - self.disc_s[5]))]
        c += rng.normal(0, [1.5, 3.0, 4.0]) - origin
        right = np.array([1.0, 0, 0]) - t[:, :1] * t
        right /= np.linalg.norm(right, axis=1, keepdims=True)
        self.center, self.tangent, self.right = c, t, right
        self.front = np.cross(t, right)
        # where to start looking for the nearest point of a height
        self._bottom = float(c[0, 2])
        heights = np.arange(self._bottom, c[-1, 2], STEP)
        nearest = np.interp(heights, c[:, 2], np.arange(self.s.size))
        self._by_height = np.rint(nearest).astype(np.int32)
        kappa = np.gradient(t, STEP, axis=0)
        self._frame = np.concatenate([c, t, kappa, right, self.front], axis=1).T.astype(np.float32)

    def locate(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, ...]:
        """Straighten the neck: world mm to (index into the tables, u, v), arrays of one shape.

        A Newton step from the height leads to the nearest point of the centreline: within a
        tenth of a millimetre near the cord, less than a table step, and closely enough far out.
        """
        row = np.clip((z - self._bottom) / STEP, 0, self._by_height.size - 1).astype(np.int32)
        start = self._by_height[row]
        f = np.take(self._frame[:9], start, axis=1)
        dx, dy, dz = x - f[0], y - f[1], z - f[2]
        ahead = dx * f[3] + dy * f[4] + dz * f[5]
        bend = dx * f[6] + dy * f[7] + dz * f[8]
        steps = np.rint(ahead / (np.maximum(1 - bend, 0.25) * np.float32(STEP)))
        index = np.clip(start + steps.astype(np.int32), 0, self.s.size - 1)
        f = np.take(self._frame[[0, 1, 2, 9, 10, 11, 12, 13, 14]], index, axis=1)
        dx, dy, dz = x - f[0], y - f[1], z - f[2]
        u = dx * f[3] + dy * f[4] + dz * f[5]
        v = dx * f[6] + dy * f[7] + dz * f[8]
        return index, u, v

    # ---- cord ---------------------------------------------------------------------------------
    def _draw_cord(self, rng: np.random.Generator) -> None:
        o = self.options
        n = len(_CSA_SD)
        mean, sd = np.array(_CSA[o.sex]), np.array(_CSA_SD)
        if o.sex is not None:
            sd = sd * 0.96
        cv = np.sqrt(np.log1p((sd / mean) ** 2))
        csa = mean * np.exp(cv * along_cord_draws(rng, n, 0.75) - cv**2 / 2)
        csa *= 1 - o.atrophy_percent / 100
        aspect = np.array(_RL) / np.array(_AP)
        aspect = aspect * np.exp(_ASPECT_CV * along_cord_draws(rng, n, 0.6))
        # thoracic levels have no norms here: a constant slim cord [T]
        csa = np.concatenate([csa, csa[-1] * np.array([0.93, 0.92, 0.94, 0.95])])
        aspect = np.concatenate([aspect, [1.40, 1.32, 1.28, 1.26]])
        # The area profile is the slope of a spline through the cumulated volume at the discs,
        # so that the mean over each level is exactly the area drawn for it.
        length = -np.diff(self.disc_s[1:])
        volume = np.concatenate([[0.0], np.cumsum(csa * length)])
        depth = -self.disc_s[1:]
        ends = ((1, csa[0]), (1, csa[-1]))
        profile = CubicSpline(depth, volume, bc_type=ends).derivative()
        inside = np.clip(-self.s, depth[0], depth[-1])
        area = profile(inside)
        # medulla and pons widen above C1
        up = np.clip((self.s - self.disc_s[1]) / (self.pmj_s - self.disc_s[1]), 0, 1.3)
        area = area * (1 + 0.9 * up**2)
        at_mid = PchipInterpolator(depth[:-1] + length / 2, aspect)
        ratio = at_mid(np.clip(-self.s, depth[0] + length[0] / 2, depth[-2] + length[-1] / 2))
        ratio = ratio * (1 - 0.18 * np.minimum(up, 1))
        self.pinch = np.zeros_like(self.s)
        for disc, loss in (o.compression or {}).items():
            self.pinch += loss * np.exp(-(((self.s - self.disc_s[disc]) / 4.5) ** 2))
        area = area * (1 - self.pinch) * (1 + 0.3 * self.pinch)
        ratio = ratio * (1 + 0.3 * self.pinch) / (1 - self.pinch)
        self.area = area
        self.b = np.sqrt(area / np.pi / ratio)
        self.a = self.b * ratio
        # outline coefficients: sin 3φ and cos 4φ flatten, cos 3φ and sin 2φ make it lopsided,
        # then the depths of the anterior fissure and of the posterior sulcus
        scale = np.array([0.035, 0.02, 0.012, 0.015, 0.02, 0.012])
        mean_shape = np.array([-0.05, -0.02, 0.0, 0.0, 0.16, 0.06])
        knots = np.linspace(_BOTTOM, _TOP, 13)
        drift = along_cord_draws(rng, 13, 0.6)
        draws = mean_shape + scale * (0.8 * rng.standard_normal(6) + 0.6 * drift[:, None])
        draws[:, 4:] = np.clip(draws[:, 4:], 0.02, 0.3)
        self.shape_coef = CubicSpline(knots, draws)(self.s).T
        self._center_outline()
        gm = np.array(_GM) * (1 + 0.05 * rng.standard_normal())
        mids = depth[:8] + length[:8] / 2
        self.gm_fraction = np.interp(-self.s, mids, gm)
        self.cord = np.concatenate(
            [self.a[None], self.b[None], self.shape_coef, self._shift], axis=0
        ).astype(np.float32)

    def _center_outline(self) -> None:
        """Shift of the polar origin that puts the outline's centroid onto the centreline."""
        phi = np.linspace(0, 2 * np.pi, 240, endpoint=False)
        cos, sin = np.cos(phi), np.sin(phi)
        radius = np.sqrt(outline_squared(cos, sin, self.shape_coef[..., None]))
        cube = radius**3 / 3 * (2 * np.pi / phi.size)
        # area is π in normalised coordinates
        self._shift = np.stack([(cube * cos).sum(1), (cube * sin).sum(1)]) / np.pi
        # second moments of the outline about its centroid give the diameters of the ellipse
        quart = radius**4 / 4 * (2 * np.pi / phi.size)
        var_u = (quart * cos**2).sum(1) / np.pi - self._shift[0] ** 2
        var_v = (quart * sin**2).sum(1) / np.pi - self._shift[1] ** 2
        self.diameter_rl = 4 * self.a * np.sqrt(var_u)
        self.diameter_ap = 4 * self.b * np.sqrt(var_v)

    def cord_depth(
        self, shape: np.ndarray, u: np.ndarray, v: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distance to the cord surface along the ray from the axis (mm, positive inside).

        Also returns the point in coordinates normalised by the half widths; `shape` is
        ``cord[:, index]``.
        """
        x, y = u / shape[0] + shape[8], v / shape[1] + shape[9]
        r = np.sqrt(x * x + y * y) + np.float32(1e-6)
        surface = np.sqrt(outline_squared(x / r, y / r, shape[2:8]))
        length = np.sqrt((x * shape[0]) ** 2 + (y * shape[1]) ** 2)
        return (surface / r - 1) * length, x, y

    # ---- canal --------------------------------------------------------------------------------
    def _draw_canal(self, rng: np.random.Generator) -> None:
        mids = -(self.disc_s[1:9] + self.disc_s[2:10]) / 2
        ap = np.array(_CANAL_AP) * (1 + _CANAL_CV * along_cord_draws(rng, 8, 0.7))
        rl = np.array(_CANAL_RL) * (1 + _CANAL_CV * along_cord_draws(rng, 8, 0.7))
        half_ap = PchipInterpolator(mids, ap)(np.clip(-self.s, mids[0], mids[-1])) / 2
        half_rl = PchipInterpolator(mids, rl)(np.clip(-self.s, mids[0], mids[-1])) / 2
        # the sac opens into the cisterna magna towards the skull
        up = np.clip((self.s - self.disc_s[1]) / 40.0, 0, 1)
        half_ap, half_rl = half_ap * (1 + 0.35 * up), half_rl * (1 + 0.35 * up)
        # a disc bulges by half a millimetre even in health; compression takes the rest
        near_disc = np.min(np.abs(self.s[:, None] - self.disc_s[3:9]), axis=1)
        half_ap -= 0.35 * np.exp(-((near_disc / 3.0) ** 2))
        half_ap *= 1 - np.minimum(1.3 * self.pinch, 0.75)
        behind = np.clip(0.7 + 0.3 * rng.standard_normal(), 0.1, 1.3) * np.ones_like(self.s)
        room = 0.6 - 0.3 * np.minimum(self.pinch / 0.2, 1)
        half_ap = np.maximum(half_ap, self.b * 1.06 + room)
        half_rl = np.maximum(half_rl, self.a * 1.06 + 1.0)
        shift = np.minimum(behind, np.maximum(half_ap - self.b * 1.06 - room, 0))
        #: half widths of the dural sac, and where its centre lies in front of the cord's
        self.sac_rl, self.sac_ap, self.sac_shift = half_rl, half_ap, shift
        self.sac = np.stack([half_rl, half_ap, shift]).astype(np.float32)

    def sac_depth(self, index: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Approximate depth inside the dura, mm: a sac flat and wide in front, arched behind."""
        rl, ap, shift = np.take(self.sac, index, axis=1)
        x, y = u / rl, (v - shift) / ap
        x = x / (1 + np.float32(0.26) * np.clip(y, -1.5, 1.5))
        r = np.where(y > 0, rounded_norm(x, y), np.sqrt(x * x + y * y) + np.float32(1e-6))
        size = np.sqrt(u * u + (v - shift) ** 2)
        return (1 / r - 1) * size


def rounded_norm(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Norm whose unit ball is halfway between a disc and a square, never 0."""
    x2, y2 = x * x, y * y
    return np.sqrt(np.sqrt(np.sqrt(x2 * x2 + y2 * y2) * (x2 + y2))) + np.float32(1e-6)


def outline_squared(cos: np.ndarray, sin: np.ndarray, coef: np.ndarray) -> np.ndarray:
    """ρ²(φ) of the cord's outline in normalised coordinates; its mean over φ is exactly 1."""
    cos2 = cos * cos
    value = 1 + coef[0] * sin * (4 * cos2 - 1)  # sin 3φ
    value = value + coef[1] * (8 * cos2 * cos2 - 8 * cos2 + 1)  # cos 4φ
    value = value + coef[2] * cos * (4 * cos2 - 3)  # cos 3φ
    value = value + coef[3] * (2 * sin * cos)  # sin 2φ
    # narrow dips of von Mises shape; i0e(κ) is the mean of exp(κ (cos θ − 1))
    for sign, k, column in ((1.0, 60.0, 4), (-1.0, 40.0, 5)):
        dip = np.exp(np.float32(k) * (np.float32(sign) * sin - 1)) - np.float32(i0e(k))
        value = value - coef[column] * dip
    return value
