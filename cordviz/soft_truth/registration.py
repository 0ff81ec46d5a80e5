"""Where the cord of one image lies in another: slice by slice in plane, along the cord.

Arrays are in RAS order here, points are voxel coordinates of shape (3, I, J, K).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.nifti1 import Nifti1Image
from scipy.ndimage import gaussian_filter1d, map_coordinates

from ..centerline import slice_centres
from ..images import reorient, spacing_mm, voxels

FAR_MM = 20.0  #: masks further apart than this, by their headers, are not of one session
TWIST_MM = 40.0  #: along the cord over which shapes are pooled: one slice's axis is 2° off
STEADY_MM = 2.0  #: along the cord over which shifts are smoothed
THIN_MM, STEADY_THIN_MM = 2.0, 5.0  #: thinner slices are of 3-D scans: none moves on its own
NODES_MM = 4.0  #: of displacement fields in plane; between the slices' maps they are linear

Where = Callable[[np.ndarray], np.ndarray]


class Space:
    """A mask in RAS order: its voxels, their place and size, and the slices it was drawn on."""

    def __init__(self, mask: Nifti1Image) -> None:
        """Read the voxels."""
        ras = reorient(mask)
        self.data, self.affine, self.spacing = voxels(ras), ras.affine, spacing_mm(ras)
        self.seen = np.asarray(self.data.any(axis=(0, 1)), dtype=np.float32)


@dataclass(frozen=True)
class Box:
    """Part of a grid: its first voxel and its shape."""

    start: np.ndarray
    shape: tuple[int, int, int]

    @classmethod
    def around(
        cls, points: np.ndarray, margin: np.ndarray, shape: tuple[int, ...] | None = None
    ) -> Box:
        """Box of voxels around points of shape (3, n) with a margin, within a grid if given."""
        low, high = np.floor(points.min(axis=1) - margin), np.ceil(points.max(axis=1) + margin)
        if shape is not None:
            low = np.clip(low, 0, np.array(shape) - 1)
            high = np.clip(high, low, np.array(shape) - 1)
        i, j, k = (high - low + 1).astype(int)
        return cls(low.astype(int), (int(i), int(j), int(k)))

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Index of the box in an array of the grid."""
        i, j, k = (slice(int(a), int(a) + n) for a, n in zip(self.start, self.shape, strict=True))
        return i, j, k


def pull(volumes: Sequence[Any], where: Where, box: Box, times: Sequence[int]) -> list[np.ndarray]:
    """Mean of each volume over the voxels of a box, from `times` points per axis in each voxel.

    Volumes of one dimension are profiles over the slices.
    """
    means = [np.zeros(box.shape, np.float32) for _ in volumes]
    grid = np.indices(box.shape, dtype=np.float32) + box.start.reshape(3, 1, 1, 1)
    for offset in itertools.product(*[(np.arange(n) + 0.5) / n - 0.5 for n in times]):
        at = where(grid + np.reshape(offset, (3, 1, 1, 1)).astype(np.float32))
        for volume, mean in zip(volumes, means, strict=True):
            mean += map_coordinates(
                volume, at[-volume.ndim :], order=1, output=np.float32
            ) / np.prod(times)
    return means


def points_per_voxel(matrix: np.ndarray) -> list[int]:
    """Points along each axis of a voxel that reach every voxel of the other grid in it."""
    return [max(1, int(np.ceil(n - 0.01))) for n in np.abs(matrix[:3, :3]).max(axis=0)]


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Affine map of points."""
    return np.tensordot(matrix[:3, :3], points, 1) + matrix[:3, 3].reshape(3, 1, 1, 1)


@dataclass(frozen=True)
class Link:
    """Map between the voxels of a contrast and those of the reference, both ways.

    `header` maps contrast to reference voxels as the headers have it; then the point at `centre`
    of the contrast's `slices` moves to `goal`, both in mm of its own plane, and what is around
    follows by `linear`. `field` and `inverse` are displacements in voxels on `box` of the
    reference.
    """

    native: Space
    header: np.ndarray
    slices: np.ndarray  # (n,)
    centre: np.ndarray  # (n, 2)
    goal: np.ndarray  # (n, 2)
    linear: np.ndarray  # (n, 2, 2)
    box: Box | None = None
    field: np.ndarray | None = None  # (3, I, J, K)
    inverse: np.ndarray | None = None

    def to_reference(self, points: np.ndarray) -> np.ndarray:
        """Reference voxels where the contrast's voxels lie."""
        centre, goal, linear = (
            self._at(t, points[2]) for t in (self.centre, self.goal, self.linear)
        )
        off = self._in_plane(points) - centre
        moved = np.einsum("ab...,b...->a...", linear, off) + goal
        there = apply(self.header, self._with_plane(points, moved))
        return there + self._shift(self.inverse, there)

    def to_native(self, points: np.ndarray, *, snap: bool = False) -> np.ndarray:
        """Contrast's voxels where the reference's lie.

        With `snap` each goes to the middle of the slice it is in, moved along with the cord: a
        mask of thick slices stays as sharp as it was drawn, and does not become a staircase.
        """
        there = points + self._shift(self.field, points)
        there = apply(np.linalg.inv(self.header), there)
        k = there[2]
        centre, goal = self._at(self.centre, k), self._at(self.goal, k)
        back = self._at(np.linalg.inv(self.linear), k)
        moved = np.einsum("ab...,b...->a...", back, self._in_plane(there) - goal)
        if snap:
            there[2] = np.rint(k)
            centre = self._at(self.centre, there[2])
        return self._with_plane(there, moved + centre)

    def _at(self, table: np.ndarray, k: np.ndarray) -> np.ndarray:
        """Rows of a table (n, …) at fractional slices, held beyond the ends, shape (…, I, J, K)."""
        rows = table.reshape(len(table), -1).T
        out = np.stack([np.interp(k, self.slices, row) for row in rows])
        return out.reshape(*table.shape[1:], *k.shape)

    def _in_plane(self, points: np.ndarray) -> np.ndarray:
        return points[:2] * self.native.spacing[:2].reshape(2, 1, 1, 1)

    def _with_plane(self, points: np.ndarray, in_plane: np.ndarray) -> np.ndarray:
        xy = in_plane / self.native.spacing[:2].reshape(2, 1, 1, 1)
        return np.concatenate([xy, points[2:]]).astype(np.float32)

    def _shift(self, field: np.ndarray | None, points: np.ndarray) -> np.ndarray | float:
        if field is None or self.box is None:
            return 0.0
        at = points - self.box.start.reshape(3, 1, 1, 1)
        return np.stack([map_coordinates(f, at, order=1, mode="nearest") for f in field])


def align(native: Space, reference: Space, transform: str) -> Link:
    """Align the centres of mass and the second moments of two masks, slice by slice.

    Raises ValueError where they share no slice or lie too far apart.
    """
    header = np.linalg.inv(reference.affine) @ native.affine
    hit, size = np.argwhere(native.data > 0).T, native.spacing[:2]
    # the other's cord may lie outside this field of view, if the headers are of two sessions
    box = Box.around(hit, np.array([*2 * FAR_MM / size, 0]))
    fixed, covered = pull(
        [reference.data, reference.seen], partial(apply, header), box, points_per_voxel(header)
    )
    moving = native.data[..., box.slices[2]]
    area, other = moving.sum(axis=(0, 1)), fixed.sum(axis=(0, 1))
    full = (covered.max(axis=(0, 1)) > 0.99) & (area > 0) & (other > 0)
    if not full.any():
        raise ValueError("share no slice")
    # where one mask ends the sections are cut short, and their centres are off
    ratio = area[full] / other[full]
    full[full] = np.abs(np.log(ratio / np.median(ratio))) < np.log(1.5)
    both = moving[..., full], fixed[..., full]
    local = [slice_centres(one)[1] * size for one in both]
    sigma = TWIST_MM / native.spacing[2]
    spread, target = (
        gaussian_filter1d(_second_moments(one, at, size), sigma, axis=0)
        for one, at in zip(both, local, strict=True)
    )
    centre, goal = local[0], local[1] + box.start[:2] * size
    apart = float(np.median(np.linalg.norm(goal - centre, axis=1)))
    if apart > FAR_MM:
        raise ValueError(f"lie {apart:.0f} mm apart")
    slices = np.flatnonzero(full) + box.start[2]
    linear = _linear(spread, target, transform)
    # motion is smooth along the cord, the centres of hand-drawn slices are not
    thick = native.spacing[2]
    sigma = (STEADY_THIN_MM if thick < THIN_MM else STEADY_MM) / thick
    goal = centre + gaussian_filter1d(goal - centre, sigma, axis=0)
    if len(slices) > 1:  # the cord leans on to the outer faces of the first and the last slice
        centre, goal, linear = (_to_faces(table) for table in (centre, goal, linear))
        slices = np.array([slices[0] - 0.5, *slices, slices[-1] + 0.5])
    return Link(native, header, slices, centre, goal, linear)


def _to_faces(table: np.ndarray) -> np.ndarray:
    """A table of slices (n, …) with a row more at each end, half a slice further on."""
    first, last = 1.5 * table[0] - 0.5 * table[1], 1.5 * table[-1] - 0.5 * table[-2]
    return np.stack([first, *table, last])


def displacements(where: Where, grid: np.ndarray, target: np.ndarray, box: Box) -> Nifti1Image:
    """Map from the voxels of one affine to those of another as a field in ITK's convention."""
    size = voxel_sizes(grid)
    step = np.array([*np.maximum(1, np.rint(NODES_MM / size[:2])), 1])
    shape = np.ceil((np.array(box.shape) - 1) / step).astype(int) + 1
    points = np.indices(shape) * step.reshape(3, 1, 1, 1) + box.start.reshape(3, 1, 1, 1)
    moved = apply(target, where(points)) - apply(grid, points)
    vectors = np.moveaxis(moved * np.reshape([-1, -1, 1], (3, 1, 1, 1)), 0, -1)  # RAS → LPS
    affine = grid @ np.diag([*step, 1.0])
    affine[:3, 3] = grid[:3, :3] @ box.start + grid[:3, 3]
    field = Nifti1Image(vectors[..., None, :].astype(np.float32), affine)
    field.header.set_intent("vector")
    field.header.set_xyzt_units("mm")
    return field


def _second_moments(data: np.ndarray, centre: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Covariance in mm² of each slice about its centre in mm, shape (n, 2, 2)."""
    x, y = (
        np.arange(data.shape[i])[:, None] * size[i] - centre[:, i] for i in (0, 1)
    )  # (I, n), (J, n)
    xy = np.einsum("ijk,ik,jk->k", data, x, y)
    xx, yy = np.einsum("ijk,ik->k", data, x**2), np.einsum("ijk,jk->k", data, y**2)
    moments = np.array([[xx, xy], [xy, yy]]) / data.sum(axis=(0, 1))
    return np.moveaxis(moments, -1, 0)


def _linear(spread: np.ndarray, target: np.ndarray, transform: str) -> np.ndarray:
    """Maps of determinant 1 that turn, or also stretch, shapes of one covariance to another."""
    if transform == "shift":
        return np.broadcast_to(np.eye(2), spread.shape)
    (z, trace), (z_goal, trace_goal) = (
        (m[:, 0, 0] - m[:, 1, 1] + 2j * m[:, 0, 1], np.trace(m, axis1=1, axis2=2))
        for m in (spread, target)
    )
    # half the angle between the long axes; the last term keeps round cords from spinning
    angle = np.angle(z_goal * z.conj() + 0.01 * trace * trace_goal) / 2
    c, s = np.cos(angle), np.sin(angle)
    turn = np.moveaxis(np.array([[c, -s], [s, c]]), -1, 0)
    if transform == "rigid":
        return turn
    root = _square_root(turn @ spread @ turn.transpose(0, 2, 1))
    inverse = np.linalg.inv(root)
    stretch = inverse @ _square_root(root @ target @ root) @ inverse
    return stretch / np.sqrt(np.linalg.det(stretch))[:, None, None] @ turn


def _square_root(m: np.ndarray) -> np.ndarray:
    """Symmetric square roots of symmetric positive 2 × 2 matrices (n, 2, 2)."""
    root = np.sqrt(np.linalg.det(m))
    scale = np.sqrt(np.trace(m, axis1=1, axis2=2) + 2 * root)
    return (m + root[:, None, None] * np.eye(2)) / scale[:, None, None]
