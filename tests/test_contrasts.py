"""Names of sequences lead to the contrast-specific method of the same look."""

import nibabel as nib
import numpy as np
import pytest

from cordviz import closest_contrast, guess_contrast
from cordviz.contrasts import CONTRASTS, CORD, FAMILIES, check_contrast


@pytest.mark.parametrize(
    ("contrast", "names"),
    [
        ("t1", ["T1w", "t1", "MPRAGE", "GRE-T1w", "MT-off", "MToff", "mt0", "MP2RAGE", "UNIT1"]),
        ("t1", ["PSIR", "sub-1_acq-T1w_MTS", "sub-05_acq-MToff_MTS.nii.gz", "sub-1_mt-off_MTS"]),
        ("t2", ["T2w", "t2", "fMRI", "bold", "EPI", "STIR", "SPACE", "CISS", "sbref", "b0"]),
        ("t2", ["sub-01_acq-highres_T2w.nii.gz", "/data/sub-1/anat/sub-1_T2w.nii"]),
        ("t2s", ["T2star", "T2*w", "T2*", "t2s", "MT", "MT-on", "MTon", "mt1", "MTS", "MEGRE"]),
        ("t2s", ["sub-05_acq-MTon_MTS", "sub-1_flip-1_mt-on_MTS.nii.gz", "ME-GRE"]),
        ("dwi", ["DWI", "dwi", "DTI", "dwi_mean", "sub-1_rec-average_dwi.nii.gz"]),
    ],
)
def test_names_in_use_lead_to_the_method_of_the_same_look(contrast, names):
    assert {name: closest_contrast(name) for name in names} == dict.fromkeys(names, contrast)


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_a_methods_own_name_leads_to_itself(contrast):
    assert closest_contrast(contrast) == contrast
    assert closest_contrast(closest_contrast(contrast.upper())) == contrast


def test_case_and_punctuation_do_not_matter():
    assert {closest_contrast(n) for n in ("MT-on", "mt_on", "MT on", "MTON", "Mt.On")} == {"t2s"}


def test_no_name_belongs_to_two_families():
    names = [name for family in FAMILIES.values() for name in family.names]
    assert len(names) == len(set(names))


def test_families_cover_the_methods_and_agree_on_the_cords_brightness():
    assert sorted(f.contrast for f in FAMILIES.values()) == sorted(CONTRASTS)
    assert CORD == {"t1": "bright", "t2": "dark", "t2s": "dark", "dwi": "bright"}


def test_an_unknown_name_is_answered_with_how_each_family_looks():
    with pytest.raises(ValueError, match="'xyzzy' is unknown") as caught:
        closest_contrast("xyzzy")
    for family in FAMILIES.values():
        assert f"{family.contrast}: {family.looks}" in str(caught.value)


def test_a_misspelt_name_gets_a_hint():
    with pytest.raises(ValueError, match="Did you mean 'mprage'"):
        closest_contrast("mprag")


@pytest.mark.parametrize("name", ["", " ", "sub-01.nii.gz", "_"])
def test_a_name_that_says_nothing_is_refused(name):
    with pytest.raises(ValueError, match="is unknown"):
        closest_contrast(name)


@pytest.mark.parametrize("name", [None, 2, b"t2"])
def test_a_name_that_is_no_string_is_a_type_error(name):
    with pytest.raises(TypeError, match="named by a string"):
        closest_contrast(name)


def test_an_absent_contrast_is_answered_with_the_four_choices():
    with pytest.raises(ValueError, match="must be told the contrast") as caught:
        check_contrast(None)
    assert all(repr(contrast) in str(caught.value) for contrast in CONTRASTS)
    assert check_contrast("fMRI") == "t2"


# The guess from the picture


@pytest.fixture
def cord():
    y, x = np.mgrid[-14:15, -14:15]
    return np.repeat((np.hypot(x, y) < 5)[..., None], 6, axis=2)


@pytest.mark.parametrize(
    ("inside", "around", "cord_is", "candidates"),
    [(100, 300, "dark", ("t2", "t2s")), (300, 100, "bright", ("t1", "dwi"))],
)
def test_the_guess_sees_whether_the_cord_is_dark(
    inside, around, cord_is, candidates, cord, oblique_affine
):
    noise = np.random.default_rng(0).normal(0, 10, cord.shape)
    img = nib.Nifti1Image(np.where(cord, inside, around) + noise, oblique_affine)
    seg = nib.Nifti1Image(cord.astype("u1"), oblique_affine)
    guess = guess_contrast(img, seg)
    assert (guess.cord, guess.candidates) == (cord_is, candidates)
    assert guess.agreement == 1
    assert guess.ratio == pytest.approx(around / inside, rel=0.1)


def test_the_guess_admits_that_slices_disagree(cord):
    data = np.where(cord, 100.0, 300.0)
    data[..., :2] = np.where(cord, 300.0, 100.0)[..., :2]
    guess = guess_contrast(*(nib.Nifti1Image(d, np.eye(4)) for d in (data, cord.astype("u1"))))
    assert guess.cord == "dark"
    assert guess.agreement == pytest.approx(4 / 6)


def test_the_guess_is_unchanged_by_brightness_and_scale(cord):
    seg = nib.Nifti1Image(cord.astype("u1"), np.eye(4))
    data = np.where(cord, 100.0, 250.0) + np.random.default_rng(0).normal(0, 10, cord.shape)
    one, other = (guess_contrast(nib.Nifti1Image(d, np.eye(4)), seg) for d in (data, 7 * data))
    assert one.ratio == pytest.approx(other.ratio, rel=1e-5)


def test_a_mask_without_a_ring_gives_no_guess():
    data = np.random.default_rng(0).random((4, 4, 3))
    full = nib.Nifti1Image(np.ones((4, 4, 3), np.uint8), np.eye(4))
    with pytest.raises(ValueError, match="No slice of the mask"):
        guess_contrast(nib.Nifti1Image(data, np.eye(4)), full)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("image", "mask", "contrast"),
    [
        ("t2/t2", "t2/t2_seg-manual", "t2"),
        ("t1/t1w", "t1/t1w_seg-manual", "t1"),
        ("t2s/t2s", "t2s/t2s_seg", "t2s"),
        ("mt/mt1", "mt/mt1_seg", "t2s"),
    ],
)
def test_the_guess_is_right_on_real_images(image, mask, contrast, shared_data):
    real = shared_data / "real/sct_testing_data"
    guess = guess_contrast(real / f"{image}.nii.gz", real / f"{mask}.nii.gz")
    assert contrast in guess.candidates
    assert guess.agreement >= 0.7
