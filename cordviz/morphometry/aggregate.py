"""Means of a shape table over vertebral levels or slices, and the C2–C3 area."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from typing import TYPE_CHECKING

from .._validation import check_choice
from .sct_csv import slice_ranges
from .slice_shape import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

#: Columns with numbers, in the order of the table.
MEASURES = ("area_mm2", "angle_AP_deg", "angle_RL_deg", *COLUMNS[1:], "length_mm")


def aggregate_shape(table: pd.DataFrame, *, by: str = "level") -> pd.DataFrame:
    """Average a table of `measure_shape` over levels or over all of its slices.

    Parameters
    ----------
    table : pandas.DataFrame
        From `measure_shape`; choose rows first to average over some slices only.
    by : {"level", "slices"}
        "level": a row per vertebral level, from the lowest slices up; slices without a level are
        left out. "slices": one row over all slices of the table.

    Returns
    -------
    pandas.DataFrame
        Columns slices ("169:207", gaps with ";"), level ("3", or "2:3"), then MEAN(name) and
        STD(name) of each measure, and SUM(length_mm). Slices that could not be measured (NaN)
        do not count; STD has ddof = 0, as in SCT.

    Raises
    ------
    ValueError
        Columns missing, unknown `by`, or no slice has a level.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> seg = np.zeros((30, 30, 12), np.uint8)
    >>> seg[10:20, 10:18] = 1
    >>> table = cv.measure_shape(nib.Nifti1Image(seg, np.eye(4)))
    >>> cv.aggregate_shape(table, by="slices")["slices"].item()
    '0:11'
    """
    import pandas as pd

    check_choice(by, ("level", "slices"), "by")
    _check_table(table)
    if by == "slices":
        groups = [table]
    else:
        if not table["level"].notna().any():
            raise ValueError("No slice has a level. Measure with measure_shape(..., levels=...).")
        groups = [group for _, group in table.groupby("level")]
        groups.sort(key=lambda group: group["slice"].min())
    rows = []
    for group in groups:
        row: dict[str, object] = {
            "slices": slice_ranges(group["slice"]),
            "level": slice_ranges(group["level"].dropna()),
        }
        for name in MEASURES[:-1]:
            row[f"MEAN({name})"] = group[name].mean()
            row[f"STD({name})"] = group[name].std(ddof=0)
        row["SUM(length_mm)"] = group["length_mm"].sum(min_count=1)
        rows.append(row)
    result = pd.DataFrame(rows)
    result.attrs = dict(table.attrs)
    return result


def mean_csa(table: pd.DataFrame, *, levels: Collection[int] = (2, 3)) -> float:
    """Mean cross-sectional area (CSA) over the slices of some vertebral levels.

    Parameters
    ----------
    table : pandas.DataFrame
        From `measure_shape` with levels.
    levels : collection of int
        Vertebral levels; (2, 3) is C2–C3.

    Returns
    -------
    float
        mm², the unweighted mean over all slices of these levels together, as SCT.

    Raises
    ------
    ValueError
        The table has no levels, or one of `levels` has no measured slice.

    Warns
    -----
    UserWarning
        Some slices of the levels have no area (the mask does not cover them).

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> seg = np.zeros((30, 30, 12), np.uint8)
    >>> seg[10:20, 10:18] = 1
    >>> img = nib.Nifti1Image(seg, np.eye(4))
    >>> levels = nib.Nifti1Image(seg * np.repeat([3, 2], 6).astype(np.uint8), np.eye(4))
    >>> round(cv.mean_csa(cv.measure_shape(img, levels=levels), levels=(2, 3)), 3)
    80.0
    """
    _check_table(table)
    wanted = whole_levels(levels)
    measured = table.loc[table["area_mm2"].notna(), "level"]
    present = sorted({int(level) for level in measured.dropna()})
    missing = [level for level in wanted if level not in present]
    if missing or not wanted:
        have = f"levels {slice_ranges(present)}" if present else "no levels"
        raise ValueError(
            f"No measured slice at level {', '.join(map(str, missing)) or '(none given)'}: the "
            f"table has {have}. C2–C3 needs discs 2, 3 and 4 in levels_from_discs and a mask "
            "that reaches there."
        )
    area = table.loc[table["level"].isin(wanted), "area_mm2"]
    if area.isna().any():
        warnings.warn(
            f"{int(area.isna().sum())} of {len(area)} slices at levels {slice_ranges(wanted)} "
            "have no area; the mean is over the others.",
            stacklevel=2,
        )
    return float(area.mean())


def whole_levels(levels: Collection[int], name: str = "levels") -> list[int]:
    """Refuse levels that are no whole numbers."""
    try:
        wanted = [int(level) for level in levels if level == int(level)]
        if isinstance(levels, str) or len(wanted) != len(list(levels)):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"{name} must be a collection of whole numbers, such as (2, 3) or (3,); got {levels!r}."
        ) from None
    return wanted


def _check_table(table: pd.DataFrame) -> None:
    if not hasattr(table, "columns"):
        raise TypeError(f"Expected a table from measure_shape, got {type(table).__name__}.")
    missing = [name for name in ("slice", "level", *MEASURES) if name not in table]
    if missing:
        raise ValueError(
            f"Expected a table from measure_shape; it lacks the columns {', '.join(missing)}."
        )
