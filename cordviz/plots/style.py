"""Colours, font and width that all figures share."""

#: Told apart by colour-blind readers (after Okabe and Ito 2008) on grey images.
CONTOUR_COLOURS = ("#FFA300", "#56B4E9", "#2FD6A0", "#F0E442", "#F28CC0")
#: The same on white paper.
LINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#8A6D00")
INK, FAINT = "#26323B", "#87929B"
PAGE = 900  #: widest figure in px: fits a notebook on a laptop
FONT = {"family": "Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif", "color": INK}


def faded(colour: str, alpha: float) -> str:
    """#RRGGBB → the same, less opaque."""
    from plotly.colors import hex_to_rgb

    return f"rgba{(*hex_to_rgb(colour), alpha)}"
