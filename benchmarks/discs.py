"""Discs found automatically: overlap of the C2-C3 slices on simulated subjects; real images.

    python benchmarks/discs.py [--seeds 200 240] [--fov narrow|full|neck] [--masks truth agnostic]
    python benchmarks/discs.py --real [--figures FOLDER] [--masks truth agnostic]

Masks are the true ones (of real images the drawn ones) or those of a method of segment_cord.
Overlap is of the sets of slices at levels 2 and 3 between found and true discs, on the same mask.
A refusal counts as 0. "narrow" is (20, 120, 180) mm, what the method needs of a sagittal scan;
"full" the protocol's own field of view; "neck" the simulation's default of 64 x 64 mm.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

import cordviz as cv
from cordviz.centerline import fit_centerline
from cordviz.discs.detection import SURE, DiscsNotFound, FoundDiscs, find_discs
from cordviz.levels import slice_levels

REAL = Path(os.environ.get("CORDVIZ_SHARED_DATA", "../shared/data")) / "real"
FOVS = {"narrow": (20, 120, 180), "full": "full", "neck": "neck"}


def slices_of(discs, seg, levels=(2, 3)) -> set[int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        of_slice = slice_levels(cv.levels_from_discs(discs, seg))
    return set(np.flatnonzero(np.isin(of_slice, levels)).tolist())


def simulated(seeds: range, fov: str, masks: list[str]) -> None:
    for contrast in ("T1w", "T2w"):
        results: dict[str, list[Row]] = {name: [] for name in masks}
        for seed in seeds:
            subject = cv.simulate_subject(seed=seed)
            image, truth = subject.acquire(contrast, fov=FOVS[fov])
            for name, rows in results.items():
                seg = truth
                if name != "truth":
                    seg = cv.segment_cord(image, method=name, progress=False)
                rows.append(Row.of(image, seg, subject.disc_points_mm))
                if rows[-1].overlap < 0.9:
                    print(f"  {contrast} {seed}, {name}: {rows[-1]}", flush=True)
        for name, rows in results.items():
            iou, dice = np.array([row.overlap for row in rows]), [row.dice for row in rows]
            found = [row for row in rows if not row.refused]
            print(
                f"{contrast} fov={fov} masks={name} seeds={seeds.start}-{seeds.stop - 1} "
                f"n={len(rows)}: IoU >= 0.9 in {np.mean(iou >= 0.9):.1%}, Dice >= 0.9 in "
                f"{np.mean(np.array(dice) >= 0.9):.1%}, median IoU {np.median(iou):.3f}, lowest "
                f"{iou.min():.3f}; refused {len(rows) - len(found)}, wrong level "
                f"{sum(row.gap_mm > 8 for row in found)}, median confidence "
                f"{np.median([row.confidence for row in found]):.3f}, "
                f"{np.median([row.seconds for row in found]):.1f} CPU s",
                flush=True,
            )


@dataclass(frozen=True)
class Row:
    """Found discs of one image against the true ones."""

    overlap: float
    dice: float
    gap_mm: float
    confidence: float
    seconds: float
    refused: str = ""

    @classmethod
    def of(cls, image, seg, true_points) -> Row:
        start = time.process_time()
        try:
            found = find_discs(image, seg)
        except DiscsNotFound as error:
            return cls(0, 0, np.nan, np.nan, np.nan, str(error).split(". Give")[0])
        seconds = time.process_time() - start
        ours, true = slices_of(found.points_mm, seg), slices_of(true_points, seg)
        iou = len(ours & true) / len(ours | true)
        gap = np.linalg.norm(found.points_mm[3] - true_points[3])
        return cls(iou, 2 * iou / (1 + iou), float(gap), found.confidence, seconds)

    def __str__(self) -> str:
        return self.refused or f"IoU {self.overlap:.3f}, disc 3 off by {self.gap_mm:.1f} mm"


CASES = {
    "t2": ("sct_testing_data/t2/t2", "sct_testing_data/t2/t2_seg-manual"),
    "t1w": ("sct_testing_data/t1/t1w", "sct_testing_data/t1/t1w_seg-manual"),
} | {
    f"errsm_{i}": tuple(
        f"sct_testing_2014/errsm_{i}/t2/{f}" for f in ("t2", "t2_manual_segmentation")
    )
    for i in (11, 18, 23)
}


def real(figures: Path | None, masks: str) -> None:
    points = REAL / "sct_testing_data/t2/labels.nii.gz"
    print(f"masks: {'drawn' if masks == 'truth' else masks}")
    for name, (image, mask) in CASES.items():
        image, seg = REAL / f"{image}.nii.gz", REAL / f"{mask}.nii.gz"
        if masks != "truth":
            seg = cv.segment_cord(image, method=masks, progress=False)
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
            figure.write_image(figures / f"{name}_{masks}.png", scale=1.5)


def check(found: FoundDiscs, landmarks: Path, seg: cv.images.ImageLike) -> None:
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
    parser.add_argument("--masks", nargs="+", default=["truth"])
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--figures", type=Path)
    chosen = parser.parse_args()
    if chosen.real:
        for masks in chosen.masks:
            real(chosen.figures, masks)
    else:
        simulated(range(*chosen.seeds), chosen.fov, chosen.masks)
