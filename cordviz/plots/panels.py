"""What figures of pictures are made of: pages, panels with contours, letters, scale bars."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import FAINT, FONT, INK, WHITE, cycled
from .tiles import Picture
from .volume import ONE

if TYPE_CHECKING:
    import plotly.graph_objects as go

ON_IMAGE = {"bgcolor": "rgba(0,0,0,0.5)", "font": {"color": "white", "size": 11}}


def blank_page(width: float, height: float, *, title: str | None, **layout: Any) -> go.Figure:
    """A white figure of so many px that is laid out by hand, its title in the top left corner."""
    import plotly.graph_objects as go

    heading = {"text": title, "x": 16 / width, "y": 1 - 20 / height, "yanchor": "middle"}
    return go.Figure(
        layout={
            "width": width,
            "height": height,
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0, "autoexpand": False},
            "title": heading,
            "font": {**FONT, "size": 12},
            **WHITE,
            "showlegend": False,
            **layout,
        }
    )


def on_page(fig: go.Figure, x: float, y: float) -> dict[str, Any]:
    """Place in px from the page's top left."""
    place = {"x": x / fig.layout.width, "y": 1 - y / fig.layout.height}
    return {"xref": "paper", "yref": "paper", **place}


def write(fig: go.Figure, text: str, place: dict[str, Any], **style: Any) -> None:
    """Text at a place `on_page` or `in_panel`."""
    fig.add_annotation(**{"text": text, "showarrow": False, "borderpad": 1, **place, **style})


def png_uri(grey: np.ndarray) -> str:
    """Encode grey values (uint8, shape (rows, columns)) as a PNG in a data URI."""
    from PIL import Image

    png = io.BytesIO()
    Image.fromarray(grey).save(png, format="png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"


def add_panel(
    fig: go.Figure,
    picture: Picture,
    number: int,
    place: tuple[float, float, float],
    colours: Mapping[str, str] | None = None,
    *,
    size_mm: tuple[float, float] | None = None,
) -> None:
    """Put a picture with its contours at (x, y) px from the page's top left, at px per mm.

    Of a picture larger than `size_mm` the middle is shown.
    """
    (left, top, scale), (dx, dy) = place, picture.pixel_mm
    width, height = size_mm or picture.size_mm
    x0, y0 = (width - picture.size_mm[0]) / 2, (height - picture.size_mm[1]) / 2
    axes = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
    across = {"x0": x0 + dx / 2, "dx": dx}
    image = {"source": png_uri(picture.grey), "y0": y0 + dy / 2, "dy": dy, "hoverinfo": "skip"}
    fig.add_image(**image, **across, **axes)
    if colours is None:
        colours = cycled(picture.masks)
    for name, mask in picture.masks.items():
        row = picture.size_mm[1] / mask.shape[0]
        fig.add_contour(
            z=mask,
            y0=y0 + row / 2,
            dy=row,
            **across,
            **axes,
            name=name,
            legendgroup=name,
            showlegend=number == 1,
            showscale=False,
            hoverinfo="skip",
            colorscale=[[0, colours[name]], [1, colours[name]]],
            line={"width": 1.8, "smoothing": 0},
            contours={"coloring": "lines", "start": ONE / 2, "end": ONE / 2, "size": 1},
        )
    corner = on_page(fig, left, top)
    end = on_page(fig, left + width * scale, top + height * scale)
    hidden = {"visible": False, "constrain": "domain"}
    x = {"domain": [corner["x"], end["x"]], "range": [0, width], "anchor": f"y{number}", **hidden}
    y = {"domain": [end["y"], corner["y"]], "range": [height, 0], "anchor": f"x{number}", **hidden}
    fig.layout[f"xaxis{number}"] = {**x, "scaleanchor": f"y{number}"}
    fig.layout[f"yaxis{number}"] = y


def in_panel(number: int, x: float, y: float) -> dict[str, Any]:
    """Place in mm from the top left of a panel."""
    return {"xref": f"x{number}", "yref": f"y{number}", "x": x, "y": y}


def mark_first_tile(fig: go.Figure, size_mm: tuple[float, float]) -> None:
    """Letters of the four sides inside the first axial tile."""
    for letter, x, y, anchor in (
        ("R", 0, 0.5, {"xanchor": "left"}),
        ("L", 1, 0.5, {"xanchor": "right", "xshift": -3}),
        ("A", 0.5, 0, {"yanchor": "top"}),
        ("P", 0.5, 1, {"yanchor": "bottom", "yshift": 3}),
    ):
        write(fig, letter, in_panel(1, x * size_mm[0], y * size_mm[1]), **ON_IMAGE, **anchor)


def mark_sides(
    fig: go.Figure, picture: Picture, number: int, letters: str, what: str, **style: Any
) -> None:
    """Letters of both sides above a picture, and between them what it is, faint or in `style`."""
    width = picture.size_mm[0]
    above = {"yanchor": "bottom", "yshift": 3, "font": {"size": 12}}
    write(fig, letters[0], in_panel(number, 0, 0), xanchor="left", **above)
    write(fig, letters[1], in_panel(number, width, 0), xanchor="right", **above)
    faint = {"font": {"size": 11, "color": FAINT}}
    write(fig, what, in_panel(number, width / 2, 0), **{**above, **faint, **style})


def bar_mm(cut: Picture) -> float:
    """Length of a scale bar that suits a cut along the cord."""
    return 10 if cut.size_mm[1] < 120 else 20


def tick_at_right(fig: go.Figure, number: int, x: float, y: float) -> None:
    """A border of levels beside a panel, in its mm."""
    small = {"size": 10, "color": FAINT}
    write(fig, "–", in_panel(number, x, y), xanchor="left", font=small)


def scale_bar(fig: go.Figure, corner: tuple[float, float], scale: float, length_mm: float) -> None:
    """Bar below the bottom left corner of a panel, given in px of the page."""
    place = on_page(fig, corner[0], corner[1] + 10)
    ends = {"x0": place["x"], "x1": place["x"] + length_mm * scale / fig.layout.width}
    ends |= {"y0": place["y"], "y1": place["y"], "xref": "paper", "yref": "paper"}
    fig.add_shape(**ends, line={"color": INK, "width": 3})
    small = {"font": {"size": 11}, "borderpad": 0, "yshift": -4}
    write(fig, f"{length_mm:g} mm", place, xanchor="left", yanchor="top", **small)
