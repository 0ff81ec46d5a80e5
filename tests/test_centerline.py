"""The centreline follows the cord, and nothing that only one slice says."""

import nibabel as nib
import numpy as np
import pytest

import cordviz as cv
from cordviz.centerline import Centerline, fit_centerline

SPACING = np.array([0.5, 0.5, 2.5])


def disc_stack(centres_mm, *, radius_mm=4.0, spacing=SPACING, shape=(120, 120)):
    """Stack of soft discs around centres (n, 2) in mm, in LAS order."""
    x, y = np.meshgrid(*(np.arange(n) * s for n, s in zip(shape, spacing, strict=False)))
    edge = radius_mm - np.hypot(
        x.T[..., None] - centres_mm[:, 0], y.T[..., None] - centres_mm[:, 1]
    )
    data = np.clip(edge / spacing[0] + 0.5, 0, 1).astype(np.float32)
    return nib.Nifti1Image(data, np.diag([-spacing[0], spacing[1], spacing[2], 1]))


def line(n, slope_x=0.0, slope_y=0.0, bend=0.0):
    z = (np.arange(n) - n / 2) * SPACING[2]
    return np.stack([30 + slope_x * z, 30 + slope_y * z + bend * z**2], axis=1), z


def test_a_straight_cord_has_the_angles_it_was_given():
    centres, _ = line(16, slope_x=np.tan(np.radians(20)), slope_y=np.tan(np.radians(-10)))
    curve = fit_centerline(disc_stack(centres))
    np.testing.assert_allclose(curve.angle_AP_deg, 20, atol=0.1)
    np.testing.assert_allclose(curve.angle_RL_deg, -10, atol=0.1)


def test_a_parabola_is_followed_up_to_its_ends():
    bend = 1 / 300  # radius of 150 mm, as in a bent neck
    centres, z = line(20, bend=bend)
    curve = fit_centerline(disc_stack(centres))
    np.testing.assert_allclose(curve.angle_RL_deg, np.degrees(np.arctan(2 * bend * z)), atol=0.3)


def test_one_bad_slice_does_not_tilt_its_neighbours():
    centres, _ = line(24, slope_y=0.1)
    good = fit_centerline(disc_stack(centres))
    centres[10] += (6.0, -6.0)
    bad = fit_centerline(disc_stack(centres))
    assert np.abs(bad.angle_AP_deg - good.angle_AP_deg).max() < 0.3
    assert np.abs(bad.angle_RL_deg - good.angle_RL_deg).max() < 0.3


def test_a_bad_last_slice_does_not_tilt_the_end():
    centres, _ = line(24)
    centres[-1] += (5.0, 0.0)
    assert np.abs(fit_centerline(disc_stack(centres)).angle_AP_deg).max() < 0.3


def test_a_gap_is_bridged():
    centres, _ = line(16, slope_x=0.2)
    img = disc_stack(centres)
    np.asarray(img.dataobj)[..., 5:8] = 0
    curve = fit_centerline(img)
    assert curve.slices.tolist() == list(range(16))
    np.testing.assert_allclose(curve.angle_AP_deg, np.degrees(np.arctan(0.2)), atol=0.2)


@pytest.mark.parametrize("slices", [2, 3, 4])
def test_few_slices_give_the_line_through_them(slices):
    centres, _ = line(slices, slope_x=0.3)
    curve = fit_centerline(disc_stack(centres))
    np.testing.assert_allclose(curve.angle_AP_deg, np.degrees(np.arctan(0.3)), atol=0.3)


def test_one_slice_has_no_tangent():
    curve = fit_centerline(disc_stack(line(1)[0]))
    assert np.isnan(curve.tangents).all()


def test_the_curve_is_the_same_whatever_the_storage_order():
    centres, _ = line(12, slope_x=0.2, slope_y=-0.1)
    img = disc_stack(centres)
    turned = img.as_reoriented(np.array([[1, -1], [2, 1], [0, -1]]))
    assert nib.aff2axcodes(turned.affine) != nib.aff2axcodes(img.affine)
    one, other = fit_centerline(img), fit_centerline(turned)
    np.testing.assert_allclose(one.points_mm, other.points_mm, atol=1e-6)
    np.testing.assert_allclose(one.tangents, other.tangents, atol=1e-9)


def test_points_project_on_the_curve_where_they_were_put_beside_it():
    centres, _ = line(20, slope_x=0.4, bend=1 / 400)
    curve = fit_centerline(disc_stack(centres))
    inner = slice(3, -3)
    size = np.diag([-1, 1, 1]) @ np.eye(3)  # LAS axes in the world
    tangent = curve.tangents @ size
    sideways = np.cross(tangent, [0, 1, 0])
    sideways /= np.linalg.norm(sideways, axis=1, keepdims=True)
    position = curve.slice_position(curve.points_mm + 8 * sideways)
    np.testing.assert_allclose(position[inner], curve.slices[inner], atol=0.1)


def test_beyond_its_ends_the_curve_goes_on_straight():
    centres, _ = line(10, slope_x=0.5)
    curve = fit_centerline(disc_stack(centres))
    ahead = curve.point_mm(np.array([9.0, 14.0]))
    np.testing.assert_allclose(curve.slice_position(ahead), [9, 14], atol=1e-3)
    step = (ahead[1] - ahead[0]) / 5
    np.testing.assert_allclose(step, [-0.5 * 2.5, 0, 2.5], atol=0.05)


def test_the_cosine_is_that_of_the_tangent():
    curve = fit_centerline(disc_stack(line(12, slope_x=0.3, slope_y=0.4)[0]))
    assert isinstance(curve, Centerline)
    np.testing.assert_allclose(curve.tangents[:, 2], 1 / np.sqrt(1 + 0.3**2 + 0.4**2), atol=2e-3)


def test_an_empty_mask_is_refused():
    with pytest.raises(ValueError, match="empty"):
        fit_centerline(nib.Nifti1Image(np.zeros((4, 4, 4), np.uint8), np.eye(4)))


@pytest.mark.parametrize("thickness", [0.04, 0.1])
def test_slices_as_thin_as_ex_vivo_ones_have_the_angles_of_thick_ones(thickness):
    z = np.arange(300) * thickness
    centres = np.stack([30 + np.tan(np.radians(20)) * (z - z.mean()), np.full(300, 30.0)], axis=1)
    curve = fit_centerline(disc_stack(centres, spacing=(0.5, 0.5, thickness)))
    np.testing.assert_allclose(curve.angle_AP_deg, 20, atol=0.1)


def test_a_smooth_mask_is_followed_where_the_neck_meets_the_thorax():
    person = cv.simulate_subject(seed=18)
    image, truth = person.acquire("T2w", snr=np.inf)
    found = cv.measure_shape(truth, levels=person.levels(image)).groupby("level")["area_mm2"].mean()
    for level in (3, 8):
        assert found[level] == pytest.approx(person.csa_mm2[level], rel=0.015)
