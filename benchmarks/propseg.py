"""Dice and CPU time of method="propseg" on every shared image with a cord mask.

    python benchmarks/propseg.py [NAME ...]

Parameters were chosen on the half "tune"; "check" was only looked at. Masks of MT-off and GRE-T1w
images of the older protocol show a dark cord, so these are also run as t2s, by their looks.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np

import cordviz as cv

REAL = Path(os.environ.get("CORDVIZ_SHARED_DATA", "../shared/data")) / "real"
SCT, OLD, GM = "sct_testing_data", "sct_testing_2014", "gm_challenge_data"
MTS = "sct_tutorial_data/multi_subject/data/sub-05/anat/sub-05_acq-MT"


def gm(subject: str) -> tuple[str, str]:
    stem = f"{subject}/anat/{subject}_run-1_T2starw"
    return f"{GM}/{stem}.nii.gz", f"{GM}/derivatives/labels/{stem}_seg-manual.nii.gz"


# name: image, mask, contrast, half, required Dice, PropSeg's own Dice
CASES = {
    "t2": (f"{SCT}/t2/t2", f"{SCT}/t2/t2_seg-manual", "t2", "tune", 0.95, 0.968),
    "t1w": (f"{SCT}/t1/t1w", f"{SCT}/t1/t1w_seg-manual", "t1", "tune", 0.90, 0.917),
    "t2s": (f"{SCT}/t2s/t2s", f"{SCT}/t2s/t2s_seg", "t2s", "tune", 0.83, 0.830),
    "mt1": (f"{SCT}/mt/mt1", f"{SCT}/mt/mt1_seg", "t2s", "tune", 0.90, 0.976),
    "mt0 as t2s": (f"{SCT}/mt/mt0", f"{SCT}/mt/mt0_seg", "t2s", "tune", None, 0.973),
    "mt0 as t1": (f"{SCT}/mt/mt0", f"{SCT}/mt/mt0_seg", "t1", "tune", None, None),
    "errsm_18": (
        f"{OLD}/errsm_18/t2/t2",
        f"{OLD}/errsm_18/t2/t2_manual_segmentation",
        "t2",
        "tune",
        None,
        0.911,
    ),
    "errsm_18 gre": (
        f"{OLD}/errsm_18/gre/gre",
        f"{OLD}/errsm_18/gre/segmentation_binary",
        "t2s",
        "tune",
        None,
        None,
    ),
    "10062Ses1": (*gm("sub-10062Ses1"), "t2s", "tune", None, None),
    "10062Ses2": (*gm("sub-10062Ses2"), "t2s", "tune", None, None),
    "9584": (*gm("sub-9584"), "t2s", "tune", None, None),
    "fake_lesion": (
        f"{SCT}/t2/t2_fake_lesion",
        f"{SCT}/t2/t2_fake_lesion_sc_seg",
        "t2",
        "check",
        None,
        None,
    ),
    "PAM50_small": (
        f"{SCT}/template/template/PAM50_small_t2",
        f"{SCT}/template/template/PAM50_small_cord",
        "t2",
        "check",
        None,
        None,
    ),
    "sub-05 MT-on": (f"{MTS}on_MTS", f"{MTS}on_MTS_seg", "t2s", "check", 0.87, 0.897),
    "sub-05 MT-off": (f"{MTS}off_MTS", f"{MTS}on_MTS_seg", "t1", "check", None, None),
    "errsm_11": (
        f"{OLD}/errsm_11/t2/t2",
        f"{OLD}/errsm_11/t2/t2_manual_segmentation",
        "t2",
        "check",
        None,
        None,
    ),
    "errsm_23": (
        f"{OLD}/errsm_23/t2/t2",
        f"{OLD}/errsm_23/t2/t2_manual_segmentation",
        "t2",
        "check",
        None,
        0.914,
    ),
    "errsm_23 mt1": (
        f"{OLD}/errsm_23/mt/mt1",
        f"{OLD}/errsm_23/mt/segmentation_binary",
        "t2s",
        "check",
        None,
        None,
    ),
    "errsm_23 mt0 as t2s": (
        f"{OLD}/errsm_23/mt/mt0",
        f"{OLD}/errsm_23/mt/segmentation_binary",
        "t2s",
        "check",
        None,
        None,
    ),
    "ivadomed T2*w": (
        "ivadomed_testing/sub-test001_T2star",
        "ivadomed_testing/sub-test001_T2star_seg-manual",
        "t2s",
        "check",
        None,
        None,
    ),
    "9418": (*gm("sub-9418"), "t2s", "check", None, None),
    "9669": (*gm("sub-9669"), "t2s", "check", None, None),
}


def load(name: str) -> nib.Nifti1Image:
    return nib.load(REAL / (name if name.endswith(".nii.gz") else f"{name}.nii.gz"))


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def measure(image: str, mask: str, contrast: str) -> dict[str, float]:
    """Dice over the slices that the mask covers, share of them found, area ratio, CPU seconds."""
    img = load(image)
    truth = nib.as_closest_canonical(load(mask)).get_fdata() > 0.5
    start = time.process_time()
    try:
        seg = cv.segment_cord(img, method="propseg", contrast=contrast, progress=False)
    except ValueError as error:
        print(f"    {error}")
        return dict(dice=0.0, found=0.0, area=np.nan, cpu_s=time.process_time() - start)
    cpu = time.process_time() - start
    soft = nib.as_closest_canonical(seg).get_fdata()
    covered = truth.any(axis=(0, 1))
    soft, truth = soft[..., covered], truth[..., covered]
    return dict(
        dice=dice(soft > 0.5, truth),
        found=float((soft > 0.5).any(axis=(0, 1)).mean()),
        area=soft.sum() / truth.sum(),
        cpu_s=cpu,
    )


def main(names: list[str]) -> None:
    print(f"{'image':20} {'-c':4} {'half':6} {'Dice':>6} {'floor':>6} {'PropSeg':>8}", end="")
    print(f" {'slices':>7} {'area':>6} {'CPU s':>6}")
    halves: dict[str, list[float]] = {"tune": [], "check": []}
    groups: dict[str, list[dict]] = {"sct_testing_2014 T2w": [], "gm_challenge": []}
    for name, (image, mask, contrast, half, floor, theirs) in CASES.items():
        if names and name not in names:
            continue
        r = measure(image, mask, contrast)
        print(
            f"{name:20} {contrast:4} {half:6} {r['dice']:6.3f} {floor or '':>6} {theirs or '':>8}"
            f" {r['found']:7.2f} {r['area']:6.2f} {r['cpu_s']:6.2f}",
            flush=True,
        )
        halves[half].append(r["dice"])
        if OLD in image and "/t2/" in image:
            groups["sct_testing_2014 T2w"].append(r)
        if GM in image:
            groups["gm_challenge"].append(r)
    for half, values in halves.items():
        if values:
            print(f"mean of half {half!r}: {np.mean(values):.3f}  (n = {len(values)})")
    for group, rows in groups.items():
        if rows:
            means = {k: np.mean([row[k] for row in rows]) for k in ("dice", "found")}
            print(f"{group}: mean Dice {means['dice']:.3f}, slices found {means['found']:.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
