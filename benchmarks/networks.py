"""The networks on simulated people that no training has seen: areas, atrophy, calibration, cost.

    python benchmarks/networks.py areas|atrophy|response|calibration|cost
        [--weights FOLDER] [--people N]

areas: CSA at C2–C3 of the simulated study against the exact one, per method and contrast.
atrophy: people scanned twice, 2 % of the area lost in between; the loss measured.
response: how much of a 5 % loss is found between two scans with one noise; in T2*w images, by how
    bright fluid is, and noise.
calibration: slice areas against true ones, and how many errors lie within one SD.
cost: CPU seconds and memory, beside an nnU-Net-shaped 3-D network with random weights.
"""

from __future__ import annotations

import argparse
import importlib
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from evaluate import fluid_ratio
from joblib import Parallel, delayed

import cordviz as cv
from cordviz import segmentation
from cordviz.images import reorient, spacing_mm, voxels

CONTRASTS = ("T1w", "T2w", "T2star", "MT-on", "GRE-T1w", "DWI")
ATROPHY_PERCENT = 2.0
CERVICAL = {"fov": (64, 64, 120)}


def use(weights: Path | None) -> None:
    if weights:
        segmentation.WEIGHTS = weights


def areas(people: int, weights: Path | None) -> None:
    use(weights)
    study = cv.datasets.load_simulated_study(people).make(n_jobs=2)
    print(f"{'method':9} {'contrast':8} {'bias %':>7} {'SD %':>6} {'mean mm²':>8}")
    for method in ("agnostic", "deepseg", "propseg"):
        jobs = [(s, c) for s in study.values() for c in CONTRASTS]
        found = Parallel(2)(delayed(_csa)(s, c, method, weights) for s, c in jobs)
        csa = np.array(found).reshape(len(study), len(CONTRASTS), 2)
        for k, contrast in enumerate(CONTRASTS):
            error = 100 * (csa[:, k, 0] / csa[:, k, 1] - 1)
            print(
                f"{method:9} {contrast:8} {np.nanmean(error):7.2f} "
                f"{np.nanstd(error, ddof=1):6.2f} {np.nanmean(csa[:, k, 0]):8.2f}"
            )
        means, sd = np.nanmean(csa[..., 0], axis=0), np.nanstd(csa[..., 0], axis=1, ddof=1)
        print(f"{method}: range of means {np.ptp(means):.2f}, per-subject SD {sd.mean():.2f} mm²")


def _csa(subject: object, contrast: str, method: str, weights: Path | None) -> tuple:
    """C2–C3 CSA found and true, mm²."""
    use(weights)
    told = {} if method == "agnostic" else {"contrast": cv.closest_contrast(contrast)}
    levels, truth = subject.levels(contrast), subject.truth(contrast)
    true = cv.mean_csa(cv.measure_shape(truth, levels=levels))
    try:
        seg = cv.segment_cord(subject[contrast], method=method, progress=False, **told)
        return cv.mean_csa(cv.measure_shape(seg, levels=levels)), true
    except ValueError as error:
        print(f"{subject.name} {contrast} {method}: {error}")
        return np.nan, true


def atrophy(people: int, weights: Path | None) -> None:
    for contrast in ("T1w", "T2w", "T2star"):
        found = Parallel(2)(delayed(_loss)(300 + k, contrast, weights) for k in range(people))
        loss = np.array(found)
        half = 1.96 * loss.std(ddof=1) / np.sqrt(people)
        print(
            f"{contrast:7} {people} pairs: loss {loss.mean():.2f} % (true {ATROPHY_PERCENT:g}), "
            f"95 % interval ± {half:.2f}, SD of one pair {loss.std(ddof=1):.2f}",
            flush=True,
        )


def _loss(seed: int, contrast: str, weights: Path | None) -> float:
    use(weights)
    found = []
    for visit, lost in enumerate((0.0, ATROPHY_PERCENT)):
        subject = cv.simulate_subject(seed, atrophy_percent=lost)
        image, _ = subject.acquire(contrast, seed=visit, **CERVICAL)
        seg = cv.segment_cord(image, progress=False)
        found.append(cv.mean_csa(cv.measure_shape(seg, levels=subject.levels(image))))
    return 100 * (1 - found[1] / found[0])


def response(people: int, weights: Path | None) -> None:
    changes: tuple[dict[str, float], ...] = (
        {}, {"csf_inflow": 0.0}, {"csf_inflow": 0.0, "snr": 100.0}, {"csf_inflow": 1.0},
    )  # fmt: skip
    for contrast, change in [("T1w", {}), ("T2w", {}), *(("T2star", c) for c in changes)]:
        seeds = [2_100_300 + k for k in range(people)]
        found = np.array(Parallel(2)(delayed(_share)(s, contrast, change, weights) for s in seeds))
        share, fluid = found.mean(axis=0)
        error = found[:, 0].std(ddof=1) / np.sqrt(people)
        print(
            f"{contrast:7} {change}: fluid / cord {fluid:.2f}, share of the loss {share:.2f} "
            f"± {error:.2f} (standard error)",
            flush=True,
        )


def _share(
    seed: int, contrast: str, change: dict[str, float], weights: Path | None
) -> tuple[float, float]:
    """Share of the loss that is found between two scans with one noise, and the fluid ratio."""
    use(weights)
    sums = []
    for lost in (0.0, 5.0):
        subject = cv.simulate_subject(seed, atrophy_percent=lost)
        image, truth = subject.acquire(contrast, seed=7, fov=(64, 64, 60), **change)
        seg = cv.segment_cord(image, progress=False)
        spacing = spacing_mm(reorient(image))
        data, true, soft = (voxels(reorient(i))[..., 3:-3] for i in (image, truth, seg))
        sums.append([soft.sum(), true.sum()])
    found, real = 1 - np.array(sums[1]) / sums[0]
    return found / real, fluid_ratio(data, true > 0.5, spacing)


def calibration(people: int, weights: Path | None) -> None:
    jobs = [(200 + k, c) for k in range(people) for c in CONTRASTS]
    found = Parallel(2)(delayed(_slices)(*job, weights) for job in jobs)
    for contrast in (*CONTRASTS, "all"):
        rows = [f for f, (_, c) in zip(found, jobs, strict=True) if contrast in (c, "all")]
        area, true, sd = np.concatenate(rows, axis=1)
        slope = np.polyfit(true, area, 1)[0]
        inside = 100 * (np.abs(area - true) <= sd).mean()
        print(
            f"{contrast:8} {area.size:5} slices: slope {slope:.3f}, area / true "
            f"{area.sum() / true.sum():.3f}, within one SD {inside:.0f} %, "
            f"mean SD {sd.mean():.2f} mm²"
        )


def _slices(seed: int, contrast: str, weights: Path | None) -> np.ndarray:
    """Area found, true area and SD of slices well inside the scan, mm², shape (3, n)."""
    use(weights)
    subject = cv.simulate_subject(seed)
    image, _ = subject.acquire(contrast, **CERVICAL)
    truth = subject.acquire_warped_truth(contrast, **CERVICAL)
    masks = (*cv.segment_cord(image, uncertainty=True, progress=False), truth)
    pixel = np.prod(spacing_mm(reorient(image))[:2])
    area, sd, true = (voxels(reorient(m)).sum(axis=(0, 1)) * pixel for m in masks)
    return np.stack([area, true, sd])[:, (true > 15) & (true < 110)]  # no brain stem


def cost(people: int, weights: Path | None) -> None:
    """Each measurement in a process of its own, for its peak memory."""
    del people, weights
    jobs = ["full", "short", "slice", "nnunet"]
    seconds = {}
    for job in jobs:
        out = subprocess.run(
            [sys.executable, __file__, f"_{job}"], capture_output=True, text=True, check=True
        )
        print(f"{job:7} {out.stdout.strip()}", flush=True)
        seconds[job] = float(out.stdout.split()[0])
    print(f"one patch of the 3-D network costs {seconds['nnunet'] / seconds['full']:.0f} volumes")


def _measure(run: Callable[[], object], repeats: int) -> None:
    imported = _seconds(lambda: importlib.import_module("torch"))
    first = _seconds(run)
    median = np.median([_seconds(run) for _ in range(repeats)] or [first])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{median:.3f} CPU s (first call {first:.2f} and {imported:.2f} for the import of torch), "
        f"peak {peak:.0f} MiB"
    )


def _seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _volume(fov: tuple, voxel: tuple, thickness: float) -> object:
    image, _ = cv.simulate_subject(0).acquire(
        "T2w", fov=fov, voxel_mm=voxel, thickness_mm=thickness, spacing_mm=thickness
    )
    return cv.load_image(image)


def _full() -> None:
    whole = _volume((52, 195, 150), (1.0, 1.0), 1.0)  # its content, mirrored to the full length
    data = np.pad(whole.get_fdata(dtype=np.float32), ((0, 0), (0, 0), (0, 234)), mode="reflect")
    image = type(whole)(data, whole.affine)
    _measure(lambda: cv.segment_cord(image, progress=False), 3)


def _short() -> None:
    image = _volume((230, 230, 110), (0.9, 0.9), 5.0)
    _measure(lambda: cv.segment_cord(image, progress=False), 3)


def _slice() -> None:
    image = _volume((64, 64, 5), (0.5, 0.5), 5.0)
    _measure(lambda: cv.segment_cord(image, progress=False), 20)


def _nnunet() -> None:
    """A plain 3-D U-Net: 6 stages, 32 to 320 features, one patch of 64 × 192 × 320."""
    import torch
    from torch import nn

    features = [32, 64, 128, 256, 320, 320]

    def block(a: int, b: int, stride: int = 1) -> nn.Sequential:
        layers: list[nn.Module] = []
        for c, s in ((a, stride), (b, 1)):
            layers += [nn.Conv3d(c, b, 3, s, 1), nn.InstanceNorm3d(b), nn.LeakyReLU(inplace=True)]
        return nn.Sequential(*layers)

    pairs = list(zip([1, *features], features, strict=False))
    down = nn.ModuleList(block(a, b, 1 + (k > 0)) for k, (a, b) in enumerate(pairs))
    lift = nn.ModuleList(nn.ConvTranspose3d(b, a, 2, 2) for a, b in pairs[1:])
    up = nn.ModuleList(block(2 * a, a) for a, _ in pairs[1:])
    head = nn.Conv3d(32, 1, 1)

    @torch.inference_mode()
    def run() -> None:
        x = torch.randn(1, 1, 64, 192, 320)
        skips = []
        for stage in down:
            x = stage(x)
            skips.append(x)
        for k in reversed(range(5)):
            x = up[k](torch.cat([lift[k](x), skips[k]], dim=1))
        head(x)

    _measure(run, 0)


def main() -> None:
    hidden = {f"_{f.__name__.strip('_')}": f for f in (_full, _short, _slice, _nnunet)}
    if len(sys.argv) == 2 and sys.argv[1] in hidden:
        hidden[sys.argv[1]]()
        return
    parts = {f.__name__: f for f in (areas, atrophy, response, calibration, cost)}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=parts)
    parser.add_argument("--weights", type=Path, help="folder of NAME.pt and NAME.json")
    parser.add_argument("--people", type=int, help="default: areas 12, atrophy 40, others 8")
    options = parser.parse_args()
    people = options.people or {"areas": 12, "atrophy": 40}.get(options.part, 8)
    parts[options.part](people, options.weights)


if __name__ == "__main__":
    main()
