"""The simulated study: made when asked, once, whole, and the same every time."""

import numpy as np
import pytest

import cordviz.datasets.simulated as simulated
from cordviz.datasets import STUDY_CONTRASTS, cache_dir, load_simulated_study


def files(study):
    return sorted(p.name for p in study.folder.rglob("*") if p.is_file())


def test_loading_the_study_makes_nothing(tmp_path):
    study = load_simulated_study()
    assert len(study) == 12
    assert next(iter(study)) == "sim-01"
    assert set(study["sim-12"]) == set(STUDY_CONTRASTS)
    assert str(study.folder).startswith(str(tmp_path))  # CORDVIZ_CACHE of the test
    assert "T2w" in study["sim-01"]
    assert "CT" not in study["sim-01"]
    assert not study.folder.exists()


def test_an_image_is_made_when_used_and_kept(monkeypatch):
    study = load_simulated_study()
    image = study["sim-02"]["MT-on"].get_fdata()
    assert files(study) == ["sim-02_MT-on.nii.gz", "sim-02_MT-on_label-SC_softseg.nii.gz"]

    def refuse(*_args, **_kwargs):
        raise AssertionError("simulated twice")

    monkeypatch.setattr(simulated, "simulate_subject", refuse)
    again = load_simulated_study()
    np.testing.assert_array_equal(again["sim-02"]["MT-on"].get_fdata(), image)
    truth = again["sim-02"].truth("MT-on").get_fdata()
    assert truth.shape == image.shape
    assert truth.max() == 1


def test_the_study_is_reproducible_to_the_bit(tmp_path):
    a, b = (load_simulated_study(folder=tmp_path / name)["sim-01"]["DWI"] for name in "ab")
    np.testing.assert_array_equal(a.get_fdata(), b.get_fdata())
    np.testing.assert_array_equal(a.affine, b.affine)


def test_stored_truth_keeps_the_exact_area():
    person = load_simulated_study()["sim-01"]
    stored = person.truth("GRE-T1w").get_fdata()
    _, exact = person.subject.acquire("GRE-T1w")
    assert stored.sum() == pytest.approx(exact.get_fdata().sum(), rel=1e-4)
    assert np.abs(stored - exact.get_fdata()).max() < 1 / 1024


def test_labels_come_on_the_grid_of_the_image():
    person = load_simulated_study()["sim-01"]
    image = person["MT-on"]
    for labels in (person.levels("MT-on"), person.discs("MT-on")):
        assert labels.shape == image.shape
        np.testing.assert_array_equal(labels.affine, image.affine)
    assert {2, 3} <= set(np.unique(person.levels("MT-on").dataobj))
    assert person.csa_mm2 == person.subject.csa_mm2


def test_make_completes_all_subjects(monkeypatch, capsys):
    monkeypatch.setattr(simulated, "STUDY_CONTRASTS", ("MT-on", "fMRI"))
    study = load_simulated_study(n_subjects=2).make(n_jobs=1, progress=False)
    assert len(files(study)) == 8
    assert all(person.is_complete for person in study.values())
    assert capsys.readouterr().err == ""


def test_an_interrupted_write_leaves_no_file(monkeypatch):
    study = load_simulated_study()

    def break_off(*_args, **_kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(simulated.nib, "save", break_off)
    with pytest.raises(OSError, match="disk full"):
        study["sim-01"]["DWI"]
    assert files(study) == []


def test_women_and_men_alternate():
    study = load_simulated_study()
    sexes = [person.subject.options.sex for person in study.values()]
    assert sexes == ["F", "M"] * 6
    assert all(person.subject.seed < 1_000_000 for person in study.values())


def test_cache_folder_can_be_set(monkeypatch, tmp_path):
    monkeypatch.setenv("CORDVIZ_CACHE", str(tmp_path / "elsewhere"))
    assert cache_dir() == tmp_path / "elsewhere"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CORDVIZ_CACHE", "~/caches")
    assert cache_dir() == tmp_path / "caches"
    assert tmp_path / "study" in load_simulated_study(folder="~/study").folder.parents
    monkeypatch.delenv("CORDVIZ_CACHE")
    assert cache_dir().name == "cordviz"


def test_what_there_is_not_is_refused():
    study = load_simulated_study()
    with pytest.raises(KeyError, match="sim-12"):
        study["sim-99"]
    with pytest.raises(KeyError, match="T2star"):
        study["sim-01"]["CT"]
    with pytest.raises(ValueError, match="n_subjects"):
        load_simulated_study(n_subjects=0)
    with pytest.raises(ValueError, match="fov"):
        load_simulated_study(fov="head")
