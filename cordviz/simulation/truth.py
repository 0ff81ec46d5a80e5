"""What is exactly true of a subject: areas of levels and planes, labels on a grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Image

from ..images import ImageLike, on_grid, read_image
from .anatomy import STEP, Anatomy, outline_squared
from .layers import Array
from .sampling import Grid


class Truth:
    """What `Subject` knows of its anatomy, free of any scan."""

    anatomy: Anatomy

    @property
    def csa_mm2(self) -> dict[int, float]:
        """Exact cross-sectional area (CSA) per level, mm²: {1: C1, …, 7: C7, 8: T1}.

        Perpendicular to the centreline and averaged over the arc length of the level, which
        extends from disc to disc.
        """
        return self._per_level(self.anatomy.area)

    @property
    def diameter_AP_mm(self) -> dict[int, float]:
        """Anterior–posterior axis of the cord's ellipse (equal second moments) per level, mm."""
        return self._per_level(self.anatomy.diameter_ap)

    @property
    def diameter_RL_mm(self) -> dict[int, float]:
        """Right–left axis of the cord's ellipse (equal second moments) per level, mm."""
        return self._per_level(self.anatomy.diameter_rl)

    def _per_level(self, profile: Array) -> dict[int, float]:
        """Mean of a profile over the arc length of each level, from disc to disc."""
        means, discs = {}, self.anatomy.disc_s
        for level in range(1, 9):
            top, bottom = discs[level], discs[level + 1]
            s = np.linspace(bottom, top, 801)
            area = np.trapezoid(np.interp(s, self.anatomy.s, profile), s)
            means[level] = float(area / (top - bottom))
        return means

    def mean_csa_mm2(self, levels: tuple[int, ...] = (2, 3)) -> float:
        """Exact area averaged over the arc length of several levels, mm².

        Examples
        --------
        >>> from cordviz import simulate_subject
        >>> subject = simulate_subject(seed=0)
        >>> low, high = sorted([subject.csa_mm2[2], subject.csa_mm2[3]])
        >>> low <= subject.mean_csa_mm2((2, 3)) <= high
        True
        """
        levels = tuple(np.atleast_1d(levels).tolist())
        if not levels or not set(levels) <= set(range(1, 9)):
            raise ValueError(f"expected levels from 1 (C1) to 8 (T1), got {levels}; e.g. (2, 3)")
        length = [self.anatomy.disc_s[k] - self.anatomy.disc_s[k + 1] for k in levels]
        return float(np.average([self.csa_mm2[k] for k in levels], weights=length))

    @property
    def centerline_mm(self) -> Array:
        """Points of the centreline in world mm, shape (N, 3), every 0.25 mm, inferior first."""
        return self.anatomy.center.copy()

    def plane_area_mm2(self, point: Any, normal: Any = (0, 0, 1)) -> float:
        """Exact area of the cord's section by any plane, mm², independent of any voxel grid.

        Parameters
        ----------
        point : array_like of shape (3,)
            A point of the plane, world mm.
        normal : array_like of shape (3,)
            Normal of the plane.

        Returns
        -------
        float
            Area of the section; `nan` where the plane misses the centreline.

        Raises
        ------
        ValueError
            For a plane more than 60 degrees off perpendicular to the cord, or none at all.

        Examples
        --------
        >>> from cordviz import simulate_subject
        >>> bool(simulate_subject(seed=0).plane_area_mm2((0, 0, 0)) > 30)
        True
        """
        anatomy = self.anatomy
        at, n = np.asarray(point, float), np.asarray(normal, float)
        if at.shape != (3,) or n.shape != (3,) or not np.isfinite([at, n]).all() or not n.any():
            raise ValueError(
                "expected point and normal as three numbers in mm, normal not 0; got "
                f"{point}, {normal}"
            )
        n = n / np.linalg.norm(n)
        height = (anatomy.center - at) @ n
        crossing = np.nonzero(height[:-1] * height[1:] <= 0)[0]
        if crossing.size == 0:
            return float("nan")
        i = crossing[0]
        if abs(anatomy.tangent[i] @ n) < 0.5:
            raise ValueError(
                "expected a plane across the cord, within 60 degrees of perpendicular to it, got "
                f"normal {normal}; the cord runs along {np.round(anatomy.tangent[i], 2)} there"
            )
        part = height[i] / (height[i] - height[i + 1])
        middle = anatomy.center[i] + part * (anatomy.center[i + 1] - anatomy.center[i])
        right = np.cross(anatomy.front[i], n)
        right /= np.linalg.norm(right)
        front = np.cross(n, right)
        psi = np.linspace(0, 2 * np.pi, 720, endpoint=False)
        ray = np.cos(psi)[:, None] * right + np.sin(psi)[:, None] * front
        low, high = np.zeros(psi.size), np.full(psi.size, 40.0)
        for _ in range(40):  # bisection: the section is star-shaped about the centreline
            half = (low + high) / 2
            inside = self._is_cord(middle + half[:, None] * ray)
            low, high = np.where(inside, half, low), np.where(inside, high, half)
        return float(np.pi * np.mean(low**2))

    def _is_cord(self, points: Array) -> Array:
        """Whether world points of shape (N, 3) lie in the cord, in double precision."""
        anatomy = self.anatomy
        index, _, _ = anatomy.locate(*points.T)
        rest = points - anatomy.center[index]
        at = index + (rest * anatomy.tangent[index]).sum(1) / STEP
        table = np.arange(anatomy.s.size)
        u, v = (rest * anatomy.right[index]).sum(1), (rest * anatomy.front[index]).sum(1)
        x = u / np.interp(at, table, anatomy.a) + anatomy.cord[8, index]
        y = v / np.interp(at, table, anatomy.b) + anatomy.cord[9, index]
        r = np.hypot(x, y) + 1e-12
        return np.asarray(r**2 < outline_squared(x / r, y / r, anatomy.shape_coef[:, index]))

    def levels(self, img: ImageLike) -> Nifti1Image:
        """Vertebral levels in the dural sac on the grid of an image.

        Parameters
        ----------
        img : path or nibabel image
            An image of this subject.

        Returns
        -------
        Nifti1Image
            uint8, 0 outside the sac, 1 = C1 … 7 = C7, 8 = T1 …; level k lies between discs k
            and k + 1, cut perpendicular to the centreline.

        Examples
        --------
        >>> from cordviz import simulate_subject
        >>> subject = simulate_subject(seed=0)
        >>> image, _ = subject.acquire("T2star", fov=(32, 32, 20))
        >>> int(subject.levels(image).get_fdata().max()) <= 12
        True
        """
        img = read_image(img)
        nx, ny, nz = img.shape[:3]
        grid = Grid(np.asarray(img.affine, float), (nx, ny, nz), 1.0)
        labels = np.zeros(grid.shape, dtype=np.uint8)
        i, j = np.arange(nx)[:, None], np.arange(ny)[None, :]
        for k in range(nz):
            index, u, v = self.anatomy.locate(*grid.points(i, j, np.array(k)))
            level = np.floor(self.anatomy.level[index])
            keep = (self.anatomy.sac_depth(index, u, v) > 0) & (level >= 1) & (level <= 12)
            labels[..., k] = np.where(keep, level, 0)
        return on_grid(labels, img)

    def discs(self, img: ImageLike) -> Nifti1Image:
        """Intervertebral discs as single labelled voxels on the grid of an image.

        Parameters
        ----------
        img : path or nibabel image
            An image of this subject.

        Returns
        -------
        Nifti1Image
            uint8: 3 at disc C2/C3, 4 at C3/C4 … 12 at T4/T5, and 1, 2 above and below C1, each
            at the disc's posterior edge; discs outside the grid are missing.

        Examples
        --------
        >>> from cordviz import simulate_subject
        >>> subject = simulate_subject(seed=0)
        >>> image, _ = subject.acquire("T2star", fov=(40, 40, 20))
        >>> discs = subject.discs(image).get_fdata()
        >>> bool(len(set(discs[discs > 0])) == np.count_nonzero(discs))
        True
        """
        img = read_image(img)
        labels = np.zeros(img.shape[:3], dtype=np.uint8)
        to_voxel = np.linalg.inv(img.affine)
        for disc, place in self.disc_points_mm.items():
            voxel = np.rint(to_voxel[:3, :3] @ place + to_voxel[:3, 3]).astype(int)
            if np.all((voxel >= 0) & (voxel < labels.shape)):
                labels[tuple(voxel)] = disc
        return on_grid(labels, img)

    @property
    def disc_points_mm(self) -> dict[int, Array]:
        """World coordinates in mm of the posterior edge of discs 1 to 12 (11 in tall people)."""
        a, points = self.anatomy, {}
        for disc in range(1, 13):
            index = int(np.rint((a.disc_s[disc] - a.s[0]) / STEP))
            if index >= 0:  # tall people: the last disc lies below the lowest point
                forward = a.sac_ap[index] + a.sac_shift[index] + 1.0
                points[disc] = a.center[index] + forward * a.front[index]
        return points
