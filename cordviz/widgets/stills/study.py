"""The stills of the live phantom and of a comparison."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from ...contrasts import shown_name
from ...plots.style import INK
from . import GAP_PX, HEIGHT_PX, ON_GREY, PAGE_PX, key, outlined, stack
from .curve import curve_picture

if TYPE_CHECKING:
    from ..comparison_view import ComparisonView
    from ..contrast_explorer import ContrastExplorer

HALF_MM = 13.0  #: in view around the cord


def explorer_png(explorer: ContrastExplorer) -> bytes:
    """The phantom's slice with its outlines, and the areas beside it, PNG."""
    from PIL import Image, ImageDraw

    if explorer.message:
        raise ValueError(explorer.message)
    grey, masks, spacing = explorer.pixels()
    side = HEIGHT_PX
    about = explorer._about
    if explorer.zoom:
        middle = np.argwhere(masks["truth"] > 0.5).mean(axis=0)
        half = HALF_MM / spacing[::-1]
        low = np.maximum(np.round(middle - half), 0).astype(int)
        box = tuple(
            slice(a, b) for a, b in zip(low, np.round(middle + half).astype(int) + 1, strict=True)
        )
        grey, masks = grey[box], {name: mask[box] for name, mask in masks.items()}
    lines = [(masks[name], about["colours"][name]) for name in explorer.shown if name in masks]
    height = round(side * grey.shape[0] * spacing[1] / (grey.shape[1] * spacing[0]))
    page = Image.new("RGB", (PAGE_PX, max(side, height)), "white")
    page.paste(outlined(grey, lines, (side, height)), (0, 0))
    draw = ImageDraw.Draw(page)
    for text, x, y, anchor in (("R", 5, side / 2, "lm"), ("L", side - 5, side / 2, "rm")):
        draw.text((x, y), text, anchor=anchor, **ON_GREY)
    left, top, true = side + 24, 16, explorer.areas["truth"]
    draw.text((left, top), f"Simulated {explorer.contrast}, one slice", fill=INK, font_size=15)
    for number, (name, title) in enumerate(about["outlines"].items()):
        y = top + 44 + 30 * number
        draw.rectangle((left, y, left + 14, y + 11), fill=about["colours"][name], outline=INK)
        draw.text((left + 24, y - 1), title, fill=INK, font_size=13)
        area = explorer.areas.get(name)
        words = "not found" if area is None else f"{area:.1f} mm2"
        if area is not None and name != "truth":
            words += f"  {(area / true - 1) * 100:+.1f} %"
        draw.text((left + 220, y - 1), words, fill=INK, font_size=13)
    png = io.BytesIO()
    page.save(png, format="png", optimize=True)  # a palette would lose four thin hues
    return png.getvalue()


def comparison_png(view: ComparisonView) -> bytes:
    """One slice of each contrast with the methods' outlines, and their curves, PNG."""
    from PIL import Image, ImageDraw

    shown = view._shown()
    side = min((PAGE_PX + GAP_PX) // max(len(shown), 1) - GAP_PX, 280)
    page = Image.new("RGB", (PAGE_PX, side), "white")
    draw = ImageDraw.Draw(page)
    for number, (contrast, k) in enumerate(view.slices.items()):
        volume, colours = view._volumes[contrast], view._about["colours"]
        centre = [int(at) for at in np.round(volume.centres[k])]
        half = [max(round(HALF_MM / s), 1) for s in volume.spacing[:2]]
        x, y = (slice(max(c - h, 0), c + h + 1) for c, h in zip(centre, half, strict=True))
        low, high = volume.window
        grey = (volume.data[x, y, k].T[::-1] - low) / (high - low)
        lines = [
            (volume.masks[name][x, y, k].T[::-1], colours[name])
            for name in view.methods
            if name in volume.masks
        ]
        left = number * (side + GAP_PX)
        page.paste(outlined(grey, lines, (side, side)), (left, 0))
        draw.text((left + 4, 4), f"{shown_name(contrast)} {k}", **ON_GREY)
    named = key((name, view._about["colours"][name]) for name in view.methods)
    return stack([page, named, *([curve_picture(view.figure)] if view._curves else [])])
