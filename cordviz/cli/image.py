"""The commands for one image or mask: segment, measure, demo."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from .._export import figure_page, png_figures
from .._files import atomic_path, stem_of, write_file
from ..contrasts import closest_contrast
from ..images import load_image, load_mask, read_image
from ..levels import levels_from_discs
from ..sidecar import SD, check_not_lost, save_mask
from .files import (
    DIGITS,
    FILE,
    THERE,
    check_folder,
    check_output,
    check_table,
    csa_c2c3,
    levels_found,
    volume,
    why_no_csa,
)

REDUCE = click.option("--reduce", help="Of a 4-D image: mean, rms, dwi, or the index of a volume.")
BVALS = click.option("--bvals", type=THERE, help="b-values for --reduce dwi.")
SEED = click.option(
    "--seed-mm",
    type=float,
    nargs=3,
    metavar="X Y Z",
    help="A point in the cord (RAS+, mm), where it is not found.",
)
CENTERLINE = click.option(
    "--centerline", type=THERE, help="Mask of the cord's centreline, for the same purpose."
)

FORCE = click.option(
    "--force", is_flag=True, help="Replace what somebody, or another method, made."
)


@click.command()
@click.argument("image", type=FILE)
@click.option("--method", default="agnostic", show_default=True, help="Or deepseg or propseg.")
@click.option(
    "--contrast", help="For deepseg and propseg: t1, t2, t2s, dwi, or a name such as fMRI."
)
@click.option("--threshold", type=float, help="Cut the soft mask here, for example 0.5.")
@REDUCE
@BVALS
@SEED
@CENTERLINE
@click.option("-o", "--output", type=FILE, help="Default: a name beside the image.")
@click.option("--sd", type=FILE, help="Also write each voxel's standard deviation, for measure.")
@click.option("--device", default="auto", show_default=True, help="Of torch: cpu, cuda …")
@FORCE
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def segment(
    image: Path,
    contrast: str | None,
    method: str,
    threshold: float | None,
    reduce: str | None,
    bvals: Path | None,
    seed_mm: tuple[float, float, float] | None,
    centerline: Path | None,
    output: Path | None,
    sd: Path | None,
    device: str,
    force: bool,
    quiet: bool,
) -> None:
    """Segment the cord of IMAGE (NIfTI) into a mask, with a JSON sidecar saying how."""
    from ..segmentation import segment_cord

    source = read_image(image)  # what is no image is refused before any work
    suffix = "_label-SC_softseg" if threshold is None else "_seg"
    output = output or image.with_name(f"{stem_of(image)}{suffix}.nii.gz")
    files = {"-o": output} if sd is None else {"-o": output, "--sd": sd}
    for option, file in files.items():
        check_output(file, (".nii", ".nii.gz"), image, option)
        if not force:
            check_not_lost(file, method=method, quantity=SD if option == "--sd" else None)
    if sd is not None and len({(f.parent.resolve(), stem_of(f)) for f in files.values()}) == 1:
        raise ValueError(f"--sd {sd} would replace the mask; choose another name.")
    if reduce is not None or bvals is not None:
        source = load_image(source, reduce=volume(reduce), bvals=bvals)
    more: dict[str, Any] = {"uncertainty": sd is not None}  # a mask, or a pair
    seg = segment_cord(
        source, method=method, contrast=contrast, threshold=threshold, centerline=centerline,
        seed_mm=seed_mm, device=device, progress=not quiet and sys.stderr.isatty(), **more,
    )  # fmt: skip
    for mask, file in zip([seg] if sd is None else seg, files.values(), strict=True):
        click.echo(str(save_mask(mask, file, overwrite=force)))


@click.command()
@click.argument("mask", type=FILE)
@click.option("--discs", type=THERE, help="Label image of the discs (3 = disc C2/C3).")
@click.option("--levels", type=THERE, help="Label image of the vertebral levels (2 = C2).")
@click.option("--sd", type=THERE, help="From segment --sd: adds the SD of each slice's area.")
@click.option("--per", type=click.Choice(["slice", "level"]), default="slice", show_default=True)
@click.option("--no-angle-correction", is_flag=True, help="Areas as cut, even of a tilted cord.")
@click.option("--normalize-slices", is_flag=True, help="SCT's arithmetic, for parity.")
@click.option("-o", "--output", type=FILE, help="CSV to write. Default: standard output.")
@click.option("--force", is_flag=True, help="Replace a file with other columns.")
def measure(
    mask: Path,
    discs: Path | None,
    levels: Path | None,
    sd: Path | None,
    per: str,
    no_angle_correction: bool,
    normalize_slices: bool,
    output: Path | None,
    force: bool,
) -> None:
    """Measure the shape of MASK per slice or per level, and CSA at C2–C3 if levels are known."""
    from ..morphometry import aggregate_shape, measure_shape

    if output is not None:
        check_output(output, (".csv",), mask)
    if discs is not None and levels is not None:
        raise click.UsageError("Give --discs or --levels, not both.")
    seg = load_mask(mask)
    known = levels if discs is None else levels_from_discs(discs, seg)
    if per == "level" and known is None:
        raise click.UsageError("--per level needs --discs or --levels.")
    if per == "level" and sd is not None:
        raise click.UsageError("--sd is of slices: leave out --per level.")
    table = measure_shape(
        seg,
        levels=known,
        sd=sd,
        angle_correction=not no_angle_correction,
        normalize_slices=normalize_slices,
    )
    csv = (aggregate_shape(table, by="level") if per == "level" else table).to_csv(
        index=False, float_format=DIGITS
    )
    if output is None:
        click.echo(csv, nl=False)
    else:
        check_table(output, csv, force)
        write_file(output, csv)
    csa = csa_c2c3(table)
    if csa is not None:
        click.echo(f"C2–C3 CSA: {csa:.2f} mm²", err=output is None)
    elif known is not None:
        click.echo(why_no_csa(table, known), err=True)
    elif output is not None:
        click.echo(f"{output}: a row per slice; no CSA at C2–C3 without --discs or --levels.")


@click.command()
@click.argument("image", type=FILE, required=False)
@click.option("--method", default="agnostic", show_default=True, help="Or deepseg or propseg.")
@click.option("--contrast", help="For those two and for discs. Default: from the file's name.")
@click.option("--discs", type=THERE, help="Label image. Default: found on T1w and T2w, if sure.")
@REDUCE
@BVALS
@SEED
@CENTERLINE
@click.option("-o", "--output", type=FILE, default=Path("cordviz_demo"), show_default=True)
@FORCE
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def demo(
    image: Path | None,
    method: str,
    contrast: str | None,
    discs: Path | None,
    reduce: str | None,
    bvals: Path | None,
    seed_mm: tuple[float, float, float] | None,
    centerline: Path | None,
    output: Path,
    force: bool,
    quiet: bool,
) -> None:
    """From IMAGE (default: a simulated neck) to mask, table, discs and two figures in a folder."""
    from ..morphometry import measure_shape
    from ..plots import plot_csa_profile, plot_segmentation
    from ..segmentation import segment_cord

    check_folder(output)
    truth, marks = None, None
    notes: list[str] = []
    if image is None:
        if any(v is not None for v in (contrast, discs, reduce, bvals, seed_mm, centerline)):
            raise click.UsageError(
                "--contrast, --discs, --reduce, --bvals, --seed-mm and --centerline need an IMAGE."
            )
        from ..simulation import simulate_subject

        subject = simulate_subject(seed=0)
        img, _ = subject.acquire("T2w")
        known, truth = subject.levels(img), subject.mean_csa_mm2((2, 3))
        name, title = "T2w", "Simulated T2w"
    else:
        img, known = load_image(image, reduce=volume(reduce), bvals=bvals), None
        name = title = stem_of(image)
    mask_file = output / f"{name}_label-SC_softseg.nii.gz"
    table_file = output / f"{name}_shape.csv"
    if not force:
        check_not_lost(mask_file, method=method)
        if table_file.exists() and not mask_file.exists():
            raise ValueError(
                f"{table_file} is there already, and no mask beside it says that demo wrote it. "
                "Choose another folder, or replace it with --force."
            )
    told = contrast or name
    contrast = None if method == "agnostic" else closest_contrast(told)
    seg = segment_cord(
        img, method=method, contrast=contrast, centerline=centerline, seed_mm=seed_mm,
        progress=not quiet and sys.stderr.isatty(),
    )  # fmt: skip
    if image is not None and discs is None:
        marks, known, notes = levels_found(image, img, seg, told)
    elif discs is not None:
        known = levels_from_discs(discs, seg)
    table = measure_shape(seg, levels=known)
    by = f"{method} ({contrast})" if contrast else method
    figures = {
        "segmentation": plot_segmentation(
            img, seg, levels=known, title=f"{title}: cord mask, {by}"
        ),
        "csa_profile": plot_csa_profile(table, title=f"{title}: CSA along the cord, {by}"),
    }
    pages = {key: figure_page(fig, fig.layout.title.text) for key, fig in figures.items()}
    pngs, why_no_png = png_figures(figures)

    output.mkdir(parents=True, exist_ok=True)
    written = [save_mask(seg, mask_file, overwrite=force)]
    written.append(write_file(table_file, table.to_csv(index=False, float_format=DIGITS)))
    marks_file = output / f"{name}_label-discs_dlabel.nii.gz"
    if marks is not None and (force or not marks_file.exists()):  # somebody may have corrected it
        with atomic_path(marks_file) as temporary:
            marks.to_filename(temporary)
        written.append(marks_file)
    for key, page in pages.items():
        written.append(write_file(output / f"{name}_{key}.html", page))
    for key, png in pngs.items():
        written.append(write_file(output / f"{name}_{key}.png", png))
    for path in written:
        click.echo(str(path))
    if why_no_png:
        click.echo(f"No PNG figures: {why_no_png}. The HTML figures need only a browser.")
    for note in notes:
        click.echo(note)
    csa = csa_c2c3(table)
    if csa is None:
        click.echo(why_no_csa(table, known))
    elif truth is None:
        click.echo(f"C2–C3 CSA: {csa:.2f} mm²")
    else:
        click.echo(f"C2–C3 CSA: {csa:.2f} mm² (simulated cord, true area {truth:.2f} mm²)")
