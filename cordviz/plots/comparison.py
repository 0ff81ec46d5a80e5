"""Static twins of the contrast explorer and of the comparison: slices with outlines and areas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._statistics import AREAS
from .._study_images import StudyImages
from .._validation import check_choice
from ..contrasts import DISPLAY_NAMES
from ..images import voxels
from .panels import add_panel, mark_sides, scale_bar
from .phantom import METHODS, OUTLINES, Settings, check_told, phantom_slice
from .style import CONTOUR_COLOURS, FONT, PAGE
from .tiles import Picture
from .volume import ONE, Volume

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from ..simulation.subject import Subject

HALF_MM = 14.0  #: in view around the cord
COLUMNS, GAP, LINE, SIDES = 3, 16, 19, 24  #: panels in a row; px between them, per line, above
#: The hues of the explorer's outlines.
COLOURS = {name: CONTOUR_COLOURS[n] for name, n in zip(OUTLINES, (0, 1, 2, 4), strict=True)}


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
    check_told(told)
    phantom = phantom_slice(subject, level)
    panels = []
    for name in [contrast] if isinstance(contrast, str) else contrast:
        shot = phantom.acquire(Settings.of(name, **settings))
        family = phantom.suggest(shot).family if told == "auto" else told
        table = phantom.table(shot, family).set_index("outline")
        found = {m: phantom.outline(shot, m, family).mask for m in METHODS}
        arrays = {"truth": voxels(shot.truth)[..., 0]}
        arrays |= {m: voxels(mask)[..., 0] for m, mask in found.items() if mask is not None}
        # RAS: turned so that the patient's right is on the reader's left, anterior on top
        centre = [float(c) for c in np.argwhere(arrays["truth"] > 0.5).mean(axis=0)]
        data = voxels(shot.image)[..., 0]
        picture = _around(data, arrays, centre, shot.spacing, mirrored=True)
        lines = []
        for key, words in OUTLINES.items():
            row = table.loc[key]
            area = "not found" if np.isnan(row["csa_mm2"]) else f"{row['csa_mm2']:.1f} mm²"
            error = "" if key == "truth" or np.isnan(row["csa_mm2"]) else row["error_percent"]
            error = "" if error == "" else f", {error:+.1f} %".replace("-", "−")
            said = f" ({family})" if row["told_contrast"] else ""
            words = words.replace("Contrast-s", "S").replace("Contrast-a", "A")  # narrow panels
            lines.append((COLOURS[key], f"{words}{said}: {area}{error}"))
        panels.append((DISPLAY_NAMES.get(name, name), picture, lines))
    return _figure(panels, COLOURS, title)


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
    shown = found.of(person) if contrasts is None else list(contrasts)
    for name in shown:
        check_choice(name, found.of(person), "contrasts")
    chosen = found.methods if methods is None else list(methods)
    for name in chosen:
        check_choice(name, found.methods, "methods")
    colours = {m: CONTOUR_COLOURS[n % len(CONTOUR_COLOURS)] for n, m in enumerate(found.methods)}
    rows = found.study[found.study["subject"] == person].set_index(["contrast", "method"])
    panels, height = [], position_mm
    for name in shown:
        masks = {m: mask for m, mask in found.masks(person, name).items() if m in chosen}
        volume = Volume.of(found.image(person, name), masks, crop_mm=None)
        if height is None:
            third = [k for k, one in enumerate(found.levels(person, name)) if one == 3]
            height = float(volume.heights[third[-1] if third else volume.middle[2]])
        k = int(np.abs(volume.heights - height).argmin())
        centre = volume.middle[:2] if volume.centres is None else volume.centres[k].tolist()
        arrays = {m: mask[..., k] for m, mask in volume.masks.items()}
        picture = _around(volume.data[..., k], arrays, centre, volume.spacing, mirrored=False)
        values = {m: rows[AREAS[area]].get((name, m), np.nan) for m in chosen}
        lines = [
            (colours[m], f"{m}: " + ("none" if np.isnan(value) else f"{value:.1f} mm²"))
            for m, value in values.items()
        ]
        panels.append((f"{DISPLAY_NAMES.get(name, name)}, slice {k}", picture, lines))
    return _figure(panels, colours, title)


def _around(
    data: np.ndarray,
    masks: dict[str, np.ndarray],
    centre: Sequence[float],
    spacing: np.ndarray,
    *,
    mirrored: bool,
) -> Picture:
    """Pixels around the cord, rows from anterior; columns from the patient's right."""
    box = []
    for at, mm, size in zip(centre, spacing, data.shape, strict=False):
        half = HALF_MM / mm
        box.append(slice(max(round(at - half), 0), min(round(at + half) + 1, size)))
    turn = (slice(None, None, -1), slice(None, None, -1 if mirrored else 1))

    def cut(array: np.ndarray) -> np.ndarray:
        return array[tuple(box)].T[turn]

    low, high = np.quantile(cut(data), (0.01, 0.99))
    grey = np.clip((cut(data) - low) / max(high - low, 1e-9) * 255, 0, 255).round()
    fractions = {
        n: np.clip(cut(m) * ONE, 0, 255).round().astype(np.uint8) for n, m in masks.items()
    }
    return Picture(grey.astype(np.uint8), fractions, (float(spacing[0]), float(spacing[1])))


def _figure(
    panels: list[tuple[str, Picture, list[tuple[str, str]]]],
    colours: dict[str, str],
    title: str | None,
) -> go.Figure:
    """Panels in rows of `COLUMNS`, each with its heading above and its lines of text below."""
    import plotly.graph_objects as go

    columns = min(len(panels), COLUMNS)
    side = (PAGE - GAP * (COLUMNS + 1)) / COLUMNS
    text = 30 + LINE * max(len(lines) for _, _, lines in panels)
    tallest = max(p.size_mm[1] / p.size_mm[0] for _, p, _ in panels) * side
    row_height, top = SIDES + tallest + text + 14, 40.0 if title else 6.0
    rows = -(-len(panels) // columns)
    page = GAP + columns * (side + GAP), top + rows * row_height
    fig = go.Figure()
    fig.update_layout(
        width=page[0],
        height=page[1],
        margin={"l": 0, "r": 0, "t": 0, "b": 0, "autoexpand": False},
        title={"text": title, "x": GAP / page[0], "y": 1 - 20 / page[1], "yanchor": "middle"},
        font={**FONT, "size": 12},
        paper_bgcolor="white",
        plot_bgcolor="white",
        showlegend=False,
    )
    for number, (heading, picture, lines) in enumerate(panels):
        row, column = divmod(number, columns)
        left, high = GAP + column * (side + GAP), top + row * row_height + SIDES
        scale = side / picture.size_mm[0]
        add_panel(fig, picture, number + 1, (left, high, scale))
        mark_sides(fig, picture, number + 1, "RL", heading)
        below = high + picture.size_mm[1] * scale
        scale_bar(fig, (left, below), scale, 5)
        for n, (colour, words) in enumerate(lines):
            place = {"x": left / page[0], "y": 1 - (below + 30 + LINE * n) / page[1]}
            fig.add_annotation(
                text=f'<span style="color:{colour}">⬤</span> {words}',
                showarrow=False,
                xref="paper",
                yref="paper",
                xanchor="left",
                yanchor="top",
                **place,
            )
    for trace in fig.data:
        if trace.type == "contour":
            trace.update(colorscale=[[0, colours[trace.name]], [1, colours[trace.name]]])
            trace.line.width = 3 if trace.name == "truth" else 1.6
    return fig
