"""Static twins of the contrast explorer and of the comparison: slices with outlines and areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._validation import check_choice, names_of
from ..contrasts import shown_name
from ..variability.statistics import AREAS
from ..variability.study_images import StudyImages
from .panels import add_panel, blank_page, mark_sides, on_page, scale_bar, write
from .phantom import COLOURS, METHODS, OUTLINES, TOLD, Settings, phantom_slice
from .style import INK, PAGE, cycled, signed
from .tiles import CordView, Picture

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from ..simulation.subject import Subject

HALF_MM = 14.0  #: in view around the cord
COLUMNS, GAP, LINE, SIDES = 3, 16, 19, 24  #: panels in a row; px between them, per line, above
#: Heading, picture, and lines of text with their colours.
Panel = tuple[str, Picture, list[tuple[str, str]]]


def plot_contrast_explorer(
    subject: Subject | None = None,
    *,
    contrast: str | Sequence[str] = ("T1w", "T2w", "T2star", "MT-on", "GRE-T1w", "DWI"),
    level: float = 3.5,
    told: str = "auto",
    title: str | None = None,
    **settings: Any,
) -> go.Figure:
    """Show one simulated slice as contrasts see it, with true and measured outlines and areas.

    Parameters
    ----------
    subject : Subject, optional
        From `simulate_subject`; by default seed 0.
    contrast : str or sequence of str
        T1w, T2w, T2star, MT-on, MT-off, GRE-T1w, DWI or fMRI; a panel each.
    level : float
        Where along the cord: 3.0 is disc C2/C3, 3.5 the middle of C3.
    told : {"auto", "t1", "t2", "t2s", "dwi"}
        What propagation and the contrast-specific network are told; auto: what the picture
        suggests.
    title : str, optional
        Heading of the figure.
    **settings
        Changes of every preset: ``te_ms``, ``tr_ms``, ``snr``, ``effects=[…]`` (those that are
        on) and others as in `view_contrast_explorer`.

    Returns
    -------
    plotly.graph_objects.Figure
        Below each slice the cross-sectional area (CSA) in its plane in mm², and errors in percent
        of the true area.

    Raises
    ------
    TypeError, ValueError
        Not a simulated subject; settings that no scanner can play out.

    Examples
    --------
    >>> import cordviz as cv
    >>> fig = cv.plot_contrast_explorer(contrast="T2star", snr=30)
    >>> any("Truth" in note.text for note in fig.layout.annotations)
    True
    """
    check_choice(told, TOLD, "told")
    phantom = phantom_slice(subject, level)
    panels: list[Panel] = []
    for name in [contrast] if isinstance(contrast, str) else contrast:
        shot = phantom.acquire(Settings.of(name, **settings))
        family = phantom.suggest(shot)["family"] if told == "auto" else told
        found = {m: phantom.outline(shot, m, family).mask for m in METHODS}
        masks = {m: mask for m, mask in found.items() if mask is not None}
        view = CordView(shot.image, {"truth": shot.truth, **masks}, half_mm=HALF_MM)
        rows = phantom.table(shot, family).to_dict("records")
        lines = [(COLOURS[row["outline"]], _said(row)) for row in rows]
        panels.append((shown_name(name), view.mosaic([0], 1), lines))
    return _figure(panels, COLOURS, title)


def _said(row: Mapping[Any, Any]) -> str:
    """Name of an outline, what it was told, its area, and its error if it is not the truth."""
    name = OUTLINES[row["outline"]].removeprefix("Contrast-").capitalize()  # panels are narrow
    told = f" ({row['told_contrast']})" if row["told_contrast"] else ""
    if np.isnan(row["csa_mm2"]):
        return f"{name}{told}: not found"
    error = "" if row["outline"] == "truth" else f", {signed(row['error_percent'], 1)} %"
    return f"{name}{told}: {row['csa_mm2']:.1f} mm²{error}"


def plot_comparison(
    study: pd.DataFrame,
    *,
    images: Any = None,
    levels: Any = None,
    subject: str | None = None,
    contrasts: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    position_mm: float | None = None,
    area: str = "soft",
    title: str | None = None,
) -> go.Figure:
    """Show one place of one person's cord in every contrast, with the outlines of all methods.

    Parameters
    ----------
    study : DataFrame
        From `compare_contrasts`. Made in this process it knows where its images are.
    images, levels : optional
        Of a study that was made elsewhere, as they were given to `compare_contrasts`.
    subject : str, optional
        By default the first.
    contrasts, methods : sequence of str, optional
        Only these, in this order.
    position_mm : float, optional
        Height of the slices in world mm; by default the top of C3, or the middle of the cord.
    area : {"soft", "hard"}
        The mask as it stands, or cut at 0.5.
    title : str, optional
        Heading of the figure.

    Returns
    -------
    plotly.graph_objects.Figure
        Below each slice the areas of the study in mm²: means over its levels, not of this slice.

    Raises
    ------
    TypeError, ValueError
        Not a study; images that are not known here; names that are not in the study.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> cord = np.zeros((30, 30, 12), np.uint8)
    >>> cord[10:20, 10:18] = 1
    >>> images = {"T1w": nib.Nifti1Image(cord, np.eye(4))}
    >>> study = cv.compare_contrasts(images, methods={"drawn": images}, over=None, cache=False)
    >>> fig = cv.plot_comparison(study)
    >>> [note.text for note in fig.layout.annotations if "mm²" in note.text][0][-8:]
    '80.0 mm²'
    """
    found = StudyImages(study, images, levels)
    check_choice(area, AREAS, "area")
    person = found.subjects[0] if subject is None else subject
    check_choice(person, found.subjects, "subject")
    shown = found.of(person) if contrasts is None else names_of(contrasts)
    for name in shown:
        check_choice(name, found.of(person), "contrasts")
    chosen = found.methods if methods is None else names_of(methods)
    for name in chosen:
        check_choice(name, found.methods, "methods")
    colours = cycled(found.methods)
    rows = found.study[found.study["subject"] == person].set_index(["contrast", "method"])
    panels: list[Panel] = []
    for name in shown:
        masks = {m: mask for m, mask in found.masks(person, name).items() if m in chosen}
        if not masks:
            continue
        view = CordView(found.image(person, name), masks, half_mm=HALF_MM)
        if position_mm is None:
            position_mm = view.volume.height_of_c3(found.levels(person, name))
        k = view.volume.nearest_slice(position_mm)
        values = {m: rows[AREAS[area]].get((name, m), np.nan) for m in chosen}
        lines = [
            (colours[m], f"{m}: " + ("none" if np.isnan(value) else f"{value:.1f} mm²"))
            for m, value in values.items()
        ]
        panels.append((f"{shown_name(name)}, slice {k}", view.mosaic([k], 1), lines))
    if not panels:
        raise ValueError(f"No method of {', '.join(chosen)} has a mask of {person}.")
    return _figure(panels, colours, title)


def _figure(panels: list[Panel], colours: Mapping[str, str], title: str | None) -> go.Figure:
    """Panels in rows of `COLUMNS`, each with its heading above and its lines of text below."""
    columns = min(len(panels), COLUMNS)
    side = (PAGE - GAP * (COLUMNS + 1)) / COLUMNS
    text = 30 + LINE * max(len(lines) for _, _, lines in panels)
    tallest = max(p.size_mm[1] / p.size_mm[0] for _, p, _ in panels) * side
    row_height, top = SIDES + tallest + text + 14, 40.0 if title else 6.0
    rows = -(-len(panels) // columns)
    fig = blank_page(GAP + columns * (side + GAP), top + rows * row_height, title=title)
    for number, (heading, picture, lines) in enumerate(panels):
        row, column = divmod(number, columns)
        left, high = GAP + column * (side + GAP), top + row * row_height + SIDES
        scale = side / picture.size_mm[0]
        add_panel(fig, picture, number + 1, (left, high, scale), colours)
        bold = {"size": 13, "color": INK}
        mark_sides(fig, picture, number + 1, "RL", f"<b>{heading}</b>", font=bold)
        below = high + picture.size_mm[1] * scale
        scale_bar(fig, (left, below), scale, 5)
        for n, (colour, words) in enumerate(lines):
            place = on_page(fig, left, below + 30 + LINE * n)
            said = f'<span style="color:{colour}">⬤</span> {words}'
            write(fig, said, place, xanchor="left", yanchor="top")
    fig.update_traces(line_width=1.6, selector={"type": "contour"})
    fig.update_traces(line_width=3, selector={"type": "contour", "name": "truth"})
    return fig
