"""Small parts that the page is laid out with."""

from __future__ import annotations

from typing import Any

import ipywidgets as w


def row(label: str, widget: Any) -> w.HBox:
    """A label beside a widget, where ipywidgets would put it above."""
    return line(w.Label(label).add_class("cordviz-beside"), widget)


def indented(widget: Any) -> Any:
    """Below the widgets of other rows, not below their labels, where a page has room for that."""
    return widget.add_class("cordviz-indented")


def line(*widgets: Any, **layout: str) -> w.HBox:
    """Widgets beside each other, or below where a page is narrow."""
    return w.HBox(widgets, layout={"flex_flow": "row wrap", **layout})


def close(widget: Any) -> None:
    """Close a widget and all that is in it: ipywidgets keeps what is open, and its data."""
    widget.close()
    for part in (*getattr(widget, "children", ()), *getattr(widget, "volumes", ())):
        close(part)
