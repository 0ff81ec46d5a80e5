"""In a real browser notebooks run from top to bottom in JupyterLab, and what they show works."""

from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
#: Before all else: no real data and no network, as the server may have been started with both.
OFFLINE = (
    "import os, tempfile\n"
    "for name in [name for name in os.environ if name.startswith('CORDVIZ_')]:\n"
    "    del os.environ[name]\n"
    "os.environ['CORDVIZ_MIRROR'] = 'http://127.0.0.1:9'  # nobody answers there\n"
    "os.environ['CORDVIZ_CACHE'] = tempfile.mkdtemp()"
)
AXIAL = "[data-plane=axial] >> nth={}"


def shown(kind):
    """Python for the first view of a class that a cell has shown."""
    return f"[one for one in Out.values() if type(one).__name__ == {kind!r}][0]"


def scroll(window, nth=0):
    canvas = AXIAL.format(nth)
    return lambda: (window.page.locator(canvas).hover(), window.page.mouse.wheel(0, 100))


def use_00(window):
    window.changes(scroll(window), f"{shown('SliceViewer')}.slice", canvas=AXIAL.format(0))
    at = f"{shown('CsaView')}.viewer.slice"
    window.page.wait_for_selector(".cordviz-curve[data-state=ready]")
    chart = window.page.locator(".cordviz-chart .nsewdrag")
    window.changes(lambda: chart.click(position={"x": 60, "y": 60}), at, canvas=AXIAL.format(1))


def use_02(window):
    window.changes(scroll(window), f"{shown('SliceViewer')}.slice", canvas=AXIAL.format(0))


def use_03(window):
    window.page.wait_for_selector(".cordviz-explorer[data-settled=true]")
    switch = window.page.locator("[data-effect=noise]").click
    window.changes(switch, f"{shown('ContrastExplorer')}.effects", canvas=".cordviz-slice")


@pytest.mark.parametrize("use", [use_00, use_02, use_03], ids=lambda use: use.__name__[-2:])
def test_a_notebook_runs_in_jupyterlab_and_its_views_work(use, window, lab, monkeypatch):
    path = next(FOLDER.glob(f"{use.__name__[-2:]}_*.ipynb"))
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(OFFLINE))

    def write(_):
        nbformat.write(notebook, lab.folder / path.name)
        return path.name

    monkeypatch.setattr(lab, "write", write)  # the notebook as it is, text and all
    page = window.lab(lab, [])
    use(window)

    window.command("docmanager:save")
    done = nbformat.read(lab.folder / path.name, as_version=4)
    code = [cell for cell in done.cells if cell.cell_type == "code"]
    outputs = [output for cell in code for output in cell.outputs]
    assert all(cell.execution_count for cell in code)
    assert [output.evalue for output in outputs if output.output_type == "error"] == []
    figures = sum("application/vnd.plotly.v1+json" in one.get("data", {}) for one in outputs)
    drawn = page.locator(".jp-RenderedPlotly .main-svg:first-child")
    window.until(drawn.count, figures)
    assert figures >= 3

    cells = page.locator(".jp-Notebook .jp-Cell")
    for name, number in (("top", 1), ("middle", len(done.cells) // 2)):
        cells.nth(number).scroll_into_view_if_needed()
        window.shot(f"notebook-{path.stem[:2]}-{name}")
    cells.last.scroll_into_view_if_needed()  # the fixture takes the end
