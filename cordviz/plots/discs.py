"""Draw discs and the vertebral levels between them on a sagittal cut along the cord."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from nibabel.nifti1 import Nifti1Image

from ..images import reoriented_affine
from ..levels import level_name
from .panels import add_panel, mark_sides, scale_bar
from .style import FAINT, INK
from .tiles import CordView

if TYPE_CHECKING:
    import plotly.graph_objects as go

HALF_MM = 40.0  #: before and behind the cord: vertebral bodies and spinous processes
GAMMA = 0.6  #: vertebrae are dark next to fluid on T2w
YELLOW = "#FFD60A"


def disc_figure(
    image: Nifti1Image, seg: Nifti1Image, points: dict[int, np.ndarray], font: dict[str, Any]
) -> go.Figure:
    """One panel: the cut, a dot per disc with its name, and the levels beside it."""
    import plotly.graph_objects as go

    view = CordView(image, {"mask": seg})
    cut, rows = view.cut(across=0, half_mm=HALF_MM)
    bright = (255 * (cut.grey / 255) ** GAMMA).astype(np.uint8)
    cut = replace(cut, grey=bright)
    columns = view.columns(0, HALF_MM)
    inverse = np.linalg.inv(reoriented_affine(image, "LAS"))
    las = {k: inverse[:3, :3] @ p + inverse[:3, 3] for k, p in points.items()}
    x = {k: (columns[0] - p[1] + 0.5) * cut.pixel_mm[0] for k, p in las.items()}
    y = {k: (rows[0] - p[2] + 0.5) * cut.pixel_mm[1] for k, p in las.items()}
    shown = [k for k in sorted(points) if 0 <= y[k] <= cut.size_mm[1]]

    left, right, top, bottom = 16, 70, 34, 40
    scale = min(640 / cut.size_mm[1], 420 / cut.size_mm[0], 8)
    fig = go.Figure()
    fig.update_layout(
        width=max(left + cut.size_mm[0] * scale + right, 260),
        height=top + cut.size_mm[1] * scale + bottom,
        margin={"l": 0, "r": 0, "t": 0, "b": 0, "autoexpand": False},
        font={**font, "size": 12},
        paper_bgcolor="white",
        plot_bgcolor="white",
        showlegend=False,
    )
    add_panel(fig, cut, 1, (left, top, scale))
    mark_sides(fig, cut, 1, "AP", "sagittal")
    fig.add_trace(
        go.Scatter(
            x=[x[k] for k in shown],
            y=[y[k] for k in shown],
            mode="markers+text",
            marker={"color": YELLOW, "size": 8, "line": {"color": "black", "width": 1}},
            text=[str(k) for k in shown],
            textposition="middle left",
            textfont={"color": YELLOW, "size": 13},
            customdata=[_disc_name(k) for k in shown],
            hovertemplate="disc %{text}, %{customdata}<extra></extra>",
        )
    )
    width = cut.size_mm[0]
    beside = {"xref": "x", "yref": "y", "xanchor": "left", "showarrow": False}
    for upper, lower in pairwise(shown):
        if lower - upper == 1:
            name = {"text": level_name(upper), "font": {"size": 13, "color": INK}}
            fig.add_annotation(x=width, y=(y[upper] + y[lower]) / 2, xshift=14, **name, **beside)
    for k in shown:
        line = {"color": FAINT, "width": 1, "dash": "dot"}
        fig.add_shape(x0=x[k], x1=width, y0=y[k], y1=y[k], line=line, layer="above")
        fig.add_annotation(x=width, y=y[k], text="–", font={"size": 10, "color": FAINT}, **beside)
    long = 10 if cut.size_mm[1] < 120 else 20
    scale_bar(fig, (left, top + cut.size_mm[1] * scale), scale, long)
    return fig


def _disc_name(disc: int) -> str:
    return f"{level_name(disc - 1)}/{level_name(disc)}" if disc > 1 else "above C1"
