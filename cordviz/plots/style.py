"""Colours, font and width that all figures share."""

from collections.abc import Iterable, Sequence
from itertools import cycle

#: Told apart by colour-blind readers (after Okabe and Ito 2008) on grey images.
CONTOUR_COLOURS = (
    "#FFA300", "#56B4E9", "#2FD6A0", "#F0E442", "#F28CC0", "#B9A2FF", "#FFFFFF",
)  # fmt: skip
#: The hues of contours in the same order, dark enough for lines on white paper.
HUES = ("#D55E00", "#0072B2", "#009E73", "#8A6D00", "#CC79A7", "#6A3D9A", "#4D565E")
#: Which of them are whose in every figure.
PLACES = {
    "propseg": 0, "deepseg": 1, "agnostic": 2, "truth": 3,
    "T1w": 0, "T2w": 1, "T2star": 2, "MT-on": 3, "GRE-T1w": 4, "DWI": 5, "MT-off": 6,
}  # fmt: skip
INK, FAINT = "#26323B", "#5C6870"
PALE = "#A3AEB6"  #: what is faint on white, on dark pages
PAGE = 900  #: widest figure in px: fits a notebook on a laptop
#: Axes of charts; values are read along the light lines of the y axis.
AXIS = {
    "showgrid": False,
    "zeroline": False,
    "showline": True,
    "linecolor": FAINT,
    "ticks": "outside",
    "tickcolor": FAINT,
}
VALUE_AXIS = {**AXIS, "ticks": "", "showgrid": True, "gridcolor": "#E3E7EA"}
WHITE = {"paper_bgcolor": "white", "plot_bgcolor": "white"}
FONT = {"family": "Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif", "color": INK}

#: The look of all this for figures of plotly express: `px.defaults.template = TEMPLATE`.
TEMPLATE = {
    "layout": {
        "font": FONT, "colorway": HUES, **WHITE,
        "title": {"x": 0.02, "font": {"size": 17}}, "margin": {"b": 60},
        "xaxis": {**AXIS, "automargin": True}, "yaxis": {**VALUE_AXIS, "automargin": True},
    }
}  # fmt: skip


def cycled(names: Iterable[str], values: Sequence[str] = CONTOUR_COLOURS) -> dict[str, str]:
    """Give each name one of `values`: #RRGGBB of contours unless told otherwise.

    Methods and contrasts have the same one in every figure, other names what is left in turn.
    """
    names = list(names)
    own: dict[str, int] = {}
    for name in names:
        place = PLACES.get(name, len(values))
        if place < len(values) and place not in own.values():
            own[name] = place
    left = [k for k in range(len(values)) if k not in own.values()] or list(range(len(values)))
    if "truth" in own:  # orange and green last: they are near the yellow of the truth
        left.sort(key=lambda place: place in (0, 2))
    places = cycle(left)
    return {name: values[own[name] if name in own else next(places)] for name in names}


def signed(value: float, digits: int) -> str:
    """Write a number with its sign, zero with a plus."""
    return f"{value:+z.{digits}f}".replace("-", "−")


def faded(colour: str, alpha: float) -> str:
    """#RRGGBB → the same, less opaque."""
    from plotly.colors import hex_to_rgb

    return f"rgba{(*hex_to_rgb(colour), alpha)}"
