"""Draw how a soft truth came about: tiles of one place along the cord, a row for each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from nibabel.nifti1 import Nifti1Image

from ..contrasts import DISPLAY_NAMES
from ..images import reorient, voxels
from .panels import add_panel, scale_bar
from .style import CONTOUR_COLOURS, FAINT
from .tiles import CordView, Picture

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from ..soft_truth import SoftTruth

HALF_MM = 11.0  #: half the side of a tile: the cord and the fluid around it
LEFT, HEAD, GAP, BETWEEN = 114, 30, 6, 46  #: px: row names, column names, tiles, rows
WIDEST = 132  #: px of a tile
LARGE = 1.4  #: tiles of the mean against the others
TINTS = [
    *([0, "rgba(255,240,130,0)"], [0.02, "rgba(255,240,130,0.35)"]),
    *([0.5, "rgba(255,163,0,0.6)"], [1, "rgba(185,50,0,0.7)"]),
]


class Steps:
    """The tiles of every step at one slice of the reference, counted in the nibabel-LAS frame."""

    def __init__(self, result: SoftTruth, number: int | None) -> None:
        """Cut the tiles."""
        self.names = list(result.hard_masks)
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
        self.slice = k + int(start[2])
        here = np.argwhere(voxels(soft)[box][..., k] > 0).mean(axis=0)
        place = (crop.affine @ [*here, k, 1])[:3]
        space = scan.slicer[box]
        warped = {name: result.in_reference[name] for name in self.names}
        truth = Nifti1Image(voxels(soft)[box], crop.affine)
        view = _view(space, {**warped, "soft": truth})
        common = view.mosaic([k], 1)
        self.mean = Picture(common.grey, {"soft": common.masks["soft"]}, common.pixel_mm)
        outlines = {name: common.masks[name] for name in self.names}
        self.together = Picture(common.grey, outlines, common.pixel_mm)
        self.warped = {n: Picture(common.grey, {n: outlines[n]}, common.pixel_mm) for n in outlines}
        self.hard: dict[str, Picture] = {}
        self.soft: dict[str, Picture] = {}
        for name in self.names:
            masks = {"hard": result.hard_masks[name], "soft": result.native[name]}
            view = _view(result.images[name], masks)
            at = float((np.linalg.inv(reorient(result.images[name]).affine) @ [*place, 1])[2])
            tile = view.mosaic([int(view.slices[np.abs(view.slices - at).argmin()])], 1)
            for kind, into in (("hard", self.hard), ("soft", self.soft)):
                into[name] = Picture(tile.grey, {kind: tile.masks[kind]}, tile.pixel_mm)


def draw(fig: go.Figure, steps: Steps, reference: str, title: str | None, width: int) -> None:
    """Lay the steps out in rows on a page of a given width."""
    count = len(steps.names)
    tile = min(WIDEST, (width - LEFT - 16 - GAP * (count - 1)) / count)
    top = HEAD + 34 * (title is not None)
    sizes = (tile, tile, tile * (LARGE if count > 3 else 1), tile)
    rows = [top + sum(sizes[:row]) + row * BETWEEN for row in range(4)]
    right = LEFT + count * (tile + GAP) - GAP
    fig.update_layout(width=right + (16 if count > 3 else 64), height=rows[-1] + tile + 44)
    if title:
        fig.update_layout(title={"text": title, "x": 14 / width, "y": 0.985, "yanchor": "top"})
    number = 0

    def put(picture: Picture, left: float, row: int, under: str, colour: int = 0) -> None:
        nonlocal number
        number += 1
        add_panel(fig, picture, number, (left, rows[row], sizes[row] / max(picture.size_mm)))
        if "soft" in picture.masks:
            _fill(fig, picture, number)
        elif len(picture.masks) == 1:
            line = CONTOUR_COLOURS[colour % len(CONTOUR_COLOURS)]
            fig.data[-1].colorscale = [[0, line], [1, line]]
        below = _page(fig, left + sizes[row] / 2, rows[row] + sizes[row])
        _text(fig, under, below, size=11, color=FAINT, yanchor="top", xanchor="center")

    shown = DISPLAY_NAMES.get(reference, reference)
    for column, name in enumerate(steps.names):
        left = LEFT + column * (tile + GAP)
        heading = f"<b>{DISPLAY_NAMES.get(name, name)}</b>"
        above = _page(fig, left + tile / 2, top - 4)
        _text(fig, heading, above, yanchor="bottom", xanchor="center")
        put(steps.hard[name], left, 0, _area(steps.hard[name]), column)
        put(steps.warped[name], left, 1, _area(steps.warped[name]), column)
        put(steps.soft[name], left, 3, _area(steps.soft[name]))
    centre = (LEFT + right) / 2
    put(steps.together, centre - sizes[2] - GAP / 2, 2, "all outlines")
    put(steps.mean, centre + GAP / 2, 2, f"mean: {_area(steps.mean)}")
    beside = centre + GAP / 2 + sizes[2] + 4
    fig.data[-1].update(showscale=True, colorbar=_scale(fig, beside, rows[2], sizes[2]))
    for row, (head, note) in enumerate(
        (
            ("Hard masks", "native grids"),
            (f"In {shown} space", "registered"),
            ("Soft truth", f"mean in<br>{shown} space"),
            ("Soft truth", "warped back to<br>native grids"),
        )
    ):
        label = f"<b>{head}</b><br><span style='color:{FAINT}'>{note}</span>"
        place = _page(fig, 14, rows[row] + sizes[row] / 2)
        _text(fig, label, place, align="left", xanchor="left", yanchor="middle")
        if row:
            arrow = _page(fig, 50, rows[row] - BETWEEN / 2)
            _text(fig, "↓", arrow, size=20, color=FAINT, xanchor="center", yanchor="middle")
    px_per_mm = tile / max(steps.soft[steps.names[0]].size_mm)
    scale_bar(fig, (LEFT, rows[-1] + tile + 8), px_per_mm, 10)


def _scale(fig: go.Figure, x: float, y: float, length: float) -> dict[str, Any]:
    """Colour bar at the right of a tile."""
    place = _page(fig, x, y)
    return {
        **place, "xanchor": "left", "yanchor": "top", "len": length, "lenmode": "pixels",
        "thickness": 8, "xpad": 0, "ypad": 0, "outlinewidth": 0, "tickvals": [0, 0.5, 1],
        "ticktext": ["0", "0.5", "1 cord"],
    }  # fmt: skip


def _middle(result: SoftTruth) -> int:
    """Slice of the cropped reference that most masks reach, the middle one of them."""
    count = sum(voxels(m).any(axis=(0, 1)).astype(int) for m in result.in_reference.values())
    best = np.flatnonzero(count == np.max(count))
    return int(best[len(best) // 2])


def _view(image: Nifti1Image, masks: dict[str, Nifti1Image]) -> CordView:
    view = CordView(image, masks)
    view.half_mm = min(HALF_MM, view.half_mm)
    return view


def _area(picture: Picture) -> str:
    [mask] = picture.masks.values()
    return f"{mask.sum() / 250 * np.prod(picture.pixel_mm):.1f} mm²"


def _fill(fig: go.Figure, picture: Picture, number: int) -> None:
    """Tint the fraction of cord."""
    import plotly.graph_objects as go

    [mask], (dx, dy) = picture.masks.values(), picture.pixel_mm
    fig.add_trace(
        go.Heatmap(
            z=(mask / 250).round(2), x0=dx / 2, dx=dx, y0=dy / 2, dy=dy, zmin=0, zmax=1,
            xaxis=f"x{number}", yaxis=f"y{number}", colorscale=TINTS, showscale=False,
            hovertemplate="%{z} cord<extra></extra>",
        )
    )  # fmt: skip


def _page(fig: go.Figure, x: float, y: float) -> dict[str, Any]:
    """Place in px from the page's top left."""
    paper = {"xref": "paper", "yref": "paper"}
    return {**paper, "x": x / fig.layout.width, "y": 1 - y / fig.layout.height}


def _text(
    fig: go.Figure, text: str, place: dict[str, Any], *, size: int = 12, color: str | None = None,
    **style: Any,
) -> None:  # fmt: skip
    font = {"size": size, **({"color": color} if color else {})}
    fig.add_annotation(text=text, showarrow=False, font=font, **place, **style)
