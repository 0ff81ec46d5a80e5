"""Load NIfTI images: any orientation outside, RAS inside, the caller's grid kept."""

from __future__ import annotations

import hashlib
import os
import warnings
import zlib
from typing import Any, cast

import nibabel as nib
import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.filebasedimages import ImageFileError
from nibabel.nifti1 import Nifti1Image
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from ._files import at_home
from ._series import BValues, reduce_series
from ._validation import check_3d, check_image, check_spatial, clean_mask

ImageLike = str | os.PathLike[str] | Nifti1Image


def read_image(image: ImageLike, *, name: str = "image") -> Nifti1Image:
    """Open a NIfTI image without looking at its intensities.

    Parameters
    ----------
    image : str, Path or nibabel NIfTI image
        A ``.nii`` or ``.nii.gz`` file of any dtype, or an image that is open already.
    name : str
        What the image is called in error messages.

    Returns
    -------
    nibabel.Nifti1Image
        Any number of dimensions, any orientation, voxels not read yet.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        No such file; not an image; not NIfTI, or a singular affine.
    """
    if isinstance(image, nib.nifti1.Nifti1Pair):
        img = image
    elif isinstance(image, (str, os.PathLike)):
        path = at_home(image)
        if path.is_dir():
            raise ValueError(f"{path} is a folder; give a NIfTI file (DICOM: run dcm2niix first).")
        if not path.is_file():
            raise FileNotFoundError(f"There is no {name} at {path}.")
        try:
            loaded: Any = nib.load(path)
        except Exception as error:  # nibabel raises many types on bytes it does not know
            raise ValueError(_unreadable(path, name, error)) from error
        if not isinstance(loaded, nib.nifti1.Nifti1Pair):
            raise ValueError(
                f"{path} is not NIfTI but {type(loaded).__name__}. Convert it to .nii or .nii.gz "
                "first (DICOM: dcm2niix)."
            )
        img = cast(Nifti1Image, loaded)
    else:
        raise TypeError(
            f"Expected the {name} as a path or a nibabel NIfTI image, got {type(image).__name__}."
        )
    if img.get_data_dtype().fields is not None or img.get_data_dtype().kind == "c":
        raise ValueError(f"The {name} has colour or complex voxels; expected one number per voxel.")
    check_spatial(img, name)
    if not (img.header["qform_code"] or img.header["sform_code"]):
        warnings.warn(
            f"The header of the {name} says nothing of orientation (qform_code and sform_code are "
            "0), so which axis runs along the cord is a guess. Set its sform first.",
            stacklevel=3,
        )
    return img


def voxels(img: Nifti1Image, *, dtype: Any = np.float32, name: str = "image") -> np.ndarray:
    """Read the voxels of an image, scl_slope and scl_inter applied, as `dtype`."""
    try:
        return np.asanyarray(img.dataobj).astype(dtype, copy=False)
    except (OSError, EOFError, zlib.error, ValueError, OverflowError, MemoryError) as error:
        raise ValueError(_unreadable(img.get_filename(), name, error)) from error


def one_volume(img: Nifti1Image, *, dtype: Any = np.float32, name: str = "image") -> np.ndarray:
    """Read the voxels of a 3-D image, or of a 4-D one that holds a single volume."""
    shape = img.shape[:3] if len(img.shape) == 4 and img.shape[3] == 1 else img.shape
    check_3d(shape, name)
    return voxels(img, dtype=dtype, name=name).reshape(shape, order="A")


def labels_of(img: Nifti1Image, *, name: str = "image") -> np.ndarray:
    """Read the voxels of a mask or label image in its own dtype: a large uint8 stays small."""
    scaled = getattr(img.dataobj, "slope", 1) != 1 or getattr(img.dataobj, "inter", 0) != 0
    return one_volume(img, dtype=np.float32 if scaled else img.get_data_dtype(), name=name)


def load_image(
    image: ImageLike,
    *,
    reduce: str | int | None = None,
    bvals: BValues | None = None,
) -> Nifti1Image:
    """Load an MR image as 3-D float32 on its own grid.

    Parameters
    ----------
    image : str, Path or nibabel NIfTI image
        3-D or 4-D, any orientation, dtype and scaling.
    reduce : {"mean", "rms", "dwi"} or int, optional
        How a 4-D image becomes 3-D: mean over volumes (fMRI), root mean square (echoes), mean of
        the diffusion-weighted volumes (needs `bvals`), or the index of one volume. Must be given
        for a 4-D image with more than one volume.
    bvals : path or sequence of float, optional
        b-values in s/mm², one per volume; volumes above 100 s/mm² count as diffusion-weighted.
        By default the ``.bval`` file beside the image.

    Returns
    -------
    nibabel.Nifti1Image
        Shape (I, J, K), float32, with the affine and the qform and sform codes of the input.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        File missing, truncated or not NIfTI; 2-D or undeclared 4-D; NaN or constant intensities;
        singular affine.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> echoes = nib.Nifti1Image(np.random.default_rng(0).random((4, 5, 6, 3)), np.eye(4))
    >>> cv.load_image(echoes, reduce="rms").shape
    (4, 5, 6)
    """
    img = read_image(image)
    if len(img.shape) == 4 and reduce is not None:
        data = reduce_series(voxels(img), reduce, bvals=bvals, file=img.get_filename())
        check_3d(data.shape)
    else:
        data = one_volume(img)
        if len(img.shape) == 3 and (bvals is not None or reduce is not None):
            raise ValueError("The image is 3-D already; reduce and bvals are for 4-D images.")
    check_image(data)
    how = (img.extra or {}).get("Reduction") if reduce is None else reduce
    loaded = on_grid(data, img, extra=None if how is None else {"Reduction": how})
    if file := img.get_filename():
        loaded.set_filename(file)  # for provenance: sidecars name it
        _doubt_mask(data)  # of a file only: an array in memory may be drawn for a figure
    return loaded


def load_mask(mask: ImageLike, *, name: str = "mask") -> Nifti1Image:
    """Load a mask (hard or soft, any dtype) as 3-D float32 in [0, 1] on its own grid.

    Raises ValueError where it is empty, negative, NaN or above 1.
    """
    img = read_image(mask, name=name)
    return on_grid(clean_mask(one_volume(img, name=name), name), img)


def on_grid(data: np.ndarray, like: Nifti1Image, *, extra: dict | None = None) -> Nifti1Image:
    """Put voxels of shape (I, J, K) on the grid of `like`, its header geometry kept bit for bit."""
    header = like.header.copy()
    header.set_data_shape(data.shape)
    header.set_data_dtype(data.dtype)
    header.set_slope_inter(1, 0)
    header["cal_min"] = header["cal_max"] = 0
    return type(like)(data, like.affine, header, extra=extra)


def spacing_mm(img: Nifti1Image) -> np.ndarray:
    """Voxel size along each array axis in mm, from the affine, shape (3,)."""
    return voxel_sizes(img.affine)


def reorient(img: Nifti1Image, codes: str = "RAS") -> Nifti1Image:
    """Flip and permute the axes to the nearest `codes` (nibabel letters); no interpolation."""
    return img.as_reoriented(_to_codes(img, codes))


def restore(
    data: np.ndarray, like: Nifti1Image, codes: str = "RAS", *, extra: dict | None = None
) -> Nifti1Image:
    """Undo `reorient`: voxels in `codes` order back onto the grid of `like`."""
    back = ornt_transform(axcodes2ornt(codes), io_orientation(like.affine))
    return on_grid(np.ascontiguousarray(nib.apply_orientation(data, back)), like, extra=extra)


def resample_to(
    image: ImageLike, target: ImageLike, *, interpolation: str = "continuous"
) -> Nifti1Image:
    """Resample an image onto the grid of another with ``nilearn.image.resample_to_img``.

    Parameters
    ----------
    image, target : str, Path or nibabel NIfTI image
        3-D. Outside the field of view of `image` the result is 0.
    interpolation : {"continuous", "linear", "nearest"}
        Cubic spline, trilinear, or nearest neighbour (labels).
    """
    from nilearn.image import resample_to_img

    img, target_img = read_image(image), read_image(target, name="target")
    resampled = resample_to_img(
        img, target_img, interpolation=interpolation, copy_header=True, force_resample=False
    )
    # nilearn leaves an image as it is that is off by some µm
    return type(resampled)(resampled.dataobj, target_img.affine, resampled.header)


def sha256_of(img: Nifti1Image) -> str:
    """Hash of voxels and affine, the same for the same image whatever file it came from."""
    # float32 is what a NIfTI file keeps of an affine, and what this package keeps of voxels
    digest = hashlib.sha256(np.ascontiguousarray(voxels(img), dtype="<f4").tobytes())
    digest.update(np.asarray(img.affine, dtype="<f4").tobytes())
    return digest.hexdigest()


def _to_codes(img: Nifti1Image, codes: str) -> np.ndarray:
    return ornt_transform(io_orientation(img.affine), axcodes2ornt(codes))


def _doubt_mask(data: np.ndarray) -> None:
    """Warn of an image that is black and white."""
    low, high = data.min(), data.max()
    if low == 0 and ((data == low) | (data == high)).all():
        warnings.warn(
            f"The image has two values only, 0 and {high:g}: is this a mask? Give the MR image.",
            stacklevel=3,
        )


def _unreadable(path: Any, name: str, error: BaseException) -> str:
    other = " Convert other formats to .nii or .nii.gz first (DICOM: dcm2niix)."
    return (
        f"The {name} {path} cannot be read: it is truncated, corrupt or not NIfTI "
        f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no detail'})."
        + (other if isinstance(error, ImageFileError) else "")
    )
