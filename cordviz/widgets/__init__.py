"""Widgets for notebooks: each Python class owns the traits, the JavaScript beside it the page."""

from .._export import installed

if not installed("anywidget"):
    raise ModuleNotFoundError(
        'Interactive views need anywidget, which is not installed: pip install "cordviz[lab]"',
        name="anywidget",
    )
