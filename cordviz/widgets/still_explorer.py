"""Picture of the live phantom for where no page runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .stills import HEIGHT_PX, PAGE_PX, encode, outlined

if TYPE_CHECKING:
    from .contrast_explorer import ContrastExplorer


def explorer_png(explorer: ContrastExplorer) -> bytes:
    """The phantom's slice with its outlines, and the areas beside it, PNG."""
    from PIL import Image, ImageDraw

    if explorer.message:
        raise ValueError(explorer.message)
    grey, masks, spacing = explorer.pixels()
    side = HEIGHT_PX
    about = explorer._about
    lines = [(masks[name], about["colours"][name]) for name in explorer.shown if name in masks]
    height = round(side * grey.shape[0] * spacing[1] / (grey.shape[1] * spacing[0]))
    page = Image.new("RGB", (PAGE_PX, max(side, height)), "white")
    page.paste(outlined(grey, lines, (side, height)), (0, 0))
    draw = ImageDraw.Draw(page)
    style: dict[str, Any] = {"fill": "white", "stroke_width": 2, "stroke_fill": "black"}
    for text, x, y, anchor in (("R", 5, side / 2, "lm"), ("L", side - 5, side / 2, "rm")):
        draw.text((x, y), text, anchor=anchor, **style)
    left, top, true = side + 24, 16, explorer.areas["truth"]
    draw.text(
        (left, top), f"Simulated {explorer.contrast}, one slice", fill="#26323B", font_size=15
    )
    for number, (name, title) in enumerate(about["outlines"].items()):
        y = top + 44 + 30 * number
        draw.rectangle((left, y, left + 14, y + 11), fill=about["colours"][name], outline="#26323B")
        draw.text((left + 24, y - 1), title, fill="#26323B", font_size=13)
        area = explorer.areas.get(name)
        words = "not found" if area is None else f"{area:.1f} mm2"
        if area is not None and name != "truth":
            words += f"  {(area / true - 1) * 100:+.1f} %"
        draw.text((left + 220, y - 1), words, fill="#26323B", font_size=13)
    return encode(page)
