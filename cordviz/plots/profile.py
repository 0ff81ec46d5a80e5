"""The figure of the area along the cord: positions in mm, bands of levels, norms and curves."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from .._validation import check_choice
from ..contrasts import shown_name
from ..levels import level_name
from .style import AXIS, FONT, HUES, VALUE_AXIS, WHITE, cycled

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

WIDTH, LEFT, RIGHT, BOTTOM = 860, 64, 20, 56  #: px of the figure, and beside and below the plot
ROW, LETTER = 30, 6.8  #: px of a row of the legend, and of a letter, on average


def plot_csa_profile(
    table: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    norms: bool = True,
    sex: str | None = None,
    title: str | None = None,
) -> go.Figure:
    """Show the cross-sectional area (CSA) along the cord, with levels and healthy norms.

    Parameters
    ----------
    table : DataFrame or mapping of name to DataFrame
        Per-slice tables of `measure_shape` (columns slice, level, area_mm2, length_mm). Several
        tables share one axis: 0 mm is the border of C2 and C3 if every table has both, else the
        top of each mask. The bands of levels are those of the first table.
    norms : bool
        Show percentiles of 203 healthy adults per level, C1 to T1 (T2-weighted, 0.8 mm).
    sex : {"F", "M"}, optional
        Norms of 98 women or 105 men instead of all.
    title : str, optional
        Heading of the figure.

    Returns
    -------
    plotly.graph_objects.Figure
        CSA in mm² over the distance along the cord in mm, superior on the left. Slices without
        a value are gaps in the line. Dashes: mean over the slices of C2–C3. Bars: ± 1 SD, where
        the table has the column area_sd_mm2 (``measure_shape(seg, sd=sd)``).

    Raises
    ------
    TypeError, ValueError
        Not a per-slice table, or no area in it.

    Notes
    -----
    Norms: Valošek, Bédard et al. 2024, https://doi.org/10.1162/imag_a_00075, percentiles per
    vertebral level computed from the PAM50-normalized-metrics tables (MIT licence). They hold
    for that contrast and that segmentation method: another one shifts CSA by several percent.
    By the convention of `levels_from_discs` the lowest level given reaches to the mask's end.

    Examples
    --------
    >>> import cordviz as cv, pandas as pd
    >>> table = pd.DataFrame({"slice": [0, 1, 2, 3], "level": [3, 3, 2, 2],
    ...                       "area_mm2": [73.0, 72, 71, 70], "length_mm": 5.0})
    >>> fig = cv.plot_csa_profile(table)
    >>> [float(x) for x in fig.data[-1].x]
    [-7.5, -2.5, 2.5, 7.5]
    """
    return draw_profile(table, norms=norms, sex=sex, title=title)


def draw_profile(
    table: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    norms: bool = True,
    sex: str | None = None,
    title: str | None = None,
    one_grid: bool = False,
) -> go.Figure:
    """Draw `plot_csa_profile`; masks on `one_grid` keep their slices side by side."""
    import plotly.graph_objects as go

    group = "all" if sex is None else sex
    check_choice(group, ("all", "F", "M"), "sex")
    tables = dict(table) if isinstance(table, Mapping) else {"CSA": table}
    if not tables:
        raise ValueError("Expected at least one table, got an empty mapping.")
    curves = {name: _profile(one, name) for name, one in tables.items()}
    at_border = all({2, 3} <= set(curve["level"]) for curve in curves.values())
    if at_border:
        for curve in curves.values():
            edges = curve["x_mm"] - curve["length_mm"] / 2
            curve["x_mm"] -= edges[curve["level"] == 3].min()
    else:
        tops = {name: _top(curve) for name, curve in curves.items()}
        for name, curve in curves.items():
            curve["x_mm"] -= min(tops.values()) if one_grid else tops[name]
    bands = _bands_of(next(iter(curves.values())))
    fig = go.Figure()
    if norms and bands:
        _add_norms(fig, bands, group)
    hues = cycled(curves, HUES)
    for name, curve in curves.items():
        _add_curve(fig, curve, name, hues[name])
    _mark_bands(fig, bands)
    zero = "C2–C3 border" if at_border else "top of the mask"
    more = ROW * (_legend_rows(fig) - 1)
    height, top = 430 + more, (96 if title else 66) + more
    above = 1 + 22 / (height - top - BOTTOM)  # the names of the levels
    fig.update_layout(
        width=WIDTH,
        height=height,
        title={"text": title, "x": 0.02, "y": 1 - 17 / height} if title else None,
        font={**FONT, "size": 13},
        **WHITE,
        margin={"l": LEFT, "r": RIGHT, "t": top, "b": BOTTOM},
        legend={"orientation": "h", "x": 0, "y": above, "yanchor": "bottom"},
        hovermode="closest",
        xaxis={**AXIS, "title": f"below the {zero}, along the cord (mm)"},
        yaxis={**VALUE_AXIS, "ticks": "outside", "title": "CSA (mm²)"},
    )
    return fig


def _legend_rows(fig: go.Figure) -> int:
    """How many rows plotly needs for the names."""
    rows, used = 1, 0.0
    for trace in fig.data:
        if trace.showlegend is False:
            continue
        width = 44 + LETTER * len(trace.name)
        if used + width > WIDTH - LEFT - RIGHT:
            rows, used = rows + 1, 0.0
        used += width
    return rows


def _profile(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Slices from superior to inferior, x_mm below the upper end of the table."""
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise TypeError(
            f"Expected the per-slice table of measure_shape, got {type(table).__name__}."
        )
    missing = {"slice", "area_mm2", "length_mm"} - set(table.columns)
    if missing:
        raise ValueError(
            f"The table {name!r} has no column {', '.join(sorted(missing))}. Pass the per-slice "
            "table of measure_shape, not an aggregated one."
        )
    if not np.isfinite(table["area_mm2"].astype(float)).any():
        raise ValueError(f"The table {name!r} has no area: every slice is NaN.")
    one = table.set_index("slice").sort_index()
    every = one.reindex(range(int(one.index.min()), int(one.index.max()) + 1)).iloc[::-1]
    length = every["length_mm"].astype(float)
    length = length.fillna(length.median()).fillna(1.0)
    bottom = length.cumsum()
    level = every["level"] if "level" in every else pd.Series(np.nan, index=every.index)
    return pd.DataFrame(
        {
            "x_mm": bottom - length / 2,
            "length_mm": length,
            "area_mm2": every["area_mm2"].astype(float),
            "level": level.astype(float),
            "sd_mm2": every.get("area_sd_mm2", np.nan),
        }
    )


def _top(curve: pd.DataFrame) -> float:
    """Upper edge of the first slice with an area, mm."""
    first = curve[curve["area_mm2"].notna()].iloc[0]
    return float(first["x_mm"] - first["length_mm"] / 2)


def _bands_of(curve: pd.DataFrame) -> dict[int, tuple[float, float]]:
    """Extent in mm of every level of a profile."""
    bands = {}
    for level in sorted({int(level) for level in curve["level"].dropna() if level > 0}):
        part = curve[curve["level"] == level]
        half = part["length_mm"] / 2
        bands[level] = (part["x_mm"] - half).min(), (part["x_mm"] + half).max()
    return bands


def _mark_bands(fig: go.Figure, bands: dict[int, tuple[float, float]]) -> None:
    """Names of the levels above the plot, with a thin line at each border."""
    if not bands:
        return
    length = max(end for _, end in bands.values()) - min(start for start, _ in bands.values())
    for edge in {edge for band in bands.values() for edge in band}:
        fig.add_vline(edge, line={"color": "#C4CCD2", "width": 1}, layer="below")
    for level, (start, end) in bands.items():
        if end - start > 0.025 * length:  # narrower ones have no room for their name
            place = {"x": (start + end) / 2, "y": 1, "yref": "paper", "yanchor": "bottom"}
            fig.add_annotation(**place, text=level_name(level), showarrow=False)


def _add_norms(fig: go.Figure, bands: dict[int, tuple[float, float]], sex: str) -> None:
    import pandas as pd

    with (files("cordviz") / "data" / "normative_csa_by_level.csv").open() as file:
        table = pd.read_csv(file, comment="#", dtype={"level": str})
    norms = table[table["sex"] == sex].set_index("level").to_dict("index")
    within = {level: norms[str(level)] for level in bands if str(level) in norms}
    if not within:
        return
    who = {"all": "healthy adults", "F": "healthy women", "M": "healthy men"}[sex]
    count = int(next(iter(within.values()))["n"])
    for low, high, colour, name in (
        ("p5", "p95", "rgba(110,150,165,0.24)", f"{count} {who}, 5–95 %, darker: 25–75 %"),
        ("p25", "p75", "rgba(110,150,165,0.32)", ""),
    ):
        x: list[float | None] = []
        y: list[float | None] = []
        for level, norm in within.items():
            (start, end), bottom, top = bands[level], norm[low], norm[high]
            x += [start, end, end, start, None]
            y += [bottom, bottom, top, top, None]
        area = {"fill": "toself", "fillcolor": colour, "line": {"width": 0}, "mode": "lines"}
        fig.add_scatter(x=x, y=y, name=name, showlegend=bool(name), hoverinfo="skip", **area)


def _add_curve(fig: go.Figure, curve: pd.DataFrame, name: str, colour: str) -> None:
    level, area = curve["level"], curve["area_mm2"]
    near = curve[level.isin([2, 3]) & area.notna()]
    text = shown_name(name)
    if {2, 3} <= set(near["level"]):
        mean = near["area_mm2"].mean()
        text += f": C2–C3 mean {mean:.1f} mm²"
        half = near["length_mm"] / 2
        fig.add_scatter(
            x=[(near["x_mm"] - half).min(), (near["x_mm"] + half).max()],
            y=[mean, mean],
            mode="lines",
            line={"color": colour, "width": 1.5, "dash": "dash"},
            legendgroup=name,
            showlegend=False,
            hoverinfo="skip",
        )
    sd = curve["sd_mm2"].to_numpy(float)
    known = np.isfinite(sd).any()
    bars = {"error_y": {"array": sd, "thickness": 1, "width": 0}} if known else {}
    told = "%{y:.1f} ± %{error_y.array:.1f}" if known else "%{y:.1f}"
    fig.add_scatter(
        x=curve["x_mm"].to_numpy(),
        y=area.to_numpy(),
        customdata=curve.index.to_numpy(),
        name=text,
        legendgroup=name,
        mode="lines+markers" if len(curve) < 90 else "lines",
        line={"color": colour, "width": 2.2},
        marker={"size": 5},
        hovertemplate=f"slice %{{customdata}}: {told} mm²<extra></extra>",
        **bars,
    )
