"""Every method on real images with cord masks: overlap, distance, area, agreement of contrasts.

    python benchmarks/evaluate.py [FOLDER ...] [--methods agnostic,deepseg,propseg]
        [--weights FOLDER] [--pictures FOLDER] [--csv FILE] [--cards FOLDER]

FOLDER: BIDS-like sessions (spine-generic, gm-challenge) with ``*_seg`` masks; without one, the
images that the development machines share. Dice at one half, average surface distance (mm) and
area ratio (soft sum over mask) count the slices that the mask covers; `dice_whole` leaves out the
first and the last of them where the mask is cut off slantwise, less than `CUT` of its neighbour.
Fluid ratio: how bright the image is around the mask, over the outer part of the cord. Agreement: SD
(ddof=1) over the contrasts of one session, or two runs of one contrast, of slice areas if they
share a grid, else of the mean area.
"seen" images are in the recipe of the network or of one that it goes on from (of the agnostic one,
for propseg). What to expect of people not seen:
--weights FOLDER takes NAME.pt and NAME.json from another folder, such as ``cordviz train fold_1``
leaves them (its final.pt and final.json, renamed). --cards adds these figures to the cards.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from propseg import CASES, GM, MTS, OLD, SCT, dice, load
from scipy import ndimage

import cordviz as cv
from cordviz import segmentation
from cordviz.images import reorient, spacing_mm, voxels

SHIPPED = segmentation.WEIGHTS
FAMILIES = ("t1", "t2", "t2s", "dwi")
CONTRASTS = {"agnostic": FAMILIES} | {family: (family,) for family in FAMILIES}
SHARED = {
    name.split(" as ")[0]: (image, mask, contrast)
    for name, (image, mask, contrast, *_) in reversed(CASES.items())
}
# sct_testing_data's mt/t1w is mt0 times a constant (correlation 1): it would count twice
WITHOUT_MASK = {
    "errsm_20": (f"{OLD}/errsm_20/t2/t2", "t2"),
    "dwi_mean": (f"{SCT}/dmri/dwi_mean", "dwi"),
    "fmri": (f"{SCT}/fmri/fmri", "fmri"),
}
RESCANNED = ("10062Ses1", "10062Ses2", "9418", "9584", "9669")
WITHOUT_MASK |= {
    f"{p} run-2": (f"{GM}/sub-{p}/anat/sub-{p}_run-2_T2starw", "t2s") for p in RESCANNED
}
SESSIONS = {
    "sct_testing_data mt": ("mt0", "mt1"),
    "sub-05": ("sub-05 MT-on", "sub-05 MT-off"),
    "errsm_23": ("errsm_23 mt0", "errsm_23 mt1"),
    **{f"{p}, two runs": (p, f"{p} run-2") for p in RESCANNED},
}
assert MTS in SHARED["sub-05 MT-on"][0]
CUT = 0.6


def shared_images() -> list[dict]:
    rows = []
    session = {image: name for name, images in SESSIONS.items() for image in images}
    for name, (image, mask, contrast) in SHARED.items():
        family = cv.closest_contrast(contrast)
        # grey levels decide: the MT-off and GRE-T1w images of the older protocol show a dark cord
        family = "t2s" if name in ("mt0", "errsm_23 mt0") else family
        rows.append(
            {"image": name, "session": session.get(name, f"{name} alone"), "split": "unseen",
             "file": image.removesuffix(".nii.gz"), "contrast": family,
             "load": lambda i=image: load(i), "mask": lambda m=mask: load(m)}
        )  # fmt: skip
    for name, (image, contrast) in WITHOUT_MASK.items():
        rows.append(
            {"image": name, "session": session.get(name, name), "split": "no mask", "mask": None,
             "contrast": cv.closest_contrast(contrast), "load": lambda i=image: three_d(load(i))}
        )  # fmt: skip
    return rows


def three_d(img: nib.Nifti1Image) -> nib.Nifti1Image:
    return cv.load_image(img, reduce="mean" if img.ndim == 4 else None)


def folder_images(folder: Path) -> list[dict]:
    rows = []
    for session in cv.datasets.load_sessions(folder).values():
        for contrast in session:
            mask = session.masks.get(contrast) or session.soft_masks.get(contrast)
            rows.append(
                {"image": f"{session.name} {contrast}", "session": session.name, "split": "",
                 "contrast": cv.closest_contrast(contrast),
                 "load": lambda s=session, c=contrast: s.load(c),
                 "mask": mask and (lambda m=mask: nib.load(m))}
            )  # fmt: skip
    return rows


def card_of(method: str, contrast: str) -> Path:
    return segmentation.WEIGHTS / f"{contrast if method == 'deepseg' else 'agnostic'}.json"


@lru_cache
def seen_by(card: Path) -> set[str]:
    """Images that the network of a card has learnt from, or one that it goes on from."""
    recipe = json.loads(card.read_text(encoding="utf-8"))["recipe"]
    left_out = recipe.get("left_out", [])
    seen = {case["image"] for case in recipe.get("real", []) if case["name"] not in left_out}
    if start := recipe["train"].get("start"):
        for path in (card.with_name(f"{start}.json"), SHIPPED / f"{start}.json"):
            # a fold may bear the name of the agnostic network
            if path != card and path.exists() and json.loads(path.read_text())["name"] == start:
                return seen | seen_by(path)
        raise FileNotFoundError(f"{card} goes on from {start!r}: put {start}.json beside it.")
    return seen


def whole_ends(mask: np.ndarray) -> slice:
    """Slices of a mask but the first and the last where it is cut off."""
    area = mask.sum(axis=(0, 1))
    if len(area) < 3:
        return slice(None)
    first, last = area[0] < CUT * area[1], area[-1] < CUT * area[-2]
    return slice(int(first), len(area) - int(last))


def surface_distance(a: np.ndarray, b: np.ndarray, spacing: np.ndarray) -> float:
    """Average distance between the outlines of two masks, slice by slice, mm."""
    found = []
    for k in range(a.shape[2]):
        edges = [m ^ ndimage.binary_erosion(m) for m in (a[..., k], b[..., k])]
        if all(e.any() for e in edges):
            away = [ndimage.distance_transform_edt(~e, sampling=spacing[:2]) for e in edges]
            found += [away[1][edges[0]], away[0][edges[1]]]
    return float(np.concatenate(found).mean()) if found else np.nan


def fluid_ratio(data: np.ndarray, mask: np.ndarray, spacing: np.ndarray) -> float:
    """Median 0.7 to 2.2 mm outside a hard mask over that 0.6 to 1.6 mm inside, of the slices."""
    found = []
    for k in np.flatnonzero(mask.any(axis=(0, 1))):
        out, within = (
            ndimage.distance_transform_edt(m, sampling=spacing[:2])
            for m in (~mask[..., k], mask[..., k])
        )
        around = data[..., k][(out > 0.7) & (out < 2.2)]
        cord = data[..., k][(within > 0.6) & (within < 1.6)]
        if min(around.size, cord.size) > 4:
            found.append(np.median(around) / np.median(cord))
    return float(np.median(found))


def evaluate(case: dict, method: str, pictures: Path | None) -> dict:
    img = case["load"]()
    row = {k: case[k] for k in ("image", "session", "split", "contrast")} | {"method": method}
    if "file" in case and case["file"] in seen_by(card_of(method, case["contrast"])):
        row["split"] = "seen"
    told = {} if method == "agnostic" else {"contrast": case["contrast"]}
    start = time.process_time()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            seg = reorient(cv.segment_cord(img, method=method, progress=False, **told))
    except ValueError as error:
        missed = dict.fromkeys(("dice", "dice_whole"), 0.0) if case["mask"] else {}
        return row | missed | {"note": str(error)[:40]}
    spacing, soft = spacing_mm(seg), voxels(seg)
    area = soft.sum(axis=(0, 1)) * spacing[0] * spacing[1]
    row |= {"cpu_s": time.process_time() - start, "slices": int((area > 5).sum()), "_area": area}
    row |= {"area_mm2": float(np.median(area[area > 5])), "note": "warned" if caught else ""}
    truth = None
    if case["mask"]:
        truth = voxels(reorient(case["mask"]())) > 0.5
        covered = np.flatnonzero(truth.any(axis=(0, 1)))
        hard, drawn = soft[..., covered] > 0.5, truth[..., covered]
        whole = whole_ends(drawn)
        row |= {
            "dice": dice(hard, drawn),
            "dice_whole": dice(hard[..., whole], drawn[..., whole]),
            "distance_mm": surface_distance(hard, drawn, spacing),
            "area_ratio": float(soft[..., covered].sum() / drawn.sum()),
            "fluid_ratio": fluid_ratio(voxels(reorient(img)), truth, spacing),
        }
    if pictures:
        name = case["image"].replace("*", "").replace(" ", "_")
        draw(voxels(reorient(img)), soft, truth, pictures / f"{name}_{method}.png")
    return row


def agreement(rows: list[dict]) -> pd.DataFrame:
    """SD of the area over the contrasts, or runs, of each session, mm²."""
    found = []
    by: dict[tuple[str, str], list[dict]] = {}
    for row in rows:
        if "_area" in row:
            by.setdefault((row["session"], row["method"]), []).append(row)
    for (session, method), images in by.items():
        areas = [row["_area"] for row in images]
        if len(areas) < 2:
            continue
        if len({a.size for a in areas}) == 1:
            both = (np.array(areas) > 10).all(axis=0)
            spread = np.array(areas)[:, both].std(axis=0, ddof=1).mean()
            over = f"{both.sum()} slices"
        else:
            spread, over = np.std([a[a > 10].mean() for a in areas], ddof=1), "means"
        contrasts = ", ".join(f"{r['image']} {r['area_mm2']:.1f}" for r in images)
        found.append(
            {"session": session, "method": method, "sd_mm2": round(float(spread), 2),
             "over": over, "medians": contrasts}
        )  # fmt: skip
    return pd.DataFrame(found)


def draw(data: np.ndarray, soft: np.ndarray, truth: np.ndarray | None, path: Path) -> None:
    """Up to twelve slices around the cord: found in red, drawn by hand in green."""
    import matplotlib.pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(2, 6, figsize=(15, 5.4))
    shown = soft if truth is None else np.maximum(soft, truth)
    cord = np.flatnonzero(shown.sum(axis=(0, 1)) > 0)
    for ax in axes.flat:
        ax.axis("off")
    some = np.unique(np.linspace(0, len(cord) - 1, 12).astype(int))
    for ax, k in zip(axes.flat, cord[some], strict=False):  # a short scan has fewer
        low, high = np.percentile(data[..., k], (1, 99))
        ax.imshow(data[..., k].T, origin="lower", cmap="gray", vmin=low, vmax=high)
        ax.contour(soft[..., k].T, [0.5], colors="r", linewidths=0.8)
        if truth is not None:
            ax.contour(truth[..., k].T, [0.5], colors="lime", linewidths=0.6)
        if (where := np.argwhere(shown[..., k] > 0.2)).size:
            x, y = where.mean(axis=0)
            half = 0.14 * max(data.shape[0], 160)
            ax.set(xlim=(x - half, x + half), ylim=(y - half, y + half), title=str(k))
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=60)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--methods", default="agnostic,deepseg,propseg")
    parser.add_argument("--weights", type=Path, help="folder of NAME.pt and NAME.json")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--cards", type=Path, help="folder of the NAME.json to add the figures to")
    parser.add_argument("--only", help="images whose name contains this")
    options = parser.parse_args()
    if options.weights:
        segmentation.WEIGHTS = options.weights
    cases = [c for f in options.folders for c in folder_images(f)] or shared_images()
    cases = [c for c in cases if not options.only or options.only in c["image"]]
    methods = options.methods.split(",")
    cards = {card_of(method, case["contrast"]) for method in methods for case in cases}
    files = {path for card in cards for path in (card, card.with_suffix(".pt"))}
    if missing := sorted(path.name for path in files if not path.exists()):
        parser.error(f"no {', '.join(missing)} in {segmentation.WEIGHTS}; add, or choose --methods")
    for card in cards:
        seen_by(card)  # one whose parent is missing fails now, not after hours
    rows = []
    for method in methods:
        for case in cases:
            rows.append(evaluate(case, method, options.pictures))
            shown = {k: v for k, v in rows[-1].items() if k not in ("_area", "session")}
            print("  ".join(f"{v:.3f}" if isinstance(v, float) else f"{v:13}" if isinstance(v, str)
                            else str(v) for v in shown.values()), flush=True)  # fmt: skip
    without = dict.fromkeys(("dice", "dice_whole", "distance_mm", "area_ratio"), np.nan)  # a mask
    table = pd.DataFrame([without | row for row in rows]).drop(columns="_area", errors="ignore")
    spread = agreement(rows)
    both = ["mean", "min"]
    how = {"dice": both, "dice_whole": both, "distance_mm": "mean", "area_ratio": "mean"}
    print(table.dropna(subset="dice").groupby(["method", "split"]).agg(how).round(3))
    print(spread.to_string(index=False))
    if options.csv:
        table.to_csv(options.csv, index=False, float_format="%.4f")
    if options.cards:
        write_cards(table, spread, options.cards)


def write_cards(table: pd.DataFrame, spread: pd.DataFrame, folder: Path) -> None:
    """Add the figures to the card of each network, of a specific one on images of its contrast."""
    columns = ["split", "dice", "dice_whole", "distance_mm", "area_ratio", "area_mm2", "slices"]
    for name in ("agnostic", "t1", "t2", "t2s", "dwi"):
        method = "agnostic" if name == "agnostic" else "deepseg"
        mine = table[(table["method"] == method) & table["contrast"].isin(CONTRASTS[name])]
        if mine.empty:
            continue
        path = folder / f"{name}.json"
        card = json.loads(path.read_text(encoding="utf-8"))
        rows = mine.set_index("image")[columns].round(3).to_dict("index")
        card["real"] = {
            image: {k: v for k, v in row.items() if pd.notna(v)} for image, row in rows.items()
        }
        if method == "agnostic":
            card["agreement"] = (
                spread[spread["method"] == name].drop(columns="method").to_dict("records")
            )
        text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
