"""One colour for each mask, wherever a view shows it: by its place among the names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle

from ..plots.style import CONTOUR_COLOURS

#: The hues of contours in the same order, dark enough for lines on white paper.
HUES = ("#D55E00", "#0072B2", "#009E73", "#8A6D00", "#CC79A7")


def cycled(names: Iterable[str], values: Sequence[str] = CONTOUR_COLOURS) -> dict[str, str]:
    """Give each name one of `values` in turn: #RRGGBB of contours unless told otherwise."""
    return dict(zip(names, cycle(values), strict=False))
