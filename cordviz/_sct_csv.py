"""Write tables of shape measures as the CSV of SCT's ``sct_process_segmentation``."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._files import atomic_path
from ._version import __version__

if TYPE_CHECKING:
    import pandas as pd

#: SCT's names, in SCT's order, and ours.
SCT_NAMES = {
    "area": "area_mm2",
    "angle_AP": "angle_AP_deg",
    "angle_RL": "angle_RL_deg",
    "diameter_AP": "diameter_AP_mm",
    "diameter_AP_ellipse": "diameter_AP_ellipse_mm",
    "diameter_RL": "diameter_RL_mm",
    "length_anterior": "length_anterior_mm",
    "length_posterior": "length_posterior_mm",
    "eccentricity": "eccentricity",
    "orientation": "orientation_deg",
    "solidity": "solidity",
}
LEADING = ("Timestamp", "SCT Version", "Filename", "Slice (I->S)", "VertLevel", "DistancePMJ")


def save_sct_csv(table: pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Save a table as CSV with the columns of SCT's ``sct_process_segmentation``.

    Parameters
    ----------
    table : pandas.DataFrame
        From `measure_shape` (a row per slice) or `aggregate_shape` (per level, or over slices).
    path : str or Path
        The file appears whole or not at all. Column "SCT Version" says "cordviz" and its version;
        DistancePMJ stays empty.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        Columns missing.
    FileNotFoundError
        The folder does not exist.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np, pandas as pd, tempfile
    >>> seg = np.zeros((30, 30, 12), np.uint8)
    >>> seg[10:20, 10:18] = 1
    >>> table = cv.measure_shape(nib.Nifti1Image(seg, np.eye(4)))
    >>> path = cv.save_sct_csv(table, tempfile.mkdtemp() + "/csa.csv")
    >>> float(pd.read_csv(path)["MEAN(area)"].mean())
    80.0
    """

    if not hasattr(table, "columns"):
        raise TypeError(
            f"Expected a table from measure_shape or aggregate_shape, got {type(table).__name__}."
        )
    rows = _rows(table)
    now = datetime.now().strftime("%Y-%m-%d %H:%M:%S")
    leading = [now, f"cordviz {__version__}", str(table.attrs.get("mask", ""))]
    header = list(LEADING)
    for name in SCT_NAMES:
        header += [f"MEAN({name})", f"STD({name})"]
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        file.write(",".join([*header, "SUM(length)"]) + "\n")  # SCT quotes the values only
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        for slices, level, values in rows:
            cells = ["" if np.isnan(value) else float(value) for value in values]
            writer.writerow([*leading, slices, level, "", *cells])
    return Path(path)


def slice_ranges(numbers: Iterable[Any]) -> str:
    """Write whole numbers as SCT does: [1, 2, 3, 5] → "1:3;5"."""
    found = sorted({int(number) for number in numbers})
    runs: list[list[int]] = []
    for number in found:
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ";".join(":".join(map(str, run)) for run in runs)


def _rows(table: pd.DataFrame) -> list[tuple[str, str, list[float]]]:
    aggregated = "slices" in table
    needed = [f"MEAN({name})" if aggregated else name for name in SCT_NAMES.values()]
    missing = [name for name in needed if name not in table]
    if missing:
        raise ValueError(
            "Expected a table from measure_shape or aggregate_shape; it lacks the columns "
            f"{', '.join(missing)}."
        )
    rows = []
    for row in table.to_dict("records"):
        values = []
        for name in SCT_NAMES.values():
            mean = row[f"MEAN({name})"] if aggregated else row[name]
            spread = row[f"STD({name})"] if aggregated else mean * 0.0  # NaN stays NaN
            values += [mean, spread]
        values.append(row["SUM(length_mm)"] if aggregated else row["length_mm"])
        if aggregated:
            slices, level = str(row["slices"]), str(row["level"])
        else:
            slices = str(int(row["slice"]))
            level = "" if np.isnan(row["level"]) else str(int(row["level"]))
        rows.append((slices, level, values))
    return rows
