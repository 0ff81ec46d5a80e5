"""The still of the view in 3-D: the surface of the cord."""

from __future__ import annotations

import numpy as np

from ...plots.style import INK
from ...plots.surface import COLOURS, Surface, colour_range
from . import encode

SIZE_PX = (420, 400)
MARGIN_PX = 26
TWICE = 2  # drawn twice as large and shrunk, for smooth edges
KEY_PX = 12  # width of the colour key
SHADES = 32


def surface_png(surface: Surface, *, azimuth: float = 40, elevation: float = 12) -> bytes:
    """Draw a surface as seen from `azimuth` and `elevation` in degrees, PNG, with a colour key.

    Faces are painted from far to near, lit from the viewer.
    """
    from PIL import Image, ImageDraw
    from plotly.colors import sample_colorscale

    low, high = colour_range(surface)
    shades = np.linspace(0, 1, SHADES).tolist()
    scale = 255 * np.array(sample_colorscale(COLOURS, shades, colortype="tuple"))
    a, e = np.radians([azimuth, elevation])
    right = np.array([np.cos(a), np.sin(a), 0])
    towards = np.array([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)])
    up = np.cross(towards, right)
    points = surface.points_mm - surface.points_mm.reshape(-1, 3).mean(axis=0)
    seen = points @ np.stack([right, -up, towards], axis=1)
    corners = np.stack([seen[:-1, :-1], seen[1:, :-1], seen[1:, 1:], seen[:-1, 1:]], axis=2)
    depth = corners[..., 2].mean(axis=2)
    sides = np.cross(corners[:, :, 2] - corners[:, :, 0], corners[:, :, 3] - corners[:, :, 1])
    facing = np.abs(sides[..., 2]) / np.maximum(np.linalg.norm(sides, axis=2), 1e-9)
    part = np.nan_to_num((surface.area_mm2[:-1] - low) / (high - low))
    hue = scale[np.clip(part * (SHADES - 1), 0, SHADES - 1).astype(int)]
    colours = (hue[:, None] * (0.45 + 0.55 * facing[..., None])).astype(int)

    width, height = (side * TWICE for side in SIZE_PX)
    room = np.array([width - 160 * TWICE, height - 2 * MARGIN_PX * TWICE])
    flat = corners[..., :2].reshape(-1, 4, 2)
    size = flat.max(axis=(0, 1)) - flat.min(axis=(0, 1))
    zoom = (room / size).min()
    middle = flat.min(axis=(0, 1)) + size / 2
    placed = (flat - middle) * zoom + (width / 2 - 40 * TWICE, height / 2)
    page = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(page)
    for n in np.argsort(depth.ravel()):
        draw.polygon([tuple(xy) for xy in placed[n]], fill=tuple(colours.reshape(-1, 3)[n]))
    page = page.resize(SIZE_PX, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(page)
    left, top, tall = SIZE_PX[0] - 96, 70, 220
    for n, colour in enumerate(scale.astype(int)):
        above, below = (top + tall * (1 - at / SHADES) for at in (n + 1, n))
        draw.rectangle((left, above, left + KEY_PX, below), fill=tuple(colour))
    for value, at in ((high, top), (low, top + tall)):
        draw.text((left + KEY_PX + 6, at), f"{value:.0f}", fill=INK, anchor="lm")
    draw.text((left, top - 24), "CSA (mm2)", fill=INK)
    return encode(page)
