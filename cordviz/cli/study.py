"""The commands for many images: compare, train."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from .files import FILE


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
    type=FILE,
    help="Label image of the levels, if FOLDER holds one session. Default: those or the discs "
    "beside; else found on T2w or T1w.",
)
@click.option("--all-slices", is_flag=True, help="Average every slice of a mask, not C2–C3.")
@click.option(
    "--margin", default=2.0, show_default=True, help="Margin of the equivalence test, ± mm²."
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
    from ..datasets import load_sessions, load_simulated_study
    from ..report import write_report
    from ..segmentation import METHODS
    from ..variability import simulated_raters

    if (folder is None) == (simulated is None):
        raise click.UsageError("Give a FOLDER or --simulated.")
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output} is a file; give the name of a folder.")
    names = [name for name in methods.split(",") if name]
    other, needed = ("masks", "a FOLDER") if folder is None else ("raters", "--simulated")
    if other in names:
        known = ", ".join(METHODS)
        raise click.UsageError(f"{other} need {needed}; else methods must be one of {known}.")
    session: Any = load_sessions(folder) if folder else load_simulated_study(simulated or 1)
    six = None if folder else "T1w,T2w,T2star,MT-on,GRE-T1w,DWI"  # those with published areas
    chosen: list[Any] = []
    for name in names:
        if name == "masks":
            chosen.append({"masks": {key: one.masks for key, one in session.items()}})
        elif name == "raters":
            chosen += [simulated_raters(session, convention=c) for c in ("published", "zero")]
        else:
            chosen.append(name)
    report = write_report(
        session,
        output,
        title=f"CSA across contrasts: {folder.name if folder else f'{simulated} simulated people'}",
        margin_mm2=margin,
        methods=chosen,
        contrasts=shown.split(",") if (shown := contrasts or six) else None,
        levels=levels,
        over=None if all_slices else (2, 3),
        n_jobs=jobs,
        progress=not quiet and sys.stderr.isatty(),
    )
    click.echo(str(report))


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
    from ..training.train import find_recipe, read_recipe
    from ..training.train import train as run

    path = find_recipe(recipe)
    settings = read_recipe(path)
    if real is None and any(settings.get(k) for k in ("real", "labels", "spine_generic")):
        raise click.UsageError(f"{path.name} trains on real images: give their folder as --real.")
    if real is not None and not real.is_dir():
        raise FileNotFoundError(f"There is no folder {real}.")
    if threads:
        torch.set_num_threads(threads)
    output = output or Path("training") / path.stem
    cache = cache or cache_dir() / "patches"
    run(path, real=real or Path(), cache=cache, out=output, device=device, progress=not quiet)
    click.echo(str(output / "final.pt"))
