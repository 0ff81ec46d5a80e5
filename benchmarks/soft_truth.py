"""Soft truth on simulated sessions whose scans moved in between: Dice, areas, distance to truth.

Usage: python benchmarks/soft_truth.py [number of subjects] [rigid|affine|shift] [deform]

Each contrast is scanned after the neck moved by 1 to 2 mm and 1.5 to 3 degrees, which its header
does not say. Raters draw under three conventions, which are an input and no finding. Echo-planar
images are compared with the cord where they show it. "at most" is the Dice of a mask of the same
area in the best place: offsets that do not cancel make the mean too large, which no registration
can undo. "exact masks in" averages the true masks instead: what registration and resampling alone
cost.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import resource
import sys
import time

import nibabel as nib
import numpy as np
from scipy.spatial.transform import Rotation

import cordviz as cv

NAMES = ("T2w", "T1w", "T2star", "MT-on", "GRE-T1w", "DWI", "fMRI")
CONVENTIONS = ("published", "zero", "one-sided", "exact masks in")


def motion(rng: np.random.Generator, centre: np.ndarray) -> np.ndarray:
    """Rigid motion about a point: 1 to 2 mm along and 1.5 to 3 degrees about random axes."""
    axis, way = (v / np.linalg.norm(v) for v in rng.normal(size=(2, 3)))
    moved = np.eye(4)
    turn = Rotation.from_rotvec(np.radians(rng.uniform(1.5, 3)) * axis).as_matrix()
    moved[:3, :3] = turn
    moved[:3, 3] = centre - turn @ centre + rng.uniform(1, 2) * way
    return moved


def scan(seed: int) -> dict[str, dict]:
    """Image, true masks, levels and hard masks of every contrast, with the unmoved header."""
    subject = cv.simulate_subject(seed)
    rng = np.random.default_rng([seed, 5])
    session = {}
    for name in NAMES:
        still, _ = subject.acquire(name, effects=False)
        centre = (still.affine @ [*(np.array(still.shape) - 1) / 2, 1])[:3]
        moved = np.eye(4) if name == "T2w" else motion(rng, centre)
        grid = nib.Nifti1Image(np.zeros(still.shape, np.uint8), moved @ still.affine)
        image, _ = subject.acquire(name, grid=grid)
        made = {"image": image, "truth": subject.acquire_warped_truth(name, grid=grid)}
        made["levels"] = subject.levels(image)
        for rule in CONVENTIONS[:-1]:
            made[rule] = subject.rate(name, seed=seed, convention=rule, grid=grid)
        made["exact masks in"] = made["truth"]
        session[name] = {
            key: nib.Nifti1Image(np.asarray(one.dataobj), still.affine) for key, one in made.items()
        }
    return session


def csa(mask: nib.Nifti1Image, levels: nib.Nifti1Image) -> float:
    return cv.mean_csa(cv.measure_shape(mask, levels=levels), levels=(2, 3))


def dice(a: nib.Nifti1Image, b: nib.Nifti1Image) -> float:
    one, other = (np.asarray(m.dataobj) >= 0.5 for m in (a, b))
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def main(n: int, transform: str, deform: bool) -> None:
    rows: dict[str, list] = {rule: [] for rule in CONVENTIONS}
    seconds = []
    for seed in range(n):
        session = scan(seed)
        images = {name: one["image"] for name, one in session.items()}
        exact = np.mean([csa(one["truth"], one["levels"]) for one in session.values()])
        for rule in CONVENTIONS:
            masks = {name: one[rule] for name, one in session.items()}
            start = time.process_time()
            result = cv.average_soft_truth(
                masks, images, transform=transform, deform=deform, progress=False
            )
            seconds.append(time.process_time() - start)
            raters = np.mean([csa(masks[c], session[c]["levels"]) for c in NAMES])
            measures = []
            for c in NAMES:
                soft, truth = result.native[c], session[c]["truth"]
                area = csa(soft, session[c]["levels"])
                apart = np.abs(soft.get_fdata() - truth.get_fdata()).sum() / truth.get_fdata().sum()
                off = 100 * (area / raters - 1), 100 * (area / exact - 1)
                measures.append((dice(soft, truth), *off, apart))
            rows[rule].append(np.transpose(measures))
    print(f"soft truth, {n} subjects × {len(NAMES)} contrasts, {transform}"
          f"{', deform' if deform else ''}; T2w is the reference space")  # fmt: skip
    print(f"  {'':44}" + "".join(f"{c:>9}" for c in NAMES))
    for rule, made in rows.items():
        table = np.array(made)  # subject, measure, contrast
        print(rule)
        print(f"  {'Dice to the true mask, mean':44}" + cells(table[:, 0].mean(0), ".3f"))
        print(f"  {'Dice, worst subject':44}" + cells(table[:, 0].min(0), ".3f"))
        ratio = np.exp(-np.abs(np.log1p(table[:, 2] / 100)))  # of the smaller area to the larger
        print(
            f"  {'Dice at most, with that area':44}"
            + cells((2 * ratio / (1 + ratio)).mean(0), ".3f")
        )
        print(f"  {'CSA against raters mean, %, mean':44}" + cells(table[:, 1].mean(0), "+.2f"))
        print(f"  {'  the same, farthest subject':44}" + cells(np.abs(table[:, 1]).max(0), ".2f"))
        print(f"  {'CSA against the exact, %, mean':44}" + cells(table[:, 2].mean(0), "+.2f"))
        print(f"  {'Σ|soft − exact| / Σ exact, mean':44}" + cells(table[:, 3].mean(0), ".3f"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"CPU s per session: median {np.median(seconds):.1f}; peak memory {peak:.0f} MiB")


def cells(values: np.ndarray, style: str) -> str:
    return "".join(f"{format(value, style):>9}" for value in values)


if __name__ == "__main__":
    words = sys.argv[1:]
    count = next((int(word) for word in words if word.isdigit()), 8)
    kind = next((word for word in words if word in ("rigid", "affine", "shift")), "rigid")
    main(count, kind, "deform" in words)
