"""Draw the figures of a study: areas by contrast, and agreement of two contrasts."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from ..segmentation import METHODS
from .style import AXIS, FAINT, FONT, INK, VALUE_AXIS, WHITE, faded, signed

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

#: Published mean and SD over C2–C3, mm²: figures of the tutorial page of the Spinal Cord Toolbox,
#: "Contrast-specific vs. contrast-agnostic". It gives neither n nor the exact model.
PUBLISHED = {
    "specific": {
        "DWI": (63.65, 6.84), "MT-on": (74.34, 7.23), "GRE-T1w": (69.90, 6.16),
        "T1w": (69.16, 7.16), "T2star": (79.22, 8.07), "T2w": (75.49, 6.56),
    },
    "agnostic": {
        "DWI": (68.48, 6.87), "MT-on": (69.11, 6.66), "GRE-T1w": (69.58, 6.25),
        "T1w": (71.56, 6.64), "T2star": (69.42, 6.53), "T2w": (72.21, 6.50),
    },
}  # fmt: skip
GHOST = "#9AA5AD"
BOTTOM, HEAD = 62, 34  #: px below the lowest panel, for the axis; above each, for text
LEFT, RIGHT = 64, 16  #: px beside the panels
LETTER = 6.3  #: px of a letter of a footnote, on average in the widest font
FEWEST_FOR_VIOLIN = 5  #: fewer points have no shape
RATER = "simulated rater"  #: how names of methods start that put offsets in


def method_panels(
    methods: list[str], page: float, title: str | None
) -> tuple[go.Figure, list[dict[str, int]]]:
    """Panels side by side, two or three to a row, one per method; with the place of each.

    `page` is the widest that the figure may be in px.
    """
    from plotly.subplots import make_subplots

    columns = 2 if len(methods) == 4 else min(len(methods), 3)
    rows = -(-len(methods) // columns)
    top, height = HEAD + 30 + (36 if title else 0), 320
    between = BOTTOM + HEAD + 36
    size = (page, top + BOTTOM + rows * height + (rows - 1) * between)
    fig = make_subplots(
        rows,
        columns,
        subplot_titles=methods,
        shared_yaxes="all",
        horizontal_spacing=18 / (size[0] - LEFT - RIGHT),
        vertical_spacing=between / (size[1] - top - BOTTOM),
    )
    fig.update_xaxes(**AXIS)
    fig.update_yaxes(**VALUE_AXIS)
    fig.update_annotations(font_size=14, yshift=HEAD)
    fig.update_layout(
        width=size[0],
        height=size[1],
        title={"text": title, "x": 0.02, "y": 1 - 22 / size[1], "yanchor": "middle"},
        font={**FONT, "size": 13},
        **WHITE,
        margin={"l": LEFT, "r": RIGHT, "t": top, "b": BOTTOM},
        hovermode="closest",
        showlegend=False,
    )
    places = [{"row": n // columns + 1, "col": n % columns + 1} for n in range(len(methods))]
    return fig, places


def spread(count: int, width: float) -> np.ndarray:
    """Offsets that set points apart, the same each time."""
    return width * (np.random.default_rng(0).permutation(count) / max(count - 1, 1) - 0.5)


def add_contrast(
    fig: go.Figure, at: int, values: pd.Series, colour: str, place: dict[str, Any], *, apart: bool
) -> None:
    """Violin and points of one contrast, with mean and SD as a bar, and as text on top."""
    y, mean, sd = values.to_numpy(), values.mean(), values.std()
    if len(y) >= FEWEST_FOR_VIOLIN:
        fig.add_violin(
            x=np.full(len(y), at),
            y=y,
            width=0.78,
            points=False,
            spanmode="hard",  # no shape where there is no person
            line={"color": colour, "width": 1},
            fillcolor=faded(colour, 0.22),
            hoverinfo="skip",
            **place,
        )
    fig.add_scatter(
        x=at + (spread(len(y), 0.34) if apart else np.zeros(len(y))),
        y=y,
        mode="markers",
        marker={"size": 5, "color": colour, "opacity": 0.75},
        text=list(values.index),
        hovertemplate="%{text}: %{y:.1f} mm²<extra></extra>",
        **place,
    )
    fig.add_scatter(
        x=[at],
        y=[mean],
        error_y={"array": [np.nan_to_num(sd)], "width": 5, "color": INK, "thickness": 1.6},
        marker={"symbol": "line-ew-open", "size": 16, "color": INK, "line": {"width": 2.4}},
        mode="markers",
        hovertemplate=f"mean {mean:.2f}, SD {sd:.2f} mm²<extra></extra>",
        **place,
    )
    text = f"{mean:.1f}" + ("" if np.isnan(sd) else f"<br>± {sd:.1f}")
    top = {"y": 1, "yanchor": "bottom", "font": {"size": 11}, "showarrow": False}
    fig.add_annotation(x=at, text=text, **top, **place)
    fig.layout.annotations[-1].yref += " domain"


def add_pairs(fig: go.Figure, wide: pd.DataFrame, place: dict[str, Any]) -> None:
    """A thin line per subject through its contrasts."""
    x = [*range(wide.shape[1]), None] * len(wide)
    y = [value for row in wide.to_numpy().tolist() for value in (*row, None)]
    line = {"color": "rgba(38,50,59,0.28)", "width": 1}
    style = {"mode": "lines", "line": line, "hoverinfo": "skip"}
    fig.add_scatter(x=x, y=y, **style, **place)


def add_published(fig: go.Figure, contrasts: list[str], method: str, place: dict[str, Any]) -> None:
    """Published mean and SD as hollow ghosts at the left of each contrast."""
    if method not in METHODS:  # of other masks nothing is published
        return
    kind = PUBLISHED["agnostic" if method == "agnostic" else "specific"]
    known = [(at - 0.45, *kind[name]) for at, name in enumerate(contrasts) if name in kind]
    if not known:
        return
    x, mean, sd = (list(column) for column in zip(*known, strict=True))
    fig.add_scatter(
        x=x,
        y=mean,
        error_y={"array": sd, "color": GHOST, "thickness": 1, "width": 3},
        mode="markers",
        marker={"symbol": "diamond-open", "size": 7, "color": GHOST},
        hovertemplate="published %{y:.2f} mm²<extra></extra>",
        **place,
    )


def add_differences(
    fig: go.Figure, pair: pd.DataFrame, colour: str, place: dict[str, Any]
) -> tuple[float, float]:
    """Points, bias with its 95 % interval and limits of agreement (Bland and Altman 1986)."""
    from scipy import stats

    first, second = (pair[name] for name in pair)
    mean, difference = (first + second) / 2, first - second
    bias, sd, n = float(difference.mean()), float(difference.std()), len(difference)
    half = sd / np.sqrt(n) * stats.t.ppf(0.975, n - 1)
    low, high = bias - 1.96 * sd, bias + 1.96 * sd
    fig.add_scatter(
        x=mean,
        y=difference,
        mode="markers",
        marker={"size": 7, "color": colour, "opacity": 0.8},
        text=list(pair.index),
        hovertemplate="%{text}: %{y:.2f} at %{x:.1f} mm²<extra></extra>",
        **place,
    )
    fig.add_hrect(bias - half, bias + half, fillcolor=faded(colour, 0.2), line_width=0, **place)
    fig.add_hline(0, line={"color": "#C4CCD2", "width": 1}, **place)
    for value, hue, dash in ((bias, colour, "solid"), (low, FAINT, "dash"), (high, FAINT, "dash")):
        fig.add_hline(value, line={"color": hue, "width": 1.6, "dash": dash}, **place)
    texts = (signed(value, 2) for value in (bias, bias - half, bias + half, low, high))
    text = "bias {} [{}, {}]<br>limits {} to {}".format(*texts)
    top = {"x": 0.5, "y": 1, "yanchor": "bottom", "font": {"size": 11}, "showarrow": False}
    fig.add_annotation(text=text, **top, **place)
    fig.layout.annotations[-1].xref += " domain"
    fig.layout.annotations[-1].yref += " domain"
    reach = max(2.2 * sd, 1.1 * half)  # few people: the interval is wider than the limits
    return bias - reach, bias + reach


def footnote(fig: go.Figure, methods: list[str], lines: list[str | None]) -> None:
    """Write what a reader must know below the figure; rater offsets are always declared."""
    if any(method.startswith(RATER) for method in methods):
        lines = [*lines, "Offsets of simulated raters are an input, not a finding."]
    letters = int((fig.layout.width - LEFT - RIGHT) / LETTER)
    told = [part for line in lines if line for part in textwrap.wrap(line, letters)]
    room = 15 * len(told) + 8
    fig.layout.height += room
    fig.layout.margin.b += room
    text = {"text": "<br>".join(told), "font": {"size": 11, "color": FAINT}, "align": "left"}
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": 0, "yshift": -BOTTOM}
    fig.add_annotation(**text, **place, xanchor="left", yanchor="top", showarrow=False)
