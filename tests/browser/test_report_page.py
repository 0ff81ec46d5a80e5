"""The report of a comparison in a browser: from a file, narrow or wide, in light and dark."""

import nibabel as nib
import numpy as np
import pytest

from cordviz.report import write_report


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Three people whose cords differ in size, drawn in two contrasts."""
    x, y, z = np.indices((40, 40, 12)) - 20
    levels = nib.Nifti1Image(np.where(z > -14, 2, 3).astype("u1"), np.diag([1, 1, 4, 1]))
    images, masks = {}, {}
    for n in range(3):
        cord = np.hypot(x, y) < 5 + 0.2 * n
        masks[f"p{n}"] = dict.fromkeys(
            ("T1w", "T2w"), nib.Nifti1Image(cord.astype("u1"), levels.affine)
        )
        bright, dark = (
            nib.Nifti1Image(np.where(cord, a, b).astype("f4"), levels.affine)
            for a, b in ((200, 90), (90, 200))
        )
        images[f"p{n}"] = {"T1w": bright, "T2w": dark}
    options = {"methods": {"drawn": masks}, "levels": levels, "png": False, "progress": False}
    return write_report(images, tmp_path_factory.mktemp("report"), **options)


def brightness(page, what):
    """Of a colour of an element, 0 to 255."""
    colour = page.evaluate(f"getComputedStyle(document.body).{what}")
    return sum(float(part) for part in colour.strip("rgba()").split(",")[:3]) / 3


@pytest.mark.parametrize("width", [1280, 700])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_reads_in_light_and_dark_and_never_scrolls_sideways(
    browser, report, scheme, width
):
    page = browser.new_page()
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(report.as_uri())
    page.wait_for_selector(".js-plotly-plot .main-svg")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink, paper = brightness(page, "color"), brightness(page, "backgroundColor")
    assert (ink < paper - 150) if scheme == "light" else (ink > paper + 150)
    pictures = page.evaluate("[...document.images].map(one => one.naturalWidth)")
    assert len(pictures) == 6
    assert min(pictures) > 100
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [report.as_uri()]
    assert errors == []
    page.close()
