"""The parts of the report's page: what was compared, tables, methods."""

from __future__ import annotations

import html
import platform
import re
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from ._version import __version__
from .contrasts import shown_name
from .levels import level_name
from .plots.study_panels import RATER
from .segmentation import METHODS
from .variability.auto_levels import FOUND
from .variability.statistics import AREAS, FEWEST
from .variability.summary import Variability, mean_sd, subjects_needed

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

CITATIONS = {
    "propseg": "propseg, after De Leener et al. 2014, NeuroImage 98:528–536 "
    "(own implementation, told the closest contrast)",
    "deepseg": "deepseg, one network per contrast, after the idea of Gros et al. 2019, NeuroImage "
    "184:901–915 (own network and weights, told the closest contrast)",
    "agnostic": "agnostic, one soft network for all contrasts, after the idea of Bédard et al. "
    "2025, Medical Image Analysis, arXiv 2310.15402 (own network and weights)",
}
WORDS = {  # columns of the tables, as a reader wants them
    "n_subjects": "people", "n": "people", "range_of_means_mm2": "range of means, mm²",
    "mean_mm2": "mean, mm²", "sd_mm2": "SD, mm²", "bias_mm2": "bias, mm²",
    "csa_mm2": "CSA, mm²", "csa_hard_mm2": "CSA cut at 0.5, mm²", "truth_mm2": "truth, mm²",
    "n_slices": "slices", "n_missing": "not measured", "image_sha256": "image sha256",
    "method_sha256": "method sha256", "loss_mm2": "loss, mm²",
    "groups_one_contrast": "two groups, one contrast (each)",
    "groups_mixed_contrasts": "two groups, contrasts at random (each)",
    "follow_up_contrast_changed": "follow-up with another contrast",
}  # fmt: skip
SOFTWARE = ("numpy", "scipy", "pandas", "nibabel", "nilearn", "torch", "statsmodels", "joblib")
STYLE = """
:root{color-scheme:light dark;--page:#fff;--ink:#26323B;--soft:#5C6870;--line:#E3E7EA}
@media(prefers-color-scheme:dark){:root{--page:#171C20;--ink:#E2E7EA;--soft:#A3AEB6;--line:#39434A}}
body{font:15px/1.5 Inter,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif;color:var(--ink);
background:var(--page);max-width:980px;margin:32px auto;padding:0 16px}
h1{font-size:25px}h2{font-size:19px;margin-top:40px}
.table,.plot{overflow-x:auto}table{border-collapse:collapse;font-size:12.5px;margin:10px 0}
th,td{padding:3px 7px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{font-weight:600;white-space:normal}thead th{vertical-align:bottom}
td:first-child,th:first-child{text-align:left}
.note{color:var(--soft);font-size:13px}
figure{margin:14px 0}figcaption{font-size:13px;color:var(--soft)}
.plot{background:#fff;border-radius:4px}figure img{max-width:100%}
code{font-size:12px;overflow-wrap:anywhere}.key{padding:0 6px;border-radius:3px;color:#111}
"""


def what(study: pd.DataFrame, over: Any) -> str:
    """What was compared, in a sentence or two."""
    lists = {name: list(dict.fromkeys(study[name])) for name in ("subject", "contrast", "method")}
    failed = int((study["csa_mm2"].isna()).sum())
    contrasts = ", ".join(shown_name(name) for name in lists["contrast"])
    methods = html.escape(", ".join(map(str, lists["method"])))
    where = "all slices of each mask"
    if over is not None:
        where = f"levels {', '.join(map(level_name, over))}"
    rated = study["method"].astype(str).str.startswith(RATER).any()
    raters = " Offsets of simulated raters are an input, not a finding." if rated else ""
    people = f"{n} subjects" if (n := len(lists["subject"])) > 1 else "1 subject"
    reasons = "; the reasons are below <a href='#images'>Every image</a>" if failed else ""
    return (
        f"<p>{people} · {html.escape(contrasts)} · {methods} · "
        f"{where}.<br><b>{failed}</b> of {len(study)} measurements failed{reasons}.{raters} "
        "Not a medical device.</p>"
    )


def areas(summary: Variability | None, note: str) -> str:
    if summary is None:
        return f"<p>No statistics: {html.escape(note)}</p>"
    table = summary.table.rename(columns=shown_name)
    people = summary.by_subject["subject"].nunique()
    spread = f", mean ± SD over {people} subjects" if people > 1 else ""
    return (
        f"<p>{html.escape(f'CSA in mm²{spread}. {note}'.strip())}</p>"
        f"{_table(table.rename_axis(columns='method').rename_axis(None))}"
        f'<p class="note">{html.escape(summary.text)}</p>'
    )


def statistics(summary: Variability | None) -> str:
    if summary is None:
        return ""
    people = int(summary.by_method["n_subjects"].max())
    described = (
        f"<h2>Statistics</h2>{_by_method(summary.by_method)}"
        f"<h3>Contrast by contrast</h3>{_plain(summary.by_contrast)}"
    )
    if people < FEWEST:
        return f"{described}<p>Tests need {FEWEST} people with every contrast; here: {people}.</p>"
    sizes = _plain(subjects_needed(summary, atrophy_percent=5))
    return (
        f"{described}"
        f"<h3>Pairs of contrasts</h3>{_tests(summary.pairs)}"
        f"<h3>Per-subject SD, method against method</h3>{_tests(summary.between_methods)}"
        f"<h3>People needed to see a loss of 5 % (power 0.8, two-sided 0.05)</h3>{sizes}"
    )


def _by_method(rows: pd.DataFrame) -> str:
    """What there is a number of per method, methods side by side."""
    text = _worded(rows)
    shown = text[["method", "n_subjects", "range_of_means_mm2"]].copy()
    shown["per-subject SD, mm²"] = mean_sd(rows["subject_sd_mm2"], rows["subject_sd_sd_mm2"])
    shown["COV, %"] = text["cov_percent"]
    shown["|error| to the truth, mm²"] = mean_sd(rows["abs_error_mm2"], rows["abs_error_sd_mm2"])
    interval = " [" + text["icc_low"] + ", " + text["icc_high"] + "]"
    shown["ICC(A,1) [95 %]"] = text["icc"] + interval.where(rows["icc"].notna(), "")
    shown["ANOVA F (p)"] = text["anova_F"] + _in_brackets(text["anova_p"])
    tested = (rows["n_subjects"] >= FEWEST) & rows["range_of_means_mm2"].notna()
    shown["every pair of contrasts equivalent"] = text["all_equivalent"].where(tested, "–")
    return _table(shown.rename(columns=WORDS).set_index("method").rename_axis(None).T)


def _in_brackets(text: pd.Series) -> pd.Series:
    return (" (" + text + ")").where(text != "–", "")


def _tests(rows: pd.DataFrame) -> str:
    """Paired comparisons with their intervals and corrected p-values side by side."""
    text = _worded(rows)
    if text.empty:
        return "<p>–</p>"
    shown = text[[name for name in ("method", "A", "B") if name in text]].copy()
    intervals = {
        "difference mm² [90 %]": ("difference_mm2", "low", "high"),
        "effect size d [95 %]": ("d", "d_low", "d_high"),
    }
    for title, (value, low, high) in intervals.items():
        inside = " [" + text[low] + ", " + text[high] + "]"
        shown[title] = text[value] + inside.where(rows[low].notna(), "")
    for title, value in {
        "Wilcoxon p (corrected)": "wilcoxon_p",
        "TOST p (corrected)": "tost_p",
    }.items():
        if value in text:
            shown[title] = text[value] + _in_brackets(text[f"{value}_corrected"])
    if "equivalent" in text:
        shown["equivalent"] = text["equivalent"].where(rows["tost_p"].notna(), "–")
    return _table(shown, index=False)


def _plain(table: pd.DataFrame) -> str:
    return _table(_worded(table).rename(columns=WORDS), index=False)


def _worded(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers as text, contrasts as figures write them."""
    shown = table.copy()
    for column in shown.select_dtypes("number"):
        shown[column] = [_number(str(column), value) for value in shown[column]]
    for column in shown.select_dtypes("bool"):
        shown[column] = ["yes" if value else "no" for value in shown[column]]
    for column in {"contrast", "A", "B"} & set(shown):
        shown[column] = [shown_name(name) for name in shown[column]]
    return shown


def _number(column: str, value: float) -> str:
    if np.isnan(value):
        return "–"
    if column.endswith(("_p", "_corrected")):
        return "< 0.001" if value < 0.001 else f"{value:.3f}"
    return (f"{value:g}" if float(value).is_integer() else f"{value:.2f}").replace("-", "−")


def _table(table: pd.DataFrame, *, index: bool = True) -> str:
    text = table.to_html(index=index, border=0)
    return f'<div class="table">{text}</div>'


def embedded(name: str, fig: go.Figure, *, first: bool) -> str:
    """A figure in the page with what it shows and its file; the first brings the library along."""
    figure = fig.to_html(full_html=False, include_plotlyjs=first)
    caption = f"{html.escape(fig.layout.meta)} <code>{html.escape(name)}.html</code>"
    words = html.escape(fig.layout.meta, quote=True)
    plot = f'<div class="plot" role="img" tabindex="0" aria-label="{words}">{figure}</div>'
    return f"<figure>{plot}<figcaption>{caption}</figcaption></figure>"


def methods_text(study: pd.DataFrame, over: Any, summary: Variability | None) -> str:
    """The paragraph to put in a paper."""
    used = [str(name) for name in dict.fromkeys(study["method"])]
    own = "; ".join(CITATIONS[name] for name in used if name in METHODS)
    given = ", ".join(n for n in used if n not in METHODS and not n.startswith(RATER))
    rated = any(name.startswith(RATER) for name in used)
    where = "all slices of each mask."
    if over is not None:
        where = f"the slices of {' and '.join(map(level_name, over))}. Levels came from one "
        where += "reference per subject, the same for all methods, "
        found = study["note"].astype(str).str.contains(FOUND, regex=False)
        where += (
            f"{'in part ' if not found.all() else ''}from discs found automatically along the "
            "agnostic mask of the image that the notes name."
            if found.any()
            else "never from the prediction."
        )
    parts = [
        f"The spinal cord was segmented with cordviz {__version__}: {own}." if own else "",
        f"Masks that existed already: {given}." if given else "",
        "Masks of simulated raters were drawn from the exact truth." if rated else "",
        "Cross-sectional area (CSA) is the sum of the mask's weights in a slice times the area of "
        "a voxel and the cosine between the cord's centreline and the slice normal (soft sum, no "
        f"threshold; study.csv has the area cut at 0.5 too), averaged over {where} "
        "Variability is the SD of each subject across contrasts (ddof = 1), averaged over "
        "subjects, as in Bédard et al. 2025 (arXiv 2310.15402).",
    ]
    if summary is not None and summary.by_method["n_subjects"].max() >= FEWEST:
        parts.append(
            "Tests: repeated-measures ANOVA (Greenhouse–Geisser), Wilcoxon signed-rank, two "
            f"one-sided tests for equivalence (Schuirmann 1987) with a margin of ±"
            f"{summary.margin_mm2:g} mm², ICC(A,1) (McGraw and Wong 1996), percentile bootstrap "
            "of d, with statsmodels (Seabold and Perktold 2010) and scipy (Virtanen et al. 2020, "
            f"Nature Methods 17:261–272). {summary.text}"
        )
    software = ", ".join(f"{name} {version(name)}" for name in SOFTWARE)
    parts.append(f"Python {platform.python_version()}, {software}.")
    return " ".join(part for part in parts if part)


def provenance(study: pd.DataFrame) -> str:
    """What went wrong in words, and every row with its hashes."""
    columns = ["subject", "contrast", "method"]
    told = []
    for kind in ("error", "note"):
        for *where, text in study.loc[study[kind] != "", [*columns, kind]].itertuples(index=False):
            name = " · ".join(shown_name(str(part)) for part in where)
            told.append(f"<li>{html.escape(name)}: {html.escape(str(text))}</li>")
    table = study[[*columns, *AREAS.values(), "truth_mm2", "n_slices", "n_missing"]].copy()
    for name in ("image_sha256", "method_sha256"):
        table[name] = study[name].astype(str).str[:12]
    return (
        f"<ul>{''.join(told)}</ul>{_plain(table)}"
        '<p class="note">First 12 digits of each hash; study.csv has them all.</p>'
    )


def file_name(method: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", method).strip("_")
