"""Rebuild the table of the simulated study that ships with the package.

    python benchmarks/study_table.py [PEOPLE] [FILE]     (default: 12 cordviz/data/study.csv)

Twelve simulated people, six contrasts, every method, and simulated raters with the published
offsets and with none. Stopped and started again it goes on where it was.
"""

import sys
from pathlib import Path

import cordviz as cv
from cordviz.datasets.study_table import save_study_table
from cordviz.variability import simulated_raters

PUBLISHED = ("T1w", "T2w", "T2star", "MT-on", "GRE-T1w", "DWI")


def main() -> None:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    shipped = Path(cv.__file__).parent / "data" / "study.csv"
    study = cv.datasets.load_simulated_study(people)
    raters = [simulated_raters(study, convention=rule) for rule in ("published", "zero")]
    table = cv.compare_contrasts(
        study, methods=["propseg", "deepseg", "agnostic", *raters], contrasts=PUBLISHED
    )
    print(save_study_table(table, sys.argv[2] if len(sys.argv) > 2 else shipped))
    print(cv.summarize_variability(table))


if __name__ == "__main__":
    main()
