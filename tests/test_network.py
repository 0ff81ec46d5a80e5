"""The network, its weights file, and patches around the cord: areas survive the way and back."""

import copy
import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional

import cordviz as cv
from cordviz.images import reorient, restore, spacing_mm, voxels
from cordviz.segmentation import cleaning, inference, network
from cordviz.segmentation.inference import candidates, segment_soft
from cordviz.segmentation.network import Network, load_network, save_network
from cordviz.segmentation.sampling import STEP_MM, cut_patches, fill_rim, paste_patches
from cordviz.training.recipes import find_recipe, read_recipe

WEIGHTS = Path(inference.__file__).parent / "weights" / "agnostic.pt"


@pytest.fixture(scope="module")
def scan():
    """A person that no training saw: image and truth."""
    return cv.simulate_subject(3).acquire("T2w", fov=(48, 48, 24))


def run(img):
    ras = reorient(img)
    return restore(segment_soft(voxels(ras), spacing_mm(ras), WEIGHTS)[0], img)


def ellipse(shape, spacing, center, axes=(6.0, 4.2), oversample=8):
    """Exact-enough fraction of each pixel inside an ellipse, (X, Y)."""
    sub = (np.arange(oversample) + 0.5) / oversample - 0.5
    x, y = (
        ((np.arange(n)[:, None] + sub).ravel() * s - c) / a
        for n, s, c, a in zip(shape, spacing, center, axes, strict=True)
    )
    inside = (x[:, None] ** 2 + y[None] ** 2 < 1).astype(float)
    return inside.reshape(shape[0], oversample, shape[1], oversample).mean(axis=(1, 3))


@pytest.mark.parametrize("spacing", [(0.3, 0.3), (0.5, 0.7), (0.9, 0.9), (1.3, 0.8)])
def test_areas_are_kept_by_cutting_and_by_pasting(spacing):
    shape = (round(50 / spacing[0]), round(44 / spacing[1]))
    center = np.array([[24.3, 21.1], [26.0, 20.2]])
    mask = np.stack([ellipse(shape, spacing, c) for c in center], axis=2)
    spacing = np.array([*spacing, 2.0])
    area = mask.sum(axis=(0, 1)) * spacing[0] * spacing[1]
    patches = cut_patches(mask, spacing, center + 1.7, 64, mask=True)
    np.testing.assert_allclose(patches.sum(axis=(1, 2)) * STEP_MM**2, area, rtol=1e-5)
    back = paste_patches(patches, mask.shape, spacing, center + 1.7)
    np.testing.assert_allclose(back.sum(axis=(0, 1)) * spacing[0] * spacing[1], area, rtol=1e-5)
    assert np.abs(back - mask).mean() < 0.1 * mask.mean()


def test_a_flat_image_stays_flat_beyond_its_field_of_view():
    data = np.full((20, 12, 1), 7.0)
    patch = cut_patches(data, np.array([0.9, 1.1, 3.0]), np.array([[3.0, 40.0]]), 96)
    np.testing.assert_allclose(patch, 7, rtol=1e-5)


def test_edge_values_go_on_outside():
    data = np.arange(30.0)[:, None, None] * np.ones((30, 30, 1))
    patch = cut_patches(data, np.array([0.6, 0.6, 3.0]), np.array([[8.7, 8.7]]), 96)[0]
    assert patch[0] == pytest.approx(0, abs=1e-4)
    assert patch[-1] == pytest.approx(29, rel=1e-5)
    assert (np.diff(patch, axis=0) >= -1e-4).all()


def test_weights_survive_the_file_in_half_precision(tmp_path):
    torch.manual_seed(0)
    network = Network([8, 16], members=2).eval()
    save_network(network, path := tmp_path / "x.pt")
    again, stored = load_network(path), path.read_bytes()
    save_network(again, path)
    assert path.read_bytes() == stored
    x = torch.randn(2, 1, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(network(x), again(x), atol=0.02, rtol=0.02)


def test_weights_written_over_others_are_the_ones_that_are_read(tmp_path):
    first, second = (Network([8]) for _ in range(2))
    save_network(first, tmp_path / "x.pt")
    load_network(tmp_path / "x.pt")
    save_network(second, tmp_path / "x.pt")
    found = load_network(tmp_path / "x.pt").members[0].head.weight
    torch.testing.assert_close(found, second.members[0].head.weight, atol=1e-3, rtol=1e-3)


def test_three_members_fit_in_8_mb(tmp_path):
    save_network(Network([32, 64, 112, 160], members=3), tmp_path / "x.pt")
    assert (tmp_path / "x.pt").stat().st_size < 8e6


def test_each_view_is_seen_by_another_member(scan, tmp_path):
    data, areas = voxels(reorient(scan[0])), []
    for moved in ([], [0], [1], [0, 1]):
        network = copy.deepcopy(load_network(WEIGHTS))
        with torch.no_grad():
            for k in moved:
                network.members[k].head.bias += 0.5
        save_network(network, path := tmp_path / f"{moved}.pt")
        areas.append(segment_soft(data, spacing_mm(scan[0]), path)[0].sum())
    none, first, second, both = areas
    assert (both - none) / none > 0.03
    assert (first - none) / (both - none) == pytest.approx(0.5, abs=0.1)
    assert (second - none) / (both - none) == pytest.approx(0.5, abs=0.1)


def test_output_does_not_depend_on_the_intensity_scale():
    torch.manual_seed(0)
    network = Network([8, 16]).eval()
    x = torch.randn(2, 1, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(network(x), network(300 * x + 1000), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("cord", "fluid"), [(100, 300), (250, 60)])
def test_one_of_two_candidates_runs_through_a_cord_of_any_polarity(cord, fluid):
    spacing, center = np.array([0.8, 0.8, 3.0]), (27.0, 24.0)
    inner = ellipse((70, 70), spacing[:2], center)
    canal = ellipse((70, 70), spacing[:2], center, axes=(10.5, 7.5))
    image = 150 * (1 - canal) + fluid * (canal - inner) + cord * inner
    image = image[..., None] + np.random.default_rng(0).normal(0, 6, (70, 70, 20))
    off = [np.hypot(*(c - center).T).max() for c in next(candidates(image, spacing))]
    assert min(off) < 2.5


def test_an_untrained_network_finds_nothing_and_says_so(tmp_path):
    save_network(Network([8, 16]), tmp_path / "x.pt")
    noise = np.random.default_rng(0).rayleigh(size=(50, 50, 8))
    with pytest.raises(ValueError, match="No spinal cord found"):
        segment_soft(noise, np.ones(3), tmp_path / "x.pt")


@pytest.mark.filterwarnings("error")
def test_one_slice_is_judged_like_many():
    noise = np.random.default_rng(0).rayleigh(size=(60, 60, 1))
    with pytest.raises(ValueError, match="No spinal cord found"):
        segment_soft(noise, np.ones(3), WEIGHTS)


@pytest.mark.parametrize("name", ["agnostic", "t1", "t2", "t2s", "dwi"])
def test_every_network_ships_with_the_card_of_its_weights(name):
    path = WEIGHTS.with_name(f"{name}.pt")
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.stat().st_size < 8e6
    assert card["recipe"] == read_recipe(find_recipe(name))
    assert card["real"]


def test_the_default_method_needs_no_contrast_and_names_its_model(scan):
    seg = cv.segment_cord(scan[0], progress=False)
    assert (seg.shape, seg.get_data_dtype()) == (scan[0].shape, np.float32)
    np.testing.assert_array_equal(seg.affine, scan[0].affine)
    made = seg.extra["cordviz"]
    card = json.loads(WEIGHTS.with_suffix(".json").read_text())
    assert made["Model"] == {"Name": "agnostic", "SHA256": card["sha256"]}


def test_a_network_of_one_contrast_segments_it(scan):
    seg = cv.segment_cord(scan[0], method="deepseg", contrast="t2", progress=False)
    np.testing.assert_allclose(seg.get_fdata().sum(), scan[1].get_fdata().sum(), rtol=0.15)
    assert seg.extra["cordviz"]["Model"]["Name"] == "t2"


def test_standard_deviations_sum_to_that_of_the_area(scan):
    seg, sd = cv.segment_cord(scan[0], uncertainty=True, progress=False)
    assert sd.get_data_dtype() == np.float32
    np.testing.assert_array_equal(sd.affine, seg.affine)
    area, error = (np.asarray(i.dataobj).sum(axis=(0, 1)) for i in (seg, sd))
    truth = scan[1].get_fdata().sum(axis=(0, 1))
    assert (0.003 * area < error).all()
    assert (error < 0.2 * area).all()
    assert (np.abs(area - truth) < 4 * error).mean() > 0.9


def test_deviations_grow_where_the_edge_is_harder_to_see(scan):
    data = scan[0].get_fdata()
    noise = np.random.default_rng(0).normal(size=data.shape)
    shares = []
    for level in (0.0, 0.1, 0.2):
        noisy = data + level * np.percentile(data, 99) * noise
        seg, sd = cv.segment_cord(
            type(scan[0])(noisy.astype(np.float32), scan[0].affine),
            uncertainty=True,
            progress=False,
        )
        shares.append(sd.get_fdata().sum() / seg.get_fdata().sum())
    assert shares == sorted(shares)
    assert shares[2] > 1.2 * shares[0]


def test_deviations_change_nothing_about_the_mask(scan):
    alone = cv.segment_cord(scan[0], progress=False)
    both, _ = cv.segment_cord(scan[0], uncertainty=True, progress=False)
    np.testing.assert_array_equal(alone.get_fdata(), both.get_fdata())


def test_a_given_centreline_is_where_the_network_looks(scan):
    line = (scan[1].get_fdata() > 0.5).astype(np.uint8)
    hint = cv.segment_cord(scan[0], centerline=type(scan[0])(line, scan[0].affine), progress=False)
    found = cv.segment_cord(scan[0], progress=False)
    np.testing.assert_allclose(hint.get_fdata().sum(), found.get_fdata().sum(), rtol=0.02)


@pytest.mark.parametrize("k", [10, 11])
def test_a_click_in_any_slice_is_enough(scan, k):
    image, truth = (reorient(i) for i in scan)
    voxel = np.mean(np.argwhere(voxels(truth)[..., k] > 0.5), axis=0)
    seed = nib.affines.apply_affine(image.affine, [*voxel, k])
    clicked = cv.segment_cord(image, seed_mm=tuple(seed), progress=False).get_fdata().sum()
    assert clicked == pytest.approx(cv.segment_cord(image).get_fdata().sum(), rel=0.02)


def test_empty_slices_have_no_cord(scan):
    data = voxels(reorient(scan[0])).copy()
    data[..., [0, 14]] = 0
    mask, sd = segment_soft(data, spacing_mm(scan[0]), WEIGHTS, uncertainty=True)
    assert not mask[..., [0, 14]].any()
    assert not sd[..., [0, 14]].any()
    assert mask[..., 13].any()


def test_one_thick_slice_without_signal_costs_no_other():
    image, _ = cv.simulate_subject(41).acquire(
        "MT-off", fov=(50, 50, 80), thickness_mm=16.0, spacing_mm=16.0
    )
    data = image.get_fdata(dtype=np.float32).copy()
    whole = cv.segment_cord(image, progress=False).get_fdata().sum(axis=(0, 1))
    data[..., 2] = 0
    seg = cv.segment_cord(nib.Nifti1Image(data, image.affine), progress=False)
    area = seg.get_fdata().sum(axis=(0, 1))
    assert area[2] == 0
    np.testing.assert_allclose(np.delete(area, 2), np.delete(whole, 2), rtol=0.1)


def test_empty_slices_beyond_the_ends_change_little(scan):
    image, _ = scan
    z = image.shape[2]
    wide = np.pad(image.get_fdata(dtype=np.float32), ((0, 0), (0, 0), (2 * z, 2 * z)))
    area = cv.segment_cord(nib.Nifti1Image(wide, image.affine), progress=False)
    area = area.get_fdata().sum(axis=(0, 1))
    whole = cv.segment_cord(image, progress=False).get_fdata().sum(axis=(0, 1))
    assert area[2 * z : 3 * z].sum() == pytest.approx(whole.sum(), rel=0.1)
    assert area[: 2 * z].sum() == area[3 * z :].sum() == 0


def test_masking_around_the_cord_hardly_changes_its_area():
    """As pipelines do before they register; edges of the mask are no canal."""
    image, truth = cv.simulate_subject(3).acquire("MT-off", fov=(48, 48, 24))
    data, cord = image.get_fdata(dtype=np.float32).copy(), truth.get_fdata()
    spacing = spacing_mm(image)
    x, y = (np.arange(n) for n in data.shape[:2])
    for k in range(data.shape[2]):
        cx, cy = ndimage.center_of_mass(cord[..., k])
        far = np.hypot((x[:, None] - cx) * spacing[0], (y - cy) * spacing[1]) > 13
        data[..., k][far] = 0
    masked = cv.segment_cord(nib.Nifti1Image(data, image.affine), progress=False)
    whole = cv.segment_cord(image, progress=False)
    assert masked.get_fdata().sum() == pytest.approx(whole.get_fdata().sum(), rel=0.03)
    assert not masked.get_fdata()[data == 0].any()


def test_a_rim_is_filled_from_what_is_next_to_it():
    rng = np.random.default_rng(0)
    inner = rng.normal(size=(30, 20, 3)) + 10
    data = np.pad(inner, ((4, 0), (2, 5), (0, 0)))
    filled, shown = fill_rim(data, np.ones(3))
    assert shown.sum() == inner.size
    np.testing.assert_array_equal(filled[:4, 2:22], np.repeat(inner[:1], 4, axis=0))
    np.testing.assert_array_equal(filled[4:, 2:22], inner)
    wide = np.pad(rng.normal(size=(100, 100, 1)), ((9, 9), (9, 9), (0, 0)))
    assert fill_rim(wide, np.ones(3))[0] is wide, "too far away to matter"
    assert fill_rim(inner, np.ones(3))[1].all()


@pytest.mark.parametrize("contrast", ["T2w", "T2star"])
def test_a_spike_changes_little(contrast):
    """In the corner of a narrow image, whose values go on outside."""
    image, _ = cv.simulate_subject(3).acquire(contrast, fov=(40, 40, 24))
    data = image.get_fdata(dtype=np.float32).copy()
    whole = cv.segment_cord(image, progress=False).get_fdata().sum(axis=(0, 1))
    data[0, 0, whole.size // 2] = 200 * data.max()
    seg = cv.segment_cord(nib.Nifti1Image(data, image.affine), progress=False)
    np.testing.assert_allclose(seg.get_fdata().sum(axis=(0, 1)), whole, rtol=0.03)


def test_a_limb_has_no_cord_unless_somebody_points_at_it():
    rng = np.random.default_rng(0)
    x, y = np.mgrid[-60:61, -60:61]
    fat, bone, marrow = (np.hypot(x - c, y) < r for c, r in ((0, 48), (5, 14), (5, 8)))
    limb = np.where(np.hypot(x, y) < 55, 200, 0) - 100 * fat - 80 * bone + 120 * marrow
    data = limb[..., None] + rng.normal(0, 4, (*limb.shape, 12))
    image = nib.Nifti1Image(data.astype(np.float32), np.diag([1, 1, 5, 1]))
    with pytest.raises(ValueError, match=r"likeliest object has 1\d\d mm²"):
        cv.segment_cord(image)
    assert cv.segment_cord(image, seed_mm=(65, 60, 30)).get_fdata().any()


def test_narrow_slices_warn_and_narrower_ones_are_refused(scan):
    middle = reorient(scan[0]).slicer
    spacing = spacing_mm(reorient(scan[0]))[0]
    for mm, expected in ((21, pytest.warns(UserWarning, match="24 mm or more")),
                         (16, pytest.raises(ValueError, match="at least 18 mm"))):  # fmt: skip
        n = round(mm / spacing)
        low = round(24 / spacing) - n // 2
        with expected:
            cv.segment_cord(middle[low : low + n, low : low + n])


def test_the_agnostic_method_says_that_it_is_told_no_contrast(scan):
    with pytest.warns(UserWarning, match="'t2' is ignored"):
        seg = cv.segment_cord(scan[0], contrast="t2")
    assert seg.extra["cordviz"]["Contrast"] is None


def test_a_device_that_is_not_here_is_refused(scan):
    with pytest.raises(ValueError, match="'auto', 'cpu' or a GPU"):
        cv.segment_cord(scan[0], device="gpu")


def test_slabs_of_thin_slices_keep_the_volume(scan):
    data = voxels(reorient(scan[0]))
    slabs, at = inference._slabs(data, 0.5)
    assert slabs.shape[2] == len(at) < data.shape[2]
    again = inference._between(slabs, at, data.shape[2])
    assert again.shape == data.shape
    np.testing.assert_allclose(again.sum(), data.sum(), rtol=0.02)


@pytest.mark.parametrize("n", [1, 5, 19, 24])
def test_every_thin_slice_counts_in_a_slab_that_lies_at_their_middle(n):
    heights = np.broadcast_to(np.arange(n, dtype=np.float32), (4, 3, n))
    slabs, at = inference._slabs(heights, 0.5)
    assert len(at) == -(-n // 6)
    np.testing.assert_allclose(slabs, np.broadcast_to(at, slabs.shape))
    assert at.mean() == pytest.approx((n - 1) / 2, abs=0.2)


def test_the_cord_of_an_unseen_person_is_found_with_its_area(scan):
    found, truth = run(scan[0]).get_fdata(), scan[1].get_fdata()
    assert 2 * (found * truth).sum() / (found**2 + truth**2).sum() > 0.93
    np.testing.assert_allclose(found.sum(), truth.sum(), rtol=0.08)


@pytest.mark.parametrize("contrast", ["GRE-T1w", "MT-on", "MT-off"])
@pytest.mark.parametrize("method", ["agnostic", "propseg"])
def test_no_airway_is_taken_for_the_cord(contrast, method):
    """It is round, smooth and symmetrical, too, where an image is wide enough to show it."""
    image, truth = cv.simulate_subject(5).acquire(contrast, fov=(120, 120, 60))
    told = {} if method == "agnostic" else {"contrast": cv.closest_contrast(contrast)}
    found = cv.segment_cord(image, method=method, progress=False, **told).get_fdata()
    truth = truth.get_fdata()
    assert 2 * (found * truth).sum() / (found**2 + truth**2).sum() > 0.88


def test_a_cord_darker_than_all_around_it_is_found():
    """Unlike that of any sequence here, but of some maps and of inverted images."""
    image, truth = cv.simulate_subject(5).acquire("GRE-T1w", fov=(60, 60, 60))
    data, truth = image.get_fdata(dtype=np.float32), truth.get_fdata()
    inverted = nib.Nifti1Image(data.max() - data, image.affine)
    found = cv.segment_cord(inverted, progress=False).get_fdata()
    assert 2 * (found * truth).sum() / (found**2 + truth**2).sum() > 0.88


@pytest.mark.parametrize("codes", ["LPI", "PSR"])
def test_storage_order_changes_nothing(scan, codes):
    turned = run(reorient(scan[0], codes))
    straight = reorient(run(scan[0]), "RAS")
    np.testing.assert_allclose(reorient(turned).get_fdata(), straight.get_fdata(), atol=1e-5)


def tube(areas_mm2):
    """Mask of one voxel of 1 mm² per slice and mm, its weight standing for the area."""
    return np.asarray(areas_mm2, float)[None, None]


def test_the_mask_ends_where_the_cord_becomes_the_brain_stem():
    cord, stem = np.full(80, 80.0), np.linspace(80, 200, 61)
    mask = tube([*cord, *stem, 150, 60, 20])
    kept = cleaning.without_brain_stem(mask, np.ones(3))
    top = np.flatnonzero(kept[0, 0])[-1]
    assert mask[0, 0, top] == pytest.approx(120, abs=3)
    np.testing.assert_array_equal(kept[..., : top + 1], mask[..., : top + 1])
    assert not kept[..., top + 1 :].any()


@pytest.mark.parametrize(
    "areas",
    [np.full(80, 110.0), [*np.full(40, 80.0), 200, 210, *np.full(37, 80.0)],  # a leak
     [*np.full(40, 80.0), *np.full(30, 200.0), *np.full(60, 80.0)], np.full(30, 200.0),
     [*np.full(40, 80.0), *np.full(20, 137.0), *np.full(10, 55.0)]],
)  # fmt: skip
def test_nothing_else_is_taken_for_the_brain_stem(areas):
    mask = tube(areas)
    np.testing.assert_array_equal(cleaning.without_brain_stem(mask, np.ones(3)), mask)


@pytest.mark.parametrize("shape", [(60, 60, 20), (180, 160, 12)])
def test_noise_has_no_cord(shape):
    noise = np.random.default_rng(0).rayleigh(size=shape).astype(np.float32)
    with pytest.raises(ValueError, match="No spinal cord found"):
        segment_soft(noise, np.ones(3), WEIGHTS)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "floor"), [("sct_testing_data/mt/mt0", 0.91), ("sct_testing_data/mt/mt1", 0.93)]
)
def test_dice_on_people_that_no_training_saw(shared_data, name, floor):
    path = shared_data / "real" / f"{name}.nii.gz"
    truth = nib.load(path.with_name(path.name.replace(".nii", "_seg.nii"))).get_fdata() > 0.5
    hard = cv.segment_cord(path, threshold=0.5, progress=False).get_fdata() > 0
    assert 2 * (hard & truth).sum() / (hard.sum() + truth.sum()) > floor


@pytest.mark.realdata
@pytest.mark.parametrize(
    "name",
    [
        "sct_tutorial_data/multi_subject/data/sub-05/anat/sub-05_acq-MTon_MTS",
        "gm_challenge_data/sub-9418/anat/sub-9418_run-1_T2starw",
    ],
)
def test_the_throat_has_no_cord(shared_data, name):
    img = reorient(nib.load(shared_data / "real" / f"{name}.nii.gz"))
    cord = np.flatnonzero(cv.segment_cord(img, progress=False).get_fdata().any(axis=(0, 2)))
    front = img.slicer[:, cord[-1] + int(12 / spacing_mm(img)[1]) :]
    with pytest.raises(ValueError, match="No spinal cord found"):
        cv.segment_cord(front, progress=False)


def test_shortcuts_of_the_network_are_what_they_stand_for():
    """Against plain torch: doubled features convolved, windows, halves, norms by feature."""
    rng = torch.Generator().manual_seed(0)
    fine, coarse = (torch.randn(2, c, n, n, generator=rng) for c, n in ((3, 12), (5, 6)))
    weight = torch.randn(3, 8, 3, 3, generator=rng)
    doubled = torch.cat([fine, functional.interpolate(coarse, scale_factor=2)], dim=1)
    joined = network._joined(weight, network._smeared(weight), fine, coarse)
    same = torch.testing.assert_close
    same(joined, functional.conv2d(doubled, weight, padding=1), rtol=1e-4, atol=1e-4)
    same(network._halved(fine), functional.avg_pool2d(fine, 2))
    mean = functional.avg_pool2d(fine, 15, 1, 7, count_include_pad=False)
    same(network._box(fine), mean)
    norm = network._block(3, 3)[1]
    same(norm(fine), functional.instance_norm(fine))


def test_a_network_that_was_read_gives_what_its_weights_give():
    loaded = load_network(WEIGHTS)
    fresh = Network(**loaded.shape).eval()
    fresh.load_state_dict(loaded.state_dict())
    x = torch.randn(1, 1, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(loaded(x), fresh(x), rtol=1e-4, atol=1e-4)
