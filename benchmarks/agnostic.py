"""The contrast-agnostic network on real images with masks and on simulated people.

    python benchmarks/agnostic.py WEIGHTS [--pictures FOLDER] [--card FILE]

Real: Dice at one half over the slices that the mask covers, area ratio (soft sum), CPU seconds,
and the spread of slice areas over the contrasts of one session. "held-out" people were never looked
at in training, "validation" chose the checkpoint. Simulated: bias of the area per contrast, people
that no training has seen. --card writes the model card beside the weights from these figures.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import time
from pathlib import Path

import nibabel as nib
import numpy as np
from propseg import CASES, MTS, OLD, SCT, dice, load

import cordviz as cv
from cordviz.images import reorient, spacing_mm, voxels
from cordviz.segmentation.inference import segment_soft

HELD_OUT = (
    "mt0", "mt1", "mt t1w", "sub-05 MT-on", "sub-05 MT-off", "errsm_23", "errsm_23 mt1",
    "errsm_23 mt0", "ivadomed T2*w", "9418", "9669",
)  # fmt: skip
VALIDATION = ("errsm_11", "9584")
IMAGES = {name.split(" as ")[0]: (image, mask) for name, (image, mask, *_) in CASES.items()}
IMAGES["mt t1w"] = (f"{SCT}/mt/t1w", f"{SCT}/mt/mt1_seg")
WITHOUT_MASK = {
    "errsm_20": f"{OLD}/errsm_20/t2/t2",
    "dwi_mean": f"{SCT}/dmri/dwi_mean",
    "fmri": f"{SCT}/fmri/fmri",
}
SESSIONS = {
    "sct_testing_data mt": [f"{SCT}/mt/{name}" for name in ("mt0", "mt1", "t1w")],
    "sub-05 MT-on, MT-off": [f"{MTS}on_MTS", f"{MTS}off_MTS"],
    "errsm_23 mt0, mt1": [f"{OLD}/errsm_23/mt/{name}" for name in ("mt0", "mt1")],
}
SEEDS = range(100, 104)
CONTRASTS = ("T1w", "T2w", "T2star", "MT-on", "GRE-T1w", "DWI")


def segment(img: nib.Nifti1Image, weights: Path) -> np.ndarray:
    """Soft mask in RAS order, 0 where none was found."""
    ras = reorient(cv.load_image(img, reduce="mean" if img.ndim == 4 else None))
    try:
        return segment_soft(voxels(ras), spacing_mm(ras), weights)
    except ValueError as error:
        print(f"    {error}")
        return np.zeros(ras.shape, np.float32)


def areas(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    return mask.sum(axis=(0, 1)) * spacing[0] * spacing[1]


def real(weights: Path, pictures: Path | None) -> dict:
    print(f"{'image':16} {'split':10} {'Dice':>6} {'area':>6} {'mm²':>6} {'CPU s':>6}")
    table = {}
    scores: dict[str, list[float]] = {"train": [], "validation": [], "held-out": []}
    for name, (image, mask) in IMAGES.items():
        split = "held-out" if name in HELD_OUT else "train"
        split = "validation" if name in VALIDATION else split
        img, drawn = load(image), reorient(load(mask))
        truth = voxels(drawn) > 0.5
        start = time.process_time()
        soft = segment(img, weights)
        cpu = time.process_time() - start
        if pictures:
            draw(voxels(reorient(img)), soft, truth, pictures / f"{name.replace('*', '')}.png")
        covered = truth.any(axis=(0, 1))
        soft, truth = soft[..., covered], truth[..., covered]
        score = dice(soft > 0.5, truth)
        scores[split].append(score)
        ratio = float(soft.sum() / truth.sum())
        table[name] = {"split": split, "dice": round(score, 3), "area_ratio": round(ratio, 3)}
        print(
            f"{name:16} {split:10} {score:6.3f} {ratio:6.3f} "
            f"{np.median(areas(soft, spacing_mm(drawn))):6.1f} {cpu:6.2f}",
            flush=True,
        )
    for split, values in scores.items():
        print(f"{split}: mean Dice {np.mean(values):.3f}, least {np.min(values):.3f}")
    for name, image in WITHOUT_MASK.items():
        img = load(image)
        ras = reorient(cv.load_image(img, reduce="mean" if img.ndim == 4 else None))
        soft = segment(img, weights)
        area = areas(soft, spacing_mm(ras))
        print(f"{name}: {(area > 0).sum()} of {area.size} slices, median {np.median(area):.1f} mm²")
        if pictures and area.any():
            draw(voxels(ras), soft, None, pictures / f"{name}.png")
    return table


def sessions(weights: Path) -> dict:
    table = {}
    for name, images in SESSIONS.items():
        area = []
        for image in images:
            img = load(image)
            area.append(areas(segment(img, weights), spacing_mm(reorient(img))))
        both = (np.array(area) > 10).all(axis=0)
        spread = np.array(area)[:, both].std(axis=0, ddof=1).mean()
        table[name] = {"slices": int(both.sum()), "sd_mm2": round(float(spread), 2)}
        means = ", ".join(f"{a[both].mean():.1f}" for a in area)
        print(f"{name}: {both.sum()} slices, SD across contrasts {spread:.2f} mm² (means {means})")
    return table


def simulated(weights: Path) -> dict:
    print(f"{'contrast':9} {'bias %':>7} {'SD of people %':>14} {'Dice':>6}")
    means, table = [], {}
    for contrast in CONTRASTS:
        ratios, scores, found = [], [], []
        for seed in SEEDS:
            subject = cv.simulate_subject(seed)
            ras = reorient(subject.acquire(contrast)[0])
            truth = voxels(reorient(subject.acquire_warped_truth(contrast)))
            soft = segment(ras, weights)
            level = voxels(reorient(subject.levels(ras)))
            inside = np.flatnonzero(np.isin(level, (2, 3)).any(axis=(0, 1)))
            area, exact = (areas(m, spacing_mm(ras))[inside].mean() for m in (soft, truth))
            ratios.append(area / exact - 1)
            found.append(area)
            scores.append(dice(soft[..., inside] > 0.5, truth[..., inside] > 0.5))
        means.append(np.mean(found))
        table[contrast] = {"bias_percent": round(100 * float(np.mean(ratios)), 2)}
        print(
            f"{contrast:9} {100 * np.mean(ratios):7.2f} {100 * np.std(ratios, ddof=1):14.2f} "
            f"{np.mean(scores):6.3f}",
            flush=True,
        )
    print(f"range of the contrasts' mean areas over C2–C3: {np.ptp(means):.2f} mm²")
    return table | {"range_of_means_mm2": round(float(np.ptp(means)), 2)}


def draw(data: np.ndarray, soft: np.ndarray, truth: np.ndarray | None, path: Path) -> None:
    """Twelve slices around the cord: found in red, drawn by hand in green."""
    import matplotlib.pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(2, 6, figsize=(15, 5.4))
    shown = soft if truth is None else np.maximum(soft, truth)
    cord = np.flatnonzero(shown.sum(axis=(0, 1)) > 0)
    slices = cord[np.linspace(0, len(cord) - 1, 12).astype(int)] if cord.size else range(12)
    for ax, k in zip(axes.flat, slices, strict=False):
        ax.axis("off")
        low, high = np.percentile(data[..., k], (1, 99))
        ax.imshow(data[..., k].T, origin="lower", cmap="gray", vmin=low, vmax=high)
        ax.contour(soft[..., k].T, [0.5], colors="r", linewidths=0.8)
        if truth is not None:
            ax.contour(truth[..., k].T, [0.5], colors="lime", linewidths=0.6)
        if cord.size and (where := np.argwhere(shown[..., k] > 0.2)).size:
            x, y = where.mean(axis=0)
            half = 0.14 * max(data.shape[0], 160)
            ax.set(xlim=(x - half, x + half), ylim=(y - half, y + half), title=str(k))
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=60)
    plt.close(figure)


def write_card(path: Path, weights: Path, metrics: dict) -> None:
    recipe = Path(cv.__file__).parent / "training" / "agnostic.toml"
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    card = {
        "name": "agnostic",
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "recipe": recipe.name,
        "recipe_sha256": hashlib.sha256(recipe.read_bytes()).hexdigest(),
        "measured_at_commit": commit.stdout.strip(),
        "metrics": metrics,
    }
    if path.exists():  # what people wrote stays
        card = json.loads(path.read_text()) | card
    path.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--card", type=Path)
    parser.add_argument("--only", choices=["real", "sessions", "simulated"])
    options = parser.parse_args()
    parts = {"real": lambda: real(options.weights, options.pictures)}
    parts |= {f.__name__: lambda f=f: f(options.weights) for f in (sessions, simulated)}
    chosen = [options.only] if options.only else list(parts)
    metrics = {name: parts[name]() for name in chosen}
    if options.card:
        write_card(options.card, options.weights, metrics)


if __name__ == "__main__":
    main()
