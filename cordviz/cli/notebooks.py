"""The command that opens the notebooks: lab."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import click

from .._export import installed
from .._files import atomic_path


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def lab(options: tuple[str, ...]) -> None:
    """Open JupyterLab on the notebooks; OPTIONS go to JupyterLab."""
    if not installed("jupyterlab"):
        raise click.ClickException(
            'JupyterLab is not installed. Install it with: pip install "cordviz[lab]"'
        )
    folder = _notebooks()
    click.echo(f"notebooks: {folder}")
    from jupyterlab.labapp import main as open_lab

    open_lab([*options, str(folder)])  # in this process: what stops it stops the server


def _notebooks() -> Path:
    """The notebooks to work in: of the source tree, or a copy of the installed ones."""
    package = Path(__file__).parents[1]
    source = package.parent / "notebooks"
    if (package.parent / "pyproject.toml").is_file() and source.is_dir():
        return source
    folder = Path.cwd() / "cordviz_notebooks"
    there = folder if folder.exists() else folder.parent
    if not os.access(there, os.W_OK | os.X_OK):
        raise click.ClickException(f"The folder {there} cannot be written to; start in another.")
    folder.mkdir(exist_ok=True)
    for file in sorted((package / "notebooks").iterdir()):
        if file.suffix not in (".ipynb", ".md"):
            continue
        if not (folder / file.name).exists():  # work done in an older copy is never replaced
            with atomic_path(folder / file.name) as temporary:
                shutil.copyfile(file, temporary)
    return folder
