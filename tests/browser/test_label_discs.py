"""In a real browser clicks become discs, and discs levels."""

import nibabel as nib
import numpy as np
import pytest

SAGITTAL = "[data-plane=sagittal]"


def cells(files):
    return [
        "import cordviz as cv",
        f"view = cv.label_discs('{files}/img.nii', seg='{files}/truth.nii')\nview",
    ]


def labels(window):
    return [mark[0] for mark in window.value("view._marks")]


def click(page, y):
    box = page.locator(SAGITTAL).bounding_box()
    page.click(SAGITTAL, position={"x": box["width"] / 2 - 12, "y": y})


def test_clicks_drags_and_undo_make_discs_and_levels_at_once(window, lab, files, tmp_path):
    page = window.lab(lab, cells(files))
    assert not page.locator(".cordviz-rail").is_visible()
    x, slider = window.value("view.cursor[0]"), page.locator(".cordviz-slider")
    page.focus(SAGITTAL)
    for act, expected in (
        (lambda: window.wheel(100, SAGITTAL), x - 1),
        (lambda: page.keyboard.press("PageUp"), x + 9),
        (lambda: slider.fill(str(x)), x),
    ):
        assert window.changes(act, "view.cursor[0]", canvas=SAGITTAL) == expected
    for y, label in ((150, 3), (190, 4), (230, 5)):
        marks = window.changes(lambda y=y: click(page, y), "view._marks", canvas=SAGITTAL)
        assert marks[-1][0] == label
    heights = [mark[3] for mark in marks]
    assert heights == sorted(heights, reverse=True)
    page.locator(".cordviz-rail").wait_for()
    assert set(window.value("view.levels")) >= {2, 3, 4, 5}

    box = page.locator(SAGITTAL).bounding_box()
    x, y = box["x"] + box["width"] / 2 - 12, box["y"] + 230

    def drag():
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, y + 40, steps=4)
        page.mouse.up()

    dragged = window.changes(drag, "view._marks[2]", canvas=SAGITTAL)
    assert dragged[3] < heights[2]
    undo = page.get_by_role("button", name="Undo").click
    undo()  # the last steps of the drag may reach Python after its first
    window.until(lambda: window.value("view._marks"), marks)
    undo()
    window.until(lambda: labels(window), [3, 4])
    page.focus(SAGITTAL)
    for key, expected in (("Shift+ArrowDown", [3, 4]), ("Enter", [3, 4, 5]), ("Delete", [3, 4])):
        page.keyboard.press(key)
        window.until(lambda: labels(window), expected)
    undo()
    window.until(lambda: window.value("view.next_label"), 6)  # and not 5, which is there again
    past = window.value("len(view._past)")
    click(page, 190)  # on a mark: nothing to undo
    page.get_by_role("button", name="Remove").click()
    window.until(lambda: labels(window), [3, 5])
    assert window.value("len(view._past)") == past + 1
    undo()
    window.until(lambda: labels(window), [3, 4, 5])
    assert window.value("view.next_label") == 6
    undo()
    window.until(lambda: labels(window), [3, 4])

    window.kernel.run(f"view.save_labels('{tmp_path}/discs.nii')")
    saved = np.asarray(nib.load(tmp_path / "discs.nii").dataobj)
    assert sorted(saved[saved > 0].tolist()) == [3, 4]


def test_discs_out_of_order_say_so_on_the_page(window, lab, files):
    page = window.lab(lab, cells(files))
    for y, expected in ((230, [3]), (150, [3, 4])):
        click(page, y)
        window.until(lambda: labels(window), expected)
    page.locator(".cordviz-warning").wait_for()
    assert "below disc 4" in page.locator(".cordviz-warning").inner_text()
    page.get_by_role("button", name="Undo").click()
    page.locator(".cordviz-warning").wait_for(state="detached")


def test_a_reloaded_page_keeps_discs_and_undo(window, lab, files):
    page = window.lab(lab, cells(files))
    page.get_by_label("Next disc").select_option("4")
    window.until(lambda: window.value("view.next_label"), 4)
    window.changes(lambda: click(page, 150), "view._marks", canvas=SAGITTAL)
    window.reload()
    assert page.get_by_label("Next disc").input_value() == "5"
    page.get_by_role("button", name="Undo").click()
    window.until(lambda: labels(window), [])


def test_voila_shows_discs_and_takes_more(window, voila, files):
    page = window.voila(voila, [*cells(files), "view.discs = {3: view.cursor_mm}"])
    assert page.get_by_label("Next disc").input_value() == "4"
    window.changes(lambda: click(page, 250), "view._marks", canvas=SAGITTAL)


def test_the_checks_fail_when_placing_is_cut(window, lab, files):
    whole = "this.place(this.get('next_label'), this.under(panel, x, y));".replace("'", '"')
    first, second = cells(files)
    cut = (
        "from cordviz.widgets.disc_labeller import DiscLabeller as D\n"
        f"assert {whole!r} in D._esm\nD._esm = D._esm.replace({whole!r}, '')"
    )
    page = window.lab(lab, [f"{first}\n{cut}", second])
    with pytest.raises(AssertionError):
        window.changes(lambda: click(page, 150), "view._marks", canvas=SAGITTAL, seconds=2)
