"""Slices and area tied together: the page itself passes the slice on, without the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets

from .csa_curve import CsaCurve
from .slice_viewer import SliceViewer
from .stills import show_with_still, stack
from .stills.curve import curve_picture
from .stills.slices import slices_pictures

if TYPE_CHECKING:
    import pandas as pd


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
