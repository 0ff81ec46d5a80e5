"""Notebooks run from top to bottom in a fresh kernel, offline, and are committed bare."""

import os
import re
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
COURSE = sorted(FOLDER.glob("0*.ipynb"))
REAL = ("fetch_real", "CORDVIZ_SHARED_DATA")  # what a notebook asks for real images with
SECONDS = 500  # of one cell; it takes a few, and this is no benchmark


def source_of(path):
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """A cache for all notebooks: simulated people are made once, as on a student's computer."""
    return tmp_path_factory.mktemp("course")


def execute(path, monkeypatch, **environment):
    """Run a notebook in a fresh kernel without a network; returns it with outputs."""
    from nbclient import NotebookClient

    environment.setdefault("CORDVIZ_MIRROR", "http://127.0.0.1:9")  # nobody answers there
    for name in [name for name in os.environ if name.startswith("CORDVIZ_")]:
        if name != "CORDVIZ_CACHE":
            monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    client = NotebookClient(
        source_of(path), timeout=SECONDS, resources={"metadata": {"path": str(FOLDER)}}
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
    solutions = [c for c in cells if "solution" in c.metadata.get("tags", [])]
    assert len(exercises) == len(solutions) > 0
    for cell in solutions:
        assert "assert " in cell.source
        assert cell.metadata["jupyter"]["source_hidden"]


@pytest.mark.notebook
@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_notebooks_run_on_what_the_package_makes(path, monkeypatch, made_once):
    done = execute(path, monkeypatch, CORDVIZ_CACHE=made_once)
    assert "simulated" in printed(done)
    assert figures(done)


@pytest.mark.notebook
@pytest.mark.realdata
@pytest.mark.parametrize(
    "path",
    # the training of 04 is the same with real data, and takes minutes
    [p for p in COURSE if p.stem[:2] != "04" and any(word in p.read_text() for word in REAL)],
    ids=lambda path: path.stem,
)
def test_notebooks_run_on_real_images(path, monkeypatch, made_once, shared_data):
    shared = shared_data.resolve()
    done = execute(path, monkeypatch, CORDVIZ_CACHE=made_once, CORDVIZ_SHARED_DATA=shared)
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
