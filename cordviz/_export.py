"""Turn figures into pages, and into PNG where a browser is at hand."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go


def installed(module: str) -> bool:
    """Say whether a top-level module could be imported, without importing it."""
    return find_spec(module) is not None


def whole_page(title: str, body: str, style: str = "body{margin:8px}") -> str:
    """A page of HTML that fits a phone, too."""
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>{html.escape(title)}</title><style>{style}</style></head>"
        f"<body>{body}</body></html>"
    )


def figure_page(fig: go.Figure, title: str) -> str:
    """A page with one figure, which needs no other file; narrow windows scroll it."""
    figure = fig.to_html(full_html=False, include_plotlyjs=True)
    words = html.escape(title, quote=True)
    box = "role='img' tabindex='0' style='overflow-x:auto'"
    return whole_page(title, f'<div {box} aria-label="{words}">{figure}</div>')


def png_figures(figures: Mapping[str, go.Figure]) -> tuple[dict[str, bytes], str | None]:
    """Draw figures as PNG, or say in a few words why there are none.

    A browser (Chromium or Chrome) is wanted but never required: results must not depend on it.
    """
    if not installed("kaleido"):
        return {}, 'kaleido is not installed (pip install "cordviz[lab]")'
    try:
        # a thread of its own: a notebook's has an event loop already
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, _drawn(figures)).result(), None
    except Exception as error:  # whatever a browser may die of, the results stand
        return {}, " ".join(str(error).split()).split(". ")[0] or type(error).__name__


async def _drawn(figures: Mapping[str, go.Figure]) -> dict[str, bytes]:
    """Draw all figures in one browser."""
    import kaleido

    pngs = {}
    # without mathjax=False, kaleido asks a server for it
    async with kaleido.Kaleido(mathjax=False) as browser:
        for name, fig in figures.items():
            size = {"width": fig.layout.width, "height": fig.layout.height}
            opts = {"format": "png", "scale": 2, **size}
            pngs[name] = await browser.calc_fig(fig, opts=opts)
    return pngs
