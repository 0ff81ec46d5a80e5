"""Vertebral levels for people who came without: from discs found on their T2w or T1w image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._files import atomic_path, code_hash, digest, write_file
from ..discs import find_discs
from ..levels import levels_from_discs
from ..segmentation import segment_cord
from .comparison import PASSING, hash_of
from .sessions import Item

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image

SHOW_DISCS = ("t2w", "t2", "t1w", "t1")  #: names of contrasts, the best first
FOUND = "Levels from discs found on"  #: how notes of such levels start
_CODE = ("segmentation/**/*.py", "segmentation/weights/agnostic.*", "discs/*.py")
_MORE = ("data/discs.*", "levels.py", "centerline.py", "images.py")


def fill_levels(
    items: list[Item], *, cache: Path | None, n_jobs: int | None, progress: bool
) -> None:
    """Find levels for the people among the items who have none; who has none now has a reason."""
    from joblib import Parallel, delayed
    from tqdm.auto import tqdm

    people: dict[str, list[Item]] = {}
    for item in items:
        people.setdefault(item.subject, []).append(item)
    without = [own for own in people.values() if all(item.levels is None for item in own)]
    jobs = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_find)(_candidates(own), cache) for own in without
    )
    found = tqdm(jobs, total=len(without), desc="discs", disable=not (progress and without))
    for own, (levels, words) in zip(without, found, strict=True):
        for item in own:
            item.levels = levels
            item.levels_note, item.levels_error = (words, "") if levels else ("", words)


def _candidates(items: list[Item]) -> list[Item]:
    shown = [item for item in items if item.contrast.lower() in SHOW_DISCS]
    return sorted(shown, key=lambda item: SHOW_DISCS.index(item.contrast.lower()))


def _find(items: list[Item], cache: Path | None) -> tuple[Any, str]:
    """Levels of the first image on which discs are found and how sure that is, or the reasons."""
    reasons = []
    for item in items:
        try:
            levels, confidence = _kept(item, cache)
        except (ValueError, TypeError, OSError) as error:
            reasons.append(f"{item.contrast}: {' '.join(str(error).split())}")
            continue
        return levels, f"{FOUND} {item.contrast}, confidence {confidence:.2f}."
    why = " ".join(reasons) or "there is no T1w or T2w image to find discs on."
    return None, f"The vertebral levels are unknown: {why} Pass levels=."


def _kept(item: Item, cache: Path | None) -> tuple[Path | Nifti1Image, float]:
    """Levels and confidence of an image, from the cache where they are there."""
    if cache is None:
        return _levels(item)
    stem = digest(hash_of(item.image, item), code_hash(*_CODE, *_MORE))
    file, record = cache / f"{stem}_levels.nii.gz", cache / f"{stem}_levels.json"
    if not record.is_file():
        try:
            levels, confidence = _levels(item)
            known: dict[str, Any] = {"confidence": confidence}
            with atomic_path(file) as temporary:
                levels.to_filename(temporary)
        except ValueError as error:
            if isinstance(error.__cause__, PASSING):
                raise
            known = {"error": str(error)}
        write_file(record, json.dumps(known))
    known = json.loads(record.read_text(encoding="utf-8"))
    if "error" in known:
        raise ValueError(known["error"])
    return file, known["confidence"]


def _levels(item: Item) -> tuple[Nifti1Image, float]:
    seg = segment_cord(item.loaded, progress=False)
    found = find_discs(item.loaded, seg, contrast=item.contrast)
    return levels_from_discs(found.points_mm, seg), found.confidence
