"""Notebooks run from top to bottom in a fresh kernel, offline, and are committed bare."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

from cordviz.plots.study_panels import PUBLISHED

README = Path(__file__).parent.parent / "README.md"
FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
COURSE = sorted(FOLDER.glob("0*.ipynb"))
REAL = ("fetch_real", "CORDVIZ_SHARED_DATA")  # what a notebook asks for real images with
SECONDS = 500  # of one cell; it takes a few, and this is no benchmark
SIX = ("DWI", "T1w", "GRE-T1w", "MT-on", "T2w", "T2star")  # as notebooks list them
#: Wrong answers: what to write instead of a part of a solution; its assertion must then fail.
WRONG = {
    "00": [
        ("cv.guess_contrast(mystery, where)", "cv.guess_contrast(image, truth)"),
        ('cv.closest_contrast("MT-off")', 'cv.closest_contrast("T2w")'),
    ],
    "01": [("angle_correction=False", "angle_correction=True")],
    "02": [
        ("cv.closest_contrast(name) for", '"t2s" for'),
        ("cv.closest_contrast(name) for", '"t2" for'),
        ('as_mt_on = segment(mt_off, "propseg", "t2s")', "as_mt_on = right"),
    ],
    "03": [("0.101 *", "0.08 *"), ("0.101 *", "0.125 *")],
    "04": [("soft >= 0.5", "soft >= 0.7"), ("np.mean([far", "np.median([far")],
    "05": [("16 *", "14 *"), ("16 *", "18 *"), ("3.0])", "3.0, 4.0])")],
    "06": [("idxmax()", "idxmin()")],
    "07": [("ddof=1", "ddof=0")],
}
TRY = """
try:
    exec({source!r}, dict(globals()))
except AssertionError:
    pass
else:
    raise RuntimeError({what!r} + " passed as an answer")
"""


def source_of(path):
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """A cache for all notebooks: simulated people are made once, as on a student's computer."""
    return tmp_path_factory.mktemp("course")


def solutions_of(notebook):
    return [cell for cell in notebook.cells if "solution" in cell.metadata.get("tags", [])]


def with_wrong_answers(notebook, wrong):
    """Put cells behind each solution that fail if a wrong answer passes its assertion."""
    for cell in solutions_of(notebook):
        tries = [(old, new) for old, new in wrong if old in cell.source]
        assert tries, f"no wrong answer is tried on {cell.source}"
        at = notebook.cells.index(cell) + 1
        for old, new in tries:
            code = TRY.format(source=cell.source.replace(old, new), what=new)
            notebook.cells.insert(at, nbformat.v4.new_code_cell(code))
    return notebook


def without_a_network(monkeypatch, **environment):
    environment.setdefault("CORDVIZ_MIRROR", "http://127.0.0.1:9")  # nobody answers there
    for name in [name for name in os.environ if name.startswith("CORDVIZ_")]:
        if name != "CORDVIZ_CACHE":
            monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))


def execute(path, monkeypatch, wrong=None, before=None, **environment):
    """Run a notebook, or its cells before a heading, in a fresh kernel; returns it with outputs."""
    from nbclient import NotebookClient

    without_a_network(monkeypatch, **environment)
    notebook = source_of(path) if wrong is None else with_wrong_answers(source_of(path), wrong)
    if before is not None:
        (end,) = [n for n, cell in enumerate(notebook.cells) if cell.source.startswith(before)]
        notebook.cells = notebook.cells[:end]
    client = NotebookClient(
        notebook, timeout=SECONDS, resources={"metadata": {"path": str(FOLDER)}}
    )
    return client.execute()


def printed(notebook):
    return "".join(
        output.get("text", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )


def figures(notebook):
    return [
        output
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "application/vnd.plotly.v1+json" in output.get("data", {})
    ]


def test_the_course_is_complete():
    assert [path.stem[:2] for path in COURSE] == [f"0{n}" for n in range(8)]


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_links_between_notebooks_lead_somewhere(path):
    for cell in source_of(path).cells:
        for target in re.findall(r"\]\(([^)#:]+)\)", cell.source):
            assert (FOLDER / target).exists(), target


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_notebooks_begin_with_a_question_and_state_time_and_memory(path):
    first = source_of(path).cells[0].source
    for words in ("One question", "After this notebook you can", "Time:", "Memory:"):
        assert words.lower() in first.lower()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_committed_bare_and_in_small_steps(path):
    for cell in source_of(path).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
            assert len(cell.source.splitlines()) <= 6, cell.source


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_exercises_have_a_collapsed_solution_that_asserts_its_answer(path):
    cells = source_of(path).cells
    exercises = [c for c in cells if c.cell_type == "markdown" and "★" in c.source]
    solutions = solutions_of(source_of(path))
    assert len(exercises) == len(solutions) > 0
    for cell in solutions:
        assert "assert " in cell.source
        assert cell.metadata["jupyter"]["source_hidden"]


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_wrong_answers_are_tried_on_every_solution_and_none_is_left_over(path):
    wrong = WRONG[path.stem[:2]]
    tried = with_wrong_answers(source_of(path), wrong)  # refuses a solution without one
    extra = len(tried.cells) - len(source_of(path).cells)
    assert extra == len(wrong), "a wrong answer fits no solution, or two"


@pytest.mark.parametrize(("number", "kinds"), [("03", ["specific"]), ("05", list(PUBLISHED))])
def test_published_means_are_quoted_as_the_package_has_them(number, kinds):
    path = next(FOLDER.glob(f"{number}_*.ipynb"))
    code = "".join(cell.source for cell in source_of(path).cells if cell.cell_type == "code")
    assert f"SIX = {list(SIX)}".replace("'", '"') in code
    for kind in kinds:
        assert ", ".join(f"{PUBLISHED[kind][name][0]:.2f}" for name in SIX) in code


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_offsets_of_raters_are_called_an_input_with_the_run_at_zero_beside(path):
    cells = source_of(path).cells
    text = " ".join(" ".join(c.source.split()) for c in cells if c.cell_type == "markdown")
    code = "".join(c.source for c in cells if c.cell_type == "code")
    if any(word in code for word in (".rate(", "simulated rater", "deepseg")):
        assert re.search(r"\ban (\*\*)?input\b", text)
        assert "offset zero" in text.lower()


def test_one_command_of_the_readme_makes_its_badges_work():
    """They hold a placeholder, and say so, until somebody knows the address."""
    text = README.read_text(encoding="utf-8")
    if "OWNER" in text:
        command = re.search(r"^> .* lead nowhere.*`(sed -i [^`]*) README\.md`", text, re.M)[1]
        words = [*shlex.split(command.replace(" -i", "")), README]
        text = subprocess.run(words, capture_output=True, check=True).stdout.decode()
    assert "OWNER" not in text
    assert "lead nowhere" not in text
    link = r"^\[(\w+)\]: https://mybinder\.org/v2/gh/[\w-]+/cordviz/HEAD\?urlpath=(\S+)"
    pages = re.findall(link, text, re.M)
    assert {name: unquote(page) for name, page in pages} == {
        "course": "lab/tree/notebooks/00_start_here.ipynb",
        "app": "voila/render/notebooks/app.ipynb",
    }
    for name, page in pages:
        assert f")][{name}]" in text
        assert (README.parent / unquote(page).split("/", 2)[2]).is_file()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "notebooks/TEACHING.md"])
def test_links_of_the_pages_lead_somewhere(name):
    page = README.parent / name
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_readme_shows_the_raters_at_offset_zero_beside_its_figure():
    import cordviz as cv

    means = cv.datasets.load_study_table().groupby(["method", "contrast"])["csa_mm2"].mean()
    spans = (means.groupby("method").max() - means.groupby("method").min()).round(1)
    text = " ".join(README.read_text(encoding="utf-8").replace("*", "").split())
    published, zero = (spans[f"simulated rater ({kind} offsets)"] for kind in ("published", "zero"))
    assert f"{published} mm² apart with these offsets, {zero} mm² with offset zero" in text


@pytest.fixture(scope="module")
def make_site():
    spec = importlib.util.spec_from_file_location("make_site", FOLDER / "make_site.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_index_of_the_site_asks_the_question_of_each_page_that_is_there(make_site, tmp_path):
    for path in COURSE[:2]:
        (tmp_path / f"{path.stem}.html").touch()
    make_site.write_index(tmp_path)
    index = " ".join((tmp_path / "index.html").read_text(encoding="utf-8").split())
    assert re.findall(r'href="(0[^"]+)"', index) == [f"{path.stem}.html" for path in COURSE[:2]]
    assert "<td>What do I see when I look at a spinal cord in an MR image" in index
    assert "<td>How does an MR image become one number" in index


def test_pages_of_the_site_load_no_script_from_another_host(make_site):
    from nbconvert import HTMLExporter

    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "a", "version_major": 2}}
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", view)])
    state = {"application/vnd.jupyter.widget-state+json": {"state": {"a": {}}}}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": state})
    foreign = r"""['"]https://[^'"]*(?:\.js\b|mathjax)"""
    assert re.search(foreign, HTMLExporter().from_notebook_node(notebook)[0])
    assert not re.search(foreign, make_site.to_page(notebook, "a view"))


@pytest.mark.notebook
def test_the_build_of_binder_goes_on_without_a_network(monkeypatch, made_once):
    """It makes the people of notebooks 05 and 07, which find them in the same cache below."""
    import cordviz as cv

    without_a_network(monkeypatch, CORDVIZ_CACHE=made_once)
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)
    build = README.parent / "binder" / "postBuild"
    done = subprocess.run(build, cwd=README.parent, capture_output=True, text=True, check=True)
    assert done.stdout.count("could not be had") == 3
    assert "Traceback" not in done.stderr
    assert all(person.is_complete for person in cv.datasets.load_simulated_study(4).values())


@pytest.mark.notebook
@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_notebooks_run_on_what_the_package_makes(path, monkeypatch, made_once):
    wrong = WRONG[path.stem[:2]]
    done = execute(path, monkeypatch, wrong, CORDVIZ_CACHE=made_once)
    assert "simulated" in printed(done)
    assert figures(done)


@pytest.mark.notebook
@pytest.mark.realdata
@pytest.mark.parametrize(
    "path",
    [path for path in COURSE if any(word in path.read_text(encoding="utf-8") for word in REAL)],
    ids=lambda path: path.stem,
)
def test_notebooks_run_on_real_images(path, monkeypatch, made_once, shared_data):
    words = {"CORDVIZ_CACHE": made_once, "CORDVIZ_SHARED_DATA": shared_data.resolve()}
    # what 04 trains is the same with real data
    before = "## 5. Train, twice" if path.stem[:2] == "04" else None
    done = execute(path, monkeypatch, before=before, **words)
    assert "real image" in printed(done)
    assert figures(done)


@pytest.mark.notebook
def test_notebook_01_takes_an_image_and_its_discs(monkeypatch, tmp_path):
    from cordviz.simulation import simulate_subject

    subject = simulate_subject(seed=3)
    img, _ = subject.acquire("T1w")
    img.to_filename(tmp_path / "sub-3_T1w.nii.gz")
    subject.discs(img).to_filename(tmp_path / "discs.nii.gz")
    done = execute(
        FOLDER / "01_from_image_to_csa.ipynb",
        monkeypatch,
        CORDVIZ_IMAGE=tmp_path / "sub-3_T1w.nii.gz",
        CORDVIZ_DISCS=tmp_path / "discs.nii.gz",
        CORDVIZ_CONTRAST="T1w",
    )
    assert "real image" in printed(done)
    assert "propseg, t1" in printed(done)
