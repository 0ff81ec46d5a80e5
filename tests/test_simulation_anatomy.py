"""Laws of the simulated anatomy and of its exact truth."""

import numpy as np
import pytest

from cordviz.simulation import simulate_subject
from cordviz.simulation.anatomy import outline_squared


@pytest.fixture(scope="module")
def subject():
    return simulate_subject(seed=0)


def outline(subject, index, n=4000):
    """Outline in mm about the centreline, drawn from the polar form."""
    a = subject.anatomy
    phi = np.linspace(0, 2 * np.pi, n, endpoint=False)
    r = np.sqrt(outline_squared(np.cos(phi), np.sin(phi), a.shape_coef[:, index, None]))
    x, y = r * np.cos(phi) - a.cord[8, index], r * np.sin(phi) - a.cord[9, index]
    return x * a.a[index], y * a.b[index]


def polygon_area(x, y):
    return 0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))


@pytest.mark.parametrize("index", [100, 400, 700, 900])
def test_outline_encloses_exactly_the_drawn_area_and_is_centred(subject, index):
    x, y = outline(subject, index)
    area = polygon_area(x, y)
    assert area == pytest.approx(subject.anatomy.area[index], rel=1e-5)
    cross = x * np.roll(y, -1) - y * np.roll(x, -1)
    assert abs(np.sum((x + np.roll(x, -1)) * cross) / (6 * area)) < 1e-3
    assert abs(np.sum((y + np.roll(y, -1)) * cross) / (6 * area)) < 1e-3


def test_outline_is_not_an_ellipse_but_has_an_anterior_fissure(subject):
    x, y = outline(subject, 500)
    front = y[np.argmin(np.abs(x) + 100 * (y < 0))]
    beside = y[(np.abs(np.abs(x) - 1.2) < 0.05) & (y > 0)].max()
    assert front < beside - 0.1


def test_plane_area_of_a_perpendicular_plane_is_the_area_at_that_place(subject):
    a = subject.anatomy
    for index in (300, 500, 760):
        area = subject.plane_area_mm2(a.center[index], a.tangent[index])
        assert area == pytest.approx(a.area[index], rel=2e-3)


def test_tilting_the_plane_divides_the_area_by_the_cosine(subject):
    a, index = subject.anatomy, 500
    for axis, degrees in ((a.right, 20), (a.front, 30), (a.right, -30)):
        angle = np.deg2rad(degrees)
        normal = np.cos(angle) * a.tangent[index] + np.sin(angle) * axis[index]
        area = subject.plane_area_mm2(a.center[index], normal)
        assert area * np.cos(angle) == pytest.approx(a.area[index], rel=5e-3)


@pytest.mark.parametrize("normal", [(0, 1, 0), (0, 0, 0), (0, 1), (0, 0, np.nan)])
def test_planes_that_do_not_cross_the_cord_are_refused(subject, normal):
    with pytest.raises(ValueError, match="expected"):
        subject.plane_area_mm2((0, 0, 0), normal)


@pytest.mark.parametrize("levels", [(), (9,), (0, 3)])
def test_levels_that_there_are_not_are_refused(subject, levels):
    with pytest.raises(ValueError, match="levels"):
        subject.mean_csa_mm2(levels)


def test_discs_lie_one_below_the_other_in_tall_people_too():
    for seed in range(20):
        height = [place[2] for _, place in sorted(simulate_subject(seed).disc_points_mm.items())]
        assert len(height) >= 11
        assert np.all(np.diff(height) < -10)


def test_mean_area_over_each_level_is_csa(subject):
    a = subject.anatomy
    for level, csa in subject.csa_mm2.items():
        inside = (a.s <= a.disc_s[level]) & (a.s > a.disc_s[level + 1])
        assert a.area[inside].mean() == pytest.approx(csa, rel=3e-3)


def test_centreline_is_parametrised_by_arc_length_in_mm(subject):
    step = np.linalg.norm(np.diff(subject.centerline_mm, axis=0), axis=1)
    np.testing.assert_allclose(step, 0.25, rtol=1e-3)


def test_locate_inverts_the_straightening(subject):
    a = subject.anatomy
    index, u, v = np.array([200, 500, 800]), np.array([3.0, -5, 6]), np.array([-2.0, 3, 1])
    world = a.center[index] + u[:, None] * a.right[index] + v[:, None] * a.front[index]
    found, found_u, found_v = a.locate(*world.T.astype(np.float32))
    assert np.abs(found - index).max() <= 1
    np.testing.assert_allclose(found_u, u, atol=0.02)
    np.testing.assert_allclose(found_v, v, atol=0.02)


def test_same_seed_same_person_other_seed_another():
    assert simulate_subject(seed=7).csa_mm2 == simulate_subject(seed=7).csa_mm2
    assert simulate_subject(seed=7).csa_mm2 != simulate_subject(seed=8).csa_mm2


def test_norms_hold_over_subjects():
    subjects = [simulate_subject(seed) for seed in range(120)]
    csa = np.array([list(s.csa_mm2.values()) for s in subjects])
    ap = np.array([list(s.diameter_AP_mm.values()) for s in subjects])
    rl = np.array([list(s.diameter_RL_mm.values()) for s in subjects])
    mean = np.array([74.0, 71.7, 72.5, 77.4, 76.4, 69.1, 56.8, 46.8])
    sd = np.array([7.3, 6.9, 7.1, 7.5, 7.7, 7.8, 7.2, 5.5])
    np.testing.assert_allclose(csa.mean(0), mean, rtol=0.05)
    np.testing.assert_allclose(csa.std(0, ddof=1), sd, rtol=0.20)
    np.testing.assert_allclose(ap.mean(0)[1:3], [7.76, 7.59], rtol=0.05)
    np.testing.assert_allclose(rl.mean(0)[1:3], [11.73, 12.14], rtol=0.05)
    ratio = csa / (np.pi / 4 * ap * rl)
    assert ratio.min() > 0.9
    assert ratio.max() < 1.05
    # neighbouring levels of one person go together
    assert np.corrcoef(csa[:, 2], csa[:, 3])[0, 1] > 0.7


def test_men_have_larger_cords_on_average():
    mean = {
        sex: np.mean([simulate_subject(seed, sex=sex).csa_mm2[3] for seed in range(25)])
        for sex in ("M", "F")
    }
    assert 2 < mean["M"] - mean["F"] < 7


def test_atrophy_takes_exactly_its_percentage_from_the_same_person():
    before, after = simulate_subject(3), simulate_subject(3, atrophy_percent=2.0)
    for level in before.csa_mm2:
        assert after.csa_mm2[level] == pytest.approx(0.98 * before.csa_mm2[level], rel=1e-9)
    np.testing.assert_array_equal(before.centerline_mm, after.centerline_mm)


def test_compression_flattens_the_cord_at_its_disc_and_nowhere_else():
    healthy, ill = simulate_subject(3).anatomy, simulate_subject(3, compression={6: 0.4}).anatomy
    at, far = (int(np.argmin(np.abs(healthy.s - healthy.disc_s[k]))) for k in (6, 2))
    assert ill.b[at] / healthy.b[at] == pytest.approx(0.6, abs=0.02)
    assert ill.area[at] < 0.75 * healthy.area[at]
    assert ill.area[far] == pytest.approx(healthy.area[far], rel=1e-6)
    assert ill.sac_ap[at] < 0.8 * healthy.sac_ap[at]


def test_the_cord_always_lies_inside_its_sac():
    for seed in range(15):
        a = simulate_subject(seed, compression={5: 0.5}).anatomy
        for index in range(0, a.s.size, 60):
            phi = np.linspace(0, 2 * np.pi, 90)
            coef = a.shape_coef[:, index, None]
            r = np.sqrt(outline_squared(np.cos(phi), np.sin(phi), coef))
            u = (r * np.cos(phi) - a.cord[8, index]) * a.a[index]
            v = (r * np.sin(phi) - a.cord[9, index]) * a.b[index]
            assert a.sac_depth(np.full(90, index), u, v).min() > 0


def test_lordosis_and_lean_are_what_was_asked():
    a = simulate_subject(1, lordosis_deg=25.0, tilt_deg=(10.0, 0.0)).anatomy
    angle = np.degrees(np.arctan2(a.tangent[:, 1], a.tangent[:, 2]))
    c7 = angle[np.argmin(np.abs(a.s - a.disc_s[8]))]
    c2 = angle[np.argmin(np.abs(a.s - a.disc_s[3]))]
    assert c7 - c2 == pytest.approx(27, abs=1.5)  # 2° belong to the thoracic curve


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sex": "X"}, "sex"),
        ({"atrophy_percent": 80}, "atrophy_percent"),
        ({"compression": {1: 0.3}}, "compression"),
        ({"compression": {5: 0.9}}, "compression"),
        ({"lesion": {3: -1}}, "lesion"),
        ({"lordosis_deg": 90}, "lordosis_deg"),
        ({"tilt_deg": (50, 0)}, "tilt_deg"),
        ({"tilt_deg": 5}, "tilt_deg"),
        ({"tilt_deg": (float("nan"), 0)}, "tilt_deg"),
        ({"seed": -1}, "seed"),
    ],
)
def test_impossible_people_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        simulate_subject(**options)


def test_seed_must_be_a_whole_number():
    with pytest.raises(TypeError, match="seed"):
        simulate_subject(seed="a")
