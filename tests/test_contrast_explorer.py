"""The live phantom scans what is set, measures it honestly, and tells a page no stale news."""

import io

import numpy as np
import pytest

import cordviz as cv
from cordviz.images import voxels
from cordviz.plots.phantom import Settings, phantom_slice


@pytest.fixture(scope="module")
def subject():
    return cv.simulate_subject(seed=0)


@pytest.fixture
def explorer(subject):
    view = cv.view_contrast_explorer(subject)
    view.sent = []
    view.send = lambda content, buffers=None: view.sent.append((content, buffers))
    return view


def ask(explorer, **content):
    explorer.sent.clear()
    explorer._answer(explorer, content, [])
    return [(one["kind"], one.get("method")) for one, _ in explorer.sent]


def test_the_true_area_is_that_of_the_slice_whatever_the_settings(explorer, subject):
    at = subject.anatomy.center[np.argmin(np.abs(subject.anatomy.level - 3.5))]
    exact = subject.plane_area_mm2(at)
    for contrast in ("T1w", "T2star", "DWI"):
        explorer.contrast = contrast
        assert explorer.areas["truth"] == pytest.approx(exact, rel=0.01)


def test_a_knob_changes_the_picture_and_not_the_truth(explorer):
    image, truth = voxels(explorer.image), voxels(explorer.masks["truth"])
    explorer.te_ms = 40
    assert np.abs(voxels(explorer.image) - image).mean() > 5
    np.testing.assert_array_equal(voxels(explorer.masks["truth"]), truth)


def test_errors_are_those_of_the_areas_of_the_masks(explorer):
    table = explorer.table().set_index("outline")
    area = {name: explorer._shot.area_mm2(mask) for name, mask in explorer.masks.items()}
    assert list(table.index) == ["truth", "propseg", "deepseg", "agnostic"]
    for name in table.index:
        assert table.csa_mm2[name] == pytest.approx(area[name])
        assert explorer.areas[name] == pytest.approx(area[name], abs=1e-3)
        assert table.error_percent[name] == pytest.approx((area[name] / area["truth"] - 1) * 100)
    assert table.error_percent.abs().max() < 25  # they did find the cord


def test_what_is_told_matters_to_those_who_are_told_alone(explorer):
    explorer.contrast = "T1w"
    before = explorer.measure()
    explorer.told = "t2"
    assert set(explorer.areas) == {"truth", "agnostic"}
    after = explorer.measure()
    assert after["agnostic"] == before["agnostic"]
    assert after["deepseg"] != before["deepseg"]


@pytest.mark.parametrize("contrast", ["T1w", "T2w", "T2star", "MT-on", "GRE-T1w", "DWI", "fMRI"])
def test_the_picture_suggests_the_family_that_the_name_has(contrast):
    for seed in (1, 5):
        phantom = phantom_slice(cv.simulate_subject(seed=seed), 3.5)
        shot = phantom.acquire(Settings.of(contrast))
        assert phantom.suggest(shot)["family"] == cv.closest_contrast(contrast)


def test_the_suggestion_follows_the_picture_and_not_the_name(explorer):
    explorer.contrast = "DWI"
    explorer.measure()
    assert explorer.suggestion["family"] == "dwi"
    explorer.b_s_mm2 = 0  # what is left is a spin echo: bright CSF
    explorer.measure()
    assert explorer.suggestion["family"] == "t2"


def test_a_preset_sets_every_knob_and_asks_the_student_anew(explorer):
    explorer.told, explorer.revealed = "t1", True
    explorer.contrast = "T2star"
    assert (explorer.tr_ms, explorer.te_ms, explorer.voxel_mm) == (600, 14, 0.5)
    assert (explorer.told, explorer.revealed) == ("auto", False)


def test_a_knob_that_comes_with_a_preset_from_the_page_is_not_undone(explorer):
    explorer.set_state({"contrast": "T2star", "te_ms": 22.0})
    assert (explorer.tr_ms, explorer.te_ms) == (600, 22)


def test_many_knobs_at_once_are_one_picture(explorer):
    explorer.set_state({"te_ms": 60.0, "tr_ms": 3000.0, "flip_deg": 90.0})
    assert [one["kind"] for one, _ in explorer.sent] == ["picture"]


def test_outlines_of_an_older_picture_are_neither_made_nor_sent(explorer):
    old = explorer._version
    explorer.te_ms = 60
    assert ask(explorer, wants="outline", method="agnostic", version=old) == []
    assert "agnostic" not in explorer.areas
    new = explorer._version
    assert ask(explorer, wants="outline", method="agnostic", version=new) == [
        ("outline", "agnostic")
    ]


def test_a_new_page_gets_the_picture_and_all_that_is_known(explorer):
    explorer.measure()
    assert ask(explorer, wants="picture") == [
        ("picture", None),
        *[("outline", name) for name in ("propseg", "deepseg", "agnostic")],
    ]
    (about, (grey, truth)), *_ = explorer.sent
    rows, columns = about["shape"]
    assert len(grey) == len(truth) == rows * columns


def test_the_page_gets_right_on_the_left_and_anterior_on_top(explorer):
    grey, masks, _ = explorer.pixels()
    image = voxels(explorer.image)[..., 0]  # RAS
    picture = image[::-1, ::-1].T
    assert np.corrcoef(grey.ravel(), picture.ravel())[0, 1] > 0.7
    assert masks["truth"].shape == picture.shape


def test_impossible_timing_is_said_and_then_forgotten(explorer):
    explorer.contrast = "T1w"
    explorer.ti_ms = 2500
    assert "TI" in explorer.message
    with pytest.raises(ValueError, match="0 < TI < TR"):
        explorer.table()
    explorer.ti_ms = 1000
    assert explorer.message == ""
    assert explorer.measure()["truth"] > 0


def test_without_effects_methods_come_closer_to_the_truth(subject):
    real = cv.view_contrast_explorer(subject, contrast="GRE-T1w", thickness_mm=5)
    clean = cv.view_contrast_explorer(subject, contrast="GRE-T1w", effects=["partial_volume"])
    errors = [view.table().error_percent.abs().sum() for view in (clean, real)]
    assert errors[0] < 12
    assert np.ptp(errors) > 0


@pytest.mark.parametrize(
    ("error", "options", "message"),
    [
        (ValueError, {"contrast": "T3"}, "contrast must be one of"),
        (ValueError, {"te_ms": -5}, "te_ms must lie between"),
        (ValueError, {"effects": ["x"]}, "effects must be one of"),
        (ValueError, {"told": "t9"}, "told must be one of"),
        (ValueError, {"level": 30}, "level between 1"),
        (TypeError, {"te": 5}, "no setting te"),
        (TypeError, {"te_ms": "long"}, "te_ms"),
        (TypeError, {"subject": 3}, "simulate_subject"),
    ],
)
def test_bad_settings_are_refused_with_the_right_ones(error, options, message):
    with pytest.raises(error, match=message):
        cv.view_contrast_explorer(**options)


def test_the_still_shows_the_outlines(explorer):
    from PIL import Image

    explorer.measure()
    picture = np.asarray(Image.open(io.BytesIO(explorer.still())).convert("RGB")).astype(int)
    for colour in ((255, 163, 0), (86, 180, 233)):
        assert (np.abs(picture[:, :360] - colour).sum(axis=2) < 60).sum() > 60


def test_the_static_twin_shows_a_slice_and_four_areas_per_contrast(subject):
    fig = cv.plot_contrast_explorer(subject, contrast=["T1w", "DWI"], title="Twins")
    words = [note.text for note in fig.layout.annotations if "mm²" in note.text]
    assert len(words) == 8
    assert sum("(dwi)" in text for text in words) == 2
    assert sum(trace.type == "contour" for trace in fig.data) == 8
    view = cv.view_contrast_explorer(subject, contrast="DWI")
    assert f"{view.measure()['agnostic']:.1f} mm²" in words[-1]
