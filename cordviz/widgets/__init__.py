"""Widgets for notebooks: each Python class owns the traits, the JavaScript beside it the page."""

try:
    import anywidget as _  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f'Interactive views need {error.name}, which is not installed: pip install "cordviz[lab]"',
        name=error.name,
    ) from error
