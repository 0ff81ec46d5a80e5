"""A study to look into: slices of all contrasts side by side, curves, violins, areas."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets as t

from .._validation import check_choice
from ..contrasts import shown_name
from ..plots import plot_csa_by_contrast, plot_csa_profile
from ..plots.style import HUES, cycled, faded
from ..plots.volume import Volume
from ..variability.statistics import AREAS
from ..variability.study_images import StudyImages
from .charts import page_figure, plotly_code
from .slice_viewer import source
from .stills import show_with_still
from .stills.study import comparison_png
from .traits import Choice

if TYPE_CHECKING:
    import pandas as pd

CROP_MM = 14.0  #: sent around the cord: slices are shown near it
DASHES = (
    *("solid", "dash", "dot", "dashdot", "longdash", "longdashdot"),
    *("9px,3px,3px,3px,3px,3px", "15px,4px,7px,4px"),  # dash and two dots; long and short dash
)


class ComparisonView(anywidget.AnyWidget):
    """Contrasts and methods of a study, from `cordviz.view_comparison`.

    All of it can be set and observed from Python.

    Attributes
    ----------
    subject : str
        Whose slices and curves are in view.
    contrasts, methods : list of str
        Those in view.
    contrast : str
        The one in focus: the line on the curves stands at its slice.
    position_mm : float
        Height of the slices in world mm; each contrast shows its nearest slice.
    area : {"soft", "hard"}
        The mask as it stands, or cut at 0.5.
    slices : dict of contrast to int
        Slice of each contrast in view, in the nibabel-LAS frame of `measure_shape`. Read only.
    """

    _esm = source("page.js", "pixels.js", "plotly.js", "slice_picture.js", "comparison_view.js")
    _css = source("slice_viewer.css", "contrast_explorer.css", "comparison_view.css")

    subject = t.Unicode().tag(sync=True)
    contrasts = t.List(t.Unicode()).tag(sync=True)
    methods = t.List(t.Unicode()).tag(sync=True)
    contrast = t.Unicode().tag(sync=True)
    position_mm = t.Float(0.0).tag(sync=True)
    area = Choice(AREAS, "soft").tag(sync=True)
    _about = t.Dict().tag(sync=True)
    _case = t.Dict().tag(sync=True)
    _curves = t.Dict().tag(sync=True)
    _violins = t.Dict().tag(sync=True)

    def __init__(self, images: StudyImages, **traits: Any):
        """Show a study with `traits` set."""
        self.images = images
        self._volumes: dict[str, Volume] = {}
        self._masks: dict[str, dict[str, Any]] = {}
        self._profiles: dict[tuple[str, str, str], pd.DataFrame] = {}
        methods, contrasts = images.methods, images.contrasts
        about = {
            "subjects": images.subjects,
            "contrasts": contrasts,
            "methods": methods,
            "names": {name: shown_name(name) for name in contrasts},
            "colours": cycled(methods),
            "dashes": cycled(contrasts, DASHES),
            "still": f"cordviz-{uuid.uuid4().hex}",
        }
        subject = traits.pop("subject", images.subjects[0])
        check_choice(subject, images.subjects, "subject")
        start = {"contrasts": contrasts, "methods": methods, "contrast": images.of(subject)[0]}
        super().__init__(_about=about, subject=subject, **{**start, **traits})
        self._open()
        if "position_mm" not in traits:
            self.position_mm = self._middle()
        self._draw_violins()
        self.observe(self._open, "subject")
        self.observe(self._draw_curves, ["contrasts", "methods", "area"])
        self.observe(self._draw_violins, ["contrasts", "methods", "area"])
        self.on_msg(self._answer)

    # What there is to have

    @property
    def slices(self) -> dict[str, int]:
        """Slice of each contrast in view."""
        at = self.position_mm
        return {name: self._volumes[name].nearest_slice(at) for name in self._shown()}

    def table(self) -> pd.DataFrame:
        """Area in mm² of the subject: a row per contrast, a column per method in view."""
        study = self.images.study
        rows = study[(study["subject"] == self.subject) & study["method"].isin(self.methods)]
        wide = rows.pivot_table(index="contrast", columns="method", values=AREAS[self.area])
        return wide.reindex(index=self._shown(), columns=list(self.methods))

    def still(self) -> bytes:
        """PNG of slices and curves, made without a browser."""
        return comparison_png(self)

    def _ipython_display_(self) -> None:
        title = f"{self.subject}: {', '.join(self.contrasts)} by {', '.join(self.methods)}"
        show_with_still(self, self._about["still"], self.still(), title)

    def _shown(self) -> list[str]:
        return [name for name in self.contrasts if name in self._volumes]

    # From a choice to what is seen

    def _open(self, _: Any = None) -> None:
        """Read images and masks of the subject."""
        images, subject = self.images, self.subject
        self._profiles, self._volumes, self._masks, case = {}, {}, {}, {}
        for contrast in images.of(subject):
            masks = images.masks(subject, contrast)
            volume = Volume.of(images.image(subject, contrast), masks, crop_mm=CROP_MM)
            self._volumes[contrast], self._masks[contrast] = volume, masks
            case[contrast] = _describe(volume, images.levels(subject, contrast))
        study = images.study[images.study["subject"] == subject]
        areas = {  # {contrast: {method: mm²}}, without those that are not known
            key: json.loads(study.pivot_table(name, "method", "contrast").to_json())
            for key, name in AREAS.items()
            if name in study
        }
        with self.hold_sync():
            self._case = {"subject": subject, "contrasts": case, "areas": areas}
            if self.contrast not in case:
                self.contrast = next(iter(case))
            self._draw_curves()
        if not self._heights()[0] <= self.position_mm <= self._heights()[1]:
            self.position_mm = self._middle()
        self._send_volumes()

    def _heights(self) -> tuple[float, float]:
        every = [height for one in self._case["contrasts"].values() for height in one["heights"]]
        return min(every), max(every)

    def _middle(self) -> float:
        """Height where C3 begins in the contrast in focus, or the middle of its cord."""
        levels = self._case["contrasts"][self.contrast]["levels"]
        return self._volumes[self.contrast].height_of_c3(levels)

    def _draw_curves(self, _: Any = None) -> None:
        tables, belongs = {}, {}
        for contrast in self._shown():
            for method in self.methods:
                table = self._profile(contrast, method)
                if table is not None and table["area_mm2"].notna().any():
                    name = f"{shown_name(contrast)} · {method}"
                    tables[name], belongs[name] = table, (contrast, method)
        if not tables:
            self._curves = {}
            return
        fig = plot_csa_profile(tables, norms=False)
        hues, dashes = cycled(self.images.methods, HUES), self._about["dashes"]
        for trace in fig.data:
            contrast, method = belongs.get(trace.legendgroup, ("", ""))
            trace.showlegend = False  # hues and dashes stand beside the names
            if trace.customdata is None:
                trace.visible = False  # means are in the table
            elif method:
                trace.line.update(color=hues[method], dash=dashes[contrast], width=1.8)
                trace.meta = {"contrast": contrast, "method": method}
        self.figure = fig
        margin = {"t": 40, "b": 46, "r": 12, "l": 56}
        self._curves = page_figure(
            fig, height=320, margin=margin, hovermode="closest", showlegend=False
        )

    def _profile(self, contrast: str, method: str) -> pd.DataFrame | None:
        key = contrast, method, self.area
        if key not in self._profiles and method in self._masks[contrast]:
            mask = self._masks[contrast][method]
            try:
                table = self.images.profile(self.subject, contrast, mask, self.area)
            except ValueError:  # a mask that cannot be measured has no curve
                return None
            self._profiles[key] = table
        return self._profiles.get(key)

    def _draw_violins(self, _: Any = None) -> None:
        """Areas of everyone by contrast, a panel per method; says why if there is nothing."""
        study = self.images.study
        study = study[study["method"].isin(self.methods) & study["contrast"].isin(self.contrasts)]
        try:
            fig = plot_csa_by_contrast(study, contrasts=self.contrasts, area=self.area)
        except (ValueError, TypeError) as error:
            self._violins = {"why": str(error)}
            return
        # panels come method by method, and in each violin and points contrast by contrast
        shown = [m for m in dict.fromkeys(study["method"]) if m in self.methods]
        places = [(method, contrast) for method in shown for contrast in self.contrasts]
        hues, points = cycled(self.images.methods, HUES), 0
        for trace in fig.data:
            method, contrast = places[min(points, len(places) - 1)]
            if trace.type == "violin":
                trace.update(line_color=hues[method], fillcolor=faded(hues[method], 0.22))
            elif trace.text is not None:
                trace.update(
                    marker_color=hues[method], meta={"contrast": contrast, "method": method}
                )
                points += 1
        self._violins = page_figure(fig)

    def _answer(self, _: Any, content: Any, buffers: Any) -> None:
        if content == {"wants": "plotly"}:
            self.send({"kind": "plotly"}, [plotly_code()])
        elif content == {"wants": "volumes"}:
            self._send_volumes()

    def _send_volumes(self) -> None:
        for contrast, volume in self._volumes.items():
            about = {"kind": "volume", "subject": self.subject, "contrast": contrast}
            self.send({**about, "names": list(volume.masks)}, volume.packed())

    # Checks, so that what is wrong is said at the line that sets it

    @t.validate("subject", "contrast")
    def _check_one(self, proposal: Any) -> str:
        name = proposal.trait.name
        check_choice(proposal.value, getattr(self.images, f"{name}s"), name)
        return proposal.value

    @t.validate("contrasts", "methods")
    def _check_names(self, proposal: Any) -> list[str]:
        name = proposal.trait.name
        choices = getattr(self.images, name)
        if not proposal.value:
            raise ValueError(f"Expected at least one of {name} {', '.join(choices)}, got none.")
        for one in proposal.value:
            check_choice(one, choices, name)
        return [one for one in choices if one in proposal.value]


def _describe(volume: Volume, levels: list[int]) -> dict[str, Any]:
    """What a page must know to cut a volume: world height and centre of the cord per slice."""
    x, y, _ = volume.box
    low, high = volume.range
    scale = 255 / max(high - low, 1e-30)
    return {
        "dims": [part.stop - part.start for part in volume.box],
        "spacing": volume.spacing.tolist(),
        "heights": volume.heights.round(3).tolist(),
        "centres": (volume.centres - [x.start, y.start]).round(2).tolist(),
        "window": [(value - low) * scale for value in volume.window],
        "levels": levels,
        "masks": list(volume.masks),
    }
