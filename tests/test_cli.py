"""The command line writes whole files or nothing, and answers bad input with one plain line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import cordviz
from cordviz import _export, report
from cordviz.cli import files, main, notebooks
from cordviz.cli import image as image_commands
from cordviz.morphometry import measure_shape


@pytest.fixture(scope="module")
def neck(tmp_path_factory):
    """A folder with a simulated T2w image, its discs, levels and true mask."""
    from cordviz.simulation import simulate_subject

    folder = tmp_path_factory.mktemp("neck")
    subject = simulate_subject(seed=1)
    img, truth = subject.acquire("T2w")
    for name, image in (
        ("sub-1_T2w", img),
        ("truth", truth),
        ("discs", subject.discs(img)),
        ("levels", subject.levels(img)),
    ):
        image.to_filename(folder / f"{name}.nii.gz")
    return folder


@pytest.fixture
def low_discs(neck, tmp_path):
    """Discs C4/C5 and C5/C6 alone."""
    img = nib.load(neck / "discs.nii.gz")
    data = np.asanyarray(img.dataobj)
    few = np.where(np.isin(data, (5, 6)), data, 0)
    nib.Nifti1Image(few, img.affine).to_filename(tmp_path / "low.nii.gz")
    return tmp_path / "low.nii.gz"


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Run the command line in an empty folder; gives exit code, output, error lines."""
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)

    def run(*args):
        code = main([str(arg) for arg in args])
        out, err = capfd.readouterr()
        return code, out, err.splitlines()

    return run


def csa_of(text):
    return float(text.split("C2–C3 CSA: ")[1].split()[0])


# Measure


def test_measure_writes_the_table_and_says_the_csa(run, neck):
    code, out, err = run(
        "measure", neck / "truth.nii.gz", "--levels", neck / "levels.nii.gz", "-o", "t.csv"
    )
    assert (code, err) == (0, [])
    table = pd.read_csv("t.csv")
    rows = table[table["level"].isin([2, 3])]
    assert csa_of(out) == pytest.approx(rows["area_mm2"].mean(), abs=0.005)
    expected = measure_shape(neck / "truth.nii.gz", levels=neck / "levels.nii.gz")
    assert list(table.columns) == list(expected.columns)
    assert np.allclose(table["area_mm2"], expected["area_mm2"], equal_nan=True)


def test_measure_without_a_file_name_prints_a_csv_that_can_be_piped(run, neck):
    code, out, err = run("measure", neck / "truth.nii.gz", "--discs", neck / "discs.nii.gz")
    assert code == 0
    assert out.startswith("slice,level,area_mm2,")
    assert len(out.splitlines()) > 50
    assert len(err) == 1
    assert csa_of(err[0]) > 30


def test_measure_per_level_has_a_row_for_each_level(run, neck):
    levels = "--levels", neck / "levels.nii.gz"
    code, _, _ = run("measure", neck / "truth.nii.gz", *levels, "--per", "level", "-o", "t.csv")
    assert code == 0
    table = pd.read_csv("t.csv")
    assert {2, 3, 4} <= set(table["level"])
    assert table["level"].is_unique


def test_measure_options_reach_the_measurement(run, neck):
    mask = neck / "truth.nii.gz"
    for option, same_as in (
        ("--no-angle-correction", {"angle_correction": False}),
        ("--normalize-slices", {"normalize_slices": True}),
    ):
        assert run("measure", mask, option, "-o", "t.csv")[0] == 0
        expected = measure_shape(mask, **same_as)["area_mm2"]
        default = measure_shape(mask)["area_mm2"]
        got = pd.read_csv("t.csv")["area_mm2"]
        assert np.allclose(got, expected, equal_nan=True)
        assert not np.allclose(got, default, equal_nan=True)


def test_measure_replaces_its_own_table_and_another_file_only_when_told_to(run, neck):
    words = "measure", neck / "truth.nii.gz", "-o", "t.csv"
    Path("t.csv").touch()  # as mktemp does
    assert [run(*words)[0] for _ in range(2)] == [0, 0]
    mine = Path("t.csv").read_text().replace("\n", ",checked by me\n")
    Path("t.csv").write_text(mine)
    code, _, (line,) = run(*words)
    assert (code, Path("t.csv").read_text()) == (2, mine)
    assert "t.csv is there already, with other columns" in line
    assert run(*words, "--force")[0] == 0
    assert Path("t.csv").read_text() != mine


def test_measure_without_levels_says_no_csa(run, neck):
    code, out, err = run("measure", neck / "truth.nii.gz", "-o", "t.csv")
    assert (code, err) == (0, [])
    assert out == "t.csv: a row per slice; no CSA at C2–C3 without --discs or --levels.\n"


def test_measure_says_which_levels_it_found_when_c2c3_is_not_among_them(run, neck, low_discs):
    code, out, err = run("measure", neck / "truth.nii.gz", "--discs", low_discs, "-o", "t.csv")
    assert (code, out) == (0, "")
    (line,) = err
    assert "C2–C3 CSA: not measured" in line
    assert "at C2 or C3; levels found: C4, C5, C6" in line


# Segment


def test_segment_writes_a_mask_on_the_images_grid_with_its_sidecar(run, neck):
    image = neck / "sub-1_T2w.nii.gz"
    told = "--method", "propseg", "--contrast", "t2"
    code, out, err = run("segment", image, *told, "-o", "mask.nii.gz", "--quiet")
    assert (code, out, err) == (0, "mask.nii.gz\n", [])
    mask, source = nib.load("mask.nii.gz"), nib.load(image)
    assert mask.shape == source.shape
    assert np.array_equal(mask.affine, source.affine)
    assert 0 < mask.get_fdata().max() <= 1
    generated = json.loads(Path("mask.json").read_text())["GeneratedBy"][0]
    assert "propseg" in json.dumps(generated)
    assert "sub-1_T2w.nii.gz" in json.dumps(generated)
    truth = nib.load(neck / "truth.nii.gz").get_fdata() >= 0.5
    both = (mask.get_fdata() >= 0.5) & truth
    assert 2 * both.sum() / ((mask.get_fdata() >= 0.5).sum() + truth.sum()) > 0.8


def test_segment_names_hard_and_soft_masks_by_custom_beside_the_image(run, neck, tmp_path):
    image = tmp_path / "sub-1_T2w.nii.gz"
    image.write_bytes((neck / "sub-1_T2w.nii.gz").read_bytes())
    for options, name in (
        ((), "sub-1_T2w_label-SC_softseg.nii.gz"),
        (("--threshold", "0.5"), "sub-1_T2w_seg.nii.gz"),
    ):
        code, out, _ = run("segment", image, "--contrast", "T2w", *options)
        assert code == 0
        assert out == f"{tmp_path / name}\n"
    assert set(np.unique(nib.load(tmp_path / name).dataobj)) == {0, 1}


def test_segment_and_measure_tell_how_sure_each_area_is(run, neck):
    image = neck / "sub-1_T2w.nii.gz"
    code, out, _ = run("segment", image, "-o", "m.nii.gz", "--sd", "sd.nii.gz")
    assert (code, out) == (0, "m.nii.gz\nsd.nii.gz\n")
    assert json.loads(Path("sd.json").read_text())["Type"] == "standard deviation"
    assert run("measure", "m.nii.gz", "--sd", "sd.nii.gz", "-o", "t.csv")[0] == 0
    table = pd.read_csv("t.csv").dropna(subset=["area_mm2"])
    assert table["area_sd_mm2"].between(0.1, 10).all()
    expected = measure_shape("m.nii.gz", sd="sd.nii.gz")["area_sd_mm2"].dropna()
    assert np.allclose(table["area_sd_mm2"], expected)
    code, _, (line,) = run("segment", image, "-o", "sd.nii.gz", "--sd", "m.nii.gz")
    assert code == 2
    assert "was made by agnostic, standard deviation. Choose another name, or replace" in line


def test_segment_reduces_4d_images_as_told(run, neck):
    img = nib.load(neck / "sub-1_T2w.nii.gz")
    data = img.get_fdata(dtype=np.float32)
    four = np.stack([data * 0, data, data], axis=3)
    nib.Nifti1Image(four, img.affine).to_filename("series.nii.gz")
    Path("b.txt").write_text("0 800 800")
    for how, *options in ((2,), ("dwi", "--bvals", "b.txt")):
        options = ("--reduce", str(how), *options)
        code, _, err = run("segment", "series.nii.gz", *options, "-o", "m.nii")
        assert (code, err) == (0, [])
        assert nib.load("m.nii").shape == data.shape
        made = json.loads(Path("m.json").read_text())["GeneratedBy"][0]
        assert made["Source"]["Reduction"] == how
        Path("m.nii").unlink()


PROPSEG = "--method", "propseg", "--contrast", "t2", "--quiet"


def test_segment_replaces_only_what_cordviz_wrote_unless_told_to(run, neck):
    image, other = neck / "sub-1_T2w.nii.gz", neck / "truth.nii.gz"
    Path("hand_seg.nii.gz").write_bytes(other.read_bytes())
    Path("scan.json").write_text('{"EchoTime": 0.1}')
    Path("words.json").write_text("no JSON")
    for name, there in (
        ("hand_seg.nii.gz", "hand_seg.nii.gz"),
        ("scan.nii", "scan.json"),
        ("words.nii", "words.json"),
    ):
        before = Path(there).read_bytes()
        code, _, (line,) = run("segment", image, *PROPSEG, "-o", name)
        assert code == 2
        assert f"{there} is there already" in line
        assert "Choose another name, or replace it with --force." in line
        assert "--force" in line
        assert Path(there).read_bytes() == before
    assert run("segment", image, *PROPSEG, "-o", "hand_seg.nii.gz", "--force")[0] == 0
    assert run("segment", image, *PROPSEG, "-o", "hand_seg.nii.gz")[0] == 0  # its own by now
    code, _, (line,) = run("segment", image, "--quiet", "-o", "hand_seg.nii.gz")
    assert code == 2
    assert "was made by propseg" in line
    mask = nib.load("hand_seg.nii.gz")
    corrected = np.asarray(mask.dataobj)
    corrected[..., 0] = 0
    nib.save(nib.Nifti1Image(corrected, mask.affine, mask.header), "hand_seg.nii.gz")
    code, _, (line,) = run("segment", image, *PROPSEG, "-o", "hand_seg.nii.gz")
    assert code == 2
    assert "not as cordviz wrote it" in line


def test_segment_is_pointed_at_the_cord(run, neck):
    image, line = neck / "sub-1_T2w.nii.gz", neck / "truth.nii.gz"
    truth = nib.load(line)
    middle = np.argwhere(truth.get_fdata() > 0.9).mean(axis=0)
    seed = truth.affine[:3] @ [*middle, 1]
    for hint in (("--seed-mm", *seed), ("--centerline", line)):
        code, _, err = run("segment", image, *PROPSEG, *hint, "-o", "m.nii.gz")
        assert (code, err) == (0, [])
    code, _, (line,) = run("segment", image, *PROPSEG, "--seed-mm", -999, 0, 0, "-o", "m.nii.gz")
    assert code == 2
    assert "--seed-mm (-999.0, 0.0, 0.0) lies outside" in line


def test_segment_reads_an_image_once_so_that_nibabel_complains_once(run, neck, caplog):
    img = nib.load(neck / "sub-1_T2w.nii.gz")
    content = bytearray(nib.Nifti1Image(img.get_fdata(dtype=np.float32), img.affine).to_bytes())
    content[80:84] = np.float32(-img.header["pixdim"][1]).tobytes()
    Path("odd.nii").write_bytes(content)
    assert run("segment", "odd.nii", *PROPSEG, "-o", "m.nii")[0] == 0
    assert ["pixdim" in record.message for record in caplog.records] == [True]


def test_a_tilde_is_the_users_folder(run, neck, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "in.nii.gz").write_bytes((neck / "sub-1_T2w.nii.gz").read_bytes())
    assert run("segment", "~/in.nii.gz", *PROPSEG, "--output=~/out.nii.gz")[0] == 0
    assert {path.name for path in tmp_path.glob("out.*")} == {"out.nii.gz", "out.json"}
    assert run("demo", "~/no.nii", "-o", "~/deep/demo")[0] == 2
    assert not list(Path().iterdir())


# Demo


def test_demo_writes_mask_table_and_figures_and_says_the_true_area(run):
    code, out, err = run("demo", "-o", "out", "--quiet")
    assert (code, err) == (0, [])
    files = {path.name for path in Path("out").iterdir()}
    assert {
        "T2w_label-SC_softseg.nii.gz",
        "T2w_label-SC_softseg.json",
        "T2w_shape.csv",
        "T2w_segmentation.html",
        "T2w_csa_profile.html",
    } <= files
    assert all(str(Path("out") / name) in out for name in files if not name.endswith(".json"))
    true = float(out.split("true area ")[1].split()[0])
    assert csa_of(out) == pytest.approx(true, rel=0.1)
    page = Path("out/T2w_segmentation.html").read_text(encoding="utf-8")
    assert len(page) < 8_000_000
    assert "src=" not in page.split("<body>")[1].split("base64,")[0]  # self-contained


def test_demo_writes_png_figures_with_a_browser_and_says_why_not_without(run, neck, monkeypatch):
    _, out, _ = run("demo", neck / "sub-1_T2w.nii.gz", "-o", "with", "-q")
    assert "discs found automatically, confidence" in out
    found = Path("with/sub-1_T2w_label-discs_dlabel.nii.gz")
    assert {3, 4} <= set(np.unique(nib.load(found).dataobj).tolist())
    found.write_bytes(b"corrected by hand")
    run("demo", neck / "sub-1_T2w.nii.gz", "-o", "with", "-q")
    assert found.read_bytes() == b"corrected by hand"
    assert csa_of(out) > 30
    if "No PNG figures" not in out:
        for path in Path("with").glob("*.png"):
            assert path.read_bytes().startswith(b"\x89PNG")
        assert len(list(Path("with").glob("*.png"))) == 2
    monkeypatch.setattr(_export, "installed", lambda module: False)
    code, out, _ = run("demo", neck / "sub-1_T2w.nii.gz", "-o", "without", "-q")
    assert code == 0
    assert 'kaleido is not installed (pip install "cordviz[lab]")' in out
    assert len(list(Path("without").glob("*.html"))) == 2


def test_demo_tells_the_contrast_from_the_file_name_and_measures_with_discs(run, neck, monkeypatch):
    monkeypatch.setattr(image_commands, "png_figures", lambda figures: ({}, "not asked for"))
    discs = "--discs", neck / "discs.nii.gz"
    options = *discs, "--method", "propseg", "-o", "out", "-q"
    code, out, _ = run("demo", neck / "sub-1_T2w.nii.gz", *options)
    assert code == 0
    assert csa_of(out) > 30
    assert "t2" in Path("out/sub-1_T2w_label-SC_softseg.json").read_text()
    Path("out/sub-1_T2w_label-SC_softseg.nii.gz").write_bytes((neck / "truth.nii.gz").read_bytes())
    code, _, (line,) = run("demo", neck / "sub-1_T2w.nii.gz", *options)
    assert code == 2
    assert "is not as cordviz wrote it" in line
    assert run("demo", neck / "sub-1_T2w.nii.gz", *options, "--force")[0] == 0


def test_demo_with_discs_of_other_levels_does_not_ask_for_discs(run, neck, low_discs, monkeypatch):
    monkeypatch.setattr(image_commands, "png_figures", lambda figures: ({}, "not asked for"))
    options = "--discs", low_discs, "--method", "propseg", "-o", "out", "-q"
    code, out, _ = run("demo", neck / "sub-1_T2w.nii.gz", *options)
    assert code == 0
    assert "levels found: C4, C5, C6" in out
    assert "give --discs" not in out


def test_demo_that_finds_no_discs_says_how_to_mark_them(run, neck, monkeypatch):
    monkeypatch.setattr(image_commands, "png_figures", lambda figures: ({}, "not asked for"))
    Path("scan.nii.gz").write_bytes((neck / "sub-1_T2w.nii.gz").read_bytes())
    code, out, _ = run("demo", "scan.nii.gz", "-q")
    assert code == 0
    assert "Levels: unknown. The contrast 'scan' is unknown.\n" in out
    assert 'view = cv.label_discs("scan.nii.gz")' in out
    assert 'view.save_labels("scan_label-discs_dlabel.nii.gz"); then give --discs.' in out
    assert "C2–C3 CSA: not measured, the levels are unknown.\n" in out


def test_demo_reduces_4d_images_as_told(run, neck, monkeypatch):
    monkeypatch.setattr(image_commands, "png_figures", lambda figures: ({}, "not asked for"))
    img = nib.load(neck / "sub-1_T2w.nii.gz")
    data = img.get_fdata(dtype=np.float32)
    four = np.stack([data * 0, data], axis=3)
    nib.Nifti1Image(four, img.affine).to_filename("series_T2w.nii.gz")
    options = "--method", "propseg", "--reduce", "1", "-o", "out", "-q"
    assert run("demo", "series_T2w.nii.gz", *options)[0] == 0
    assert nib.load("out/series_T2w_label-SC_softseg.nii.gz").shape == data.shape


# Compare


@pytest.fixture
def masks(neck):
    """A folder with two masks of one person and their levels."""
    Path("bids").mkdir()
    for contrast in ("T2w", "T2star"):
        stem = f"bids/sub-1_{contrast}"
        Path(f"{stem}.nii.gz").write_bytes((neck / "sub-1_T2w.nii.gz").read_bytes())
        Path(f"{stem}_seg.nii.gz").write_bytes((neck / "truth.nii.gz").read_bytes())
    return "bids", "--levels", neck / "levels.nii.gz", "--jobs", "1", "-q", "-o", "out"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(report, "png_figures", lambda figures: ({}, "not asked for"))


def test_compare_takes_words_with_blanks_and_contrasts_as_figures_write_them(run, masks, quick):
    words = "--methods", "masks, ", "--contrasts", "T2*w, T2w"
    assert run("compare", *masks, *words)[::2] == (0, [])
    assert pd.read_csv("out/study.csv")["contrast"].tolist() == ["T2star", "T2w"]


def test_compare_says_how_many_measurements_failed(run, masks, quick):
    Path("bids/sub-1_T2w_seg.nii.gz").write_text("broken")
    code, out, err = run("compare", *masks, "--methods", "masks")
    assert (code, out) == (0, "out/report.html\n")
    assert err == ["1 of 2 measurements failed: see out/study.csv"]
    code, _, err = run("compare", *masks, "--methods", "masks", "--contrasts", "T2w")
    assert code == 2
    (line,) = err
    assert "1 of 1 measurements failed: see out/study.csv. The first: The mask of 'masks' " in line


def test_compare_without_levels_names_the_options_and_leaves_no_folder(run, masks):
    words = "--contrasts", "T2star", "--methods", "masks", "--jobs", "1", "-o", "deep/out"
    code, _, (line,) = run("compare", "bids", *words)
    assert code == 2
    assert "Give --levels, or discs beside the image. Or --all-slices averages every" in line
    assert not Path("deep").exists()


# Lab


@pytest.fixture
def started(monkeypatch):
    calls = []
    from jupyterlab import labapp

    monkeypatch.setattr(labapp, "main", calls.append)
    return calls


def test_lab_opens_the_source_trees_notebooks(run, started):
    code, _, err = run("lab", "--no-browser")
    assert (code, err) == (0, [])
    [args] = started
    assert args[0] == "--no-browser"
    assert (Path(args[1]) / "01_from_image_to_csa.ipynb").is_file()


def test_lab_copies_installed_notebooks_and_keeps_work_done_in_them(
    run, started, tmp_path, monkeypatch
):
    package = tmp_path / "site" / "cordviz"
    (package / "notebooks").mkdir(parents=True)
    for name in ("01.ipynb", "02.ipynb"):
        (package / "notebooks" / name).write_text("fresh")
    monkeypatch.setattr(notebooks, "__file__", str(package / "cli" / "notebooks.py"))
    Path("cordviz_notebooks").mkdir()
    Path("cordviz_notebooks/01.ipynb").write_text("mine")
    assert run("lab")[0] == 0
    assert started[0][-1] == str(Path.cwd() / "cordviz_notebooks")
    assert Path("cordviz_notebooks/01.ipynb").read_text() == "mine"
    assert Path("cordviz_notebooks/02.ipynb").read_text() == "fresh"


def test_lab_without_jupyterlab_names_the_pip_command(run, started, monkeypatch):
    monkeypatch.setattr(notebooks, "installed", lambda module: False)
    code, _, err = run("lab")
    assert (code, len(err)) == (2, 1)
    assert 'pip install "cordviz[lab]"' in err[0]
    assert started == []


# Bad input


BAD = {
    "no command": ((), "Missing command"),
    "unknown command": (("frobnicate",), "No such command 'frobnicate'"),
    "no image": (("segment",), "Missing argument 'IMAGE'"),
    "unknown option": (("segment", "x.nii", "--kontrast", "t2"), "No such option"),
    "option without value": (("segment", "x.nii", "--contrast"), "requires an argument"),
    "missing image": (("segment", "no.nii", "--contrast", "t2"), "no image at no.nii"),
    "not NIfTI": (("segment", "text.nii", "--contrast", "t2"), "not NIfTI"),
    "2-D": (("segment", "flat.nii", "--contrast", "t2"), "3-D image, got 2-D"),
    "4-D": (
        ("segment", "four.nii", "--contrast", "t2"),
        "with --reduce mean for fMRI, --reduce rms for echoes, --reduce dwi with --bvals FILE for",
    ),
    "a folder": (("segment", "folder"), "is a folder; give a NIfTI file (DICOM: run dcm2niix"),
    "DICOM": (("segment", "scan.dcm"), "or .nii.gz first (DICOM: dcm2niix)"),
    "centreline": (("segment", "ok.nii", "--centerline", "no.nii"), "'no.nii' does not exist"),
    "no cord": (("segment", "ok.nii"), "with --centerline or --seed-mm."),
    "constant": (("segment", "constant.nii", "--contrast", "t2"), "constant"),
    "NaN": (("segment", "nan.nii", "--contrast", "t2"), "NaN"),
    "unknown contrast": (("segment", "ok.nii", "--contrast", "xyzzy"), "'xyzzy' is unknown"),
    "absent contrast": (("segment", "ok.nii", "--method", "propseg"), "Give --contrast"),
    "misspelt method": (("segment", "ok.nii", "--method", "propsegg"), "propseg"),
    "no recipe": (("train", "nothing"), "smoke"),
    "bad recipe": (("train", "text.nii"), "text.nii is not a recipe in TOML: "),
    "no images to train on": (("train", "agnostic"), "--real"),
    "threshold 1": (("segment", "ok.nii", "--contrast", "t2", "--threshold", "1"), "between 0"),
    "threshold word": (("segment", "ok.nii", "--threshold", "half"), "'half' is not a valid"),
    "bad reduction": (
        ("segment", "four.nii", "--contrast", "t2", "--reduce", "median"),
        "'mean', 'rms', 'dwi'",
    ),
    "no such volume": (
        ("segment", "four.nii", "--contrast", "t2", "--reduce", "9"),
        "only 2 volumes",
    ),
    "no b-values": (
        ("segment", "four.nii", "--contrast", "t2", "--reduce", "dwi"),
        "--reduce dwi needs the b-values: give --bvals FILE",
    ),
    "SD of a method that gives none": (
        ("segment", "ok.nii", "--method", "propseg", "--contrast", "t2", "--sd", "sd.nii"),
        "propseg gives no uncertainty; use --method agnostic",
    ),
    "SD over the mask": (("segment", "ok.nii", "-o", "m.nii.gz", "--sd", "m.nii"), "the mask"),
    "SD over the mask by another name": (
        ("segment", "ok.nii", "-o", "m.nii.gz", "--sd", "../place/m.nii.gz"),
        "the mask",
    ),
    "SD's name": (("segment", "ok.nii", "--sd", "sd.csv"), "--sd must end in .nii"),
    "mask name": (("segment", "ok.nii", "--contrast", "t2", "-o", "m.png"), "end in .nii"),
    "no folder": (("segment", "ok.nii", "--contrast", "t2", "-o", "a/m.nii"), "does not exist"),
    "over the input": (("segment", "ok.nii", "--contrast", "t2", "-o", "ok.nii"), "the input"),
    "missing mask": (("measure", "no.nii"), "no mask at no.nii"),
    "empty mask": (("measure", "empty.nii", "-o", "t.csv"), "empty"),
    "no mask": (("measure", "ok.nii", "-o", "t.csv"), "values above 1"),
    "negative mask": (("measure", "negative.nii", "-o", "t.csv"), "negative"),
    "table name": (("measure", "mask.nii", "-o", "t.xlsx"), "end in .csv"),
    "per level of nothing": (("measure", "mask.nii", "--per", "level"), "--discs or --levels"),
    "per vertebra": (("measure", "mask.nii", "--per", "vertebra"), "not one of"),
    "both": (("measure", "mask.nii", "--discs", "ok.nii", "--levels", "ok.nii"), "not both"),
    "the mask as its SD": (
        ("measure", "mask.nii", "--sd", "mask.nii"),
        "--sd has values up to 1; a standard deviation is at most 0.71",
    ),
    "no such device": (("segment", "ok.nii", "--device", "abacus"), "'cuda'; got 'abacus'"),
    "missing levels": (("measure", "mask.nii", "--levels", "no.nii"), "no.nii"),
    "other grid": (("measure", "mask.nii", "--levels", "small.nii"), "shape"),
    "demo of nothing": (("demo", "no_T2w.nii"), "no image at no_T2w.nii"),
    "demo of what": (("demo", "ok.nii", "--method", "propseg"), "'ok' is unknown"),
    "demo contrast alone": (("demo", "--contrast", "t2"), "need an IMAGE"),
    "demo reduction alone": (("demo", "--reduce", "mean"), "need an IMAGE"),
    "demo seed alone": (("demo", "--seed-mm", "1", "-2", "3"), "need an IMAGE"),
    "demo 4-D": (("demo", "four.nii"), "--reduce mean"),
    "no levels": (("compare", ".", "--levels", "2-3", "-o", "out"), "'2-3' does not exist"),
    "misspelt masks": (
        ("compare", ".", "--methods", "agnostic, maks", "-o", "out"),
        "agnostic, deepseg, propseg, masks, raters; got 'maks'. Did you mean 'masks'?",
    ),
    "raters of people": (
        ("compare", ".", "--methods", "raters", "-o", "out"),
        "raters need --simulated",
    ),
    "masks of nobody": (
        ("compare", "--simulated", "1", "--methods", "masks", "-o", "out"),
        "masks need a FOLDER",
    ),
    "demo over a table": (("demo", "ok.nii", "-o", "."), "ok_shape.csv is there already, and no"),
    "demo into a file": (("demo", "-o", "ok.nii"), "is a file"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_code_2_one_line_and_nothing_written(case, run):
    data = np.random.default_rng(0).normal(100, 9, (20, 20, 12)).astype(np.float32)
    mask = np.zeros(data.shape, np.uint8)
    mask[8:12, 8:12] = 1
    nan = data.copy()
    nan[0] = np.nan
    for name, voxels in {
        "ok": data,
        "flat": data[..., 0],
        "four": np.stack([data, data], axis=3),
        "constant": data * 0,
        "nan": nan,
        "mask": mask,
        "empty": mask * 0,
        "negative": mask - data / 1000,
        "small": mask[1:],
    }.items():
        nib.Nifti1Image(voxels, np.eye(4)).to_filename(f"{name}.nii")
    for name in ("text.nii", "scan.dcm"):
        Path(name).write_text("no image")
    Path("folder").mkdir()
    Path("ok_shape.csv").write_text("mine")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    args, says = BAD[case]
    code, out, err = run(*args)
    assert code == 2
    assert out == ""
    assert len(err) == 1, err
    assert err[0].startswith("cordviz: error: ")
    assert says in err[0]
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("args", "option"),
    [
        (("demo", "-o", "closed/out"), "-o"),
        (("compare", "--simulated", "1", "-o", "closed/out"), "-o"),
        (("train", "smoke", "-o", "closed/out"), "-o"),
        (("train", "smoke", "-o", "out", "--cache", "closed"), "--cache"),
    ],
)
def test_a_folder_that_cannot_be_written_is_refused_before_any_work(run, monkeypatch, args, option):
    Path("closed").mkdir()
    readable = os.access
    monkeypatch.setattr(
        files.os, "access",
        lambda path, mode: readable(path, mode) and not (path == Path("closed") and mode & os.W_OK),
    )  # fmt: skip
    code, out, (line,) = run(*args)
    assert (code, out) == (2, "")
    assert line.endswith(f"The folder closed cannot be written to; choose another with {option}.")
    assert [path.name for path in Path().iterdir()] == ["closed"]


def test_the_process_itself_ends_with_code_2_and_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "cordviz", "measure", "nowhere.nii.gz"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(cordviz.__file__).parent.parent), "PATH": ""},
        timeout=120,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == ["cordviz: error: There is no mask at nowhere.nii.gz."]


def test_warnings_are_one_plain_line_after_the_work(run):
    mask = np.zeros((20, 20, 8), np.uint8)
    mask[3:8, 3:8] = mask[12:17, 12:17] = 1
    nib.Nifti1Image(mask, np.eye(4)).to_filename("two.nii")
    code, _, err = run("measure", "two.nii", "-o", "t.csv")
    assert code == 0
    assert err
    assert all(line.startswith("cordviz: warning: ") for line in err)
    assert any("piece" in line for line in err)


def test_ctrl_c_leaves_quietly(run, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(image_commands, "load_mask", interrupt)
    code, out, err = run("measure", "x.nii")
    assert (code, out, err[-1]) == (130, "", "cordviz: stopped")


@pytest.mark.parametrize(
    "command", [(), ("segment",), ("measure",), ("demo",), ("lab",), ("compare",)]
)
def test_every_command_has_help(command, run):
    code, out, err = run(*command, "--help")
    assert (code, err) == (0, [])
    assert out.startswith("Usage: cordviz")


@pytest.mark.realdata
def test_measure_gives_scts_number_on_a_real_mask(run, shared_data):
    folder = shared_data.resolve() / "real/sct_testing_data/t2"
    code, out, _ = run(
        *("measure", folder / "t2_seg-manual.nii.gz", "--normalize-slices", "-o", "t.csv"),
        *("--levels", folder / "t2_seg-manual_labeled.nii.gz"),
    )
    assert code == 0
    assert csa_of(out) == pytest.approx(79.343, abs=0.02)
