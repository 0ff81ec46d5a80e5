"""The commands for many images: compare, train."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from .._validation import check_choice
from ..contrasts import shown_name
from .files import FILE, THERE, check_folder, no_empty_folder


@click.command()
@click.argument("folder", type=FILE, required=False)
@click.option("--simulated", type=click.IntRange(1, 1000), help="So many simulated people instead.")
@click.option(
    "--methods",
    default="propseg,deepseg,agnostic",
    show_default=True,
    help="Also: masks (those beside the images of FOLDER), raters (simulated, of --simulated).",
)
@click.option("--contrasts", help="Only these, in this order, such as T1w,T2w.")
@click.option(
    "--levels",
    type=THERE,
    help="Label image of the levels, if FOLDER holds one session. Default: those or the discs "
    "beside; else found on T2w or T1w.",
)
@click.option("--all-slices", is_flag=True, help="Average every slice of a mask, not C2–C3.")
@click.option(
    "--margin",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    help="Margin of the equivalence test, ± mm².",
)
@click.option(
    "--jobs",
    default=-1,
    show_default=True,
    help="How many images to work on at once, 0.5 GB each; -1: one per core.",
)
@click.option("-o", "--output", type=FILE, required=True, help="Folder for the report.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def compare(
    folder: Path | None,
    simulated: int | None,
    methods: str,
    contrasts: str | None,
    levels: Path | None,
    all_slices: bool,
    margin: float,
    jobs: int,
    output: Path,
    quiet: bool,
) -> None:
    """Compare methods across the contrasts in FOLDER (BIDS names): tables, figures, a report.

    Stopped and started again, it goes on where it was.
    """
    import pandas as pd

    from ..datasets import load_sessions, load_simulated_study
    from ..report import write_report
    from ..segmentation import METHODS
    from ..variability import simulated_raters
    from ..variability.auto_levels import FOUND

    if (folder is None) == (simulated is None):
        raise click.UsageError("Give a FOLDER or --simulated.")
    check_folder(output)
    names = _words(methods)
    for name in names:
        check_choice(name, (*METHODS, "masks", "raters"), "--methods")
    other, needed, fit = "masks", "a FOLDER", "raters"
    if folder:
        other, needed, fit = "raters", "--simulated", "masks"
    if other in names:
        known = ", ".join((*METHODS, fit))
        raise click.UsageError(f"{other} need {needed}; else methods must be one of {known}.")
    session: Any = load_sessions(folder) if folder else load_simulated_study(simulated or 1)
    six = "" if folder else "T1w,T2w,T2star,MT-on,GRE-T1w,DWI"  # those with published areas
    written = {shown_name(c): c for one in session.values() for c in one}  # T2*w: T2star
    wanted = [written.get(word, word) for word in _words(contrasts or six)]
    chosen: list[Any] = []
    for name in names:
        if name == "masks":
            chosen.append({"masks": {key: one.masks for key, one in session.items()}})
        elif name == "raters":
            chosen += [simulated_raters(session, convention=c) for c in ("published", "zero")]
        else:
            chosen.append(name)
    people = folder.name if folder else f"{simulated} simulated people"
    with no_empty_folder(output / "cache"):
        report = write_report(
            session,
            output,
            title=f"CSA across contrasts: {people}",
            margin_mm2=margin,
            methods=chosen,
            contrasts=wanted or None,
            levels=levels,
            over=None if all_slices else (2, 3),
            n_jobs=jobs,
            progress=not quiet and sys.stderr.isatty(),
        )
    click.echo(str(report))
    study = report.with_name("study.csv")
    rows = pd.read_csv(study, usecols=["error", "note"], keep_default_na=False, dtype=str)
    failed, note = rows["error"] != "", rows["note"]
    counted = f"{failed.sum()} of {len(failed)} measurements failed: see {study}"
    if failed.all():
        raise click.ClickException(f"{counted}. The first: {rows['error'].iloc[0]}")
    if failed.any():
        click.echo(counted, err=True)
    if count := int(((note != "") & ~note.str.startswith(FOUND)).sum()):
        click.echo(f"{count} of {len(note)} measurements carry a warning: see {report}", err=True)


def _words(text: str) -> list[str]:
    """Words between commas, without blanks around them."""
    return [word for part in text.split(",") if (word := part.strip())]


@click.command()
@click.argument("recipe")
@click.option("--real", type=FILE, help="Folder that the recipe's paths of images start from.")
@click.option("-o", "--output", type=FILE, help="Default: training/NAME-OF-RECIPE.")
@click.option("--cache", type=FILE, help="Folder for the cut patches. Default: the user's cache.")
@click.option("--device", default="cpu", show_default=True, help="For example cuda.")
@click.option("--threads", type=click.IntRange(1), help="Default: one for each core.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def train(
    recipe: str,
    real: Path | None,
    output: Path | None,
    cache: Path | None,
    device: str,
    threads: int | None,
    quiet: bool,
) -> None:
    """Train the network of RECIPE: a TOML file, or the name of a shipped one such as smoke.

    Started again, it goes on from its last checkpoint.
    """
    import torch

    from ..datasets import cache_dir
    from ..training.recipes import find_recipe, read_recipe
    from ..training.train import train as run

    path = find_recipe(os.path.expanduser(recipe))
    settings = read_recipe(path)
    if real is None and any(settings.get(k) for k in ("real", "labels", "spine_generic")):
        raise click.UsageError(f"{path.name} trains on real images: give their folder as --real.")
    if real is not None and not real.is_dir():
        raise FileNotFoundError(f"There is no folder {real}.")
    if threads:
        torch.set_num_threads(threads)
    output = output or Path("training") / path.stem
    cache = cache or cache_dir() / "patches"
    check_folder(output)
    check_folder(cache, "--cache")
    run(path, real=real or Path(), cache=cache, out=output, device=device, progress=not quiet)
    click.echo(str(output / "final.pt"))
