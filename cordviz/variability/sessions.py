"""List the images of a study, with what is known of each: levels, truth, masks that exist."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Image

from .._validation import AFFINE_TOLERANCE_MM, check_choice, check_same_grid, names_of
from ..contrasts import closest_contrast
from ..datasets import Session, load_sessions
from ..images import load_image, load_mask, read_image, resample_to
from ..levels import levels_from_discs
from ..segmentation import METHODS, segment_cord
from ..sidecar import made_by_cordviz

_REDUCE = {"dwi": "dwi", "t2s": "rms"}  # how a 4-D image of a family becomes 3-D; others: mean


class Derived(partial):
    """A function of its words, of its files and of the image it belongs to, of nothing else."""


@dataclass
class Item:
    """One image of a study. Whatever is costly to make may be a function without arguments."""

    subject: str
    contrast: str
    image: Any  # like levels, truth and masks: path, nibabel image or function
    levels: Any = None
    truth: Any = None
    bvals: Path | None = None
    masks: dict[str, Any] = field(default_factory=dict)  # that exist already, by method
    levels_shared: bool = False  # for several people: levels fit the grid of each, or not at all
    levels_note: str = ""  # where levels came from that nobody gave
    levels_error: str = ""  # why there are none

    @cached_property
    def opened(self) -> Nifti1Image:
        """The image as it is, voxels not read yet."""
        return read_image(made(self.image))

    @cached_property
    def loaded(self) -> Nifti1Image:
        """The image in 3-D."""
        if not self.reduction:
            return load_image(self.opened)
        return load_image(self.opened, reduce=self.reduction, bvals=self.bvals)

    @property
    def reduction(self) -> str:
        """How the image is made 3-D; empty where it is."""
        if len(self.opened.shape) < 4 or self.opened.shape[3] == 1:
            return ""
        return _REDUCE.get(closest_contrast(self.contrast), "mean")

    @cached_property
    def level_map(self) -> Nifti1Image | None:
        """The levels on the grid of the image, carried there by the headers."""
        if self.levels is None:
            return None
        levels = read_image(made(self.levels), name="level map")
        same = levels.shape[:3] == self.opened.shape[:3] and np.allclose(
            levels.affine, self.opened.affine, rtol=0, atol=AFFINE_TOLERANCE_MM
        )
        if self.levels_shared and not same:
            raise ValueError(
                "levels= is one image for several people and does not lie on the grid of this one; "
                "pass {subject: image}."
            )
        return levels if same else resample_to(levels, self.opened, interpolation="nearest")

    def given(self, mask: Any, name: str) -> Nifti1Image:
        """A mask that exists already, checked to lie on the grid of the image."""
        loaded = load_mask(made(mask), name=name)
        check_same_grid(loaded, self.opened, name, "image")
        return loaded


def made(value: Any) -> Any:
    """Make what is given as a function without arguments."""
    return value() if callable(value) else value


def find(given: Any, item: Item) -> Any:
    """Look an image up in one value for all, or per contrast, or per subject (and contrast)."""
    for name in (item.subject, item.contrast):
        if isinstance(given, Mapping):
            keys = {str(key): key for key in given}  # subjects may be numbers
            given = given[keys[name]] if name in keys else given
    return None if isinstance(given, Mapping) else given


def check_fits(given: Any, items: list[Item], name: str) -> None:
    """Refuse a mapping of which no key fits: a misspelt one would count as not given."""
    known = dict.fromkeys([i.subject for i in items] + [i.contrast for i in items])
    if isinstance(given, Mapping) and given and known.keys().isdisjoint(map(str, given)):
        raise ValueError(
            f"{name} is for {', '.join(map(str, given))}; there is none of these. There are: "
            f"{', '.join(known)}."
        )


def read_items(
    session: Any, *, levels: Any = None, truth: Any = None, contrasts: Iterable[str] | None = None
) -> list[Item]:
    """List the images of one or several sessions, subject by subject."""
    items = [item for name, one in _sessions(session) for item in _items(name, one)]
    if not items:
        raise ValueError("Expected at least one image, got none.")
    twice = [key for key, n in Counter((i.subject, i.contrast) for i in items).items() if n > 1]
    if twice:
        raise ValueError(
            f"There are two images of {twice[0][1]} of {twice[0][0]}. Name the subjects apart: "
            "pass {subject: session}."
        )
    check_fits(levels, items, "levels=")
    check_fits(truth, items, "truth=")
    if contrasts is not None:
        there = list(dict.fromkeys(item.contrast for item in items))
        for contrast in (wanted := names_of(contrasts)):
            check_choice(contrast, there, "contrasts")
        subjects = list(dict.fromkeys(item.subject for item in items))
        items = [item for item in items if item.contrast in wanted]
        items.sort(key=lambda i: (subjects.index(i.subject), wanted.index(i.contrast)))
    people = dict.fromkeys(item.subject.split("_run-")[0] for item in items)
    shared = len(people) > 1 and not isinstance(levels, Mapping)
    for item in items:
        if levels is not None:
            item.levels_shared = shared
            item.levels = find(levels, item)
            item.levels_error = (
                f"levels= has no map for {item.contrast} of {item.subject}; pass one image for all "
                "contrasts, or one for each."
            )
        if truth is not None:
            item.truth = find(truth, item)
    return items


def _sessions(session: Any) -> list[tuple[str, Any]]:
    """Names of the subjects, with a mapping from contrast to image for each."""
    if isinstance(session, (str, os.PathLike)):
        return list(load_sessions(session).items())
    if _is_session(session):
        return [(getattr(session, "name", "subject"), session)]
    if isinstance(session, Mapping):
        return [pair for name, one in session.items() for pair in _named(str(name), one)]
    if isinstance(session, Iterable):
        pairs = [pair for one in session for pair in _sessions(one)]
        return [
            (f"subject-{n:02d}" if name == "subject" else name, one)
            for n, (name, one) in enumerate(pairs, start=1)
        ]
    raise TypeError(
        "Expected {contrast: image}, a folder, a list or mapping of these, or the simulated "
        f"study; got {type(session).__name__}."
    )


def _named(name: str, session: Any) -> list[tuple[str, Any]]:
    """One subject under the name that the user gave; a folder may hold several sessions."""
    inside = _sessions(session)
    return [(name if len(inside) == 1 else f"{name}_{own}", one) for own, one in inside]


def _is_session(value: Any) -> bool:
    """Tell contrast → image from subject → session, without making a simulated image."""
    if isinstance(value, Session) or hasattr(value, "truth"):
        return True
    if not isinstance(value, Mapping) or not value:
        return False
    first = next(iter(value.values()))
    folder = isinstance(first, (str, os.PathLike)) and Path(first).is_dir()
    return not (isinstance(first, Mapping) or folder)


def _items(name: str, session: Any) -> list[Item]:
    if isinstance(session, Session):
        levels, images = _reference_levels(session), session.images or session.masks
        return [
            Item(name, c, image, levels, _truth_of(session, c), session.bvals.get(c))
            for c, image in images.items()
        ]
    if hasattr(session, "truth"):  # a simulated subject
        return [
            Item(
                name,
                contrast,
                partial(session.__getitem__, contrast),
                Derived(session.levels, contrast),
                Derived(session.truth, contrast),
            )
            for contrast in session
        ]
    return [Item(name, str(contrast), image) for contrast, image in session.items()]


def _truth_of(session: Session, contrast: str) -> Path | None:
    """The soft mask beside an image, unless `segment_cord` made it: an answer is no truth."""
    mask = session.soft_masks.get(contrast)
    own = mask is not None and made_by_cordviz(mask).get("Method") in METHODS
    return None if own else mask


def _reference_levels(session: Session) -> Any:
    """Levels of one image of a session for all others: T2w where it has any."""
    for contrast in sorted([*session.levels, *session.discs], key=lambda name: name != "T2w"):
        if contrast in session.levels:
            return session.levels[contrast]
        mask = session.masks.get(contrast) or session.soft_masks.get(contrast)
        if mask:
            return Derived(levels_from_discs, session.discs[contrast], mask)
        if image := session.images.get(contrast):
            return Derived(_levels_on_image, session.discs[contrast], image)
    return None


def _levels_on_image(discs: Path, image: Path) -> Nifti1Image:
    """Levels along the cord that the network sees, where nobody has drawn it."""
    return levels_from_discs(discs, segment_cord(image, progress=False))
