"""Interactive views of studies: contrasts and methods side by side, and the live phantom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from ..simulation.subject import Subject
    from ..widgets.comparison_view import ComparisonView
    from ..widgets.contrast_explorer import ContrastExplorer


def view_contrast_explorer(
    subject: Subject | None = None, *, contrast: str = "T2w", level: float = 3.5, **settings: Any
) -> ContrastExplorer:
    """Turn the knobs of a simulated scanner and watch the measured area drift from the true one.

    One axial slice of a simulated person: every turn of a knob shows it anew with the true outline
    of the cord; propagation, the contrast-specific and the contrast-agnostic network follow, each
    with its cross-sectional area (CSA) in the plane of the slice and its error against truth.
    Guess from the picture which contrast (`-c`) the specific methods should be told, then see.

    Parameters
    ----------
    subject : Subject, optional
        From `simulate_subject`; by default seed 0.
    contrast : str
        Preset to begin with: T1w, T2w, T2star, MT-on, MT-off, GRE-T1w, DWI or fMRI.
    level : float
        Where along the cord: 3.0 is disc C2/C3, 3.5 the middle of C3.
    **settings
        Other traits of `ContrastExplorer`, such as ``te_ms=90`` or ``effects=[]``.

    Returns
    -------
    ContrastExplorer
        A widget whose traits can be set and observed; `table()` gives areas and errors, `image`
        and `masks` what is in view. The static twin is `plot_contrast_explorer`.

    Raises
    ------
    TypeError, ValueError
        Not a simulated subject; settings that no scanner can play out.

    Notes
    -----
    Methods see one slice alone, with the cord's place known from the truth.

    Examples
    --------
    >>> import cordviz as cv
    >>> explorer = cv.view_contrast_explorer(contrast="T1w", snr=40)
    >>> explorer.te_ms = 5
    >>> explorer.table().outline.tolist()
    ['truth', 'propseg', 'deepseg', 'agnostic']
    """
    from ..plots.phantom import phantom_slice
    from ..widgets.contrast_explorer import ContrastExplorer
    from ..widgets.traits import checked

    if unknown := settings.keys() - ContrastExplorer.SETTINGS:
        raise TypeError(
            f"view_contrast_explorer() has no setting {', '.join(sorted(unknown))}; there are "
            f"{', '.join(ContrastExplorer.SETTINGS)}."
        )
    view = checked(ContrastExplorer, phantom_slice(subject, level), contrast=contrast, **settings)
    if view.message:
        raise ValueError(view.message)
    return view


def view_comparison(
    study: pd.DataFrame,
    *,
    images: Any = None,
    levels: Any = None,
    subject: str | None = None,
    contrasts: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    area: str = "soft",
) -> ComparisonView:
    """Look into a study: contrasts side by side, with the outlines and areas of all methods.

    Slices of one person in every contrast, at the same height: wheel, arrow keys and slider move
    all of them. Below are the cross-sectional area (CSA) along the cord (a hue per method, a dash
    per contrast), a table, and the areas of everyone. A click on a curve goes to that slice; a
    click on a point of a violin shows that person's images.

    Parameters
    ----------
    study : DataFrame
        From `compare_contrasts`. Made in this process it knows where its images are.
    images : mapping, folder, list, or simulated study, optional
        The images of a study that was made elsewhere, as they were given to `compare_contrasts`.
    levels : label image, or mapping of contrast (or of subject) to label image, optional
        As given to `compare_contrasts`; with `images`.
    subject : str, optional
        Whom to show first.
    contrasts, methods : sequence of str, optional
        What to show first; all by default.
    area : {"soft", "hard"}
        The mask as it stands, or cut at 0.5.

    Returns
    -------
    ComparisonView
        A widget whose traits (`subject`, `contrasts`, `methods`, `position_mm` …) can be set and
        observed. The static twin is `plot_comparison`.

    Raises
    ------
    TypeError, ValueError
        Not a study; images that are not known here; names that are not in the study.

    Notes
    -----
    Masks come from the study's cache. Where nothing was kept (``cache=False``) they are made again.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> cord = np.zeros((30, 30, 12), np.uint8)
    >>> cord[10:20, 10:18] = 1
    >>> t1, t2 = nib.Nifti1Image(cord, np.eye(4)), nib.Nifti1Image(cord, np.diag([1.1, 1, 1, 1]))
    >>> images = {"T1w": t1, "T2w": t2}
    >>> study = cv.compare_contrasts(images, methods={"drawn": images}, over=None, cache=False)
    >>> view = cv.view_comparison(study)
    >>> view.table().drawn.round(1).tolist()
    [80.0, 88.0]
    """
    from ..variability.study_images import StudyImages
    from ..widgets.comparison_view import ComparisonView
    from ..widgets.traits import checked

    start = {"subject": subject, "contrasts": contrasts, "methods": methods}
    chosen = {
        name: value if isinstance(value, str) else list(value)
        for name, value in start.items()
        if value is not None
    }
    return checked(ComparisonView, StudyImages(study, images, levels), area=area, **chosen)
