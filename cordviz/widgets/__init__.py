"""Widgets for notebooks: each Python class owns the traits, the JavaScript beside it the page."""
