"""Colours, font and width that all figures share."""

from __future__ import annotations

from .._panels import INK

#: Told apart by colour-blind readers (after Okabe and Ito 2008) on white paper.
LINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#8A6D00")
PAGE = 900  #: widest figure in px: fits a notebook on a laptop
FONT = {"family": "Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif", "color": INK}
