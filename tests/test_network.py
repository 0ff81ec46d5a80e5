"""The network, its weights file, and patches around the cord: areas survive the way and back."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import cordviz as cv
from cordviz.images import reorient, restore, spacing_mm, voxels
from cordviz.segmentation import inference
from cordviz.segmentation.inference import candidates, segment_soft
from cordviz.segmentation.network import Network, load_network, save_network
from cordviz.segmentation.sampling import STEP_MM, cut_patches, paste_patches

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
    network = Network([8, 16]).eval()
    save_network(network, tmp_path / "x.pt")
    again = load_network(tmp_path / "x.pt")
    x = torch.randn(2, 1, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(network(x), again(x), atol=0.02, rtol=0.02)


def test_the_full_network_fits_in_8_mb(tmp_path):
    save_network(Network([32, 64, 112, 160]), tmp_path / "x.pt")
    assert (tmp_path / "x.pt").stat().st_size < 8e6


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
    off = [np.hypot(*(c - center).T).max() for c in candidates(image, spacing)]
    assert min(off) < 2.5


def test_an_untrained_network_finds_nothing_and_says_so(tmp_path):
    save_network(Network([8, 16]), tmp_path / "x.pt")
    noise = np.random.default_rng(0).rayleigh(size=(50, 50, 8))
    with pytest.raises(ValueError, match="No spinal cord found"):
        segment_soft(noise, np.ones(3), tmp_path / "x.pt")


def test_the_model_card_names_these_weights():
    card = json.loads(WEIGHTS.with_suffix(".json").read_text())
    assert card["sha256"] == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()


def test_the_cord_of_an_unseen_person_is_found_with_its_area(scan):
    found, truth = run(scan[0]).get_fdata(), scan[1].get_fdata()
    assert 2 * (found * truth).sum() / (found**2 + truth**2).sum() > 0.93
    np.testing.assert_allclose(found.sum(), truth.sum(), rtol=0.08)


@pytest.mark.parametrize("codes", ["LPI", "PSR"])
def test_storage_order_changes_nothing(scan, codes):
    turned = run(reorient(scan[0], codes))
    straight = reorient(run(scan[0]), "RAS")
    np.testing.assert_allclose(reorient(turned).get_fdata(), straight.get_fdata(), atol=1e-5)


@pytest.mark.parametrize("shape", [(60, 60, 20), (180, 160, 12)])
def test_noise_has_no_cord(shape):
    noise = np.random.default_rng(0).rayleigh(size=shape).astype(np.float32)
    with pytest.raises(ValueError, match="No spinal cord found"):
        segment_soft(noise, np.ones(3), WEIGHTS)
