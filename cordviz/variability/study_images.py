"""From a row of a study back to its image, mask and levels."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..images import load_mask
from ..levels import slice_levels
from ..segmentation import METHODS, segment_cord
from .comparison import measure_mask
from .sessions import Item, read_items

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image

#: Images of studies of this process, by the fingerprints in their rows: the same image may have
#: other masks and levels in another study. References, no copies.
_KNOWN: OrderedDict[tuple[str, ...], Item] = OrderedDict()
KNOWN_AT_MOST = 5000


def remember(item: Item, rows: Iterable[Mapping[Any, Any]]) -> None:
    """Keep the way back from the rows of an image to the image."""
    for key in map(_fingerprint, rows):
        if key[0]:
            _KNOWN[key] = item
            _KNOWN.move_to_end(key)
    while len(_KNOWN) > KNOWN_AT_MOST:
        _KNOWN.popitem(last=False)


def _fingerprint(row: Mapping[Any, Any]) -> tuple[str, ...]:
    words = (row.get(f"{what}_sha256") for what in ("image", "method", "levels"))
    named = (value if isinstance(value, str) else "" for value in words)  # NaN: of a CSV file
    return *named, str(row.get("method"))


class StudyImages:
    """Images, masks and per-slice areas of a `study`, opened when they are asked for.

    Its `subjects`, `contrasts` and `methods` are in the order of the study.
    """

    def __init__(self, study: pd.DataFrame, images: Any = None, levels: Any = None) -> None:
        """Find an item for each image; ValueError where there is none."""
        needed = ("subject", "contrast", "method", "csa_mm2")
        if not isinstance(study, pd.DataFrame) or not set(needed) <= set(study):
            raise TypeError(
                f"Expected a study from compare_contrasts, a table with {', '.join(needed)}; got "
                f"{type(study).__name__}."
            )
        if study.empty:
            raise ValueError("Expected a study with at least one row, got none.")
        names = list(needed[:3])
        self.study = study.reset_index(drop=True).astype(dict.fromkeys(names, str))
        self.subjects, self.contrasts, self.methods = (
            list(dict.fromkeys(self.study[name])) for name in names
        )
        items = [] if images is None else read_items(images, levels=levels)
        given = {(item.subject, item.contrast): item for item in items}
        self._items: dict[tuple[str, str], Item] = {}
        for row in self.study[self.study["csa_mm2"].notna()].to_dict("records"):
            key = row["subject"], row["contrast"]
            item = given.get(key) or _KNOWN.get(_fingerprint(row))
            if item is not None:
                self._items.setdefault(key, item)
        if not self._items:
            raise ValueError(
                "The images of this study are not known here: it was made in another process, or "
                "other images were given. Pass images= as they were passed to compare_contrasts "
                "({contrast: image}, {subject: {contrast: image}}, a folder …)."
            )
        self.subjects = [s for s in self.subjects if any(s == key[0] for key in self._items)]

    def of(self, subject: str) -> list[str]:
        """Contrasts of a subject that there is an image with an area of."""
        return [c for c in self.contrasts if (subject, c) in self._items]

    def image(self, subject: str, contrast: str) -> Nifti1Image:
        """One image in 3-D."""
        return self._items[subject, contrast].loaded

    def masks(self, subject: str, contrast: str) -> dict[str, Nifti1Image]:
        """Masks of all methods that gave one."""
        found = {method: self._mask(subject, contrast, method) for method in self.methods}
        return {method: mask for method, mask in found.items() if mask is not None}

    def levels(self, subject: str, contrast: str) -> list[int]:
        """Level of every slice in nibabel-LAS order, 0 where unknown; empty without levels."""
        level_map = self._items[subject, contrast].level_map
        if level_map is None:
            return []
        return [int(v) if v == v else 0 for v in slice_levels(level_map)]

    def profile(self, subject: str, contrast: str, mask: Nifti1Image, area: str) -> pd.DataFrame:
        """Area per slice, of the soft mask or cut at 0.5, as `measure_shape` gives it."""
        table = measure_mask(mask, self._items[subject, contrast])
        return table.assign(area_mm2=table["area_hard_mm2"]) if area == "hard" else table

    def _mask(self, subject: str, contrast: str, method: str) -> Nifti1Image | None:
        one = self.study
        rows = one[(one["subject"] == subject) & (one["contrast"] == contrast)]
        rows = rows[rows["method"] == method]
        if rows.empty or rows["csa_mm2"].isna().all():
            return None
        row = rows.iloc[0].to_dict()
        item = _KNOWN.get(_fingerprint(row), self._items[subject, contrast])
        file = str(row.get("mask") or "")
        if file and Path(file).is_file():
            return load_mask(file)
        if item.masks.get(method) is not None:
            return item.given(item.masks[method], f"mask of {method!r}")
        if method in METHODS:  # nothing was kept: the same code makes the same mask
            told = row.get("told_contrast")
            told = told if isinstance(told, str) and told else None  # NaN from a CSV file
            return segment_cord(item.loaded, method=method, contrast=told, progress=False)
        return None
