"""The commands for one image or mask: segment, measure, demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .._export import png_figures
from .._files import stem_of, write_file
from ..contrasts import closest_contrast
from ..images import load_image, load_mask, save_mask
from .files import (
    DIGITS,
    FILE,
    check_output,
    csa_c2c3,
    known_levels,
    segment_quietly,
    volume,
    why_no_csa,
)

REDUCE = click.option("--reduce", help="Of a 4-D image: mean, rms, dwi, or the index of a volume.")
BVALS = click.option("--bvals", type=FILE, help="b-values for --reduce dwi.")


@click.command()
@click.argument("image", type=FILE)
@click.option("--method", help="agnostic (default), deepseg or propseg.")
@click.option(
    "--contrast", help="For deepseg and propseg: t1, t2, t2s, dwi, or a name such as fMRI."
)
@click.option("--threshold", type=float, help="Cut the soft mask here, for example 0.5.")
@REDUCE
@BVALS
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
    output = output or image.with_name(f"{stem_of(image)}{suffix}.nii.gz")
    check_output(output, (".nii", ".nii.gz"), image)
    # a path where one will do: the sidecar then names the file
    source: Any = image
    if reduce is not None or bvals is not None:
        source = load_image(image, reduce=volume(reduce), bvals=bvals)
    seg = segment_quietly(source, method, contrast, threshold=threshold, quiet=quiet)
    click.echo(str(save_mask(seg, output)))


@click.command()
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
    from ..morphometry import aggregate_shape, measure_shape

    if output is not None:
        check_output(output, (".csv",), mask)
    seg = load_mask(mask)
    known = known_levels(seg, discs, levels)
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
        write_file(output, csv)
    csa = csa_c2c3(table)
    if csa is not None:
        click.echo(f"C2–C3 CSA: {csa:.2f} mm²", err=output is None)
    elif known is not None:
        click.echo(why_no_csa(table, known), err=True)


@click.command()
@click.argument("image", type=FILE, required=False)
@click.option("--method", default="agnostic", show_default=True, help="Or deepseg or propseg.")
@click.option("--contrast", help="For those two; by default told from the name of the file.")
@click.option("--discs", type=FILE, help="Label image of the discs, for levels and C2–C3.")
@REDUCE
@BVALS
@click.option("-o", "--output", type=FILE, default=Path("cordviz_demo"), show_default=True)
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def demo(
    image: Path | None,
    method: str,
    contrast: str | None,
    discs: Path | None,
    reduce: str | None,
    bvals: Path | None,
    output: Path,
    quiet: bool,
) -> None:
    """From IMAGE (default: a simulated neck) to a mask, a table and two figures in a folder."""
    from ..morphometry import measure_shape
    from ..plots import plot_csa_profile, plot_segmentation

    if output.exists() and not output.is_dir():
        raise ValueError(f"{output} is a file; give the name of a folder.")
    source: Any = image
    truth = None
    if image is None:
        if any(given is not None for given in (contrast, discs, reduce, bvals)):
            raise click.UsageError("--contrast, --discs, --reduce and --bvals need an IMAGE.")
        from ..simulation import simulate_subject

        subject = simulate_subject(seed=0)
        img, _ = subject.acquire("T2w")
        known, truth = subject.levels(img), subject.mean_csa_mm2((2, 3))
        source, name, title = img, "T2w", "Simulated T2w"
    else:
        img, known = load_image(image, reduce=volume(reduce), bvals=bvals), None
        if reduce is not None:
            source = img
        name = title = stem_of(image)
    if method != "agnostic":
        contrast = closest_contrast(contrast or name)
    seg = segment_quietly(source, method, contrast, threshold=None, quiet=quiet)
    if image is not None:
        known = known_levels(seg, discs, None)
    table = measure_shape(seg, levels=known)
    by = f"{method} ({contrast})" if contrast else method
    mask, area = f"{title}: cord mask, {by}", f"{title}: CSA along the cord, {by}"
    figures = {
        "segmentation": plot_segmentation(img, seg, levels=known, title=mask),
        "csa_profile": plot_csa_profile(table, title=area),
    }
    pages = {key: fig.to_html(include_plotlyjs=True) for key, fig in figures.items()}
    pngs, why_no_png = png_figures(figures)

    output.mkdir(parents=True, exist_ok=True)
    written = [save_mask(seg, output / f"{name}_label-SC_softseg.nii.gz")]
    written.append(
        write_file(output / f"{name}_shape.csv", table.to_csv(index=False, float_format=DIGITS))
    )
    for key, page in pages.items():
        written.append(write_file(output / f"{name}_{key}.html", page))
    for key, png in pngs.items():
        written.append(write_file(output / f"{name}_{key}.png", png))
    for path in written:
        click.echo(str(path))
    if why_no_png:
        click.echo(f"No PNG figures: {why_no_png}. The HTML figures need only a browser.")
    csa = csa_c2c3(table)
    if csa is None:
        click.echo(why_no_csa(table, known))
    elif truth is None:
        click.echo(f"C2–C3 CSA: {csa:.2f} mm²")
    else:
        click.echo(f"C2–C3 CSA: {csa:.2f} mm² (simulated cord, true area {truth:.2f} mm²)")
