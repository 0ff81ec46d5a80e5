"""Compare segmentation methods across the contrasts of one person or of many."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._files import at_home, make_folder
from .._validation import check_choice
from ..contrasts import closest_contrast
from ..datasets import cache_dir
from ..morphometry.aggregate import whole_levels
from ..segmentation import METHODS
from .auto_levels import fill_levels
from .comparison import AGNOSTIC, Result, compare_image
from .sessions import Derived, Item, check_fits, find, read_items
from .study_images import remember

if TYPE_CHECKING:
    import pandas as pd
    from nibabel.nifti1 import Nifti1Image


def compare_contrasts(
    session: Any,
    *,
    methods: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]] = METHODS[::-1],
    levels: Any = None,
    truth: Any = None,
    contrasts: Iterable[str] | None = None,
    over: Collection[int] | None = (2, 3),
    per_slice: bool = False,
    cache: bool | str | os.PathLike[str] = True,
    n_jobs: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Measure the cross-sectional area (CSA) of the same cord in several contrasts and methods.

    Parameters
    ----------
    session : mapping, folder, list, or simulated study
        ``{contrast: image}``; a folder with BIDS names (see `load_sessions`); a list or
        ``{subject: session}`` of these; the simulated study or one of its subjects.
    methods : str, mapping, or list of these
        Methods of `segment_cord`. Contrast-specific ones are told the `closest_contrast`. A
        mapping ``{name: {contrast: mask}}`` holds masks that exist already, hard or soft, on the
        grids of the images; with several subjects ``{name: {subject: {contrast: mask}}}``.
    levels : label image, or mapping of contrast (or of subject) to label image, optional
        Vertebral levels, the same for all methods; one image serves all contrasts of a person:
        the headers carry it to the other grids (several people: only if all share its grid, as in
        a template's space). Known for the simulated study, and for sessions
        of `load_sessions` with levels, or with discs and a mask, of one contrast (T2w first).
        For other people discs are looked for on their T2w or T1w image (`find_discs`): the column
        note then names the image and the confidence, or error says why there are no levels.
    truth : mapping of contrast (or of subject) to mask, optional
        What the area should be, measured on the same slices. Known for the simulated study
        (exact); of sessions the soft ground truth ``_label-SC_softseg``.
    contrasts : str or iterable of str, optional
        Only these, in this order.
    over : collection of int, optional
        Levels whose slices are averaged; (2, 3) is C2–C3. None: every slice of the mask.
    per_slice : bool
        Return a row for each slice of each mask, with the columns of `measure_shape`.
    cache : bool or path
        Keep masks and areas in a folder, by default in the user's cache, so that the same work
        is never done twice, not even after a crash. False: keep nothing.
    n_jobs : int, optional
        Images at a time, -1 for one per core; by default one, or what ``joblib.parallel_config``
        says. See Notes for clusters.
    progress : bool
        Show a progress bar.

    Returns
    -------
    pandas.DataFrame
        A row per subject, contrast and method: ``csa_mm2`` (soft sum: the mask as it stands),
        ``csa_hard_mm2`` (cut at 0.5, same centreline), ``truth_mm2``, ``n_slices`` measured and
        ``n_missing`` within the levels, ``told_contrast``, ``error`` (why an image has no area),
        ``note`` (warnings), ``seconds``, ``mask`` (file in the cache), ``image_sha256`` (of the
        file, or of voxels and affine), ``method_sha256`` (of code and weights),
        ``levels_sha256``, ``version``.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        Nothing to compare, unknown method, contrast or levels. An image that cannot be read,
        segmented or measured raises nothing: it is a row with its reason.

    Notes
    -----
    Areas are averaged over the slices of the levels, and levels come from one reference, never
    from the prediction, as in Bédard et al. 2025 (https://arxiv.org/abs/2310.15402).

    Any joblib backend spreads the images over processes, or over machines that see the same
    files; ``Client()`` is a cluster on this computer, ``Client("scheduler:8786")`` one elsewhere::

        from dask.distributed import Client     # or: from ray.util.joblib import register_ray
        client = Client()                       #     register_ray()
        with joblib.parallel_config(backend="dask"):
            study = cv.compare_contrasts(...)

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> cord = np.zeros((30, 30, 12), np.uint8)
    >>> cord[10:20, 10:18] = 1
    >>> t1, t2 = nib.Nifti1Image(cord, np.eye(4)), nib.Nifti1Image(cord, np.diag([1.1, 1, 1, 1]))
    >>> images = {"T1w": t1, "T2w": t2}
    >>> study = cv.compare_contrasts(images, methods={"drawn": images}, over=None, cache=False)
    >>> study.csa_mm2.round(3).tolist()
    [80.0, 88.0]
    """
    _, results = compare_images(
        session, methods=methods, levels=levels, truth=truth, contrasts=contrasts, over=over,
        cache=cache, n_jobs=n_jobs, progress=progress,
    )  # fmt: skip
    return slices_of(results) if per_slice else study_of(results)


def compare_images(
    session: Any, *, methods: Any = METHODS[::-1], levels: Any = None, truth: Any = None,
    contrasts: Iterable[str] | None = None, over: Collection[int] | None = (2, 3),
    cache: bool | str | os.PathLike[str] = True, n_jobs: int | None = None, progress: bool = True,
) -> tuple[list[Item], list[Result]]:  # fmt: skip
    """Do the work of `compare_contrasts`: the images, and a result per image and method."""
    from joblib import Parallel, delayed
    from tqdm.auto import tqdm

    if over is not None and not isinstance(over, Collection):
        raise TypeError(f"over must be levels, such as (2, 3), or None; got {over!r}.")
    if over is not None:
        over = whole_levels(over, "over")
    items = read_items(session, levels=levels, truth=truth, contrasts=contrasts)
    names = _methods(methods, items)
    folder = _cache_folder(cache)
    if over is not None:
        fill_levels(items, cache=folder, n_jobs=n_jobs, progress=progress)
        if all(item.levels is None for item in items):
            raise ValueError(
                f"{items[0].levels_error} See levels_from_discs; or over=None averages every "
                "slice of each mask."
            )
    jobs = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    ready = jobs(
        delayed(compare_image)(n, item, names, over, folder) for n, item in enumerate(items)
    )
    found = dict(tqdm(ready, total=len(items), desc="images", disable=not progress))
    for n, item in enumerate(items):
        remember(item, [result.row for result in found[n]])
    return items, [result for n in range(len(items)) for result in found[n]]


def study_of(results: list[Result]) -> pd.DataFrame:
    """Tidy table of results, a row each."""
    import pandas as pd

    return pd.DataFrame([result.row for result in results])


def slices_of(results: list[Result]) -> pd.DataFrame:
    """Table of the slices of all results, with whose they are in front."""
    import pandas as pd

    keys = ("subject", "contrast", "method")
    tables = [
        pd.DataFrame({**{key: result.row[key] for key in keys}, **result.slices})
        for result in results
        if result.slices
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def simulated_raters(study: Any, *, convention: str = "published", seed: int = 1) -> dict:
    """Name the masks that simulated raters would draw, as a method for `compare_contrasts`.

    The offset of each contrast is an input, calibrated to published means, and no finding: show
    ``convention="zero"`` beside it.

    Parameters
    ----------
    study : SimulatedStudy
        From `load_simulated_study`; masks are drawn when they are needed.
    convention : {"published", "zero", "one-sided"}
        See `Subject.rate`.
    seed : int
        The rater.

    Examples
    --------
    >>> import cordviz as cv
    >>> study = cv.datasets.load_simulated_study(2)
    >>> list(simulated_raters(study, convention="zero"))
    ['simulated rater (zero offsets)']
    """
    masks = {
        name: {
            contrast: Derived(_rate, person, contrast, convention=convention, seed=seed)
            for contrast in person
        }
        for name, person in study.items()
    }
    return {f"simulated rater ({convention} offsets)": masks}


def _rate(person: Any, contrast: str, *, convention: str, seed: int) -> Nifti1Image:
    return person.subject.rate(contrast, seed=seed, convention=convention, grid=person[contrast])


def _methods(methods: Any, items: list[Item]) -> list[str]:
    """Names of the methods; masks that exist go to the items."""
    listed = [methods] if isinstance(methods, (str, Mapping)) else list(methods)
    names: list[str] = []
    for one in listed:
        if not isinstance(one, Mapping):
            check_choice(one, METHODS, "methods")
        for name in [one] if isinstance(one, str) else one:
            if name in names or (name in METHODS and not isinstance(one, str)):
                raise ValueError(f"The method {name!r} is there twice; give each its own name.")
            names.append(name)
            if isinstance(one, Mapping):
                if not isinstance(one[name], Mapping):
                    raise TypeError(
                        f"Expected masks as {{{name!r}: {{contrast: mask}}}}, got "
                        f"{type(one[name]).__name__}."
                    )
                check_fits(one[name], items, f"The mask of {name!r}")
                for item in items:
                    item.masks[name] = find(one[name], item)
    if not names:
        raise ValueError("Expected at least one method, got none.")
    if any(name in METHODS and name not in AGNOSTIC for name in names):
        for item in items:
            closest_contrast(item.contrast)  # a name that nobody knows is refused before any work
    return names


def _cache_folder(cache: bool | str | os.PathLike[str]) -> Path | None:
    if cache is False:
        return None
    return make_folder(cache_dir() / "compare" if cache is True else at_home(cache))
