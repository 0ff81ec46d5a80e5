"""In a real browser slices and the curve of the area follow each other."""

import csv
import io

import pytest

CURVE = ".cordviz-chart"


def cells(files):
    masks = f"{{'truth': '{files}/truth.nii', 'rater': '{files}/rater.nii'}}"
    return [
        "import cordviz as cv",
        f"view = cv.view_csa('{files}/img.nii', {masks}, levels='{files}/levels.nii')\nview",
    ]


def drawn(page):
    page.wait_for_selector(".cordviz-curve[data-state=ready]")
    return page


def line(page):
    """Where the line on the curve stands, in mm."""
    return page.eval_on_selector(CURVE, "div => div.layout.shapes.at(-1).x0")


def traces(page):
    return page.eval_on_selector(
        CURVE, "div => div.data.filter((t) => t.customdata).map((t) => [t.legendgroup, t.y[100]])"
    )


def place(page, part):
    page.locator(CURVE).scroll_into_view_if_needed()
    box = page.locator(f"{CURVE} .nsewdrag").bounding_box()
    return box["x"] + part * box["width"], box["y"] + 0.5 * box["height"]


def click_curve(page, part):
    page.mouse.click(*place(page, part))


def test_curve_and_slices_follow_each_other_by_click_pointer_wheel_key_and_slider(
    window, lab, files
):
    page = drawn(window.lab(lab, cells(files)))
    first = window.changes(lambda: click_curve(page, 0.2), "view.viewer.slice")
    assert window.value("view.curve.slice") == first
    second = window.changes(lambda: click_curve(page, 0.8), "view.viewer.slice")
    assert second < first  # superior is on the left
    at = line(page)
    assert window.changes(lambda: window.wheel(-100), "view.curve.slice") == second + 1
    window.until(lambda: line(page) < at)
    page.mouse.move(1, 1)  # the pointer alone moves the slice, too
    page.focus(CURVE)
    assert window.changes(lambda: page.keyboard.press("ArrowRight"), "view.viewer.slice") == second
    window.until(lambda: line(page), at)
    slider = page.locator(".cordviz-slider")
    assert window.changes(lambda: slider.fill("60"), "view.curve.slice") == 60
    window.until(lambda: line(page) != at)
    middle = window.changes(lambda: page.mouse.move(*place(page, 0.5)), "view.viewer.slice")
    assert second < middle < first
    window.kernel.run("view.viewer.slice = 100")
    page.get_by_text("slice 100:").wait_for()


def test_fast_scrolling_ends_on_the_last_slice_everywhere(window, lab, files):
    page = drawn(window.lab(lab, cells(files)))
    start = window.value("view.viewer.slice")
    page.hover("[data-plane=axial]")
    for _ in range(25):
        page.mouse.wheel(0, 100)
    window.until(lambda: window.value("[view.viewer.slice, view.curve.slice]"), [start - 25] * 2)
    page.get_by_text(f"slice {start - 25}:").wait_for()


def test_options_change_the_curve_and_what_python_holds(window, lab, files):
    page = drawn(window.lab(lab, cells(files)))
    soft = traces(page)
    assert [name for name, _ in soft] == ["truth", "rater"]
    page.get_by_role("button", name="Angle correction").click()
    window.until(lambda: window.value("view.curve.angle_correction"), False)
    window.until(lambda: traces(page) != soft)
    # without correction an area can only be larger
    assert all(after[1] >= before[1] for before, after in zip(soft, traces(page), strict=True))
    page.get_by_label("What is measured").select_option("both")
    window.until(lambda: len(traces(page)), 4)
    assert window.value("list(view.curve.tables)")[2:] == ["truth ≥ 0.5", "rater ≥ 0.5"]
    filled = "div => div.data.filter((t) => t.fill === 'toself').length"
    assert page.eval_on_selector(CURVE, filled) == 2
    window.kernel.run("view.curve.threshold = 0.8")
    hard = page.get_by_label("What is measured").locator("[value=hard]")
    window.until(hard.inner_text, "Threshold 0.8")
    page.get_by_role("button", name="Norms").click()
    window.until(lambda: page.eval_on_selector(CURVE, filled), 0)


def test_csv_and_png_are_saved(window, lab, files):
    page = drawn(window.lab(lab, cells(files)))
    bar = page.get_by_role("toolbar", name="Area")
    with page.expect_download() as download:
        bar.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert len(rows) == window.value("len(view.table())")
    assert float(rows[0]["area_mm2"]) == pytest.approx(window.value("view.table().area_mm2[0]"))
    with page.expect_download() as download:
        bar.get_by_role("button", name="PNG").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def test_of_two_displays_only_the_one_that_was_asked_saves_its_table(window, lab, files):
    page = drawn(window.lab(lab, [*cells(files), "view"]))
    page.locator(".cordviz-curve[data-state=ready]").nth(1).wait_for()
    saved = []
    page.on("download", lambda one: saved.append(one))
    for number in (0, 1):
        page.get_by_role("button", name="CSV").nth(number).click()
        window.until(lambda: page.title() and len(saved), number + 1)  # asked, the page tells
    page.get_by_role("toolbar", name="Area").last.get_by_role("button", name="PNG").click()
    window.until(lambda: page.title() and saved[-1].suggested_filename, "cordviz_csa.png")
    assert len(saved) == 3  # and after the last nothing was on its way


def test_a_curve_whose_kernel_never_answers_holds_up_no_other(window, lab, files):
    first, second = cells(files)
    deaf = f"{second.rpartition(chr(10))[0]}\nview.curve.on_msg(view.curve._answer, remove=True)"
    page = drawn(window.lab(lab, [first, f"{deaf}\nview", second, "view"]))
    page.locator(".cordviz-curve[data-state=ready]").nth(1).wait_for()
    assert page.locator(".cordviz-curve[data-state=waiting]").count() == 1


def test_a_reloaded_page_keeps_slice_and_options(window, lab, files):
    page = drawn(window.lab(lab, cells(files)))
    page.get_by_label("What is measured").select_option("both")
    window.until(lambda: len(traces(page)), 4)
    slice_ = window.changes(lambda: click_curve(page, 0.3), "view.viewer.slice")
    window.reload()
    drawn(page)
    assert len(traces(page)) == 4
    page.get_by_text(f"slice {slice_}:").wait_for()
    assert page.locator(".cordviz-slider").input_value() == str(slice_)
    window.changes(lambda: click_curve(page, 0.7), "view.viewer.slice")


def test_the_legend_stays_above_the_level_names_when_the_page_widens(window, voila, files):
    page = drawn(window.voila(voila, cells(files)))
    gap = (
        "() => { const chart = document.querySelector('.cordviz-chart');"
        "if (Math.abs(chart._fullLayout.width - chart.offsetWidth) > 1) return -99;"  # not yet
        "const side = (part, name) => part.getBoundingClientRect()[name];"
        "const names = [...chart.querySelectorAll('.annotation-text')].map((n) => side(n, 'top'));"
        "return Math.min(...names) - side(chart.querySelector('.legend'), 'bottom'); }"
    )
    for width in (1200, 620, 1200):
        page.set_viewport_size({"width": width, "height": 900})
        window.until(lambda: page.evaluate(gap) > -4)


def test_voila_shows_what_the_notebook_set_after_construction(window, voila, files):
    after = "view.curve.weights = 'both'\nview.viewer.slice = 90"
    page = drawn(window.voila(voila, [*cells(files), after]))
    assert len(traces(page)) == 4
    page.get_by_text("slice 90:").wait_for()
    window.changes(lambda: click_curve(page, 0.3), "view.viewer.slice")


def test_the_checks_fail_when_the_link_is_cut(window, lab, files):
    page = drawn(window.lab(lab, [*cells(files), "view._link.unlink()"]))
    with pytest.raises(AssertionError):
        window.changes(lambda: click_curve(page, 0.3), "view.viewer.slice", seconds=2)
