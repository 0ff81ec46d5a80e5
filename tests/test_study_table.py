"""The shipped table of the study is what today's networks give, and says how to rebuild it."""

import numpy as np

import cordviz as cv
from cordviz.datasets.study_table import COLUMNS, REBUILD, networks, save_study_table
from cordviz.variability import compare_contrasts, simulated_raters


def test_the_table_was_made_with_the_shipped_networks():
    made = cv.datasets.load_study_table().attrs
    assert made["networks"] == networks(), f"The networks changed: run {REBUILD}"
    assert made["rebuild"] == REBUILD


def test_the_table_holds_every_person_contrast_and_method_once():
    study = cv.datasets.load_study_table()
    assert list(study) == list(COLUMNS)
    assert study["subject"].nunique() == 12
    assert study["contrast"].nunique() == 6
    methods = set(study["method"])
    assert {"propseg", "deepseg", "agnostic", "simulated rater (zero offsets)"} < methods
    assert len(study) == 12 * 6 * len(methods)
    assert not study.duplicated(["subject", "contrast", "method"]).any()
    assert (study["csa_mm2"].isna() == (study["error"] != "")).all()


def test_the_table_summarises_to_the_published_form():
    table = cv.summarize_variability(cv.datasets.load_study_table()).table
    assert {"T1w", "DWI", "range of means", "per-subject SD", "ANOVA p"} <= set(table)
    assert table.loc["agnostic", "T2w"].count("±") == 1


def test_one_person_measured_today_gives_the_rows_of_the_table(tmp_path):
    study = cv.datasets.load_simulated_study(1)
    raters = [simulated_raters(study, convention=rule) for rule in ("published", "zero")]
    fresh = compare_contrasts(
        study, methods=["propseg", "deepseg", "agnostic", *raters],
        contrasts=["GRE-T1w", "T2star"], cache=False, progress=False,
    )  # fmt: skip
    header, columns, *rows = save_study_table(fresh, tmp_path / "one.csv").read_text().split("\n")
    shipped = cv.datasets.load_study_table()
    assert header.startswith("# {")
    assert columns == ",".join(COLUMNS)
    assert len(rows) == 10 + 1
    keys = ["subject", "contrast", "method"]
    both = fresh.merge(shipped, on=keys, suffixes=("", "_shipped"))
    assert len(both) == 10
    for name in ("csa_mm2", "csa_hard_mm2", "truth_mm2"):
        np.testing.assert_allclose(both[name], both[f"{name}_shipped"], rtol=0.005)


def test_the_truth_is_the_same_for_all_methods():
    study = cv.datasets.load_study_table()
    assert (study.groupby(["subject", "contrast"])["truth_mm2"].nunique() == 1).all()
