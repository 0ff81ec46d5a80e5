"""segment_cord: laws on phantoms of known area, bad input, and floors on real images."""

import warnings

import nibabel as nib
import numpy as np
import pytest

import cordviz as cv
from cordviz.images import reorient

AREA = np.pi * 6.2 * 4.1  # mm², of the phantom's elliptical cord


def phantom(
    *, dark=True, spacing=(0.8, 0.8, 2.0), slices=24, tilt=0.0, present=None, centers=(0.0,)
):
    """Elliptical cords in a canal in tissue, RAS, with noise; `present` limits the slices."""
    rng = np.random.default_rng(7)
    shape = (round(64 / spacing[0]), round(56 / spacing[1]), slices)
    x, y, z = np.meshgrid(
        *[(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)],
        indexing="ij",
    )
    y = y - np.tan(np.radians(tilt)) * z
    image = np.full(shape, 120.0)
    for center in centers:
        image[np.hypot((x - center) / 11, y / 7.5) < 1] = 300 if dark else 40
        image[np.hypot((x - center) / 6.2, y / 4.1) < 1] = 100 if dark else 250
    if present is not None:
        outside = np.ones(slices, dtype=bool)
        outside[present] = False
        image[..., outside] = 0
    image += rng.normal(0, 6, shape)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [-31.7, -28.3, 11.9]
    return nib.Nifti1Image(image.astype(np.float32), affine)


def area_per_slice(seg):
    spacing = seg.header.get_zooms()
    return seg.get_fdata().sum(axis=(0, 1)) * spacing[0] * spacing[1]


def propseg(image, contrast="t2", **options):
    return cv.segment_cord(image, method="propseg", contrast=contrast, progress=False, **options)


@pytest.mark.parametrize(("contrast", "dark"), [("t1", 0), ("t2", 1), ("t2s", 1), ("dwi", 0)])
def test_soft_area_is_the_true_area(contrast, dark):
    area = area_per_slice(propseg(phantom(dark=bool(dark)), contrast))
    assert np.median(area) == pytest.approx(AREA, rel=0.03)
    assert (area > 0.9 * AREA).all()


@pytest.mark.parametrize("spacing", [(0.5, 0.5, 5.0), (1.0, 1.0, 1.0), (0.6, 0.9, 3.0)])
def test_area_does_not_depend_on_the_voxel_size(spacing):
    image = phantom(spacing=spacing, slices=max(5, round(45 / spacing[2])))
    assert np.median(area_per_slice(propseg(image))) == pytest.approx(AREA, rel=0.04)


def test_a_tilted_cord_is_followed():
    seg = propseg(phantom(tilt=20))
    assert (area_per_slice(seg) > 0.9 * AREA).all()


def test_soft_mask_keeps_partial_volume_and_threshold_makes_it_hard():
    soft, hard = propseg(phantom()), propseg(phantom(), threshold=0.5)
    values = soft.get_fdata()
    assert values.dtype == np.float64
    assert soft.get_data_dtype() == np.float32
    assert ((values > 0.1) & (values < 0.9)).sum() > 500
    assert hard.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(hard.get_fdata(), values >= 0.5)


@pytest.mark.parametrize("codes", ["LPI", "PSR", "ASL", "IRP"])
def test_storage_order_changes_nothing(codes):
    image = phantom(slices=10)
    turned = propseg(reorient(image, codes))
    assert nib.aff2axcodes(turned.affine) == tuple(codes)
    np.testing.assert_array_equal(reorient(turned, "RAS").get_fdata(), propseg(image).get_fdata())


def test_result_lies_on_the_callers_grid():
    image = reorient(phantom(slices=8), "PSR")
    turn = np.radians(10)
    rotation = np.array(
        [[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]]
    )
    oblique = nib.affines.from_matvec(rotation) @ image.affine
    image = nib.Nifti1Image(np.asarray(image.dataobj), oblique)
    image.set_qform(oblique, code=1)
    image.set_sform(oblique, code=2)
    seg = propseg(image)
    np.testing.assert_array_equal(seg.affine, image.affine)
    for form in ("get_qform", "get_sform"):
        expected, code = getattr(image, form)(coded=True)
        found, found_code = getattr(seg, form)(coded=True)
        np.testing.assert_array_equal(found, expected)
        assert found_code == code


def test_it_stops_where_the_image_is_empty():
    found = area_per_slice(propseg(phantom(slices=60, present=slice(15, 60)))) > 0
    assert not found[:10].any()
    assert found[18:].all()


def test_the_unit_of_intensity_does_not_matter():
    image = phantom(slices=10)
    tiny = nib.Nifti1Image(image.get_fdata(dtype=np.float32) * np.float32(1e-12), image.affine)
    np.testing.assert_allclose(propseg(tiny).get_fdata(), propseg(image).get_fdata(), atol=0.05)


def test_an_empty_slice_within_gets_no_cord():
    image = phantom(slices=24)
    data = image.get_fdata(dtype=np.float32)
    data[..., 12] = 0
    area = area_per_slice(propseg(nib.Nifti1Image(data, image.affine)))
    assert area[12] == 0
    assert (np.delete(area, 12) > 0.8 * AREA).all()


def test_a_single_sagittal_slice_is_refused():
    with pytest.raises(ValueError, match="axial slices are only"):
        propseg(phantom().slicer[40:41])


def test_noise_has_no_cord():
    noise = np.random.default_rng(0).rayleigh(size=(60, 60, 40)).astype(np.float32)
    with pytest.raises(ValueError, match="No spinal cord found"):
        propseg(nib.Nifti1Image(noise, np.eye(4)))


def test_the_wrong_polarity_is_pointed_out():
    with pytest.raises(ValueError, match="a dark cord is run as 't2' or 't2s'"):
        propseg(phantom(dark=True), "t1")


def test_a_click_or_a_centreline_chooses_the_cord():
    image = phantom(centers=(-16.0, 16.0))
    affine, half = image.affine, image.shape[0] // 2
    world = nib.affines.apply_affine(affine, [(31.5 + 16) / 0.8, 35, 12])
    line = np.zeros(image.shape, np.uint8)
    line[round((31.5 - 16) / 0.8), 35, ::4] = 1
    right = propseg(image, seed_mm=tuple(world)).get_fdata()
    left = propseg(image, centerline=nib.Nifti1Image(line, affine)).get_fdata()
    assert right[half:].sum() > 100 * max(right[:half].sum(), 1e-9)
    assert left[:half].sum() > 100 * max(left[half:].sum(), 1e-9)


@pytest.mark.parametrize("slices", [1, 2])
def test_very_few_slices_are_enough(slices):
    assert area_per_slice(propseg(phantom(slices=slices)))[0] == pytest.approx(AREA, rel=0.05)


def test_deepseg_doubts_a_contrast_of_the_other_polarity_and_never_fails_of_it():
    options = {"method": "deepseg", "progress": False}
    with pytest.warns(UserWarning, match="The cord looks dark here, so contrast 't1'"):
        cv.segment_cord(phantom(), contrast="t1", **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cv.segment_cord(phantom(), contrast="t2", **options)
    with pytest.warns(UserWarning, match="pixels of 4 × 4 mm"):  # no ring in between
        assert cv.segment_cord(phantom(spacing=(4, 4, 4)), contrast="t2s", **options)


def test_a_threshold_takes_what_is_at_least_as_much():
    soft = np.asarray(propseg(phantom(slices=6)).dataobj)
    some = soft[(soft > 0.2) & (soft < 0.8)][0]
    hard = np.asarray(propseg(phantom(slices=6), threshold=float(some)).dataobj)
    assert ((soft >= some) == hard).all()


def test_provenance_reaches_the_sidecar(tmp_path):
    import json

    seg = propseg(phantom(slices=6), "T2w")
    saved = cv.save_mask(seg, tmp_path / "x_seg.nii.gz")
    for mask in (seg, saved):
        with pytest.raises(ValueError, match="a mask that segment_cord made"):
            cv.segment_cord(mask, progress=False)
    made = json.loads((tmp_path / "x_seg.json").read_text())["GeneratedBy"][0]
    assert (made["Method"], made["Contrast"], made["Threshold"]) == ("propseg", "t2", None)
    assert len(made["Source"]["SHA256"]) == 64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "deepseg"}, "contrast"),
        ({"method": "agnostic", "contrast": "tt3"}, "unknown"),
        ({"method": "propseg", "contrast": "t2", "uncertainty": True}, "no uncertainty"),
        ({"method": "propsegg", "contrast": "t2"}, "Did you mean 'propseg'"),
        ({"method": "propseg"}, "contrast"),
        ({"method": "propseg", "contrast": "tt3"}, "unknown"),
        ({"method": "propseg", "contrast": "t2", "threshold": 0}, "threshold"),
        ({"method": "propseg", "contrast": "t2", "threshold": 1.0}, "threshold"),
        ({"method": "propseg", "contrast": "t2", "threshold": -0.5}, "threshold"),
        ({"method": "propseg", "contrast": "t2", "seed_mm": (999, 0, 0)}, "outside"),
        ({"method": "propseg", "contrast": "t2", "seed_mm": (1, 2)}, "three numbers"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        cv.segment_cord(phantom(slices=4), **options)


def test_the_image_is_checked_before_the_method():
    constant = nib.Nifti1Image(np.ones((8, 8, 8), np.float32), np.eye(4))
    with pytest.raises(ValueError, match="constant"):
        cv.segment_cord(constant, method="nonsense")


def test_a_centreline_on_another_grid_is_refused():
    line = nib.Nifti1Image(np.ones((5, 5, 5), np.uint8), np.eye(4))
    with pytest.raises(ValueError, match="shape"):
        propseg(phantom(slices=4), centerline=line)


SCT, OLD = "sct_testing_data", "sct_testing_2014"


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("image", "mask", "contrast", "floor"),
    [
        (f"{SCT}/t2/t2", f"{SCT}/t2/t2_seg-manual", "t2", 0.95),
        (f"{SCT}/t1/t1w", f"{SCT}/t1/t1w_seg-manual", "t1", 0.90),
        (f"{SCT}/t2s/t2s", f"{SCT}/t2s/t2s_seg", "t2s", 0.83),
        (f"{SCT}/mt/mt1", f"{SCT}/mt/mt1_seg", "t2s", 0.90),
        (f"{OLD}/errsm_23/t2/t2", f"{OLD}/errsm_23/t2/t2_manual_segmentation", "t2", 0.90),
        (
            "ivadomed_testing/sub-test001_T2star",
            "ivadomed_testing/sub-test001_T2star_seg-manual",
            "t2s",
            0.88,
        ),
    ],
)
def test_dice_on_real_images(shared_data, image, mask, contrast, floor):
    truth = nib.load(shared_data / "real" / f"{mask}.nii.gz").get_fdata() > 0.5
    hard = propseg(shared_data / "real" / f"{image}.nii.gz", contrast, threshold=0.5)
    hard = hard.get_fdata() > 0
    assert 2 * (hard & truth).sum() / (hard.sum() + truth.sum()) > floor


@pytest.mark.realdata
def test_a_dark_cord_run_as_bright_warns(shared_data):
    """This MT-off image has bright CSF, whatever its name says."""
    with pytest.warns(UserWarning, match="looks dark"):
        propseg(shared_data / "real" / SCT / "mt" / "mt0.nii.gz", "t1")


@pytest.mark.realdata
def test_the_neck_behind_the_cord_has_no_cord(shared_data):
    neck = nib.as_closest_canonical(
        nib.load(shared_data / "real" / OLD / "errsm_18" / "t2" / "t2.nii.gz")
    )
    with pytest.raises(ValueError, match="No spinal cord found"):
        propseg(neck.slicer[:, :90])


@pytest.mark.realdata
def test_noise_below_the_coil_is_left_out(shared_data):
    """errsm_20 shows no cord in its lowest 40 slices."""
    seg = propseg(shared_data / "real" / OLD / "errsm_20" / "t2" / "t2.nii.gz")
    found = reorient(seg).get_fdata().any(axis=(0, 1))
    assert not found[:40].any()
    assert found[60:].all()


def test_pixels_too_coarse_for_an_area_are_told():
    with pytest.warns(UserWarning, match="3 % at 2 mm, 10 % at 4 mm"):
        propseg(phantom(spacing=(3.0, 0.8, 2.0)))


def test_hints_are_told_in_the_sidecar():
    image = phantom()
    seg = propseg(image, seed_mm=(0.0, 0.0, 35.0))
    assert seg.extra["cordviz"]["Hints"] == {"SeedMm": [0.0, 0.0, 35.0]}
    assert "Hints" not in propseg(image).extra["cordviz"]
