"""The package is light to import, says one version everywhere and runs as a module."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

import cordviz

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "nilearn", "matplotlib", "plotly", "SimpleITK", "skimage")


def python(*args, **options):
    return subprocess.run(
        [sys.executable, *args], capture_output=True, text=True, timeout=120, **options
    )


@pytest.mark.parametrize("module", ["cordviz", "cordviz.cli", "cordviz.plots"])
def test_importing_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_the_heavy_modules_are_named_as_they_are_imported():
    """Guards the test above: a misspelt name would never be found in sys.modules."""
    from importlib.util import find_spec

    assert [m for m in HEAVY if m not in ("SimpleITK", "matplotlib") and not find_spec(m)] == []


def test_every_public_name_resolves():
    assert len(set(cordviz.__all__)) == len(cordviz.__all__)
    assert [name for name in cordviz.__all__ if not hasattr(cordviz, name)] == []


def test_every_public_function_has_an_example():
    for name in cordviz.__all__:
        thing = getattr(cordviz, name)
        if callable(thing):
            assert ">>> " in (thing.__doc__ or ""), name


def test_the_version_is_the_same_everywhere():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\nversion: {cordviz.__version__}\n" in citation
    newest = next(line for line in changelog.splitlines() if line.startswith("## "))
    assert newest.split()[1] == cordviz.__version__


def test_it_runs_as_a_module():
    done = python("-m", "cordviz", "--version")
    assert (done.returncode, done.stdout) == (0, f"cordviz {cordviz.__version__}\n")


def test_every_direct_dependency_has_a_tested_version():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {w.split(">=")[0] for group in wanted for w in group if not w.startswith("cordviz[")}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0] for line in lines if "==" in line}
    assert names == pinned
    assert "torch==2.13.0" in lines


def test_package_data_says_where_it_comes_from():
    head = (files("cordviz") / "data" / "normative_csa_by_level.csv").read_text().split("sex,")[0]
    assert "Source:" in head
    assert "MIT licence" in head


def test_the_readme_gives_the_two_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert 'pip install -c constraints.txt ".[lab]" && cordviz demo' in text
    assert 'pip install -c constraints.txt -e ".[test]" && pytest' in text
