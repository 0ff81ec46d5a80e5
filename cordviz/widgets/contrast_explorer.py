"""The live phantom: knobs of the scanner, the slice that they give, and what methods make of it."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets as t
from scipy.ndimage import center_of_mass

from .._validation import check_choice
from ..contrasts import FAMILIES
from ..plots.phantom import (
    COLOURS,
    EFFECTS,
    METHODS,
    OUTLINES,
    TOLD,
    Outline,
    PhantomSlice,
    Settings,
    preset,
    rows_of,
)
from ..plots.volume import ONE
from ..simulation.sequences import PRESETS
from .knobs import KNOBS, RANGES, page_preset
from .slice_viewer import source
from .stills import show_with_still
from .stills.study import explorer_png
from .traits import Choice

if TYPE_CHECKING:
    import pandas as pd
    from nibabel.nifti1 import Nifti1Image


class ContrastExplorer(anywidget.AnyWidget):
    """The live phantom, from `cordviz.view_contrast_explorer`.

    All of it can be set and observed from Python. A new setting is scanned at once; the methods
    follow when a page asks for them, or when `table` or `masks` is called.

    Attributes
    ----------
    contrast : str
        The preset: setting it sets every knob, and asks the student anew.
    tr_ms, te_ms, ti_ms, flip_deg, b_s_mm2, field_t, snr : float
        Sequence, field in tesla, and signal of white matter over the noise of one channel.
    voxel_mm, thickness_mm : float
        In plane, square; along the cord.
    mt : bool
        A magnetisation-transfer pulse before each excitation.
    effects : list of str
        Effects of a real scan that are on.
    scan : int
        Another scan: other noise and coil position.
    told : str
        What contrast-specific methods are told: t1, t2, t2s, dwi, or auto (the suggestion).
    revealed : bool
        Whether the suggestion is in view; a student guesses first.
    shown : list of str
        Outlines in view, of truth, propseg, deepseg and agnostic.
    zoom : bool
        The cord large, or the whole slice.
    areas : dict of str to float or None
        Area of each outline in mm² so far, None where no cord was found. Read only.
    suggestion : dict
        ``family`` and ``why``, once the picture has been judged. Read only.
    message : str
        Why these settings cannot be scanned; else empty. Read only.
    """

    #: What can be set when it is made.
    SETTINGS = (*KNOBS, "mt", "effects", "scan", "told", "revealed", "shown", "zoom")

    _esm = source("page.js", "pixels.js", "slice_picture.js", "contrast_explorer.js")
    _css = source("slice_viewer.css", "contrast_explorer.css")

    contrast = Choice(PRESETS, "T2w").tag(sync=True)
    tr_ms = t.Float(1.0).tag(sync=True)
    te_ms = t.Float(1.0).tag(sync=True)
    ti_ms = t.Float(0.0).tag(sync=True)
    flip_deg = t.Float(90.0).tag(sync=True)
    b_s_mm2 = t.Float(0.0).tag(sync=True)
    field_t = t.Float(3.0).tag(sync=True)
    snr = t.Float(20.0).tag(sync=True)
    voxel_mm = t.Float(1.0).tag(sync=True)
    thickness_mm = t.Float(5.0).tag(sync=True)
    mt = t.Bool(False).tag(sync=True)
    effects = t.List(t.Unicode(), list(EFFECTS)).tag(sync=True)
    scan = t.Int(0).tag(sync=True)
    told = Choice(TOLD, "auto").tag(sync=True)
    revealed = t.Bool(False).tag(sync=True)
    shown = t.List(t.Unicode(), list(OUTLINES)).tag(sync=True)
    zoom = t.Bool(True).tag(sync=True)
    areas = t.Dict().tag(sync=True)
    suggestion = t.Dict().tag(sync=True)
    message = t.Unicode("").tag(sync=True)
    _about = t.Dict().tag(sync=True)

    def __init__(self, phantom: PhantomSlice, **traits: Any):
        """Scan a slice of `phantom` with `traits` set."""
        self.phantom, self._version = phantom, 0
        self._settings: Settings | None = None
        self._from_page: Collection[str] = ()
        contrast = traits.pop("contrast", "T2w")
        check_choice(contrast, tuple(PRESETS), "contrast")
        about = {
            "outlines": OUTLINES,
            "methods": METHODS,
            "colours": COLOURS,
            "knobs": {name: [*knob] for name, knob in KNOBS.items()},
            "presets": {name: page_preset(name) for name in PRESETS},
            "ranges": RANGES,
            "effects": EFFECTS,
            "families": {family.contrast: family.looks for family in FAMILIES.values()},
            "level": phantom.level,
            "still": f"cordviz-{uuid.uuid4().hex}",
        }
        super().__init__(contrast=contrast, _about=about, **{**preset(contrast), **traits})
        self.observe(self._load_preset, "contrast")
        self.observe(self._scan, [*KNOBS, "contrast", "mt", "effects", "scan"])
        self.observe(self._retell, "told")
        self.on_msg(self._answer)
        self._scan()

    # What there is to have

    @property
    def settings(self) -> Settings:
        """What is scanned."""
        changes = {name: getattr(self, name) for name in (*KNOBS, "mt")}
        return Settings.of(self.contrast, effects=self.effects, scan=self.scan, **changes)

    @property
    def image(self) -> Nifti1Image:
        """The slice, shape (X, Y, 1), as `Subject.acquire` gives it."""
        return self._checked_shot().image

    @property
    def masks(self) -> dict[str, Nifti1Image]:
        """Soft masks of truth and of the methods that found the cord, on the image's grid."""
        self.measure()
        found = {method: self._outline(method).mask for method in METHODS}
        return {"truth": self._shot.truth, **{m: v for m, v in found.items() if v is not None}}

    def measure(self) -> dict[str, float | None]:
        """Let every method that has not yet outlined the slice do so; returns `areas`."""
        self._checked_shot()
        for method in METHODS:
            self._measure(method)
        return dict(self.areas)

    def table(self) -> pd.DataFrame:
        """A row for truth and each method: area in mm², error in percent, what it was told."""
        self.measure()
        return self.phantom.table(self._shot, self._family())

    def still(self) -> bytes:
        """PNG of the slice with its outlines and areas, made without a browser."""
        return explorer_png(self)

    def _ipython_display_(self) -> None:
        self.measure()
        title = f"Simulated {self.contrast} slice with outlines and areas"
        show_with_still(self, self._about["still"], self.still(), title)

    def _checked_shot(self) -> Any:
        if self.message:
            raise ValueError(self.message)
        return self._shot

    # From a knob to a picture, from a picture to areas

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what a page sets; it knows the presets, so that none is loaded over its knobs."""
        self._from_page = sync_data.keys()
        try:
            super().set_state(sync_data)
        finally:
            self._from_page = ()

    def _load_preset(self, _: Any) -> None:
        values = {**preset(self.contrast), "told": "auto", "revealed": False}
        with self.hold_sync(), self.hold_trait_notifications():
            for name in values.keys() - self._from_page:
                setattr(self, name, values[name])

    def _scan(self, _: Any = None) -> None:
        settings = self.settings
        if settings == self._settings:
            return  # of several knobs turned at once the first brought all
        try:
            shot = self.phantom.acquire(settings)
        except ValueError as error:
            self._settings, self.message = None, f"Not a scan: {error}"
            return
        self._settings, self._shot = settings, shot
        self._version += 1
        with self.hold_sync():
            self.message, self.areas = "", {"truth": round(shot.area_mm2(shot.truth), 3)}
        self._send_picture()

    def _retell(self, _: Any = None) -> None:
        """What was told has changed: the methods that were told must outline again."""
        kept = {"truth", "agnostic"}
        self.areas = {name: area for name, area in self.areas.items() if name in kept}

    def _family(self) -> str:
        return str(self.suggestion["family"]) if self.told == "auto" else self.told

    def _outline(self, method: str) -> Outline:
        told = "" if method == "agnostic" else self._family()
        return self.phantom.outline(self._shot, method, told)

    def _measure(self, method: str) -> None:
        if method not in self.areas:
            if method != "agnostic" and "agnostic" not in self.areas:
                self._measure("agnostic")  # what is suggested hangs on it
            mask = self._outline(method).mask
            area = None if mask is None else round(self._shot.area_mm2(mask), 3)
            with self.hold_sync():
                if method == "agnostic":
                    self.suggestion = self.phantom.suggest(self._shot)
                self.areas = {**self.areas, method: area}
            self._send_mask(method, mask)

    def _answer(self, _: Any, content: Any, buffers: Any) -> None:
        """Send the picture to a page that opens, outlines to one that has a picture."""
        if self.message or not isinstance(content, dict):
            return
        if content.get("wants") == "picture":
            self._send_picture()
            for known in METHODS:
                if known in self.areas:
                    self._send_mask(known, self._outline(known).mask)
        elif content.get("wants") == "outline" and content.get("version") == self._version:
            method = content.get("method")
            if method in METHODS:  # of an older picture nobody wants to know
                self._measure(method)

    def pixels(self) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
        """Grey values (0 to 1, rows from the top), masks likewise, pixel size (x, y) in mm."""
        masks = {name: rows_of(mask) for name, mask in self.masks.items()}
        return self._shot.grey, masks, self._shot.spacing[:2]

    def _send_picture(self) -> None:
        grey, truth = self._shot.grey, rows_of(self._shot.truth)
        about = {
            "kind": "picture",
            "version": self._version,
            "shape": list(grey.shape),
            "spacing": self._shot.spacing[:2].tolist(),
            "centre": list(center_of_mass(truth))[::-1],
        }
        self.send(about, [_bytes(grey, 255), _bytes(truth)])

    def _send_mask(self, method: str, mask: Nifti1Image | None) -> None:
        if mask is not None:
            about = {"kind": "outline", "version": self._version, "method": method}
            self.send(about, [_bytes(rows_of(mask))])

    # Checks, so that what is wrong is said at the line that sets it

    @t.validate(*KNOBS)
    def _check_knob(self, proposal: Any) -> float:
        name, value = proposal.trait.name, proposal.value
        low = min(limits[name][0] for limits in RANGES.values() if name in limits)
        high = max(limits[name][1] for limits in RANGES.values() if name in limits)
        if not (low <= value <= high) and value != preset(self.contrast)[name]:
            raise ValueError(f"{name} must lie between {low:g} and {high:g}, got {value:g}.")
        return value

    @t.validate("effects", "shown")
    def _check_names(self, proposal: Any) -> list[str]:
        choices = EFFECTS if proposal.trait.name == "effects" else OUTLINES
        for name in proposal.value:
            check_choice(name, tuple(choices), proposal.trait.name)
        return [name for name in choices if name in proposal.value]


def _bytes(values: np.ndarray, one: int = ONE) -> bytes:
    return np.clip(values * one, 0, 255).round().astype(np.uint8).tobytes()
