"""The report of a comparison: tables, figures, quality control and methods in one folder."""

from __future__ import annotations

import html
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._export import figure_page, png_figures, whole_page
from ._files import at_home, write_file
from ._report_html import (
    STYLE,
    areas,
    embedded,
    file_name,
    methods_text,
    provenance,
    statistics,
    what,
)
from ._report_quality import quality
from .contrasts import shown_name
from .morphometry import aggregate_shape
from .morphometry.sct_csv import sct_rows, sct_text
from .plots import plot_agreement, plot_csa_by_contrast, plot_csa_profile
from .variability import Variability, summarize_variability
from .variability.compare import compare_images, slices_of, study_of
from .variability.statistics import shared_contrasts
from .variability.summary import check_margin

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

DIGITS = "%.8g"


def write_report(
    session: Any, folder: str | os.PathLike[str], *, title: str = "CSA across contrasts",
    margin_mm2: float = 2.0, png: bool = True, progress: bool = True, **options: Any,
) -> Path:  # fmt: skip
    """Compare methods across contrasts and write all that comes of it into a folder.

    `session` and `options` are those of `compare_contrasts`, `margin_mm2` that of
    `summarize_variability`; with `png` figures are written as PNG too, where a browser is at hand.
    The folder is made if it is missing. Masks and areas are kept in its subfolder ``cache``:
    stopped and started again, it goes on where it was. Every file appears whole or not at all.

    Returns the path of ``report.html``, which needs no other file. Beside it: ``study.csv`` (tidy),
    ``slices.csv`` (per slice), ``csa_sct.csv`` (columns of SCT's sct_process_segmentation),
    ``table.csv`` (the published form), ``by_contrast.csv``, ``by_method.csv``, ``pairs.csv`` …, and
    figures as HTML and PNG.

    Raises ValueError for a margin not above 0 and for a folder with a report or tables that cordviz
    did not write, else as `compare_contrasts`. Nothing is written then.
    """
    from joblib.externals.loky import get_reusable_executor

    out = at_home(folder)
    check_margin(margin_mm2)
    _check_not_lost(out)
    options = {**options, "cache": out / "cache", "progress": progress}
    items, results = compare_images(session, **options)
    get_reusable_executor().shutdown()  # idle workers would hold half a gigabyte each
    study, slices = study_of(results), slices_of(results)
    over = options.get("over", (2, 3))
    tables = {"study": study, "slices": slices}
    figures: dict[str, go.Figure] = {}
    summary, note = _summary(study, margin_mm2)
    if summary is not None:
        for name in ("by_contrast", "by_method", "pairs", "between_methods", "by_subject"):
            if len(table := getattr(summary, name)):  # one method has no pairs
                tables[name] = table
        tables["table"] = summary.table.reset_index()
        figures = _figures(study, slices, over, summary)
    pngs, why_no_png = png_figures(figures) if png else ({}, None)
    files: dict[str, str | bytes] = {
        **{f"{k}.csv": t.to_csv(index=False, float_format=DIGITS) for k, t in tables.items()},
        **{f"{k}.html": figure_page(fig, fig.layout.meta) for k, fig in figures.items()},
        **{f"{k}.png": picture for k, picture in pngs.items()},
    }
    if (sct := _sct_rows(slices, over)) is not None:
        files["csa_sct.csv"] = sct_text(sct)
    _clear(out, list(files))
    for name, content in files.items():
        write_file(out / name, content)
    body = [
        f"<h1>{html.escape(title)}</h1>",
        what(study, over),
        f"<h2>Areas</h2>{areas(summary, note)}",
        *(embedded(name, fig, first=n == 0) for n, (name, fig) in enumerate(figures.items())),
        f'<p class="note">No PNG figures: {html.escape(why_no_png)}.</p>' if why_no_png else "",
        statistics(summary),
        f"<h2>Methods</h2><p>{html.escape(methods_text(study, over, summary))}</p>",
        f"<h2>Quality control</h2>{quality(items, study, progress)}",
        f"<h2 id='images'>Every image</h2>{provenance(study)}",
    ]
    return write_file(out / "report.html", whole_page(title, "".join(body), STYLE))


def _check_not_lost(out: Path) -> None:
    """Refuse a folder with tables or a report of somebody else."""
    files = [out / name for name in ("report.html", "study.csv", "table.csv", "slices.csv")]
    found = [file for file in files if file.exists()]
    if found and not (out / "cache" / "files.json").is_file():
        raise ValueError(
            f"{found[0]} is there already, and no cache beside it says that cordviz wrote it. "
            "Choose another folder, or remove it."
        )


def _clear(out: Path, names: list[str]) -> None:
    """Remove what an earlier report wrote, of other people or contrasts, and this one does not."""
    record = out / "cache" / "files.json"
    before = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else []
    for name in {*before} - {*names}:
        (out / name).unlink(missing_ok=True)
    write_file(record, json.dumps(names))


def _summary(study: pd.DataFrame, margin_mm2: float) -> tuple[Variability | None, str]:
    """Statistics of those who have every contrast, else of the contrasts that all have; a note."""
    try:
        return summarize_variability(study, margin_mm2=margin_mm2), ""
    except ValueError as error:
        if not (shared := shared_contrasts(study, "csa_mm2")):  # the areas are worth a report
            return None, str(error)
    summary = summarize_variability(study, margin_mm2=margin_mm2, contrasts=shared)
    names = ", ".join(map(shown_name, shared))
    return summary, f"Nobody has every contrast under every method; all have {names}, shown here."


def _figures(
    study: pd.DataFrame, slices: pd.DataFrame, over: Any, summary: Variability
) -> dict[str, go.Figure]:
    """Figures by the name of their file; ``layout.meta`` is what the report says below each."""
    kept = list(dict.fromkeys(summary.by_contrast["contrast"]))
    near = over is not None and set(over) == {2, 3}  # as published areas are
    note = "Means over all slices of each mask, whatever it covers." if over is None else None
    every = plot_csa_by_contrast(study, contrasts=kept, paired=True, published=near, note=note)
    every.layout.meta = "CSA by contrast and method; a line joins the areas of a person."
    figures = {"csa_by_contrast": every}
    try:
        if {"T1w", "T2w"} <= set(kept):  # of the people of the tables, and of no others
            same = study[study["subject"].isin(summary.by_subject["subject"])]
            figures["agreement_T1w_T2w"] = plot_agreement(same)
            figures["agreement_T1w_T2w"].layout.meta = "Agreement of T1w and T2w (Bland–Altman)."
    except ValueError:  # one person only
        pass
    person = study["subject"].iloc[0]
    for method, one in slices[slices["subject"] == person].groupby("method", sort=False):
        tables = {str(c): t for c, t in one.groupby("contrast", sort=False)}
        name = f"profile_{file_name(str(person))}_{file_name(str(method))}"
        name += f"_{len(figures)}" if name in figures else ""
        figures[name] = plot_csa_profile(tables, norms=False)
        figures[name].layout.meta = f"CSA along the cord of {person} by contrast, {method}."
    return figures


def _sct_rows(slices: pd.DataFrame, over: Any) -> pd.DataFrame | None:
    """One row per mask, in the columns of SCT, as its -append makes them."""
    import pandas as pd

    rows = []
    if slices.empty:
        return None
    for key, table in slices.groupby(["subject", "contrast", "method"], sort=False):
        wanted = table if over is None else table[table["level"].isin(over)]
        if wanted["area_mm2"].notna().any():
            mean = aggregate_shape(wanted, by="slices")
            mean.attrs["mask"] = "_".join(str(part) for part in key)
            rows.append(sct_rows(mean))
    return pd.concat(rows) if rows else None
