"""Quality control of a report: slices of every image with the contours of all methods."""

from __future__ import annotations

import base64
import html
import io
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .contrasts import shown_name
from .images import load_mask
from .plots.style import cycled
from .plots.tiles import CordView
from .variability.sessions import Item

if TYPE_CHECKING:
    import pandas as pd
    from nibabel.nifti1 import Nifti1Image

TILES, COLUMNS, PIXELS, HALF_MM = 12, 6, 880, 13.0  #: of a mosaic
DASH = 6  #: px of a contour before that of another method comes, where they meet


def quality(items: list[Item], study: pd.DataFrame, progress: bool) -> str:
    """A mosaic of axial slices per image, with the contours of all methods."""
    from tqdm.auto import tqdm

    methods = list(dict.fromkeys(study["method"]))
    colour = cycled(methods)
    key = " ".join(
        f'<span class="key" style="background:{colour[name]}">{html.escape(str(name))}</span>'
        for name in methods
    )
    parts = [f'<p>Contours where a mask is 0.5: {key}. <span class="note">Radiological: the ']
    parts.append("patient's right on your left; superior slice first, with its number (0 is the ")
    parts.append("lowest); where contours meet, they take turns.</span></p>")
    files = study[study["mask"] != ""].set_index(["subject", "contrast"])
    for item in tqdm(items, desc="quality control", disable=not progress):
        where = (item.subject, item.contrast)
        rows = files.loc[[where]] if where in files.index else files.iloc[:0]
        caption = html.escape(f"{item.subject} · {shown_name(item.contrast)}")
        missing = [name for name in methods if name not in set(rows["method"])]
        if missing:
            caption += f" — no mask: {html.escape(', '.join(map(str, missing)))}"
        picture = ""
        if len(rows):
            masks = {m: load_mask(f) for m, f in zip(rows["method"], rows["mask"], strict=True)}
            source = mosaic(replace(item).loaded, masks, colour)  # a copy: not all stay in memory
            drawn = html.escape(", ".join(masks))
            picture = f'<img alt="Axial slices of {caption} with {drawn}" src="{source}">'
        parts.append(f"<figure>{picture}<figcaption>{caption}</figcaption></figure>")
    return "".join(parts)


def mosaic(image: Nifti1Image, masks: dict[str, Nifti1Image], colour: dict[str, str]) -> str:
    """Draw axial slices with contours, as a JPEG in a data URI."""
    from PIL import Image, ImageColor, ImageDraw
    from scipy.ndimage import binary_erosion

    view = CordView(image, masks)
    view.half_mm = min(view.half_mm, HALF_MM)
    pick = np.linspace(0, len(view.slices) - 1, min(TILES, len(view.slices))).round().astype(int)
    slices = [int(k) for k in view.slices[pick][::-1]]
    tiles = view.mosaic(slices, COLUMNS)
    scale = PIXELS / tiles.size_mm[0]
    size = (PIXELS, round(tiles.size_mm[1] * scale))
    page = np.array(Image.fromarray(tiles.grey).resize(size, Image.Resampling.BICUBIC))
    page = np.repeat(page[..., None], 3, axis=2)
    edges = []
    for mask in tiles.masks.values():
        inside = np.array(Image.fromarray(mask).resize(size, Image.Resampling.BILINEAR)) >= 125
        edges.append(inside & ~binary_erosion(inside, iterations=2))
    drawn = np.stack(edges)
    dash = sum(np.indices(drawn.shape[1:])) // DASH % np.maximum(drawn.sum(axis=0), 1)
    for name, edge, number in zip(tiles.masks, drawn, drawn.cumsum(axis=0) - 1, strict=True):
        page[edge & (number == dash)] = ImageColor.getrgb(colour[name])  # in turn where they meet
    picture = Image.fromarray(page)
    draw, rows = ImageDraw.Draw(picture), -(-len(slices) // COLUMNS)
    for n, k in enumerate(slices):
        corner = n % COLUMNS * size[0] / COLUMNS + 5, n // COLUMNS * size[1] / rows + 3
        draw.text(corner, str(k), fill="white", stroke_width=2, stroke_fill="black")
    jpeg = io.BytesIO()
    picture.save(jpeg, format="jpeg", quality=88, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.getvalue()).decode()}"
