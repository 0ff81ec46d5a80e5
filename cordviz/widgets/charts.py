"""Plotly in a page: its code, once per page, and figures as plain JSON."""

from __future__ import annotations

import gzip
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from plotly.utils import PlotlyJSONEncoder

from ..plots.style import CONTOUR_COLOURS, FAINT, HUES, PALE

if TYPE_CHECKING:
    import plotly.graph_objects as go


@cache
def plotly_code() -> bytes:
    """plotly.js as the plotly package ships it, compressed."""
    return gzip.compress((files("plotly") / "package_data" / "plotly.min.js").read_bytes(), 5)


def page_figure(fig: go.Figure, **layout: Any) -> dict[str, Any]:
    """Fit a figure into a page, and give it as JSON, numbers as lists read without decoding."""
    fig.update_layout(width=None, autosize=True, template=None, dragmode=False, font_size=12)
    fig.update_layout(**layout)
    fig.update_xaxes(title_font_size=12)
    fig.update_yaxes(title_font_size=12)
    parts = {"data": fig.data, "layout": fig.layout}  # of a whole figure numbers are packed
    bright = dict(zip((FAINT, *HUES), (PALE, *CONTOUR_COLOURS), strict=True))  # on dark
    return {**json.loads(PlotlyJSONEncoder().encode(parts)), "bright": bright}
