"""Pictures of views for where no page runs them: exported and saved notebooks."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...plots.style import INK

if TYPE_CHECKING:
    from ipywidgets import DOMWidget

PAGE_PX = 860
HEIGHT_PX = 380
GAP_PX = 6
#: Of text on a picture.
ON_GREY: dict[str, Any] = {"fill": "white", "stroke_width": 2, "stroke_fill": "black"}
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


def outlined(grey: np.ndarray, masks: list[tuple[np.ndarray, str]], size: tuple[int, int]) -> Any:
    """Picture of grey values (0 to 1, rows from the top) with the line where each mask is 0.5."""
    from PIL import Image, ImageColor
    from scipy.ndimage import binary_dilation, binary_erosion

    small = Image.fromarray((np.clip(grey, 0, 1) * 255).astype(np.uint8))
    pixels = np.array(small.resize(size, Image.Resampling.NEAREST).convert("RGB"))
    for mask, colour in masks:
        whole = Image.fromarray(np.ascontiguousarray(mask, dtype=np.float32))
        inside = np.asarray(whole.resize(size, Image.Resampling.BILINEAR)) >= 0.5
        edge = binary_dilation(inside) ^ binary_erosion(inside)  # two pixels wide
        pixels[edge] = ImageColor.getrgb(colour)
    return Image.fromarray(pixels)


def key(entries: Iterable[tuple[str, str]]) -> Any:
    """A line of names, each behind its colour."""
    from PIL import Image, ImageDraw

    page = Image.new("RGB", (PAGE_PX, 22), "white")
    draw, at = ImageDraw.Draw(page), 0
    for name, colour in entries:
        draw.rectangle((at, 8, at + 10, 17), fill=colour)
        draw.text((at + 15, 6), plain(name), fill=INK)
        at += round(draw.textlength(plain(name))) + 34
    return page.crop((0, 0, min(at, PAGE_PX), 22))


def stack(pictures: list[Any]) -> bytes:
    """Pictures below each other, PNG."""
    from PIL import Image

    width = max(picture.width for picture in pictures)
    height = sum(picture.height for picture in pictures) + GAP_PX * (len(pictures) - 1)
    page, top = Image.new("RGB", (width, height), "white"), 0
    for picture in pictures:
        page.paste(picture, (0, top))
        top += picture.height + GAP_PX
    return encode(page)


def plain(text: str) -> str:
    """What Pillow's own font can write."""
    return text.translate({ord("–"): "-", ord("²"): "2", ord("≥"): ">="})


def encode(page: Any) -> bytes:
    """PNG of few colours, which is small."""
    png = io.BytesIO()
    page.quantize(128).save(png, format="png", optimize=True)
    return png.getvalue()
