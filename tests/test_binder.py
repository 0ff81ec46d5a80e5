"""Binder finds its files, and they install the versions that the tests ran with."""

import os
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
BINDER = ROOT / "binder"


def lines_of(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_folder_holds_what_repo2docker_reads_and_nothing_that_overrides_it():
    """A Dockerfile, environment.yml or Project.toml there would win; so would a folder .binder."""
    assert {path.name for path in BINDER.iterdir()} == {
        "requirements.txt",
        "runtime.txt",
        "postBuild",
    }
    assert not (ROOT / ".binder").exists()


def test_the_package_is_named_so_that_repo2docker_copies_the_repository_first():
    """Only a line that begins with a dot or -e makes it install after copying, not before."""
    assert ".[lab]" in lines_of("binder/requirements.txt")


def test_binder_installs_the_torch_of_the_constraints_built_for_cpus():
    wanted = lines_of("binder/requirements.txt")
    (pinned,) = [line for line in lines_of("constraints.txt") if line.startswith("torch==")]
    assert f"{pinned}+cpu" in wanted
    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in wanted
    (constraints,) = [line.removeprefix("-c ") for line in wanted if line.startswith("-c ")]
    assert (BINDER / constraints).resolve() == ROOT / "constraints.txt"


def test_the_readme_and_binder_install_the_same_torch():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^pip install (torch==\S+) --extra-index-url (\S+)$", text, re.M)
    wanted = lines_of("binder/requirements.txt")
    assert line[0] in wanted
    assert f"--extra-index-url {line[1]}" in wanted


def test_binder_runs_the_python_of_the_constraints():
    (runtime,) = lines_of("binder/runtime.txt")
    version = re.fullmatch(r"python-(\d+\.\d+)", runtime)[1]
    head = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()[0]
    assert f"on Python {version}" in head
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={version}"


def test_post_build_can_be_executed():
    path = BINDER / "postBuild"
    assert os.access(path, os.X_OK)
    assert path.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")
