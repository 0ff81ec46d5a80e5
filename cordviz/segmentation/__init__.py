"""Segment the cord: one entry point, several methods."""

from __future__ import annotations

import json
import warnings
from functools import partial
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from nibabel.nifti1 import Nifti1Image

from .._validation import check_choice, check_point, check_same_grid, check_threshold
from ..contrasts import check_contrast, doubt, guess_contrast
from ..images import (
    ImageLike,
    load_image,
    load_mask,
    on_grid,
    reorient,
    restore,
    sha256_of,
    spacing_mm,
    voxels,
)
from ..sidecar import SD, made_by_cordviz

METHODS = ("agnostic", "deepseg", "propseg")
LEAST_EXTENT_MM = 18.0  # real images cut to 16 mm around the cord lost a third of the area,
NARROW_MM = 24.0  # to 20 mm up to 13 %, to 24 mm 4 %
SPIKE = 5.0  # times the distance of the outermost half percent of voxels from the median
COARSE_MM = 1.9  # of a pixel: two real T2w images averaged to 2 mm lost 3 % of the area, 4 mm 10 %
HALF, SURE_AGREEMENT = 0.5, 0.7  # of a voxel; of slices that a contrast is doubted for
WEIGHTS = Path(__file__).parent / "weights"


@overload
def segment_cord(
    image: ImageLike, *, method: str = ..., contrast: str | None = ...,
    threshold: float | None = ..., centerline: ImageLike | None = ...,
    seed_mm: tuple[float, float, float] | None = ..., uncertainty: Literal[False] = ...,
    device: str = ..., progress: bool = ...,
) -> Nifti1Image: ...  # fmt: skip
@overload
def segment_cord(
    image: ImageLike, *, method: str = ..., contrast: str | None = ...,
    threshold: float | None = ..., centerline: ImageLike | None = ...,
    seed_mm: tuple[float, float, float] | None = ..., uncertainty: Literal[True],
    device: str = ..., progress: bool = ...,
) -> tuple[Nifti1Image, Nifti1Image]: ...  # fmt: skip
def segment_cord(
    image: ImageLike,
    *,
    method: str = "agnostic",
    contrast: str | None = None,
    threshold: float | None = None,
    centerline: ImageLike | None = None,
    seed_mm: tuple[float, float, float] | None = None,
    uncertainty: bool = False,
    device: str = "auto",
    progress: bool = True,
) -> Nifti1Image | tuple[Nifti1Image, Nifti1Image]:
    """Segment the spinal cord.

    Parameters
    ----------
    image : str, Path or nibabel NIfTI image
        3-D, any orientation and resolution (reduce 4-D first with `load_image`).
    method : {"agnostic", "deepseg", "propseg"}
        ``"agnostic"`` is one network for every contrast. The other two must be told the contrast:
        ``"deepseg"`` is the same network trained on that contrast alone; ``"propseg"`` propagates
        a deformable tube along the cord, after De Leener et al. 2014, NeuroImage 98.
    contrast : str, optional
        ``"t1"``, ``"t2"``, ``"t2s"`` or ``"dwi"``, or any name that `closest_contrast` knows.
    threshold : float, optional
        In (0, 1): return a hard mask, 1 where at least this fraction of the voxel is cord.
    centerline : path or nibabel image, optional
        Mask of the cord's centreline on the grid of `image` (one voxel per slice is enough), for
        images in which the cord is not found without help.
    seed_mm : (x, y, z), optional
        A point inside the cord in mm (nibabel's RAS+ world), for the same purpose.
    uncertainty : bool
        Also return the standard deviation per voxel (networks only). Its sum over a slice times
        the area of a voxel is the standard deviation of the slice's area:
        ``measure_shape(seg, sd=sd)`` gives it in mm².
    device : str
        Where networks run, as torch names it; "auto" takes a GPU if there is one.
    progress : bool
        Show a progress bar where it takes longer than a second.

    Returns
    -------
    nibabel.Nifti1Image
        On the grid and affine of `image`: soft mask, float32 in [0, 1], the fraction of each voxel
        that is cord, or uint8 {0, 1} where a threshold is given. With `uncertainty` a pair: that
        mask and the standard deviation, float32.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        Image that cannot be used (see `load_image`); unknown method or contrast, or none given;
        threshold outside (0, 1); a mask that this function made; no cord found.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> y, x = np.mgrid[-20:21, -20:21]
    >>> cord = np.where(np.hypot(x / 6, y / 4) < 1, 100, np.where(np.hypot(x, y) < 11, 300, 50))
    >>> img = nib.Nifti1Image(np.repeat(cord[..., None], 20, axis=2).astype("f4"), np.eye(4))
    >>> seg = cv.segment_cord(img, method="propseg", contrast="t2", threshold=0.5)
    >>> seg.shape, np.unique(seg.get_fdata())
    ((41, 41, 20), array([0., 1.]))
    """
    img = load_image(image)
    check_choice(method, METHODS, "method")
    check_threshold(threshold)
    family = None if method == "agnostic" and contrast is None else check_contrast(contrast)
    if method == "agnostic" and family is not None:
        warnings.warn(
            f"method='agnostic' is told no contrast: {contrast!r} is ignored. Leave it out, or "
            "choose method='deepseg' or 'propseg'.",
            stacklevel=2,
        )
        family = None
    if uncertainty and method == "propseg":
        raise ValueError("propseg gives no uncertainty; use method='agnostic' or 'deepseg'.")
    _refuse_mask(image, img.get_filename())
    hints = _hints(img, centerline, seed_mm)
    ras, model = reorient(img), {}
    _check_extent(ras)
    name = family or "agnostic"
    fraction, sd = _fraction(ras, method, name, hints, uncertainty, device, progress)
    if method != "propseg":
        card = json.loads((WEIGHTS / f"{name}.json").read_text(encoding="utf-8"))
        model = {"Model": {"Name": name, "SHA256": card["sha256"]}}
    if threshold is not None:
        fraction = (fraction >= threshold).astype(np.uint8)
        if not fraction.any():
            raise ValueError(f"No voxel is at least {threshold:g} cord; lower the threshold.")
    file = img.get_filename()
    made = {
        "Method": method,
        **model,
        "Contrast": family,
        "Threshold": threshold,
        **({} if hints is None else {"Hints": _words_of(centerline, seed_mm)}),
        "Source": {"File": file and Path(file).name, **(img.extra or {}), "SHA256": sha256_of(img)},
    }

    if method == "deepseg":
        _doubt_contrast(ras, fraction, str(family))

    def back(values: np.ndarray, **more: str) -> Nifti1Image:
        return restore(values, img, extra={"cordviz": made | more})

    if sd is None:
        return back(fraction)
    return back(fraction), back(sd, Quantity=SD)


def _refuse_mask(image: ImageLike, file: str | None) -> None:
    """Refuse a mask of this package: its edge is a cord's, and a mask would come out."""
    made = (getattr(image, "extra", None) or {}).get("cordviz")
    made = made or (made_by_cordviz(Path(file)) if file else {})
    if method := made.get("Method"):
        raise ValueError(
            f"This image is a mask that segment_cord made ({method}); give the MR image that it "
            "was made of."
        )


def _doubt_contrast(ras: Nifti1Image, fraction: np.ndarray, contrast: str) -> None:
    """Warn of a cord of the other polarity than that of the contrast that was told."""
    mask = on_grid((fraction >= HALF).astype(np.uint8), ras)
    try:
        with warnings.catch_warnings():  # of the image: told when it was loaded
            warnings.simplefilter("ignore")
            guess = guess_contrast(ras, mask)
    except ValueError:  # no ring around the cord: pixels too coarse, or an empty mask
        return
    advice = doubt(contrast, guess.cord)
    if advice and guess.agreement >= SURE_AGREEMENT:
        warnings.warn(advice, stacklevel=3)


def _words_of(centerline: ImageLike | None, seed_mm: tuple[float, ...] | None) -> dict[str, Any]:
    """Hints, for the sidecar."""
    told: dict[str, Any] = {}
    if centerline is not None:
        told["Centerline"] = sha256_of(load_mask(centerline, name="centerline"))
    if seed_mm is not None:
        told["SeedMm"] = [float(v) for v in seed_mm]
    return told


def _check_extent(ras: Nifti1Image) -> None:
    extent = np.array(ras.shape[:2]) * spacing_mm(ras)[:2]
    if extent.min() < LEAST_EXTENT_MM:
        raise ValueError(
            f"The axial slices are only {extent[0]:g} × {extent[1]:g} mm; at least "
            f"{LEAST_EXTENT_MM:g} mm each way are needed to see the cord and its surround."
        )
    if extent.min() < NARROW_MM:
        warnings.warn(
            f"The axial slices are only {extent[0]:.3g} × {extent[1]:.3g} mm. Areas come out too "
            f"small where the border is close to the cord: crop to {NARROW_MM:g} mm or more.",
            stacklevel=3,
        )
    if (pixel := spacing_mm(ras)[:2]).max() > COARSE_MM:
        warnings.warn(
            f"The axial slices have pixels of {pixel[0]:.2g} × {pixel[1]:.2g} mm. Areas come out "
            "too small on such: by about 3 % at 2 mm, 10 % at 4 mm. Take an image with finer ones "
            "(of a sagittal scan, thinner slices).",
            stacklevel=3,
        )


def _unitless(ras: Nifti1Image) -> np.ndarray:
    """Voxels over the largest of them: nothing depends on the unit, nor on a few spikes."""
    data = voxels(ras)
    some = data.ravel()[:: max(1, data.size // 100_000)]
    ground = np.median(some)  # often one value fills half of the image and tells nothing
    if (tissue := some[some != ground]).size:
        low, middle, high = np.percentile(tissue, (0.5, 50, 99.5))
        if reach := SPIKE * max(middle - low, high - middle):
            data = np.clip(data, min(ground, middle - reach), max(ground, middle + reach))
    return data / np.abs(data).max()


def _fraction(
    ras: Nifti1Image,
    method: str,
    name: str,
    hints: np.ndarray | None,
    uncertainty: bool,
    device: str,
    progress: bool,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Soft mask and SD, by a network or by propagation, with a progress bar."""
    from tqdm.auto import tqdm

    bar = partial(tqdm, leave=False, delay=1, disable=not progress)
    data, spacing = _unitless(ras), spacing_mm(ras)
    if method == "propseg":  # needs no torch
        from .propagation import ROUNDS, propagate

        with bar(total=ROUNDS + 1, desc="propseg") as steps:
            return propagate(data, spacing, contrast=name, hints=hints, report=steps.update), None
    from .inference import STEPS, segment_soft

    with bar(total=STEPS, desc=f"network ({name})") as steps:
        return segment_soft(
            data, spacing, WEIGHTS / f"{name}.pt", device=device, start=hints,
            uncertainty=uncertainty, report=steps.update,
        )  # fmt: skip


def _hints(
    img: Nifti1Image, centerline: ImageLike | None, seed_mm: tuple[float, float, float] | None
) -> np.ndarray | None:
    """Known centres per RAS slice, shape (Z, 2), mm from voxel (0, 0), NaN where unknown."""
    if centerline is None and seed_mm is None:
        return None
    ras = reorient(img)
    spacing = spacing_mm(ras)[:2]
    hints = np.full((ras.shape[2], 2), np.nan)
    if centerline is not None:
        line = load_mask(centerline, name="centerline")
        check_same_grid(line, img, "centerline", "image")
        weight = voxels(reorient(line))
        total = weight.sum(axis=(0, 1))
        known = total > 0
        for axis in (0, 1):
            across = np.arange(weight.shape[axis]) @ weight.sum(axis=1 - axis)
            hints[known, axis] = across[known] / total[known] * spacing[axis]
    if seed_mm is not None:
        wanted = f"seed_mm must be three numbers (x, y, z) in mm, got {seed_mm!r}."
        point = check_point(seed_mm, wanted)
        voxel = np.linalg.inv(ras.affine) @ np.append(point, 1)
        index = np.rint(voxel[:3]).astype(int)
        if (index < 0).any() or (index >= ras.shape).any():
            raise ValueError(f"seed_mm {tuple(point.tolist())} lies outside the image.")
        hints[index[2]] = voxel[:2] * spacing
    return hints
