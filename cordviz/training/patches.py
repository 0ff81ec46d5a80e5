"""Cut the training patches once: simulated people, real images with masks, label maps."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from .._files import atomic_path
from ..images import read_image, reorient, spacing_mm, voxels
from ..segmentation.sampling import cut_patches
from ..simulation import simulate_subject

SIZE = 128  # pixels of a stored patch: what a rotated and shifted network input needs
_CONTRASTS = ("T1w", "T2w", "T2star", "MT-on", "MT-off", "GRE-T1w", "DWI", "fMRI")
_ECHO_MS = {"T2w": (45, 150), "DWI": (45, 150), "fMRI": (25, 45), "T2star": (3, 35)}


def prepare(recipe: dict[str, Any], real: Path, cache: Path) -> dict[str, list[Path]]:
    """Cut what is not in the cache yet; return the files by kind: real, simulated, labels.

    Paths of the recipe start from `real`. A file holds image (float16), cord and canal (uint8:
    255 is a pixel full of it; canal is 0 where unknown), each of shape (N, SIZE, SIZE).
    """
    cache.mkdir(parents=True, exist_ok=True)
    jobs: list[tuple[str, str, Any]] = [
        ("real", case["name"].replace(" ", "_"), partial(_cut_real, case, real))
        for case in recipe.get("real", [])
    ]
    if people := recipe.get("simulated"):
        seeds = range(people["first_seed"], people["first_seed"] + people["subjects"])
        jobs += [("simulated", f"sim-{s}", partial(_cut_simulated, s, people)) for s in seeds]
    if labels := recipe.get("labels"):
        jobs.append(("labels", "labels", partial(_cut_labels, labels, real)))
    files: dict[str, list[Path]] = {"real": [], "simulated": [], "labels": []}
    for kind, name, cut in tqdm(jobs, desc="cutting patches", leave=False):
        path = cache / f"{name}.pt"
        if not path.exists():
            with atomic_path(path) as temporary:
                torch.save(cut(), temporary)
        files[kind].append(path)
    return files


def load_ras(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Voxels in RAS order and their spacing; a missing .nii.gz is added."""
    named = path if path.name.endswith((".nii", ".nii.gz")) else Path(f"{path}.nii.gz")
    img = reorient(read_image(named))
    return voxels(img), spacing_mm(img)


def centers_of(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Centre of mass per slice in mm, carried on over slices without mask, shape (Z, 2)."""
    total = mask.sum(axis=(0, 1))
    known = np.flatnonzero(total > 0)
    center = [
        np.arange(mask.shape[a]) @ mask.sum(axis=1 - a)[:, known] / total[known] * spacing[a]
        for a in (0, 1)
    ]
    return np.stack([np.interp(np.arange(total.size), known, c) for c in center], axis=1)


def _pack(image: np.ndarray, cord: np.ndarray, canal: np.ndarray | None) -> dict[str, Any]:
    low, high = np.percentile(image, (1, 99), axis=(1, 2), keepdims=True)
    image = np.clip((image - low) / np.maximum(high - low, 1e-6), -0.5, 3)
    masks = {"cord": cord, "canal": np.zeros_like(cord) if canal is None else canal}
    packed = {k: np.clip(np.rint(255 * m), 0, 255).astype(np.uint8) for k, m in masks.items()}
    return {k: torch.from_numpy(v) for k, v in packed.items()} | {
        "image": torch.from_numpy(image.astype(np.float16))
    }


def _cut_real(case: dict[str, Any], real: Path) -> dict[str, Any]:
    data, spacing = load_ras(real / case["image"])
    mask = (load_ras(real / case["mask"])[0] > 0.5).astype(np.float32)
    slices, center = np.flatnonzero(mask.any(axis=(0, 1))), centers_of(mask, spacing)
    if case.get("complete"):  # also beyond the ends of the mask, and away from the cord
        rng = np.random.default_rng(0)
        away = rng.choice(data.shape[2], data.shape[2] // 4)
        shift = rng.uniform(20, 60, (away.size, 1)) * rng.choice([-1, 1], (away.size, 2)) * [0.3, 1]
        limit = (np.array(data.shape[:2]) - 1) * spacing[:2]
        beyond = np.setdiff1d(np.arange(data.shape[2]), slices)
        slices = np.concatenate([slices, beyond, away])
        center = center[slices]
        center[-away.size :] = np.clip(center[-away.size :] + shift, 0, limit)
    else:
        center = center[slices]
    cord = cut_patches(mask, spacing, center, SIZE, mask=True, slices=slices)
    return _pack(cut_patches(data, spacing, center, SIZE, slices=slices), cord, None)


def _cut_simulated(seed: int, people: dict[str, Any]) -> dict[str, Any]:
    """Scans far beyond the presets: timing, resolution, noise, field strength and tilt vary."""
    if seed < 1_000_000:
        raise ValueError(f"Seeds below 1,000,000 are for evaluation, got {seed}.")
    rng = np.random.default_rng([seed, 7])
    compression = {int(rng.integers(3, 8)): float(rng.uniform(0.1, 0.45))}
    subject = simulate_subject(seed, compression=compression if rng.random() < 0.3 else None)
    packs: list[dict[str, Any]] = []
    while len(packs) < people["scans"]:
        contrast = str(rng.choice(_CONTRASTS))
        options: dict[str, Any] = {
            "fov": (78, 78, float(rng.uniform(60, 150))),
            "voxel_mm": tuple(rng.uniform(0.4, 1.2) * rng.uniform(0.9, 1.1, 2)),
            "thickness_mm": float(rng.choice([1, 2, 3, 5, 8])),
            "tilt_deg": tuple(rng.normal(0, 8, 2)),
            "snr": float(rng.uniform(7, 35)),
            "flip_deg": float(rng.uniform(6, 40)),
            "field_t": float(rng.choice([1.5, 3, 3, 7])),
            "seed": int(rng.integers(1_000_000)),
        }
        echo = _ECHO_MS.get(contrast, (3, 8))
        options["te_ms"] = float(rng.uniform(*echo))
        if contrast in ("T2w", "DWI", "fMRI"):
            options["flip_deg"] = 80.0 if contrast == "fMRI" else 120.0
        image, _ = subject.acquire(contrast, **options)
        # where the image shows the cord: echo-planar distortion cannot be known from it
        truth = voxels(reorient(subject.acquire_warped_truth(contrast, **options)))
        ras = reorient(image)
        spacing = spacing_mm(ras)
        inside = np.flatnonzero(truth.sum(axis=(0, 1)) * spacing[0] * spacing[1] > 15)
        slices = rng.choice(inside, min(people["slices"], inside.size), replace=False)
        where = (spacing, centers_of(truth, spacing)[slices], SIZE)
        cord = cut_patches(truth, *where, mask=True, slices=slices)
        packs.append(_pack(cut_patches(voxels(ras), *where, slices=slices), cord, None))
    return {k: torch.cat([p[k] for p in packs]) for k in packs[0]}


def _cut_labels(labels: dict[str, Any], real: Path) -> dict[str, Any]:
    """Cord with its canal from label maps; the image is left empty."""
    pairs = [
        (path.with_name(path.name.replace("csfseg", "seg")), path, 1)
        for path in sorted((real / labels["spinegeneric"]).glob("*/anat/*_csfseg-manual.nii.gz"))
    ]
    template = real / labels["pam50"]
    pairs.append((template / "PAM50_cord.nii.gz", template / "PAM50_csf.nii.gz", 8))
    packs = []
    for cord_path, csf_path, stride in pairs:
        (cord, spacing), (csf, _) = load_ras(cord_path), load_ras(csf_path)
        cord, csf = np.clip(cord, 0, 1), np.clip(csf, 0, 1)
        slices = np.flatnonzero(cord.any(axis=(0, 1)) & csf.any(axis=(0, 1)))[::stride]
        center = centers_of(cord, spacing)[slices]
        cut = [
            cut_patches(m, spacing, center, SIZE, mask=True, slices=slices)
            for m in (cord, np.maximum(cord, np.minimum(cord + csf, 1)))
        ]
        packs.append(_pack(np.zeros_like(cut[0]), *cut))
    return {k: torch.cat([p[k] for p in packs]) for k in packs[0]}
