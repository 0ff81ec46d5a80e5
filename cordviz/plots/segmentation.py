"""The figure of masks on their image: axial slices and two cuts along the cord."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..images import ImageLike
from ..levels import level_name
from .inputs import levels_by_slice, load_masked
from .panels import (
    ON_IMAGE,
    add_panel,
    bar_mm,
    blank_page,
    in_panel,
    mark_first_tile,
    mark_sides,
    scale_bar,
    tick_at_right,
    write,
)
from .style import FAINT, PAGE
from .tiles import CordView, Picture

if TYPE_CHECKING:
    import plotly.graph_objects as go


def plot_segmentation(
    img: ImageLike,
    seg: ImageLike | Mapping[str, ImageLike],
    *,
    levels: ImageLike | None = None,
    slices: int | Sequence[int] = 12,
    title: str | None = None,
) -> go.Figure:
    """Show a mask on its image: axial slices, and a sagittal and a coronal cut along the cord.

    Axial tiles are centred on the cord and show voxels as they are. The two cuts are curved:
    in every slice they pass through the centre of the cord, so that all of it is in view. The
    line is where the mask is 0.5, found between voxels. Pictures are radiological: the
    patient's right (R) on the reader's left.

    Parameters
    ----------
    img : path or nibabel image
        3-D, any orientation.
    seg : path, nibabel image, or mapping of name to mask
        One or several masks of values in [0, 1] on the image's grid.
    levels : path or nibabel image, optional
        Vertebral levels on the same grid (2 = C2, 8 = T1 …), written beside the slices.
    slices : int or sequence of int
        How many axial slices to spread over the mask, or their numbers in the nibabel-LAS frame
        of `measure_shape` (0 is inferior).
    title : str, optional
        Heading of the figure.

    Returns
    -------
    plotly.graph_objects.Figure
        Lengths in mm with a scale bar, true aspect ratio.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        Unreadable input, another grid, an empty mask, slices outside the image.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> y, x = np.mgrid[-20:21, -20:21]
    >>> cord = np.repeat((np.hypot(x, y) < 5)[..., None], 9, axis=2)
    >>> image = nib.Nifti1Image(np.where(cord, 100.0, 300.0), np.diag([1, 1, 3, 1]))
    >>> seg = nib.Nifti1Image(cord.astype("u1"), image.affine)
    >>> fig = cv.plot_segmentation(image, seg, slices=4)
    >>> fig.layout.xaxis.scaleanchor
    'y'
    """
    image, masks = load_masked(img, seg)
    view = CordView(image, masks)
    level_of = {k: level for k, level in enumerate(levels_by_slice(levels, image)) if level}
    shown = _choose_slices(slices, view)
    sagittal, rows = view.cut(across=0)
    coronal, _ = view.cut(across=1)

    # Laid out in pixels of the page, so that a mm has one size on screen in each panel.
    top = 28 + 30 * (title is not None) + 26 * (len(masks) > 1)
    bottom, left, right, gap, between = 40, 16, 44, 60, 14
    cuts_mm = sagittal.size_mm[0] + coronal.size_mm[0]
    scale = min(560 / sagittal.size_mm[1], 360 / cuts_mm, 6)
    start = PAGE - right - between - cuts_mm * scale  # of the sagittal panel
    room = (start - gap - left, max(sagittal.size_mm[1] * scale, 360))
    columns = _best_columns(len(shown), room)
    axial = view.mosaic(shown, columns)
    axial_scale = min(room[0] / axial.size_mm[0], room[1] / axial.size_mm[1], 7)
    start = left + axial.size_mm[0] * axial_scale + gap
    middle = start + sagittal.size_mm[0] * scale + between
    tallest = max(axial.size_mm[1] * axial_scale, sagittal.size_mm[1] * scale)
    page = (middle + coronal.size_mm[0] * scale + right, top + tallest + bottom)

    legend = {"orientation": "h", "x": left / page[0], "y": 1 - (top - 54) / page[1]}
    fig = blank_page(*page, title=title, showlegend=len(masks) > 1, legend=legend)
    add_panel(fig, axial, 1, (left, top, axial_scale))
    add_panel(fig, sagittal, 2, (start, top, scale))
    add_panel(fig, coronal, 3, (middle, top, scale))
    _mark_tiles(fig, shown, columns, axial, level_of)
    mark_sides(fig, sagittal, 2, "AP", "sagittal")
    mark_sides(fig, coronal, 3, "RL", "coronal")
    row_of = {int(k): (row + 0.5) * sagittal.pixel_mm[1] for row, k in enumerate(rows)}
    _mark_slices(fig, {k: row_of[k] for k in shown if k in row_of})
    _mark_levels(fig, coronal, row_of, level_of)
    scale_bar(fig, (left, top + axial.size_mm[1] * axial_scale), axial_scale, 10)
    scale_bar(fig, (start, top + sagittal.size_mm[1] * scale), scale, bar_mm(sagittal))
    corner = {"xref": "x3 domain", "x": 1, "xanchor": "right", "yref": "y3 domain", "y": 0}
    faint = {"font": {"size": 11, "color": FAINT}, "yanchor": "top", "yshift": -8}
    write(fig, "cuts follow the cord's centre", corner, **faint)
    return fig


def _choose_slices(slices: int | Sequence[int], view: CordView) -> list[int]:
    """Slice numbers to show, superior first."""
    total = view.data.shape[2]
    if isinstance(slices, (int, np.integer)):
        if slices < 1:
            raise ValueError(f"slices must be at least 1, got {slices}.")
        pick = np.linspace(0, len(view.slices) - 1, min(int(slices), len(view.slices)))
        return [int(k) for k in view.slices[pick.round().astype(int)][::-1]]
    chosen = sorted({int(k) for k in slices}, reverse=True)
    if not chosen or chosen[-1] < 0 or chosen[0] >= total:
        raise ValueError(f"slices must lie between 0 and {total - 1}, got {list(slices)}.")
    return chosen


def _best_columns(tiles: int, room: tuple[float, float]) -> int:
    """Number of columns that makes square tiles largest."""
    size = {c: min(room[0] / c, room[1] / math.ceil(tiles / c)) for c in range(1, tiles + 1)}
    return max(size, key=lambda c: size[c])


def _mark_tiles(
    fig: go.Figure, shown: list[int], columns: int, axial: Picture, level_of: dict[int, int]
) -> None:
    """Slice number and level in every tile, the four sides in the first, white lines between."""
    rows = math.ceil(len(shown) / columns)
    width, height = (size / n for size, n in zip(axial.size_mm, (columns, rows), strict=True))
    for number, k in enumerate(shown):
        row, column = divmod(number, columns)
        level = f" · {level_name(level_of[k])}" if k in level_of else ""
        corner = {"xanchor": "left", "yanchor": "top"}
        write(fig, f"{k}{level}", in_panel(1, column * width, row * height), **ON_IMAGE, **corner)
    mark_first_tile(fig, (width, height))
    white = {"line": {"color": "white", "width": 3}, "xref": "x", "yref": "y"}
    for i in range(1, columns):
        fig.add_shape(x0=i * width, x1=i * width, y0=0, y1=rows * height, **white)
    for i in range(1, rows):
        fig.add_shape(x0=0, x1=columns * width, y0=i * height, y1=i * height, **white)


def _mark_slices(fig: go.Figure, row_of: dict[int, float]) -> None:
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
    corner = {"xanchor": "right", "yanchor": "bottom", "xshift": -6, "yshift": 3}
    write(fig, "slice", in_panel(2, 0, 0), font=small, **corner)


def _mark_levels(
    fig: go.Figure, cut: Picture, row_of: dict[int, float], level_of: dict[int, int]
) -> None:
    """Level names at the right of the coronal cut, with a tick where one level ends."""
    width, half = cut.size_mm[0], cut.pixel_mm[1] / 2
    for level in sorted(set(level_of.values())):
        at = [row_of[k] for k, value in level_of.items() if value == level and k in row_of]
        if not at:
            continue
        beside = {"xanchor": "left", "xshift": 12, "font": {"size": 12}}
        write(fig, level_name(level), in_panel(3, width, float(np.mean(at))), **beside)
        for edge in {min(at) - half, max(at) + half}:
            tick_at_right(fig, 3, width, edge)
