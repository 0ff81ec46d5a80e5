"""The area along the cord as a live plotly figure, tied to a slice."""

from __future__ import annotations

import gzip
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets as t

from .._validation import check_threshold
from ..images import on_grid, voxels
from ..morphometry import measure_shape
from ..plots import plot_csa_profile
from ..plots.style import CONTOUR_COLOURS
from .slice_viewer import source
from .traits import Choice

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
    from nibabel.nifti1 import Nifti1Image

WEIGHTS = ("soft", "hard", "both")
#: The hues of the masks' contours in the same order, dark enough for lines on white paper.
HUES = ("#D55E00", "#0072B2", "#009E73", "#8A6D00", "#CC79A7")


@cache
def plotly_code() -> bytes:
    """plotly.js as the plotly package ships it, compressed."""
    return gzip.compress((files("plotly") / "package_data" / "plotly.min.js").read_bytes(), 5)


def page_figure(fig: go.Figure) -> dict[str, Any]:
    """A figure as plain JSON, numbers as lists, which pages read without decoding."""
    page = json.loads(fig.to_json(engine="json"))
    page["bright"] = dict(zip(HUES, CONTOUR_COLOURS, strict=True))  # for dark pages
    for shown, trace in zip(page["data"], fig.data, strict=True):
        for part in ("x", "y", "customdata"):
            if trace[part] is not None:
                values = trace[part].tolist() if hasattr(trace[part], "tolist") else trace[part]
                shown[part] = [None if v is None or v != v else v for v in values]  # NaN is no JSON
    return page


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
        names = list(self._masks)
        base, tables = {}, {}
        for hard in {"soft": (False,), "hard": (True,), "both": (False, True)}[self.weights]:
            for name in names:
                shown = f"{name} ≥ {self.threshold:g}" if hard else name
                base[shown] = names.index(name), hard
                tables[shown] = self._table(name, self.threshold if hard else None)
        self.tables = tables
        fig = plot_csa_profile(tables, norms=self.norms, sex=self._sex)
        for trace in fig.data:
            if trace.legendgroup in base:
                number, hard = base[trace.legendgroup]
                trace.line.color = HUES[number % len(HUES)]
                if hard and self.weights == "both" and trace.customdata is not None:
                    trace.line.dash = "dot"
        fig.update_layout(width=None, height=330, autosize=True, hovermode="x", dragmode=False)
        fig.update_layout(margin={"t": 56, "b": 46, "r": 12}, template=None, font_size=12)
        fig.update_xaxes(hoverformat=".0f", title_font_size=12)
        fig.update_yaxes(title_font_size=12)
        self.figure = fig
        self._figure = page_figure(fig)

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
