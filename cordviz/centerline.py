"""Centreline of a cord mask: a smooth curve through its slices, with tangents and angles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nibabel.affines import apply_affine, voxel_sizes
from nibabel.nifti1 import Nifti1Image

from ._validation import clean_mask
from .images import ImageLike, labels_of, on_grid, read_image, reorient

#: Bends of the centre of this wavelength are damped by half, shorter ones more: noise of the mask.
STIFFNESS_MM = 60.0
#: Thinner slices are pooled first: third differences over tiny steps drown in rounding.
THINNEST_MM = 0.2
#: Share of the cord's radius that good slices may lie off the curve: its own bends do.
LEAST_OFF = 0.05


@dataclass(frozen=True)
class Centerline:
    """Smooth curve through a cord, one point per slice from the lowest to the highest.

    All arrays follow the nibabel-LAS order of the image's axes (SCT calls it RPI): x grows to
    the left, y to the front, z upwards; slice 0 is the lowest.

    Attributes
    ----------
    slices : ndarray of int, shape (n,)
        Slice numbers, consecutive (gaps of the mask are bridged).
    points_vox : ndarray of float, shape (n, 3)
        Points in voxels; the third column is `slices`.
    tangents : ndarray of float, shape (n, 3)
        Unit vectors in mm along the LAS voxel axes, pointing up; so the third column is the
        cosine to the slice normal. NaN where one slice is all there is.
    affine : ndarray of float, shape (4, 4)
        From LAS voxels to world mm.
    """

    slices: np.ndarray
    points_vox: np.ndarray
    tangents: np.ndarray
    affine: np.ndarray

    @property
    def points_mm(self) -> np.ndarray:
        """Points in world mm, shape (n, 3)."""
        return apply_affine(self.affine, self.points_vox)

    @property
    def angle_AP_deg(self) -> np.ndarray:
        """Angle about the AP axis, atan2(dx·px, pz), in degrees, shape (n,)."""
        return np.degrees(np.arctan2(self.tangents[:, 0], self.tangents[:, 2]))

    @property
    def angle_RL_deg(self) -> np.ndarray:
        """Angle about the RL axis, atan2(dy·py, pz), in degrees, shape (n,)."""
        return np.degrees(np.arctan2(self.tangents[:, 1], self.tangents[:, 2]))

    def slice_position(self, points: np.ndarray, *, unit: str = "mm") -> np.ndarray:
        """Where points (m, 3) in world mm or in LAS voxels project on the curve, shape (m,).

        As a fractional slice number; the curve goes on straight beyond its two ends.
        """
        vox = np.asarray(points, float)
        if unit == "mm":
            vox = apply_affine(np.linalg.inv(self.affine), vox)
        size = voxel_sizes(self.affine)
        position = vox[:, 2].copy()
        for _ in range(6):  # fixed point of "step along the tangent to the foot of the point"
            centre, tangent = self._at(position)
            along_mm = ((vox - centre) * size * tangent).sum(axis=1)
            position += along_mm * tangent[:, 2] / size[2]
        return position

    def point_mm(self, position: np.ndarray) -> np.ndarray:
        """Points of the curve in world mm at fractional slice numbers, shape (m, 3)."""
        centre, _ = self._at(np.asarray(position, float))
        return apply_affine(self.affine, centre)

    def _at(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Point and tangent at fractional slices, straight beyond the ends."""
        size = voxel_sizes(self.affine)
        inside = np.clip(position, self.slices[0], self.slices[-1])
        tangent = np.stack([np.interp(inside, self.slices, t) for t in self.tangents.T], axis=1)
        centre = np.stack([np.interp(inside, self.slices, c) for c in self.points_vox.T], axis=1)
        slope = tangent / tangent[:, 2:] * size[2] / size
        return centre + (position - inside)[:, None] * slope, tangent


def fit_centerline(seg: ImageLike) -> Centerline:
    """Fit a smooth curve through the slices of a cord mask, hard or soft, in any orientation.

    The centres of mass of the slices are smoothed by penalised least squares on the third
    difference (Whittaker 1923; Eilers, Anal. Chem. 2003), which leaves parabolas as they are and
    damps waves shorter than 60 mm. Slices far off the curve lose their weight
    (Geman–McClure), so that one bad slice does not tilt its neighbours; slices with little mask,
    as at the ends of an oblique cord, count less.

    Returns a point per slice from the lowest to the highest slice of the mask. Raises ValueError
    for a mask that is empty, negative, NaN or above 1.

    Examples
    --------
    >>> import nibabel as nib, numpy as np
    >>> from cordviz.centerline import fit_centerline
    >>> seg = np.zeros((9, 9, 20), np.uint8)
    >>> seg[3:6, 3:6] = 1
    >>> curve = fit_centerline(nib.Nifti1Image(seg, np.eye(4)))
    >>> len(curve.slices), float(curve.tangents[:, 2].min().round(6))
    (20, 1.0)
    """
    data, affine = mask_in_las(seg)
    return smooth_curve(*slice_centres(data), affine)


def mask_in_las(seg: ImageLike, *, name: str = "mask") -> tuple[np.ndarray, np.ndarray]:
    """Voxels of a mask, checked, in LAS order and its LAS affine."""
    return opened_in_las(read_image(seg, name=name), name=name)


def opened_in_las(img: Nifti1Image, *, name: str = "mask") -> tuple[np.ndarray, np.ndarray]:
    """The same of a mask that `read_image` has opened, and warned of if it must.

    The voxels keep their dtype: a template of 20 million uint8 voxels stays small.
    """
    las = reorient(on_grid(clean_mask(labels_of(img, name=name), name), img), "LAS")
    return np.asanyarray(las.dataobj), las.affine


def bounding_box(data: np.ndarray) -> tuple[slice, slice, slice]:
    """Smallest box around the non-zero voxels, found along the fast axes of memory first."""
    box = [slice(0, size) for size in data.shape]
    for axis in sorted(range(3), key=lambda i: abs(data.strides[i]), reverse=True):
        others = tuple(sorted((i for i in range(3) if i != axis), key=lambda i: data.strides[i]))
        hit = np.flatnonzero(data[tuple(box)].any(axis=others))
        box[axis] = slice(int(hit[0]), int(hit[-1]) + 1)
    return box[0], box[1], box[2]


def slice_centres(
    data: np.ndarray, *, weighted: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slices with mask, their centres of mass in voxels (n, 2), and their sums of weights."""
    box = bounding_box(data)
    part = data[box] if weighted else data[box] != 0
    along_x, along_y = part.sum(axis=1, dtype=float), part.sum(axis=0, dtype=float)
    mass = along_x.sum(axis=0)
    hit = np.flatnonzero(mass > 0)
    x, y = (np.arange(part.shape[i]) + box[i].start for i in (0, 1))
    centres = np.stack([x @ along_x, y @ along_y], axis=1)[hit] / mass[hit, None]
    return hit + box[2].start, centres, mass[hit]


def smooth_curve(
    slices: np.ndarray, centres: np.ndarray, weight: np.ndarray, affine: np.ndarray
) -> Centerline:
    """Robust smooth curve through slice centres in voxels; see `fit_centerline`."""
    size = voxel_sizes(affine)
    span = np.arange(slices[0], slices[-1] + 1)
    pool = round(THINNEST_MM / size[2])
    if pool > 1 and len(span) > 4 * pool:
        return _pooled_curve(pool, slices, centres, weight, affine)
    if len(slices) == 1:
        return _curve(span, centres, np.full((1, 2), np.nan), affine)
    target = np.zeros((len(span), 2))
    target[slices - span[0]] = centres * size[:2]
    base = np.zeros(len(span))
    base[slices - span[0]] = np.minimum(weight / np.median(weight), 1)
    order = min(3, len(slices) - 1)
    penalty = (STIFFNESS_MM / (2 * np.pi * size[2])) ** (2 * order)
    if len(slices) == 2:
        penalty = 1e-6  # a straight line through both
    known = base > 0
    least = LEAST_OFF * np.sqrt(np.median(weight) * size[0] * size[1] / np.pi)
    robust = np.ones(len(span))
    for _ in range(10):
        fit = _whittaker(target, base * robust, penalty, order)
        off = np.linalg.norm(target - fit, axis=1)
        scale = max(1.5 * np.median(off[known]), least)
        robust = 1 / (1 + (off / (3 * scale)) ** 2) ** 2
    slope = np.gradient(fit, axis=0, edge_order=2 if len(span) > 2 else 1) / size[2]
    return _curve(span, fit / size[:2], slope, affine)


def _pooled_curve(
    pool: int, slices: np.ndarray, centres: np.ndarray, weight: np.ndarray, affine: np.ndarray
) -> Centerline:
    """Curve through the means of so many slices each, and a spline back to single ones."""
    from scipy.interpolate import CubicSpline

    block, of = np.unique(slices // pool, return_inverse=True)
    total = np.bincount(of, weight)
    means = np.stack([np.bincount(of, weight * c) / total for c in centres.T], axis=1)
    coarse = smooth_curve(block, means, total / np.bincount(of), affine @ np.diag([1, 1, pool, 1]))
    span = np.arange(slices[0], slices[-1] + 1)
    spline = CubicSpline(coarse.slices * pool + (pool - 1) / 2, coarse.points_vox[:, :2])
    size = voxel_sizes(affine)
    return _curve(span, spline(span), spline(span, 1) * size[:2] / size[2], affine)


def sct_curve(data: np.ndarray, affine: np.ndarray, *, resampled: bool = False) -> Centerline:
    """Centreline of a mask in LAS order by the arithmetic of SCT (7.4).

    Cubic smoothing spline through the mean of the non-zero voxels of each slice, in voxels, with
    s = 10 · pz · (slices with mask / span)². A centreline image that the user gives is first
    `resampled` by SCT onto the grid of the mask, even where that is its own grid: on an oblique
    grid rounding then leaves weights of 1e-16 in neighbours, which count as mask and move the
    angles by up to 1.4°. It is repeated here because the reference has it.
    """
    from scipy.interpolate import splev, splrep

    if resampled:
        from nibabel.processing import resample_from_to

        img = Nifti1Image(data.astype(float), affine)
        img = resample_from_to(img, (data.shape, affine), order=1, mode="nearest")
        data = np.asanyarray(img.dataobj)
    slices, centres, _ = slice_centres(data, weighted=False)
    size = voxel_sizes(affine)
    span = np.arange(slices[0], slices[-1] + 1)
    if len(slices) == 1:
        return _curve(span, centres, np.full((1, 2), np.nan), affine)
    s = 10 * size[2] * (len(slices) / len(span)) ** 2
    degree = 3 if len(slices) > 3 else 1
    splines = [splrep(slices, centre, s=s, k=degree) for centre in centres.T]
    fit = np.stack([splev(span, tck) for tck in splines], axis=1)
    slope = np.stack([splev(span, tck, der=1) for tck in splines], axis=1) * size[:2] / size[2]
    return _curve(span, fit, slope, affine)


def _curve(span: np.ndarray, xy: np.ndarray, slope: np.ndarray, affine: np.ndarray) -> Centerline:
    """`slope`: dx/dz and dy/dz in mm per mm, shape (n, 2)."""
    tangents = np.column_stack([slope, np.ones(len(span))])
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    return Centerline(span, np.column_stack([xy, span]), tangents, affine)


def _whittaker(y: np.ndarray, weight: np.ndarray, penalty: float, order: int) -> np.ndarray:
    """Minimise Σ weight·|y − f|² + penalty·Σ |Δ^order f|² over f of shape (n, 2)."""
    from scipy.linalg import solveh_banded

    n = len(y)
    difference = np.array([1.0])
    for _ in range(order):
        difference = np.convolve(difference, [1, -1])
    bands = np.zeros((order + 1, n))  # lower diagonals of diag(weight) + penalty·DᵀD
    for shift in range(order + 1):
        for i in range(order + 1 - shift):
            product = penalty * difference[i] * difference[i + shift]
            bands[shift, i : i + n - order] += product
    bands[0] += weight
    middle = (weight[:, None] * y).sum(axis=0) / weight.sum()  # small numbers solve better
    return solveh_banded(bands, weight[:, None] * (y - middle), lower=True) + middle
