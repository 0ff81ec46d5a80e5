"""Pictures of views for where no page runs them: exported and saved notebooks."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .slice_viewer import SliceViewer

#: Axis across, axis of columns, axis of rows.
CUTS = {"axial": (2, 0, 1), "sagittal": (0, 1, 2), "coronal": (1, 0, 2)}
LETTERS = (("R", "L"), ("P", "A"), ("I", "S"))
PAGE_PX = 860
HEIGHT_PX = 380
GAP_PX = 6


def figure_html(name: str, png: bytes, title: str) -> str:
    """An image in a paragraph with an id, by which the live view finds and hides it."""
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return (
        f'<p id="{name}"><img src="{source}" alt="{html.escape(title)}" '
        f'style="max-width: 100%"></p>'
    )


def slices_png(viewer: SliceViewer) -> bytes:
    """The planes in view at the cursor with the masks' outlines, PNG."""
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
    png = io.BytesIO()
    page.quantize(128).save(png, format="png", optimize=True)
    return png.getvalue()


class _Cut:
    """One plane around the cord."""

    def __init__(self, viewer: SliceViewer, name: str) -> None:
        volume, self.viewer, self.name = viewer.volume, viewer, name
        self.across, *axes = CUTS[name]
        parts: list[Any] = [viewer.cursor[self.across]] * 3
        for axis in axes:
            parts[axis] = volume.box[axis]
            if viewer.zoom_to_cord and volume.centres is not None:
                if self.across == 2:
                    centre, half_mm = volume.centres[viewer.slice][axis], volume.half_mm
                    low, high = centre - half_mm / volume.spacing[axis], 0.0
                    high = 2 * centre - low
                else:
                    low, high = volume.extent[axis] + np.array([-1, 1]) * 12 / volume.spacing[axis]
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
        from PIL import Image, ImageDraw

        viewer = self.viewer
        size = tuple(max(round(mm * scale), 1) for mm in self.size_mm)
        low, high = viewer.window
        grey = np.clip((self.values(viewer.volume.data) - low) / (high - low), 0, 1) * 255
        small = Image.fromarray(grey.astype(np.uint8))
        pixels = np.array(small.resize(size, Image.Resampling.NEAREST).convert("RGB"))
        for name in viewer.shown:
            mask = Image.fromarray(self.values(viewer.volume.masks[name]).astype(np.float32))
            inside = np.asarray(mask.resize(size, Image.Resampling.BILINEAR)) >= 0.5
            edge = np.zeros_like(inside)
            edge[1:] |= inside[1:] != inside[:-1]
            edge[:, 1:] |= inside[:, 1:] != inside[:, :-1]
            colour = viewer._about["colours"][viewer._about["names"].index(name)]
            pixels[edge] = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        picture = Image.fromarray(pixels)
        draw = ImageDraw.Draw(picture)
        style: dict[str, Any] = {"fill": "white", "stroke_width": 2, "stroke_fill": "black"}
        ends = LETTERS[self.axes[0]][:: -1 if self.flip else 1]
        for text, x, y, anchor in (
            (ends[0], 5, size[1] / 2, "lm"),
            (ends[1], size[0] - 5, size[1] / 2, "rm"),
            (f"{self.name} {viewer.cursor[self.across]}", 5, 4, "la"),
        ):
            draw.text((x, y), text, anchor=anchor, **style)
        draw.text((7, size[1] - 9), "10 mm", anchor="ld", **style)
        draw.rectangle((7, size[1] - 7, 7 + round(10 * scale), size[1] - 5), fill="white")
        return picture
