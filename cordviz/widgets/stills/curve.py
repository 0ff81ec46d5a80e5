"""The still of curves along the cord."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...plots.style import FAINT, INK
from . import PAGE_PX, plain

#: Of plotly's dashes: px drawn and left out in turn.
DASHES = {
    "dot": (3, 4),
    "dash": (10, 6),
    "dashdot": (8, 4, 2, 4),
    "longdash": (16, 6),
    "longdashdot": (16, 4, 2, 4),
    "9px,3px,3px,3px,3px,3px": (8, 4, 2, 4, 2, 4),
    "15px,4px,7px,4px": (16, 4, 7, 4),
}
ROW_PX = 14  #: of the names of curves


def curve_picture(fig: Any) -> Any:
    """Lines and bands of a plotly figure along the cord, plain."""
    from PIL import Image, ImageDraw

    left, right, twice = 60, PAGE_PX - 10, 2  # drawn twice as large and shrunk, for smooth lines
    rows = _rows(fig, right - left - 80)  # beside what the curves are of
    top = 30 + ROW_PX * (len(rows) - 1)
    bottom = top + 228
    size = PAGE_PX, bottom + 42
    lines = [
        (np.array(trace.x, float), np.array(trace.y, float), trace)
        for trace in fig.data
        if trace.x is not None and trace.visible is not False
    ]
    x_all, y_all = (np.concatenate([line[axis] for line in lines]) for axis in (0, 1))
    x0, x1 = np.nanmin(x_all), np.nanmax(x_all)
    y0, y1 = np.nanmin(y_all), np.nanmax(y_all)
    pad = max((y1 - y0) * 0.06, 1.0)
    y0, y1, x1 = y0 - pad, y1 + pad, max(x1, x0 + 1e-6)

    def across(x: Any) -> Any:
        return left + (x - x0) / (x1 - x0) * (right - left)

    def down(y: Any) -> Any:
        return bottom - (y - y0) / (y1 - y0) * (bottom - top)

    def place(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
        return [tuple(xy) for xy in (np.stack([across(x), down(y)], axis=1) * twice).tolist()]

    page = Image.new("RGB", (size[0] * twice, size[1] * twice), "white")
    draw = ImageDraw.Draw(page)
    for x, y, trace in lines:
        gaps = np.flatnonzero(~np.isfinite(y))
        for part in np.split(np.arange(len(y)), gaps):
            run = part[np.isfinite(y[part])]
            if trace.fill == "toself" and len(run) > 2:
                draw.polygon(
                    place(x[run], y[run]), fill="#DDE8EC" if "5–95" in trace.name else "#C4D6DD"
                )
            elif trace.fill is None and len(run) > 1:
                for piece in _dashes(place(x[run], y[run]), trace.line.dash):
                    draw.line(piece, fill=trace.line.color, width=2 * twice, joint="curve")
    page = page.resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(page)
    draw.line([(left, top), (left, bottom), (right, bottom)], fill=FAINT)
    for value in _ticks(y0, y1):
        draw.text((left - 6, down(value)), f"{value:g}", fill=INK, anchor="rm")
    for value in _ticks(x0, x1):
        draw.text((across(value), bottom + 6), f"{value:g}", fill=INK, anchor="ma")
    draw.text((left, 4), "CSA (mm2)", fill=INK)
    draw.text(
        ((left + right) / 2, size[1] - 18),
        plain(fig.layout.xaxis.title.text),
        fill=INK,
        anchor="ma",
    )
    for line in fig.layout.shapes:  # borders of levels
        draw.line([(across(line.x0), top), (across(line.x0), bottom)], fill="#C4CCD2")
    for name in fig.layout.annotations:
        draw.text((across(name.x), top - 2), name.text, fill=INK, anchor="md")
    for number, row in enumerate(rows):
        at = float(right)
        for name, colour, width in reversed(row):
            draw.text((at, 4 + ROW_PX * number), name, fill=colour, anchor="ra")
            at -= width
    return page


def _rows(fig: Any, room: float) -> list[list[tuple[str, str, float]]]:
    """Names, colours and widths of the curves, in rows that fit into so many px."""
    from PIL import ImageFont

    rows: list[list[tuple[str, str, float]]] = [[]]
    for trace in fig.data:
        if trace.fill is None and trace.showlegend is not False:
            name = plain(trace.name)
            width = ImageFont.load_default().getlength(name) + 18
            if rows[-1] and sum(entry[2] for entry in rows[-1]) + width > room:
                rows.append([])
            rows[-1].append((name, trace.line.color, width))
    return rows


def _dashes(points: list[tuple[float, float]], dash: str | None) -> list[Any]:
    """A line cut into the pieces that are drawn."""
    if dash not in DASHES:
        return [points]
    x, y = np.array(points).T
    along = np.concatenate([[0], np.hypot(np.diff(x), np.diff(y)).cumsum()])
    pieces, at, turn = [], 0.0, 0
    while at < along[-1]:
        step = 2 * DASHES[dash][turn % len(DASHES[dash])]
        if turn % 2 == 0:
            part = np.linspace(at, min(at + step, along[-1]), 4)
            piece = np.column_stack([np.interp(part, along, values) for values in (x, y)])
            pieces.append(piece.ravel().tolist())
        at, turn = at + step, turn + 1
    return pieces


def _ticks(low: float, high: float) -> np.ndarray:
    """Five or so round values."""
    rough = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * min((1, 2, 5, 10), key=lambda s: abs(s * power - rough))
    return np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
