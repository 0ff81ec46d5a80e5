"""Turn figures into PNG where a browser is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go


def installed(module: str) -> bool:
    """Say whether a top-level module could be imported, without importing it."""
    return find_spec(module) is not None


def png_figures(
    figures: Mapping[str, go.Figure], *, scale: float = 2
) -> tuple[dict[str, bytes], str | None]:
    """Draw figures as PNG, or say in a few words why there are none.

    A browser (Chromium or Chrome) is wanted but never required: results must not depend on it.
    """
    if not installed("kaleido"):
        return {}, 'kaleido is not installed (pip install "cordviz[lab]")'
    import kaleido

    pngs = {}
    try:
        for name, fig in figures.items():
            size = {"width": fig.layout.width, "height": fig.layout.height}
            # without mathjax=False, kaleido asks a server for it
            pngs[name] = kaleido.calc_fig_sync(
                fig, opts={"format": "png", "scale": scale, **size}, kopts={"mathjax": False}
            )
    except Exception as error:  # whatever a browser may die of, the results stand
        return {}, " ".join(str(error).split()).split(". ")[0] or type(error).__name__
    return pngs, None
