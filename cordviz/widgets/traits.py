"""Traits that are checked where they are set, with an error that says what can be."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import traitlets as t

from .._validation import check_choice


class Choice(t.Unicode):
    """One of a few words."""

    def __init__(self, choices: Collection[str], default: str):
        """Take one of `choices`."""
        super().__init__(default)
        self.choices = tuple(choices)

    def validate(self, obj: Any, value: Any) -> str:
        """Refuse what is none of them."""
        word = super().validate(obj, value)
        check_choice(word, self.choices, str(self.name))
        return word


class Fraction(t.Float):
    """A number from 0 to 1."""

    def validate(self, obj: Any, value: Any) -> float:
        """Refuse what lies outside."""
        number = super().validate(obj, value)
        if not 0 <= number <= 1:
            raise ValueError(f"{self.name} must lie between 0 and 1, got {number:g}.")
        return number


def checked(widget: Any, /, *args: Any, **traits: Any) -> Any:
    """Make a widget; traitlets' own type of error, for what no check of ours has seen, is ours."""
    try:
        return widget(*args, **traits)
    except t.TraitError as error:
        raise TypeError(str(error)) from error
