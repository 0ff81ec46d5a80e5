"""Read NIfTI images from bytes in memory: small enough, whole, 3-D, or refused in one sentence."""

from __future__ import annotations

import gzip
import io
import math
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.nifti1 import Nifti1Image

from .._validation import check_same_grid
from ..datasets.sessions import contrast_in
from ..images import load_image, load_mask, read_image

LIMIT_MB = 200  #: of all files together
MOST_VOXELS = 64_000_000  #: of an image: 256 MB in memory as float32
MOST_BEFORE = 10_000_000  #: bytes of extensions before the voxels
HEADER_BYTES = 540  #: hold the header of NIfTI-1 (348) and of NIfTI-2
CONTRASTS = ("T1w", "T2w", "T2star", "MT-on", "MT-off", "GRE-T1w", "DWI", "fMRI")


@dataclass
class Upload:
    """A file that was read; role and contrast are told from its name, as BIDS and SCT write it."""

    name: str  # without folders
    data: Nifti1Image  # in memory: float32 for images and masks, labels as they are
    role: str  # image, mask, discs or levels
    contrast: str  # "" where the name says nothing
    bytes: int  # of the file


def check_name(name: str) -> None:
    """Refuse what is not NIfTI by its name, before a byte of it is sent."""
    if name.lower().endswith((".dcm", ".ima")):
        raise ValueError("DICOM is not read here; convert the series to NIfTI first (dcm2niix).")
    if not name.lower().endswith((".nii", ".nii.gz")):
        raise ValueError("expected a NIfTI file, .nii or .nii.gz.")
    if re.search(r"(?<!sub-)(gm|wm|csf|lesion)[_-]?seg|label-(gm|wm|csf|lesion)", name.lower()):
        raise ValueError("by its name no mask of the whole cord, which is what is measured here.")


def read_upload(name: str, content: bytes) -> Upload:
    """Read one NIfTI file from memory, writing nothing; ValueError says what is wrong with it."""
    name = PurePosixPath(name.replace("\\", "/")).name
    check_name(name)
    if not content:
        raise ValueError("the file is empty (0 bytes).")
    image = _open(content)
    if len(image.shape) == 4 and image.shape[3] > 1:
        raise ValueError(
            f"the image is 4-D with {image.shape[3]} volumes; this page takes 3-D. Average or "
            "choose volumes first, for example cordviz.load_image(path, reduce='mean')."
        )
    role = role_of(name)
    if role == "image":
        data = load_image(image)
    elif role == "mask":
        data = load_mask(image)
    else:
        data = read_image(image, name=f"{role} file")
        labels = np.asarray(data.dataobj)
        if len(data.shape) != 3 or not labels.any() or (labels != np.rint(labels)).any():
            raise ValueError(f"expected {role} as whole numbers in a 3-D image, at least one.")
    return Upload(name, data, role, contrast_of(name), len(content))


def problem_of(uploads: list[Upload]) -> str:
    """What keeps files from being compared with each other, "" where nothing does."""
    images = [upload for upload in uploads if upload.role == "image"]
    known = {upload.contrast: upload for upload in images}
    if not uploads:
        return ""
    if not images:
        return "There is no image among the files yet."
    if len(known) < len(images):
        return "Two images have the same contrast: say which is which, or remove one."
    first: dict[tuple[str, str], Upload] = {}
    for upload in uploads:
        image = known.get(upload.contrast) or (images[0] if len(images) == 1 else None)
        if image is None:
            return f"{upload.name}: of which image? Choose its contrast."
        if upload.role == "mask" and not same_grid(upload.data, image.data):
            sizes = (" × ".join(map(str, it.data.shape[:3])) for it in (upload, image))
            return (
                f"{upload.name} does not lie on the grid of {image.name} "
                f"({' against '.join(sizes)} voxels, or another place). Resample it onto that "
                "image, or remove it."
            )
        kind = "levels" if upload.role == "discs" else upload.role  # discs are made into levels
        other = first.setdefault((image.name, kind), upload)
        if other is not upload:
            return (
                f"{other.name} and {upload.name} both give the {kind} of {image.name}: say which "
                "is of another contrast, or remove one."
            )
    return ""


def same_grid(one: Nifti1Image, other: Nifti1Image) -> bool:
    """Whether two images lie on each other voxel for voxel."""
    try:
        check_same_grid(one, other, "one", "other")
    except ValueError:
        return False
    return True


def role_of(name: str) -> str:
    """What a file holds, by its name."""
    stem = name.lower()
    if "disc" in stem:
        return "discs"
    if re.search(r"level|seg(-manual)?_labeled", stem):  # as SCT writes them
        return "levels"
    return "mask" if re.search(r"seg|mask|label-sc", stem) else "image"


def contrast_of(name: str) -> str:
    """Name of the contrast in a file's name, "" if there is none."""
    if known := contrast_in(name):
        return known
    stem = re.sub(r"\.nii(\.gz)?$", "", name, flags=re.IGNORECASE)
    words = re.split(r"[_\s]|(?:mt|acq)-", stem)
    spelt = {re.sub("[^a-z0-9]", "", c.lower()): c for c in CONTRASTS}
    spelt |= {"t1": "T1w", "t2": "T2w", "t2s": "T2star", "mt1": "MT-on", "mt0": "MT-off"}
    spelt |= {"on": "MT-on", "off": "MT-off", "dmri": "DWI", "bold": "fMRI", "mtt1": "GRE-T1w"}
    told = (spelt.get(re.sub("[^a-z0-9]", "", word.lower())) for word in reversed(words))
    return next(filter(None, told), "")


def _open(content: bytes) -> Nifti1Image:
    """The image in `content`; its header is looked at before anything large is unpacked."""
    if content[128:132] == b"DICM":
        raise ValueError("this is DICOM; convert the series to NIfTI first (dcm2niix).")
    file: Any = io.BytesIO(content)
    if content[:2] == b"\x1f\x8b":
        file = gzip.GzipFile(fileobj=file)  # unpacked as far as it is read
    try:
        head = file.read(HEADER_BYTES)
        kind = _kind(head)
        header = kind.header_class(head[: kind.header_class.sizeof_hdr], check=False)
        shape = header.get_data_shape()
        before = header.get_data_offset()
        if not 0 <= before <= MOST_BEFORE:
            raise _Refused(
                f"its header puts the voxels {before} bytes into the file; this page takes up to "
                f"{MOST_BEFORE // 1_000_000} million. Save it anew, without extensions."
            )
        if math.prod(shape) > MOST_VOXELS:
            raise _Refused(
                f"the image has {' × '.join(map(str, shape))} voxels; this page takes "
                f"{MOST_VOXELS // 1_000_000} million. Crop it to the neck first."
            )
        file.seek(0)
        end = before + math.prod(shape) * header.get_data_dtype().itemsize
        if len(whole := file.read(end)) < end:
            raise EOFError(f"{len(whole)} of {end} bytes are there")
        image = kind.from_bytes(whole)
        return kind(np.asanyarray(image.dataobj), image.affine, image.header)
    except _Refused:
        raise
    except Exception as error:  # nibabel raises many types on bytes it does not know
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"not a whole NIfTI file: corrupt or truncated ({why}).") from error


class _Refused(ValueError):
    """A sentence for the reader."""


def _kind(head: bytes) -> type[Nifti1Image]:
    if head[344:347] in (b"n+1", b"ni1"):
        return nib.Nifti1Image
    if head[4:7] in (b"n+2", b"ni2"):
        return nib.Nifti2Image
    readable = sum(32 <= byte < 127 or byte in (9, 10, 13) for byte in head) > 0.95 * len(head)
    what = "text" if readable else "no NIfTI header"
    raise _Refused(f"this is not NIfTI inside ({what} found), whatever its name says.")
