"""Signal equations against independent step-by-step solutions of the Bloch equations."""

from dataclasses import replace

import numpy as np
import pytest

from cordviz.simulation import simulate_subject
from cordviz.simulation.physics import at_field, mprage, spin_echo, spoiled_gre, tissue_signals
from cordviz.simulation.sequences import PRESETS, make_sequence
from cordviz.simulation.tissues import TISSUES, draw_tissues

T1_T2 = [(857.0, 73.0), (973.0, 76.0), (4237.0, 1784.0), (382.0, 68.0)]


def rotate_x(m, degrees):
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[1, 0, 0], [0, c, s], [0, -s, c]]) @ m


def relax(m, t, t1, t2):
    e1, e2 = np.exp(-t / t1), np.exp(-t / t2)
    return np.array([m[0] * e2, m[1] * e2, 1 + (m[2] - 1) * e1])


@pytest.mark.parametrize(("t1", "t2"), T1_T2)
@pytest.mark.parametrize(("tr", "te", "flip"), [(35, 3.13, 9), (15, 3.13, 15), (600, 14, 30)])
def test_spoiled_gradient_echo_is_the_steady_state_of_pulses_and_spoilers(t1, t2, tr, te, flip):
    m = np.array([0.0, 0, 1])
    for _ in range(int(12 * t1 / tr) + 5):
        m = rotate_x(m, flip)
        echo = np.hypot(*relax(m, te, t1, t2)[:2])
        m = relax(m, tr, t1, t2)
        m[:2] = 0  # spoiler
    signal = spoiled_gre(t1, t2, 1.0, tr_ms=tr, te_ms=te, flip_deg=flip)
    assert signal == pytest.approx(echo, rel=1e-4)


@pytest.mark.parametrize(("t1", "t2"), T1_T2)
@pytest.mark.parametrize("beta", [180, 120, 60])
def test_spin_echo_is_the_steady_state_of_crushed_refocusing(t1, t2, beta):
    tr, te = 1500.0, 120.0
    # isochromats wound by the crushers, once before and once after the refocusing pulse
    turn = np.exp(2j * np.pi * np.arange(64) / 64)
    mz = 1.0
    for _ in range(40):
        m = np.array([rotate_x(np.array([0, 0, mz]), 90)] * 64)
        m = np.array([relax(x, te / 2, t1, t2) for x in m])
        xy = (m[:, 0] + 1j * m[:, 1]) * turn
        m = np.stack([xy.real, xy.imag, m[:, 2]], 1)
        m = np.array([rotate_x(x, beta) for x in m])
        after = np.array([relax(x, te / 2, t1, t2) for x in m])
        echo = abs(np.mean((after[:, 0] + 1j * after[:, 1]) * turn))
        mz = relax(np.array([0, 0, m[:, 2].mean()]), tr - te / 2, t1, t2)[2]
    signal = spin_echo(t1, t2, 1.0, tr_ms=tr, te_ms=te, flip_deg=beta)
    assert signal == pytest.approx(echo, rel=1e-4)


@pytest.mark.parametrize(("t1", "t2"), T1_T2)
def test_mprage_is_the_steady_state_of_its_pulses(t1, t2):
    tr, te, ti, flip, n, spacing = 2000.0, 3.72, 1000.0, 9.0, 176, 10.0
    mz = 1.0
    for _ in range(60):
        mz = relax(np.array([0, 0, -mz]), ti - n * spacing / 2, t1, t2)[2]
        for pulse in range(n):
            m = rotate_x(np.array([0, 0, mz]), flip)
            if pulse == n // 2:
                echo = np.hypot(*relax(m, te, t1, t2)[:2])
            mz = relax(m, spacing, t1, t2)[2]
        mz = relax(np.array([0, 0, mz]), tr - ti - n * spacing / 2, t1, t2)[2]
    signal = mprage(
        t1, t2, 1.0, tr_ms=tr, te_ms=te, ti_ms=ti, flip_deg=flip, readouts=n,
        echo_spacing_ms=spacing,
    )  # fmt: skip
    assert signal == pytest.approx(echo, rel=1e-4)


def test_mprage_keeps_the_sign_of_a_tissue_before_its_null():
    seq = make_sequence("T1w", ti_ms=500, readouts=60)
    signal = dict(zip(TISSUES, tissue_signals(seq, draw_tissues()), strict=True))
    assert signal["csf"] < 0 < signal["fat"]


def test_diffusion_weighting_is_the_exponential_of_b_times_diffusivity():
    tissues = draw_tissues()
    plain = tissue_signals(make_sequence("DWI", b_s_mm2=0), tissues)
    weighted = tissue_signals(make_sequence("DWI", b_s_mm2=800), tissues)
    np.testing.assert_allclose(weighted / plain, np.exp(-0.8 * tissues.diffusivity))
    left = dict(zip(TISSUES, weighted / plain, strict=True))
    assert left["white_matter"] == pytest.approx(0.50, abs=0.03)
    assert left["csf"] == pytest.approx(0.09, abs=0.01)


def test_mt_pulse_removes_the_mt_ratio():
    tissues = draw_tissues()
    on, off = (tissue_signals(PRESETS[name], tissues) for name in ("MT-on", "MT-off"))
    keep = np.array([name != "blood" for name in TISSUES])  # fresh blood flows in
    np.testing.assert_allclose((on / off)[keep], (1 - tissues.mtr)[keep])


@pytest.mark.parametrize(
    ("contrast", "ratio"),
    [("T1w", 0.33), ("GRE-T1w", 0.43), ("DWI", 0.51), ("MT-off", 0.8), ("T2star", 1.2),
     ("MT-on", 1.6), ("T2w", 2.5)],
)  # fmt: skip
def test_csf_over_white_matter_is_as_published(contrast, ratio):
    signal = dict(zip(TISSUES, tissue_signals(PRESETS[contrast], draw_tissues()), strict=True))
    assert signal["csf"] / signal["white_matter"] == pytest.approx(ratio, rel=0.15)


def test_csf_that_flows_in_is_as_bright_as_after_a_long_rest():
    tissues, csf = draw_tissues(), TISSUES.index("csf")
    rested = tissue_signals(make_sequence("T2star", tr_ms=1e6), tissues)
    for inflow in (0.0, 0.4, 1.0, 3.0):
        seq = make_sequence("T2star", csf_inflow=inflow)
        still, moving = (tissue_signals(seq, tissues, csf_flows=on) for on in (False, True))
        expected = still[csf] + min(inflow, 1) * (rested[csf] - still[csf])
        assert moving[csf] == pytest.approx(expected)
        np.testing.assert_array_equal(np.delete(moving, csf), np.delete(still, csf))


def test_three_tesla_is_the_reference_field():
    tissues = draw_tissues()
    assert at_field(tissues, 3.0) is tissues
    low = at_field(tissues, 1.5)
    wm, csf = TISSUES.index("white_matter"), TISSUES.index("csf")
    assert low.t1_ms[wm] < tissues.t1_ms[wm]
    assert low.t1_ms[csf] == tissues.t1_ms[csf]
    assert (low.t2star_ms <= low.t2_ms + 1e-9).all()


def test_tissues_differ_between_people_but_stay_possible():
    draws = [draw_tissues(np.random.default_rng(seed)) for seed in range(50)]
    t1 = np.array([d.t1_ms[0] for d in draws])
    assert 0.02 < t1.std() / t1.mean() < 0.04
    assert all((d.t2star_ms <= d.t2_ms).all() for d in draws)


@pytest.mark.parametrize(
    ("contrast", "changes", "message"),
    [
        ("T2w", {"te_ms": 2000}, "TE < TR"),
        ("T2w", {"te_ms": -1}, "TE < TR"),
        ("T1w", {"ti_ms": 3000}, "TI < TR"),
        ("T1w", {"ti_ms": 300}, "readouts"),
        ("T2w", {"snr": -5}, "snr"),
        ("T2w", {"snr": 0}, "snr"),
        ("T2w", {"flip_deg": 0}, "flip_deg"),
        ("DWI", {"b_s_mm2": -1}, "b_s_mm2"),
        ("T2w", {"voxel_mm": (12, 12)}, "smaller than the cord"),
        ("T2w", {"voxel_mm": (0, 1)}, "larger than 0"),
        ("T2w", {"voxel_mm": (1, 1, 5)}, "voxel_mm"),
        ("T2w", {"voxel_mm": 1}, "voxel_mm"),
        ("T2w", {"b_s_mm2": float("nan")}, "NaN"),
        ("T2w", {"kind": "psif"}, "kind"),
        ("T2w", {"thickness_mm": 100}, "smaller than the cord"),
        ("T2w", {"phase_encoding": "SI"}, "phase_encoding"),
        ("T2w", {"field_t": 0}, "field_t"),
        ("T9w", {}, "expected a contrast"),
    ],
)
def test_impossible_sequences_are_refused(contrast, changes, message):
    with pytest.raises(ValueError, match=message):
        simulate_subject(0).acquire(contrast, **changes)


def test_unknown_options_are_named():
    with pytest.raises(TypeError, match="sharpness"):
        simulate_subject(0).acquire("T2w", sharpness=3)


def test_presets_are_not_changed_by_use():
    before = replace(PRESETS["T2w"])
    make_sequence("T2w", te_ms=80)
    assert PRESETS["T2w"] == before
