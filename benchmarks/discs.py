"""Discs found automatically: overlap of the C2-C3 slices on simulated subjects; real images.

    python benchmarks/discs.py [--seeds 200 240] [--fov narrow|full|neck] [--masks truth|agnostic]
    python benchmarks/discs.py --real [--figures FOLDER]

Overlap is of the sets of slices at levels 2 and 3 between found and true discs, on the same mask.
A refusal counts as 0. "narrow" is (20, 120, 180) mm, what the method needs of a sagittal scan;
"full" the protocol's own field of view; "neck" the simulation's default of 64 x 64 mm.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np

import cordviz as cv
from cordviz.centerline import fit_centerline
from cordviz.disc_detection import SURE, DiscsNotFound, FoundDiscs, find_discs
from cordviz.levels import slice_levels

REAL = Path(os.environ.get("CORDVIZ_SHARED_DATA", "../shared/data")) / "real"
FOVS = {"narrow": (20, 120, 180), "full": "full", "neck": "neck"}


def slices_of(discs, seg, levels=(2, 3)) -> set[int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        of_slice = slice_levels(cv.levels_from_discs(discs, seg))
    return set(np.flatnonzero(np.isin(of_slice, levels)).tolist())


def simulated(seeds: range, fov: str, masks: str) -> None:
    for contrast in ("T1w", "T2w"):
        iou, dice, sure, refused, wrong, seconds = [], [], [], [], [], []
        for seed in seeds:
            subject = cv.simulate_subject(seed=seed)
            image, seg = subject.acquire(contrast, fov=FOVS[fov])
            if masks != "truth":
                seg = cv.segment_cord(image, method=masks)
            start = time.process_time()
            try:
                found = find_discs(image, seg)
            except DiscsNotFound as error:
                refused.append(seed)
                iou.append(0.0)
                dice.append(0.0)
                print(f"  {contrast} {seed}: {str(error).split('. Give')[0]}")
                continue
            seconds.append(time.process_time() - start)
            ours, true = slices_of(found.points_mm, seg), slices_of(subject.disc_points_mm, seg)
            iou.append(len(ours & true) / len(ours | true))
            dice.append(2 * len(ours & true) / (len(ours) + len(true)))
            sure.append(found.confidence)
            gap = np.linalg.norm(found.points_mm[3] - subject.disc_points_mm[3])
            wrong += [seed] if gap > 8 else []
            if iou[-1] < 0.9:
                print(f"  {contrast} {seed}: IoU {iou[-1]:.3f}, disc 3 off by {gap:.1f} mm")
        iou_, dice_ = np.array(iou), np.array(dice)
        print(
            f"{contrast} fov={fov} masks={masks} n={len(iou)}: IoU >= 0.9 in "
            f"{np.mean(iou_ >= 0.9):.1%}, Dice >= 0.9 in {np.mean(dice_ >= 0.9):.1%}, median IoU "
            f"{np.median(iou_):.3f}, lowest {iou_.min():.3f}; refused {len(refused)}, wrong level "
            f"{len(wrong)}, median confidence {np.median(sure):.3f}, {np.median(seconds):.1f} CPU s"
        )


CASES = {
    "t2": ("sct_testing_data/t2/t2", "sct_testing_data/t2/t2_seg-manual"),
    "t1w": ("sct_testing_data/t1/t1w", "sct_testing_data/t1/t1w_seg-manual"),
} | {
    f"errsm_{i}": tuple(
        f"sct_testing_2014/errsm_{i}/t2/{f}" for f in ("t2", "t2_manual_segmentation")
    )
    for i in (11, 18, 23)
}


def real(figures: Path | None) -> None:
    points = REAL / "sct_testing_data/t2/labels.nii.gz"
    for name, (image, mask) in CASES.items():
        image, seg = REAL / f"{image}.nii.gz", REAL / f"{mask}.nii.gz"
        try:
            found = find_discs(image, seg, at_least=0)
        except DiscsNotFound as error:
            print(f"{name}: {str(error).split('. Give')[0]}")
            continue
        verdict = "accepted" if found.confidence >= SURE else "refused"
        print(
            f"{name}: confidence {found.confidence:.3f} ({verdict}), discs {list(found.points_mm)}"
        )
        landmarks = {"t2": points}.get(name, image.with_name("t2_landmarks_C2_T2_center.nii.gz"))
        if landmarks.exists() and found.points_mm:
            check(found, landmarks, seg)
        if figures:
            figures.mkdir(parents=True, exist_ok=True)
            figure = cv.plot_discs(
                image, seg, found.points_mm, title=f"{name}: {found.confidence:.2f}"
            )
            figure.write_image(figures / f"{name}.png", scale=1.5)


def check(found: FoundDiscs, landmarks: Path, seg: Path) -> None:
    img = nib.load(landmarks)
    labels = np.asarray(img.dataobj)
    curve = fit_centerline(seg)
    discs = curve.slice_position(np.array(list(found.points_mm.values())))
    for voxel in np.argwhere(labels):
        world = (img.affine @ [*voxel, 1])[:3]
        at = curve.slice_position(world[None])[0]
        level = min(found.points_mm) - 1 + int((discs > at).sum())
        edge = np.abs(discs - at).min()
        print(
            f"  point {labels[tuple(voxel)]:g} is in level {level}, {edge:.1f} slices from a disc"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs=2, default=(200, 240))
    parser.add_argument("--fov", choices=FOVS, default="narrow")
    parser.add_argument("--masks", default="truth")
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--figures", type=Path)
    chosen = parser.parse_args()
    if chosen.real:
        real(chosen.figures)
    else:
        simulated(range(*chosen.seeds), chosen.fov, chosen.masks)
