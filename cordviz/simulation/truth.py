"""What is exactly true of an anatomy: areas of levels and planes, labels on a grid."""

from __future__ import annotations

from typing import Any

import numpy as np

from .anatomy import STEP, Anatomy, outline_squared
from .layers import Array
from .sampling import Grid


def level_mean(anatomy: Anatomy, profile: Array, level: int) -> float:
    """Mean of a profile over the arc length of a level, from disc to disc."""
    top, bottom = anatomy.disc_s[level], anatomy.disc_s[level + 1]
    s = np.linspace(bottom, top, 801)
    return float(np.trapezoid(np.interp(s, anatomy.s, profile), s) / (top - bottom))


def plane_area(anatomy: Anatomy, point: Any, normal: Any) -> float:
    """Area in mm² of the cord's section by a plane; nan where it misses the centreline."""
    at, n = np.asarray(point, float), np.asarray(normal, float)
    if at.shape != (3,) or n.shape != (3,) or not np.isfinite([at, n]).all() or not n.any():
        raise ValueError(
            f"expected point and normal as three numbers in mm, normal not 0; got {point}, {normal}"
        )
    n = n / np.linalg.norm(n)
    height = (anatomy.center - at) @ n
    crossing = np.nonzero(height[:-1] * height[1:] <= 0)[0]
    if crossing.size == 0:
        return float("nan")
    i = crossing[0]
    if abs(anatomy.tangent[i] @ n) < 0.5:
        raise ValueError(
            f"expected a plane across the cord, within 60 degrees of perpendicular to it, got "
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
        inside = _is_cord(anatomy, middle + half[:, None] * ray)
        low, high = np.where(inside, half, low), np.where(inside, high, half)
    return float(np.pi * np.mean(low**2))


def _is_cord(anatomy: Anatomy, points: Array) -> Array:
    """Whether world points of shape (N, 3) lie in the cord, in double precision."""
    index, _, _ = anatomy.locate(*points.T)
    rest = points - anatomy.center[index]
    at = index + (rest * anatomy.tangent[index]).sum(1) / STEP
    table = np.arange(anatomy.s.size)
    u, v = (rest * anatomy.right[index]).sum(1), (rest * anatomy.front[index]).sum(1)
    x = u / np.interp(at, table, anatomy.a) + anatomy.cord[8, index]
    y = v / np.interp(at, table, anatomy.b) + anatomy.cord[9, index]
    r = np.hypot(x, y) + 1e-12
    return np.asarray(r**2 < outline_squared(x / r, y / r, anatomy.shape_coef[:, index]))


def label_levels(anatomy: Anatomy, affine: Array, shape: tuple[int, ...]) -> Array:
    """Level of every voxel of a grid inside the dural sac, uint8, 0 elsewhere."""
    nx, ny, nz = shape[:3]
    grid = Grid(np.asarray(affine, float), (nx, ny, nz), 1.0)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    i, j = np.arange(nx)[:, None], np.arange(ny)[None, :]
    for k in range(nz):
        index, u, v = anatomy.locate(*grid.points(i, j, np.array(k)))
        level = np.floor(anatomy.level[index])
        keep = (anatomy.sac_depth(index, u, v) > 0) & (level >= 1) & (level <= 12)
        labels[..., k] = np.where(keep, level, 0)
    return labels


def disc_points(anatomy: Anatomy) -> dict[int, Array]:
    """World coordinates in mm of the posterior edge of every disc that the anatomy reaches."""
    points = {}
    for disc in range(1, 13):
        index = int(np.rint((anatomy.disc_s[disc] - anatomy.s[0]) / STEP))
        if index < 0:  # tall people: the last disc lies below the lowest point
            continue
        forward = anatomy.sac_ap[index] + anatomy.sac_shift[index] + 1.0
        points[disc] = anatomy.center[index] + forward * anatomy.front[index]
    return points
