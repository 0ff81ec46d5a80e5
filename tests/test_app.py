"""The app compares what was uploaded, says what is wrong, and leaves no file behind."""

import gc
import gzip
import os
import tempfile
import weakref

import nibabel as nib
import numpy as np
import pytest

from cordviz.app.page import MINE, OWN, App
from cordviz.widgets.files import FileUpload


@pytest.fixture
def neck():
    """An image with a cord of 80 mm², its mask, and discs, as bytes of NIfTI files."""
    data = np.random.default_rng(0).normal(100, 3, (30, 30, 24)).astype("f4")
    mask = np.zeros(data.shape, "u1")
    mask[10:20, 10:18] = 1
    discs = np.zeros(data.shape, "u1")
    for label, z in ((2, 21), (3, 14), (4, 5)):
        discs[15, 18, z] = label
    affine = np.diag([1, 1, 2, 1])
    return {
        "sub_T2w.nii": nib.Nifti1Image(data, affine).to_bytes(),
        "sub_T2w_seg.nii.gz": gzip.compress(nib.Nifti1Image(mask, affine).to_bytes()),
        "sub_T2w_discs.nii": nib.Nifti1Image(discs, affine).to_bytes(),
    }


@pytest.fixture
def app(tmp_path, monkeypatch):
    """An app whose temporary files would lie in a folder that is ours to look at."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    os.mkdir(tempfile.gettempdir())
    app = App()
    app.source.value = OWN
    app.methods.value = ()
    return app


def give(app, content, piece=1000):
    """What a page does: ask, send piece by piece."""
    for name, data in content.items():
        sent = []
        app.files.upload.send = lambda message, sent=sent: sent.append(message)
        app.files.upload._receive(None, {"begin": name, "size": len(data)}, [])
        while sent[-1]["kind"] == "next":
            at = sent[-1]["at"]
            app.files.upload._receive(None, {"piece": at}, [memoryview(data)[at : at + piece]])
        assert sent[-1] == {"kind": "done"}


def test_an_uploaded_mask_is_measured_shown_and_taken_home(app, neck):
    give(app, {name: neck[name] for name in ("sub_T2w.nii", "sub_T2w_seg.nii.gz")})
    assert [(u.role, u.contrast) for u in app.files.uploads] == [("image", "T2w"), ("mask", "T2w")]
    app._run()
    assert app.message.value == ""
    assert app.study.set_index("method").csa_mm2[MINE] == pytest.approx(80, rel=0.01)
    assert "80.0" in app.table.value
    assert "levels unknown" in app.table.value
    name, kind, packed = app.report._file
    assert (name, kind) == ("cordviz_report.html", "text/html")
    report = gzip.decompress(packed).decode()
    assert report.startswith("<!doctype html>")
    assert tempfile.gettempdir() not in report
    assert [child.table().area_mm2.notna().all() for child in app.stage.children] == [True]
    assert os.listdir(tempfile.gettempdir()) == []


def test_the_view_changes_and_the_old_one_is_closed(app, neck):
    give(app, {name: neck[name] for name in ("sub_T2w.nii", "sub_T2w_seg.nii.gz")})
    app._run()
    seen = []
    for name in app.view.options:
        app.view.value = name
        seen.append(app.stage.children[0])
    assert [type(view).__name__ for view in seen] == ["CsaView", "SliceViewer", "View3D"]
    assert seen[0].viewer.comm is None
    assert seen[1].comm is None


def test_what_is_no_longer_shown_leaves_the_memory(app, neck):
    give(app, {name: neck[name] for name in ("sub_T2w.nii", "sub_T2w_seg.nii.gz")})
    app._run()
    gone = []
    for name in ("Slices", "3-D", "Area along the cord"):
        (view,) = app.stage.children
        held = [view, getattr(getattr(view, "viewer", view), "volume", view)]
        if scene := getattr(view, "scene", None):
            held += [scene, *scene.volumes]
        gone += [weakref.ref(one) for one in held]
        app.view.value = name
    upload = app.files.uploads[1]
    gone += [weakref.ref(upload), weakref.ref(app.files.rows.children[1])]
    app.files._remove(upload)
    del view, scene, held, upload
    gc.collect()
    assert [one() for one in gone if one() is not None] == []


def test_the_alert_goes_once_the_reader_has_chosen_what_it_asks_for(app, neck):
    masks = {f"{name}_seg.nii.gz": neck["sub_T2w_seg.nii.gz"] for name in ("sub_T2w", "other")}
    images = {f"sub_{name}.nii": neck["sub_T2w.nii"] for name in ("T2w", "T1w")}
    give(app, images | masks)
    assert "other_seg.nii.gz: of which image?" in app.message.value
    (contrast,) = [row.children[2] for row in app.files.rows.children if not row.children[2].value]
    contrast.value = "T1w"
    assert (app.files.uploads[-1].contrast, app.message.value) == ("T1w", "")
    contrast.value = "T2w"
    assert "both give the mask of sub_T2w.nii" in app.message.value


def test_what_acts_on_a_file_says_on_which(app, neck):
    give(app, {"sub_T2w.nii": neck["sub_T2w.nii"]})
    *_, contrast, remove = app.files.rows.children[0].children
    assert contrast.description == "Contrast of sub_T2w.nii"  # a tooltip names no menu
    assert remove.tooltip == "Remove sub_T2w.nii"


def test_what_goes_wrong_is_said_and_nothing_is_left(app, neck, monkeypatch):
    app._run()
    assert "Choose an image first" in app.message.value
    give(app, {name: neck[name] for name in ("sub_T2w.nii", "sub_T2w_seg.nii.gz")})

    def breaks(*args, **options):
        open(os.path.join(tempfile.gettempdir(), "made"), "w").close()
        os.remove(os.path.join(tempfile.gettempdir(), "made"))
        raise MemoryError("no room <b>left</b>")

    monkeypatch.setattr("cordviz.app.page.write_report", breaks)
    app._run()
    assert "no room &lt;b&gt;left&lt;/b&gt;" in app.message.value
    assert not app.go.disabled
    assert os.listdir(tempfile.gettempdir()) == []


def test_bad_files_are_refused_and_the_next_one_is_taken(app, neck):
    give(app, {"notes.txt": b"hello", "sub_T2w.nii": b"", "x_T2w.nii": neck["sub_T2w.nii"][:5000]})
    assert [text.split(":")[0] for text in app.files.upload.problems] == [
        "notes.txt",
        "sub_T2w.nii",
        "x_T2w.nii",
    ]
    give(app, {"sub_T2w.nii": neck["sub_T2w.nii"]})
    assert len(app.files.uploads) == 1
    give(app, {"sub_T2w.nii": neck["sub_T2w.nii"]})
    assert "there already" in app.files.upload.problems[-1]


def test_nothing_of_a_file_above_the_limit_is_asked_for(app):
    sent = []
    app.files.upload.send = sent.append
    app.files.upload._receive(None, {"begin": "huge_T2w.nii", "size": 500_000_000}, [])
    assert sent == [{"kind": "done"}]
    assert "500 MB is too much: 200 MB in all" in app.files.upload.problems[0]


def test_a_page_that_sends_more_than_it_said_is_refused():
    taken = []
    upload = FileUpload(lambda name, size: None, lambda name, data: taken.append(data))
    upload.send = lambda message: None
    upload._receive(None, {"begin": "a.nii", "size": 3}, [])
    upload._receive(None, {"piece": 0}, [b"1234"])
    assert taken == []
    assert "changed while it was read" in upload.problems[0]
    upload._receive(None, {"begin": "b.nii", "size": 3}, [])
    upload._receive(None, {"piece": 0}, [b"12"])
    upload._receive(None, {"piece": 0}, [b"12"])  # said twice
    upload._receive(None, {"piece": 2}, [b"3"])
    assert taken == [b"123"]


def test_a_simulated_person_brings_levels_and_truth(app, monkeypatch):
    app.source.value = app.source.options[0]
    app.contrasts.value = ("MT-on",)
    app.methods.value = ("propseg",)
    app._run()
    assert app.message.value == ""
    assert "C2–C3" in app.table.value
    assert "truth" in app.table.value
    row = app.study.iloc[0]
    assert row.csa_mm2 == pytest.approx(row.truth_mm2, rel=0.15)
