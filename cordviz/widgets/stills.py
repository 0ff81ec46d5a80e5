"""Pictures of views for where no page runs them: exported and saved notebooks."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ipywidgets import DOMWidget

    from .slice_viewer import SliceViewer

#: Axis across, axis of columns, axis of rows.
CUTS = {"axial": (2, 0, 1), "sagittal": (0, 1, 2), "coronal": (1, 0, 2)}
LETTERS = (("R", "L"), ("P", "A"), ("I", "S"))
PAGE_PX = 860
HEIGHT_PX = 380
GAP_PX = 6
NOTE = "Interactive view: run this cell to use it. The picture is what it showed at first."


def show_with_still(view: DOMWidget, name: str, png: bytes, title: str) -> None:
    """Display a view, and a still that the page hides as soon as the view is alive.

    Two outputs, as a saved notebook may hold the widget but has no kernel and often no network.
    """
    from IPython.display import display

    widget = {"version_major": 2, "version_minor": 0, "model_id": view.model_id}
    display({"application/vnd.jupyter.widget-view+json": widget, "text/plain": NOTE}, raw=True)
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    picture = f'<img src="{source}" alt="{html.escape(title)}" style="max-width: 100%">'
    display({"text/html": f'<p id="{name}">{picture}</p>', "text/plain": title}, raw=True)


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
    return encode(page)


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
        from PIL import ImageDraw

        viewer = self.viewer
        size = (max(round(self.size_mm[0] * scale), 1), max(round(self.size_mm[1] * scale), 1))
        low, high = viewer.window
        grey = (self.values(viewer.volume.data) - low) / (high - low)
        colours = dict(zip(viewer._about["names"], viewer._about["colours"], strict=True))
        lines = [(self.values(viewer.volume.masks[name]), colours[name]) for name in viewer.shown]
        picture = outlined(grey, lines, size)
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


def outlined(grey: np.ndarray, masks: list[tuple[np.ndarray, str]], size: tuple[int, int]) -> Any:
    """Picture of grey values (0 to 1, rows from the top) with the line where each mask is 0.5."""
    from PIL import Image
    from scipy.ndimage import binary_dilation, binary_erosion

    small = Image.fromarray((np.clip(grey, 0, 1) * 255).astype(np.uint8))
    pixels = np.array(small.resize(size, Image.Resampling.NEAREST).convert("RGB"))
    for mask, colour in masks:
        whole = Image.fromarray(np.ascontiguousarray(mask, dtype=np.float32))
        inside = np.asarray(whole.resize(size, Image.Resampling.BILINEAR)) >= 0.5
        edge = binary_dilation(inside) ^ binary_erosion(inside)  # two pixels wide
        pixels[edge] = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return Image.fromarray(pixels)


def curve_png(fig: Any) -> bytes:
    """Lines and bands of a plotly figure along the cord, PNG: plain, without a browser."""
    from PIL import Image, ImageDraw

    size, twice = (PAGE_PX, 300), 2  # drawn twice as large and shrunk, for smooth lines
    left, right, top, bottom = 60, PAGE_PX - 10, 30, 258
    lines = [
        (np.array(trace.x, float), np.array(trace.y, float), trace)
        for trace in fig.data
        if trace.x is not None and trace.visible is not False
    ]
    x_all, y_all = (np.concatenate([line[axis] for line in lines]) for axis in (0, 1))
    x0, x1 = np.nanmin(x_all), np.nanmax(x_all)
    y0, y1 = np.nanmin(y_all), np.nanmax(y_all)
    pad = max((y1 - y0) * 0.06, 1.0)
    y0, y1, x1 = y0 - pad, y1 + pad, max(x1, x0 + 1e-6)

    def place(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
        across = left + (x - x0) / (x1 - x0) * (right - left)
        down = bottom - (y - y0) / (y1 - y0) * (bottom - top)
        return list(zip((across * twice).tolist(), (down * twice).tolist(), strict=True))

    page = Image.new("RGB", (size[0] * twice, size[1] * twice), "white")
    draw = ImageDraw.Draw(page)
    for x, y, trace in lines:
        gaps = np.flatnonzero(~np.isfinite(y))
        for part in np.split(np.arange(len(y)), gaps):
            run = part[np.isfinite(y[part])]
            if trace.fill == "toself" and len(run) > 2:
                draw.polygon(
                    place(x[run], y[run]), fill="#DDE8EC" if "5–95" in trace.name else "#C4D6DD"
                )
            elif trace.fill is None and len(run) > 1:
                draw.line(
                    place(x[run], y[run]), fill=trace.line.color, width=2 * twice, joint="curve"
                )
    page = page.resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(page)
    draw.line([(left, top), (left, bottom), (right, bottom)], fill="#87929B")
    for value in _ticks(y0, y1):
        at = bottom - (value - y0) / (y1 - y0) * (bottom - top)
        draw.text((left - 6, at), f"{value:g}", fill="#26323B", anchor="rm")
    for value in _ticks(x0, x1):
        at = left + (value - x0) / (x1 - x0) * (right - left)
        draw.text((at, bottom + 6), f"{value:g}", fill="#26323B", anchor="ma")
    draw.text((left, 4), "CSA (mm2)", fill="#26323B")
    draw.text(
        ((left + right) / 2, size[1] - 18),
        _ascii(fig.layout.xaxis.title.text),
        fill="#26323B",
        anchor="ma",
    )
    at = right
    for trace in reversed(fig.data):
        if trace.fill is None and trace.showlegend is not False:
            draw.text((at, 4), _ascii(trace.name), fill=trace.line.color, anchor="ra")
            at -= draw.textlength(_ascii(trace.name)) + 18
    return encode(page)


def stack(pngs: list[bytes]) -> bytes:
    """Pictures below each other."""
    from PIL import Image

    pictures = [Image.open(io.BytesIO(png)).convert("RGB") for png in pngs]
    page = Image.new(
        "RGB", (max(p.width for p in pictures), sum(p.height + GAP_PX for p in pictures)), "white"
    )
    top = 0
    for picture in pictures:
        page.paste(picture, (0, top))
        top += picture.height + GAP_PX
    return encode(page)


def _ascii(text: str) -> str:
    """What Pillow's own font can write."""
    return text.translate({ord("–"): "-", ord("²"): "2", ord("≥"): ">="})


def _ticks(low: float, high: float) -> np.ndarray:
    """Five or so round values."""
    rough = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * min((1, 2, 5, 10), key=lambda s: abs(s * power - rough))
    return np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step


def encode(page: Any) -> bytes:
    """PNG of few colours, which is small."""
    png = io.BytesIO()
    page.quantize(128).save(png, format="png", optimize=True)
    return png.getvalue()
