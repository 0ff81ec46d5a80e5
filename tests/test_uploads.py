"""Uploads are read from memory, or refused in one sentence, whatever they hold."""

import gzip
import tracemalloc

import nibabel as nib
import numpy as np
import pytest

from cordviz.app.uploads import (
    CONTRASTS,
    MOST_VOXELS,
    check_name,
    contrast_of,
    problem_of,
    read_upload,
    role_of,
)
from cordviz.contrasts import closest_contrast


def nifti(data=None, kind=nib.Nifti1Image, dtype="f4"):
    data = np.random.default_rng(0).normal(100, 9, (7, 8, 9)) if data is None else data
    return kind(data.astype(dtype), np.diag([1, 1, 2, 1])).to_bytes()


def bomb():
    """A gzip file of 300 kB that would unpack to 300 MB."""
    header = nib.Nifti1Image(np.zeros((2, 2, 2), "u1"), np.eye(4)).header
    header.set_data_shape((1000, 1000, 300))
    return gzip.compress(header.binaryblock + bytes(4) + bytes(300_000_000))


def shifted(content, places):
    data = bytearray(content)
    for place, value in places.items():
        data[place] = value
    return bytes(data)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("packed", [True, False])
def test_nifti_of_both_versions_is_read_packed_or_not(kind, packed):
    content = nifti(kind=kind)
    name = "sub-01_T2w.nii.gz" if packed else "sub-01_T2w.nii"
    upload = read_upload(name, gzip.compress(content) if packed else content)
    expected = kind.from_bytes(content).get_fdata()
    np.testing.assert_allclose(upload.data.get_fdata(), expected, rtol=1e-6)
    assert upload.data.get_filename() is None
    assert (upload.role, upload.contrast) == ("image", "T2w")


def late():
    """A gzip file of 100 kB whose voxels come after 100 MB."""
    header = nib.Nifti1Image(np.zeros((2, 2, 2), "u1"), np.eye(4)).header
    header["vox_offset"] = 100_000_000
    return gzip.compress(header.binaryblock + bytes(100_000_000))


def extended(*sizes, offset):
    """A gzip file of a tiny image with extensions of so many bytes."""
    header = nib.Nifti1Image(np.zeros((2, 2, 2), "u1"), np.eye(4)).header
    header["vox_offset"] = offset
    extensions = [np.int32([size, 4]).tobytes() + bytes(size - 8) for size in sizes]
    return gzip.compress(header.binaryblock + b"\1\0\0\0" + b"".join(extensions))


def claiming():
    """A file of 500 bytes that says it holds 390 MB."""
    header = nib.Nifti1Image(np.zeros((2, 2, 2), "f8"), np.eye(4)).header
    header.set_data_shape((350, 350, 400))
    header["vox_offset"] = 352
    return header.binaryblock + bytes(152)


@pytest.mark.parametrize(
    "content",
    [extended(80_000_000, offset=384), extended(*[40_000_000] * 3, offset=0), claiming()],
    ids=["one large extension", "extensions without end", "a claim"],
)
def test_small_files_fill_no_memory(content):
    name = "t2.nii.gz" if content[:2] == b"\x1f\x8b" else "t2.nii"
    tracemalloc.start()
    with pytest.raises(ValueError, match="corrupt or truncated"):
        read_upload(name, content)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_an_extension_of_the_header_is_no_fault():
    image = nib.Nifti1Image.from_bytes(nifti())
    image.header.extensions.append(nib.nifti1.Nifti1Extension(4, b"x" * 3000))
    assert read_upload("t2.nii", image.to_bytes()).data.shape == (7, 8, 9)


BAD = {
    "text": (b"hello " * 200, "text found"),
    "empty": (b"", "empty"),
    "DICOM": (bytes(128) + b"DICM" + bytes(900), "dcm2niix"),
    "zeros": (bytes(2000), "no NIfTI header"),
    "truncated": (nifti()[:1000], "truncated"),
    "header only": (nifti()[:300], "not"),
    "gzip cut off": (gzip.compress(nifti())[:-300], "truncated"),
    "gzip of nothing": (gzip.compress(b""), "not NIfTI"),
    "negative size": (shifted(nifti(), {42: 255, 43: 255}), "corrupt|voxels|not"),
    "4-D": (nifti(np.ones((4, 5, 6, 3))), "4-D with 3 volumes"),
    "2-D": (nifti(np.ones((4, 5))), "2-D"),
    "constant": (nifti(np.ones((4, 5, 6))), "constant"),
    "NaN": (nifti(np.full((4, 5, 6), np.nan)), "NaN"),
    "complex": (
        nib.Nifti1Image(np.ones((4, 5, 6), "c8"), np.eye(4)).to_bytes(),
        "colour or complex",
    ),
    "voxels far behind": (
        late(),
        "100000000 bytes into the file; this page takes up to 10 million",
    ),
    "too large unpacked": (bomb(), f"{MOST_VOXELS // 1_000_000} million"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_image_is_refused_in_one_sentence(case):
    content, message = BAD[case]
    with pytest.raises(ValueError, match=message) as caught:
        read_upload("sub-01_T2w.nii", content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["notes.txt", "scan.dcm", "x.IMA", "image.nii.gz.zip", "nii"])
def test_other_names_are_refused_before_anything_is_sent(name):
    with pytest.raises(ValueError, match="NIfTI"):
        check_name(name)


@pytest.mark.parametrize("name", ["T2star_gmseg.nii.gz", "t2_gm_seg.nii", "T2w_label-GM_seg.nii"])
def test_masks_of_a_part_of_the_cord_are_refused(name):
    with pytest.raises(ValueError, match="no mask of the whole cord"):
        check_name(name)


@pytest.mark.parametrize(
    ("name", "role", "contrast"),
    [
        ("sub-01_T2w.nii.gz", "image", "T2w"),
        ("t2s.nii", "image", "T2star"),
        ("sub-01_mt-on_MTS.nii.gz", "image", "MT-on"),
        ("sub-01_flip-2_mt-off_MTS.nii.gz", "image", "GRE-T1w"),
        ("sub-01_T2starw.nii.gz", "image", "T2star"),
        ("sub-01_T2star_label-SC_softseg.nii.gz", "mask", "T2star"),
        ("sub-01_T2starw_mask.nii.gz", "mask", "T2star"),
        ("sub-01_acq-T1w_MTS_label-cord_mask.nii.gz", "mask", "GRE-T1w"),
        ("t1w_seg-manual.nii.gz", "mask", "T1w"),
        ("sub-01_T2w_label-discs_dlabel.nii.gz", "discs", "T2w"),
        ("t2_levels.nii", "levels", "T2w"),
        ("sub-01_T2w_seg_labeled.nii.gz", "levels", "T2w"),
        ("sub-01_T2w_seg_labeled_discs.nii.gz", "discs", "T2w"),
        ("sub-lesion_T2w_seg.nii", "mask", "T2w"),
        ("neck.nii", "image", ""),
    ],
)
def test_names_tell_role_and_contrast(name, role, contrast):
    assert (role_of(name), contrast_of(name)) == (role, contrast)


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_every_contrast_offered_is_told_from_a_name_and_known_to_the_methods(contrast):
    assert contrast_of(f"sub-01_{contrast}.nii.gz") == contrast
    assert closest_contrast(contrast)


def test_masks_and_labels_are_checked_as_such():
    with pytest.raises(ValueError, match="above 1"):
        read_upload("t2_seg.nii", nifti())
    with pytest.raises(ValueError, match="whole numbers"):
        read_upload("t2_discs.nii", nifti())
    with pytest.raises(ValueError, match="empty"):
        read_upload("t2_seg.nii", nifti(np.zeros((4, 5, 6))))
    labels = np.zeros((4, 5, 6))
    labels[2, 2, 3] = 3
    assert read_upload("t2_discs.nii", nifti(labels)).data.shape == (4, 5, 6)


def test_folders_in_a_name_are_left_out():
    assert read_upload("../../etc/t2.nii", nifti()).name == "t2.nii"
    assert read_upload("C:\\scans\\t2.nii", nifti()).name == "t2.nii"


def test_what_files_lack_or_contradict_is_said():
    image = read_upload("sub_T2w.nii", nifti())
    mask = np.zeros((7, 8, 9))
    mask[3, 3] = 1
    seg = read_upload("sub_T2w_seg.nii", nifti(mask))
    other = read_upload("other_T2w_seg.nii", nifti(mask[1:]))
    assert problem_of([]) == problem_of([image]) == problem_of([image, seg]) == ""
    assert "no image" in problem_of([seg])
    assert "does not lie on the grid of sub_T2w.nii" in problem_of([image, other])
    assert "same contrast" in problem_of([image, image])
    t1w = read_upload("sub_T1w.nii", nifti())
    assert problem_of([image, t1w, seg]) == ""
    seg.contrast = ""
    assert problem_of([image, seg]) == ""  # there is only one it can be of
    assert "of which image" in problem_of([image, t1w, seg])


def test_no_file_silently_replaces_another_of_the_same_image():
    data = np.zeros((7, 8, 9))
    data[3, 3] = 1
    files = [read_upload(f"{name}.nii", nifti()) for name in ("sub_T2w", "sub_T1w")]
    for one, other, kind in (
        ("a_T2w_seg", "b_T2w_seg", "mask"),
        ("a_T2w_levels", "b_T2w_levels", "levels"),
        ("a_T2w_discs", "b_T2w_discs", "levels"),
        ("a_T2w_levels", "b_T2w_discs", "levels"),
    ):
        first, second = (read_upload(f"{name}.nii", nifti(data)) for name in (one, other))
        said = problem_of([*files, first, second])
        assert said.startswith(f"{one}.nii and {other}.nii both give the {kind} of sub_T2w.nii")
        second.contrast = "T1w"
        assert problem_of([*files, first, second]) == ""
