"""Clear slices keep their shape; of others their neighbours tell."""

import numpy as np
import pytest
from scipy import ndimage

from cordviz.segmentation.sampling import STEP_MM
from cordviz.segmentation.softness import lean_on_neighbours, middles, softness

N = 48


def disc(radius, blur=1.0, center=(0, 0)):
    at = np.arange(N) - (N - 1) / 2
    r = np.hypot(at[:, None] - center[0], at - center[1])
    return ndimage.gaussian_filter(np.clip(radius - r + 0.5, 0, 1), blur)


def areas(patches):
    return patches.sum(axis=(1, 2)) * STEP_MM**2


def test_softness_is_that_of_the_edge_whatever_the_size():
    small, large = softness(np.stack([disc(6), disc(10)]))
    assert small == pytest.approx(large, rel=0.05)
    assert softness(disc(8, blur=3)[None])[0] > 2 * large


@pytest.mark.parametrize("slice_mm", [2.0, 5.0])
def test_a_slice_that_shows_little_takes_after_its_neighbours(slice_mm):
    patches = np.stack([disc(8)] * 4 + [disc(11, blur=5)] + [disc(8)] * 4)
    leaning = lean_on_neighbours(patches, np.zeros((9, 2)), slice_mm)
    usual = areas(patches)[0]
    assert areas(patches)[4] > 1.7 * usual
    assert areas(leaning)[4] < 1.1 * usual
    np.testing.assert_allclose(areas(leaning)[[0, 3, 5]], usual, rtol=0.01)


def test_a_narrow_cord_that_is_seen_stays_narrow():
    patches = np.stack([disc(8)] * 4 + [disc(5)] + [disc(8)] * 4)
    leaning = lean_on_neighbours(patches, np.zeros((9, 2)), 5.0)
    np.testing.assert_allclose(areas(leaning)[4], areas(patches)[4], rtol=0.12)


def test_shapes_follow_the_course_of_the_cord():
    centers = np.stack([np.linspace(-6, 6, 7), np.zeros(7)], axis=1)
    patches = np.stack([disc(8, blur=5 if k == 3 else 1, center=c) for k, c in enumerate(centers)])
    leaning = lean_on_neighbours(patches, np.zeros((7, 2)), 5.0)
    np.testing.assert_allclose(ndimage.center_of_mass(leaning[3]), [(N - 1) / 2] * 2, atol=0.1)
    assert softness(leaning)[3] < 0.6 * softness(patches)[3]


def test_a_slice_that_shows_little_lies_where_its_neighbours_lead():
    """On a line with them, also when it is the last; whatever the patches are centred on."""
    course = np.stack([np.linspace(-5, 5, 9), np.linspace(3, -3, 9)], axis=1)
    seen = course.copy()
    seen[[4, 8]] += 5  # pixels
    blur = np.where(np.isin(range(9), [4, 8]), 5, 1)
    cut = np.random.default_rng(0).integers(-3, 4, (9, 2))  # where in the image patches lie
    patches = np.stack([disc(8, blur=b, center=c) for b, c in zip(blur, seen - cut, strict=True)])
    leaning = lean_on_neighbours(patches, cut * STEP_MM, 5.0)
    found = [ndimage.center_of_mass(p) for p in leaning] + cut - (N - 1) / 2
    np.testing.assert_allclose(found, course, atol=0.8)
    np.testing.assert_allclose(found[[3, 5]], course[[3, 5]], atol=0.1)


def test_an_end_that_shows_little_is_not_thrown_off_a_cord_that_bends():
    at = 5.0 * np.arange(13)
    bend = np.stack([0.003 * np.maximum(at - 25, 0) ** 2 / STEP_MM, np.zeros(13)], axis=1)
    patches = [disc(8, blur=1 if k < 7 else 6, center=c) for k, c in enumerate(bend)]
    leaning = lean_on_neighbours(np.stack(patches), np.zeros((13, 2)), 5.0)
    found = [ndimage.center_of_mass(p) for p in leaning]
    np.testing.assert_allclose(np.subtract(found, (N - 1) / 2), bend, atol=2.5)


def test_another_piece_in_a_slice_does_not_move_the_cord():
    patches = np.stack([disc(8)] * 5)
    patches[2] += disc(4, center=(0, 17))
    np.testing.assert_allclose(middles(patches), 0, atol=1e-9)


def test_slices_without_cord_stay_empty_and_take_nothing():
    patches = np.stack([disc(8)] * 3 + [disc(0)] * 3)
    leaning = lean_on_neighbours(patches, np.zeros((6, 2)), 5.0)
    np.testing.assert_allclose(areas(leaning), areas(patches), rtol=1e-6)
