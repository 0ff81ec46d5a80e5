"""In a real browser contrasts move together, and a point of a violin brings its images."""

from pathlib import Path

T1W, T2STAR = "[data-tile=T1w]", "[data-tile=T2star]"
CELLS = [
    f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    "import a_study, cordviz as cv\nstudy = a_study.make()",
    "view = cv.view_comparison(study)\nview",
]


def drawn(page):
    page.wait_for_selector(".cordviz-comparison[data-charts=ready]")
    page.wait_for_selector(".cordviz-comparison[data-subject]:not([data-subject=''])")
    return page


def place(page, method, contrast, subject):
    """Where a point of a violin is on the page."""
    page.locator("[data-chart=violins]").scroll_into_view_if_needed()
    return page.eval_on_selector(
        "[data-chart=violins]",
        """(chart, [method, contrast, subject]) => {
          const wanted = (t) => t.meta?.method === method && t.meta.contrast === contrast;
          const trace = chart._fullData.find(wanted);
          const at = trace.text.indexOf(subject);
          const [x, y] = [chart._fullLayout[trace.xaxis.replace("x", "xaxis")],
                          chart._fullLayout[trace.yaxis.replace("y", "yaxis")]];
          const box = chart.getBoundingClientRect();
          return [box.left + x._offset + x.d2p(trace.x[at]),
                  box.top + y._offset + y.d2p(trace.y[at])];
        }""",
        [method, contrast, subject],
    )


def line(page):
    return page.eval_on_selector("[data-chart=curves]", "chart => chart.layout.shapes.at(-1).x0")


def test_slices_curves_violins_and_pickers_answer_and_tell_python(window, lab):
    page = drawn(window.lab(lab, CELLS))
    page.keyboard.press("Control+b")  # closes the side bar
    start, other = window.value("view.slices"), window.picture(T2STAR)
    at = line(page)

    def wheel():  # faster than any kernel: what is left is where it stopped
        page.hover(T1W)
        for _ in range(10):
            page.mouse.wheel(0, 100)

    window.changes(wheel, "view.position_mm", canvas=T1W)
    window.until(lambda: window.value("view.slices")["T1w"], start["T1w"] - 10)
    window.until(lambda: window.value("view.slices")["T2star"], start["T2star"] - 4)
    window.until(lambda: window.picture(T2STAR) != other)  # at the same height
    window.until(lambda: line(page) > at)
    at = window.value("view.slices")["T1w"]
    for _ in range(5):  # a trackpad: a step, and none for what goes sideways
        window.wheel(8, T1W)
    page.mouse.wheel(100, 0)
    window.until(lambda: window.value("view.slices")["T1w"], at - 1)
    page.focus(T2STAR)
    window.changes(lambda: page.keyboard.press("ArrowUp"), "view.position_mm", canvas=T2STAR)
    assert window.value("view.contrast") == "T2star"
    slider = page.locator(".cordviz-slider")
    window.changes(lambda: slider.fill("-10"), "view.position_mm", canvas=T1W)

    x, y = place(page, "wide", "T1w", "p5")
    picked = window.changes(lambda: page.mouse.click(x, y), "view.subject", canvas=T1W)
    assert picked == "p5"
    assert window.value("view.contrast") == "T1w"
    page.get_by_text("CSA of p5").wait_for()
    shown = page.locator("[data-row=T1w] td").all_inner_texts()
    expected = window.value("view.table().loc['T1w'].tolist()")
    assert shown == [f"{value:.1f}" for value in expected]

    page.locator("[data-chart=curves]").scroll_into_view_if_needed()
    box = page.locator("[data-chart=curves] .nsewdrag").bounding_box()
    part = page.eval_on_selector(
        "[data-chart=curves]",
        """(chart) => {
          const wanted = (t) => t.meta?.method === "wide" && t.meta.contrast === "T1w";
          const trace = chart._fullData.find(wanted);
          const { xaxis, yaxis } = chart._fullLayout;
          const at = trace.customdata.indexOf(12);
          return [xaxis.d2p(trace.x[at]), yaxis.d2p(trace.y[at])];
        }""",
    )
    x, y = box["x"] + part[0], box["y"] + part[1]
    window.changes(lambda: page.mouse.click(x, y), "view.position_mm", canvas=T1W)
    window.until(lambda: window.value("view.slices")["T1w"], 12)

    chip = page.locator("[data-method=tight]")
    assert window.changes(chip.click, "view.methods", canvas=T1W) == ["wide"]
    window.until(lambda: page.locator("[data-row=T1w] td").count(), 1)
    page.locator("[data-contrast=T2star]").click()
    window.until(lambda: window.value("view.contrasts"), ["T1w"])
    assert page.locator(T2STAR).is_hidden()
    page.get_by_label("What is measured").select_option("hard")
    window.until(lambda: window.value("view.area"), "hard")

    window.reload()
    drawn(page)
    assert page.get_by_label("Person").input_value() == "p5"
    assert page.locator(T2STAR).is_hidden()
    page.get_by_text("slice 12 ·").wait_for()
    window.changes(page.get_by_role("button", name="▶").click, "view.subject", canvas=T1W)
    assert window.value("view.subject") == "p6"


def test_until_the_kernel_has_the_next_person_the_page_shows_the_last_one_faintly(window, lab):
    """The person changes, and what the kernel makes of it comes later."""
    page = drawn(window.lab(lab, [*CELLS, "view.unobserve(view._open, 'subject')"]))
    faint = ".cordviz-stale:is([data-chart=curves], .cordviz-compared, .cordviz-tile)"
    before = page.locator("[data-row=T1w] td").all_inner_texts()
    page.get_by_label("Person").select_option("p6")
    window.until(page.locator(faint).count, 4)
    assert page.locator(".cordviz-compared th").first.inner_text() == "CSA of p1 (mm²)"
    assert page.locator("[data-row=T1w] td").all_inner_texts() == before
    window.kernel.run("view._open()")
    page.get_by_text("CSA of p6").wait_for()
    assert page.locator("[data-row=T1w] td").all_inner_texts() != before
    window.until(page.locator(faint).count, 0)


def test_voila_shows_the_comparison_as_set(window, voila):
    page = drawn(window.voila(voila, [*CELLS, "view.subject = 'p3'\nview.position_mm = 0"]))
    window.until(page.get_by_label("Person").input_value, "p3")
    window.changes(lambda: window.wheel(100, T1W), "view.position_mm", canvas=T1W)
