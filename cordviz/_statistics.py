"""Statistics of paired areas; the tests are those of pingouin and scipy, none of our own."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ._validation import check_choice

if TYPE_CHECKING:
    import pandas as pd

#: Column of an area.
AREAS = {"soft": "csa_mm2", "hard": "csa_hard_mm2"}
FEWEST = 3  #: subjects for tests and intervals
FEWEST_TO_RESAMPLE = 5  #: with fewer, too many resamples are one person again and again
RESAMPLES = 2000


def people_for(d: float, power: float, alpha: float, design: str) -> float:
    """People (per group) that a t-test needs to see an effect size, at least 2; NaN if unknown."""
    import pingouin

    if np.isnan(d):
        return np.nan
    number = pingouin.power_ttest(d=min(d, 5.0), power=power, alpha=alpha, contrast=design)
    return 2.0 if np.isnan(number) else float(max(np.ceil(number), 2))


def complete_cases(
    study: pd.DataFrame, value: str, contrasts: Iterable[str] | None = None
) -> tuple[pd.DataFrame, str]:
    """Rows of subjects who have every contrast under every method, and how many these are."""
    import pandas as pd

    if not isinstance(study, pd.DataFrame):
        raise TypeError(f"Expected the table of compare_contrasts, got {type(study).__name__}.")
    if missing := {"subject", "contrast", "method", value} - set(study.columns):
        raise ValueError(
            f"The study has no column {', '.join(sorted(missing))}. Pass the table of "
            "compare_contrasts."
        )
    names = list(dict.fromkeys(study["contrast"] if contrasts is None else contrasts))
    for name in names:
        check_choice(name, list(dict.fromkeys(study["contrast"])), "contrasts")
    rows = study[study["contrast"].isin(names)]
    if rows.duplicated(["subject", "contrast", "method"]).any():
        raise ValueError("Some subject has two rows of the same contrast and method.")
    wide = rows.pivot(index="subject", columns=["method", "contrast"], values=value)
    whole = wide.index[wide.notna().all(axis=1)]
    people, lost = rows["subject"].nunique(), wide.isna().sum()
    if not len(whole):
        short = {str(key): n for key, n in lost[lost > 0].items()}
        worst = ", ".join(f"{key}: {n}" for key, n in short.items())
        raise ValueError(
            f"None of {people} subjects has every contrast under every method (missing: {worst}). "
            "Leave out a contrast (contrasts=…) or a method; the column error says why."
        )
    kept = rows[rows["subject"].isin(whole)]
    order = {name: number for number, name in enumerate(names)}
    kept = kept.sort_values("contrast", key=lambda column: column.map(order), kind="stable")
    methods = list(dict.fromkeys(study["method"]))
    kept = pd.concat([kept[kept["method"] == method] for method in methods], ignore_index=True)
    why = "" if len(whole) == people else " (the others lack a contrast under some method)"
    return kept, f"{len(whole)} of {people} subjects kept{why}."


def across(wide: pd.DataFrame) -> dict[str, Any]:
    """ICC and repeated-measures ANOVA of a table subject × contrast."""
    result = dict.fromkeys(("icc", "icc_low", "icc_high", "anova_F", "anova_p"), np.nan)
    if (
        len(wide) < FEWEST
        or wide.shape[1] < 2
        or np.allclose(wide.sub(wide.mean(axis=1), axis=0), 0)
    ):
        return result
    import pingouin

    long = wide.reset_index().melt("subject", var_name="contrast", value_name="y")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pingouin's own calls of pandas
        icc = pingouin.intraclass_corr(long, targets="subject", raters="contrast", ratings="y")
        names = {"dv": "y", "within": "contrast", "subject": "subject"}
        anova = pingouin.rm_anova(long, **names, correction=True)
    single = icc[icc["Type"] == "ICC(A,1)"].iloc[0]
    result["icc"], (result["icc_low"], result["icc_high"]) = single["ICC"], single["CI95"]
    result["anova_F"] = anova["F"].iloc[0]
    result["anova_p"] = anova["p_GG_corr" if "p_GG_corr" in anova else "p_unc"].iloc[0]
    return result


def compare_pairs(
    difference: pd.Series, margin: float, rng: np.random.Generator
) -> dict[str, float]:
    """Difference, interval, effect size, Wilcoxon and equivalence of paired measurements."""
    from scipy import stats

    x = difference.to_numpy(dtype=float)
    mean, sd, n = float(x.mean()), float(x.std(ddof=1)) if len(x) > 1 else np.nan, len(x)
    names = ("low", "high", "d", "d_low", "d_high", "wilcoxon_p", "tost_p")
    result: dict[str, float] = {"difference_mm2": mean, **dict.fromkeys(names, np.nan)}
    if n < FEWEST or np.isnan(x).any():
        return result
    import pingouin

    result["wilcoxon_p"] = 1.0 if np.allclose(x, 0) else stats.wilcoxon(x).pvalue
    if np.allclose(x, mean):  # no spread: nothing to infer, the mean says it all
        return result | {"low": mean, "high": mean, "tost_p": float(abs(mean) >= margin)}
    result["low"], result["high"] = stats.ttest_1samp(x, 0).confidence_interval(0.9)
    result["d"] = mean / sd
    if n >= FEWEST_TO_RESAMPLE:
        with np.errstate(invalid="ignore"):  # a resample of one person has no spread
            boot = stats.bootstrap(
                (x,), _effect, n_resamples=RESAMPLES, method="percentile", rng=rng
            )
        result["d_low"], result["d_high"] = boot.confidence_interval
    result["tost_p"] = pingouin.tost(x, np.zeros(n), bound=margin, paired=True)["pval"].iloc[0]
    return {name: float(number) for name, number in result.items()}


def _effect(x: np.ndarray, axis: int) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return x.mean(axis=axis) / x.std(axis=axis, ddof=1)


def corrected(rows: list[dict], correction: str) -> list[dict]:
    """Add p-values corrected for the number of rows."""
    if not rows:
        return rows
    import pingouin

    for name in ("wilcoxon_p", "tost_p"):
        known = [row for row in rows if not np.isnan(row[name])]
        values = [row[name] for row in known]
        adjusted = pingouin.multicomp(values, method=correction)[1] if known else []
        for row in rows:
            row[f"{name}_corrected"] = np.nan
        for row, p in zip(known, adjusted, strict=True):
            row[f"{name}_corrected"] = float(p)
    for row in rows:
        row["equivalent"] = bool(row["tost_p_corrected"] < 0.05)
    return rows
