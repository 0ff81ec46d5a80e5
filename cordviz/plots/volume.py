"""Turn an image and its masks into bytes that are light to send: cropped, uint8, compressed."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from nibabel.nifti1 import Nifti1Image
from scipy.ndimage import gaussian_filter1d

from ..images import reorient, spacing_mm, voxels

NEAR_MM = 5.0  #: around the cord, where the brightness should suit: CSF, not fat
SMOOTH_MM = 10.0  #: of the centre that the zoomed view follows
ROOM_MM = 10.0  #: in view around the cord when zoomed
ONE = 250  #: a whole voxel of cord


@dataclass(frozen=True)
class Volume:
    """An image and its masks in nibabel-LAS order, cut out around the cord.

    Attributes
    ----------
    data : ndarray of float32, shape (I, J, K)
        The image, whole.
    masks : dict of name → ndarray, shape (I, J, K)
        Values in [0, 1].
    affine : ndarray, shape (4, 4)
        From LAS voxels to world mm.
    spacing : ndarray, shape (3,)
        Voxel size in mm.
    crop_mm : float or None
        What is kept in-plane around the masks; all slices are kept.
    """

    data: np.ndarray
    masks: dict[str, np.ndarray]
    affine: np.ndarray
    spacing: np.ndarray
    crop_mm: float | None

    @classmethod
    def of(
        cls, image: Nifti1Image, masks: Mapping[str, Nifti1Image], *, crop_mm: float | None
    ) -> Volume:
        """Bring an image and masks on its grid into LAS order."""
        las = reorient(image, "LAS")
        arrays = {name: voxels(reorient(mask, "LAS")) for name, mask in masks.items()}
        return cls(voxels(las), arrays, las.affine, spacing_mm(las), crop_mm)

    @cached_property
    def cord(self) -> np.ndarray | None:
        """Where any mask is cord, shape (I, J, K); None without masks."""
        if not self.masks:
            return None
        most = np.max(list(self.masks.values()), axis=0)
        # a soft mask may stay under one half everywhere in thick slices
        return most >= 0.5 if (most >= 0.5).any() else most > 0

    @cached_property
    def extent(self) -> np.ndarray:
        """First and last voxel of the cord along each axis, or of the image, shape (3, 2)."""
        if self.cord is None:
            return np.array([(0, n - 1) for n in self.data.shape])
        other = [tuple({0, 1, 2} - {axis}) for axis in range(3)]
        found = [np.flatnonzero(self.cord.any(axis=axes)) for axes in other]
        return np.array([(at[0], at[-1]) for at in found])

    @cached_property
    def box(self) -> tuple[slice, slice, slice]:
        """What is sent."""
        if self.crop_mm is None or self.cord is None:
            margin = np.full(3, max(self.data.shape))
        else:
            margin = np.ceil(self.crop_mm / self.spacing).astype(int)
            margin[2] = self.data.shape[2]  # what lies above and below helps to find one's way
        low = np.maximum(self.extent[:, 0] - margin, 0)
        high = np.minimum(self.extent[:, 1] + margin + 1, self.data.shape)
        x, y, z = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        return x, y, z

    @cached_property
    def centres(self) -> np.ndarray | None:
        """Smoothed centre of the cord in every slice in voxels, shape (K, 2), held beyond it."""
        if self.cord is None:
            return None
        count = self.cord.sum(axis=(0, 1))
        known = np.flatnonzero(count)
        every, centres = np.arange(self.cord.shape[2]), []
        for axis in (0, 1):
            along = self.cord.sum(axis=1 - axis)
            centre = (along * np.arange(along.shape[0])[:, None]).sum(axis=0)[known] / count[known]
            filled = np.interp(every, known, centre)
            centres.append(gaussian_filter1d(filled, SMOOTH_MM / self.spacing[2], mode="nearest"))
        return np.stack(centres, axis=1)

    @cached_property
    def heights(self) -> np.ndarray:
        """World height in mm of the cord's centre in every slice, shape (K,)."""
        count = self.data.shape[2]
        centres = np.tile(self.middle[:2], (count, 1)) if self.centres is None else self.centres
        voxel = np.column_stack([centres, np.arange(count), np.ones(count)])
        return np.asarray(voxel @ self.affine[2])

    @cached_property
    def middle(self) -> tuple[int, int, int]:
        """Voxel in the middle of the cord's middle slice, or of the image."""
        k = int(self.extent[2].sum() // 2)
        if self.centres is None:
            return self.data.shape[0] // 2, self.data.shape[1] // 2, k
        i, j = self.centres[k].round().astype(int)
        return int(i), int(j), k

    @cached_property
    def half_mm(self) -> float:
        """Half the side of an axial view around the cord."""
        if self.cord is None or self.centres is None:
            return 0.0
        at = np.argwhere(self.cord)
        radius = np.abs(at[:, :2] - self.centres[at[:, 2]]) * self.spacing[:2]
        return float(np.clip(np.quantile(radius, 0.999) + ROOM_MM, 14, 30))

    @cached_property
    def range(self) -> tuple[float, float]:
        """Intensities that become 0 and 255; a few spikes may lie above."""
        inside = self.data[self.box]
        low, high = float(inside.min()), float(np.quantile(inside, 0.9995))
        return low, high if high > low else float(inside.max())

    @cached_property
    def window(self) -> tuple[float, float]:
        """Black and white point that suit the cord and its surroundings."""
        values = self.data[self.box]
        if self.centres is not None:
            wide, deep = np.ceil((self.half_mm - ROOM_MM + NEAR_MM) / self.spacing[:2]).astype(int)
            first, last = self.extent[2]
            corner = (
                np.maximum(self.centres[first : last + 1] - (wide, deep), 0).round().astype(int)
            )
            values = np.concatenate(
                [
                    self.data[x : x + 2 * wide + 1, y : y + 2 * deep + 1, k].ravel()
                    for (x, y), k in zip(corner, range(first, last + 1), strict=True)
                ]
            )
        low, high = (float(v) for v in np.quantile(values, (0.01, 0.99)))
        return (low, high) if high > low else self.range

    def packed(self) -> list[bytes]:
        """Compressed voxels for the browser: the image, then each mask; x fastest, then y, z."""
        low, high = self.range
        grey = (self.data[self.box] - low) * (255 / max(high - low, 1e-30))
        arrays = [grey, *(mask[self.box] * ONE for mask in self.masks.values())]
        return [
            gzip.compress(
                np.clip(array, 0, 255).round().astype(np.uint8).tobytes(order="F"), 5, mtime=0
            )
            for array in arrays
        ]
