"""Statistics of paired areas; the tests are those of statsmodels and scipy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .._validation import check_choice, names_of

if TYPE_CHECKING:
    import pandas as pd

#: Column of an area.
AREAS = {"soft": "csa_mm2", "hard": "csa_hard_mm2"}
FEWEST = 3  #: subjects for tests and intervals
FEWEST_TO_RESAMPLE = 5  #: with fewer, too many resamples are one person again and again
RESAMPLES = 2000


def people_for(d: float, power: float, alpha: float, design: str) -> float:
    """People (per group) that a t-test needs to see an effect size, at least 2; NaN if unknown."""
    from statsmodels.stats.power import TTestIndPower, TTestPower

    if np.isnan(d):
        return np.nan
    test = TTestPower() if design == "paired" else TTestIndPower()
    # solving fails where two people are enough: begin there
    if test.power(min(d, 5.0), 2, alpha) >= power:
        return 2.0
    return float(np.ceil(test.solve_power(min(d, 5.0), alpha=alpha, power=power)))


#: What names of sessions have for another session (gm_challenge: Ses2) or run of a person.
_AGAIN = r"(_ses-[^_]+|Ses\d+)?(_run-\d+)?$"


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
    names = list(dict.fromkeys(study["contrast"] if contrasts is None else names_of(contrasts)))
    for name in names:
        check_choice(name, list(dict.fromkeys(study["contrast"])), "contrasts")
    rows = study[study["contrast"].isin(names)]
    if rows.duplicated(["subject", "contrast", "method"]).any():
        raise ValueError("Some subject has two rows of the same contrast and method.")
    wide = _wide(rows, names, value)
    whole = wide.index[wide.notna().all(axis=1)]
    people, lost = rows["subject"].nunique(), wide.isna().sum()
    if not len(whole):
        shared = _shared(wide, names)
        advice = (
            f"All have {', '.join(shared)}: choose only that (contrasts={shared})"
            if shared
            else "Leave out a contrast (contrasts=…) or a method"
        )
        most = lost[lost > 0].groupby("contrast", sort=False).max()
        worst = ", ".join(f"{key} in {n}" for key, n in most.items())
        raise ValueError(
            f"None of {people} subjects has every contrast under every method (missing: {worst}). "
            f"{advice}; the column error says why."
        )
    order = {"method": list(dict.fromkeys(study["method"])), "contrast": names}
    kept = rows[rows["subject"].isin(whole)].sort_values(
        list(order), key=lambda column: column.map(order[str(column.name)].index), ignore_index=True
    )
    why = "" if len(whole) == people else " (the others lack a contrast under some method)"
    told = f"{len(whole)} of {people} subjects kept{why}."
    if (persons := whole.astype(str).str.replace(_AGAIN, "", regex=True).nunique()) < len(whole):
        told += (
            f" These are scans of {persons} people: repeats of one person are not independent, "
            "so tests and SDs over subjects promise too much."
        )
    return kept, told


def shared_contrasts(study: pd.DataFrame, value: str) -> list[str]:
    """Contrasts in which every subject has an area under every method."""
    names = list(dict.fromkeys(study["contrast"]))
    return _shared(_wide(study, names, value), names)


def _wide(study: pd.DataFrame, contrasts: list[str], value: str) -> pd.DataFrame:
    """Table of subject × (method, contrast), with a column for every pair."""
    import pandas as pd

    every = [list(study["method"].unique()), contrasts]
    wide = study.pivot(index="subject", columns=["method", "contrast"], values=value)
    return wide.reindex(columns=pd.MultiIndex.from_product(every, names=wide.columns.names))


def _shared(wide: pd.DataFrame, contrasts: list[str]) -> list[str]:
    """Contrasts without a gap in a table of subject × (method, contrast)."""
    whole = wide.notna().all().groupby("contrast").all()
    return [name for name in contrasts if whole.get(name, False)]


def across(wide: pd.DataFrame) -> dict[str, Any]:
    """ICC(A,1) and repeated-measures ANOVA of a table subject × contrast.

    ICC and its interval: McGraw and Wong 1996, Psychological Methods 1:30, table 7. The ANOVA's
    degrees of freedom are shrunk by the sphericity of Greenhouse and Geisser 1959.
    """
    result = dict.fromkeys(("icc", "icc_low", "icc_high", "anova_F", "anova_p"), np.nan)
    n, k = wide.shape
    own = wide.sub(wide.mean(axis=1), axis=0)  # what is not the size of the person
    if n < FEWEST or k < 2 or np.allclose(own - own.mean(), 0):  # no spread to compare with
        return result
    from scipy.stats import f
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    long = wide.reset_index().melt("subject", var_name="contrast", value_name="y")
    table = anova_lm(ols("y ~ C(subject) + C(contrast)", long).fit())
    people, contrasts, rest = table["mean_sq"]
    ratio = result["anova_F"] = contrasts / rest
    centred = own.cov().to_numpy()
    sphericity = np.trace(centred) ** 2 / ((k - 1) * (centred**2).sum())
    free = sphericity * np.array([k - 1, (k - 1) * (n - 1)])
    result["anova_p"] = f.sf(ratio, *free)

    between = k * (contrasts - rest) / n
    icc = result["icc"] = (people - rest) / (people + (k - 1) * rest + between)
    a, b = k * icc * ratio, n * (1 + (k - 1) * icc) - k * icc
    v = (n - 1) * (k - 1) * (a + b) ** 2 / ((n - 1) * a**2 + b**2)
    low, high = f.ppf(0.975, n - 1, v), f.ppf(0.975, v, n - 1)
    spread = k * contrasts + (k * n - k - n) * rest
    result["icc_low"] = n * (people - low * rest) / (low * spread + n * people)
    result["icc_high"] = n * (high * people - rest) / (spread + n * high * people)
    return result


def compare_pairs(
    difference: pd.Series, margin: float, rng: np.random.Generator
) -> dict[str, float]:
    """Difference, interval, effect size, Wilcoxon and equivalence of paired measurements."""
    from scipy import stats

    x = difference.to_numpy(dtype=float)
    mean, n = float(x.mean()), len(x)
    names = ("low", "high", "d", "d_low", "d_high", "wilcoxon_p", "tost_p")
    result: dict[str, float] = {"difference_mm2": mean, **dict.fromkeys(names, np.nan)}
    if n < FEWEST or np.isnan(x).any():
        return result
    from statsmodels.stats.weightstats import ttost_paired

    result["wilcoxon_p"] = 1.0 if np.allclose(x, 0) else stats.wilcoxon(x).pvalue
    if np.allclose(x, mean):  # no spread: nothing to infer, the mean says it all
        return result | {"low": mean, "high": mean, "tost_p": float(abs(mean) >= margin)}
    result["low"], result["high"] = stats.ttest_1samp(x, 0).confidence_interval(0.9)
    result["d"] = _effect(x)
    if n >= FEWEST_TO_RESAMPLE:
        with np.errstate(invalid="ignore"):  # a resample of one person has no spread
            boot = stats.bootstrap(
                (x,), _effect, n_resamples=RESAMPLES, method="percentile", rng=rng
            )
        result["d_low"], result["d_high"] = boot.confidence_interval
    result["tost_p"] = ttost_paired(x, np.zeros(n), -margin, margin)[0]
    return {name: float(number) for name, number in result.items()}


def _effect(x: np.ndarray, axis: int = 0) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return x.mean(axis=axis) / x.std(axis=axis, ddof=1)


def corrected(rows: list[dict], correction: str) -> list[dict]:
    """Add p-values corrected for the number of rows."""
    if not rows:
        return rows
    from statsmodels.stats.multitest import multipletests

    for name in ("wilcoxon_p", "tost_p"):
        known = [row for row in rows if not np.isnan(row[name])]
        values = [row[name] for row in known]
        adjusted = multipletests(values, method=correction)[1] if known else []
        for row in rows:
            row[f"{name}_corrected"] = np.nan
        for row, p in zip(known, adjusted, strict=True):
            row[f"{name}_corrected"] = float(p)
    for row in rows:
        row["equivalent"] = bool(row["tost_p_corrected"] < 0.05)
    return rows
