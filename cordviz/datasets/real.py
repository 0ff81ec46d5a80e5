"""Real data as it can be had here: a copy on this computer, the cache, a download, or none."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import public

#: Folders of copies below ``CORDVIZ_SHARED_DATA``/real.
_COPIES = {
    "sct_testing": "sct_testing_data",
    "sct_tutorial": "sct_tutorial_data",
    "gm_challenge": "gm_challenge_data",
    "spine_generic_masks": "data_example_spinegeneric",
}


def fetch_real(dataset: str, **options: Any) -> Any:
    """Fetch a public data set if that is possible here, for notebooks that also run without.

    Looked for in this order: a copy in the folder that ``CORDVIZ_SHARED_DATA`` names, the cache,
    the servers.

    Parameters
    ----------
    dataset : {"sct_testing", "sct_tutorial", "gm_challenge", "spine_generic_masks"}
        Of the ``fetch_`` functions of this package.
    **options
        Of that function.

    Returns
    -------
    Session, dict of str to Session, or None
        What the function returns; None where the data cannot be had.

    Examples
    --------
    >>> from cordviz.datasets import fetch_real
    >>> session = fetch_real("sct_testing")  # doctest: +SKIP
    >>> print("simulated" if session is None else "real")  # doctest: +SKIP
    """
    if dataset not in _COPIES:
        raise ValueError(f"Expected a data set of {', '.join(_COPIES)}, got {dataset!r}.")
    fetch = getattr(public, f"fetch_{dataset}")
    if shared := os.environ.get("CORDVIZ_SHARED_DATA"):
        copy = Path(shared) / "real" / _COPIES[dataset]
        if copy.is_dir():
            with suppress(ValueError, FileNotFoundError):  # a copy of a part only
                return fetch(**options, folder=copy)
    try:
        return fetch(**options)
    except OSError:
        return None
