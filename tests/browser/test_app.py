"""In a real browser the app takes images, refuses what is none, compares, and keeps nothing."""

import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "app.ipynb"
#: Cells of the committed notebook; the kernel knows the app as `app`.
CODE = ["".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"][1:]]
PROBLEMS = ".cordviz-problems li"
SLICE = "app.stage.children[0].viewer.slice"


@pytest.fixture(scope="session")
def bad(tmp_path_factory):
    """Files that are no image, and what the page should say of each."""
    folder = tmp_path_factory.mktemp("bad")
    rng = np.random.default_rng(0)
    whole = nib.Nifti1Image(rng.normal(100, 9, (20, 20, 20)).astype("f4"), np.eye(4)).to_bytes()
    (folder / "corrupt_T2w.nii").write_bytes(whole[:5000])
    (folder / "dicom_T2w.nii").write_bytes(bytes(128) + b"DICM" + bytes(2000))
    (folder / "empty_T2w.nii.gz").write_bytes(b"")
    volumes = nib.Nifti1Image(rng.random((6, 6, 6, 3)).astype("f4"), np.eye(4))
    (folder / "four_T2w.nii").write_bytes(volumes.to_bytes())
    with open(folder / "huge_T2w.nii", "wb") as file:
        file.truncate(500_000_000)
    (folder / "scan.dcm").write_bytes(bytes(128) + b"DICM" + bytes(2000))
    (folder / "text_T2w.nii").write_text("not an image\n" * 100)
    return folder, {
        "corrupt_T2w.nii": "truncated",
        "dicom_T2w.nii": "dcm2niix",
        "empty_T2w.nii.gz": "empty",
        "four_T2w.nii": "4-D with 3 volumes",
        "huge_T2w.nii": "500 MB is too much: 200 MB in all",
        "scan.dcm": "dcm2niix",
        "text_T2w.nii": "text found",
    }


@pytest.fixture
def page(window):
    window.ready = ".widget-toggle-buttons"
    return window


@pytest.fixture
def app(page, voila):
    """The notebook as a Voila page."""
    page.voila(voila, CODE)
    return page


@pytest.fixture(scope="session")
def neck(files):
    """An image and its mask under names that say so."""
    for name, file in {"sub_T1w.nii": "img.nii", "sub_T1w_seg.nii": "rater.nii"}.items():
        os.link(files / file, files / name)
    return files / "sub_T1w.nii", files / "sub_T1w_seg.nii"


def choose_own(app):
    app.page.get_by_role("button", name="My own images").click()
    app.page.locator("input[type=file]").wait_for()


def send(app, *paths):
    app.page.locator("input[type=file]").set_input_files([str(path) for path in paths])


def temporary(app):
    """What the session has left in the folder for temporary files."""
    return app.value(
        "[n for n in __import__('os').listdir(__import__('tempfile').gettempdir())"
        " if n.startswith('cordviz_')]"
    )


def test_bad_files_get_one_sentence_each_and_the_page_lives_on(app, bad, neck):
    folder, expected = bad
    before = temporary(app)
    choose_own(app)
    send(app, *sorted(folder.iterdir()))
    app.until(lambda: app.page.locator(PROBLEMS).count(), len(expected))
    said = app.page.locator(PROBLEMS).all_inner_texts()
    for sentence, (name, words) in zip(said, expected.items(), strict=True):
        assert sentence.startswith(f"{name}: ")
        assert words in sentence
    app.shot("app-refuses")
    assert app.value("len(app.files.uploads)") == 0

    other = nib.load(neck[1]).slicer[:, :, 1:]
    other.to_filename(folder.parent / "other_T1w_seg.nii")
    send(app, neck[0], folder.parent / "other_T1w_seg.nii")
    app.until(lambda: app.value("len(app.files.uploads)"), 2)
    app.page.get_by_text("does not lie on the grid of sub_T1w.nii").wait_for()
    assert app.page.locator(PROBLEMS).count() == 0  # those of before are gone
    app.page.get_by_role("button", name="Segment and compare").click()
    app.page.get_by_text("does not lie on the grid of sub_T1w.nii").wait_for()
    for name in ("sub_T1w.nii", "other_T1w_seg.nii"):
        app.page.get_by_role("combobox", name=f"Contrast of {name}").wait_for()
    app.page.get_by_title("Remove other_T1w_seg.nii").click()
    app.page.get_by_text("does not lie on the grid").wait_for(state="detached")
    assert app.value("[u.name for u in app.files.uploads]") == ["sub_T1w.nii"]
    assert temporary(app) == before


def test_an_upload_is_compared_looked_at_and_taken_home(app, neck):
    before = temporary(app)
    choose_own(app)
    send(app, *neck)
    app.until(lambda: app.value("[u.role for u in app.files.uploads]"), ["image", "mask"])
    app.page.get_by_label("Methods").select_option("agnostic")
    app.page.get_by_role("button", name="Segment and compare").click()
    app.page.wait_for_selector(".cordviz-curve[data-state=ready]")
    app.shot("app-result")
    columns = app.page.locator("table.dataframe th").all_inner_texts()
    assert [c for c in columns if c] == ["agnostic", "my mask", "T1w"]
    csa = app.value("app.study.set_index('method').csa_mm2['my mask']")
    assert f"{csa:.1f}" in app.page.locator("table.dataframe").inner_text()
    assert app.value("[str(e) for e in app.study.error]") == ["", ""]
    slice_ = app.value(SLICE)
    assert app.changes(lambda: app.wheel(100), SLICE) == slice_ - 1
    with app.page.expect_download() as report:
        app.page.get_by_role("button", name="Report (HTML)").click()
    page = report.value.path().read_text(encoding="utf-8")
    assert "CSA across contrasts" in page
    assert str(neck[0].parent) not in page
    with app.page.expect_download() as table:
        app.page.get_by_role("button", name="Table (CSV)").click()
    assert table.value.path().read_text().count("\n") == 3
    assert temporary(app) == before
    app.page.get_by_role("button", name="Slices").click()
    app.until(lambda: app.page.locator(".cordviz-curve").count(), 0)
    app.page.wait_for_selector(".cordviz-viewer[data-state=ready] [data-plane=axial]")


def test_a_reloaded_page_keeps_files_result_and_slice(page, lab, neck):
    page.lab(lab, CODE)
    choose_own(page)
    send(page, *neck)
    page.until(lambda: page.value("len(app.files.uploads)"), 2)
    page.kernel.run("app.methods.value = ()")  # the mask alone is measured at once
    page.page.get_by_role("button", name="Segment and compare").click()
    page.page.wait_for_selector(".cordviz-curve[data-state=ready]")
    areas = page.page.locator("table.dataframe").inner_text()
    axial, slider = page.page.locator("[data-plane=axial]"), page.page.locator(".cordviz-slider")
    page.changes(page.page.locator(".cordviz-chart .nsewdrag").click, SLICE)
    page.changes(lambda: axial.press("PageUp"), SLICE)
    at = page.changes(lambda: slider.fill("70"), SLICE)
    page.reload()
    page.page.wait_for_selector(".cordviz-curve[data-state=ready]")
    assert page.page.locator("table.dataframe").inner_text() == areas
    assert page.page.get_by_role("button", name="Remove").count() == 2
    assert slider.input_value() == str(at)
    page.changes(lambda: page.wheel(100), SLICE)


def test_the_checks_fail_when_callbacks_are_cut(page, voila, neck):
    whole = "if (!this.current) this.next();"
    breaks = (
        "from cordviz.app import App\nfrom cordviz.widgets.files import FileUpload\n"
        f"assert {whole!r} in FileUpload._esm\n"
        f"FileUpload._esm = FileUpload._esm.replace({whole!r}, '')\n"
        "App._run = lambda *_: None"
    )
    page.voila(voila, [breaks, *CODE])
    page.page.get_by_role("button", name="Segment and compare").click()
    choose_own(page)
    send(page, *neck)
    with pytest.raises(AssertionError):
        page.until(lambda: page.value("len(app.files.uploads)"), 2, seconds=3)
    assert page.value("app.study is None")


@pytest.mark.parametrize("window", [{"width": 360, "height": 900}], indirect=True)
def test_everything_fits_a_phone(app, neck):
    choose_own(app)
    send(app, *neck)
    app.page.get_by_role("button", name="Remove").nth(1).wait_for()
    box = app.page.locator(".widget-vbox").first.bounding_box()
    assert box["x"] + box["width"] <= 360
    parts = app.page.locator(".widget-vbox :is(button, select, input):visible")
    right = [part["x"] + part["width"] for one in parts.all() if (part := one.bounding_box())]
    assert max(right) <= box["x"] + box["width"]


def test_one_of_two_displays_saves_the_file(window, voila):
    window.ready = ".cordviz-files button:enabled >> nth=1"
    code = (
        "from cordviz.widgets.files import FileDownload\n"
        "app = FileDownload(label='Table')\napp.offer('table.csv', 'text/csv', b'a,b')\n"
        "display(app)\napp"
    )
    window.voila(voila, [code])
    saved = []
    window.page.on("download", lambda one: saved.append(one))
    for number in (1, 2):
        with window.page.expect_download():
            window.page.get_by_role("button", name="Table").nth(1).click()
        window.page.wait_for_timeout(500)
        assert len(saved) == number
