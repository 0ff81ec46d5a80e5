"""The contrasts: names people use, what they look like, and the closest contrast-specific method.

A contrast-specific method must be told one of `CONTRASTS`. Any other sequence is run as the one
whose picture it resembles most: what counts is whether the cord is bright or dark against the
cerebrospinal fluid (CSF), not the name of the sequence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from ._validation import check_same_grid
from .images import ImageLike, load_image, load_mask, reorient, spacing_mm, voxels

CONTRASTS = ("t1", "t2", "t2s", "dwi")


@dataclass(frozen=True)
class Family:
    """A group of sequences that look alike around the cord."""

    contrast: str  # the contrast-specific method that fits, one of `CONTRASTS`
    cord: str  # "bright" or "dark" against the CSF around it
    looks: str  # what one sees
    names: tuple[str, ...]  # BIDS suffixes, sequence and vendor names, as `_normalise` writes them


FAMILIES = {
    "T1-like": Family(
        "t1",
        "bright",
        "bright cord in dark CSF, bright fat",
        (
            *("t1", "t1w", "t1weighted", "mprage", "spgr", "bravo", "vibe", "flash", "tfe"),
            *("gret1w", "t1wgre", "mtst1w", "gret1", "mtoff", "mt0", "mtsoff", "mtsmtoff"),
            *("mp2rage", "unit1", "uni", "psir", "t1map", "flair", "t2flair", "pdw", "pd"),
        ),
    ),
    "T2-like": Family(
        "t2",
        "dark",
        "dark cord in bright CSF",
        (
            *("t2", "t2w", "t2weighted", "t2tse", "t2fse", "tse", "fse", "space", "cube", "vista"),
            *("stir", "ciss", "fiesta", "fiestac", "bssfp", "truefisp", "haste", "ssfse"),
            *("inplanet2", "t2map", "fmri", "bold", "epi", "geepi", "gradientechoepi", "sbref"),
            *("b0", "dwib0", "adc", "md"),
        ),
    ),
    "T2*-like": Family(
        "t2s",
        "dark",
        "dark cord with lighter grey matter in bright CSF",
        (
            *("t2s", "t2star", "t2starw", "t2sw", "t2starweighted", "megre", "merge", "medic"),
            *("mffe", "gre", "multiechogre", "t2starmap", "swi", "mt", "mton", "mt1", "mts"),
            *("mtson", "mtsmton", "mtw", "magnetizationtransfer", "mtgre", "ihmt"),
        ),
    ),
    "DWI": Family(
        "dwi",
        "bright",
        "bright cord, everything around it dark",
        (
            *("dwi", "dwimean", "meandwi", "dti", "diffusion", "dmri", "hardi", "dwib800", "trace"),
            *("rfov", "zoomit", "focus", "fa", "b1000", "b800", "noddi", "dsi"),
        ),
    ),
}

RING_MM = (1.0, 3.0)  #: from the cord, where the CSF lies

#: How contrasts are written in figures.
DISPLAY_NAMES = {"T2star": "T2*w", "t2s": "T2*w", "t1": "T1w", "t2": "T2w", "dwi": "DWI"}

#: How the cord looks in the contrasts that methods are told.
CORD = {family.contrast: family.cord for family in FAMILIES.values()}

_FAMILY_OF = {name: family for family in FAMILIES.values() for name in family.names}


def shown_name(contrast: str) -> str:
    """Write a contrast as figures do: T2star → T2*w."""
    return DISPLAY_NAMES.get(contrast, contrast)


def closest_contrast(name: str) -> str:
    """Return the contrast-specific method that fits an image of this name best.

    Parameters
    ----------
    name : str
        A sequence name (``"fMRI"``, ``"MT-on"``, ``"T2*w"``), BIDS suffix or BIDS file name.

    Returns
    -------
    str
        ``"t1"``, ``"t2"``, ``"t2s"`` or ``"dwi"``. The mapping follows the closest visual match
        used in the Spinal Cord Toolbox community: fMRI → t2, MT-on or unspecified MT → t2s,
        MT-off and GRE-T1w → t1. A name is no picture: where fluid flows into the slices, MT-off
        shows a dark cord (two of three such scans at hand), and `guess_contrast` says so.

    Raises
    ------
    TypeError, ValueError
        Not a string; a name that no family knows.

    Examples
    --------
    >>> import cordviz as cv
    >>> cv.closest_contrast("fmri"), cv.closest_contrast("MT-on"), cv.closest_contrast("GRE-T1w")
    ('t2', 't2s', 't1')
    """
    if not isinstance(name, str):
        raise TypeError(f"A contrast is named by a string such as 'T2w', got {name!r}.")
    for candidate in _candidates(name):
        if candidate in _FAMILY_OF:
            return _FAMILY_OF[candidate].contrast
    near = get_close_matches(_normalise(name), list(_FAMILY_OF), n=1, cutoff=0.75)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    looks = "; ".join(f"{f.contrast}: {f.looks}" for f in FAMILIES.values())
    raise ValueError(
        f"The contrast {name!r} is unknown.{hint} Look at the image and choose what it resembles "
        f"most ({looks})."
    )


def check_contrast(contrast: str | None) -> str:
    """Return the method's contrast for any known name; refuse None with the four choices."""
    if contrast is None:
        looks = "; ".join(f"{f.contrast!r}: {f.looks}" for f in FAMILIES.values())
        raise ValueError(f"This method must be told the contrast ({looks}). Pass contrast=….")
    return closest_contrast(contrast)


def doubt(contrast: str, cord: str) -> str:
    """Say of a bright or dark `cord` that it is not what `contrast` expects; "" if it is."""
    if CORD[contrast] == cord:
        return ""
    others = " or ".join(repr(name) for name, look in CORD.items() if look == cord)
    return (
        f"The cord looks {cord} here, so contrast {contrast!r} may be wrong. Look at the image: a "
        f"{cord} cord is run as {others}."
    )


@dataclass(frozen=True)
class ContrastGuess:
    """What an image looks like around a cord mask.

    Attributes
    ----------
    cord : str
        "bright" or "dark" against its ring.
    candidates : tuple of str
        The methods that fit: ("t1", "dwi") or ("t2", "t2s").
    ratio : float
        Median intensity of the ring over that of the cord (no unit); above 1 the cord is dark.
    agreement : float
        Fraction of slices, 0.5 to 1, that say the same; below 0.7 look at the image yourself.
    """

    cord: str
    candidates: tuple[str, str]
    ratio: float
    agreement: float


def guess_contrast(image: ImageLike, seg: ImageLike) -> ContrastGuess:
    """Guess from the picture whether an image is T1/DWI-like or T2/T2*-like, given a mask.

    Compares, slice by slice, the cord's interior with a ring 1 to 3 mm outside the mask, where
    the CSF lies. The picture alone tells bright cord from dark cord, no more than that.

    Parameters
    ----------
    image, seg : path or nibabel image
        The 3-D image and its cord mask on the same grid.

    Returns
    -------
    ContrastGuess

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> y, x = np.mgrid[-15:16, -15:16]
    >>> cord = np.repeat((np.hypot(x, y) < 5)[..., None], 4, axis=2)
    >>> t2w = nib.Nifti1Image(np.where(cord, 100.0, 300.0), np.eye(4))
    >>> cv.guess_contrast(t2w, nib.Nifti1Image(cord.astype("u1"), np.eye(4))).candidates
    ('t2', 't2s')
    """
    from scipy.ndimage import distance_transform_edt, find_objects

    img, mask = load_image(image), load_mask(seg)
    check_same_grid(mask, img, "mask", "image")
    img, mask = reorient(img), reorient(mask)
    data, cord = voxels(img), voxels(mask) > 0.5
    in_plane = spacing_mm(img)[:2]
    for box in find_objects(cord.astype(np.uint8)):  # one, if any: the ring is near
        pads = np.ceil(RING_MM[1] / in_plane).astype(int)
        near = tuple(
            slice(max(part.start - pad, 0), part.stop + pad)
            for part, pad in zip(box[:2], pads, strict=True)
        )
        data, cord = data[near], cord[near]
    ratios = []
    for k in np.flatnonzero(cord.any(axis=(0, 1))):
        outside = distance_transform_edt(~cord[..., k], sampling=in_plane)
        ring = (outside > RING_MM[0]) & (outside <= RING_MM[1])
        if ring.any():
            ratios.append(
                np.median(data[..., k][ring]) / max(np.median(data[..., k][cord[..., k]]), 1e-6)
            )
    if not ratios:
        raise ValueError("No slice of the mask is above 0.5 with a ring around it in the image.")
    ratio = float(np.median(ratios))
    dark = ratio > 1
    return ContrastGuess(
        cord="dark" if dark else "bright",
        candidates=("t2", "t2s") if dark else ("t1", "dwi"),
        ratio=ratio,
        agreement=float(np.mean([(r > 1) == dark for r in ratios])),
    )


def _candidates(name: str) -> list[str]:
    """Spellings to look up, most telling first; a BIDS file name gives its mt- and acq- words."""
    stem = re.sub(r"\.nii(\.gz)?$", "", name.strip().replace("\\", "/").split("/")[-1])
    *entities, suffix = stem.split("_")
    told = [word.split("-", 1) for word in entities if word.startswith(("mt-", "acq-"))]
    tags = [value if key == "acq" else key + value for key, value in told]
    if not suffix.upper().startswith("MT"):  # acq- may say anything; of MT it says on, off or T1w
        tags = []
    return [_normalise(spelling) for spelling in (stem, *tags, suffix)]


def _normalise(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().replace("*", "star"))
