"""One image under all methods: mask, areas, and a row that says what happened; kept on disk."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._files import code_hash, digest, write_file
from .._series import bvals_beside
from .._version import __version__
from ..contrasts import closest_contrast
from ..images import load_mask, read_image, reorient, sha256_of, spacing_mm, voxels
from ..morphometry import mean_csa, measure_shape
from ..segmentation import segment_cord
from ..sidecar import save_mask
from .sessions import Derived, Item, made

if TYPE_CHECKING:
    import pandas as pd
    from nibabel.nifti1 import Nifti1Image

_AREAS = ("csa_mm2", "csa_hard_mm2", "truth_mm2", "n_slices", "n_missing")
_HASHES = ("image_sha256", "method_sha256", "levels_sha256")
#: What may work the next time: it is not kept as an answer.
PASSING = (OSError, MemoryError)
#: Methods that are not told the contrast.
AGNOSTIC = ("agnostic",)
#: What a mask and a row depend on besides their input: a changed method never meets old results.
_SEGMENT = ("segmentation/**/*.py", "images.py", "_series.py", "contrasts.py")
_MEASURE = ("morphometry/*.py", "centerline.py", "levels.py", "images.py")
_OWN = ("variability/comparison.py", "variability/sessions.py", "simulation/*.py")


@dataclass(frozen=True)
class Result:
    """Row of the study, and the table of `measure_shape` by columns."""

    row: dict[str, Any]
    slices: dict[str, list] | None


def compare_image(
    number: int, item: Item, methods: list[str], over: Any, cache: Path | None
) -> tuple[int, list[Result]]:
    """All methods on one image, so that it is read once."""
    item = replace(item)  # what it opens is let go with it
    truth = functools.cache(lambda: _true_area(item, over))
    return number, [_result(item, method, over, cache, truth) for method in methods]


def _result(
    item: Item, method: str, over: Any, cache: Path | None, truth: Callable[[], tuple[float, str]]
) -> Result:
    """Row of one method on one image, whatever happens to it."""
    start = time.perf_counter()
    told = "" if method in (*AGNOSTIC, *item.masks) else closest_contrast(item.contrast)
    row: dict[str, Any] = {"subject": item.subject, "contrast": item.contrast, "method": method}
    row |= dict.fromkeys(_AREAS, np.nan)
    row |= {"told_contrast": told, "error": "", "note": "", "seconds": np.nan, "mask": ""}
    row |= dict.fromkeys(_HASHES, "") | {"version": __version__}
    slices, file, mask_file = None, None, None
    try:
        if over is not None and item.levels is None:
            raise ValueError(item.levels_error or "The vertebral levels are unknown.")
        row["image_sha256"] = image_hash = hash_of(item.image, item)
        row["method_sha256"] = method_hash = _method_hash(method, item)
        row["levels_sha256"] = levels_hash = hash_of(item.levels, item)
        if cache:
            key = digest(image_hash, *_reduction(item), method, told, method_hash)
            inputs = [levels_hash, _truth_hash(item), repr(over), str(item.levels_shared)]
            file = cache / f"{digest(key, *inputs, code_hash(*_MEASURE, *_OWN))}.json"
            mask_file = cache / f"{key}.nii.gz"
            if (stored := _stored(file)) is not None:
                return _finished(row | stored["row"], item, mask_file, stored["slices"])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            mask = _mask(item, method, told, mask_file)
            table = measure_mask(mask, item)
            slices = {str(name): table[name].tolist() for name in table}
            row |= _areas(table, over)
            row["truth_mm2"], unknown = truth()
            notes = [unknown, *(str(warning.message) for warning in caught)]
            row["note"] = " ".join(dict.fromkeys(filter(None, notes)))
    except Exception as error:  # one bad image must not end a study
        row["error"] = " ".join(str(error).split()) or type(error).__name__
        if not isinstance(error, (ValueError, TypeError)) or isinstance(error.__cause__, PASSING):
            file = None
    row["seconds"] = round(time.perf_counter() - start, 3)
    if file is not None:
        kept = {name: row[name] for name in (*_AREAS, "error", "note", "seconds")}
        write_file(file, json.dumps({"row": kept, "slices": slices}))
    return _finished(row, item, mask_file, slices)


def _stored(file: Path) -> dict[str, Any] | None:
    """Row and slices as they were kept; None if there are none, or no whole ones."""
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def _finished(
    row: dict[str, Any], item: Item, mask: Path | None, slices: dict[str, list] | None
) -> Result:
    """Row with its mask in the cache and with how the levels were found, if nobody gave them."""
    row["note"] = " ".join(filter(None, (row["note"], item.levels_note)))
    row["mask"] = str(mask) if mask is not None and mask.is_file() else ""
    return Result(row, slices)


def _mask(item: Item, method: str, told: str, file: Path | None) -> Nifti1Image:
    """The mask of a method, from the cache where it is there."""
    if file is not None and file.is_file():
        try:
            return load_mask(file)
        except ValueError:  # damaged
            file.unlink(missing_ok=True)
    if method in item.masks:
        mask = item.given(item.masks[method], f"mask of {method!r}")
    else:
        mask = segment_cord(item.loaded, method=method, contrast=told or None, progress=False)
    if file is not None:
        save_mask(mask, file, overwrite=True)
    return mask


def measure_mask(mask: Nifti1Image, item: Item) -> pd.DataFrame:
    """Shape per slice, and the area of the mask cut at one half, along the same centreline."""
    table = measure_shape(mask, levels=item.level_map)
    las = reorient(mask, "LAS")
    pixel = spacing_mm(las)
    slope = np.tan(np.radians(table[["angle_AP_deg", "angle_RL_deg"]].fillna(0))) ** 2
    count = (voxels(las) >= 0.5).sum(axis=(0, 1))
    area = count * pixel[0] * pixel[1] / np.sqrt(1 + slope.sum(axis=1))
    table.insert(3, "area_hard_mm2", area.where(count > 0))
    return table


def _areas(table: pd.DataFrame, over: Any) -> dict[str, float]:
    """Means over the slices of the levels; hard areas are of those that reach one half."""
    rows = table[table["area_mm2"].notna()] if over is None else table[table["level"].isin(over)]
    csa = rows["area_mm2"].mean() if over is None else mean_csa(table, levels=over)
    measured = int(rows["area_mm2"].notna().sum())
    hard = float(rows["area_hard_mm2"].mean())
    missing = len(rows) - measured
    return dict(zip(_AREAS, (float(csa), hard, np.nan, measured, missing), strict=True))


def _true_area(item: Item, over: Any) -> tuple[float, str]:
    """Mean area of the truth, NaN where there is none or it cannot be measured, and why."""
    if item.truth is None:
        return np.nan, ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            table = measure_mask(item.given(item.truth, "truth"), item)
            area = _areas(table, over)["csa_mm2"]
        except (ValueError, TypeError, OSError) as error:
            return np.nan, f"No true area: {error}"
    return area, " ".join(f"Truth: {warning.message}" for warning in caught)


def _truth_hash(item: Item) -> str:
    try:
        return hash_of(item.truth, item)
    except OSError:  # its area will be unknown; that of the image is not
        return "missing"


def _reduction(item: Item) -> list[str]:
    """What a 4-D image's one volume depends on, besides its voxels."""
    if item.reduction != "dwi":
        return [item.reduction]
    bvals = item.bvals or bvals_beside(item.opened.get_filename())
    return [item.reduction, hash_of(bvals, item) if bvals and Path(bvals).is_file() else ""]


def hash_of(value: Any, item: Item) -> str:
    """Fingerprint of an input: of a file its bytes, of an image its voxels and affine."""
    if value is None:
        return ""
    if isinstance(value, (str, os.PathLike)):
        path = Path(value)
        if not path.is_file():
            raise FileNotFoundError(f"There is no file {path}.")
        return hashlib.sha256(path.read_bytes()).hexdigest()
    if isinstance(value, Derived):
        files = [hash_of(word, item) for word in value.args if isinstance(word, Path)]
        words = [word for word in value.args if isinstance(word, str)]
        code = code_hash(*_OWN, *_SEGMENT, "segmentation/weights/agnostic.*")
        return digest(value.func.__qualname__, code, *files, *words, repr(value.keywords))
    return sha256_of(item.opened if value is item.image else read_image(made(value)))


def _method_hash(method: str, item: Item) -> str:
    """Fingerprint of code and weights, or of a mask that exists."""
    if method in item.masks:
        if item.masks[method] is None:
            raise ValueError(f"There is no mask of {method!r} for {item.contrast}.")
        return hash_of(item.masks[method], item)
    network = closest_contrast(item.contrast) if method == "deepseg" else method
    return code_hash(*_SEGMENT, f"segmentation/weights/{network}.*")
