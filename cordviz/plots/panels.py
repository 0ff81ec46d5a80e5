"""Draw the panels of a figure: pictures with contours, letters, ticks and scale bars."""

from __future__ import annotations

import base64
import io
import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..levels import level_name
from .style import CONTOUR_COLOURS, FAINT, INK
from .tiles import Picture

if TYPE_CHECKING:
    import plotly.graph_objects as go

HALF = 125  #: half a voxel of cord in `Picture.masks`


def png_uri(grey: np.ndarray) -> str:
    """Encode grey values (uint8, shape (rows, columns)) as a PNG in a data URI."""
    from PIL import Image

    png = io.BytesIO()
    Image.fromarray(grey).save(png, format="png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"


def best_columns(tiles: int, room: tuple[float, float]) -> int:
    """Number of columns that makes square tiles largest."""
    size = {c: min(room[0] / c, room[1] / math.ceil(tiles / c)) for c in range(1, tiles + 1)}
    return max(size, key=lambda c: size[c])


def add_panel(
    fig: go.Figure, picture: Picture, number: int, place: tuple[float, float, float]
) -> None:
    """Put a picture with its contours at (x, y) px from the page's top left, at px per mm."""
    import plotly.graph_objects as go

    (left, top, scale), (width, height), (dx, dy) = place, picture.size_mm, picture.pixel_mm
    axes = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
    across = {"x0": dx / 2, "dx": dx}
    image = {"source": png_uri(picture.grey), "y0": dy / 2, "dy": dy, "hoverinfo": "skip"}
    fig.add_trace(go.Image(**image, **across, **axes))
    for (name, mask), colour in zip(
        picture.masks.items(), itertools.cycle(CONTOUR_COLOURS), strict=False
    ):
        row = height / mask.shape[0]
        fig.add_trace(
            go.Contour(
                z=mask,
                y0=row / 2,
                dy=row,
                **across,
                **axes,
                name=name,
                legendgroup=name,
                showlegend=number == 1,
                showscale=False,
                hoverinfo="skip",
                colorscale=[[0, colour], [1, colour]],
                line={"width": 1.8, "smoothing": 0},
                contours={"coloring": "lines", "start": HALF, "end": HALF, "size": 1},
            )
        )
    page_width, page_height = fig.layout.width, fig.layout.height
    hidden = {"visible": False, "constrain": "domain"}
    fig.update_layout(
        {
            f"xaxis{number}": {
                "domain": [left / page_width, (left + width * scale) / page_width],
                "range": [0, width],
                "anchor": f"y{number}",
                "scaleanchor": f"y{number}",
                **hidden,
            },
            f"yaxis{number}": {
                "domain": [1 - (top + height * scale) / page_height, 1 - top / page_height],
                "range": [height, 0],
                "anchor": f"x{number}",
                **hidden,
            },
        }
    )


def _write(fig: go.Figure, number: int, x: float, y: float, text: str, **style: Any) -> None:
    """Text at (x, y) mm of a panel."""
    place = {"xref": f"x{number}", "yref": f"y{number}", "x": x, "y": y, "showarrow": False}
    fig.add_annotation({**place, "text": text, "borderpad": 1, **style})


def mark_tiles(
    fig: go.Figure, shown: list[int], columns: int, axial: Picture, level_of: dict[int, int]
) -> None:
    """Slice number and level in every tile, the four sides in the first, white lines between."""
    rows = math.ceil(len(shown) / columns)
    width, height = (size / n for size, n in zip(axial.size_mm, (columns, rows), strict=True))
    on_image = {"bgcolor": "rgba(0,0,0,0.5)", "font": {"color": "white", "size": 11}}
    for number, k in enumerate(shown):
        row, column = divmod(number, columns)
        level = f" · {level_name(level_of[k])}" if k in level_of else ""
        corner = {"xanchor": "left", "yanchor": "top"}
        _write(fig, 1, column * width, row * height, f"{k}{level}", **on_image, **corner)
    for letter, x, y, anchor in (
        ("R", 0, 0.5, {"xanchor": "left"}),
        ("L", 1, 0.5, {"xanchor": "right", "xshift": -3}),
        ("A", 0.5, 0, {"yanchor": "top"}),
        ("P", 0.5, 1, {"yanchor": "bottom", "yshift": 3}),
    ):
        _write(fig, 1, x * width, y * height, letter, **on_image, **anchor)
    white = {"line": {"color": "white", "width": 3}, "xref": "x", "yref": "y"}
    for i in range(1, columns):
        fig.add_shape(x0=i * width, x1=i * width, y0=0, y1=rows * height, **white)
    for i in range(1, rows):
        fig.add_shape(x0=0, x1=columns * width, y0=i * height, y1=i * height, **white)


def mark_slices(fig: go.Figure, row_of: dict[int, float]) -> None:
    """Numbers of the axial slices at the left of the sagittal cut."""
    small = {"size": 10, "color": FAINT}
    fig.update_layout(
        yaxis2={
            "visible": True,
            "tickvals": list(row_of.values()),
            "ticktext": [str(k) for k in row_of],
            "ticks": "outside",
            "ticklen": 4,
            "tickcolor": FAINT,
            "tickfont": small,
            "showgrid": False,
            "zeroline": False,
        }
    )
    _write(
        fig, 2, 0, 0, "slice", xanchor="right", yanchor="bottom", xshift=-6, yshift=3, font=small
    )


def mark_levels(
    fig: go.Figure, cut: Picture, row_of: dict[int, float], level_of: dict[int, int]
) -> None:
    """Level names at the right of the coronal cut, with a tick where one level ends."""
    width, half = cut.size_mm[0], cut.pixel_mm[1] / 2
    for level in sorted(set(level_of.values())):
        at = [row_of[k] for k, value in level_of.items() if value == level and k in row_of]
        if not at:
            continue
        beside = {"xanchor": "left", "xshift": 12, "font": {"size": 12}}
        _write(fig, 3, width, float(np.mean(at)), level_name(level), **beside)
        for edge in {min(at) - half, max(at) + half}:
            tick = {"xanchor": "left", "font": {"size": 10, "color": FAINT}}
            _write(fig, 3, width, edge, "–", **tick)


def mark_sides(fig: go.Figure, picture: Picture, number: int, letters: str, what: str) -> None:
    """Letters of both sides above a picture, and what it is between them."""
    width = picture.size_mm[0]
    above = {"yanchor": "bottom", "yshift": 3, "font": {"size": 12}}
    _write(fig, number, 0, 0, letters[0], xanchor="left", **above)
    _write(fig, number, width, 0, letters[1], xanchor="right", **above)
    if what:
        _write(fig, number, width / 2, 0, what, **{**above, "font": {"size": 11, "color": FAINT}})


def scale_bar(fig: go.Figure, corner: tuple[float, float], scale: float, length_mm: float) -> None:
    """Bar below the bottom left corner of a panel, given in px of the page."""
    x, y = corner[0] / fig.layout.width, 1 - (corner[1] + 10) / fig.layout.height
    end = x + length_mm * scale / fig.layout.width
    ink = {"line": {"color": INK, "width": 3}}
    fig.add_shape(xref="paper", yref="paper", x0=x, x1=end, y0=y, y1=y, **ink)
    text = {"text": f"{length_mm:g} mm", "showarrow": False, "font": {"size": 11}, "borderpad": 0}
    place = {"xref": "paper", "yref": "paper", "x": x, "y": y}
    fig.add_annotation(**text, **place, xanchor="left", yanchor="top", yshift=-4)
