"""What the commands share: files read and written, words turned into arguments."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .._files import at_home, stem_of

if TYPE_CHECKING:
    import pandas as pd


class UserPath(click.Path):
    """A path in which ``~`` is the user's folder, also where no shell saw it (--output=~/x)."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Expand, then check."""
        return super().convert(at_home(value), param, ctx)


FILE = UserPath(path_type=Path)
THERE = UserPath(exists=True, dir_okay=False, path_type=Path)  # refused before any work
DIGITS = "%.8g"


def levels_found(image: Path, img: Any, seg: Any, contrast: str) -> tuple[Any, Any, list[str]]:
    """Discs found on an image, levels, and how sure that is; or None twice, and what to do."""
    from ..discs import find_discs
    from ..levels import levels_from_discs

    try:
        found = find_discs(img, seg, contrast=contrast)
        levels = levels_from_discs(found.points_mm, seg)
    except ValueError as error:  # not sure enough, or a contrast that shows no discs
        return None, None, [
            f"Levels: unknown. {str(error).partition('. ')[0].rstrip('.')}.",
            f'To mark discs, in a notebook: view = cv.label_discs("{image}"), click them, view.'
            f'save_labels("{stem_of(image)}_label-discs_dlabel.nii.gz"); then give --discs.',
        ]  # fmt: skip
    note = (
        f"Levels: from discs found automatically, confidence {found.confidence:.2f}; look at the "
        "figure. Corrected, the file of the discs goes to --discs."
    )
    return found.discs, levels, [note]


def csa_c2c3(table: pd.DataFrame) -> float | None:
    """CSA at C2–C3 in mm², or None where those levels were not measured."""
    from ..morphometry import mean_csa

    if not {2, 3} <= set(table.loc[table["area_mm2"].notna(), "level"]):
        return None
    return mean_csa(table, levels=(2, 3))


def why_no_csa(table: pd.DataFrame, known: Any) -> str:
    """The line that stands in place of the CSA at C2–C3."""
    from ..levels import level_name

    if known is None:
        return "C2–C3 CSA: not measured, the levels are unknown."
    found = sorted(table.loc[table["area_mm2"].notna(), "level"].dropna().unique())
    missing = " or ".join(level_name(level) for level in (2, 3) if level not in found)
    names = ", ".join(level_name(int(level)) for level in found) or "none"
    return (
        f"C2–C3 CSA: not measured, no measured slice is at {missing}; levels found: {names} "
        "(C2–C3 takes discs 2, 3 and 4)."
    )


def check_output(output: Path, suffixes: tuple[str, ...], source: Path, option: str = "-o") -> None:
    """Refuse a name that cannot be written before any work is done."""
    if not output.name.endswith(suffixes):
        raise ValueError(f"{option} must end in {' or '.join(suffixes)}, got {output.name!r}.")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"The folder {output.parent} does not exist; create it first.")
    check_folder(output.parent, option)
    if output.resolve() == source.resolve():
        raise ValueError(f"{option} {output} would replace the input; choose another name.")


def check_table(file: Path, csv: str, force: bool) -> None:
    """Refuse to replace what is no table of the same columns."""
    if not force and file.is_file() and file.stat().st_size:
        columns = file.read_bytes().partition(b"\n")[0]
        if columns.strip() != csv.partition("\n")[0].encode():
            raise ValueError(
                f"{file} is there already, with other columns. Choose another name, or replace it "
                "with --force."
            )


def check_folder(folder: Path, option: str = "-o") -> None:
    """Refuse a folder that cannot be made or written to before any work is done."""
    there = next(path for path in (folder, *folder.parents) if os.path.exists(path))
    if not there.is_dir():
        raise ValueError(f"{there} is a file; give the name of a folder.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ValueError(f"The folder {there} cannot be written to; choose another with {option}.")


@contextmanager
def no_empty_folder(folder: Path) -> Iterator[None]:
    """Remove a folder, and those it is in, where the work made them and left them empty."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    finally:
        for path in new:
            with suppress(OSError):  # not empty, or never made
                path.rmdir()


def volume(reduce: str | None) -> str | int | None:
    """The index of a volume as a number; other words as they are."""
    with suppress(ValueError):
        return None if reduce is None else int(reduce)
    return reduce
