"""The figure of how a soft truth came about: one place along the cord, a row for each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from nibabel.nifti1 import Nifti1Image

from ..contrasts import shown_name
from ..images import reorient, voxels
from .panels import add_panel, blank_page, on_page, scale_bar, write
from .style import CONTOUR_COLOURS, FAINT, PAGE, cycled
from .tiles import CordView, Picture
from .volume import ONE

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from ..soft_truth import SoftTruth

HALF_MM = 11.0  #: half the side of a tile: the cord and the fluid around it
LEFT, HEAD, GAP, BETWEEN = 114, 30, 6, 46  #: px: row names, column names, tiles, rows
WIDEST = 132  #: px of a tile
LARGE = 1.4  #: tiles of the mean against the others
SMALL: dict[str, Any] = {"font": {"size": 11, "color": FAINT}, "xanchor": "center"}
#: The colour bar beside the mean.
SCALE = {
    "xanchor": "left", "yanchor": "top", "lenmode": "pixels", "thickness": 8, "xpad": 0, "ypad": 0,
    "outlinewidth": 0, "tickvals": [0, 0.5, 1], "ticktext": ["0", "0.5", "1 cord"],
}  # fmt: skip
TINTS = [
    *([0, "rgba(255,240,130,0)"], [0.02, "rgba(255,240,130,0.35)"]),
    *([0.5, "rgba(255,163,0,0.6)"], [1, "rgba(185,50,0,0.7)"]),
]


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
    from ..soft_truth import SoftTruth

    if not isinstance(result, SoftTruth):
        raise TypeError(f"Expected what average_soft_truth returned, got {type(result).__name__}.")
    return _draw(_Steps(result, slice_number), title)


class _Steps:
    """The tiles of every step at one slice of the reference, counted in the nibabel-LAS frame."""

    def __init__(self, result: SoftTruth, number: int | None) -> None:
        """Cut the tiles."""
        self.names = list(result.hard_masks)
        self.reference = shown_name(result.reference_name)
        scan = reorient(result.images[result.reference_name])
        crop = next(iter(result.in_reference.values()))
        start = np.rint(np.linalg.inv(scan.affine) @ crop.affine[:, 3])[:3].astype(int)
        box = tuple(slice(a, a + n) for a, n in zip(start, crop.shape, strict=True))
        soft = reorient(result.reference)
        k = _middle(result) if number is None else number - int(start[2])
        if not 0 <= k < crop.shape[2] or not voxels(soft)[box][..., k].any():
            raise ValueError(
                f"Slice {number} of the {result.reference_name} image holds no soft truth; it is "
                f"in slices from {start[2]} to {start[2] + crop.shape[2] - 1}."
            )
        here = np.argwhere(voxels(soft)[box][..., k] > 0).mean(axis=0)
        place = (crop.affine @ [*here, k, 1])[:3]
        space = scan.slicer[box]
        warped = {name: result.in_reference[name] for name in self.names}
        truth = Nifti1Image(voxels(soft)[box], crop.affine)
        view = CordView(space, {**warped, "soft": truth}, half_mm=HALF_MM)
        common = view.mosaic([k], 1)
        self.mean = Picture(common.grey, {"soft": common.masks["soft"]}, common.pixel_mm)
        outlines = {name: common.masks[name] for name in self.names}
        self.together = Picture(common.grey, outlines, common.pixel_mm)
        self.warped = {n: Picture(common.grey, {n: outlines[n]}, common.pixel_mm) for n in outlines}
        self.hard: dict[str, Picture] = {}
        self.soft: dict[str, Picture] = {}
        for name in self.names:
            masks = {"hard": result.hard_masks[name], "soft": result.native[name]}
            view = CordView(result.images[name], masks, half_mm=HALF_MM)
            at = float((np.linalg.inv(reorient(result.images[name]).affine) @ [*place, 1])[2])
            tile = view.mosaic([int(view.slices[np.abs(view.slices - at).argmin()])], 1)
            self.hard[name] = Picture(tile.grey, {name: tile.masks["hard"]}, tile.pixel_mm)
            self.soft[name] = Picture(tile.grey, {"soft": tile.masks["soft"]}, tile.pixel_mm)
        tiles = [self.mean, *self.soft.values()]
        self.side_mm = min(side for tile in tiles for side in tile.size_mm)  # whole voxels


def _draw(steps: _Steps, title: str | None) -> go.Figure:
    """Lay the steps out in rows."""
    count = len(steps.names)
    tile = min(WIDEST, (PAGE - LEFT - 16 - GAP * (count - 1)) / count)
    top = HEAD + 34 * (title is not None)
    sizes = (tile, tile, tile * (LARGE if count > 3 else 1), tile)
    rows = [top + sum(sizes[:row]) + row * BETWEEN for row in range(4)]
    right = LEFT + count * (tile + GAP) - GAP
    fig = blank_page(right + (16 if count > 3 else 64), rows[-1] + tile + 54, title=title)
    number, side = 0, steps.side_mm
    colours = {**cycled(steps.names), "soft": CONTOUR_COLOURS[0]}

    def put(picture: Picture, left: float, row: int, under: str) -> None:
        nonlocal number
        number += 1
        corner = (left, rows[row], sizes[row] / side)
        add_panel(fig, picture, number, corner, colours, size_mm=(side, side))
        if "soft" in picture.masks:
            _fill(fig, picture, number)
        below = on_page(fig, left + sizes[row] / 2, rows[row] + sizes[row])
        write(fig, under, below, yanchor="top", **SMALL)

    for column, name in enumerate(steps.names):
        left = LEFT + column * (tile + GAP)
        above = on_page(fig, left + tile / 2, top - 4)
        write(fig, f"<b>{shown_name(name)}</b>", above, yanchor="bottom", xanchor="center")
        put(steps.hard[name], left, 0, _area(steps.hard[name]))
        put(steps.warped[name], left, 1, _area(steps.warped[name]))
        put(steps.soft[name], left, 3, _area(steps.soft[name]))
    centre = (LEFT + right) / 2
    put(steps.together, centre - sizes[2] - GAP / 2, 2, "all outlines")
    put(steps.mean, centre + GAP / 2, 2, f"mean: {_area(steps.mean)}")
    beside = on_page(fig, centre + GAP / 2 + sizes[2] + 4, rows[2])
    fig.data[-1].update(showscale=True, colorbar={**beside, **SCALE, "len": sizes[2]})
    for row, (head, note) in enumerate(
        (
            ("Hard masks", "native grids"),
            (f"In {steps.reference} space", "registered"),
            ("Soft truth", f"mean in<br>{steps.reference} space"),
            ("Soft truth", "warped back to<br>native grids"),
        )
    ):
        label = f"<b>{head}</b><br><span style='color:{FAINT}'>{note}</span>"
        place = on_page(fig, 14, rows[row] + sizes[row] / 2)
        write(fig, label, place, align="left", xanchor="left", yanchor="middle")
        if row:
            arrow = on_page(fig, 50, rows[row] - BETWEEN / 2)
            large = {"font": {"size": 20, "color": FAINT}, "xanchor": "center"}
            write(fig, "↓", arrow, yanchor="middle", **large)
    scale_bar(fig, (LEFT, rows[-1] + tile + 18), tile / side, 10)
    return fig


def _middle(result: SoftTruth) -> int:
    """Slice of the cropped reference that most masks reach, the middle one of them."""
    count = sum(voxels(m).any(axis=(0, 1)).astype(int) for m in result.in_reference.values())
    best = np.flatnonzero(count == np.max(count))
    return int(best[len(best) // 2])


def _area(picture: Picture) -> str:
    [mask] = picture.masks.values()
    return f"{mask.sum() / ONE * np.prod(picture.pixel_mm):.1f} mm²"


def _fill(fig: go.Figure, picture: Picture, number: int) -> None:
    """Tint the fraction of cord, on the grid of the contour drawn last."""
    [mask], line = picture.masks.values(), fig.data[-1]
    fig.add_heatmap(
            z=(mask / ONE).round(2), x0=line.x0, dx=line.dx, y0=line.y0, dy=line.dy, zmin=0, zmax=1,
            xaxis=f"x{number}", yaxis=f"y{number}", colorscale=TINTS, showscale=False,
            hovertemplate="%{z} cord<extra></extra>")  # fmt: skip
