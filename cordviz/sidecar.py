"""Save masks with a sidecar that says how they were made, and replace nobody else's files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.nifti1 import Nifti1Image

from ._files import at_home, atomic_path, stem_of
from ._validation import check_3d, check_mask
from ._version import __version__
from .images import read_image, sha256_of, voxels

SD = "standard deviation"  #: what the sidecar calls it


def save_mask(seg: Nifti1Image, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Save a mask as NIfTI with a JSON sidecar that says how it was made.

    Parameters
    ----------
    seg : nibabel.Nifti1Image
        Soft (float, [0, 1]) or hard (integer) mask, usually from `segment_cord`.
    path : str or Path
        Ends in ``.nii`` or ``.nii.gz``; by custom of the field ``…_seg`` for hard and
        ``…_label-SC_softseg`` for soft masks. The sidecar has the same name with ``.json``.
    overwrite : bool
        Replace a file that somebody else made or changed, too.

    Returns
    -------
    Path
        The NIfTI file. Both files appear whole or not at all.

    Raises
    ------
    ValueError
        Not a mask, another ending, or a mask or sidecar is there that is not as cordviz wrote it.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np, tempfile
    >>> seg = nib.Nifti1Image(np.ones((4, 4, 4), dtype=np.uint8), np.eye(4))
    >>> cv.save_mask(seg, tempfile.mkdtemp() + "/sub-01_T2w_seg.nii.gz").name
    'sub-01_T2w_seg.nii.gz'
    """
    target = at_home(path)
    stem = stem_of(target)
    if not target.name.endswith((".nii", ".nii.gz")) or not stem:
        raise ValueError(f"A mask is saved as .nii or .nii.gz, got {target.name!r}.")
    img = read_image(seg, name="mask")
    check_3d(img.shape, "mask")
    values = voxels(img, name="mask")
    check_mask(values)
    if not overwrite:
        check_not_lost(target)
    hard = bool(np.isin(values, (0, 1)).all())
    made = dict((img.extra or {}).get("cordviz", {}))
    sidecar = {
        "GeneratedBy": [{"Name": "cordviz", "Version": __version__, **made}],
        "SpatialReference": "orig",
        "Type": made.get("Quantity", "hard mask" if hard else "soft mask"),
        "SHA256": sha256_of(img),
    }
    with (
        atomic_path(target) as image_file,
        atomic_path(target.with_name(f"{stem}.json")) as json_file,
    ):
        header = img.header.copy()
        if not hard:  # the file holds what the hash is of, not that rounded to a few grey values
            header.set_data_dtype(np.float32)
        nib.save(img.__class__(img.dataobj, img.affine, header), image_file)
        text = json.dumps(sidecar, indent=2, default=np.generic.item)  # options from arrays
        json_file.write_text(text + "\n", encoding="utf-8")
    return target


def made_by_cordviz(mask: Path) -> dict[str, Any]:
    """How cordviz made a mask, by the sidecar beside it; empty if somebody did or changed it."""
    sidecar = mask.with_name(f"{stem_of(mask)}.json")
    try:
        told = json.loads(sidecar.read_text(encoding="utf-8"))
        made = told["GeneratedBy"][0]
        as_made = not mask.exists() or sha256_of(read_image(mask)) == told["SHA256"]
        return dict(made) if made["Name"] == "cordviz" and as_made else {}
    except (OSError, ValueError, LookupError, TypeError):  # none, or of another kind
        return {}


def check_not_lost(mask: Path, *, method: str | None = None, quantity: str | None = None) -> None:
    """Refuse to replace a mask or a sidecar that somebody made or changed.

    With a method also one of another method or quantity (None: a mask; or `SD`).
    """
    sidecar = mask.with_name(f"{stem_of(mask)}.json")
    there = next((file for file in (mask, sidecar) if file.exists()), None)
    made = made_by_cordviz(mask)
    same = method is None or (method, quantity) == (made.get("Method"), made.get("Quantity"))
    if there is None or (made and (there == sidecar or same)):
        return
    by = ", ".join(filter(None, (made.get("Method", "save_mask"), made.get("Quantity"))))
    whose = f"was made by {by}" if made else "is not as cordviz wrote it"
    raise ValueError(
        f"{there} is there already and {whose}. Choose another name, or replace it with "
        "overwrite=True."
    )
