"""Public data sets: downloaded once, checked against a registry, or read from a copy you have.

Files are kept in `cache_dir`, which ``CORDVIZ_CACHE`` sets. ``CORDVIZ_MIRROR``, one or more
addresses separated by spaces, replaces the public servers: any web server of a copy of that folder
will do, such as ``python -m http.server`` in a course room.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ._catalog import PathLike, all_sessions, fetched, pick
from .sessions import Session


def fetch_sct_testing(
    *,
    contrasts: str | Sequence[str] | None = None,
    masks: bool = True,
    folder: PathLike | None = None,
    progress: bool = True,
) -> Session:
    """Fetch the testing data of the Spinal Cord Toolbox: small crops in eight contrasts.

    T1w 1 mm, T2w 1 mm, T2star 0.5 × 0.5 × 7.5 mm, MT-on, MT-off and GRE-T1w of one session on one
    grid (0.84 × 0.84 × 17 mm, 5 slices), mean DWI, fMRI (4-D, 30 volumes); masks of the cord for
    the first five, of grey matter for T2star; vertebral levels for T2w, T2star and MT-on.

    Parameters
    ----------
    contrasts : str or sequence of str, optional
        Those wanted; by default all.
    masks : bool
        Whether to fetch masks and levels too.
    folder : path, optional
        A copy of the data set to read instead of downloading; its bytes are not checked.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Session
        A mapping from contrast to path, with `masks`, `gm_masks` and `levels`.

    Raises
    ------
    ValueError, FileNotFoundError
        A contrast that there is not; no copy in `folder`; no download, with the reason per mirror.

    Notes
    -----
    Size: 1.9 MB. Licence: MIT. Source: github.com/spinalcordtoolbox/sct_testing_data (af4c7e8).
    Cite De Leener et al. 2017, NeuroImage, doi:10.1016/j.neuroimage.2016.10.009. The masks of MT-on
    and MT-off are shifted by about a voxel against each other, the T2w levels are about half a
    level off, and the T2w mask is that of a network: no independent truth.

    Examples
    --------
    >>> import cordviz as cv
    >>> session = cv.datasets.fetch_sct_testing()  # doctest: +SKIP
    >>> table = cv.measure_shape(session.masks["T2w"])  # doctest: +SKIP
    """
    session = pick(all_sessions("sct_testing", folder), "sct_testing").select(
        contrasts, masks=masks
    )
    return fetched("sct_testing", [session], folder, progress)[0]


def fetch_sct_tutorial(
    subject: str = "course",
    *,
    contrasts: str | Sequence[str] | None = None,
    folder: PathLike | None = None,
    progress: bool = True,
) -> Session:
    """Fetch a session of the Spinal Cord Toolbox course.

    Parameters
    ----------
    subject : {"course", "sub-01", "sub-03", "sub-05"}
        "course" is the person of the single-subject tutorials: T1w, T2w, T2star, MT-on, MT-off,
        DWI (4-D, with b-values) and fMRI (4-D). The others have T2w, MT-on and MT-off.
    contrasts : str or sequence of str, optional
        Those wanted; by default all.
    folder : path, optional
        A copy of the data set to read instead of downloading; its bytes are not checked.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Session
        A mapping from contrast to path. `Session.load` makes 3-D images of the 4-D series. Only
        MT-on of sub-05 has a mask of the cord.

    Raises
    ------
    ValueError, FileNotFoundError
        A subject or contrast that there is not; no copy in `folder`; no download, with the reason
        per mirror.

    Notes
    -----
    Size: 5 MB and four files of unregistered size (T1w, T2w, T2star, fMRI) for "course"; 3.5 MB and
    one such file (T2w) for each other. Licence: MIT. Source:
    github.com/spinalcordtoolbox/sct_tutorial_data (f176fd2). Cite De Leener et al. 2017,
    NeuroImage, doi:10.1016/j.neuroimage.2016.10.009.

    Examples
    --------
    >>> import cordviz as cv
    >>> session = cv.datasets.fetch_sct_tutorial(contrasts=["T2w", "fMRI"])  # doctest: +SKIP
    >>> img = session.load("fMRI")  # doctest: +SKIP
    """
    session = pick(all_sessions("sct_tutorial", folder), subject).select(contrasts)
    return fetched("sct_tutorial", [session], folder, progress)[0]


def fetch_spine_generic(
    subject: str,
    *,
    contrasts: str | Sequence[str] | None = None,
    masks: bool = True,
    folder: PathLike | None = None,
    progress: bool = True,
) -> Session:
    """Fetch one person of spine-generic: healthy adults in seven contrasts, one protocol.

    267 people at 42 centres: T1w 1 mm, T2w 0.8 mm, T2star 0.5 × 0.5 × 5 mm, MT-on, MT-off and
    GRE-T1w 0.9 × 0.9 × 5 mm, mean DWI 0.9 × 0.9 × 5 mm; for all but MT-off hard and soft masks of
    the cord and discs. A few people lack some of it.

    Parameters
    ----------
    subject : str
        ``"sub-amu01"``, ``"sub-unf01"`` …; a folder of your own may hold other names.
    contrasts : str or sequence of str, optional
        Those wanted; by default all that the person has.
    masks : bool
        Whether to fetch hard masks, soft masks and discs too.
    folder : path, optional
        A copy of the data set, or any BIDS-like folder, to read instead of downloading; its bytes
        are not checked.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Session
        A mapping from contrast to path, with `masks`, `soft_masks` and `discs`.

    Raises
    ------
    ValueError, FileNotFoundError
        A subject or contrast that there is not; no copy in `folder`; no download, with the reason
        per mirror.

    Notes
    -----
    Size: 32 to 128 MB a person (median 58), most of it T1w and T2w. Licence: CC0 by its description
    file, MIT by its LICENSE file. Source: github.com/spine-generic/data-multi-subject (2122dc4).
    Cite Cohen-Adad et al. 2021, Scientific Data, doi:10.1038/s41597-021-00941-8; for the soft masks
    Bédard et al. 2025, Medical Image Analysis, arXiv:2310.15402.

    Examples
    --------
    >>> from cordviz.datasets import fetch_spine_generic
    >>> session = fetch_spine_generic("sub-amu01", contrasts="T2w")  # doctest: +SKIP
    >>> session["T2w"], session.soft_masks["T2w"]  # doctest: +SKIP
    """
    session = pick(all_sessions("spine_generic", folder), subject).select(contrasts, masks=masks)
    return fetched("spine_generic", [session], folder, progress)[0]


def fetch_spine_generic_masks(
    n_subjects: int = 5, *, folder: PathLike | None = None, progress: bool = True
) -> dict[str, Session]:
    """Fetch masks and discs of many people of spine-generic, without their images.

    Hard masks, soft masks and discs in six contrasts: enough to compare cross-sectional areas
    (CSA) over real people with a small download. See `fetch_spine_generic` for the images.

    Parameters
    ----------
    n_subjects : int
        Number of people, at most 243: those who have soft masks in all six contrasts. They come in
        a fixed order that mixes the centres, so that a larger number includes a smaller one.
    folder : path, optional
        A copy of the data set, or any BIDS-like folder with masks, to read instead of downloading;
        its bytes are not checked, and every person with a mask counts.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    dict of str to Session
        Sessions without images: ``people["sub-amu01"].masks["T2w"]``, `soft_masks`, `discs`.

    Raises
    ------
    ValueError, FileNotFoundError
        More people than there are; no copy in `folder`; no download, with the reason per mirror.

    Notes
    -----
    Size: about 1.3 MB a person. Licence, source and citations as `fetch_spine_generic`.

    Examples
    --------
    >>> import cordviz as cv
    >>> people = cv.datasets.fetch_spine_generic_masks(3)  # doctest: +SKIP
    >>> for name, session in people.items():  # doctest: +SKIP
    ...     table = cv.measure_shape(session.soft_masks["T2w"])
    """
    sessions = [s.select(images=False) for s in all_sessions("spine_generic", folder).values()]
    if folder is None:
        usable = [s for s in sessions if len(s.soft_masks) == 6]
    else:
        usable = [s for s in sessions if s.masks or s.soft_masks]
    if not usable:
        raise FileNotFoundError(f"No cord masks with BIDS names in {folder}.")
    if not 1 <= n_subjects <= len(usable):
        raise ValueError(f"expected n_subjects from 1 to {len(usable)}, got {n_subjects}")
    usable.sort(key=lambda session: hashlib.sha256(session.name.encode()).digest())
    chosen = fetched("spine_generic", usable[:n_subjects], folder, progress)
    return {session.name: session for session in chosen}


def fetch_gm_challenge(
    *,
    subjects: str | Sequence[str] | None = None,
    folder: PathLike | None = None,
    progress: bool = True,
) -> dict[str, Session]:
    """Fetch the grey matter challenge: T2star of nine people, scanned and rescanned.

    Thirteen sessions at 1.5, 3 and 7 T from several vendors, in two runs each; the first runs of
    all but one have masks of the cord and of grey matter.

    Parameters
    ----------
    subjects : str or sequence of str, optional
        ``"sub-9418"``, ``"sub-10062Ses1"`` … with both runs of each; by default all.
    folder : path, optional
        A copy of the data set to read instead of downloading; its bytes are not checked.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    dict of str to Session
        ``"sub-9418"`` is the first run, with `masks` and `gm_masks`; ``"sub-9418_run-2"`` the
        second, an image only. The one contrast is T2star.

    Raises
    ------
    ValueError, FileNotFoundError
        A subject that there is not; no copy in `folder`; no download, with the reason per mirror.

    Notes
    -----
    Size: 28 MB and ten files of unregistered size. Licence: CC0. Source:
    github.com/sct-pipeline/gm-challenge-data (dfa78f7). Cite that repository, which names no paper
    (the segmentation challenge of 2017 has other data). Sessions that differ in ``Ses1``, ``Ses2``
    are of one person: do not count them as two.

    Examples
    --------
    >>> import cordviz as cv
    >>> sessions = cv.datasets.fetch_gm_challenge(subjects="sub-9418")  # doctest: +SKIP
    >>> scan, rescan = sessions.values()  # doctest: +SKIP
    """
    sessions = all_sessions("gm_challenge", folder)
    if subjects is not None:
        subjects = [subjects] if isinstance(subjects, str) else subjects
        wanted = [pick(sessions, subject) for subject in subjects]
        again = [sessions.get(f"{session.name}_run-2") for session in wanted]
        sessions = {s.name: s for pair in zip(wanted, again, strict=True) for s in pair if s}
    chosen = fetched("gm_challenge", list(sessions.values()), folder, progress)
    return {session.name: session for session in chosen}
