"""Statistics agree with published examples; agreement is never a large p."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import cordviz as cv
from cordviz.variability import subjects_needed
from cordviz.variability.statistics import (
    across,
    compare_pairs,
    corrected,
    people_for,
    shared_contrasts,
)

#: Shrout and Fleiss 1979, Psychological Bulletin 86:420–428, table 2: six targets, four judges.
SHROUT_FLEISS = [
    [9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7],
]  # fmt: skip
#: Student 1908 (R's data set sleep): extra hours of sleep under two drugs, ten patients. R prints
#: for t.test(paired = TRUE): t = -4.0621, df = 9, mean of the differences -1.58.
SLEEP = (
    [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
    [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
)
#: Hollander and Wolfe 1973, p. 29 (example of R's wilcox.test): depression before and after;
#: V = 40, one-sided p = 0.01953.
DEPRESSION = (
    [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30],
    [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29],
)

#: Cross Validated, question 183834: 15 people measured twice; mean difference 78, SD of the
#: differences 111, d = 0.70, t = 2.7, p = .017.
TWICE = (
    [1999, 1501, 1552, 2385, 2488, 1257, 1806, 1348, 2048, 1810, 1308, 2310, 1247, 1839, 1235],
    [2040, 1601, 1623, 2386, 2671, 1218, 1719, 1405, 2079, 2017, 1356, 2324, 1616, 1878, 1370],
)


def study_of(wide, method="m", **columns):
    """Tidy study of a table subject × contrast."""
    tidy = wide.rename_axis(index="subject", columns="contrast").stack().rename("csa_mm2")
    return tidy.reset_index().assign(method=method, **columns)


def people(n=20, offset=0.0, noise=0.3, seed=0):
    """T1w and T2w areas of n people, the second shifted and noisy."""
    rng = np.random.default_rng(seed)
    true = rng.normal(72, 7, n)
    names = [f"p{i:02d}" for i in range(n)]
    values = {"T1w": true, "T2w": true + offset + rng.normal(0, noise, n)}
    return pd.DataFrame(values, index=names)


def paired(first, second, margin=1.0):
    difference = pd.Series(first) - pd.Series(second)
    return compare_pairs(difference, margin, np.random.default_rng(0))


# Published examples


def test_icc_and_anova_are_those_of_shrout_and_fleiss():
    """Published: ICC(2,1) = .29; between-judges and error mean squares 32.49 and 1.02."""
    wide = pd.DataFrame(SHROUT_FLEISS).rename_axis(index="subject")
    result = across(wide)
    assert round(result["icc"], 2) == 0.29
    assert result["anova_F"] == pytest.approx(32.49 / 1.02, rel=0.002)
    # their table's interval as R's psych::ICC prints it
    assert (result["icc_low"], result["icc_high"]) == pytest.approx((0.019, 0.761), abs=5e-4)


def test_the_anova_is_corrected_as_by_greenhouse_and_geisser():
    """Abdi 2010, Encyclopedia of Research Design: F = 5.36, ε = .4460, so 1.34 and 5.35 df."""
    people = [[76, 64, 34, 26], [60, 48, 46, 30], [58, 34, 32, 28], [46, 46, 32, 28],
              [30, 18, 36, 28]]  # fmt: skip
    result = across(pd.DataFrame(people).rename_axis(index="subject"))
    assert round(result["anova_F"], 2) == 5.36
    assert result["anova_p"] == pytest.approx(stats.f.sf(5.357, 1.338, 5.352), abs=1e-4)


def test_of_two_contrasts_the_anova_is_the_paired_t_test():
    wide = pd.DataFrame(dict(enumerate(SLEEP))).rename_axis(index="subject")
    assert across(wide)["anova_p"] == pytest.approx(stats.ttest_rel(*SLEEP).pvalue)


def test_a_constant_offset_leaves_nothing_to_test_and_no_warning():
    wide = pd.DataFrame({"T1w": [70.0, 60, 65], "T2w": [72.0, 62, 67]}).rename_axis("subject")
    assert np.isnan(list(across(wide).values())).all()


def test_the_interval_of_a_difference_is_that_of_students_sleep_data():
    result = paired(*SLEEP)
    se = 1.58 / 4.0621
    assert result["difference_mm2"] == pytest.approx(-1.58)
    half = 1.833113 * se  # t table, 9 degrees of freedom, 5 % on each side
    assert (result["low"], result["high"]) == pytest.approx((-1.58 - half, -1.58 + half), rel=1e-4)
    assert result["d"] == pytest.approx(-4.0621 / np.sqrt(10), rel=1e-4)
    assert result["d_low"] < result["d"] < result["d_high"]


def test_the_effect_size_is_the_published_one():
    assert round(paired(TWICE[1], TWICE[0])["d"], 2) == 0.70


def test_the_interval_of_the_effect_size_is_that_of_all_resamples_there_are():
    """Efron 1979, Annals of Statistics 7:1–26: what resampling at random stands in for."""
    x = np.array([183, 48, 14, 39, 135.0])  # five of them: 3125 resamples
    every = x[np.array(list(itertools.product(range(5), repeat=5)))]
    with np.errstate(divide="ignore"):  # one person five times
        effects = every.mean(axis=1) / every.std(axis=1, ddof=1)
    result = compare_pairs(pd.Series(x), 1.0, np.random.default_rng(0))
    low, high = np.quantile(effects, [0.025, 0.975], method="nearest")
    assert (result["d_low"], result["d_high"]) == pytest.approx((low, high), rel=0.1)


def test_equivalence_is_that_of_the_r_package_toster():
    """R, TOSTER 0.4: t_TOST(extra ~ group, sleep, paired = TRUE), bounds -1 and 1, p = .9149441."""
    result = paired(*SLEEP, margin=1)
    assert result["tost_p"] == pytest.approx(0.9149441, abs=1e-7)
    assert (result["low"], result["high"]) == pytest.approx((-2.293005, -0.8669947), abs=1e-6)
    # far above the lower bound, t = -6.633 against the upper, p = 4.778596e-05
    shifted = np.add(SLEEP[0], 10)
    assert paired(shifted, SLEEP[1], margin=11)["tost_p"] == pytest.approx(4.778596e-05, rel=1e-4)


def test_two_one_sided_tests_and_the_90_percent_interval_say_the_same():
    """Schuirmann 1987: p is 5 % where the interval touches the margin."""
    touching = -paired(*SLEEP)["low"]
    assert paired(*SLEEP, margin=touching)["tost_p"] == pytest.approx(0.05, abs=1e-6)
    assert paired(*SLEEP, margin=touching + 0.1)["tost_p"] < 0.05
    assert paired(*SLEEP, margin=touching - 0.1)["tost_p"] > 0.05


def test_wilcoxon_is_that_of_hollander_and_wolfe():
    assert paired(*DEPRESSION)["wilcoxon_p"] == pytest.approx(2 * 0.01953125, abs=1e-8)


def test_corrections_are_those_of_holm_and_bonferroni():
    """By their definitions, in R: p.adjust(c(.01, .02, .03, .04), "holm")."""
    rows = [{"wilcoxon_p": p, "tost_p": p} for p in (0.01, 0.02, 0.03, 0.04)]
    adjusted = [row["wilcoxon_p_corrected"] for row in corrected(rows, "holm")]
    assert adjusted == pytest.approx([0.04, 0.06, 0.06, 0.06])
    adjusted = [row["tost_p_corrected"] for row in corrected(rows, "bonf")]
    assert adjusted == pytest.approx([0.04, 0.08, 0.12, 0.16])
    assert [row["equivalent"] for row in rows] == [True, False, False, False]


@pytest.mark.parametrize(("d", "n"), [(0.2, 394), (0.5, 64), (0.8, 26)])
def test_sample_sizes_of_two_groups_are_cohens(d, n):
    """Cohen 1988: small, medium and large effects, power 0.80, two-sided 5 %."""
    assert people_for(d, 0.8, 0.05, "two-samples") == n


def test_the_sample_size_of_a_paired_design_is_that_of_g_power():
    assert people_for(0.5, 0.8, 0.05, "paired") == 34


# The summary


def test_the_numbers_of_a_study_are_those_worked_out_by_hand():
    wide = pd.DataFrame({"T1w": [70.0, 60.0], "T2w": [74.0, 66.0]}, index=["a", "b"])
    summary = cv.summarize_variability(study_of(wide, truth_mm2=68.0))
    method = summary.by_method.iloc[0]
    sds = np.array([4, 6]) / np.sqrt(2)
    assert method["range_of_means_mm2"] == 5
    assert method["subject_sd_mm2"] == pytest.approx(sds.mean())
    assert method["cov_percent"] == pytest.approx((100 * sds / [72, 63]).mean())
    assert method["abs_error_mm2"] == pytest.approx((2 + 8 + 6 + 2) / 4)
    assert summary.by_contrast["bias_mm2"].tolist() == [-3, 2]
    assert summary.by_contrast["sd_mm2"].tolist() == pytest.approx([np.sqrt(50), np.sqrt(32)])


def test_a_large_p_is_not_agreement():
    """Few noisy people: no difference is seen, and no equivalence may be claimed."""
    noisy = cv.summarize_variability(study_of(people(6, noise=8))).pairs.iloc[0]
    assert noisy["wilcoxon_p"] > 0.05
    assert not noisy["equivalent"]


def test_equivalence_may_stand_beside_a_small_p():
    """Many people with a tiny constant offset: different for sure, and yet equivalent."""
    summary = cv.summarize_variability(study_of(people(40, offset=0.5)))
    pair = summary.pairs.iloc[0]
    assert pair["wilcoxon_p"] < 0.001
    assert pair["equivalent"]
    assert summary.by_method["all_equivalent"].all()
    strict = cv.summarize_variability(study_of(people(40, offset=0.5)), margin_mm2=0.4)
    assert not strict.pairs["equivalent"].any()


def test_subjects_are_complete_and_the_same_for_all_methods():
    good, holes = people(8), people(8)
    holes.loc["p03", "T2w"] = np.nan
    both = pd.concat([study_of(good, "a"), study_of(holes, "b")])
    summary = cv.summarize_variability(both)
    assert summary.by_method["n_subjects"].tolist() == [7, 7]
    assert "7 of 8 subjects" in summary.text
    assert "p03" not in set(summary.by_subject["subject"])
    alone = cv.summarize_variability(both, contrasts=["T1w"])
    assert alone.by_method["n_subjects"].tolist() == [8, 8]


def test_between_methods_the_spread_of_each_person_is_compared():
    both = pd.concat([study_of(people(12, 8), "specific"), study_of(people(12, 1), "agnostic")])
    row = cv.summarize_variability(both).between_methods.iloc[0]
    assert (row["A"], row["B"]) == ("specific", "agnostic")
    assert row["difference_mm2"] == pytest.approx(7 / np.sqrt(2), rel=0.05)
    assert row["wilcoxon_p"] < 0.001


def test_identical_masks_are_equivalent_without_a_crash():
    """In one public data set the T1w and T2w masks of a person are the same file."""
    summary = cv.summarize_variability(study_of(people(5, noise=0)))
    pair = summary.pairs.iloc[0]
    assert (pair["wilcoxon_p"], pair["equivalent"]) == (1, True)


def test_one_person_gives_areas_and_no_tests():
    summary = cv.summarize_variability(study_of(people(1)))
    assert summary.pairs[["wilcoxon_p", "tost_p"]].isna().all(axis=None)
    assert not summary.pairs["equivalent"].any()
    assert np.isfinite(summary.by_method["subject_sd_mm2"]).all()
    assert "nan" not in summary.table.to_string()


def test_of_one_contrast_nothing_is_said_across_contrasts():
    """No pair differs where there is no pair: that is no equivalence."""
    summary = cv.summarize_variability(study_of(people(6)[["T1w"]]))
    method = summary.by_method.iloc[0]
    assert not method["all_equivalent"]
    assert method[["range_of_means_mm2", "subject_sd_mm2", "cov_percent", "icc"]].isna().all()
    assert "nan" not in summary.table.to_string()
    assert summary.table["T1w"].item().count("±") == 1


def test_the_area_cut_at_one_half_is_a_study_of_its_own():
    study = study_of(people(5)).assign(csa_hard_mm2=lambda table: table["csa_mm2"] + 3)
    soft, hard = (
        cv.summarize_variability(study, area=area).by_contrast for area in ("soft", "hard")
    )
    assert hard["mean_mm2"].to_numpy() == pytest.approx(soft["mean_mm2"].to_numpy() + 3)


def test_a_summary_shows_the_published_table():
    summary = cv.summarize_variability(study_of(people(8)))
    assert list(summary.table.columns[:3]) == ["T1w", "T2w", "range of means"]
    assert "±" in summary.table.iloc[0, 0]
    assert "8 of 8 subjects" in repr(summary)
    assert "<table" in summary._repr_html_()
    assert "margin ±2 mm²" in summary._repr_html_()


def test_changing_contrasts_costs_people():
    needed = subjects_needed(cv.summarize_variability(study_of(people(20, 8))), atrophy_percent=5)
    row = needed.iloc[0]
    assert row["groups_mixed_contrasts"] > row["groups_one_contrast"]
    steady = subjects_needed(cv.summarize_variability(study_of(people(20, 1))), atrophy_percent=5)
    assert steady["follow_up_contrast_changed"].iloc[0] < row["follow_up_contrast_changed"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda s: cv.summarize_variability(s.drop(columns="method")),
            ValueError,
            "no column method",
        ),
        (lambda s: cv.summarize_variability([1]), TypeError, "compare_contrasts"),
        (lambda s: cv.summarize_variability(s, margin_mm2=0), ValueError, "above 0"),
        (lambda s: cv.summarize_variability(s, area="both"), ValueError, "area must be one of"),
        (lambda s: cv.summarize_variability(s, correction="none"), ValueError, "correction"),
        (lambda s: cv.summarize_variability(s.assign(csa_mm2=np.nan)), ValueError, "None of 4"),
        (lambda s: cv.summarize_variability(pd.concat([s, s])), ValueError, "two rows"),
        (
            lambda s: subjects_needed(cv.summarize_variability(s), atrophy_percent=0),
            ValueError,
            "between 0 and 100",
        ),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(study_of(people(4)))


# Figures


def figure_study():
    return pd.concat([study_of(people(8, 5), "propseg"), study_of(people(8, 1), "agnostic")])


def texts(fig):
    return [note.text for note in fig.layout.annotations]


def test_the_figure_says_mean_and_sd_of_every_contrast_and_method():
    study = figure_study()
    fig = cv.plot_csa_by_contrast(study)
    for _, one in study.groupby(["method", "contrast"])["csa_mm2"]:
        assert f"{one.mean():.1f}<br>± {one.std():.1f}" in texts(fig)
    assert {"propseg", "agnostic"} <= set(texts(fig))
    assert sum(trace.type == "violin" for trace in fig.data) == 4


def test_the_line_is_the_true_mean_where_there_is_one():
    study = figure_study()
    (line,) = {s.y0 for s in cv.plot_csa_by_contrast(study.assign(truth_mm2=71.5)).layout.shapes}
    assert line == pytest.approx(71.5)
    levels = {round(s.y0, 6) for s in cv.plot_csa_by_contrast(study).layout.shapes}
    means = study.groupby("method")["csa_mm2"].mean()
    assert levels == {round(mean, 6) for mean in means}


def test_published_values_are_those_of_the_contrast_and_kind_of_method():
    fig = cv.plot_csa_by_contrast(figure_study(), published=True)
    ghosts = [t for t in fig.data if t.marker.symbol == "diamond-open"]
    assert [list(ghost.y) for ghost in ghosts] == [[69.16, 75.49], [71.56, 72.21]]
    assert any("published" in text for text in texts(fig))


def test_paired_lines_join_the_contrasts_of_each_person():
    fig = cv.plot_csa_by_contrast(figure_study(), paired=True)
    lines = [t for t in fig.data if t.type == "scatter" and t.mode == "lines"]
    assert len(lines) == 2
    assert list(lines[0].x[:6]) == [0, 1, None] * 2
    assert list(lines[0].y[:2]) == pytest.approx(people(8, 5).iloc[0].tolist())


def test_rater_offsets_are_declared_as_an_input():
    study = study_of(people(6, 4), "simulated rater (published offsets)")
    for figure in (cv.plot_csa_by_contrast(study), cv.plot_agreement(study)):
        assert any("an input, not a finding" in text for text in texts(figure))
    for figure in (cv.plot_csa_by_contrast(figure_study()), cv.plot_agreement(figure_study())):
        assert not any("an input" in text for text in texts(figure))


@pytest.mark.parametrize("contrasts", [["T1w"], ["T1w", "T2w"]])
def test_a_footnote_is_not_cut_off_where_the_figure_is_narrow(contrasts):
    from PIL import ImageFont

    study = study_of(people(8), "simulated rater")
    note = "These are invented areas, of nobody in particular, to see what becomes of a long note."
    fig = cv.plot_csa_by_contrast(study, contrasts=contrasts, published=True, note=note)
    lines = texts(fig)[-1].split("<br>")
    room = fig.layout.width - fig.layout.margin.l
    assert max(map(ImageFont.load_default(size=11).getlength, lines)) < room
    assert note in " ".join(lines)
    plain = cv.plot_csa_by_contrast(study, contrasts=contrasts)
    added = len(lines) - len(texts(plain)[-1].split("<br>"))
    assert fig.layout.height - plain.layout.height == pytest.approx(15 * added)


def test_agreement_shows_bias_and_limits():
    study = figure_study()
    fig = cv.plot_agreement(study, contrasts=("T1w", "T2w"))
    wide = people(8, 5)
    difference = wide["T1w"] - wide["T2w"]
    lines = sorted(s.y0 for s in fig.layout.shapes if s.type == "line" and s.yref == "y")
    limits = [difference.mean() + k * 1.96 * difference.std() for k in (-1, 0, 1)]
    assert lines == pytest.approx(sorted([*limits, 0]))
    points = next(t for t in fig.data if t.mode == "markers")
    assert list(points.y) == pytest.approx(difference.tolist())


def test_figures_refuse_what_they_cannot_show():
    with pytest.raises(ValueError, match="must be two"):
        cv.plot_agreement(figure_study(), contrasts=("T1w",))
    with pytest.raises(ValueError, match="at least 2 subjects"):
        cv.plot_agreement(study_of(people(1)))
    with pytest.raises(TypeError, match="compare_contrasts"):
        cv.plot_csa_by_contrast({"T1w": 70})


def test_scans_of_one_person_are_told_from_people():
    wide = people(4)
    wide.index = ["sub-01_ses-1", "sub-01_ses-2", "sub-01_ses-2_run-2", "sub-02"]
    assert "scans of 2 people" in cv.summarize_variability(study_of(wide)).text
    wide.index = ["sub-01Ses1", "sub-01Ses2", "sub-01Ses2_run-2", "sub-02"]
    assert "scans of 2 people" in cv.summarize_variability(study_of(wide)).text
    assert "scans of" not in cv.summarize_variability(study_of(people(4))).text


def test_a_contrast_that_one_method_lacks_for_all_is_named():
    both = study_of(people(), "agnostic")
    more = both.assign(contrast=both["contrast"].replace("T2w", "DWI"))
    study = pd.concat([both, more[more["contrast"] == "DWI"], study_of(people(), "drawn")])
    with pytest.raises(ValueError, match=r"missing: DWI in 20.*\['T1w', 'T2w'\]"):
        cv.summarize_variability(study)
    assert shared_contrasts(study, "csa_mm2") == ["T1w", "T2w"]


def test_one_contrast_may_be_given_as_a_word():
    one = cv.summarize_variability(study_of(people()), contrasts="T2w")
    assert one.by_contrast["contrast"].tolist() == ["T2w"]
