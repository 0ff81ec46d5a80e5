"""Write tables of shape measures as the CSV of SCT's ``sct_process_segmentation``."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._files import at_home, write_file
from .._version import __version__

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


def save_sct_csv(table: pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Save a table as CSV with the columns of SCT's ``sct_process_segmentation``.

    Parameters
    ----------
    table : pandas.DataFrame
        From `measure_shape` (a row per slice) or `aggregate_shape` (per level, or over slices).
    path : str or Path
        Ends in ``.csv``; the file appears whole or not at all. Column "SCT Version" says
        "cordviz" and its version; DistancePMJ stays empty.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        Columns missing, or a name that does not end in .csv.
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
    if (target := at_home(path)).suffix != ".csv":
        raise ValueError(f"A table is saved as .csv, got {target.name!r}.")
    return write_file(target, sct_text(sct_rows(table)))


def sct_text(rows: pd.DataFrame) -> str:
    """CSV of rows in SCT's columns, of one table or of several."""
    values = rows.to_csv(
        index=False, header=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n"
    )
    return ",".join(map(str, rows)) + "\n" + values  # SCT quotes the values only


def slice_ranges(numbers: Iterable[Any]) -> str:
    """Write whole numbers as SCT does: [1, 2, 3, 5] → "1:3;5"."""
    found = np.unique([int(number) for number in numbers])
    runs = np.split(found, np.flatnonzero(np.diff(found) > 1) + 1)
    return ";".join(":".join(map(str, np.unique(run[[0, -1]]))) for run in runs if run.size)


def sct_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rename the columns of `measure_shape` or `aggregate_shape` as SCT does."""
    import pandas as pd

    if not hasattr(table, "columns"):
        raise TypeError(
            f"Expected a table from measure_shape or aggregate_shape, got {type(table).__name__}."
        )
    aggregated = "slices" in table
    mean = "MEAN({})" if aggregated else "{}"
    missing = [name for name in map(mean.format, SCT_NAMES.values()) if name not in table]
    if missing:
        raise ValueError(
            "Expected a table from measure_shape or aggregate_shape; it lacks the columns "
            f"{', '.join(missing)}."
        )
    if aggregated:
        slices, levels = table["slices"], table["level"]
    else:
        slices = table["slice"].astype(int)
        levels = table["level"].map(lambda level: "" if np.isnan(level) else int(level))
    rows = pd.DataFrame(
        {
            "Timestamp": datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
            "SCT Version": f"cordviz {__version__}",
            "Filename": str(table.attrs.get("mask", "")),
            "Slice (I->S)": slices.astype(str),
            "VertLevel": levels.astype(str),
            "DistancePMJ": "",
        }
    )
    for sct, ours in SCT_NAMES.items():
        rows[f"MEAN({sct})"] = one = table[mean.format(ours)]
        rows[f"STD({sct})"] = table[f"STD({ours})"] if aggregated else one * 0.0  # NaN stays NaN
    rows["SUM(length)"] = table["SUM(length_mm)" if aggregated else "length_mm"]
    return rows
