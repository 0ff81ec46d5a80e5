"""Recipes: find, read and check the TOML files that say how a network is trained."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from .._validation import check_choice
from ..simulation.raters import CONVENTIONS_MM
from .cutting import CONTRASTS

# What a recipe may say, a * marks what must be there: a type, one of several words, a list, a table
KEYS: dict[str, Any] = {
    "seed*": int,
    "left_out": [str],
    "network*": {"widths*": [int], "members": int},
    "train*": {
        "steps*": int, "batch*": int, "rate*": float, "checkpoint_s*": float, "area": float,
        "natural": float, "natural_late": float, "bfloat16": bool, "start": str,
        "truth": ("cord", "soft", "hard"), "contrasts": [CONTRASTS], "any_contrast": bool,
    },
    "simulated": {
        "first_seed*": int, "subjects*": int, "scans*": int, "slices*": int, "share": float,
        "share_late": float, "odds_late": dict.fromkeys(CONTRASTS, float),
        "convention": tuple(CONVENTIONS_MM),
    },
    "labels": {"share*": float, "share_late": float, "spinegeneric*": str, "pam50*": str},
    "spine_generic": {"folder": str, "slices": int},
    "real": [{
        "name*": str, "contrast*": CONTRASTS, "image*": str, "mask*": str, "hard": str,
        "slices": int, "complete": bool, "share": float,
    }],
    "validation": [{"name*": str, "image*": str, "mask*": str}],
    "calibration": {"people": int, "center": bool, "seed": int},
    "held_out": {"people": [str]},
}  # fmt: skip
MAY_CHANGE = ("train.steps", "train.checkpoint_s", "calibration.", "held_out.")  # as a run goes on
_WORDS = {
    int: "a whole number", float: "a number", bool: "true or false", str: "a text",
    list: "a list, [...] or [[table]]", dict: "a table",
}  # fmt: skip


def find_recipe(name: str) -> Path:
    """Path of a recipe given by its path or by the name of a shipped one."""
    shipped = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}
    path = shipped.get(name, Path(name))
    if not path.is_file():
        raise FileNotFoundError(
            f"No recipe {name!r}: give the path of a TOML file or one of {', '.join(shipped)}."
        )
    return path


def read_recipe(path: Path, *above: Path) -> dict[str, Any]:
    """Read a recipe; with ``extends``, on top of another one beside it, of any path, or shipped.

    Tables replace what they name; a list of tables adds to the one below, an empty one empties it.
    `above` are the recipes that extend this one, which it cannot extend itself.
    """
    try:
        settings = tomllib.loads(path.read_text())
    except ValueError as error:  # no TOML, or not even text
        raise ValueError(f"{path} is not a recipe in TOML: {error}.") from error
    if base := settings.pop("extends", None):
        places = [folder / str(base) for folder in (path.parent, Path(__file__).parent)]
        on_top = (path, *above)
        found = [p for p in places if p.is_file() and not any(map(p.samefile, on_top))]
        if not found:
            raise FileNotFoundError(
                f"{path} extends {base!r}, but there is no such file beside it (or it extends this "
                "one), and no shipped recipe of that name: correct the name, or copy it there."
            )
        own, settings = settings, read_recipe(found[0], *on_top)
        for key, value in own.items():
            below = settings.get(key)
            if isinstance(value, dict) and isinstance(below, dict):
                value = below | value
            elif value and isinstance(value, list) and isinstance(below, list):
                value = [*below, *value]
            settings[key] = value
    _check(settings, KEYS, f"{path}:")
    return settings


def _check(value: Any, kind: Any, name: str) -> None:
    """Refuse what is not of its kind, as `KEYS` writes kinds."""
    if isinstance(kind, tuple):
        return check_choice(value, kind, name)
    expected = kind if isinstance(kind, type) else type(kind)
    if type(value) is not expected and (expected, type(value)) != (float, int):
        raise TypeError(f"{name} must be {_WORDS[expected]}, got {value!r:.60}.")
    if isinstance(kind, list):
        for k, one in enumerate(value, start=1):
            _check(one, kind[0], f"{name} {k}")
    elif isinstance(kind, dict):
        known = {key.rstrip("*"): of for key, of in kind.items()}
        for key, one in value.items():
            check_choice(key, known, f"{name} keys")
            _check(one, known[key], f"{name} {key}")
        for key in known:
            if f"{key}*" in kind and key not in value:
                raise ValueError(f"{name} needs the key {key!r}: add it.")


def changes(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """How one recipe differs from another, but for what `MAY_CHANGE`."""
    was, now = _flat(was), _flat(now)
    return [
        f"{key} was {was.get(key)!r:.40} and is {now.get(key)!r:.40}"
        for key in was | now
        if was.get(key) != now.get(key) and not key.startswith(MAY_CHANGE)
    ]


def _flat(recipe: dict[str, Any]) -> dict[str, Any]:
    """Its values by names such as train.rate."""
    flat: dict[str, Any] = {}
    for name, value in recipe.items():
        table = isinstance(value, dict)
        flat |= {f"{name}.{k}": v for k, v in value.items()} if table else {name: value}
    return flat
