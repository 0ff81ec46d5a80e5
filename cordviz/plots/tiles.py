"""Cut an image into the small pictures that figures show: slices around the cord, cuts along it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from nibabel.nifti1 import Nifti1Image
from scipy.ndimage import gaussian_filter1d, map_coordinates

from .volume import ONE, ROOM_MM, Volume

WINDOW_MM = 20.0  #: over which brightness adapts along the cord


@dataclass(frozen=True)
class Picture:
    """Pixels of one panel, row 0 on top."""

    grey: np.ndarray  # uint8, (rows, columns)
    masks: dict[str, np.ndarray]  # uint8, (n · rows, columns): 0 to 250 for 0 to 1, rows n times
    pixel_mm: tuple[float, float]  # width and height

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of the picture."""
        rows, columns = self.grey.shape
        return columns * self.pixel_mm[0], rows * self.pixel_mm[1]


class CordView:
    """An image and its masks in nibabel-LAS order, ready to be cut around the cord.

    Axes run from right to left, posterior to anterior and inferior to superior, so that plain
    array order gives radiological pictures: the patient's right on the reader's left.
    """

    def __init__(
        self,
        image: Nifti1Image,
        masks: Mapping[str, Nifti1Image],
        *,
        half_mm: float = np.inf,
    ) -> None:
        """Take masks on the grid of the image; tiles are at most 2 · `half_mm` wide."""
        self.volume = Volume.of(image, masks)
        self.data, self.spacing = self.volume.data, self.volume.spacing
        self.masks, self.centres = self.volume.masks, self.volume.centroids
        self.slices = np.flatnonzero(np.any(self.volume.cord, axis=(0, 1)))
        field_of_view = np.array(self.data.shape[:2]) * self.spacing[:2]
        #: half the side of an axial tile in mm: square, the same for all slices
        self.half_mm = min(self.volume.half_mm, float(field_of_view.min() / 2), half_mm)
        self._low, self._high = self._window()

    def _window(self) -> tuple[np.ndarray, np.ndarray]:
        """Black and white point of every slice, smooth along the cord: coils fade towards ends."""
        tiles = [self._axial(self.data, int(k)) for k in self.slices]
        points = np.quantile(tiles, (0.01, 0.99), axis=(1, 2))
        low, high = gaussian_filter1d(points, WINDOW_MM / self.spacing[2], mode="nearest")
        every = np.arange(self.data.shape[2])
        return np.interp(every, self.slices, low), np.interp(every, self.slices, high)

    def mosaic(self, slices: Sequence[int], columns: int) -> Picture:
        """Axial tiles centred on the cord, row by row in the given order, voxels as they are."""
        masks = {}
        for name, mask in self.masks.items():
            tiles = [self._axial(mask, k) for k in slices]
            for tile in tiles:  # a contour must close inside its own tile
                tile[[0, -1]] = 0
                tile[:, [0, -1]] = 0
            masks[name] = _to_bytes(_arrange(tiles, columns, 0), ONE)
        grey = [self._brightness(self._axial(self.data, k), k) for k in slices]
        pixel = (float(self.spacing[0]), float(self.spacing[1]))
        return Picture(_to_bytes(_arrange(grey, columns, 1), 255), masks, pixel)

    def columns(self, across: int, half_mm: float) -> np.ndarray:
        """Voxels of a cut from left to right: `half_mm` to both sides of the cord's centre."""
        along = 1 - across
        centre = self.centres[self.slices, along]
        half = half_mm / self.spacing[along]
        low = max(int(np.floor(centre.min() - half)), 0)
        high = min(int(np.ceil(centre.max() + half)), self.data.shape[along] - 1)
        columns = np.arange(low, high + 1)
        return columns[::-1] if across == 0 else columns  # anterior on the reader's left

    def cut(self, across: int, *, half_mm: float | None = None) -> tuple[Picture, np.ndarray]:
        """Cut along the cord, curved so that it follows the cord's centre.

        `across` is the axis that follows the centre: 0 gives the sagittal cut (columns anterior
        to posterior), 1 the coronal one (columns right to left). Also returns the slice number
        of each row, superior first.
        """
        pad = round(ROOM_MM / self.spacing[2])
        bottom = max(self.slices[0] - pad, 0)
        rows = np.arange(min(self.slices[-1] + pad, self.data.shape[2] - 1), bottom - 1, -1)
        along = 1 - across
        columns = self.columns(across, half_mm or self.half_mm + 2)
        depth = np.broadcast_to(rows[:, None], (rows.size, columns.size))
        centre = np.broadcast_to(self.centres[rows, across, None], depth.shape)
        beside = np.broadcast_to(columns, depth.shape)
        places = (centre, beside, depth) if across == 0 else (beside, centre, depth)

        def sample(volume: np.ndarray) -> np.ndarray:
            return map_coordinates(volume, places, output=float, order=1, mode="nearest")

        # Rows are slabs as thick as the slice: repeated, so that contours keep to them too.
        times = max(round(float(self.spacing[2])), 1)
        masks = {
            name: np.repeat(_to_bytes(sample(mask), ONE), times, axis=0)
            for name, mask in self.masks.items()
        }
        grey = _to_bytes(self._brightness(sample(self.data), rows[:, None]), 255)
        return Picture(grey, masks, (float(self.spacing[along]), float(self.spacing[2]))), rows

    def _brightness(self, values: np.ndarray, k: int | np.ndarray) -> np.ndarray:
        low, high = self._low[k], self._high[k]
        return (values - low) / np.maximum(high - low, 1e-9)

    def _axial(self, volume: np.ndarray, k: int) -> np.ndarray:
        """One tile, shape (rows: anterior to posterior, columns: right to left); 0 outside."""
        centre = self.centres[k].round().astype(int)
        half = np.maximum((self.half_mm / self.spacing[:2]).round().astype(int), 1)
        x, y = (np.arange(c - n, c + n + 1) for c, n in zip(centre, half, strict=True))
        in_x, in_y = (x >= 0) & (x < volume.shape[0]), (y >= 0) & (y < volume.shape[1])
        tile = np.zeros((x.size, y.size), np.float32)
        tile[np.ix_(in_x, in_y)] = volume[..., k][np.ix_(x[in_x], y[in_y])]
        return tile[:, ::-1].T


def _arrange(tiles: list[np.ndarray], columns: int, blank: float) -> np.ndarray:
    tiles = [*tiles, *[np.full_like(tiles[0], blank)] * (-len(tiles) % columns)]
    return np.block([tiles[i : i + columns] for i in range(0, len(tiles), columns)])


def _to_bytes(values: np.ndarray, one: int) -> np.ndarray:
    return (np.clip(values, 0, 1) * one).round().astype(np.uint8)
