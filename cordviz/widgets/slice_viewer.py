"""Slices of an image with masks on a canvas: the volume goes to the browser once."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import anywidget
import numpy as np
import traitlets as t

from .._validation import check_choice
from ..plots.style import cycled
from ..plots.volume import Volume
from .stills import show_with_still, stack
from .stills.slices import slices_pictures
from .traits import Choice, Fraction

PLANES = ("axial", "sagittal", "coronal", "linked")
CONVENTIONS = ("radiological", "neurological")
SCRIPTS = (
    "page.js",
    "pixels.js",
    "slice_picture.js",
    "slice_panel.js",
    "level_rail.js",
    "slice_viewer.js",
)


def source(*names: str) -> str:
    """Text of files beside this module; JavaScript put together in one ES module."""
    return "\n".join((files(__package__) / name).read_text(encoding="utf-8") for name in names)


class SliceViewer(anywidget.AnyWidget):
    """Interactive slices, from `cordviz.view_segmentation`.

    All of it can be set and observed from Python. Voxels are counted in nibabel-LAS order, as
    the slices of `measure_shape`: x from right to left, y from posterior to anterior, z from
    inferior to superior, slice 0 inferior.

    Attributes
    ----------
    slice : int
        Axial slice.
    cursor : tuple of int
        Voxel (x, y, z) under the crosshair; its z is `slice`.
    planes : {"axial", "sagittal", "coronal", "linked"}
        Planes in view.
    shown : list of str
        Masks in view.
    difference : list of str
        Two masks, to colour where only the first and where only the second is; empty for none.
    opacity : float
        Of the masks' tint, 0 to 1. The tint of a voxel is also as strong as the mask is there.
    window : tuple of float
        Intensities shown as black and as white.
    contours, crosshair, zoom_to_cord, playing : bool
        Lines where masks are 0.5; lines through the cursor; cord large in view; animation.
    levels : list of int
        Vertebral level of every slice, 0 where unknown.
    convention : {"radiological", "neurological"}
        Patient's right on the reader's left, or on the right.
    height : int
        Of the pictures, in px.
    """

    _esm = source(*SCRIPTS) + "\nexport default show(Viewer);\n"
    _css = source("slice_viewer.css")

    slice = t.Int(0).tag(sync=True)
    cursor = t.Tuple(t.Int(), t.Int(), t.Int(), default_value=(0, 0, 0))
    planes = Choice(PLANES, "linked").tag(sync=True)
    shown = t.List(t.Unicode()).tag(sync=True)
    difference = t.List(t.Unicode()).tag(sync=True)
    opacity = Fraction(0.35).tag(sync=True)
    window = t.Tuple(t.Float(), t.Float(), default_value=(0.0, 1.0)).tag(sync=True)
    contours = t.Bool(True).tag(sync=True)
    crosshair = t.Bool(True).tag(sync=True)
    zoom_to_cord = t.Bool(True).tag(sync=True)
    playing = t.Bool(False).tag(sync=True)
    levels = t.List(t.Int()).tag(sync=True)
    convention = Choice(CONVENTIONS, "radiological").tag(sync=True)
    height = t.Int(400).tag(sync=True)
    # Pages know the cursor by its x and y, and by `slice`: said twice, the two could run apart.
    _point = t.Tuple(t.Int(), t.Int(), default_value=(0, 0)).tag(sync=True)
    _about = t.Dict().tag(sync=True)

    def __init__(self, volume: Volume, **traits: Any):
        """Show a volume with `traits` set."""
        self.volume = volume
        names = list(volume.masks)
        x, y, z = volume.box
        origin = [x.start, y.start, z.start]
        about = {
            "names": names,
            "colours": list(self.colours.values()),
            "dims": [part.stop - part.start for part in volume.box],
            "origin": origin,
            "spacing": volume.spacing.tolist(),
            "affine": volume.affine.tolist(),
            "range": list(volume.range),
            "window": list(volume.window),
            "half_mm": volume.half_mm,
            "centres": None
            if volume.cord is None
            else (volume.centres - origin[:2]).round(2).tolist(),
            "extent": (volume.extent - np.array(origin)[:, None]).tolist(),
            "title": f"Spinal cord with {', '.join(names)}" if names else "Spinal cord",
            "still": f"cordviz-{uuid.uuid4().hex}",
        }
        start = {"cursor": volume.middle, "shown": names, "window": volume.window, "_about": about}
        first = traits.pop("slice", None)
        super().__init__(**{**start, **traits})
        self.slice = volume.middle[2] if first is None else first
        self.on_msg(self._answer)

    @property
    def colours(self) -> dict[str, str]:
        """Of each mask, #RRGGBB."""
        return cycled(self.volume.masks)

    def marks(self) -> dict[str, Sequence[int]]:
        """Named voxels (x, y, z) that a still shows."""
        return {}

    @property
    def cursor_mm(self) -> tuple[float, float, float]:
        """The cursor in world mm (nibabel's RAS+)."""
        x, y, z = (self.volume.affine @ [*self.cursor, 1])[:3].tolist()
        return x, y, z

    def _answer(self, _: Any, content: Any, buffers: Any) -> None:
        """Send the volume when a page asks for it: at first, and after each reload."""
        if content == {"wants": "volume"}:
            self.send({"kind": "volume"}, self.volume.packed())

    def still(self) -> bytes:
        """PNG of what is in view, made without a browser."""
        return stack(slices_pictures(self))

    def _ipython_display_(self) -> None:
        show_with_still(self, self._about["still"], self.still(), self._about["title"])

    # Checks, so that what is wrong is said at the line that sets it

    @t.validate("cursor")
    def _check_cursor(self, proposal: Any) -> tuple[int, ...]:
        for at, size, axis in zip(proposal.value, self.volume.data.shape, "xyz", strict=True):
            if not 0 <= at < size:
                raise ValueError(f"{axis} = {at} of the cursor is outside 0 to {size - 1}.")
        return proposal.value

    @t.validate("slice")
    def _check_slice(self, proposal: Any) -> int:
        last = self.volume.data.shape[2] - 1
        if not 0 <= proposal.value <= last:
            raise ValueError(f"slice must lie between 0 and {last}, got {proposal.value}.")
        return proposal.value

    @t.validate("window")
    def _check_window(self, proposal: Any) -> tuple[float, float]:
        low, high = proposal.value
        if not low < high:
            raise ValueError(f"window must be (black, white) with black < white, got {low, high}.")
        return low, high

    @t.validate("shown", "difference")
    def _check_names(self, proposal: Any) -> list[str]:
        for name in proposal.value:
            check_choice(name, list(self.volume.masks) or ["(no mask)"], proposal.trait.name)
        if proposal.trait.name == "difference" and len(set(proposal.value)) not in (0, 2):
            raise ValueError(f"difference takes two masks or none, got {proposal.value}.")
        return proposal.value

    @t.observe("cursor")
    def _cursor_moves(self, change: Any) -> None:
        with self.hold_trait_notifications():
            self._point, self.slice = change.new[:2], change.new[2]

    @t.observe("slice", "_point")
    def _moves_cursor(self, _: Any) -> None:
        self.cursor = (*self._point, self.slice)
