"""Checks of what comes in: each says what was expected, what came and what to do."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image

AFFINE_TOLERANCE_MM = 1e-3
ROUNDING = 1e-4  # of a mask: resampling may undershoot 0 and overshoot 1


def check_spatial(img: Nifti1Image, name: str = "image") -> None:
    """Refuse an image whose affine does not place its voxels in space."""
    affine = img.affine
    if affine is None or not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-12:
        raise ValueError(
            f"The affine of the {name} is singular or not finite, so its voxels have no size or "
            "position in mm. Repair the NIfTI header (sform/qform) first."
        )
    axes = affine[:3, :3]
    size = np.linalg.norm(axes, axis=0)
    if size.min() < 0.02 or size.max() > 50:
        raise ValueError(
            f"The voxels of the {name} measure {' × '.join(f'{s:g}' for s in size)} mm, which "
            "cannot be a neck. Is the header in µm or m? Correct it to mm."
        )
    told = np.asarray(img.header.get_zooms()[:3], dtype=float)
    if told.size == 3 and (np.abs(told - size) > 0.01 * size).any():
        warnings.warn(
            f"The header of the {name} gives two sizes of a voxel: "
            f"{' × '.join(f'{s:.3g}' for s in told)} mm (pixdim) and "
            f"{' × '.join(f'{s:.3g}' for s in size)} mm (affine). The affine is used; repair the "
            "header if that is wrong.",
            stacklevel=4,
        )
    cosines = (axes / size).T @ (axes / size) - np.eye(3)
    if np.abs(cosines).max() > 0.02:
        shear = np.degrees(np.arcsin(np.abs(cosines).max()))
        warnings.warn(
            f"The axes of the {name} are sheared by {shear:.1f}°, so areas and angles will be "
            "wrong. Resample it to perpendicular axes first (nilearn.image.resample_img).",
            stacklevel=4,
        )


def names_of(given: str | Iterable[str]) -> list[str]:
    """One name, or several."""
    return [given] if isinstance(given, str) else list(given)


def check_3d(shape: tuple[int, ...], name: str = "image") -> None:
    """Refuse anything but a 3-D shape without an empty axis."""
    if len(shape) == 4:
        raise ValueError(
            f"The {name} is 4-D {shape}; expected 3-D. Make it 3-D with load_image: reduce='mean' "
            "for fMRI, reduce='rms' for echoes, reduce='dwi' with bvals for diffusion, or reduce=0 "
            "for the first volume alone (of masks and labels, too)."
        )
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"Expected a 3-D {name}, got {len(shape)}-D with shape {shape}.")


def check_finite(data: np.ndarray, name: str = "image") -> None:
    """Refuse NaN and infinite voxels."""
    if not np.isfinite([data.min(), data.max()]).all():  # min and max propagate NaN
        raise ValueError(
            f"The {name} has {int(np.count_nonzero(~np.isfinite(data)))} NaN or infinite voxels. "
            "Replace them first (for example with numpy.nan_to_num)."
        )


def check_image(data: np.ndarray, name: str = "image") -> None:
    """Refuse intensities that cannot show a cord: NaN, infinite or constant."""
    check_finite(data, name)
    low, high = float(data.min()), float(data.max())
    if low == high:
        raise ValueError(
            f"The {name} is constant (every voxel is {low:g}): there is nothing in it."
        )


def check_mask(data: np.ndarray, name: str = "mask") -> None:
    """Refuse a mask that is not a fraction of cord per voxel, in [0, 1] and not empty."""
    low, high = float(data.min()), float(data.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"The {name} has NaN or infinite voxels; expected values from 0 to 1.")
    if low < -ROUNDING:
        raise ValueError(f"The {name} has negative values (lowest {low:g}); expected 0 to 1.")
    if high < ROUNDING:
        raise ValueError(f"The {name} is empty: no voxel is above 0.")
    if high > 1 + ROUNDING:
        raise ValueError(
            f"The {name} has values above 1 (highest {high:g}); expected 0 to 1. A mask stored as "
            "0/255 must be divided by 255; of a label image, choose one label (img == label)."
        )


def clean_mask(data: np.ndarray, name: str = "mask") -> np.ndarray:
    """Check a mask, and make 0 of what is 0 but for rounding: everything above 0 counts as cord."""
    check_mask(data, name)
    if data.dtype.kind != "f" or not (rest := (data != 0) & (data < ROUNDING)).any():
        return data
    return np.where(rest, data.dtype.type(0), data)


def check_same_grid(img: Any, reference: Any, name: str, reference_name: str) -> None:
    """Refuse an image that does not lie voxel for voxel on the grid of another."""
    if img.shape[:3] != reference.shape[:3]:
        raise ValueError(
            f"The {name} has shape {img.shape[:3]} but the {reference_name} has "
            f"{reference.shape[:3]}. Bring it onto that grid first: cordviz.images.resample_to "
            "(interpolation='linear' for masks, 'nearest' for labels)."
        )
    shift = np.abs(img.affine - reference.affine).max()
    if not shift <= AFFINE_TOLERANCE_MM:
        raise ValueError(
            f"The {name} and the {reference_name} have the same shape but other affines (they "
            f"differ by up to {shift:.3g}). Bring one onto the other's grid: "
            "cordviz.images.resample_to (interpolation='linear' for masks, 'nearest' for labels)."
        )


def check_point(value: Any, message: str) -> np.ndarray:
    """Three finite numbers as an array; anything else is refused with a message."""
    try:
        point = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        point = np.empty(0)
    if point.shape != (3,) or not np.isfinite(point).all():
        raise ValueError(message)
    return point


def check_choice(value: Any, choices: Collection[str], name: str) -> None:
    """Refuse a value outside `choices`, with the nearest spelling as a hint."""
    if isinstance(value, str) and value in choices:
        return
    near = get_close_matches(str(value), list(choices), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{name} must be one of {', '.join(choices)}; got {value!r}.{hint}")


def check_threshold(threshold: Any) -> None:
    """Refuse a threshold outside the open interval (0, 1)."""
    if threshold is None:
        return
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float, np.number)):
        raise TypeError(f"threshold must be a number between 0 and 1 or None, got {threshold!r}.")
    if not 0 < threshold < 1:
        raise ValueError(
            f"threshold must lie between 0 and 1 (both excluded), got {threshold:g}. "
            "0.5 is half a voxel of cord; None keeps the soft mask."
        )
