"""What the commands share: files read and written, words turned into arguments."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

FILE = click.Path(path_type=Path)
DIGITS = "%.8g"


def segment_quietly(
    img: Any, method: str | None, contrast: str | None, *, threshold: float | None, quiet: bool
) -> Any:
    """Segment with a progress bar in a terminal only."""
    from ..segmentation import segment_cord

    options: dict[str, Any] = {} if method is None else {"method": method}
    progress = not quiet and sys.stderr.isatty()
    return segment_cord(img, contrast=contrast, threshold=threshold, progress=progress, **options)


def known_levels(seg: Any, discs: Path | None, levels: Path | None) -> Any:
    """Levels from the discs on a mask, or those given, or None."""
    from ..levels import levels_from_discs

    if discs is not None and levels is not None:
        raise click.UsageError("Give --discs or --levels, not both.")
    return levels_from_discs(discs, seg) if discs is not None else levels


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
        return "C2–C3 CSA: not measured, the levels are unknown (give --discs)."
    found = sorted(table.loc[table["area_mm2"].notna(), "level"].dropna().unique())
    missing = " or ".join(level_name(level) for level in (2, 3) if level not in found)
    names = ", ".join(level_name(int(level)) for level in found) or "none"
    return (
        f"C2–C3 CSA: not measured, no measured slice is at {missing}; levels found: {names} "
        "(C2–C3 takes discs 2, 3 and 4)."
    )


def check_output(output: Path, suffixes: tuple[str, ...], source: Path) -> None:
    """Refuse a name that cannot be written before any work is done."""
    if not output.name.endswith(suffixes):
        raise ValueError(f"-o must end in {' or '.join(suffixes)}, got {output.name!r}.")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"The folder {output.parent} does not exist; create it first.")
    if not os.access(output.parent, os.W_OK):
        raise ValueError(
            f"The folder {output.parent} cannot be written to; choose another with -o."
        )
    if output.resolve() == source.resolve():
        raise ValueError(f"-o {output} would replace the input; choose another name.")


def volume(reduce: str | None) -> str | int | None:
    """The index of a volume as a number; other words as they are."""
    with suppress(TypeError, ValueError):
        return int(reduce)  # type: ignore[arg-type]  # None: suppressed
    return reduce
