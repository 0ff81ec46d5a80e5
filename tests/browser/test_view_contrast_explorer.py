"""In a real browser a knob changes the slice, then the areas; the last setting always wins."""

from pathlib import Path

import pytest

OPEN = ["import cordviz as cv", "view = cv.view_contrast_explorer()\nview"]
SLICE = ".cordviz-slice"


def settled(page):
    page.wait_for_selector(".cordviz-explorer[data-settled=true]")
    return page


def areas(page):
    """What stands in the table."""
    return page.locator(".cordviz-areas tbody tr td:nth-child(2)").all_inner_texts()


def held(window):
    """What Python has, as the table writes it."""
    known = window.value("view.areas")
    texts = []
    for name in OUTLINES:
        value = known.get(name, "…")
        texts.append(f"{value:.1f}" if isinstance(value, float) else value or "not found")
    return texts


OUTLINES = ("truth", "propseg", "deepseg", "agnostic")


def test_knobs_presets_and_switches_change_picture_areas_and_python(window, lab):
    page = settled(window.lab(lab, OPEN))
    page.keyboard.press("Control+b")  # closes the side bar
    window.until(lambda: areas(page) == held(window))
    before = areas(page)

    knob = page.locator("[data-knob=te_ms]")
    te = window.changes(lambda: knob.fill("800"), "view.te_ms", canvas=SLICE)
    assert te > 120
    settled(page)
    window.until(lambda: areas(page) == held(window))
    assert areas(page)[0] == before[0]  # the cord is the same
    assert areas(page)[1:] != before[1:]

    knob.focus()
    assert window.changes(lambda: page.keyboard.press("PageDown"), "view.te_ms", canvas=SLICE) < te
    typed = page.get_by_label("TE in ms")
    window.changes(lambda: (typed.fill("80"), typed.press("Enter")), "view.te_ms", canvas=SLICE)
    assert window.value("view.te_ms") == 80
    typed.fill("")
    typed.press("Enter")
    typed.blur()
    window.until(typed.input_value, "80")  # an empty field is no number
    assert window.value("view.te_ms") == 80

    click = page.locator("[data-preset=DWI]").click
    assert window.changes(click, "view.contrast", canvas=SLICE) == "DWI"
    assert window.value("view.b_s_mm2") == 800
    assert page.locator("[data-knob=b_s_mm2]").is_enabled()
    assert page.locator("[data-knob=flip_deg]").is_disabled()

    box = page.locator("[data-effect=noise]")
    assert "noise" not in window.changes(box.click, "view.effects", canvas=SLICE)

    window.until(lambda: "…" not in held(window))
    settled(page)
    assert page.locator(".cordviz-verdict").inner_text().startswith("Guess")
    old = held(window)
    page.locator("[data-told=t1]").click()
    window.until(lambda: window.value("view.told"), "t1")
    page.get_by_text("You told t1. The picture suggests dwi").wait_for()
    settled(page)
    window.until(lambda: held(window)[2] not in (old[2], "…"))
    assert held(window)[3] == old[3]

    chip = page.locator("[data-outline=truth]")
    assert "truth" not in window.changes(chip.click, "view.shown", canvas=SLICE)
    assert window.changes(lambda: window.wheel(100, SLICE), "view.zoom", canvas=SLICE) is False
    assert window.changes(lambda: window.wheel(-100, SLICE), "view.zoom", canvas=SLICE) is True
    window.changes(page.get_by_role("button", name="Zoom").click, "view.zoom", canvas=SLICE)

    # a hand that turns faster than any kernel: what is left is where it stopped
    for place in range(0, 1000, 25):
        knob.fill(str(place))
    knob.fill("500")
    window.until(lambda: window.value("view.te_ms"), 67.1)
    window.until(lambda: page.locator(".cordviz-explorer").get_attribute("data-version"),
                 str(window.value("view._version")))  # fmt: skip
    settled(page)
    window.until(lambda: areas(page) == held(window))

    state = ["view.contrast", "view.te_ms", "view.told", "view.zoom", "view.shown", "view.areas"]
    kept = [window.value(one) for one in state]
    window.reload()
    settled(page)
    assert [window.value(one) for one in state] == kept
    window.until(lambda: areas(page) == held(window))
    assert page.get_by_label("TE in ms").input_value() == "67.1"
    assert page.locator("[data-preset=DWI]").get_attribute("aria-pressed") == "true"
    assert page.locator("[id^=cordviz-] img").is_hidden()
    window.changes(lambda: page.locator("[data-knob=snr]").fill("100"), "view.snr", canvas=SLICE)

    window.kernel.run("view.contrast = 'T1w'; view.ti_ms = 2500")
    page.get_by_text("Not a scan").wait_for()
    assert 100 < window.memory_mb() < 700


@pytest.mark.parametrize("window", [{"width": 700, "dark": True}], indirect=True)
def test_voila_shows_the_explorer_as_set_within_700_px(window, voila):
    page = settled(window.voila(voila, [*OPEN, "view.contrast = 'T1w'"]))
    window.until(lambda: page.locator("[data-preset=T1w]").get_attribute("aria-pressed"), "true")
    window.changes(
        lambda: page.locator("[data-knob=te_ms]").fill("900"), "view.te_ms", canvas=SLICE
    )
    window.fits()


CUT = ("this.model.save_changes();", "")


def test_the_checks_fail_when_callbacks_are_cut(window, lab):
    """Both views on one page, as a kernel takes its time."""
    breaks = (
        "import sys; sys.path.insert(0, {!r})\nimport a_study\n"
        "from cordviz.widgets.contrast_explorer import ContrastExplorer\n"
        "from cordviz.widgets.comparison_view import ComparisonView\n"
        "for one in (ContrastExplorer, ComparisonView):\n"
        "    assert {!r} in one._esm\n"
        "    one._esm = one._esm.replace({!r}, {!r})"
    ).format(str(Path(__file__).parent), CUT[0], *CUT)
    both = "other = cv.view_comparison(a_study.make(2))\nother"
    page = window.lab(lab, [*OPEN[:1], breaks, OPEN[1], both])
    settled(page)
    with pytest.raises(AssertionError):
        window.changes(
            lambda: page.locator("[data-knob=te_ms]").fill("800"), "view.te_ms",
            canvas=SLICE, seconds=2,
        )  # fmt: skip
    page.wait_for_selector(".cordviz-comparison[data-state=ready]")
    page.locator("[data-tile=T1w]").scroll_into_view_if_needed()
    before = window.value("other.position_mm")
    page.hover("[data-tile=T1w]")
    page.mouse.wheel(0, 100)
    with pytest.raises(AssertionError):
        window.until(lambda: window.value("other.position_mm") != before, seconds=2)
