"""The figure of discs and of the vertebral levels between them, on a cut along the cord."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..images import ImageLike
from ..levels import disc_name, level_name, read_discs
from .inputs import load_masked
from .panels import (
    add_panel,
    bar_mm,
    blank_page,
    in_panel,
    mark_sides,
    scale_bar,
    tick_at_right,
    write,
)
from .style import FAINT, INK
from .tiles import CordView

if TYPE_CHECKING:
    import plotly.graph_objects as go

HALF_MM = 40.0  #: before and behind the cord: vertebral bodies and spinous processes
GAMMA = 0.6  #: vertebrae are dark next to fluid on T2w
YELLOW = "#FFD60A"
#: Around numbers, which lie on bright vertebrae, too.
OUTLINE = ", ".join(f"{x}px {y}px 1px black" for x in (-1, 1) for y in (-1, 1))


def plot_discs(
    img: ImageLike,
    seg: ImageLike,
    discs: ImageLike | Mapping[int, Sequence[float]],
    *,
    title: str | None = None,
) -> go.Figure:
    """Show discs and the vertebral levels between them, to judge them by eye.

    Parameters
    ----------
    img : path or nibabel image
        3-D, any orientation.
    seg : path or nibabel image
        Cord mask on the image's grid; the cut follows its centre.
    discs : path, nibabel image, or mapping
        Label image on any grid or ``{label: (x, y, z)}`` in mm, such as ``found.points_mm`` of
        `find_discs` (3 = C2/C3).
    title : str, optional
        Heading of the figure.

    Returns
    -------
    plotly.graph_objects.Figure
        The sagittal cut, 40 mm to the front and back. Each dot belongs at the posterior edge of
        a disc, 3 below the long body with the dens (C2). A level reaches from dot to dot.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        Unreadable input, another grid, an empty mask, discs that are none.

    Examples
    --------
    >>> import cordviz as cv
    >>> subject = cv.simulate_subject(seed=0)
    >>> image, seg = subject.acquire("T1w", fov=(20, 64, 80))
    >>> fig = cv.plot_discs(image, seg, subject.disc_points_mm)
    >>> "C4" in [text.text for text in fig.layout.annotations]
    True
    """
    image, masks = load_masked(img, {"mask": seg})
    points = read_discs(discs)
    view = CordView(image, masks)
    cut, rows = view.cut(across=0, half_mm=HALF_MM)
    bright = (255 * (cut.grey / 255) ** GAMMA).astype(np.uint8)
    cut = replace(cut, grey=bright)
    columns = view.columns(0, HALF_MM)
    inverse = np.linalg.inv(view.volume.affine)
    las = {k: inverse[:3, :3] @ p + inverse[:3, 3] for k, p in points.items()}
    x = {k: (columns[0] - p[1] + 0.5) * cut.pixel_mm[0] for k, p in las.items()}
    y = {k: (rows[0] - p[2] + 0.5) * cut.pixel_mm[1] for k, p in las.items()}
    shown = [k for k in sorted(points) if 0 <= y[k] <= cut.size_mm[1]]

    left, right, top, bottom = 16, 70, 34 + 30 * (title is not None), 40
    scale = min(640 / cut.size_mm[1], 420 / cut.size_mm[0], 8)
    width = max(left + cut.size_mm[0] * scale + right, 260)
    fig = blank_page(width, top + cut.size_mm[1] * scale + bottom, title=title)
    add_panel(fig, cut, 1, (left, top, scale))
    mark_sides(fig, cut, 1, "AP", "sagittal")
    fig.add_scatter(
        x=[x[k] for k in shown],
        y=[y[k] for k in shown],
        mode="markers+text",
        marker={"color": YELLOW, "size": 8, "line": {"color": "black", "width": 1}},
        text=[str(k) for k in shown],
        textposition="middle left",
        textfont={"color": YELLOW, "size": 13, "shadow": OUTLINE},
        customdata=[disc_name(k) for k in shown],
        hovertemplate="disc %{text}, %{customdata}<extra></extra>",
    )
    end = cut.size_mm[0]
    for upper, lower in pairwise(shown):
        if lower - upper == 1:
            beside = {"xanchor": "left", "xshift": 14, "font": {"size": 13, "color": INK}}
            write(fig, level_name(upper), in_panel(1, end, (y[upper] + y[lower]) / 2), **beside)
    for k in shown:
        line = {"color": FAINT, "width": 1, "dash": "dot"}
        fig.add_shape(x0=x[k], x1=end, y0=y[k], y1=y[k], line=line, layer="above")
        tick_at_right(fig, 1, end, y[k])
    scale_bar(fig, (left, top + cut.size_mm[1] * scale), scale, bar_mm(cut))
    return fig
