"""Static figure of one place of the cord in several contrasts, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .._validation import check_same_grid
from ..contrasts import shown_name
from ..images import ImageLike, load_image, load_mask, reorient
from .panels import add_panel, scale_bar
from .style import FONT, PAGE
from .tiles import CordView

if TYPE_CHECKING:
    import plotly.graph_objects as go

HALF_MM = 14.0  #: half the side of a tile: cord, fluid and the edge of the bone
GAP, HEAD = 8, 26  #: px: between tiles, names above a tile


def plot_contrasts(
    images: Mapping[str, ImageLike],
    masks: Mapping[str, Any],
    *,
    at_mm: float | None = None,
    columns: int | None = None,
    contours: bool = True,
    title: str | None = None,
) -> go.Figure:
    """Show the same place of the cord in several contrasts, side by side.

    Every tile is the axial slice nearest to one height, centred on the cord and scaled to its
    own brightness; voxels are shown as they are. Lines are where a mask is 0.5. Pictures are
    radiological: the patient's right (R) on the reader's left, anterior (A) on top.

    Parameters
    ----------
    images : mapping of str to path or nibabel image
        3-D images, by the name that stands above the tile.
    masks : mapping of str to mask, or to a mapping of name to mask
        One or several masks of values in [0, 1] for each image, on its grid; they also say where
        the cord is.
    at_mm : float, optional
        Height of the slices in mm of nibabel's world. By default the middle of what all masks
        share; images of different people, whose masks share no height, show their own middle.
    columns : int, optional
        Tiles in a row; by default all of up to seven.
    contours : bool
        Draw the masks, or let them only say where the cord is.
    title : str, optional
        Heading of the figure.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        Unreadable input, names without a mask, another grid, an empty mask.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> y, x = np.mgrid[-20:21, -20:21]
    >>> cord = np.repeat((np.hypot(x, y) < 5)[..., None], 9, axis=2)
    >>> mask = nib.Nifti1Image(cord.astype("u1"), np.eye(4))
    >>> images = {name: nib.Nifti1Image(np.where(cord, 100.0, 300.0), np.eye(4)) for name in "ab"}
    >>> fig = cv.plot_contrasts(images, {"a": mask, "b": mask}, title="Two contrasts")
    >>> len(fig.data)  # two pictures, two contours
    4
    """
    import plotly.graph_objects as go

    if not images or not set(images) <= set(masks):
        raise ValueError(
            "Expected at least one image, and a mask for each; got images of "
            f"{', '.join(images) or 'nothing'} and masks of {', '.join(masks) or 'nothing'}."
        )
    views, origin = {}, {}
    for name, source in images.items():
        image, given = load_image(source), masks[name]
        named = given if isinstance(given, Mapping) else {"mask": given}
        loaded = {str(key): load_mask(mask, name=f"{name} {key}") for key, mask in named.items()}
        for key, mask in loaded.items():
            check_same_grid(mask, image, f"{name} {key}", f"{name} image")
        views[name] = CordView(image, loaded)
        views[name].half_mm = min(HALF_MM, views[name].half_mm)
        affine = reorient(image, "LAS").affine
        origin[name] = (float(affine[2, 3]), float(affine[2, 2]))
    heights = {n: origin[n][0] + origin[n][1] * v.slices for n, v in views.items()}
    low = max(z.min() for z in heights.values())
    high = min(z.max() for z in heights.values())
    if at_mm is None and low <= high:
        at_mm = (low + high) / 2
    per_row = columns or min(len(views), 7)
    rows = math.ceil(len(views) / per_row)
    tile = min(280.0, (PAGE - 32 - GAP * (per_row - 1)) / per_row)
    several = any(len(view.masks) > 1 for view in views.values())
    top = 10 + 34 * (title is not None) + 26 * (several and contours)
    fig = go.Figure()
    fig.update_layout(
        width=max(32 + per_row * (tile + GAP) - GAP, 320),
        height=top + rows * (HEAD + tile + GAP) + 34,
        margin={"l": 0, "r": 0, "t": 0, "b": 0, "autoexpand": False},
        font={**FONT, "size": 12},
        paper_bgcolor="white",
        plot_bgcolor="white",
        showlegend=several and contours,
    )
    page = fig.layout.width, fig.layout.height
    fig.update_layout(legend={"orientation": "h", "x": 16 / page[0], "y": 1 - (top - 30) / page[1]})
    if title:
        fig.update_layout(title={"text": title, "x": 16 / page[0], "y": 1 - 22 / page[1]})
    named_once: set[str | None] = set()
    for number, (name, view) in enumerate(views.items()):
        row, column = divmod(number, per_row)
        left, above = 16 + column * (tile + GAP), top + HEAD + row * (HEAD + tile + GAP)
        z = heights[name]
        k = view.slices[len(z) // 2 if at_mm is None else int(np.abs(z - at_mm).argmin())]
        picture = view.mosaic([int(k)], 1)
        start = len(fig.data)
        scale = tile / max(picture.size_mm)
        add_panel(fig, picture, number + 1, (left, above, scale))
        for line in fig.data[start + 1 :]:
            line.visible = contours
            line.showlegend = several and contours and line.name not in named_once
            named_once.add(line.name)
        place = {"xref": "paper", "yref": "paper", "showarrow": False, "xanchor": "center"}
        place |= {"x": (left + tile / 2) / page[0], "y": 1 - above / page[1], "yanchor": "bottom"}
        fig.add_annotation(text=f"<b>{shown_name(name)}</b>", font={"size": 13}, **place)
        if number == 0:
            _sides(fig)
            scale_bar(fig, (left, top + rows * (HEAD + tile + GAP) - GAP), scale, 10)
    return fig


def _sides(fig: go.Figure) -> None:
    """Letters of the four sides in the first tile."""
    style = {"bgcolor": "rgba(0,0,0,0.5)", "font": {"color": "white", "size": 11}, "borderpad": 1}
    for letter, x, y, side in (
        ("R", 0, 0.5, {"xanchor": "left"}),
        ("L", 1, 0.5, {"xanchor": "right"}),
        ("A", 0.5, 1, {"yanchor": "top"}),
        ("P", 0.5, 0, {"yanchor": "bottom"}),
    ):
        place = {"xref": "x domain", "yref": "y domain", "x": x, "y": y, "showarrow": False}
        fig.add_annotation(text=letter, **place, **side, **style)
