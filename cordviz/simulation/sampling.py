"""From continuous anatomy to tissue fractions on the voxels of a scan, edges area-exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from .anatomy import Anatomy
from .canal import Canal, CordPixels
from .layers import Array
from .surroundings import Surroundings
from .tissues import TISSUES

# finest pixel that the inside of the sac is computed on, and points per side in edge pixels
_FINE_MM, _EDGE_POINTS = 0.5, 4


@dataclass(frozen=True)
class Grid:
    """Voxel grid of a scan: nibabel affine and shape, slices along the third axis."""

    affine: Array
    shape: tuple[int, int, int]
    thickness_mm: float

    @property
    def voxel_mm(self) -> Array:
        """Distances between voxel centres along the three axes, mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    def points(self, i: Array, j: Array, k: Array) -> tuple[Array, Array, Array]:
        """World coordinates in mm of voxel indices, as float32 arrays."""
        x, y, z = (
            (r[0] * i + r[1] * j + (r[2] * k + r[3])).astype(np.float32) for r in self.affine[:3]
        )
        return x, y, z


@dataclass(frozen=True)
class Neck:
    """All that is continuous about a subject: anatomy, what is in the canal, what is around."""

    anatomy: Anatomy
    canal: Canal
    surroundings: Surroundings


class Slab:
    """Tissue fractions of some consecutive slices, ready for any sequence.

    `background` of shape (T, n slices, nx, ny) has the sac left out, `truth` is the fraction of
    each voxel inside the cord, `field` the off-resonance in Hz and its slope along the slices in
    Hz/mm. The sac is sampled on pixels of at most 0.5 mm and along the slice about every
    millimetre; small pixels that the cord's surface crosses are sampled once more by 4 × 4
    points. What the sac changes against the background is kept apart (`_delta`), so that k-space
    truncation acts on sharp edges and not on voxels.
    """

    def __init__(
        self, neck: Neck, grid: Grid, *, slices: slice, shift_mm: Array,
        partial_volume: bool = True, profile: bool = True, with_field: bool = True,
    ) -> None:  # fmt: skip
        """Sample the tissues.

        `shift_mm`, (n slices, 2), displaces the subject in plane; without `partial_volume` every
        voxel is the tissue at its centre; `profile` gives slices smooth flanks; without
        `with_field` the field stays 0, for sequences that do not see it.
        """
        self.neck, self.grid = neck, grid
        self.partial_volume = partial_volume
        nx, ny, _ = grid.shape
        self.k = np.arange(slices.start, slices.stop)
        vx, vy, vz = grid.voxel_mm
        fine = max(int(np.ceil(max(vx, vy) / _FINE_MM - 1e-6)), 2)
        self.fine = fine if partial_volume else 1
        self._shift = (shift_mm / [vx, vy]).astype(np.float32)
        # offsets along the slice in units of the slice spacing, with weights
        n = max(1, round(grid.thickness_mm)) if partial_volume else 1
        inside = (np.arange(n) - (n - 1) / 2) / n
        if profile and n > 1:
            inside = np.concatenate([[inside[0] - 1 / n], inside, [inside[-1] + 1 / n]])
        weight = 1 / (1 + (2 * np.abs(inside)) ** 10) if profile and n > 1 else np.ones(n)
        self._z = inside * grid.thickness_mm / vz
        self._weight = (weight / weight.sum()).astype(np.float32)
        self._box = (np.abs(inside) < 0.5).astype(np.float32)
        self._box /= self._box.sum()
        self._paint_background(nx, ny, with_field)
        self._paint_sac(nx, ny)

    def _paint_background(self, nx: int, ny: int, with_field: bool) -> None:
        anatomy, around = self.neck.anatomy, self.neck.surroundings
        si, sj = self._shift.T[:, :, None, None]
        i, j = np.arange(nx, dtype=np.float32)[:, None] - si, np.arange(ny) - sj
        k = self.k.astype(np.float32)[:, None, None]
        # far from the cord a few samples along the slice are enough
        middle = self._z.size // 2
        chosen = sorted({0, middle, self._z.size - 1})
        weight = self._weight[chosen] / self._weight[chosen].sum()
        width = float(self.grid.voxel_mm[:2].max()) if self.partial_volume else 1e-3
        shape = (self.k.size, nx, ny)
        self.background = np.zeros((len(TISSUES), *shape), dtype=np.float32)
        reach = width if self.partial_volume else float(self.grid.voxel_mm[:2].max())
        reach += 0.25 * self.grid.thickness_mm * (self._z.size > 1) + 0.5
        self.field = np.zeros((2, *shape), dtype=np.float32)
        near = np.empty(shape, dtype=bool)
        # bands from back to front: each meets only some of the structures
        bands = np.array_split(np.arange(ny), max(1, round(ny * self.grid.voxel_mm[1] / 14)))
        for n, w in zip(chosen, weight, strict=True):
            for band in (slice(b[0], b[-1] + 1) for b in bands):
                points = self.grid.points(i, j[:, :, band], k + self._z[n])
                index, u, v = anatomy.locate(*(p.ravel() for p in points))
                sac = anatomy.sac_depth(index, u, v)
                target = self.background[..., band]
                target += w * around.paint(index, u, v, sac, width).reshape(target.shape)
                if n == middle:
                    if with_field:
                        part = self.field[..., band]
                        part[...] = around.field_hz(index, u, v).reshape(part.shape)
                    near[..., band] = (sac > -reach).reshape(target.shape[1:])
        near[0, 0, 0] |= not near.any()  # something is painted where a slab misses the neck, too
        self._inside = np.nonzero(near)

    def _paint_sac(self, nx: int, ny: int) -> None:
        f = self.fine
        kk, ii, jj = self._inside
        small = (np.arange(f) - (f - 1) / 2) / f
        # axes: voxel, sample along the slice, small pixel in i, small pixel in j
        shift = self._shift[kk]
        i = (ii - shift[:, 0])[:, None, None, None] + small[None, None, :, None]
        j = (jj - shift[:, 1])[:, None, None, None] + small[None, None, None, :]
        k = self.k[kk][:, None, None, None] + self._z[None, :, None, None]
        shape = (kk.size, self._z.size, f, f)
        index, u, v = (p.ravel() for p in self.neck.anatomy.locate(*self.grid.points(i, j, k)))
        cord = self._cord_pixels(index, u, v)
        pixel = float(self.grid.voxel_mm[:2].max()) / f if self.partial_volume else 1e-3
        fractions, covered = self.neck.canal.paint(index, u, v, cord, pixel)
        share = np.einsum("vzij,z->v", cord.fraction.reshape(shape), self._box) / f**2
        fractions = np.einsum("tvzij,z->tvij", fractions.reshape(-1, *shape), self._weight)
        covered = np.einsum("vzij,z->vij", covered.reshape(shape), self._weight)
        behind = self.background[:, kk, ii, jj]
        fractions[:-1] -= covered[None] * behind[:, :, None, None]
        self._delta = fractions
        self.truth = np.zeros((self.k.size, nx, ny), dtype=np.float32)
        self.truth[kk, ii, jj] = share

    def _cord_pixels(self, index: Array, u: Array, v: Array) -> CordPixels:
        """Area fraction of small pixels inside the cord; edge pixels by point counting."""
        anatomy = self.neck.anatomy
        shape = np.take(anatomy.cord, index, axis=1)
        depth, x, y = anatomy.cord_depth(shape, u, v)
        fraction = (depth > 0).astype(np.float32)
        if not self.partial_volume:
            return CordPixels(fraction, depth, x, y)
        size = self.grid.voxel_mm[:2] / self.fine
        # rays meet the surface at an angle: take a margin before calling a pixel whole
        edge = np.nonzero(np.abs(depth) < 1.2 * size.max())[0]
        right, front = anatomy.right[index[edge]], anatomy.front[index[edge]]
        axes = self.grid.affine[:3, :2] / self.grid.voxel_mm[:2] * size
        du, dv = (right @ axes).astype(np.float32), (front @ axes).astype(np.float32)
        shape, u, v = shape[:, edge], u[edge], v[edge]
        count = np.zeros(edge.size, dtype=np.float32)
        offsets = ((np.arange(_EDGE_POINTS) + 0.5) / _EDGE_POINTS - 0.5).astype(np.float32)
        for p in offsets:
            for q in offsets:
                at_u, at_v = u + p * du[:, 0] + q * du[:, 1], v + p * dv[:, 0] + q * dv[:, 1]
                count += anatomy.cord_depth(shape, at_u, at_v)[0] > 0
        fraction[edge] = count / _EDGE_POINTS**2
        return CordPixels(fraction, depth, x, y)

    def signal(self, water: Array, fat: Array, *, truncation: bool = True) -> Array:
        """Water (real part) and fat (imaginary part) under given signals of `ROWS`.

        With `truncation` the k-space that the voxel size allows (Gibbs ringing), without it the
        average over the voxel. Shape (n slices, nx, ny), complex64.
        """
        values = (water + 1j * fat).astype(np.complex64)
        both = np.stack([water, fat])[:, :-1].astype(np.float32)
        real, imaginary = np.tensordot(both, self.background, axes=1)
        image = real + np.complex64(1j) * imaginary
        delta = np.einsum("t,tvij->vij", values, self._delta, optimize=True)
        kk, ii, jj = self._inside
        f = self.fine
        if f == 1 or not truncation:
            image[kk, ii, jj] += delta.mean(axis=(1, 2))
            return image
        nz, nx, ny = image.shape
        # a box around the sac is enough: the ringing beyond 8 voxels is negligible
        i0, i1 = max(ii.min() - 8, 0), min(ii.max() + 9, nx)
        j0, j1 = max(jj.min() - 8, 0), min(jj.max() + 9, ny)
        i1, j1 = i0 + fft.next_fast_len(int(i1 - i0)), j0 + fft.next_fast_len(int(j1 - j0))
        sharp = np.zeros((nz, i1 - i0, f, j1 - j0, f), dtype=np.complex64)
        sharp[kk, ii - i0, :, jj - j0, :] = delta
        sharp = sharp.reshape(nz, (i1 - i0) * f, (j1 - j0) * f)
        low = _keep_low_frequencies(_keep_low_frequencies(sharp, f, 1), f, 2)
        image[:, i0:i1, j0:j1] += low[:, : nx - i0, : ny - j0]
        return image


def _keep_low_frequencies(fine: Array, factor: int, axis: int) -> Array:
    """Sample a fine signal at voxel centres after cutting its k-space to the coarse grid's."""
    n = fine.shape[axis] // factor
    spectrum = fft.fft(fine, axis=axis)
    frequency = fft.fftfreq(n, 1 / n)
    kept = np.take(spectrum, frequency.astype(int) % fine.shape[axis], axis=axis)
    # voxel centres lie between small pixels: half-pixel shifts are phases
    phase = np.exp(2j * np.pi * frequency * (factor - 1) / 2 / (n * factor))
    phase[np.abs(frequency) == n / 2] = phase[np.abs(frequency) == n / 2].real
    shape = [1, 1, 1]
    shape[axis] = n
    return fft.ifft(kept * phase.reshape(shape).astype(np.complex64), axis=axis) / factor
