"""One volume of a 4-D series: its mean, root mean square, diffusion-weighted mean, or an index."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ._files import at_home, stem_of

#: b-values as a file or a list, in s/mm².
BValues = str | os.PathLike[str] | Sequence[float]

#: Above this b-value (s/mm²) a volume counts as diffusion-weighted.
B0_MAX = 100.0


def reduce_series(
    series: np.ndarray, reduce: str | int, *, bvals: BValues | None, file: str | None
) -> np.ndarray:
    """Make one volume (I, J, K) of a series (I, J, K, N), as `load_image` says of `reduce`.

    `bvals`, N of them in s/mm², are for "dwi"; by default those of the ``.bval`` file beside
    `file`, where the series came from.
    """
    volumes = series.shape[3]
    if isinstance(reduce, (int, np.integer)) and not isinstance(reduce, bool):
        if not -volumes <= reduce < volumes:
            raise ValueError(f"reduce={reduce}: the image has only {volumes} volumes.")
        return series[..., reduce]
    if reduce == "mean":
        return series.mean(axis=3)
    if reduce == "rms":
        return np.sqrt(np.square(series).mean(axis=3))
    if reduce == "dwi":
        b = _read_bvals(bvals, file)
        if b.shape != (volumes,):
            raise ValueError(f"Expected {volumes} b-values, one per volume, got {b.size}.")
        if not (b > B0_MAX).any():
            raise ValueError(f"No volume is diffusion-weighted: no b-value above {B0_MAX:g} s/mm².")
        return series[..., b > B0_MAX].mean(axis=3)
    raise ValueError(f"reduce must be 'mean', 'rms', 'dwi' or an index, got {reduce!r}.")


def bvals_beside(file: str | None) -> Path | None:
    """Where the b-values of a series lie by custom; None of one that is no file."""
    return Path(file).with_name(f"{stem_of(file)}.bval") if file else None


def _read_bvals(bvals: BValues | None, file: str | None) -> np.ndarray:
    if bvals is None:
        beside = bvals_beside(file)
        if beside is None or not beside.is_file():
            raise ValueError(
                "reduce='dwi' needs the b-values: pass bvals= (a file or a list), or keep "
                "a .bval file beside the image."
            )
        bvals = beside
    if isinstance(bvals, (str, os.PathLike)):
        path = at_home(bvals)
        if not path.is_file():
            raise FileNotFoundError(f"There is no b-value file at {path}.")
        try:
            bvals = [float(word) for word in path.read_text().split()]
        except ValueError as error:
            raise ValueError(f"{path} is not a list of numbers: {error}.") from error
    return np.asarray(bvals, dtype=float).ravel()
