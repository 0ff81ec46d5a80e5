"""The app of notebooks/app.ipynb: `App` is the page, `uploads` reads what it is given."""

from .page import App as App
