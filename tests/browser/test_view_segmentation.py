"""In a real browser the slice viewer answers to hands and keys, and tells Python."""

import pytest

import cordviz
import cordviz.widgets.slice_viewer

AXIAL, SAGITTAL = "[data-plane=axial]", "[data-plane=sagittal]"


def cells(files, **options):
    masks = f"{{'truth': '{files}/truth.nii', 'rater': '{files}/rater.nii'}}"
    options = {"levels": f"{files}/levels.nii", **options}
    words = ", ".join(f"{name}={value!r}" for name, value in options.items())
    return [
        "import cordviz as cv",
        f"view = cv.view_segmentation('{files}/img.nii', {masks}, {words})\nview",
    ]


def test_wheel_keys_slider_and_click_change_the_picture_and_python(window, lab, files):
    page = window.lab(lab, cells(files))
    start = window.value("view.slice")
    assert window.changes(lambda: window.wheel(100), "view.slice") == start - 1
    page.focus(AXIAL)
    assert window.changes(lambda: page.keyboard.press("ArrowUp"), "view.slice") == start
    assert window.changes(lambda: page.keyboard.press("PageUp"), "view.slice") == start + 10
    slider = page.locator(".cordviz-slider")
    assert window.changes(lambda: slider.fill("20"), "view.slice") == 20
    click = {"x": 60, "y": 80}
    x, y, z = window.changes(lambda: page.click(AXIAL, position=click), "view.cursor")
    assert z == 20
    moved = window.changes(lambda: page.click(SAGITTAL, position=click), "view.cursor")
    assert moved[0] == x
    assert moved[1] != y
    assert moved[2] != z


def test_buttons_and_drags_change_the_picture_and_python(window, lab, files):
    page = window.lab(lab, cells(files))
    page.focus(AXIAL)
    for key, trait in (("c", "contours"), ("x", "crosshair"), ("z", "zoom_to_cord")):
        for state in (False, True):
            assert (
                window.changes(lambda key=key: page.keyboard.press(key), f"view.{trait}") is state
            )
    click = page.get_by_role("button", name="rater", exact=True).click
    assert window.changes(click, "view.shown") == ["truth"]
    assert window.changes(click, "view.shown") == ["truth", "rater"]
    click = page.get_by_role("button", name="Difference").click
    assert window.changes(click, "view.difference") == ["truth", "rater"]
    low, high = window.value("view.window")

    def drag():
        page.hover(AXIAL)
        page.mouse.down(button="right")
        page.mouse.move(500, 500, steps=3)
        page.mouse.up(button="right")

    assert window.changes(drag, "view.window") != [low, high]
    assert page.locator(".lm-Menu").count() == 0  # nor JupyterLab's context menu
    page.get_by_role("button", name="Reset").click()
    window.until(lambda: window.value("view.window"), [low, high])
    choose = page.get_by_label("Planes")
    choose.select_option("coronal")
    window.until(lambda: window.value("view.planes"), "coronal")
    assert page.locator(AXIAL).is_hidden()
    assert page.locator("[data-plane=coronal]").is_visible()


def test_keys_do_not_reach_jupyterlab(window, lab, files):
    page = window.lab(lab, cells(files))
    page.focus(AXIAL)
    for key in ("d", "d", "x", "a", "z"):
        page.keyboard.press(key)
    window.until(lambda: window.value("view.crosshair"), False)
    assert page.locator(".jp-CodeCell").count() == 2


def test_python_moves_the_picture(window, lab, files):
    page = window.lab(lab, cells(files))
    volume = window.value("sum(map(len, view.volume.packed()))")
    assert window.received > volume
    after = window.received
    for code in ("view.slice = 30", "view.cursor = (30, 40, 50)", "view.opacity = 0.9"):
        before = window.picture()
        window.kernel.run(code)
        window.until(lambda before=before: window.picture() != before)
    assert page.locator(".cordviz-number").inner_text().startswith("Axial 50")
    window.kernel.run("view.planes = 'sagittal'")
    window.until(page.locator(AXIAL).is_hidden)
    assert window.received - after < volume / 20  # the volume comes once


def test_play_runs_and_stops(window, lab, files):
    page = window.lab(lab, cells(files))
    window.changes(page.get_by_role("button", name="Play").click, "view.slice")
    page.get_by_role("button", name="Pause").click()
    window.until(lambda: window.value("view.playing"), False)
    at = window.value("view.slice")
    assert page.locator(".cordviz-slider").input_value() == str(at)


def test_two_displays_play_as_one_along_the_planes_in_view(window, lab, files):
    page = window.lab(lab, [*cells(files), "view"])
    page.locator(AXIAL).nth(1).wait_for()
    window.kernel.run("view.planes = 'axial'; view.playing = True")
    high = window.value("int(view.volume.extent[2][1])")
    window.kernel.run(f"view.slice = {high} - 2")
    window.until(lambda: window.value("view.slice") < high - 8)  # turned at the end
    window.kernel.run("view.planes = 'sagittal'")
    window.until(page.locator(SAGITTAL).first.is_visible)
    x, z = window.value("[view.cursor[0], view.slice]")
    window.until(lambda: window.value("view.cursor[0]") != x)
    window.until(lambda: abs(window.value("view.slice") - z) <= 1)


def test_a_reloaded_page_keeps_the_state_and_hides_the_still(window, lab, files):
    page = window.lab(lab, cells(files))
    page.get_by_label("Planes").select_option("axial")
    slider = page.locator(".cordviz-slider")
    window.changes(lambda: slider.fill("33"), "view.slice")
    window.reload()
    window.until(page.locator(".cordviz-slider").input_value, "33")
    assert page.get_by_label("Planes").input_value() == "axial"
    assert page.locator(SAGITTAL).is_hidden()
    still = page.locator("[id^=cordviz-] img")
    assert still.count() == 1
    assert still.is_hidden()
    window.changes(lambda: window.wheel(100), "view.slice")


def test_voila_shows_what_the_notebook_set(window, voila, files):
    page = window.voila(voila, [*cells(files), "view.slice = 44\nview.planes = 'axial'"])
    window.until(page.locator(".cordviz-slider").input_value, "44")
    assert page.locator(SAGITTAL).is_hidden()
    assert window.changes(lambda: window.wheel(100), "view.slice") == 43


def test_where_the_pointer_is_stands_in_mm_and_intensity(window, lab, files):
    page = window.lab(lab, cells(files, slice=40))
    page.mouse.move(1, 1)
    line = page.locator(".cordviz-where")
    x = window.value("view.cursor_mm[0]")
    expected = f"{'R' if x >= 0 else 'L'} {abs(x):.1f}"
    assert line.inner_text().startswith(expected)
    value = window.value("float(view.volume.data[view.cursor])")
    shown = float(line.inner_text().split("intensity")[1].split("·")[0].strip(" ≈≥≤\u00a0"))
    low, high = window.value("view.volume.range")
    assert shown == pytest.approx(value, abs=(high - low) / 100)
    page.hover(AXIAL, position={"x": 30, "y": 30})
    window.until(lambda: line.inner_text().startswith(expected), False)


def test_the_png_button_saves_what_is_in_view(window, lab, files):
    page = window.lab(lab, cells(files))
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()
    saved = download.value.path().read_bytes()
    assert saved.startswith(b"\x89PNG")
    assert len(saved) > 20_000


@pytest.mark.parametrize("window", [{"width": 700}, {"width": 700, "dark": True}], indirect=True)
def test_all_fits_into_700_px(window, lab, files):
    page = window.lab(lab, cells(files))
    page.keyboard.press("Control+b")  # closes the side bar
    window.fits()
    tops = [page.locator(part).bounding_box()["y"] for part in (AXIAL, SAGITTAL, ".cordviz-rail")]
    assert max(tops) - min(tops) < 2  # levels stand beside the slices that they name


CUT = {
    "wheel": ("viewer.step(this.plane.across, -steps)", "{}"),
    "save": ("this.model.save_changes();", ""),
    "draw": ("else this.draw();", ""),
}


@pytest.mark.parametrize("cut", CUT)
def test_the_checks_fail_when_a_callback_is_cut(window, lab, files, cut):
    whole, nothing = CUT[cut]
    assert whole in cordviz.widgets.slice_viewer.SliceViewer._esm
    first, second = cells(files)
    breaks = (
        "from cordviz.widgets.slice_viewer import SliceViewer\n"
        f"SliceViewer._esm = SliceViewer._esm.replace({whole!r}, {nothing!r})"
    )
    window.lab(lab, [f"{first}\n{breaks}", second])
    with pytest.raises(AssertionError):
        window.changes(lambda: window.wheel(100), "view.slice", seconds=2)
