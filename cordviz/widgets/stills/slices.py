"""The still of a slice viewer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import GAP_PX, HEIGHT_PX, ON_GREY, PAGE_PX, key, outlined

if TYPE_CHECKING:
    from ..slice_viewer import SliceViewer

#: Axis across, axis of columns, axis of rows.
CUTS = {"axial": (2, 0, 1), "sagittal": (0, 1, 2), "coronal": (1, 0, 2)}
LETTERS = (("R", "L"), ("P", "A"), ("I", "S"))
MARK = "#F0E442"


def slices_pictures(viewer: SliceViewer) -> list[Any]:
    """The planes in view at the cursor with the masks' outlines, and whose outlines they are."""
    from PIL import Image

    names = list(CUTS) if viewer.planes == "linked" else [viewer.planes]
    cuts = [_Cut(viewer, name) for name in names]
    width = sum(cut.size_mm[0] / cut.size_mm[1] for cut in cuts) * HEIGHT_PX
    shrink = min(1.0, (PAGE_PX - GAP_PX * (len(cuts) - 1)) / width)
    pictures = [cut.picture(HEIGHT_PX * shrink / cut.size_mm[1]) for cut in cuts]
    total = sum(p.width for p in pictures) + GAP_PX * (len(pictures) - 1)
    page = Image.new("RGB", (total, max(p.height for p in pictures)), "white")
    left = 0
    for picture in pictures:
        page.paste(picture, (left, 0))
        left += picture.width + GAP_PX
    if len(viewer.shown) < 2:
        return [page]
    return [page, key((name, viewer.colours[name]) for name in viewer.shown)]


class _Cut:
    """One plane around the cord."""

    def __init__(self, viewer: SliceViewer, name: str) -> None:
        volume, self.viewer, self.name = viewer.volume, viewer, name
        self.across, *axes = CUTS[name]
        parts: list[Any] = [viewer.cursor[self.across]] * 3
        for axis in axes:
            parts[axis] = volume.box[axis]
            if viewer.zoom_to_cord and volume.cord is not None:
                if self.across == 2:
                    ends, room_mm = volume.centres[[viewer.slice] * 2, axis], volume.half_mm
                else:
                    ends, room_mm = volume.extent[axis], 12
                low, high = ends + np.array([-1, 1]) * room_mm / volume.spacing[axis]
                limits = np.clip(np.round([low, high + 1]), 0, volume.data.shape[axis]).astype(int)
                parts[axis] = slice(*limits)
        self.parts = tuple(parts)
        self.spacing = [float(volume.spacing[axis]) for axis in axes]
        self.flip = name == "sagittal" or viewer.convention == "neurological"
        self.axes = axes
        rows, columns = self.values(volume.data).shape
        self.size_mm = columns * self.spacing[0], rows * self.spacing[1]

    def values(self, data: np.ndarray) -> np.ndarray:
        """Pixels, rows from the top."""
        cut = data[self.parts].T[::-1]
        return cut[:, ::-1] if self.flip else cut

    def picture(self, scale: float) -> Any:
        from PIL import ImageDraw

        viewer = self.viewer
        size = (max(round(self.size_mm[0] * scale), 1), max(round(self.size_mm[1] * scale), 1))
        low, high = viewer.window
        grey = (self.values(viewer.volume.data) - low) / (high - low)
        masks, colours = viewer.volume.masks, viewer.colours
        lines = [(self.values(masks[name]), colours[name]) for name in viewer.shown]
        picture = outlined(grey, lines, size)
        draw = ImageDraw.Draw(picture)
        ends = LETTERS[self.axes[0]][:: -1 if self.flip else 1]
        for text, x, y, anchor in (
            (ends[0], 5, size[1] / 2, "lm"),
            (ends[1], size[0] - 5, size[1] / 2, "rm"),
            (f"{self.name} {viewer.cursor[self.across]}", 5, 4, "la"),
            ("10 mm", 7, size[1] - 9, "ld"),
        ):
            draw.text((x, y), text, anchor=anchor, **ON_GREY)
        draw.rectangle((7, size[1] - 7, 7 + round(10 * scale), size[1] - 5), fill="white")
        for name, voxel in viewer.marks().items():
            x, y = (at * scale for at in self.place_mm(voxel))
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), outline=MARK, width=2)
            draw.text((x - 9, y), name, anchor="rm", **ON_GREY)  # in front
        return picture

    def place_mm(self, voxel: Sequence[int]) -> tuple[float, float]:
        """Where a voxel is, from the top left of the picture."""
        column, row = (voxel[axis] - self.parts[axis].start + 0.5 for axis in self.axes)
        x, y = column * self.spacing[0], self.size_mm[1] - row * self.spacing[1]
        return (self.size_mm[0] - x if self.flip else x), y
