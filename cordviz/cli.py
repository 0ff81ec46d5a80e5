"""The command line: cordviz demo | lab | segment | measure | compare | train."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._export import installed, png_figures
from ._files import atomic_path
from ._version import __version__
from .contrasts import closest_contrast
from .images import load_image, load_mask, save_mask

if TYPE_CHECKING:
    import pandas as pd

FILE = click.Path(path_type=Path)
DIGITS = "%.8g"


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Bad input ends with code 2 and one plain line on standard error, whoever found it. Warnings
    are shown one per line after the work is done.

    Parameters
    ----------
    args : sequence of str, optional
        Words after ``cordviz``; by default those of the process.

    Examples
    --------
    >>> from cordviz.cli import main
    >>> main(["--version"])
    cordviz 0.1.0
    0
    """
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            code = cli.main(args, prog_name="cordviz", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("cordviz: stopped", err=True)
        return 130
    except click.ClickException as error:
        return _refuse(f"{error.format_message()}{_hint(error)}")
    except (ValueError, TypeError, OSError) as error:
        return _refuse(str(error) or type(error).__name__)
    for message in dict.fromkeys(_one_line(str(warning.message)) for warning in caught):
        click.echo(f"cordviz: warning: {message}", err=True)
    return code if isinstance(code, int) else 0


def _refuse(message: str) -> int:
    click.echo(f"cordviz: error: {_one_line(message)}", err=True)
    return 2


def _hint(error: click.ClickException) -> str:
    """Where to read on after a wrong command line."""
    context = getattr(error, "ctx", None)
    return f" See: {context.command_path} --help" if context else ""


def _one_line(message: str) -> str:
    return " ".join(message.split())


@click.group(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="cordviz %(version)s")
def cli() -> None:
    """Segment the spinal cord, measure its area, see how both depend on MRI contrast.

    Not a medical device.
    """


@cli.command()
@click.argument("image", type=FILE)
@click.option("--method", help="agnostic (default), deepseg or propseg.")
@click.option(
    "--contrast", help="For deepseg and propseg: t1, t2, t2s, dwi, or a name such as fMRI."
)
@click.option("--threshold", type=float, help="Cut the soft mask here, for example 0.5.")
@click.option("--reduce", help="Of a 4-D image: mean, rms, dwi, or the index of a volume.")
@click.option("--bvals", type=FILE, help="b-values for --reduce dwi.")
@click.option("-o", "--output", type=FILE, help="Default: a name beside the image.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def segment(
    image: Path,
    contrast: str | None,
    method: str | None,
    threshold: float | None,
    reduce: str | None,
    bvals: Path | None,
    output: Path | None,
    quiet: bool,
) -> None:
    """Segment the cord of IMAGE (NIfTI) into a mask, with a JSON sidecar saying how."""
    if not image.is_file():
        raise FileNotFoundError(f"There is no image at {image}.")
    suffix = "_label-SC_softseg" if threshold is None else "_seg"
    output = output or image.with_name(f"{_stem(image)}{suffix}.nii.gz")
    _check_output(output, (".nii", ".nii.gz"), image)
    # a path where one will do: the sidecar then names the file
    source: Any = image
    if reduce is not None or bvals is not None:
        source = load_image(image, reduce=_volume(reduce), bvals=bvals)
    seg = _segment(source, method, contrast, threshold=threshold, quiet=quiet)
    click.echo(str(save_mask(seg, output)))


@cli.command()
@click.argument("mask", type=FILE)
@click.option("--discs", type=FILE, help="Label image of the discs (3 = disc C2/C3).")
@click.option("--levels", type=FILE, help="Label image of the vertebral levels (2 = C2).")
@click.option("--per", type=click.Choice(["slice", "level"]), default="slice", show_default=True)
@click.option("--no-angle-correction", is_flag=True, help="Areas as cut, even of a tilted cord.")
@click.option("--normalize-slices", is_flag=True, help="SCT's arithmetic, for parity.")
@click.option("-o", "--output", type=FILE, help="CSV to write. Default: standard output.")
def measure(
    mask: Path,
    discs: Path | None,
    levels: Path | None,
    per: str,
    no_angle_correction: bool,
    normalize_slices: bool,
    output: Path | None,
) -> None:
    """Measure the shape of MASK per slice or per level, and CSA at C2–C3 if levels are known."""
    from .morphometry import aggregate_shape, measure_shape

    if output is not None:
        _check_output(output, (".csv",), mask)
    seg = load_mask(mask)
    known = _levels(seg, discs, levels)
    if per == "level" and known is None:
        raise click.UsageError("--per level needs --discs or --levels.")
    table = measure_shape(
        seg,
        levels=known,
        angle_correction=not no_angle_correction,
        normalize_slices=normalize_slices,
    )
    csv = (aggregate_shape(table, by="level") if per == "level" else table).to_csv(
        index=False, float_format=DIGITS
    )
    if output is None:
        click.echo(csv, nl=False)
    else:
        _write(output, csv)
    csa = _c2c3(table)
    if csa is not None:
        click.echo(f"C2–C3 CSA: {csa:.2f} mm²", err=output is None)


@cli.command()
@click.argument("image", type=FILE, required=False)
@click.option("--method", default="agnostic", show_default=True, help="Or deepseg or propseg.")
@click.option("--contrast", help="For those two; by default told from the name of the file.")
@click.option("--discs", type=FILE, help="Label image of the discs, for levels and C2–C3.")
@click.option("-o", "--output", type=FILE, default=Path("cordviz_demo"), show_default=True)
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def demo(
    image: Path | None,
    method: str,
    contrast: str | None,
    discs: Path | None,
    output: Path,
    quiet: bool,
) -> None:
    """From IMAGE (default: a simulated neck) to a mask, a table and two figures in a folder."""
    from .morphometry import measure_shape
    from .plots import plot_csa_profile, plot_segmentation

    if output.exists() and not output.is_dir():
        raise ValueError(f"{output} is a file; give the name of a folder.")
    source: Any = image
    truth = None
    if image is None:
        if contrast is not None or discs is not None:
            raise click.UsageError("--contrast and --discs need an IMAGE.")
        from .simulation import simulate_subject

        subject = simulate_subject(seed=0)
        img, _ = subject.acquire("T2w")
        known, truth = subject.levels(img), subject.mean_csa_mm2((2, 3))
        source, name, title = img, "T2w", "Simulated T2w"
    else:
        img, known = load_image(image), None
        name = title = _stem(image)
    if method != "agnostic":
        contrast = closest_contrast(contrast or name)
    seg = _segment(source, method, contrast, threshold=None, quiet=quiet)
    if image is not None:
        known = _levels(seg, discs, None)
    table = measure_shape(seg, levels=known)
    method = f"mask of {method}" + (f" as {contrast}" if contrast else "")
    figures = {
        "segmentation": plot_segmentation(img, seg, levels=known, title=f"{title}: {method}"),
        "csa_profile": plot_csa_profile(table, title=f"{title}: area of {method}"),
    }
    pages = {key: fig.to_html(include_plotlyjs=True) for key, fig in figures.items()}
    pngs, why_no_png = png_figures(figures)

    output.mkdir(parents=True, exist_ok=True)
    written = [save_mask(seg, output / f"{name}_label-SC_softseg.nii.gz")]
    written.append(
        _write(output / f"{name}_shape.csv", table.to_csv(index=False, float_format=DIGITS))
    )
    for key, page in pages.items():
        written.append(_write(output / f"{name}_{key}.html", page))
    for key, png in pngs.items():
        written.append(_write(output / f"{name}_{key}.png", png))
    for path in written:
        click.echo(str(path))
    if why_no_png:
        click.echo(f"No PNG figures: {why_no_png}. The HTML figures need only a browser.")
    csa = _c2c3(table)
    if csa is None:
        click.echo("C2–C3 CSA: not measured, the levels are unknown (give --discs).")
    elif truth is None:
        click.echo(f"C2–C3 CSA: {csa:.2f} mm²")
    else:
        click.echo(f"C2–C3 CSA: {csa:.2f} mm² (simulated cord, true area {truth:.2f} mm²)")


@cli.command()
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

    from .datasets import cache_dir
    from .training.train import find_recipe, read_recipe
    from .training.train import train as run

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


@cli.command()
@click.argument("folder", type=FILE, required=False)
@click.option("--simulated", type=click.IntRange(1, 1000), help="So many simulated people instead.")
@click.option(
    "--methods",
    default="propseg,deepseg,agnostic",
    show_default=True,
    help="Also: masks (those beside the images of FOLDER), raters (simulated, of --simulated).",
)
@click.option("--contrasts", help="Only these, in this order, such as T1w,T2w.")
@click.option("--levels", type=FILE, help="Vertebral levels of one session, where none are beside.")
@click.option("--all-slices", is_flag=True, help="Average every slice of a mask, not C2–C3.")
@click.option("--margin", default=2.0, show_default=True, help="Of equivalence, mm².")
@click.option("--jobs", default=-1, show_default=True, help="Images at a time; -1: one per core.")
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
    from .datasets import load_sessions, load_simulated_study
    from .report import write_report
    from .variability import simulated_raters

    if (folder is None) == (simulated is None):
        raise click.UsageError("Give a FOLDER or --simulated.")
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output} is a file; give the name of a folder.")
    session: Any = load_sessions(folder) if folder else load_simulated_study(simulated or 1)
    six = None if folder else "T1w,T2w,T2star,MT-on,GRE-T1w,DWI"  # those with published areas
    chosen: list[Any] = []
    for name in filter(None, methods.split(",")):
        if name == "masks" and folder:
            chosen.append({"masks": {key: one.masks for key, one in session.items()}})
        elif name == "raters" and simulated:
            chosen += [simulated_raters(session, convention=c) for c in ("published", "zero")]
        else:
            chosen.append(name)
    report = write_report(
        session,
        output,
        title=f"CSA across contrasts: {folder.name if folder else f'{simulated} simulated people'}",
        margin_mm2=margin,
        methods=chosen,
        contrasts=names.split(",") if (names := contrasts or six) else None,
        levels=levels,
        over=None if all_slices else (2, 3),
        n_jobs=jobs,
        progress=not quiet and sys.stderr.isatty(),
    )
    click.echo(str(report))


@cli.command(context_settings={"ignore_unknown_options": True})
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
    package = Path(__file__).parent
    source = package.parent / "notebooks"
    if (package.parent / "pyproject.toml").is_file() and source.is_dir():
        return source
    folder = Path.cwd() / "cordviz_notebooks"
    folder.mkdir(exist_ok=True)
    for file in sorted((package / "notebooks").glob("*.ipynb")):
        if not (folder / file.name).exists():  # work done in an older copy is never replaced
            with atomic_path(folder / file.name) as temporary:
                shutil.copyfile(file, temporary)
    return folder


def _segment(
    img: Any, method: str | None, contrast: str | None, *, threshold: float | None, quiet: bool
) -> Any:
    from .segmentation import segment_cord

    options: dict[str, Any] = {} if method is None else {"method": method}
    progress = not quiet and sys.stderr.isatty()
    return segment_cord(img, contrast=contrast, threshold=threshold, progress=progress, **options)


def _levels(seg: Any, discs: Path | None, levels: Path | None) -> Any:
    from .levels import levels_from_discs

    if discs is not None and levels is not None:
        raise click.UsageError("Give --discs or --levels, not both.")
    return levels_from_discs(discs, seg) if discs is not None else levels


def _c2c3(table: pd.DataFrame) -> float | None:
    """CSA at C2–C3 in mm², or None where those levels were not measured."""
    from .morphometry import mean_csa

    if not {2, 3} <= set(table.loc[table["area_mm2"].notna(), "level"]):
        return None
    return mean_csa(table, levels=(2, 3))


def _write(path: Path, content: str | bytes) -> Path:
    with atomic_path(path) as temporary:
        if isinstance(content, str):
            temporary.write_text(content, encoding="utf-8")
        else:
            temporary.write_bytes(content)
    return path


def _check_output(output: Path, suffixes: tuple[str, ...], source: Path) -> None:
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


def _stem(image: Path) -> str:
    return image.name.removesuffix(".gz").removesuffix(".nii")


def _volume(reduce: str | None) -> str | int | None:
    """The index of a volume as a number; other words as they are."""
    with suppress(TypeError, ValueError):
        return int(reduce)  # type: ignore[arg-type]  # None: suppressed
    return reduce
