"""Figures of a study: areas by contrast, and how two contrasts agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .._validation import check_choice
from ..contrasts import shown_name
from ..variability.statistics import AREAS, complete_cases
from .study_panels import (
    add_contrast,
    add_differences,
    add_pairs,
    add_published,
    footnote,
    method_panels,
)
from .style import HUES, INK, PAGE, cycled

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

NARROWEST = 460  #: px; a title and a line of a footnote want some room


def plot_csa_by_contrast(
    study: pd.DataFrame,
    *,
    contrasts: Sequence[str] | None = None,
    area: str = "soft",
    paired: bool = False,
    published: bool = False,
    title: str | None = None,
    note: str | None = None,
) -> go.Figure:
    """Show the cross-sectional area (CSA) of the same cords in each contrast, method by method.

    Parameters
    ----------
    study : DataFrame
        From `compare_contrasts`. Shown are the subjects with every contrast under every method.
    contrasts : str or sequence of str, optional
        Only these, in this order.
    area : {"soft", "hard"}
        The mask as it stands, or cut at 0.5.
    paired : bool
        Join the points of each subject.
    published : bool
        Add published means and SDs as grey ghosts: SCT's tutorial "Contrast-specific vs.
        contrast-agnostic", other people and other scans.
    title, note : str, optional
        Heading, and a line below the figure.

    Returns
    -------
    plotly.graph_objects.Figure
        A panel per method: a violin (from 5 subjects), points, mean ± SD per contrast. The
        dashed line is the mean of the truth, or of all contrasts where there is no truth.

    Raises
    ------
    TypeError, ValueError
        Not a study; nobody with every contrast under every method.

    Examples
    --------
    >>> import cordviz as cv, pandas as pd
    >>> study = pd.DataFrame({"subject": list("abcde") * 2, "contrast": ["T1w"] * 5 + ["T2w"] * 5,
    ...                       "csa_mm2": [*range(70, 75), *range(74, 79)], "method": "m"})
    >>> fig = cv.plot_csa_by_contrast(study)
    >>> [text.text for text in fig.layout.annotations if "±" in text.text]
    ['72.0<br>± 1.6', '76.0<br>± 1.6']
    """
    check_choice(area, AREAS, "area")
    value = AREAS[area]
    kept, counts = complete_cases(study, value, contrasts)
    methods, names = (list(dict.fromkeys(kept[column])) for column in ("method", "contrast"))
    page = min(PAGE, max(NARROWEST, 80 + len(methods) * max(62 * len(names), 200)))
    fig, places = method_panels(methods, page, title)
    hues = cycled(names, HUES)
    truth = kept["truth_mm2"].mean() if "truth_mm2" in kept else float("nan")
    for method, place in zip(methods, places, strict=True):
        one = kept[kept["method"] == method]
        wide = one.pivot(index="subject", columns="contrast", values=value)[names]
        line = truth if np.isfinite(truth) else wide.to_numpy().mean()
        if paired:
            add_pairs(fig, wide, place)
        for at, name in enumerate(names):
            add_contrast(fig, at, wide[name], hues[name], place, apart=not paired)
        if published:
            add_published(fig, names, method, place)
        dashes = {"color": INK, "width": 1.2, "dash": "dash"}
        fig.add_hline(line, line=dashes, layer="below", **place)
    fig.update_xaxes(
        tickvals=list(range(len(names))),
        ticktext=[shown_name(name) for name in names],
        tickangle=0 if page < PAGE else -40,
        range=[-0.6, len(names) - 0.4],
    )
    fig.update_yaxes(title="CSA (mm²)", col=1)
    what = "true mean" if np.isfinite(truth) else "mean of all contrasts"
    ghosts = "Grey ◇: published mean ± SD (SCT tutorial; other people)." if published else None
    footnote(fig, methods, [f"Dashed: {what}.", counts, ghosts, note])
    return fig


def plot_agreement(
    study: pd.DataFrame,
    *,
    contrasts: tuple[str, str] = ("T1w", "T2w"),
    area: str = "soft",
    title: str | None = None,
    note: str | None = None,
) -> go.Figure:
    """Show how two contrasts of the same cords agree in area, method by method (Bland–Altman).

    Parameters
    ----------
    study : DataFrame
        From `compare_contrasts`; subjects with both contrasts under every method are shown.
    contrasts : pair of str
        The difference is first − second.
    area : {"soft", "hard"}
        The mask as it stands, or cut at 0.5.
    title, note : str, optional
        Heading, and a line below the figure.

    Returns
    -------
    plotly.graph_objects.Figure
        A panel per method: difference over mean in mm², bias with its 95 % interval, and limits
        of agreement (bias ± 1.96 SD; Bland and Altman 1986, Lancet 327).

    Raises
    ------
    TypeError, ValueError
        Not a study, not two contrasts, or fewer than 2 subjects with both.

    Examples
    --------
    >>> import cordviz as cv, pandas as pd
    >>> study = pd.DataFrame({"subject": list("abcde") * 2, "contrast": ["T1w"] * 5 + ["T2w"] * 5,
    ...                       "csa_mm2": [*range(70, 75), *range(74, 79)], "method": "m"})
    >>> cv.plot_agreement(study).layout.annotations[1].text
    'bias −4.00 [−4.00, −4.00]<br>limits −4.00 to −4.00'
    """
    check_choice(area, AREAS, "area")
    if isinstance(contrasts, str) or len(set(contrasts)) != 2:
        raise ValueError(f"contrasts must be two, such as ('T1w', 'T2w'), got {contrasts!r}.")
    kept, counts = complete_cases(study, AREAS[area], contrasts)
    if kept["subject"].nunique() < 2:
        raise ValueError(f"Agreement needs at least 2 subjects with both contrasts. {counts}")
    methods = list(dict.fromkeys(kept["method"]))
    page = min(PAGE, 80 + 400 * len(methods))
    fig, places = method_panels(methods, page, title)
    limits = []
    hues = cycled(methods, HUES)
    for method, place in zip(methods, places, strict=True):
        one = kept[kept["method"] == method]
        wide = one.pivot(index="subject", columns="contrast", values=AREAS[area])
        limits.append(add_differences(fig, wide[list(contrasts)], hues[method], place))
    first, second = map(shown_name, contrasts)
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    pad = max(0.06 * (high - low), 0.5)
    fig.update_yaxes(range=[low - pad, high + pad])
    fig.update_xaxes(title=f"mean of {first} and {second} (mm²)")
    fig.update_yaxes(title=f"{first} − {second} (mm²)", col=1)
    footnote(fig, methods, ["Band and brackets: 95 % interval of the bias.", counts, note])
    return fig
