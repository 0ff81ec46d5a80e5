"""A comparison finds the images of its study again and keeps contrasts at one height."""

import importlib.util
import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cordviz as cv
from cordviz.variability import study_images
from cordviz.widgets.comparison_view import DASHES, ComparisonView
from cordviz.widgets.stills import curve


@pytest.fixture(scope="module")
def maker():
    file = Path(__file__).parent / "browser" / "a_study.py"
    spec = importlib.util.spec_from_file_location("a_study", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules["a_study"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def study(maker):
    return maker.make()


def test_a_study_of_this_process_knows_its_images(study):
    view = cv.view_comparison(study)
    assert view.images.subjects == [f"p{n}" for n in range(1, 7)]
    row = study[(study.subject == "p1") & (study.contrast == "T1w") & (study.method == "wide")]
    assert view.table().loc["T1w", "wide"] == pytest.approx(row.csa_mm2.item())


def test_the_table_of_another_person_is_another(study):
    view = cv.view_comparison(study, subject="p2", methods=["wide"])
    before = view.table()
    view.subject = "p6"
    assert (view.table() > before).all(axis=None)
    assert list(view.table()) == ["wide"]


def test_all_contrasts_show_the_slice_nearest_to_one_height(study):
    view = cv.view_comparison(study)
    for height in (-10.0, 0.0, 21.0):
        view.position_mm = height
        for contrast, k in view.slices.items():
            heights = view._volumes[contrast].heights
            assert abs(heights[k] - height) <= np.diff(heights).max() / 2 + 1e-6


def test_heights_are_those_of_the_affine(study):
    view = cv.view_comparison(study)
    np.testing.assert_allclose(view._volumes["T1w"].heights[:3], [-20, -18, -16], atol=1e-3)
    np.testing.assert_allclose(view._volumes["T2star"].heights[:3], [-20, -15, -10], atol=1e-3)


def test_curves_and_violins_belong_to_what_is_chosen(study):
    view = cv.view_comparison(study)
    named = [t["meta"] for t in view._curves["data"] if t.get("customdata")]
    assert len(named) == 4
    points = [t for t in view._violins["data"] if t.get("text")]
    for trace in points:
        one = study[
            (study.contrast == trace["meta"]["contrast"])
            & (study.method == trace["meta"]["method"])
        ].set_index("subject")
        np.testing.assert_allclose(trace["y"], one.csa_mm2[list(trace["text"])])
    view.methods = ["wide"]
    assert {t["meta"]["method"] for t in view._curves["data"] if t.get("customdata")} == {"wide"}
    assert len([t for t in view._violins["data"] if t.get("text")]) == 2


def test_eight_contrasts_have_dashes_of_their_own_on_curves_tiles_and_stills():
    assert len(set(DASHES)) == 8
    assert set(DASHES) - {"solid"} == set(curve.DASHES)
    assert len(set(curve.DASHES.values())) == 7
    strokes = ComparisonView._esm.split("STROKES = {")[1].split("}")[0]
    assert [name for name in DASHES if f"{name}: " not in strokes.replace('"', "")] == []


def test_hard_masks_are_another_area(study):
    view = cv.view_comparison(study)
    soft, curves = view.table(), view._curves
    view.area = "hard"
    assert (view.table() != soft).all(axis=None)
    assert view._curves != curves


def test_a_study_from_elsewhere_needs_its_images(study, maker, monkeypatch):
    monkeypatch.setattr(study_images, "_KNOWN", type(study_images._KNOWN)())
    with pytest.raises(ValueError, match="Pass images="):
        cv.view_comparison(study)


def test_masks_come_from_the_cache_where_images_are_given(maker, tmp_path, monkeypatch):
    image, masks, levels = maker.picture(maker.SPACING["T1w"], 4.0, True, 0)
    given = {"drawn": {"T1w": masks["tight"]}}
    one = cv.compare_contrasts(
        {"T1w": image}, methods=given, levels=levels, cache=tmp_path, progress=False
    )
    monkeypatch.setattr(study_images, "_KNOWN", type(study_images._KNOWN)())
    view = cv.view_comparison(one, images={"T1w": image}, levels=levels)
    assert view.table().drawn.item() == pytest.approx(one.csa_mm2.item())
    assert list(view._masks["T1w"]) == ["drawn"]
    assert "subjects" in view._violins.get("why", "subjects")
    twice = pd.concat([one, one])
    view = cv.view_comparison(twice, images={"T1w": image}, levels=levels)
    assert "two rows of the same contrast" in view._violins["why"]


def test_a_study_read_from_its_table_is_shown_without_what_failed(maker, tmp_path):
    image, masks, levels = maker.picture(maker.SPACING["T1w"], 4.0, True, 0)
    images = {"1": {"T1w": image, "T2w": tmp_path / "cut.nii.gz"}}
    (tmp_path / "cut.nii.gz").write_bytes(b"not an image")
    given = {"drawn": {"1": {c: masks["tight"] for c in ("T1w", "T2w")}}}
    told = {"methods": given, "levels": {"1": {"T1w": levels}}, "cache": tmp_path}
    cv.compare_contrasts(images, progress=False, **told).to_csv(tmp_path / "study.csv")
    again = pd.read_csv(tmp_path / "study.csv")
    assert again["csa_mm2"].notna().tolist() == [True, False]
    view = cv.view_comparison(again, images=images, levels=told["levels"])
    assert view._shown() == ["T1w"]
    assert list(view._masks["T1w"]) == ["drawn"]
    assert len(cv.plot_comparison(again, images=images, levels=told["levels"]).data)


@pytest.mark.parametrize(
    ("error", "options", "message"),
    [
        (ValueError, {"subject": "p9"}, "subject must be one of"),
        (ValueError, {"contrasts": ["T9"]}, "contrasts must be one of"),
        (ValueError, {"methods": []}, "at least one of methods"),
        (ValueError, {"area": "round"}, "area must be one of"),
    ],
)
def test_bad_choices_are_refused_with_the_right_ones(study, error, options, message):
    with pytest.raises(error, match=message):
        cv.view_comparison(study, **options)


def test_what_is_no_study_is_a_type_error():
    with pytest.raises(TypeError, match="compare_contrasts"):
        cv.view_comparison([1, 2])


def test_the_still_and_the_static_twin_show_both_methods(study):
    from PIL import Image

    view = cv.view_comparison(study)
    picture = np.asarray(Image.open(io.BytesIO(view.still())).convert("RGB")).astype(int)
    for colour in ((255, 163, 0), (86, 180, 233)):
        assert (np.abs(picture[:280] - colour).sum(axis=2) < 60).sum() > 200
    fig = cv.plot_comparison(study, subject="p2", methods="wide")
    words = [note.text for note in fig.layout.annotations if "mm²" in note.text]
    expected = cv.view_comparison(study, subject="p2").table().wide
    assert [f"{value:.1f} mm²" in text for value, text in zip(expected, words, strict=True)] == [
        True,
        True,
    ]
