"""The cord inside its image in 3-D: NiiVue, with controls that Python can set and observe."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import ipyniivue
import ipywidgets
import nibabel as nib
import numpy as np
import traitlets as t
from plotly.colors import hex_to_rgb

from ..plots.style import cycled
from ..plots.surface import Surface
from ..plots.volume import Volume
from .slice_viewer import source
from .stills import show_with_still
from .stills.surface import surface_png
from .traits import Choice, Fraction

#: Where the image is cut open: azimuth and elevation of what is taken away.
CUTS = {"none": None, "sagittal": (270, 0), "coronal": (180, 0), "axial": (0, 90)}
FAR = 2.0  #: depth of a clip plane that cuts nothing away
FIT = 0.8  #: of NiiVue's size, so that a long cord keeps its ends
BRIGHT = 190.0  #: of 255, shown as white: light is lost on the way through a volume
HEIGHT_PX = 480


@cache
def _code() -> bytes:
    """NiiVue's JavaScript as the ipyniivue package ships it, compressed."""
    return gzip.compress((files("ipyniivue") / "static" / "widget.js").read_bytes(), 5)


class _Scene(ipyniivue.NiiVue):
    """NiiVue without its 5 MB of code in the notebook: a page asks for it."""

    _esm = source("page.js", "view_3d.js")
    _css = source("slice_viewer.css")
    turned: Any = None  # told of a page's hands; NiiVue itself tells no trait
    colours: Sequence[str] = ()  # of the masks, #RRGGBB; also the names of their colour maps
    _still = t.Unicode().tag(sync=True)
    _label = t.Unicode().tag(sync=True)

    def _handle_custom_msg(self, content: Any, buffers: Any) -> None:
        if content == {"wants": "niivue"}:
            self.send({"kind": "niivue"}, [_code()])
        elif content == {"wants": "colours"}:  # of NiiVue's own none is a contour's
            for colour in self.colours:
                self.add_colormap(colour, _colour_map(colour))
            self.send({"kind": "colours"})
        else:
            super()._handle_custom_msg(content, buffers)

    def set_state(self, sync_data: Any) -> None:
        super().set_state(sync_data)
        if "scene" in sync_data and self.turned is not None:
            scene = self.scene
            planes = scene.clip_plane_depth_azi_elevs
            self.turned(scene.render_azimuth, scene.render_elevation, *planes[:1])


class View3D(ipywidgets.VBox):
    """An image and its masks in 3-D, from `cordviz.view_3d`.

    Dragging and the keys h, j, k, l turn it; the wheel moves the cut.

    Attributes
    ----------
    azimuth, elevation : float
        Where it is seen from, in degrees.
    cut : {"none", "sagittal", "coronal", "axial"}
        Where the image is opened.
    depth : float
        Of the cut, 0 in the middle of the image, 1 about its border.
    opacity : float
        Of the image, 0 to 1; the masks stay.
    """

    azimuth = t.Float(120.0)
    elevation = t.Float(10.0)
    cut = Choice(CUTS, "sagittal")
    depth = t.Float(0.0)
    opacity = Fraction(1.0)

    def __init__(self, volume: Volume, surface: Surface, *, title: str, **traits: Any):
        """Show a `volume`; the still is of a `surface`."""
        self._surface, self._title = surface, title
        self.scene = _Scene(
            height=HEIGHT_PX,
            slice_type=ipyniivue.SliceType.RENDER,
            back_color=(0.08, 0.09, 0.1, 1),
            clip_plane_color=(0, 0, 0, 0),
            drag_and_drop_enabled=False,  # nothing is read from elsewhere
            log_level="error",
            loading_text="",
        )
        self.scene._still, self.scene._label = f"cordviz-{uuid.uuid4().hex}", title
        colours = cycled(volume.masks)
        self.scene.colours = tuple(dict.fromkeys(colours.values()))
        self.scene.load_volumes(_volumes(volume, colours))
        self.scene.scene._trait_values["vol_scale_multiplier"] = FIT
        choice = ipywidgets.Dropdown(options=list(CUTS), description="Cut")
        slider = ipywidgets.FloatSlider(min=0, max=1, step=0.05, description="Image")
        controls = ipywidgets.HBox([choice, slider], layout={"flex_flow": "row wrap"})
        super().__init__([controls, self.scene], **traits)
        t.link((self, "cut"), (choice, "value"))
        t.link((self, "opacity"), (slider, "value"))
        self.observe(self._show, ["azimuth", "elevation", "cut", "depth", "opacity"])
        self._show()
        self.scene.turned = self._turned

    def _show(self, _: Any = None) -> None:
        scene = self.scene.scene
        if (scene.render_azimuth, scene.render_elevation) != (self.azimuth, self.elevation):
            self.scene.set_render_azimuth_elevation(self.azimuth, self.elevation)
        plane = CUTS[self.cut]
        wanted = [FAR, 0.0, 0.0] if plane is None else [self.depth, *map(float, plane)]
        if scene.clip_plane_depth_azi_elevs != [wanted]:
            self.scene.set_clip_planes([wanted])
        if self.scene.volumes[0].opacity != self.opacity:
            self.scene.volumes[0].opacity = self.opacity

    def _turned(self, azimuth: float, elevation: float, plane: Sequence[float] = (FAR,)) -> None:
        with self.hold_trait_notifications():
            self.azimuth, self.elevation = float(azimuth), float(elevation)
            depth, *side = plane
            if tuple(side) == CUTS[self.cut]:  # or the page tells of a cut that is no more
                self.depth = float(depth)

    def still(self) -> bytes:
        """PNG of the cord's surface, coloured by its area, made without a browser."""
        return surface_png(self._surface)

    def _ipython_display_(self) -> None:
        show_with_still(self, self.scene._still, self.still(), self._title)


def _volumes(volume: Volume, colours: dict[str, str]) -> list[dict[str, Any]]:
    """The image and its masks, cut out around the cord, as small NIfTI files in memory."""
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [part.start for part in volume.box]
    low, high = volume.window
    grey = np.clip((volume.data[volume.box] - low) / (high - low), 0, 1) * 255
    parts = [("image", grey, "gray", 0.0, BRIGHT)]
    for number, (name, mask) in enumerate(volume.masks.items()):
        parts.append((f"mask{number}", mask[volume.box] * 255, colours[name], 100.0, 255.0))
    return [
        {
            "name": f"{name}.nii.gz",
            "data": _nifti(values, affine),
            "colormap": colour,
            "cal_min": black,
            "cal_max": white,
        }
        for name, values, colour, black, white in parts
    ]


def _colour_map(colour: str) -> dict[str, list[int]]:
    """A colour that is dark and clear at a mask's edge: its rim gives the cord its relief."""
    shades = np.outer((0.5, 0.75, 1), hex_to_rgb(colour)).astype(int).T.tolist()
    return {**dict(zip("RGB", shades, strict=True)), "A": [0, 64, 128], "I": [0, 128, 255]}


def _nifti(values: np.ndarray, affine: np.ndarray) -> bytes:
    image = nib.Nifti1Image(values.round().astype(np.uint8), affine)
    return gzip.compress(image.to_bytes(), 5, mtime=0)
