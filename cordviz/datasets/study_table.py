"""The table of the simulated study, as it was when the package was made."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .._files import write_file
from .._version import __version__

if TYPE_CHECKING:
    import pandas as pd

PACKAGE = Path(__file__).parents[1]
COLUMNS = ("subject", "contrast", "method", "csa_mm2", "csa_hard_mm2", "truth_mm2", "error")
REBUILD = "python benchmarks/study_table.py"


def load_study_table() -> pd.DataFrame:
    """Load the cross-sectional area (CSA) of the simulated study under every method.

    Twelve simulated people whose true CSA is known, in six contrasts, segmented by the
    contrast-specific methods (propseg, deepseg), by the agnostic one and by simulated raters,
    over C2–C3. The raters' published offsets are an input and no finding: their run with zero
    offsets stands beside it. Rebuilt by ``python benchmarks/study_table.py`` in a clone;
    ``cordviz compare --simulated 12 --methods propseg,deepseg,agnostic,raters -o study`` makes the
    same areas, with figures and a report.

    Returns
    -------
    pandas.DataFrame
        Columns of `compare_contrasts`: subject, contrast, method, csa_mm2 (soft sum),
        csa_hard_mm2 (cut at 0.5), truth_mm2 (exact) and error (why an image has no area). Its
        ``attrs`` say the version and the networks (sha256) that it was made with.

    Notes
    -----
    Made by this package, licence as the package, 25 kB.

    Examples
    --------
    >>> import cordviz as cv
    >>> study = cv.datasets.load_study_table()
    >>> bool(study.groupby("method")["csa_mm2"].mean()["agnostic"] > 50)
    True
    >>> cv.summarize_variability(study).by_method.columns[:2].tolist()
    ['method', 'n_subjects']
    """
    import pandas as pd

    file = PACKAGE / "data" / "study.csv"
    with file.open(encoding="utf-8") as lines:
        made = json.loads(next(lines).removeprefix("# "))
    table = pd.read_csv(file, skiprows=1, dtype={"error": str})
    table["error"] = table["error"].fillna("")
    table.attrs.update(made)
    return table


def save_study_table(study: pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Write the columns of a study that are shipped, below one line that says how it was made."""
    made = {"version": __version__, "rebuild": REBUILD, "networks": networks()}
    rows = study[list(COLUMNS)].to_csv(index=False, float_format="%.3f")
    return write_file(path, f"# {json.dumps(made)}\n{rows}")


def networks() -> dict[str, str]:
    """Name of every shipped network of the cord, with the hash of its weights."""
    cards = sorted((PACKAGE / "segmentation" / "weights").glob("*.json"))
    return {card.stem: json.loads(card.read_text(encoding="utf-8"))["sha256"] for card in cards}
