"""The area along the cord as a live plotly figure, and slices tied to it in the page itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets
import traitlets as t

from .._validation import check_threshold
from ..images import on_grid, voxels
from ..morphometry import measure_shape
from ..plots.profile import draw_profile
from ..plots.style import HUES, cycled
from .charts import page_figure, plotly_code
from .slice_viewer import SliceViewer, source
from .stills import show_with_still, stack
from .stills.curve import curve_picture
from .stills.slices import slices_pictures
from .traits import Choice

if TYPE_CHECKING:
    import pandas as pd
    from nibabel.nifti1 import Nifti1Image

WEIGHTS = ("soft", "hard", "both")


class CsaCurve(anywidget.AnyWidget):
    """Curves of cross-sectional area (CSA), from `cordviz.view_csa`.

    Attributes
    ----------
    slice : int
        Where the line stands; a click on the curve or the arrow keys move it.
    weights : {"soft", "hard", "both"}
        Measure masks as they are, at `threshold`, or show both.
    threshold : float
        In (0, 1).
    angle_correction, norms : bool
        Correct for the cord's angle to the slices; show percentiles of healthy adults.
    tables : dict of name → DataFrame
        What is shown, as from `measure_shape`.
    """

    _esm = source("page.js", "plotly.js", "csa_curve.js")
    _css = source("slice_viewer.css")

    slice = t.Int(0).tag(sync=True)
    weights = Choice(WEIGHTS, "soft").tag(sync=True)
    threshold = t.Float(0.5).tag(sync=True)
    angle_correction = t.Bool(True).tag(sync=True)
    norms = t.Bool(True).tag(sync=True)
    _figure = t.Dict().tag(sync=True)

    def __init__(
        self,
        masks: dict[str, Nifti1Image],
        *,
        levels: Nifti1Image | None,
        sex: str | None,
        **traits: Any,
    ):
        """Measure `masks` and draw them."""
        self._masks, self._levels, self._sex = masks, levels, sex
        self._measured: dict[tuple[str, float | None, bool], pd.DataFrame] = {}
        super().__init__(**traits)
        self._redraw()
        self.observe(self._redraw, ["weights", "threshold", "angle_correction", "norms"])
        self.on_msg(self._answer)

    def _redraw(self, _: Any = None) -> None:
        hues, base, tables = cycled(self._masks, HUES), {}, {}
        for hard in {"soft": (False,), "hard": (True,), "both": (False, True)}[self.weights]:
            for name in self._masks:
                shown = f"{name} ≥ {self.threshold:g}" if hard else name
                base[shown] = hues[name], hard
                tables[shown] = self._table(name, self.threshold if hard else None)
        self.tables = tables
        fig = draw_profile(tables, norms=self.norms, sex=self._sex, one_grid=True)
        for trace in fig.data:
            if trace.legendgroup in base:
                trace.line.color, hard = base[trace.legendgroup]
                if hard and self.weights == "both" and trace.customdata is not None:
                    trace.line.dash = "dot"
        fig.update_xaxes(hoverformat=".0f")
        self.figure = fig
        margin = {"t": 56, "b": 46, "r": 12}
        self._figure = page_figure(fig, height=330, hovermode="x", margin=margin)

    def _table(self, name: str, threshold: float | None) -> pd.DataFrame:
        key = name, threshold, self.angle_correction
        if key not in self._measured:
            mask = self._masks[name]
            if threshold is not None:
                mask = on_grid((voxels(mask) >= threshold).astype("uint8"), mask)
            self._measured[key] = measure_shape(
                mask, levels=self._levels, angle_correction=self.angle_correction
            )
        return self._measured[key]

    def table(self) -> pd.DataFrame:
        """All that is shown in one tidy table, a row per slice and curve, column `mask` first."""
        import pandas as pd

        one = pd.concat(self.tables, names=["mask"]).reset_index("mask")
        return one.dropna(subset="area_mm2").reset_index(drop=True)

    def _answer(self, _: Any, content: Any, buffers: Any) -> None:
        if content == {"wants": "plotly"}:
            self.send({"kind": "plotly"}, [plotly_code()])
        elif content == {"wants": "csv"}:
            self.send({"kind": "csv", "text": self.table().to_csv(index=False)})

    @t.validate("threshold")
    def _check_threshold(self, proposal: Any) -> float:
        check_threshold(proposal.value)
        return proposal.value


class CsaView(ipywidgets.VBox):
    """A `SliceViewer` over a `CsaCurve`, from `cordviz.view_csa`.

    Attributes
    ----------
    viewer : SliceViewer
        Slices, masks and levels.
    curve : CsaCurve
        Area along the cord and its options.
    """

    def __init__(self, viewer: SliceViewer, curve: CsaCurve):
        """Tie `viewer` and `curve` together by their slice."""
        self.viewer, self.curve = viewer, curve
        # A link in Python as well would send pages slices that they have left already.
        self._link = ipywidgets.jslink((viewer, "slice"), (curve, "slice"))
        super().__init__([viewer, curve])

    def close(self) -> None:
        """Close the view and the link, which would hold both widgets and their volume."""
        self._link.close()
        super().close()

    def table(self) -> pd.DataFrame:
        """What the curves show, a row per slice and curve; `mask` names the curve."""
        return self.curve.table()

    def still(self) -> bytes:
        """PNG of what is in view, made without a browser."""
        return stack([*slices_pictures(self.viewer), curve_picture(self.curve.figure)])

    def _ipython_display_(self) -> None:
        about = self.viewer._about
        show_with_still(
            self, about["still"], self.still(), f"{about['title']}, area along the cord"
        )
