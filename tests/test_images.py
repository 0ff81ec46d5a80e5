"""Images come in with any geometry and dtype and go out on the caller's grid, bit for bit."""

import gzip
import itertools
import json
import os

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, ornt_transform

from cordviz import load_image, measure_shape, save_mask, save_sct_csv
from cordviz._files import atomic_path, make_folder, write_file
from cordviz._validation import check_same_grid, check_threshold
from cordviz.images import (
    load_mask,
    on_grid,
    read_image,
    reorient,
    resample_to,
    restore,
    sha256_of,
    spacing_mm,
    voxels,
)

ORIENTATIONS = [
    "".join(codes)
    for axes in itertools.permutations(["RL", "AP", "SI"])
    for codes in itertools.product(*axes)
]


def image_of(data, affine=None):
    return nib.Nifti1Image(data, np.diag([0.8, 0.6, 2.5, 1]) if affine is None else affine)


@pytest.fixture
def numbers():
    return np.random.default_rng(1).normal(100, 20, (5, 6, 7)).astype(np.float32)


def forms(header):
    return {
        key: header[key].tobytes()
        for key in (
            *("qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x"),
            *("qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z"),
        )
    } | {"pixdim": header["pixdim"][:4].tobytes()}  # the rest is about time


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_there_and_back_changes_no_voxel_in_any_orientation(codes, oblique_image):
    turn = ornt_transform(axcodes2ornt("PSR"), axcodes2ornt(codes))
    img = load_image(oblique_image.as_reoriented(turn))
    assert "".join(nib.aff2axcodes(img.affine)) == codes
    inside = reorient(img, "LAS")
    assert "".join(nib.aff2axcodes(inside.affine)) == "LAS"
    back = restore(voxels(inside), img, "LAS")
    assert np.array_equal(voxels(back), voxels(img))
    assert np.array_equal(back.affine, img.affine)


@pytest.mark.parametrize("codes", ORIENTATIONS[::5])
def test_a_voxel_keeps_its_place_in_mm_when_reoriented(codes, oblique_image):
    data = np.zeros(oblique_image.shape, np.uint8)
    data[3, 5, 2] = 1
    where = oblique_image.affine @ [3, 5, 2, 1]
    turned = reorient(nib.Nifti1Image(data, oblique_image.affine), codes)
    [index] = np.argwhere(turned.get_fdata())
    assert np.allclose(turned.affine @ [*index, 1], where)


@pytest.mark.filterwarnings("ignore:.*says nothing of orientation")  # of codes (0, 0)
@pytest.mark.parametrize(("qform", "sform"), [(1, 1), (1, 0), (0, 2), (0, 0), (3, 4)])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_saved_masks_keep_qform_and_sform_bit_for_bit(
    qform, sform, suffix, tmp_path, oblique_affine
):
    img = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), oblique_affine)
    img.header.set_qform(oblique_affine, code=qform)
    img.header.set_sform(oblique_affine, code=sform)
    nib.Nifti1Image(img.dataobj, None, img.header).to_filename(tmp_path / "in.nii.gz")
    came = nib.load(tmp_path / "in.nii.gz")
    img = load_image(tmp_path / "in.nii.gz")
    seg = on_grid((voxels(img) > 20).astype(np.uint8), img)
    went = nib.load(save_mask(seg, tmp_path / f"out{suffix}"))
    assert forms(went.header) == forms(came.header)
    assert np.array_equal(went.affine, came.affine)
    assert np.array_equal(voxels(went), voxels(seg))


@pytest.mark.parametrize(
    "dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "f4", "f8", ">i2", ">f4"]
)
def test_any_dtype_is_read_as_the_same_numbers(dtype, tmp_path):
    data = np.arange(120).reshape(4, 5, 6).astype(dtype)
    nib.Nifti1Image(data, np.eye(4), dtype=dtype).to_filename(tmp_path / "x.nii.gz")
    got = load_image(tmp_path / "x.nii.gz")
    assert got.get_data_dtype() == np.float32
    assert np.array_equal(voxels(got), data.astype(np.float32))


def test_scl_slope_and_inter_are_applied_once(tmp_path):
    img = image_of(np.arange(24, dtype=np.int16).reshape(2, 3, 4))
    img.header.set_slope_inter(0.5, -3)
    stored = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    with (tmp_path / "x.nii").open("wb") as file:
        img.header.write_to(file)
        file.write(bytes(352 - file.tell()) + stored.tobytes(order="F"))
    got = load_image(tmp_path / "x.nii")
    assert np.allclose(voxels(got), stored * 0.5 - 3)
    got.to_filename(tmp_path / "y.nii")
    assert np.array_equal(voxels(nib.load(tmp_path / "y.nii")), voxels(got))


@pytest.mark.parametrize("kind", [nib.Nifti1Pair, nib.Nifti2Image])
def test_other_kinds_of_nifti_are_welcome(kind, numbers, tmp_path):
    img = load_image(kind(numbers, np.eye(4)))
    seg = on_grid((voxels(img) > 100).astype(np.uint8), img)
    again = load_mask(save_mask(seg, tmp_path / "seg.nii.gz"))
    assert np.array_equal(voxels(again), voxels(seg))


def test_a_path_a_string_and_an_image_give_the_same(numbers, tmp_path):
    path = tmp_path / "x.nii.gz"
    img = image_of(numbers)
    img.to_filename(path)
    hashes = {sha256_of(load_image(source)) for source in (path, str(path), img)}
    assert len(hashes) == 1
    assert load_image(path).get_filename() == str(path)
    assert load_image(image_of(numbers)).get_filename() is None


def test_the_callers_image_is_left_alone(oblique_image):
    before = oblique_image.get_fdata().copy(), oblique_image.header.copy()
    img = load_image(oblique_image)
    voxels(img)[:] = 0
    assert np.array_equal(oblique_image.get_fdata(), before[0])
    assert oblique_image.header == before[1]


def test_spacing_is_the_length_of_the_affines_columns(oblique_image):
    assert np.allclose(spacing_mm(oblique_image), [0.6, 2.5, 0.8])


# 4-D


@pytest.fixture
def series():
    return nib.Nifti1Image(np.random.default_rng(2).random((3, 4, 5, 6), np.float32), np.eye(4))


def test_reductions_do_what_they_are_called(series):
    data = series.get_fdata()
    b = [0, 100, 800, 800, 1000, 0]
    for reduce, options, expected in (
        ("mean", {}, data.mean(axis=3)),
        ("rms", {}, np.sqrt((data**2).mean(axis=3))),
        ("dwi", {"bvals": b}, data[..., 2:5].mean(axis=3)),
        (4, {}, data[..., 4]),
        (-1, {}, data[..., 5]),
    ):
        img = load_image(series, reduce=reduce, **options)
        assert img.shape == (3, 4, 5)
        assert np.allclose(voxels(img), expected, rtol=1e-6), reduce


def test_b_values_are_found_beside_the_image_or_in_a_named_file(series, tmp_path):
    series.to_filename(tmp_path / "dwi.nii.gz")
    (tmp_path / "dwi.bval").write_text("0 0 800\n800 800 800\n")
    beside = load_image(tmp_path / "dwi.nii.gz", reduce="dwi")
    named = load_image(series, reduce="dwi", bvals=tmp_path / "dwi.bval")
    assert np.array_equal(voxels(beside), voxels(named))
    assert np.allclose(voxels(named), series.get_fdata()[..., 2:].mean(axis=3))


def test_one_volume_needs_no_reduction(numbers):
    assert load_image(image_of(numbers[..., None])).shape == numbers.shape
    assert load_mask(image_of((numbers[..., None] > 100).astype("u1"))).shape == numbers.shape


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({}, ValueError, "4-D .* reduce='mean'"),
        ({"reduce": "median"}, ValueError, "'mean', 'rms', 'dwi' or an index, got 'median'"),
        ({"reduce": True}, ValueError, "got True"),
        ({"reduce": 6}, ValueError, "only 6 volumes"),
        ({"reduce": "dwi"}, ValueError, "needs the b-values"),
        ({"reduce": "dwi", "bvals": [0, 800]}, ValueError, "Expected 6 b-values.* got 2"),
        ({"reduce": "dwi", "bvals": [0] * 6}, ValueError, "No volume is diffusion-weighted"),
        ({"reduce": "dwi", "bvals": "no.bval"}, FileNotFoundError, "no b-value file at no.bval"),
    ],
)
def test_an_unclear_reduction_is_refused(options, error, says, series):
    with pytest.raises(error, match=says):
        load_image(series, **options)


def test_a_b_value_file_of_words_is_refused(series, tmp_path):
    (tmp_path / "b.txt").write_text("zero eight hundred")
    with pytest.raises(ValueError, match=r"b\.txt is not a list of numbers"):
        load_image(series, reduce="dwi", bvals=tmp_path / "b.txt")


@pytest.mark.parametrize("options", [{"reduce": "mean"}, {"reduce": 0}, {"bvals": [0]}])
def test_reducing_a_3d_image_is_refused(options, numbers):
    with pytest.raises(ValueError, match="3-D already"):
        load_image(image_of(numbers), **options)


# Bad input


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no image at .*nowhere\.nii"):
        load_image(tmp_path / "nowhere.nii")


@pytest.mark.parametrize("keep", [0, 100, 300, 400, -40])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_truncated_file_is_refused(keep, suffix, numbers, tmp_path):
    path = tmp_path / f"x{suffix}"
    image_of(numbers).to_filename(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"cannot be read: it is truncated, corrupt or not NIfTI"):
        load_image(path)


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz", "x.txt", "x"])
def test_a_file_that_is_no_image_is_refused(name, tmp_path):
    (tmp_path / name).write_text("not an image " * 100)
    with pytest.raises(ValueError, match="not NIfTI"):
        load_image(tmp_path / name)


def test_a_gzip_of_something_else_is_refused(tmp_path):
    (tmp_path / "x.nii.gz").write_bytes(gzip.compress(b"hello" * 200))
    with pytest.raises(ValueError, match="not NIfTI"):
        load_image(tmp_path / "x.nii.gz")


def test_another_format_says_how_to_convert(numbers, tmp_path):
    nib.MGHImage(numbers, np.eye(4)).to_filename(tmp_path / "x.mgz")
    with pytest.raises(ValueError, match=r"not NIfTI but MGHImage\. Convert it"):
        load_image(tmp_path / "x.mgz")


@pytest.mark.parametrize("name", ["x.dcm", "x.png", "x"])
def test_a_picture_or_dicom_says_how_to_convert(name, tmp_path):
    (tmp_path / name).write_bytes(b"picture" * 100)
    with pytest.raises(ValueError, match=r"not NIfTI .* Convert .*dcm2niix"):
        load_image(tmp_path / name)


def test_a_folder_is_no_image(tmp_path):
    with pytest.raises(ValueError, match=r"is a folder; .*dcm2niix"):
        load_image(tmp_path)


@pytest.mark.parametrize("white", [1, 255])
def test_a_mask_in_place_of_an_image_is_doubted(white, numbers, tmp_path):
    image_of(((numbers > 100) * white).astype("u1")).to_filename(tmp_path / "x_seg.nii.gz")
    with pytest.warns(UserWarning, match=f"0 and {white}: is this a mask"):
        load_image(tmp_path / "x_seg.nii.gz")


@pytest.mark.parametrize("thing", [None, 3, np.zeros((3, 3, 3)), {"a": 1}])
def test_what_is_neither_path_nor_image_is_a_type_error(thing):
    with pytest.raises(TypeError, match="path or a nibabel NIfTI image, got"):
        load_image(thing)


@pytest.mark.parametrize("shape", [(5,), (5, 6), (4, 5, 6, 1, 2), (4, 0, 6)])
def test_shapes_without_three_axes_are_refused(shape):
    with pytest.raises(ValueError, match=r"Expected a 3-D image, got .* shape"):
        load_image(nib.Nifti1Image(np.ones(shape, np.float32), np.eye(4)))


@pytest.mark.parametrize(
    ("value", "says"),
    [(np.nan, "1 NaN or infinite"), (np.inf, "1 NaN or infinite"), (-np.inf, "1 NaN or infinite")],
)
def test_nan_and_infinity_are_refused(value, says, numbers):
    numbers[1, 2, 3] = value
    with pytest.raises(ValueError, match=says):
        load_image(image_of(numbers))


@pytest.mark.parametrize("value", [0, 7, -2.5])
def test_a_constant_image_is_refused(value):
    with pytest.raises(ValueError, match=f"constant .*{value:g}"):
        load_image(image_of(np.full((3, 4, 5), value, np.float32)))


@pytest.mark.parametrize("bad", ["flat", "nan"])
def test_an_affine_without_space_is_refused(bad, numbers):
    img = image_of(numbers)
    img.affine[:3, 2] = 0 if bad == "flat" else np.nan
    with pytest.raises(ValueError, match="singular or not finite"):
        load_image(img)


@pytest.mark.parametrize("size", [5e-4, 500])
def test_a_header_in_another_unit_is_refused(size, numbers):
    with pytest.raises(ValueError, match="Is the header in µm or m"):
        load_image(nib.Nifti1Image(numbers, np.diag([size, size, size, 1])))


def test_colour_and_complex_voxels_are_refused():
    rgb = np.zeros((3, 4, 5), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    for data in (rgb, np.ones((3, 4, 5), np.complex64)):
        with pytest.raises(ValueError, match="colour or complex"):
            read_image(image_of(data))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m * 0, "empty: no voxel is above 0"),
        (lambda m: m - 0.5, "negative values"),
        (lambda m: m * 255, "above 1 .*divided by 255"),
        (lambda m: np.where(m > 0, np.nan, m), "NaN or infinite"),
    ],
)
def test_what_is_no_mask_is_refused(change, says, numbers):
    mask = (numbers > 100).astype(np.float32)
    with pytest.raises(ValueError, match=says):
        load_mask(image_of(change(mask)))


def test_a_mask_error_calls_the_mask_by_its_name(numbers):
    with pytest.raises(ValueError, match="The level map is empty"):
        load_mask(image_of(numbers * 0), name="level map")


@pytest.mark.parametrize("threshold", [0, 1, -0.2, 1.5, float("nan")])
def test_a_threshold_outside_0_to_1_is_refused(threshold):
    with pytest.raises(ValueError, match="between 0 and 1"):
        check_threshold(threshold)


@pytest.mark.parametrize("threshold", ["0.5", True, [0.5]])
def test_a_threshold_that_is_no_number_is_refused(threshold):
    with pytest.raises(TypeError, match="number between 0 and 1"):
        check_threshold(threshold)


def test_another_grid_is_refused_and_resampling_mends_it(numbers):
    img = image_of(numbers)
    moved = img.affine.copy()
    moved[0, 3] += 0.5
    for other in (image_of(numbers, moved), image_of(numbers[1:])):
        with pytest.raises(ValueError, match="resample_to"):
            check_same_grid(other, img, "mask", "image")
        check_same_grid(resample_to(other, img, interpolation="nearest"), img, "mask", "image")


def test_resampling_keeps_places_in_mm(oblique_affine):
    data = np.zeros((12, 8, 12), np.float32)
    data[4:8, 3:5, 5:9] = 1
    data[5, 4, 6] = 0.5  # nilearn warns of interpolating binary images
    fine = nib.Nifti1Image(data, oblique_affine)
    coarse = nib.Nifti1Image(np.zeros((14, 14, 26), np.uint8), np.diag([1, 1, 1, 1.0]))
    coarse.affine[:3, 3] = oblique_affine[:3] @ [6, 4, 6, 1] - 7
    coarse.affine[2, 3] -= 6
    got = resample_to(fine, coarse, interpolation="linear")

    def centre(img):
        weights = img.get_fdata()
        at = np.array(np.nonzero(weights))
        mean = (at * weights[tuple(at)]).sum(axis=1) / weights.sum()
        return img.affine[:3] @ [*mean, 1]

    assert np.allclose(centre(got), centre(fine), atol=0.2)


# Saving


def test_the_sidecar_says_how_the_mask_was_made(numbers, tmp_path):
    made = {"Method": "propseg", "Parameters": {"contrast": "t2"}, "Threshold": np.float32(0.5)}
    soft = on_grid((numbers > 100) * np.float32(0.7), image_of(numbers), extra={"cordviz": made})
    path = save_mask(soft, tmp_path / "sub-01_T2w_label-SC_softseg.nii.gz")
    sidecar = json.loads((tmp_path / "sub-01_T2w_label-SC_softseg.json").read_text())
    [generated] = sidecar["GeneratedBy"]
    assert generated["Name"] == "cordviz"
    assert generated["Version"]
    assert made.items() <= generated.items()
    assert sidecar["Type"] == "soft mask"
    assert sidecar["SHA256"] == sha256_of(nib.load(path))


def test_a_standard_deviation_is_called_so_in_its_sidecar(numbers, tmp_path):
    extra = {"cordviz": {"Quantity": "standard deviation"}}
    save_mask(on_grid(numbers / 1000, image_of(numbers), extra=extra), tmp_path / "sd.nii")
    assert json.loads((tmp_path / "sd.json").read_text())["Type"] == "standard deviation"


def test_a_soft_mask_stored_in_integers_stays_soft_to_its_sidecar(tmp_path):
    scaled = nib.Nifti1Image(np.full((4, 4, 4), 0.5, np.float32), np.eye(4))
    scaled.set_data_dtype(np.uint8)
    scaled.to_filename(tmp_path / "in.nii.gz")
    save_mask(nib.load(tmp_path / "in.nii.gz"), tmp_path / "out_seg.nii.gz")
    assert json.loads((tmp_path / "out_seg.json").read_text())["Type"] == "soft mask"


def test_the_hash_sees_voxels_and_geometry(numbers):
    img = image_of(numbers)
    changed = numbers.copy()
    changed[0, 0, 0] += 1
    moved = image_of(numbers, np.diag([0.8, 0.6, 2.4, 1]))
    assert len({sha256_of(i) for i in (img, image_of(changed), moved)}) == 3
    assert sha256_of(image_of(np.asfortranarray(numbers))) == sha256_of(img)


@pytest.mark.parametrize("name", ["mask.img", "mask", ".nii.gz", "mask.nii.bz2"])
def test_a_mask_is_saved_as_nifti_only(name, numbers, tmp_path):
    seg = image_of((numbers > 100).astype("u1"))
    with pytest.raises(ValueError, match=r"saved as \.nii or \.nii\.gz"):
        save_mask(seg, tmp_path / name)
    assert not any(tmp_path.glob("mask*"))


def test_a_table_is_saved_as_csv_only(tmp_path):
    seg = np.zeros((9, 9, 5), np.uint8)
    seg[3:6, 3:6] = 1
    table = measure_shape(image_of(seg))
    with pytest.raises(ValueError, match=r"saved as \.csv, got 't1w\.nii\.gz'"):
        save_sct_csv(table, tmp_path / "t1w.nii.gz")
    assert not list(tmp_path.iterdir())


def test_a_bad_mask_is_not_saved(numbers, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(ValueError, match="above 1"):
        save_mask(image_of(numbers), folder / "seg.nii.gz")
    with pytest.raises(ValueError, match="4-D"):
        save_mask(image_of(np.ones((2, 3, 4, 5), "u1")), folder / "seg.nii.gz")
    assert not list(folder.iterdir())


def test_a_failing_write_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")

    def write():
        with atomic_path(target) as temporary:
            temporary.write_text("half of the n")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        write()
    assert target.read_text() == "old"
    assert list(tmp_path.glob(".cordviz-*")) == []


def test_a_write_into_nowhere_says_so(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="create it first"), atomic_path(tmp_path / "a/b"):
        pass
    with pytest.raises(ValueError, match="is a folder"), atomic_path(tmp_path):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"cannot be made .*CORDVIZ_CACHE"):
        make_folder(tmp_path / "file" / "cache")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # nothing is closed to root
    with pytest.raises(PermissionError, match="cannot be written"), atomic_path(tmp_path / "a"):
        pass


def test_a_tilde_is_the_users_folder(numbers, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    mask = image_of((numbers > 100).astype("u1"))
    assert save_mask(mask, "~/seg.nii.gz") == tmp_path / "seg.nii.gz"
    assert np.array_equal(voxels(load_mask("~/seg.nii.gz")), voxels(mask))
    assert write_file("~/t.csv", "a").read_text() == "a"
    assert {path.name for path in tmp_path.iterdir()} == {"seg.nii.gz", "seg.json", "t.csv"}


def test_new_files_get_ordinary_permissions(tmp_path):
    (tmp_path / "plain").write_text("")
    with atomic_path(tmp_path / "atomic") as temporary:
        temporary.write_text("")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


# Real images


@pytest.mark.realdata
def test_real_images_survive_a_round_trip_through_the_working_frame(shared_data):
    seen = set()
    for path in sorted((shared_data / "real").rglob("*.nii.gz")):
        img = read_image(path)
        if len(img.shape) != 3 or np.prod(img.shape) > 5e6:
            continue
        back = restore(voxels(reorient(img)), img)
        assert np.array_equal(voxels(back), voxels(img)), path
        assert forms(back.header) == forms(img.header), path
        seen.add("".join(nib.aff2axcodes(img.affine)))
    assert len(seen) >= 3


@pytest.mark.realdata
def test_real_4d_images_reduce_as_declared(shared_data):
    real = shared_data / "real/sct_testing_data"
    fmri = load_image(real / "fmri/fmri.nii.gz", reduce="mean")
    assert fmri.shape == (68, 68, 6)
    dwi = load_image(
        real / "dmri/dmri.nii.gz", reduce="dwi", bvals=real / "dmri/bvals.txt"
    ).get_fdata()
    reference = nib.load(real / "dmri/dwi_mean.nii.gz").get_fdata()
    assert np.corrcoef(dwi.ravel(), reference.ravel())[0, 1] > 0.99


def test_a_soft_mask_is_saved_as_it_is_whatever_its_header_says(tmp_path):
    soft = nib.Nifti1Image(np.linspace(0, 1, 1000, dtype="f4").reshape(10, 10, 10), np.eye(4))
    soft.header.set_data_dtype(np.uint8)
    saved = save_mask(soft, tmp_path / "softseg.nii.gz")
    np.testing.assert_array_equal(nib.load(saved).dataobj, soft.dataobj)


def test_what_somebody_else_made_is_replaced_only_when_told(tmp_path):
    mask = nib.Nifti1Image(np.ones((4, 4, 4), "u1"), np.eye(4))
    mask.to_filename(tmp_path / "t2_seg.nii.gz")
    (tmp_path / "t2.json").write_text('{"EchoTime": 0.1}')
    for name in ("t2_seg.nii.gz", "t2.nii.gz"):
        with pytest.raises(ValueError, match=r"is not as cordviz wrote it.*overwrite=True"):
            save_mask(mask, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t2.json", "t2_seg.nii.gz"]
    save_mask(mask, tmp_path / "t2_seg.nii.gz", overwrite=True)
    save_mask(mask, tmp_path / "t2_seg.nii.gz")  # its own by now


def test_two_sizes_of_a_voxel_are_told():
    file = bytearray(nib.Nifti1Image(np.ones((4, 4, 4), "u1"), np.eye(4)).to_bytes())
    file[80:84] = np.float32(2).tobytes()  # pixdim of the first axis
    with pytest.warns(UserWarning, match=r"2 × 1 × 1 mm \(pixdim\) and 1 × 1 × 1 mm"):
        load_mask(nib.Nifti1Image.from_bytes(bytes(file)))
