"""Static figure of one place of the cord in several contrasts, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..contrasts import shown_name
from ..images import ImageLike
from .inputs import load_masked
from .panels import add_panel, blank_page, mark_first_tile, on_page, scale_bar, write
from .style import PAGE, cycled
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
    if not images or not set(images) <= set(masks):
        raise ValueError(
            "Expected at least one image, and a mask for each; got images of "
            f"{', '.join(images) or 'nothing'} and masks of {', '.join(masks) or 'nothing'}."
        )
    views = {
        name: CordView(*load_masked(image, masks[name], of=name), half_mm=HALF_MM)
        for name, image in images.items()
    }
    half = min(view.half_mm for view in views.values())
    for view in views.values():
        view.half_mm = half  # tiles of one size
    heights = {name: view.volume.heights[view.slices] for name, view in views.items()}
    low = max(z.min() for z in heights.values())
    high = min(z.max() for z in heights.values())
    if at_mm is None and low <= high:
        at_mm = (low + high) / 2
    per_row = columns or min(len(views), 7)
    rows = math.ceil(len(views) / per_row)
    tile = min(280.0, (PAGE - 32 - GAP * (per_row - 1)) / per_row)
    legend = contours and any(len(view.masks) > 1 for view in views.values())
    top = 10 + 34 * (title is not None) + 26 * legend
    bottom = top + rows * (HEAD + tile + GAP)
    size = max(32 + per_row * (tile + GAP) - GAP, 320), bottom + 34
    place = {"orientation": "h", "x": 16 / size[0], "y": 1 - (top - 30) / size[1]}
    fig = blank_page(*size, title=title, showlegend=legend, legend=place)
    shown = {}
    for name, view in views.items():
        z = heights[name]
        k = view.slices[len(z) // 2 if at_mm is None else int(np.abs(z - at_mm).argmin())]
        shown[name] = view.mosaic([int(k)], 1)
    side = min(side for picture in shown.values() for side in picture.size_mm)  # whole voxels
    colours = cycled(dict.fromkeys(mask for view in views.values() for mask in view.masks))
    named_once: set[str | None] = set()
    for number, (name, picture) in enumerate(shown.items()):
        row, column = divmod(number, per_row)
        left, above = 16 + column * (tile + GAP), top + HEAD + row * (HEAD + tile + GAP)
        start = len(fig.data)
        corner = (left, above, tile / side)
        add_panel(fig, picture, number + 1, corner, colours, size_mm=(side, side))
        for line in fig.data[start + 1 :]:
            line.visible = contours
            line.showlegend = legend and line.name not in named_once
            named_once.add(line.name)
        heading = {"xanchor": "center", "yanchor": "bottom", "font": {"size": 13}}
        write(fig, f"<b>{shown_name(name)}</b>", on_page(fig, left + tile / 2, above), **heading)
        if number == 0:
            mark_first_tile(fig, (side, side))
            scale_bar(fig, (left, bottom - GAP), tile / side, 10)
    return fig
