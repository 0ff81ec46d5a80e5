"""Area and shape of a cord mask, a row per slice."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from nibabel.affines import voxel_sizes

from .._validation import ROUNDING, check_same_grid
from ..centerline import (
    Centerline,
    bounding_box,
    opened_in_las,
    sct_curve,
    slice_centres,
    smooth_curve,
)
from ..images import ImageLike, read_image
from ..levels import slice_levels
from .aggregate import MEASURES
from .sct_csv import slice_ranges
from .slice_shape import NEAR_ZERO, Stack, measure_sct, measure_true

if TYPE_CHECKING:
    import pandas as pd
    from nibabel.nifti1 import Nifti1Image

STEEP_DEG = 45.0


def measure_shape(
    seg: ImageLike,
    *,
    levels: ImageLike | None = None,
    sd: ImageLike | None = None,
    angle_correction: bool = True,
    centerline: Centerline | ImageLike | None = None,
    normalize_slices: bool = False,
) -> pd.DataFrame:
    """Measure cross-sectional area (CSA) and shape of a cord mask, slice by slice.

    Parameters
    ----------
    seg : str, Path or nibabel image
        Mask, hard or soft, any dtype and orientation, values in [0, 1] (fraction of cord).
    levels : str, Path or nibabel image, optional
        Label image of vertebral levels on the grid of `seg` (2 = C2, 8 = T1 …), for example from
        `levels_from_discs`. A slice gets the rounded mean of its labels.
    sd : str, Path or nibabel image, optional
        Standard deviation of `seg`, on its grid, as ``segment_cord(..., uncertainty=True)`` gives
        it: adds the column area_sd_mm2.
    angle_correction : bool
        Correct for the angle between cord and slice normal.
    centerline : Centerline, str, Path or nibabel image, optional
        Whose tangents to use: a fitted `Centerline`, or a mask on the same grid (the cord, where
        `seg` is grey matter). By default the centreline of `seg`.
    normalize_slices : bool
        False: weights count as they stand. True: the arithmetic of ``sct_process_segmentation``
        of the Spinal Cord Toolbox (SCT), for parity. It stretches each slice to a peak of 1,
        which inflates a soft slice that peaks below 1.

    Returns
    -------
    pandas.DataFrame
        A row per slice of the image, in nibabel-LAS order (SCT's RPI), slice 0 inferior. NaN
        where there is no mask. Columns: slice, level (NaN without one), area_mm2, angle_AP_deg,
        angle_RL_deg, diameter_AP_mm, diameter_AP_ellipse_mm, diameter_RL_mm, length_anterior_mm,
        length_posterior_mm, eccentricity, orientation_deg, solidity, length_mm; with `sd` also
        area_sd_mm2.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        Mask missing, empty, negative, NaN or above 1; levels, sd or centreline on another grid;
        sd above 0.71, as a mask is; centreline shorter than the mask.

    Warns
    -----
    UserWarning
        Once each, with the slices: several pieces in a slice (measured together), gap, mask
        touching the side of the image, slice of one pixel, slice never above 0.5 (no shape),
        cord steeper than 45° to the slice normal, single slice (no angle).

    Notes
    -----
    The area is Σ w · px · py · cos θ, with θ the true angle between the centreline's tangent and
    the slice normal; its standard deviation is the same sum over `sd`, whose voxels err together
    along an edge. The angles are θ_AP = atan2(dx · px, pz) and θ_RL = atan2(dy · py, pz).
    Diameters, lengths, eccentricity, orientation and solidity come from the slice scaled by
    cos θ_RL along AP and cos θ_AP along RL, interpolated linearly to 0.1 mm: diameter_AP is the
    mean AP extent over 3 mm, after turning the long axis to RL, split at the centroid into
    length_anterior and length_posterior; diameter_AP_ellipse and diameter_RL are the axes of the
    ellipse with the second moments of the > 0.5 region; orientation is the angle of its long axis
    from RL; length is pz / (cos θ_AP · cos θ_RL). Under a tilt about both axes the product of two
    cosines, which SCT uses for the area too, is too small: by 1 % at 30° along the diagonal, where
    the diameters are off by 7 to 9 %.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> seg = np.zeros((30, 30, 12), np.uint8)
    >>> seg[10:20, 10:18] = 1
    >>> table = cv.measure_shape(nib.Nifti1Image(seg, np.diag([0.5, 0.5, 2.0, 1.0])))
    >>> float(table.area_mm2.mean().round(6))
    20.0
    """
    import pandas as pd

    img = read_image(seg, name="mask")
    data, affine = opened_in_las(img)
    pixel = np.round(voxel_sizes(affine), 6)  # float32 headers: 0.800000012
    slices, centres, weight = slice_centres(data)
    x, y, _ = bounding_box(data)
    values = np.ascontiguousarray(data[x, y][..., slices].transpose(2, 0, 1), dtype=float)
    stack = Stack(values, (x.start, y.start), data.shape[:2], (pixel[0], pixel[1]))
    table = pd.DataFrame({"slice": np.arange(data.shape[2])})
    table["level"] = np.nan
    if levels is not None:
        level_map = read_image(levels, name="level map")
        check_same_grid(level_map, img, "level map", "mask")
        table["level"] = slice_levels(level_map)
    table[list(MEASURES)] = np.nan

    tangent = np.broadcast_to([0.0, 0.0, 1.0], (len(slices), 3))
    known = np.ones(len(slices), bool)
    if angle_correction:
        if centerline is None:
            fitted = (
                sct_curve(data, affine)
                if normalize_slices
                else smooth_curve(slices, centres, weight, affine)
            )
        else:
            fitted = _given_curve(centerline, img, affine, normalize_slices)
        tangent, known = _tangents(fitted, slices)
    angle = np.arctan2(tangent[:, :2], tangent[:, 2:])
    scale = np.cos(angle)  # a tilt about AP (θ_AP) shortens x, one about RL shortens y
    shape = (measure_sct if normalize_slices else measure_true)(stack, scale)
    area = shape.pop("sum_mm2")
    if not normalize_slices:
        area = stack.values.sum(axis=(1, 2)) * pixel[0] * pixel[1] * tangent[:, 2]
        for values in shape.values():  # SCT measures the diamond that it makes of one pixel
            values[_single_pixel(stack)] = np.nan
    result = {
        "area_mm2": area,
        "angle_AP_deg": np.where(known, np.degrees(angle[:, 0]), np.nan),
        "angle_RL_deg": np.where(known, np.degrees(angle[:, 1]), np.nan),
        "length_mm": pixel[2] / np.cos(angle).prod(axis=1),
        **shape,
    }
    if sd is not None:
        spread = _on_grid_of(img, sd, "standard deviation")[0]
        if (highest := spread.max()) > 0.5**0.5 + ROUNDING:  # even that of a 0 and a 1
            raise ValueError(
                f"sd= has values up to {highest:g}; a standard deviation is at most 0.71. Is this "
                "a mask? Give the second image of segment_cord(…, uncertainty=True)."
            )
        sums = spread[..., slices].sum(axis=(0, 1))
        result["area_sd_mm2"] = sums * pixel[0] * pixel[1] * tangent[:, 2]
    for name, values in result.items():
        table.loc[slices, name] = values
    table.attrs["mask"] = str(img.get_filename() or "")
    _warn(stack, slices, result, known)
    return table


def _given_curve(
    centerline: Centerline | ImageLike, mask: Nifti1Image, las: np.ndarray, normalize_slices: bool
) -> Centerline:
    if isinstance(centerline, Centerline):
        if not np.allclose(centerline.affine, las, atol=1e-3):
            raise ValueError(
                "The centreline is of another grid than the mask; make it of a mask on this grid."
            )
        return centerline
    data, affine = _on_grid_of(mask, centerline, "centreline mask")
    if normalize_slices:
        return sct_curve(data, affine, resampled=True)
    return smooth_curve(*slice_centres(data), affine)


def _on_grid_of(mask: Nifti1Image, other: ImageLike, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Voxels in LAS order of another image of values in [0, 1], and its LAS affine."""
    img = read_image(other, name=name)
    check_same_grid(img, mask, name, "mask")
    return opened_in_las(img, name=name)


def _tangents(curve: Centerline, slices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tangents at `slices`, upright where the curve has none, and where it has one."""
    missing = np.setdiff1d(slices, curve.slices)
    if missing.size:
        raise ValueError(
            f"The centreline does not reach slices {slice_ranges(missing)} of the mask. Give a "
            "longer one, or pass angle_correction=False."
        )
    tangent = curve.tangents[slices - curve.slices[0]]
    known = np.isfinite(tangent).all(axis=1)
    return np.where(known[:, None], tangent, [0.0, 0.0, 1.0]), known


def _single_pixel(stack: Stack) -> np.ndarray:
    return (stack.values > NEAR_ZERO).sum(axis=(1, 2)) == 1


def _pieces(stack: Stack) -> np.ndarray:
    """Number of separate pieces in each slice."""
    from scipy.ndimage import generate_binary_structure, label

    in_plane = generate_binary_structure(3, 3)
    in_plane[[0, 2]] = False
    pieces, _ = label(stack.values > 0.5, in_plane)  # numbered slice by slice
    return np.diff(np.maximum.accumulate(pieces.max(axis=(1, 2))), prepend=0)


def _at_side(stack: Stack) -> np.ndarray:
    """Whether the mask touches the side of the image, for each slice."""
    side = np.zeros(len(stack.values), bool)
    for axis, size in enumerate(stack.shape):
        first = stack.origin[axis]
        last = first + stack.values.shape[1 + axis] - 1
        for place, index in ((first, 0), (last, -1)):
            if place in (0, size - 1):
                side |= (stack.values.take(index, axis=1 + axis) >= 0.5).any(axis=1)
    return side


def _warn(
    stack: Stack, slices: np.ndarray, result: dict[str, np.ndarray], known: np.ndarray
) -> None:
    """One warning for each thing that makes a number doubtful."""

    def say(where: np.ndarray, text: str) -> None:
        if len(where):
            warnings.warn(f"Slices {slice_ranges(where)}: {text}", stacklevel=4)

    say(slices[_pieces(stack) > 1], "the mask is in several pieces; they are measured together.")
    gap = np.setdiff1d(np.arange(slices[0], slices[-1]), slices)
    say(gap, "there is a gap in the mask; these slices are NaN.")
    say(
        slices[_at_side(stack)],
        "the mask touches the side of the image, so the cord may leave the field of view; its "
        "area is a lower bound.",
    )
    single = _single_pixel(stack)
    say(slices[single], "the mask is a single pixel, which has an area but hardly a shape.")
    say(
        slices[np.isnan(result["eccentricity"]) & ~single],
        "no pixel rises above 0.5 (or, with normalize_slices, above the rest of the slice), so "
        "there is no shape (NaN).",
    )
    tilt = np.maximum(np.abs(result["angle_AP_deg"]), np.abs(result["angle_RL_deg"]))
    with np.errstate(invalid="ignore"):
        steep = tilt > STEEP_DEG
    say(
        slices[steep],
        f"the cord is tilted by more than {STEEP_DEG:g}° to the slice normal, too steep to "
        "correct. Is the orientation in the header right? Slices are cut across the axis "
        "nearest to inferior–superior.",
    )
    say(
        slices[~known],
        "one slice tells nothing of the cord's tilt: angles are NaN and the area is not "
        "corrected. Pass centerline=, or angle_correction=False if that is meant.",
    )
