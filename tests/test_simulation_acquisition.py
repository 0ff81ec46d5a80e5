"""Laws of the simulated scanner: sampling, artefacts, truth, labels, raters."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from skimage.measure import perimeter_crofton

from cordviz.images import reorient
from cordviz.simulation import simulate_subject
from cordviz.simulation.acquisition import Effects, _distort, receive
from cordviz.simulation.raters import CONVENTIONS_MM
from cordviz.simulation.sampling import Grid
from cordviz.simulation.sequences import make_sequence

SMALL = {"fov": (40, 40, 30)}
IDEAL = {**SMALL, "effects": False, "partial_volume": True}


@pytest.fixture(scope="module")
def subject():
    return simulate_subject(seed=0)


def data(image):
    return np.asarray(image.dataobj, dtype=float)


def mean_area(subject, mask):
    """Mean over slices of Σ mask · pixel · cos, and of the analytic area over the slices."""
    values, affine, a = data(mask), mask.affine, subject.anatomy
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    normal = affine[:3, 2] / spacing[2]
    measured, exact = [], []
    for k in range(values.shape[2]):
        height = (a.center - affine[:3, 3] - affine[:3, 2] * k) @ normal
        cosine = a.tangent[np.argmin(np.abs(height))] @ normal
        measured.append(values[..., k].sum() * spacing[0] * spacing[1] * cosine)
        exact.append(a.area[np.abs(height) <= spacing[2] / 2].mean())
    return np.mean(measured), np.mean(exact)


@pytest.mark.parametrize("pixel", [0.3, 1.0])
@pytest.mark.parametrize("thickness", [1, 5])
@pytest.mark.parametrize("tilt", [(0, 0), (30, 0), (18, -20)])
def test_truth_sums_to_the_analytic_area(subject, pixel, thickness, tilt):
    options = {"voxel_mm": (pixel, pixel), "thickness_mm": thickness, "tilt_deg": tilt}
    _, truth = subject.acquire("T2star", **options, **IDEAL)
    measured, exact = mean_area(subject, truth)
    assert measured == pytest.approx(exact, rel=0.003)


@pytest.mark.parametrize("voxel_mm", [(0.4, 3.9), (3.9, 0.4)])
def test_truth_is_exact_for_long_voxels_too(subject, voxel_mm):
    options = {"effects": False, "partial_volume": True, "thickness_mm": 1, "fov": (70, 70, 40)}
    measured, exact = mean_area(subject, subject.acquire("T2star", voxel_mm=voxel_mm, **options)[1])
    assert measured == pytest.approx(exact, rel=0.003)


def test_truth_of_one_slice_is_the_exact_area_of_its_plane(subject):
    _, truth = subject.acquire("T1w", voxel_mm=(0.5, 0.5), thickness_mm=0.2, **IDEAL)
    for k in (0, 60, 120):
        place = truth.affine[:3, 3] + truth.affine[:3, 2] * k
        exact = subject.plane_area_mm2(place, truth.affine[:3, 2])
        assert data(truth)[..., k].sum() * 0.25 == pytest.approx(exact, rel=0.004)


def test_truth_is_centred_on_the_centreline(subject):
    _, truth = subject.acquire("T1w", voxel_mm=(0.4, 0.4), thickness_mm=2, **IDEAL)
    values, a = data(truth), subject.anatomy
    for k in range(values.shape[2]):
        weight = values[..., k]
        voxel = [(weight * np.arange(n).reshape(s)).sum() / weight.sum()
                 for n, s in ((weight.shape[0], (-1, 1)), (weight.shape[1], (1, -1)))]  # fmt: skip
        place = truth.affine @ [*voxel, k, 1]
        exact = [np.interp(place[2], a.center[:, 2], a.center[:, axis]) for axis in (0, 1)]
        np.testing.assert_allclose(place[:2], exact, atol=0.02)


def test_truth_is_the_nominal_slice_whatever_the_profile(subject):
    plain = subject.acquire("T2star", **IDEAL)[1]
    smooth = subject.acquire("T2star", slice_profile=True, **IDEAL)[1]
    np.testing.assert_allclose(data(smooth), data(plain), atol=1e-5)


def test_image_and_truth_share_a_grid_and_truth_is_a_fraction(subject):
    image, truth = subject.acquire("T2w", **SMALL)
    assert image.shape == truth.shape
    np.testing.assert_array_equal(image.affine, truth.affine)
    assert data(truth).min() == 0
    assert data(truth).max() == 1
    assert image.get_data_dtype() == truth.get_data_dtype() == np.float32
    assert np.isfinite(data(image)).all()


def test_scans_depend_on_the_seed_and_not_on_the_order_of_calls():
    first, second = simulate_subject(4), simulate_subject(4)
    a = first.acquire("T2star", **SMALL)[0]
    second.acquire("T1w", **SMALL)
    second.rate("MT-on", seed=3, **SMALL)
    b = second.acquire("T2star", **SMALL)[0]
    np.testing.assert_array_equal(data(a), data(b))
    c = first.acquire("T2star", seed=1, **SMALL)[0]
    assert not np.array_equal(data(a), data(c))


def test_returned_arrays_are_the_callers_own(subject):
    image, _ = subject.acquire("T2star", **SMALL)
    before = data(image).copy()
    np.asarray(image.dataobj)[...] = 0
    np.testing.assert_array_equal(data(subject.acquire("T2star", **SMALL)[0]), before)


def test_contrasts_look_as_they_should(subject):
    """Bright or dark cord against CSF, per contrast."""
    for contrast, cord_is_bright in {
        "T1w": 1,
        "GRE-T1w": 1,
        "DWI": 1,
        "T2w": 0,
        "MT-on": 0,
    }.items():
        image, truth = subject.acquire(contrast, noise=False, bias=False, **SMALL)
        sac = data(subject.levels(image)) > 0
        ring = sac & (data(truth) == 0)
        cord = np.median(data(image)[data(truth) > 0.99])
        assert (cord > np.median(data(image)[ring])) == bool(cord_is_bright), contrast


def test_noise_in_air_is_rayleigh_with_the_sd_that_snr_says(subject):
    image, _ = subject.acquire("T2star", snr=20, fov=(190, 190, 10), voxel_mm=(1.0, 1.0))
    air = data(image)[:12, :12]
    assert air.mean() == pytest.approx(300 / 20 * np.sqrt(np.pi / 2), rel=0.06)
    silent, _ = subject.acquire("T2star", snr=float("inf"), fov=(190, 190, 10), voxel_mm=(1.0, 1.0))
    assert data(silent)[:12, :12].max() < 1e-3


def test_without_partial_volume_every_voxel_is_cord_or_not(subject):
    _, truth = subject.acquire("T2w", effects=False, **SMALL)
    assert set(np.unique(data(truth))) == {0.0, 1.0}
    _, truth = subject.acquire("T2w", **IDEAL)
    assert ((data(truth) > 0.1) & (data(truth) < 0.9)).any()


def test_truncation_rings_but_keeps_the_total_signal(subject):
    sharp, _ = subject.acquire("T2w", **IDEAL)
    rings, _ = subject.acquire("T2w", truncation=True, **IDEAL)
    difference = data(rings) - data(sharp)
    assert np.abs(difference).max() > 0.03 * data(sharp).max()
    # magnitudes turn the negative lobes in dark places up: a few per mille
    assert abs(difference.mean()) < 0.005 * data(sharp).mean()
    # overshoot: the brightest CSF beside the edge exceeds what averaging can give
    assert data(rings).max() > 1.01 * data(sharp).max()


def test_truncation_does_not_move_the_picture(subject):
    sharp = data(subject.acquire("T2w", **IDEAL)[0])
    rings = data(subject.acquire("T2w", truncation=True, **IDEAL)[0])
    for axis in (0, 1):
        slope = np.gradient(sharp, axis=axis)
        shift = -np.sum((rings - sharp) * slope) / np.sum(slope**2)
        assert abs(shift) < 0.02  # voxels


def test_fresh_csf_brightens_t2star_beside_the_cord(subject):
    still, truth = subject.acquire("T2star", **IDEAL)
    moving, _ = subject.acquire("T2star", flow=True, flow_void=0.0, **IDEAL)
    change = data(moving) - data(still)
    ring = (data(subject.levels(still)) > 0) & (data(truth) == 0)
    assert change.min() > -1e-3
    assert np.median(change[ring]) > 30  # white matter has 300
    assert np.abs(change[data(truth) == 1]).max() < 1e-3


def test_flow_only_darkens_csf_of_t2w(subject):
    still, truth = subject.acquire("T2w", **IDEAL)
    moving, _ = subject.acquire("T2w", flow=True, **IDEAL)
    change = data(moving) - data(still)
    ring = (data(subject.levels(still)) > 0) & (data(truth) == 0)
    assert change.max() < 1e-3
    assert change[ring].min() < -50
    assert np.abs(change[data(truth) == 1]).max() < 1e-3


def test_distortion_moves_the_picture_and_not_the_truth(subject):
    straight, truth = subject.acquire("fMRI", **IDEAL)
    warped, same = subject.acquire("fMRI", distortion=True, **IDEAL)
    np.testing.assert_array_equal(data(truth), data(same))
    assert not np.allclose(data(straight), data(warped))
    moved = subject.acquire_warped_truth("fMRI", distortion=True, **IDEAL)
    assert not np.allclose(data(moved), data(truth))
    assert data(moved).sum() == pytest.approx(data(truth).sum(), rel=0.05)
    unwarped = subject.acquire_warped_truth("T2w", **SMALL)
    np.testing.assert_array_equal(data(unwarped), data(subject.acquire("T2w", **SMALL)[1]))


def test_warped_truth_is_a_fraction_also_where_the_picture_is_squeezed():
    moved = data(simulate_subject(2).acquire_warped_truth("fMRI"))
    assert moved.max() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("direction", "axis"), [("RL", 1), ("AP", 2)])
def test_distortion_by_a_field_gradient_stretches_and_keeps_the_signal(direction, axis):
    seq = make_sequence("fMRI", epi_px_per_hz=0.02, phase_encoding=direction)
    x = np.arange(64.0) - 31.5
    blob = np.exp(-(x**2) / 40)[:, None] * np.exp(-(x**2) / 40)
    field = np.broadcast_to((10 * x)[:, None] if axis == 1 else 10 * x, (1, 64, 64))
    warped = _distort(blob[None].astype(np.float32), field.astype(np.float32), seq)
    assert warped.sum() == pytest.approx(blob.sum(), rel=0.05)  # would be 20 % off
    width = [np.sqrt((a.sum(axis=2 - axis) * x**2).sum() / a.sum()) for a in (blob, warped[0])]
    assert width[1] == pytest.approx(1.22 * width[0], rel=0.04)


def test_truth_follows_motion(subject):
    still = subject.acquire("T2star", **IDEAL)[1]
    moved = subject.acquire("T2star", motion=True, motion_mm=1.0, **IDEAL)[1]
    j = np.arange(still.shape[1])[None, :, None]
    center = [(data(t) * j).sum((0, 1)) / data(t).sum((0, 1)) for t in (still, moved)]
    assert np.abs(center[1] - center[0]).max() > 0.5
    np.testing.assert_allclose(data(moved).sum((0, 1)), data(still).sum((0, 1)), rtol=0.01)


def test_chemical_shift_moves_fat_along_the_readout(subject):
    still = subject.acquire("T1w", **IDEAL)[0]
    moved = subject.acquire("T1w", chemical_shift=True, te_ms=2.2727, fat_shift_px=3.0, **IDEAL)[0]
    truth = data(subject.acquire("T1w", **IDEAL)[1])
    change = np.abs(data(moved) - data(still))
    assert change.max() > 100
    assert np.median(change[truth == 1]) < 1  # water stays


def test_chemical_shift_moves_fat_of_echo_planar_images_along_the_phase_encoding():
    seq = make_sequence("fMRI", te_ms=0.001)
    fat = np.zeros((1, 64, 64), np.complex64)
    fat[0, 30, 40] = 1j
    grid = Grid(np.eye(4), (64, 64, 1), 5.0)
    off = Effects(**dict.fromkeys(vars(Effects()), False))
    seen = [
        receive(fat, np.zeros((2, 1, 64, 64), np.float32), seq, grid,
                effects=replace(off, chemical_shift=on), rng=np.random.default_rng(0))[0]
        for on in (False, True)
    ]  # fmt: skip
    j = np.arange(64)
    shift = [(image.sum(0) * j).sum() / image.sum() for image in seen]
    assert shift[1] - shift[0] == pytest.approx(-440 * seq.epi_px_per_hz, abs=0.01)
    assert seen[1][30].sum() == pytest.approx(1)


def test_noise_stays_the_same_when_another_effect_is_switched(subject):
    options = {"effects": False, "noise": True, **SMALL}
    for name in ("bias", "motion"):
        with_it = data(subject.acquire("T2star", snr=1e4, **options, **{name: True})[0])
        plain = data(subject.acquire("T2star", snr=1e4, **options)[0])
        clean = data(subject.acquire("T2star", snr=np.inf, **options, **{name: True})[0])
        silent = data(subject.acquire("T2star", snr=np.inf, **options)[0])
        bright = (clean > 100) & (silent > 100)
        np.testing.assert_allclose((with_it - clean)[bright], (plain - silent)[bright], atol=1e-3)


def test_the_decay_along_the_train_can_be_set(subject):
    sharp, soft = (
        data(subject.acquire("T2w", blur=True, train_decay=x, **IDEAL)[0]) for x in (0.1, 1.0)
    )
    assert np.abs(np.diff(soft, axis=1)).mean() < 0.97 * np.abs(np.diff(sharp, axis=1)).mean()


def test_blur_lowers_the_contrast_along_the_phase_encoding(subject):
    sharp = data(subject.acquire("T2w", **IDEAL)[0])
    soft = data(subject.acquire("T2w", blur=True, phase_encoding="AP", **IDEAL)[0])
    assert np.abs(np.diff(soft, axis=1)).mean() < 0.97 * np.abs(np.diff(sharp, axis=1)).mean()
    assert soft.mean() == pytest.approx(sharp.mean(), rel=1e-3)


def test_slice_profile_mixes_neighbouring_slices(subject):
    box = data(subject.acquire("T2star", **IDEAL)[0])
    smooth = data(subject.acquire("T2star", slice_profile=True, **IDEAL)[0])
    assert not np.allclose(box, smooth)


def test_susceptibility_takes_signal_from_gradient_echoes_only(subject):
    for contrast, loses in (("fMRI", True), ("T2w", False)):
        whole = data(subject.acquire(contrast, **IDEAL)[0])
        lossy = data(subject.acquire(contrast, susceptibility=True, **IDEAL)[0])
        assert (lossy <= whole + 1e-3).all()
        assert np.allclose(lossy, whole) != loses


def test_lesion_brightens_t2w_and_leaves_the_truth_alone():
    plain, ill = simulate_subject(2), simulate_subject(2, lesion={4: 3.0})
    options = {"effects": False, "partial_volume": True}
    (a, truth_a), (b, truth_b) = plain.acquire("T2w", **options), ill.acquire("T2w", **options)
    np.testing.assert_array_equal(data(truth_a), data(truth_b))
    change = data(b) - data(a)
    assert change[data(truth_a) == 1].max() > 100
    assert np.abs(change[data(truth_a) == 0]).max() < 1e-2


def test_slice_scanner_gives_the_slice_of_the_volume(subject):
    volume, truth = subject.acquire("T2star", effects=False, partial_volume=True, **SMALL)
    level = subject.anatomy.level
    # the level at the centre of slice 3
    place = volume.affine @ [*(np.array(volume.shape[:2]) - 1) / 2, 3, 1]
    at = np.argmin(np.abs(subject.anatomy.center[:, 2] - place[2]))
    scanner = subject.slice_scanner(level[at], **SMALL)
    image, mask = scanner.acquire("T2star", effects=False, partial_volume=True)
    assert image.shape == (80, 80, 1)
    assert np.corrcoef(data(image).ravel(), data(volume)[..., 3].ravel())[0, 1] > 0.99
    assert data(mask).sum() == pytest.approx(data(truth)[..., 3].sum(), rel=0.01)


def test_slice_scanner_follows_the_sequence(subject):
    scanner = subject.slice_scanner(3.5, **SMALL)
    long, short = (
        data(scanner.acquire("T2w", te_ms=te, noise=False, bias=False)[0]) for te in (200, 20)
    )
    truth = data(scanner.acquire("T2w")[1])
    ring = (data(subject.levels(scanner.acquire("T2w")[0])) > 0) & (truth == 0)
    # white matter is set to one level, so CSF grows with TE
    assert np.median(long[ring]) > 1.5 * np.median(short[ring])


def test_slice_scanner_refuses_another_sampling(subject):
    with pytest.raises(ValueError, match="voxel_mm"):
        subject.slice_scanner(3.5, **SMALL).acquire("T2w", voxel_mm=(1, 1))
    for option in ({"te_ms": 90}, {"noise": False}):
        with pytest.raises(TypeError, match="acquire"):
            subject.slice_scanner(3.5, **option)
    with pytest.raises(ValueError, match="level"):
        subject.slice_scanner(14)


def test_a_scan_can_be_put_on_a_given_grid(subject):
    affine = np.diag([1.1, 0.9, 4.0, 1.0])
    affine[:3, 3] = [-22, -18, -20]
    grid = nib.Nifti1Image(np.zeros((40, 40, 10), np.uint8), affine)
    image, truth = subject.acquire("T2w", grid=grid)
    np.testing.assert_array_equal(image.affine, affine)
    assert image.shape == (40, 40, 10)
    assert data(truth).max() == 1
    a, b = np.deg2rad(35), np.deg2rad(40)
    turn = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    turn = np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]]) @ turn
    affine[:3, :3] = turn @ affine[:3, :3]
    with pytest.raises(ValueError, match="45 degrees"):
        subject.acquire("T2w", grid=nib.Nifti1Image(np.zeros((40, 40, 10), np.uint8), affine))


@pytest.mark.parametrize("codes", ["LPI", "PSR", "LAS"])
def test_a_scan_is_the_same_on_a_grid_of_any_orientation(subject, codes):
    affine = np.diag([1.1, 0.9, 4.0, 1.0])
    affine[:3, 3] = [-22, -18, -20]
    straight = nib.Nifti1Image(np.zeros((40, 42, 10), np.uint8), affine)
    turned = reorient(straight, codes)
    for scan in (subject.acquire_warped_truth, lambda *a, **k: subject.acquire(*a, **k)[0],
                 subject.rate):  # fmt: skip
        image = scan("fMRI", grid=turned)
        np.testing.assert_array_equal(image.affine, turned.affine)
        np.testing.assert_array_equal(data(reorient(image)), data(scan("fMRI", grid=straight)))


@pytest.mark.parametrize(
    "options", [{"fov": "head"}, {"fov": (64, 64)}, {"fov": (4, 4, 20)}, {"tilt_deg": (60, 0)},
                {"motion_mm": -1}],
)  # fmt: skip
def test_impossible_grids_are_refused(subject, options):
    with pytest.raises(ValueError, match=r"fov|voxels|tilt_deg|motion_mm"):
        subject.acquire("T2star", **options)


@pytest.mark.parametrize(
    ("option", "says"),
    [({"mt": "no"}, "expected mt True or False, got 'no'"),
     ({"noise": "no"}, "expected noise True or False, got 'no'"),
     ({"te_ms": "long"}, "expected te_ms as a number, got 'long'"),
     ({"voxel_mm": (1, "1")}, r"expected voxel_mm \(RL, AP\) in mm, got \(1, '1'\)")],
)  # fmt: skip
def test_words_in_place_of_switches_and_numbers_are_refused(subject, option, says):
    with pytest.raises((TypeError, ValueError), match=says):
        subject.acquire("T2star", **option, **SMALL)


@pytest.mark.parametrize(("shape", "voxel"), [((40, 1), 1), ((1, 40), 1), ((40, 40), 30)])
def test_grids_too_coarse_or_too_narrow_are_refused(subject, shape, voxel):
    grid = nib.Nifti1Image(np.ones((*shape, 4), np.uint8), np.diag([1, voxel, 5, 1]))
    with pytest.raises(ValueError, match="at least 2 by 2 voxels in plane, up to 10 mm"):
        subject.acquire("DWI", grid=grid)


def test_slices_beside_the_neck_are_scanned_too(subject):
    image, truth = subject.acquire("T1w", fov=(30, 30, 200), tilt_deg=(-35, 0))
    assert data(truth)[..., [0, -1]].max() == 0 < data(truth).max()
    assert np.isfinite(data(image)).all()


def test_default_field_of_view_covers_c1_to_t1(subject):
    image, truth = subject.acquire("MT-on")
    assert set(range(1, 9)) <= set(np.unique(data(subject.levels(image))).astype(int))
    extent = np.array(image.shape[:2]) * 0.9
    np.testing.assert_allclose(extent, 64, atol=1)
    assert data(truth).sum((0, 1)).min() > 0


def test_level_k_lies_between_disc_k_and_the_next(subject):
    image, _ = subject.acquire("T1w", effects=False, fov=(40, 40, 130), voxel_mm=(1.0, 1.0))
    levels, discs = data(subject.levels(image)), data(subject.discs(image))
    assert set(np.unique(discs)) >= {0, 3, 4, 5, 6, 7}
    assert all((discs == k).sum() == 1 for k in (3, 4, 5, 6, 7))
    a = subject.anatomy
    for level in (3, 4, 5):
        top, bottom = a.disc_s[level], a.disc_s[level + 1]
        places = image.affine[:3, :3] @ np.array(np.nonzero(levels == level))
        index, _, _ = a.locate(*(places + image.affine[:3, 3:]))
        assert a.s[index].max() <= top + 0.3
        assert a.s[index].min() >= bottom - 0.3
        # the disc's voxel lies at the level's upper border
        spot = image.affine @ [*np.argwhere(discs == level)[0], 1]
        assert a.s[a.locate(*spot[:3, None])[0]][0] == pytest.approx(top, abs=1.0)


def test_labels_come_for_an_image_on_disk(subject, tmp_path):
    image, _ = subject.acquire("T2star", **SMALL)
    nib.save(image, tmp_path / "image.nii.gz")
    for label in (subject.levels, subject.discs):
        np.testing.assert_array_equal(data(label(tmp_path / "image.nii.gz")), data(label(image)))


def test_cord_lies_in_the_labelled_sac(subject):
    image, truth = subject.acquire("MT-on", motion=False)
    levels = data(subject.levels(image))
    inside = slice(2, -2)
    assert (levels[..., inside][data(truth)[..., inside] > 0.9] > 0).all()


def test_cord_voxels_hold_nothing_but_cord(subject):
    """Every voxel inside the cord has a signal between those of white and of grey matter."""
    image, truth = subject.acquire("T2w", **IDEAL)
    inside = data(image)[data(truth) == 1]
    assert inside.min() > 0.85 * 300
    assert inside.max() < 1.45 * 300  # CSF would be at 2.4


# ---- raters ------------------------------------------------------------------------------------
def test_a_rater_without_convention_is_near_the_truth_where_contrast_is_high(subject):
    for contrast in ("T1w", "T2w"):
        mask = data(subject.rate(contrast, convention="zero", **SMALL))
        truth = data(subject.acquire(contrast, **SMALL)[1])
        assert set(np.unique(mask)) == {0, 1}
        assert mask.sum() / truth.sum() == pytest.approx(1, abs=0.08)
        dice = 2 * (mask * (truth > 0.5)).sum() / (mask.sum() + (truth > 0.5).sum())
        assert dice > 0.92


@pytest.mark.filterwarnings("error")
def test_a_rater_draws_what_voxels_as_large_as_the_cord_show(subject):
    image = subject.rate("T2star", voxel_mm=(4, 4), thickness_mm=20, tilt_deg=(40, 0), fov="full")
    assert data(image).any()


def test_the_convention_moves_the_edge_by_its_offset(subject):
    fine = {**SMALL, "voxel_mm": (0.4, 0.4)}
    before, after = (data(subject.rate("T2w", convention={"T2w": mm}, **fine)) for mm in (0, 0.3))
    outline = np.mean([perimeter_crofton(one) for one in before.T > 0]) * 0.4
    gained = (after.sum() - before.sum()) * 0.4**2 / before.shape[2]
    assert gained == pytest.approx(0.3 * outline + np.pi * 0.3**2, rel=0.04)  # Steiner's formula


def test_raters_differ_by_seed_and_repeat_by_seed(subject):
    masks = [data(subject.rate("T2star", seed=seed, **SMALL)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(masks[0], masks[1])
    assert not np.array_equal(masks[0], masks[2])


def test_published_conventions_order_the_contrasts_as_published():
    offsets = CONVENTIONS_MM["published"]
    assert offsets["T2star"] > 0 > offsets["T1w"] > offsets["DWI"]
    assert not any(CONVENTIONS_MM["zero"].values())
    assert min(CONVENTIONS_MM["one-sided"].values()) > 0


@pytest.mark.parametrize(
    "options", [{"convention": "nature"}, {"convention": {"T2w": 9.0}},
                {"convention": {"t2": 0.1}}, {"height": 1.5}, {"jitter_mm": -0.1}],
)  # fmt: skip
def test_impossible_raters_are_refused(subject, options):
    with pytest.raises(ValueError, match="expected"):
        subject.rate("T2w", **options, **SMALL)
