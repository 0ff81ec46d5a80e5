"""A report is whole, needs nothing beside it, and goes on after a stop."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time

import nibabel as nib
import numpy as np
import pandas as pd
import psutil
import pytest

from cordviz import cli, report
from cordviz.cli import main
from cordviz.datasets import load_sessions
from cordviz.report import write_report
from cordviz.variability import comparison

METHODS = ["propseg"]


def cord(radius, seed, bright):
    """A noisy image of a straight cord with its mask and its discs."""
    x, y = np.indices((41, 41, 18))[:2] - 20
    mask = np.hypot(x, y) <= radius
    noise = np.random.default_rng(seed).normal(0, 3, mask.shape)
    data = np.where(mask, 300, 100) if bright else np.where(mask, 100, 300)
    discs = np.zeros(mask.shape, "u1")
    discs[20, 28, 16], discs[20, 28, 9], discs[20, 28, 2] = 2, 3, 4
    affine = np.diag([0.9, 0.9, 3.0, 1.0])
    arrays = (data + noise).astype("f4"), mask.astype("u1"), discs
    return [nib.Nifti1Image(array, affine) for array in arrays]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set of three people, T1w and T2w, with masks and discs; one image is broken."""
    root = tmp_path_factory.mktemp("bids")
    for person in (1, 2, 3):
        anat = root / f"sub-{person:02d}" / "anat"
        anat.mkdir(parents=True)
        for contrast in ("T1w", "T2w"):
            image, mask, discs = cord(5 + 0.4 * person, person, contrast == "T1w")
            stem = anat / f"sub-{person:02d}_{contrast}"
            image.to_filename(f"{stem}.nii.gz")
            mask.to_filename(f"{stem}_seg.nii.gz")
            discs.to_filename(f"{stem}_label-discs_dlabel.nii.gz")
    (root / "sub-03" / "anat" / "sub-03_T1w.nii.gz").write_bytes(b"broken")
    return root


@pytest.fixture
def no_browser(monkeypatch):
    monkeypatch.setattr(report, "png_figures", lambda figures: ({}, "no browser <here>"))


def test_the_report_is_one_whole_file(folder, tmp_path, no_browser, capfd):
    out = tmp_path / "out"
    code = main(
        ["compare", str(folder), "--methods", "propseg,masks", "-o", str(out), "--jobs", "1"]
    )
    assert code == 0, capfd.readouterr().err
    assert capfd.readouterr().out.strip() == str(out / "report.html")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert not re.findall(r'<(?:script|img|link|iframe)\b[^>]*(?:src|href)="(?!data:)', page)
    assert page.count("data:image/jpeg;base64,") == 5  # a mosaic per image that has a mask
    for text in (
        "2 of 3 subjects kept", "not NIfTI", "De Leener", "margin ±2 mm²", "levels C2, C3",
        "no browser &lt;here&gt;", "<b>2</b> of 12", "Not a medical device",
        "CSA along the cord of sub-01 by contrast, masks.", "Agreement of T1w and T2w",
        "Tests need 3 people with every contrast; here: 2.", "ddof = 1",
        "range of means, mm²", "numpy ",
    ):  # fmt: skip
        assert text in page, text
    study = pd.read_csv(out / "study.csv")
    assert len(study) == 12
    assert study["image_sha256"].notna().sum() == 12
    assert all(sha[:12] in page for sha in study["image_sha256"])
    assert not list(out.glob(".cordviz-*"))


def test_tables_hold_what_the_study_holds(folder, tmp_path, no_browser):
    out = tmp_path / "out"
    assert main(["compare", str(folder), "--methods", "masks", "-o", str(out), "--jobs", "1"]) == 0
    study = pd.read_csv(out / "study.csv").set_index(["subject", "contrast"])
    slices = pd.read_csv(out / "slices.csv")
    near = slices[slices["level"].isin([2, 3])].groupby(["subject", "contrast"])["area_mm2"].mean()
    assert near.to_dict() == pytest.approx(study["csa_mm2"].dropna().to_dict(), rel=1e-6)
    sct = pd.read_csv(out / "csa_sct.csv").set_index("Filename")
    assert list(sct.columns[:5]) == [
        "Timestamp", "SCT Version", "Slice (I->S)", "VertLevel", "DistancePMJ",
    ]  # fmt: skip
    for (subject, contrast), area in study["csa_mm2"].dropna().items():
        assert sct.loc[f"{subject}_{contrast}_masks", "MEAN(area)"] == pytest.approx(area)
    assert (out / "csa_by_contrast.html").is_file()


def test_one_contrast_and_every_slice_make_no_claim_across_contrasts(folder, tmp_path, no_browser):
    options = {"methods": METHODS, "contrasts": ["T2w"], "over": None, "progress": False}
    page = write_report(folder, tmp_path / "out", **options).read_text(encoding="utf-8")
    page = re.sub(r"<script.*?</script>|base64,[^\"]*", "", page, flags=re.S)
    (row,) = re.findall(r"<th>every pair of contrasts equivalent</th>\s*<td>(.*?)</td>", page)
    assert row == "–"
    assert "averaged over all slices of each mask" in page
    assert "Levels came from" not in page
    assert "nan" not in page


def test_names_are_text_and_no_markup(folder, tmp_path, no_browser):
    images = load_sessions(folder)["sub-01"].images
    options = {"methods": METHODS, "over": None, "progress": False}
    page = write_report({"<i>Ann</i>": images}, tmp_path / "out", **options)
    page = re.sub(r"<script.*?</script>", "", page.read_text(encoding="utf-8"), flags=re.S)
    assert "&lt;i&gt;Ann&lt;/i&gt;" in page
    assert "<i>Ann" not in page


def test_each_method_has_its_figure_whatever_its_name(folder, tmp_path, no_browser):
    session = load_sessions(folder)["sub-01"]
    methods = [{name: session.masks} for name in ("свой", "чужой", "seg+", "seg-")]
    write_report(session, tmp_path / "out", methods=methods, over=None, progress=False)
    assert len(list((tmp_path / "out").glob("profile_*.html"))) == 4


def test_started_again_it_computes_nothing(folder, tmp_path, no_browser, monkeypatch):
    options = {"methods": METHODS, "contrasts": ["T2w"], "progress": False}
    write_report(folder, tmp_path / "out", **options)
    before = {f.name: f.read_bytes() for f in (tmp_path / "out").glob("*.csv")}

    def never(*args, **kwargs):
        raise AssertionError("computed again")

    monkeypatch.setattr(comparison, "segment_cord", never)
    monkeypatch.setattr(comparison, "measure_shape", never)
    write_report(folder, tmp_path / "out", **options)
    after = {f.name: f.read_bytes() for f in (tmp_path / "out").glob("*.csv")}
    del before["csa_sct.csv"], after["csa_sct.csv"]  # it holds the time of day
    assert before == after


def test_stopped_half_way_nothing_is_half_written(folder, tmp_path, no_browser, monkeypatch):
    out = tmp_path / "out"
    done = []
    segment = comparison.segment_cord

    def stops(*args, **kwargs):
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(1)
        return segment(*args, **kwargs)

    words = ["compare", str(folder), "--methods", "propseg", "-o", str(out), "--jobs", "1"]
    words += ["--contrasts", "T2w"]
    monkeypatch.setattr(comparison, "segment_cord", stops)
    assert main(words) == 130
    assert {f.name for f in out.iterdir()} == {"cache"}
    assert not list((out / "cache").glob(".cordviz-*"))
    done.clear()
    monkeypatch.setattr(
        comparison, "segment_cord", lambda *a, **k: (done.append(1), segment(*a, **k))[1]
    )
    assert main(words) == 0
    assert len(done) == 2  # of three
    assert (out / "report.html").is_file()


def command(folder, out, *more):
    return [sys.executable, "-m", "cordviz", "compare", str(folder), "-o", str(out), "-q", *more]


def wait_for(what, process):
    while not what():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)


def whole(file):
    """Whether a file in the cache can be read to its end."""
    if file.suffix == ".json":
        return bool(json.loads(file.read_text(encoding="utf-8")))
    return nib.load(file).get_fdata().size > 0


def test_killed_with_its_workers_it_goes_on_and_computes_nothing_twice(folder, tmp_path):
    """SIGKILL, which no handler sees, to the command and its workers amid the images."""
    out = tmp_path / "out"
    words = command(folder, out, "--methods", "propseg", "--jobs", "2")
    first = subprocess.Popen(words, start_new_session=True, stderr=subprocess.PIPE)
    wait_for(lambda: list(out.glob("cache/*.json")), first)
    os.killpg(first.pid, signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    assert {file.name for file in out.iterdir()} == {"cache"}
    done = {file: file.stat().st_mtime_ns for file in out.glob("cache/[!.]*")}
    assert all(map(whole, done))
    assert sum(file.suffix == ".json" for file in done) < 6
    second = subprocess.run(words, capture_output=True, text=True)
    assert second.returncode == 0, second.stderr
    assert {file: file.stat().st_mtime_ns for file in done} == done
    assert pd.read_csv(out / "study.csv")["csa_mm2"].notna().sum() == 5
    assert (out / "report.html").is_file()


def test_killed_while_it_writes_no_file_is_half_there(folder, tmp_path):
    """SIGKILL when one half of a table, then one half of the page, has reached the disk."""
    script = """
        import sys, time
        from pathlib import Path
        from cordviz.report import write_report
        write = Path.write_bytes
        def slow(path, data):
            if data.startswith(sys.argv[1].encode()):
                write(path, data[: len(data) // 2])
                print("half", flush=True)
                time.sleep(600)
            return write(path, data)
        Path.write_bytes = slow
        write_report(sys.argv[2], sys.argv[3], methods="propseg", contrasts=["T2w"],
                     png=False, progress=False)
    """
    out = tmp_path / "out"
    run = [sys.executable, "-c", textwrap.dedent(script)]
    for beginning, there in (("subject,contrast,method,csa_mm2", set()), ("<!doctype", {"study"})):
        with subprocess.Popen([*run, beginning, folder, out], stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"half\n"
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert there <= {file.stem for file in out.glob("[!.]*.csv")}
        assert not (out / "report.html").exists()
        assert all(len(pd.read_csv(file)) for file in out.glob("[!.]*.csv"))
    subprocess.run([*run, "nothing", folder, out], check=True)
    assert (out / "report.html").read_text(encoding="utf-8").endswith("</html>")


def test_workers_end_before_the_report_is_drawn(folder, tmp_path, monkeypatch):
    """Idle, they would hold half a gigabyte each beside the browser."""
    left = []

    def look(figures):
        own = psutil.Process().children(recursive=True)
        left.append([one for one in own if "LokyProcess" in " ".join(one.cmdline())])
        return {}, "no browser"

    monkeypatch.setattr(report, "png_figures", look)
    options = {"methods": METHODS, "contrasts": ["T2w"], "n_jobs": 2, "progress": False}
    write_report(folder, tmp_path / "out", **options)
    assert left == [[]]


def test_nobody_complete_still_gives_areas(folder, tmp_path, no_browser):
    options = {"methods": METHODS, "progress": False}
    page = write_report(folder / "sub-03", tmp_path / "out", **options).read_text(encoding="utf-8")
    assert "Nobody has every contrast under every method; all have T2w, shown here." in page
    none = write_report(folder / "sub-03", tmp_path / "none", contrasts=["T1w"], **options)
    assert "No statistics" in none.read_text(encoding="utf-8")
    assert "nan" not in re.sub(r"<script.*?</script>|base64,[^\"]*", "", page, flags=re.S)
    assert pd.read_csv(tmp_path / "out" / "study.csv")["csa_mm2"].notna().sum() == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "out"], "Give a FOLDER or --simulated"),
        (["nowhere", "-o", "out"], "There is no folder nowhere"),
        (["--simulated", "2", "--methods", "masks", "-o", "out"], "methods must be one of"),
        (["--simulated", "0", "-o", "out"], "0 is not in the range"),
    ],
)
def test_a_wrong_command_line_is_one_plain_line(tmp_path, monkeypatch, capfd, words, message):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["compare", *words]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert message in line


def test_a_second_report_leaves_nothing_of_the_first_but_what_is_not_its_own(
    folder, tmp_path, no_browser
):
    options = {"methods": METHODS, "over": None, "progress": False}
    write_report(folder, tmp_path, **options)
    (tmp_path / "mine.csv").touch()
    assert (tmp_path / "pairs.csv").is_file()
    write_report(folder, tmp_path, contrasts=["T2w"], **options)
    names = {file.name for file in tmp_path.glob("*.*")}
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "published mean" not in page  # that is of C2–C3
    assert not names & {"pairs.csv", "agreement_T1w_T2w.html"}
    assert {"mine.csv", "study.csv"} <= names


def test_the_methods_text_says_where_levels_come_from(folder, tmp_path, no_browser):
    from cordviz._report_html import methods_text
    from cordviz.variability.auto_levels import FOUND

    study = pd.DataFrame({"method": ["agnostic"] * 2, "note": ["", f"{FOUND} T2w, confidence 1."]})
    assert "never from the prediction" in methods_text(study[:1], (2, 3), None)
    assert "in part from discs found automatically" in methods_text(study, (2, 3), None)


def test_what_would_be_lost_or_never_work_is_refused_before_any_work(folder, tmp_path, no_browser):
    with pytest.raises(ValueError, match="margin_mm2 must be a number above 0"):
        write_report(folder, tmp_path, margin_mm2=-1, methods=METHODS, progress=False)
    (tmp_path / "study.csv").write_text("mine")
    with pytest.raises(ValueError, match=r"study\.csv is there already, and no cache beside it"):
        write_report(folder, tmp_path, methods=METHODS, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["study.csv"]
