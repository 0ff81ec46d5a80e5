"""Turn figures into PNG where a browser is at hand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
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
    try:
        # a thread of its own: a notebook's has an event loop already
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, _drawn(figures, scale)).result(), None
    except Exception as error:  # whatever a browser may die of, the results stand
        return {}, " ".join(str(error).split()).split(". ")[0] or type(error).__name__


async def _drawn(figures: Mapping[str, go.Figure], scale: float) -> dict[str, bytes]:
    """Draw all figures in one browser."""
    import kaleido

    pngs = {}
    # without mathjax=False, kaleido asks a server for it
    async with kaleido.Kaleido(mathjax=False) as browser:
        for name, fig in figures.items():
            size = {"width": fig.layout.width, "height": fig.layout.height}
            opts = {"format": "png", "scale": scale, **size}
            pngs[name] = await browser.calc_fig(fig, opts=opts)
    return pngs
