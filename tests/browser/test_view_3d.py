"""In a real browser the cord turns in 3-D, and Python knows from where it is seen."""

from base64 import b64decode
from io import BytesIO

import pytest

CANVAS = ".cordviz-3d canvas"


def cells(files, first=""):
    return [
        f"import cordviz as cv\n{first}",
        f"view = cv.view_3d('{files}/img.nii', '{files}/truth.nii', opacity=0.5)\nview",
    ]


#: Few pixels: without a graphics card each is a ray that the processor follows.
small = pytest.mark.parametrize("window", [{"width": 700, "height": 860}], indirect=True)


#: NiiVue's canvas forgets what it has drawn; kept, it can be read without a picture of the page.
KEEP = """{
  const get = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, more) {
    const kept = kind === "webgl2" ? { ...more, preserveDrawingBuffer: true } : more;
    return get.call(this, kind, kept);
  };
}"""


@pytest.fixture
def ready(window):
    window.ready = ".cordviz-3d[data-state]"
    window.page.add_init_script(KEEP)
    return window


def drag(page):
    page.locator(CANVAS).scroll_into_view_if_needed()
    box = page.locator(CANVAS).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 20, steps=4)
    page.mouse.up()


def drawn(window):
    """Wait until the cord is there: something bright on the dark ground."""
    from PIL import Image

    def bright():
        data = window.page.eval_on_selector(CANVAS, "canvas => canvas.toDataURL()")
        picture = Image.open(BytesIO(b64decode(data.partition(",")[2])))
        return picture.convert("L").getextrema()[1] > 150

    window.page.wait_for_selector(CANVAS, state="attached")  # it comes after the view's frame
    window.until(bright)


@small
def test_drag_key_wheel_and_slider_change_the_picture_and_python(ready, lab, files):
    page = ready.lab(lab, cells(files))
    drawn(ready)
    start = ready.value("[view.azimuth, view.elevation]")
    turned = ready.changes(
        lambda: drag(page), "[view.azimuth, view.elevation]", canvas=CANVAS, seconds=120
    )
    assert turned[0] != start[0]
    assert turned[1] != start[1]
    acts = {
        "view.azimuth": lambda: page.keyboard.press("l"),
        "view.depth": lambda: ready.wheel(100, CANVAS),
        "view.opacity": lambda: (page.focus(".noUi-handle"), page.keyboard.press("PageDown")),
    }
    for trait, act in acts.items():
        ready.changes(act, trait, canvas=CANVAS, seconds=120)
    cut = page.get_by_label("Cut", exact=True)
    ready.changes(lambda: cut.select_option("axial"), "view.cut", canvas=CANVAS, seconds=120)
    assert ready.value("view.cut") == "axial"
    before = ready.picture(CANVAS)
    ready.kernel.run("view.azimuth = 10")
    ready.until(lambda: ready.picture(CANVAS) != before)
    assert page.locator("[id^=cordviz-] img").is_hidden()
    ready.reload()
    drawn(ready)
    assert cut.input_value() == "axial"
    assert ready.value("view.azimuth") == 10
    ready.changes(lambda: drag(page), "view.azimuth", canvas=CANVAS, seconds=120)


@small
def test_a_second_display_says_so_and_takes_over_when_the_first_is_gone(ready, lab, files):
    page = ready.lab(lab, [*cells(files), "view"])
    drawn(ready)
    page.get_by_text("This view is shown above already").wait_for()
    stills = page.locator("[id^=cordviz-] img")
    assert [still.is_visible() for still in stills.all()] == [False, True]
    page.locator(".jp-CodeCell").nth(1).click()
    ready.command("notebook:delete-cell")
    ready.until(page.locator(CANVAS).count, 0)
    page.locator(".jp-CodeCell").nth(1).click()
    ready.command("notebook:run-cell")
    drawn(ready)
    assert stills.count() == 1
    ready.until(stills.is_hidden)
    before = ready.picture(CANVAS)
    ready.kernel.run("view.cut = 'axial'")
    ready.until(lambda: ready.picture(CANVAS) != before)
    ready.changes(lambda: drag(page), "view.azimuth", canvas=CANVAS, seconds=120)


@small
def test_voila_shows_what_the_notebook_set(ready, voila, files):
    page = ready.voila(voila, [*cells(files), "view.cut = 'coronal'"])
    drawn(ready)
    assert page.get_by_label("Cut", exact=True).input_value() == "coronal"
    assert page.locator("[id^=cordviz-] img").is_hidden()
    ready.changes(lambda: drag(page), "view.azimuth", canvas=CANVAS, seconds=120)


@small
def test_without_webgl_the_picture_stays_and_the_page_says_why(ready, voila, files):
    ready.page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page = ready.voila(voila, cells(files))
    assert "no WebGL 2" in page.locator(".cordviz-3d").inner_text()
    assert page.locator("[id^=cordviz-] img").is_visible()


@small
def test_the_checks_fail_when_the_turn_is_not_told(ready, voila, files):
    cut = "from cordviz.widgets.view_3d import View3D\nView3D._turned = lambda *_: None"
    ready.voila(voila, cells(files, cut))
    drawn(ready)
    before = ready.picture(CANVAS)
    drag(ready.page)
    ready.until(lambda: ready.picture(CANVAS) != before)
    with pytest.raises(AssertionError):
        ready.until(lambda: ready.value("view.azimuth") != 120, seconds=3)
