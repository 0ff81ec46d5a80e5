"""Figures of an image: its mask, its discs, how its soft truth came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._validation import check_same_grid
from ..images import ImageLike, load_image, load_mask, read_image
from ..levels import read_discs, slice_levels
from .panels import (
    add_panel,
    best_columns,
    mark_levels,
    mark_sides,
    mark_slices,
    mark_tiles,
    scale_bar,
)
from .soft_truth import Steps, draw
from .style import FAINT, FONT, PAGE
from .tiles import CordView

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from ..soft_truth import SoftTruth


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
    import plotly.graph_objects as go

    image = load_image(img)
    named = dict(seg) if isinstance(seg, Mapping) else {"mask": seg}
    if not named:
        raise ValueError("Expected at least one mask, got an empty mapping.")
    masks = {name: load_mask(mask, name=name) for name, mask in named.items()}
    for name, mask in masks.items():
        check_same_grid(mask, image, name, "image")
    view = CordView(image, masks)
    level_of = _level_of_slice(levels, image)
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
    columns = best_columns(len(shown), room)
    axial = view.mosaic(shown, columns)
    axial_scale = min(room[0] / axial.size_mm[0], room[1] / axial.size_mm[1], 7)
    start = left + axial.size_mm[0] * axial_scale + gap
    middle = start + sagittal.size_mm[0] * scale + between
    tallest = max(axial.size_mm[1] * axial_scale, sagittal.size_mm[1] * scale)
    page = (middle + coronal.size_mm[0] * scale + right, top + tallest + bottom)

    fig = go.Figure()
    fig.update_layout(
        width=page[0],
        height=page[1],
        margin={"l": 0, "r": 0, "t": 0, "b": 0, "autoexpand": False},
        title={"text": title, "x": left / page[0], "y": 1 - 20 / page[1], "yanchor": "middle"},
        font={**FONT, "size": 12},
        paper_bgcolor="white",
        plot_bgcolor="white",
        showlegend=len(masks) > 1,
        legend={"orientation": "h", "x": left / page[0], "y": 1 - (top - 54) / page[1]},
    )
    add_panel(fig, axial, 1, (left, top, axial_scale))
    add_panel(fig, sagittal, 2, (start, top, scale))
    add_panel(fig, coronal, 3, (middle, top, scale))
    mark_tiles(fig, shown, columns, axial, level_of)
    mark_sides(fig, sagittal, 2, "AP", "sagittal")
    mark_sides(fig, coronal, 3, "RL", "coronal")
    row_of = {int(k): (row + 0.5) * sagittal.pixel_mm[1] for row, k in enumerate(rows)}
    mark_slices(fig, {k: row_of[k] for k in shown if k in row_of})
    mark_levels(fig, coronal, row_of, level_of)
    scale_bar(fig, (left, top + axial.size_mm[1] * axial_scale), axial_scale, 10)
    long = 10 if sagittal.size_mm[1] < 120 else 20
    scale_bar(fig, (start, top + sagittal.size_mm[1] * scale), scale, long)
    note = {"text": "cuts follow the cord's centre", "font": {"size": 11, "color": FAINT}}
    corner = {"xref": "x3 domain", "x": 1, "xanchor": "right", "yref": "y3 domain", "y": 0}
    fig.add_annotation(**note, **corner, yanchor="top", yshift=-8, showarrow=False)
    return fig


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
    from .discs import disc_figure

    image, mask = load_image(img), load_mask(seg)
    check_same_grid(mask, image, "mask", "image")
    fig = disc_figure(image, mask, read_discs(discs), FONT)
    if title is not None:
        fig.update_layout(height=fig.layout.height + 30, margin={"t": 30})
        fig.update_layout(title={"text": title, "x": 0.04, "font": {"size": 15}})
    return fig


def plot_soft_truth(
    result: SoftTruth, *, slice_number: int | None = None, title: str | None = None
) -> go.Figure:
    """Show how a soft truth came about, at one place along the cord.

    Four rows: the hard masks on their native grids; the same in the space of the reference; their
    outlines together and their mean, the soft truth; and the soft truth back on every native
    grid, tinted by the fraction of cord. Below each tile stands the area of its slice in mm².

    Parameters
    ----------
    result : SoftTruth
        What `average_soft_truth` returned.
    slice_number : int, optional
        Slice of the reference in its nibabel-LAS frame (0 is inferior). By default the middle of
        the slices that most masks reach.
    title : str, optional
        Heading of the figure.

    Returns
    -------
    plotly.graph_objects.Figure
        Radiological: the patient's right (R) on the reader's left, anterior on top.

    Raises
    ------
    TypeError, ValueError
        Not a result of `average_soft_truth`; a slice without soft truth.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> x, y, z = np.indices((40, 40, 5))
    >>> cord = np.hypot(x - 20, y - 20) < 6
    >>> image = nib.Nifti1Image(np.where(cord, 100.0, 300.0), np.eye(4))
    >>> mask = nib.Nifti1Image(cord.astype("u1"), np.eye(4))
    >>> both = {"T2w": mask, "T2star": mask}, {"T2w": image, "T2star": image}
    >>> fig = cv.plot_soft_truth(cv.average_soft_truth(*both, progress=False))
    >>> any("T2*w" in note.text for note in fig.layout.annotations)
    True
    """
    import plotly.graph_objects as go

    from ..soft_truth import SoftTruth

    if not isinstance(result, SoftTruth):
        raise TypeError(f"Expected what average_soft_truth returned, got {type(result).__name__}.")
    fig = go.Figure()
    fig.update_layout(
        margin={"l": 0, "r": 0, "t": 0, "b": 0, "autoexpand": False},
        font={**FONT, "size": 12},
        paper_bgcolor="white",
        plot_bgcolor="white",
        showlegend=False,
    )
    draw(fig, Steps(result, slice_number), result.reference_name, title, PAGE)
    return fig


def _choose_slices(slices: int | Sequence[int], view: CordView) -> list[int]:
    """Slice numbers to show, superior first."""
    total = view.data.shape[2]
    if isinstance(slices, int):
        if slices < 1:
            raise ValueError(f"slices must be at least 1, got {slices}.")
        pick = np.linspace(0, len(view.slices) - 1, min(int(slices), len(view.slices)))
        return [int(k) for k in view.slices[pick.round().astype(int)][::-1]]
    chosen = sorted({int(k) for k in slices}, reverse=True)
    if not chosen or chosen[-1] < 0 or chosen[0] >= total:
        raise ValueError(f"slices must lie between 0 and {total - 1}, got {list(slices)}.")
    return chosen


def _level_of_slice(levels: ImageLike | None, image: Any) -> dict[int, int]:
    if levels is None:
        return {}
    labels = read_image(levels, name="level map")
    check_same_grid(labels, image, "level map", "image")
    return {k: int(level) for k, level in enumerate(slice_levels(labels)) if np.isfinite(level)}
