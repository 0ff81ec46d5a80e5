"""Print how far measure_shape is from SCT on every mask with a reference, and what it costs.

python benchmarks/morphometry.py [folder with real/ and reference/]
"""

import os
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["CORDVIZ_SHARED_DATA"])

parity = runpy.run_path(str(ROOT / "tests" / "test_sct_parity.py"))
rows = []
for run in parity["runs"](SHARED):
    difference = parity["differences"](run, SHARED)
    shapes = [name for name in parity["RELATIVE"] if name != "area"]
    rows.append(
        {
            "reference": run["csv"].removesuffix(".csv"),
            "slices": int(difference["area"].notna().sum()),
            "missing": int(np.isinf(difference).sum().sum()),
            "area median %": 100 * difference["area"].median(),
            "area p99 %": 100 * difference["area"].quantile(0.99),
            "shapes p99 %": 100 * difference[shapes].quantile(0.99).max(),
            "angles max deg": difference[["angle_AP", "angle_RL"]].max().max(),
            "orientation max deg": difference["orientation"].max(),
        }
    )
table = pd.DataFrame(rows).set_index("reference")
with pd.option_context("display.width", 200, "display.max_rows", None):
    print(table.to_string(float_format="{:.1e}".format))
print("\nworst of all:\n", table.max().to_string(float_format="{:.1e}".format), sep="")
for mode in ("default", "sct"):
    seconds, memory = parity["cost"](SHARED / "real" / parity["PAM50"], mode)
    print(f"\nPAM50_cord, 991 slices, {mode}: {seconds:.2f} CPU s, peak {memory:.0f} MiB")
