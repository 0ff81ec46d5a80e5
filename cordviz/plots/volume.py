"""An image and its masks around the cord, in one order of axes; and as bytes light to send."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from nibabel.nifti1 import Nifti1Image
from scipy.ndimage import gaussian_filter1d

from ..centerline import bounding_box, slice_centres
from ..images import reorient, spacing_mm, voxels

CROP_MM = 40.0  #: in-plane around the masks, enough to look around the cord
NEAR_MM = 5.0  #: around the cord, where the brightness should suit: CSF, not fat
SMOOTH_MM = 10.0  #: of the centre that the zoomed view follows
ROOM_MM = 10.0  #: in view around the cord, so that CSF and the canal are seen
ONE = 250  #: a whole voxel of cord


@dataclass(frozen=True)
class Volume:
    """An image and its masks in nibabel-LAS order, cut out around the cord."""

    data: np.ndarray  # float32, (I, J, K): the image, whole
    masks: dict[str, np.ndarray]  # values in [0, 1], (I, J, K)
    affine: np.ndarray  # from LAS voxels to world mm
    spacing: np.ndarray  # voxel size in mm
    crop_mm: float | None  # kept in-plane around the masks; all slices are kept

    @classmethod
    def of(
        cls,
        image: Nifti1Image,
        masks: Mapping[str, Nifti1Image],
        *,
        crop_mm: float | None = None,
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
        return np.array([(part.start, part.stop - 1) for part in bounding_box(self.cord)])

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
    def centroids(self) -> np.ndarray:
        """Centre of the cord in every slice in voxels, shape (K, 2); held beyond its ends."""
        count = self.data.shape[2]
        if self.cord is None:
            return np.tile([n // 2 for n in self.data.shape[:2]], (count, 1)).astype(float)
        slices, known, _ = slice_centres(self.cord, weighted=False)
        every = np.arange(count)
        return np.stack([np.interp(every, slices, along) for along in known.T], axis=1)

    @cached_property
    def centres(self) -> np.ndarray:
        """`centroids` smoothed along the cord: what a view can follow without a jerk."""
        sigma = SMOOTH_MM / self.spacing[2]
        return gaussian_filter1d(self.centroids, sigma, axis=0, mode="nearest")

    @cached_property
    def heights(self) -> np.ndarray:
        """World height in mm of the cord's centre in every slice, shape (K,)."""
        count = self.data.shape[2]
        return np.column_stack([self.centres, np.arange(count), np.ones(count)]) @ self.affine[2]

    @cached_property
    def middle(self) -> tuple[int, int, int]:
        """Voxel in the middle of the cord's middle slice, or of the image."""
        k = int(self.extent[2].sum() // 2)
        i, j = self.centres[k].round().astype(int)
        return int(i), int(j), k

    def height_of_c3(self, levels: Sequence[int]) -> float:
        """World height in mm where C3 begins, or of the cord's middle without `levels`."""
        third = [k for k, level in enumerate(levels) if level == 3]
        return float(self.heights[third[-1] if third else self.middle[2]])

    def nearest_slice(self, height_mm: float) -> int:
        """Slice whose cord is nearest to a world height."""
        return int(np.abs(self.heights - height_mm).argmin())

    @cached_property
    def half_mm(self) -> float:
        """Half the side of a square axial view around the cord."""
        if self.cord is None:
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
        if self.cord is not None:
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
