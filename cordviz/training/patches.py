"""Keep training patches on disk, cut once, and say how often each is drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed
from torch import Tensor
from tqdm.auto import tqdm

from .._files import atomic_path, code_hash, digest
from ..datasets.sessions import contrast_in
from .cutting import CONTRASTS, cut_labels, cut_real, cut_session, cut_simulated, with_ending


def prepare(
    recipe: dict[str, Any], real: Path, cache: Path, *, progress: bool = True
) -> dict[str, list[Path]]:
    """Cut what is not in the cache yet; return the files by kind: real, simulated, labels.

    Paths of the recipe start from `real`. A file holds image (float16, 0 where there are labels
    only), contrast (index into `CONTRASTS`) and masks (uint8, 255 is a pixel full of it): cord,
    the truth; of simulated sessions also soft, the mean of the raters of all contrasts, and hard,
    the mask of the contrast's own rater; of label maps canal. Shapes (N, SIZE, SIZE).
    """
    scans = [recipe.get("simulated", {}).get(k) for k in ("scans", "slices", "convention")]
    code = code_hash(
        "training/cutting.py", "training/patches.py", "segmentation/sampling.py", "simulation/*.py"
    )
    cache = cache / digest(code, str(scans), np.__version__)[:10]
    cache.mkdir(parents=True, exist_ok=True)
    cases = [*recipe.get("real", []), *_spine_generic(recipe, real)]
    names, left_out = [case["name"] for case in cases], recipe.get("left_out", [])
    if unknown := [name for name in left_out if name not in names]:
        raise ValueError(
            f"left_out names {', '.join(unknown)}, but there are only images named "
            f"{shorten(', '.join(names), 800)}. Take names from these."
        )
    jobs: list[tuple[str, str, Any]] = []
    for case in cases:
        if case["name"] not in left_out:
            read = [real / case[key] for key in ("image", "mask", "hard") if key in case]
            name = _file_name(case["name"], case, read)
            jobs.append(("real", name, partial(cut_real, case, real)))
    if people := recipe.get("simulated"):
        first = people["first_seed"]
        for seed in range(first, first + people["subjects"]):
            session = (seed - first) % 2 == 0  # every other person
            cut = cut_session if session else cut_simulated
            jobs.append(("simulated", f"sim-{seed}", partial(cut, seed, people)))
    if (labels := recipe.get("labels")) and labels["share"] > 0:
        pairs = _label_maps(labels, real)
        name = _file_name("labels", labels, [path for pair in pairs for path in pair[:2]])
        jobs.append(("labels", name, partial(cut_labels, pairs)))
    files: dict[str, list[Path]] = {"real": [], "simulated": [], "labels": []}
    for kind, name, _ in jobs:
        files[kind].append(cache / f"{name}.pt")
    todo = [(cut, cache / f"{name}.pt") for _, name, cut in jobs]
    todo = [job for job in todo if not job[1].exists()]
    done = Parallel(n_jobs=-1, return_as="generator_unordered")(
        delayed(_store)(*job) for job in todo
    )
    for _ in tqdm(done, total=len(todo), desc="cutting patches", disable=not progress):
        pass
    return files


def _file_name(name: str, case: dict[str, Any], read: list[Path]) -> str:
    """With a hash of what decides how its patches look, files too: not how often they are drawn."""
    looks = [(k, str(case[k])) for k in sorted({*case} - {"name", "share", "share_late"})]
    for path in (with_ending(path) for path in read):
        if path.exists():  # else it is missed, with a plain message, when it is read
            looks.append((str(path.resolve()), f"{path.stat().st_size} {path.stat().st_mtime_ns}"))
    return f"{name.replace(' ', '_')}-{digest(str(looks))[:6]}"


def _store(cut: Callable[[], dict[str, Any]], path: Path) -> None:
    torch.set_num_threads(1)  # of one process among several
    with atomic_path(path) as temporary:
        torch.save(cut(), temporary)


def _spine_generic(recipe: dict[str, Any], real: Path) -> list[dict[str, Any]]:
    """Cases of a folder of spine-generic downloads: every image with a soft truth."""
    if not (folder := recipe.get("spine_generic", {}).get("folder")):
        return []
    root, cases = (real / folder).resolve(), []
    labels = root / "derivatives"
    for soft in sorted(labels.glob("labels_softseg/sub-*/*/*_label-SC_softseg.nii.gz")):
        where = soft.parent.relative_to(labels / "labels_softseg")
        stem = soft.name.removesuffix("_label-SC_softseg.nii.gz")
        image, hard = root / where / stem, labels / "labels" / where / f"{stem}_label-SC_seg"
        contrast = contrast_in(f"{stem}.nii.gz")
        if contrast and all(Path(f"{path}.nii.gz").exists() for path in (image, hard)):
            case = {"name": stem, "contrast": contrast, "image": image, "mask": soft, "hard": hard}
            cases.append(case | {"slices": recipe["spine_generic"].get("slices", 16)})
    if not cases:
        raise FileNotFoundError(
            f"No image with its masks in {root}: expected sub-*/*/*.nii.gz, with a soft mask in "
            "derivatives/labels_softseg and a hard one in derivatives/labels."
        )
    return cases


def _label_maps(labels: dict[str, Any], real: Path) -> list[tuple[Path, Path, int]]:
    """Maps of cord and of fluid, and every which slice is taken."""
    pairs = [
        (path.with_name(path.name.replace("csfseg", "seg")), path, 1)
        for path in sorted((real / labels["spinegeneric"]).glob("*/anat/*_csfseg-manual.nii.gz"))
    ]
    template = real / labels["pam50"]
    return [*pairs, (template / "PAM50_cord.nii.gz", template / "PAM50_csf.nii.gz", 8)]


def load_patches(
    files: dict[str, list[Path]], settings: dict[str, Any]
) -> tuple[dict[str, Tensor], Tensor]:
    """Read all patches, and how often each is drawn: by kind, then by volume, then evenly.

    `truth` is the mask that the recipe names: cord (exact), soft or hard, see `prepare`; simulated
    people without such a mask are left out. A recipe with ``contrasts`` draws only those. The odds
    have shape (2, N): of the steps at constant rate, and of those in which it falls.
    """
    plan = settings["train"]
    mask = plan.get("truth", "cord")
    wanted = [CONTRASTS.index(c) for c in plan.get("contrasts", CONTRASTS)]
    shares = _shares(settings)
    extra = {c["name"].replace(" ", "_"): c.get("share", 1.0) for c in settings.get("real", [])}
    parts, odds, device = [], [], torch.get_default_device()
    hard = torch.ones(2, len(CONTRASTS))
    for contrast, times in settings.get("simulated", {}).get("odds_late", {}).items():
        hard[1, CONTRASTS.index(contrast)] = times
    for kind, paths in files.items():
        of_kind: list[Tensor] = []
        stored = []
        for path in paths:
            part = torch.load(path, map_location=device, weights_only=True)
            right = torch.isin(part["contrast"].long(), torch.tensor(wanted))
            if kind == "simulated" and mask not in part:
                continue
            truth = part.get(mask, part["cord"])[right]
            canal = part["canal"][right] if "canal" in part else torch.zeros_like(truth)
            n = len(truth)
            # a long volume counts more, but not as often as it has slices
            each = torch.full(
                (2, n), extra.get(path.stem.rsplit("-", 1)[0], 1.0) / math.sqrt(max(n, 1))
            )
            if kind == "simulated":
                each = each * hard[:, part["contrast"].long()[right]]
            of_kind.append(each)
            stored.append({"image": part["image"][right], "truth": truth, "canal": canal})
        if of_kind and (weights := torch.cat(of_kind, dim=1)).sum() > 0:
            parts += stored
            odds.append(weights / weights.sum(dim=1, keepdim=True) * shares[kind][:, None])
    if not odds:
        raise ValueError(
            "The recipe leaves nothing to learn from: it names neither real images nor simulated "
            "people with these contrasts and masks."
        )
    return {k: torch.cat([p[k] for p in parts]) for k in parts[0]}, torch.cat(odds, dim=1)


def _shares(settings: dict[str, Any]) -> dict[str, Tensor]:
    """Of the examples, by kind: at constant rate, and when it falls; the rest is real."""
    shares = {}
    for kind in ("simulated", "labels"):
        of_kind = settings.get(kind, {})
        early = of_kind.get("share", 0.0)
        shares[kind] = torch.tensor([early, of_kind.get("share_late", early)])
    return shares | {"real": 1 - shares["simulated"] - shares["labels"]}
