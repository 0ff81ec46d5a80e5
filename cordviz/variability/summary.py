"""The summary of a study: tables per contrast, method, pair and person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from .._validation import check_choice
from ..contrasts import shown_name
from .statistics import AREAS, across, compare_pairs, complete_cases, corrected, people_for

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Variability:
    """How much the area of the same cords differs between contrasts, method by method.

    Attributes
    ----------
    by_contrast : DataFrame
        A row per method and contrast: n, mean_mm2, sd_mm2, bias_mm2 (mean of CSA − truth).
    by_method : DataFrame
        A row per method: range_of_means_mm2; subject_sd_mm2, the SD of each person across
        contrasts (ddof = 1) averaged over people, with its SD; cov_percent, likewise, of each
        person's own mean; abs_error_mm2 to the truth, pooled over contrasts; icc, absolute
        agreement of single measures, ICC(A,1), with its 95 % interval; anova_F and anova_p of
        the repeated-measures ANOVA across contrasts, Greenhouse–Geisser corrected; and
        all_equivalent: whether every pair of contrasts is equivalent (an intersection–union
        test at 5 %, which needs no correction).
    pairs : DataFrame
        A row per method and pair of contrasts: mean difference A − B with its 90 % interval,
        effect size d (mean / SD of the differences) with its 95 % bootstrap interval, Wilcoxon
        signed-rank p and corrected p, p of the two one-sided tests within the margin, and
        equivalent: whether that p, corrected too, is below 5 %.
    between_methods : DataFrame
        A row per pair of methods: the difference of the per-subject SDs, A − B, tested alike (for
        a difference; there is no margin for SDs).
    by_subject : DataFrame
        A row per method and person: mean_mm2, sd_mm2, cov_percent.
    text : str
        Who was kept, and how to read the tests.
    margin_mm2, correction, area
        As asked for.
    """

    by_contrast: pd.DataFrame
    by_method: pd.DataFrame
    pairs: pd.DataFrame
    between_methods: pd.DataFrame
    by_subject: pd.DataFrame
    text: str
    margin_mm2: float
    correction: str
    area: str

    @property
    def table(self) -> pd.DataFrame:
        """The published table's form: mean ± SD per contrast, range, per-subject SD, p."""
        one = self.by_contrast
        cells = mean_sd(one["mean_mm2"], one["sd_mm2"])
        table = one[["method", "contrast"]].assign(cell=cells)
        table = table.pivot(index="method", columns="contrast", values="cell")
        rows = self.by_method.set_index("method")
        table = table.loc[rows.index, list(dict.fromkeys(one["contrast"]))]
        table["range of means"] = _rounded(rows["range_of_means_mm2"], 2)
        table["per-subject SD"] = mean_sd(rows["subject_sd_mm2"], rows["subject_sd_sd_mm2"])
        table["COV %"] = _rounded(rows["cov_percent"], 1)
        table["|error|"] = _rounded(rows["abs_error_mm2"], 2)
        table["ANOVA p"] = [_p(value) for value in rows["anova_p"]]
        return table.rename_axis(columns=None)

    def __repr__(self) -> str:
        """Table and text."""
        return f"CSA, mm²\n{self.table.to_string()}\n{self.text}"

    def _repr_html_(self) -> str:
        return f"<p>CSA, mm²</p>{self.table.rename(columns=shown_name).to_html()}<p>{self.text}</p>"


def check_margin(margin_mm2: float) -> None:
    """Refuse a margin of equivalence that is none."""
    if not 0 < margin_mm2 < np.inf:
        raise ValueError(f"margin_mm2 must be a number above 0, got {margin_mm2}.")


def summarize_variability(
    study: pd.DataFrame,
    *,
    contrasts: Iterable[str] | None = None,
    area: str = "soft",
    margin_mm2: float = 2.0,
    correction: str = "holm",
    seed: int = 0,
) -> Variability:
    """Summarise how the cross-sectional area (CSA) of the same cords varies across contrasts.

    Parameters
    ----------
    study : DataFrame
        From `compare_contrasts`: columns subject, contrast, method, csa_mm2, and truth_mm2 where
        there is one.
    contrasts : str or iterable of str, optional
        Only these, in this order.
    area : {"soft", "hard"}
        The mask as it stands, or cut at 0.5 as in the published protocol.
    margin_mm2 : float
        Two contrasts (methods) are called equivalent if the mean difference is shown to lie
        within ± this. The default, 2 mm² (2.8 % of 72 mm²), is what an update of one model has
        shifted norms by: state your own.
    correction : {"holm", "bonf"}
        Of p-values for the number of pairs within a method.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Variability
        Tables; shows itself as the published table.

    Raises
    ------
    ValueError, TypeError
        Columns missing, nobody with all contrasts under all methods, unknown option.

    Notes
    -----
    Subjects with a missing contrast are dropped, and subjects are intersected across methods, as
    in Bédard et al. 2025 (https://arxiv.org/abs/2310.15402). A large p is not agreement: that is
    claimed by two one-sided tests (Schuirmann 1987) and intervals. With fewer than 3 people
    there are no tests (NaN).

    Examples
    --------
    >>> import cordviz as cv, pandas as pd
    >>> rows = [("a", "T1w", 70.0), ("a", "T2w", 74.0), ("b", "T1w", 60.0), ("b", "T2w", 66.0)]
    >>> study = pd.DataFrame(rows, columns=["subject", "contrast", "csa_mm2"]).assign(method="m")
    >>> float(cv.summarize_variability(study).by_method.range_of_means_mm2.iloc[0])
    5.0
    """
    import pandas as pd

    check_choice(area, AREAS, "area")
    check_choice(correction, ("holm", "bonf"), "correction")
    check_margin(margin_mm2)
    value = AREAS[area]
    kept, counts = complete_cases(study, value, contrasts)
    rng = np.random.default_rng(seed)
    names = list(dict.fromkeys(kept["contrast"]))
    by_contrast, by_method, pairs, people = [], [], [], []
    for method, one in kept.groupby("method", sort=False):
        wide = one.pivot(index="subject", columns="contrast", values=value)[names]
        error = one[value] - one["truth_mm2"] if "truth_mm2" in one else one[value] * np.nan
        for name in names:
            bias = error[one["contrast"] == name].mean()
            by_contrast.append((method, name, len(wide), wide[name].mean(), wide[name].std(), bias))
        each = pd.DataFrame({"mean_mm2": wide.mean(axis=1), "sd_mm2": wide.std(axis=1, ddof=1)})
        each["cov_percent"] = 100 * each["sd_mm2"] / each["mean_mm2"]
        people.append(each.reset_index().assign(method=method))
        compared = [
            {"method": method, "A": a, "B": b, **compare_pairs(wide[a] - wide[b], margin_mm2, rng)}
            for a, b in combinations(names, 2)
        ]
        pairs += corrected(compared, correction)
        by_method.append(
            {
                "method": method,
                "n_subjects": len(wide),
                "range_of_means_mm2": float(np.ptp(wide.mean())) if compared else np.nan,
                "subject_sd_mm2": each["sd_mm2"].mean(),
                "subject_sd_sd_mm2": each["sd_mm2"].std(),
                "cov_percent": each["cov_percent"].mean(),
                "abs_error_mm2": error.abs().mean(),
                "abs_error_sd_mm2": error.abs().std(),
                **across(wide),
                "all_equivalent": bool(compared) and all(p["tost_p"] < 0.05 for p in compared),
            }
        )
    by_subject = pd.concat(people, ignore_index=True)
    sd = by_subject.pivot(index="subject", columns="method", values="sd_mm2")
    between = [
        {"A": a, "B": b, **compare_pairs(sd[a] - sd[b], margin_mm2, rng)}
        for a, b in combinations(list(dict.fromkeys(kept["method"])), 2)
    ]
    text = (
        f"{counts} Equivalence: two one-sided tests, margin ±{margin_mm2:g} mm²; p-values of pairs "
        f"are corrected after {'Holm' if correction == 'holm' else 'Bonferroni'}. A large p of "
        "Wilcoxon or ANOVA is no evidence of agreement."
    )
    columns = ["method", "contrast", "n", "mean_mm2", "sd_mm2", "bias_mm2"]
    first = ["method", "subject", "mean_mm2", "sd_mm2", "cov_percent"]
    return Variability(
        by_contrast=pd.DataFrame(by_contrast, columns=columns),
        by_method=pd.DataFrame(by_method),
        pairs=pd.DataFrame(pairs),
        between_methods=pd.DataFrame(corrected(between, correction)).drop(
            columns=["tost_p", "tost_p_corrected", "equivalent"], errors="ignore"
        ),
        by_subject=by_subject[first],
        text=text,
        margin_mm2=margin_mm2,
        correction=correction,
        area=area,
    )


def subjects_needed(
    summary: Variability, *, atrophy_percent: float, power: float = 0.8, alpha: float = 0.05
) -> pd.DataFrame:
    """Count the people needed to see a loss of area with the variability of each method.

    Parameters
    ----------
    summary : Variability
        From `summarize_variability`.
    atrophy_percent : float
        Loss of mean CSA to see, % of the method's mean.
    power, alpha : float
        Of a two-sided t-test.

    Returns
    -------
    DataFrame
        Per method: ``groups_one_contrast`` and ``groups_mixed_contrasts``, people in each of two
        groups, scanned alike or each with a contrast at random; ``follow_up_contrast_changed``,
        people scanned twice with two contrasts. The last knows no scan–rescan error and no
        biological variation, and takes the contrasts' offsets as noise.

    Examples
    --------
    >>> import cordviz as cv, pandas as pd
    >>> rows = [(s, c, 70 + 7 * s + d) for s in (-1, 0, 1) for c, d in (("T1w", 0), ("T2w", s))]
    >>> study = pd.DataFrame(rows, columns=["subject", "contrast", "csa_mm2"]).assign(method="m")
    >>> subjects_needed(cv.summarize_variability(study), atrophy_percent=10).columns.tolist()[2:]
    ['groups_one_contrast', 'groups_mixed_contrasts', 'follow_up_contrast_changed']
    """
    import pandas as pd

    if not 0 < atrophy_percent < 100:
        raise ValueError(f"atrophy_percent must lie between 0 and 100, got {atrophy_percent}.")
    if not (0 < power < 1 and 0 < alpha < 1):
        raise ValueError(f"power and alpha must lie between 0 and 1, got {power} and {alpha}.")
    rows = []
    for method, one in summary.by_contrast.groupby("method", sort=False):
        mean = one["mean_mm2"].mean()
        loss = mean * atrophy_percent / 100
        people = summary.by_subject[summary.by_subject["method"] == method]
        within = np.sqrt((people["sd_mm2"] ** 2).mean())
        same = np.sqrt((one["sd_mm2"] ** 2).mean())
        mixed = np.sqrt(same**2 + one["mean_mm2"].var(ddof=0))
        row = {"method": method, "loss_mm2": loss}
        for name, sd, design in (
            ("groups_one_contrast", same, "two-samples"),
            ("groups_mixed_contrasts", mixed, "two-samples"),
            ("follow_up_contrast_changed", np.sqrt(2) * within, "paired"),
        ):
            row[name] = people_for(loss / sd if sd else np.inf, power, alpha, design)
        rows.append(row)
    return pd.DataFrame(rows)


def mean_sd(means: Iterable[float], sds: Iterable[float]) -> list[str]:
    """Write mean ± SD, the mean alone where one person has no SD, a dash where there is neither."""
    both = zip(means, sds, strict=True)
    return [
        "–" if np.isnan(mean) else f"{mean:.2f}" if np.isnan(sd) else f"{mean:.2f} ± {sd:.2f}"
        for mean, sd in both
    ]


def _rounded(values: Iterable[float], digits: int) -> list[str]:
    return ["–" if np.isnan(value) else f"{value:.{digits}f}" for value in values]


def _p(value: float) -> str:
    return "–" if np.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
