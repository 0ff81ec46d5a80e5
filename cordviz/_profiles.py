"""Draw the area along the cord: positions in mm, bands of levels, norms and curves."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from ._panels import level_name

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


def profile(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Slices from superior to inferior, x_mm below the top."""
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
        }
    )


def bands_of(curve: pd.DataFrame) -> dict[int, tuple[float, float]]:
    """Extent in mm of every level of a profile."""
    bands = {}
    for level in sorted({int(level) for level in curve["level"].dropna() if level > 0}):
        part = curve[curve["level"] == level]
        half = part["length_mm"] / 2
        bands[level] = (
            float((part["x_mm"] - half).min()),
            float((part["x_mm"] + half).max()),
        )
    return bands


def mark_bands(fig: go.Figure, bands: dict[int, tuple[float, float]]) -> None:
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


def add_norms(fig: go.Figure, bands: dict[int, tuple[float, float]], sex: str) -> None:
    import pandas as pd
    import plotly.graph_objects as go

    with (files("cordviz") / "data" / "normative_csa_by_level.csv").open() as file:
        table = pd.read_csv(file, comment="#", dtype={"level": str})
    norms: dict[str, dict[str, float]] = (
        table[table["sex"] == sex].drop(columns="sex").set_index("level").T.to_dict()  # type: ignore  # the stubs leave the keys open
    )
    within = {level: norms[str(level)] for level in bands if str(level) in norms}
    if not within:
        return
    who = {"all": "healthy adults", "F": "healthy women", "M": "healthy men"}[sex]
    count = int(next(iter(within.values()))["n"])
    for low, high, colour, name in (
        ("p5", "p95", "rgba(110,150,165,0.20)", f"{count} {who}, 5–95 %"),
        ("p25", "p75", "rgba(110,150,165,0.28)", "25–75 %"),
    ):
        x: list[float | None] = []
        y: list[float | None] = []
        for level, norm in within.items():
            (start, end), bottom, top = bands[level], norm[low], norm[high]
            x += [start, end, end, start, None]
            y += [bottom, bottom, top, top, None]
        area = {"fill": "toself", "fillcolor": colour, "line": {"width": 0}, "mode": "lines"}
        fig.add_trace(go.Scatter(x=x, y=y, name=name, hoverinfo="skip", **area))


def add_curve(fig: go.Figure, curve: pd.DataFrame, name: str, colour: str) -> None:
    import plotly.graph_objects as go

    level, area = curve["level"], curve["area_mm2"]
    near = curve[level.isin([2, 3]) & area.notna()]
    text = name
    if {2, 3} <= set(near["level"]):
        mean = float(near["area_mm2"].mean())
        text = f"{name}: C2–C3 mean {mean:.1f} mm²"
        half = near["length_mm"] / 2
        fig.add_trace(
            go.Scatter(
                x=[float((near["x_mm"] - half).min()), float((near["x_mm"] + half).max())],
                y=[mean, mean],
                mode="lines",
                line={"color": colour, "width": 1.5, "dash": "dash"},
                legendgroup=name,
                showlegend=False,
                hoverinfo="skip",
            )
        )
    fig.add_trace(
        go.Scatter(
            x=curve["x_mm"].to_numpy(),
            y=area.to_numpy(),
            customdata=curve.index.to_numpy(),
            name=text,
            legendgroup=name,
            mode="lines+markers" if len(curve) < 90 else "lines",
            line={"color": colour, "width": 2.2},
            marker={"size": 5},
            hovertemplate="slice %{customdata}: %{y:.1f} mm²<extra></extra>",
        )
    )
