"""Cut training patches from one image, one label map, or one simulated person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from .._validation import check_3d, check_finite, check_same_grid
from ..images import read_image, reorient, spacing_mm, voxels
from ..segmentation.sampling import cut_patches
from ..simulation import simulate_subject
from ..simulation.sequences import PRESETS, make_sequence
from ..simulation.subject import Subject

SIZE = 128  # pixels of a stored patch: what a rotated and shifted network input needs
CONTRASTS = tuple(PRESETS)
SESSION = ("T1w", "T2w", "T2star", "MT-on", "GRE-T1w", "DWI")  # each person of the published study
_CSF_INFLOW = {"T2star": 1.0, "MT-on": 0.6, "MT-off": 0.6, "GRE-T1w": 0.2}  # at most
_ECHO_MS = {"T2w": (45, 150), "DWI": (45, 150), "fMRI": (25, 45), "T2star": (3, 35)}


def load_ras(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Voxels in RAS order and their spacing; a missing .nii.gz is added."""
    img = reorient(read_image(with_ending(path)))
    check_3d(img.shape, f"image {path.name}")
    check_finite(voxels(img), f"image {path.name}")
    return voxels(img), spacing_mm(img)


def with_ending(path: Path) -> Path:
    """Name of a NIfTI file, ``.nii.gz`` added where it has no ending."""
    return path if path.name.endswith((".nii", ".nii.gz")) else Path(f"{path}.nii.gz")


def centers_of(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Centre of mass per slice in mm, carried on over slices without mask, shape (Z, 2)."""
    total = mask.sum(axis=(0, 1))
    known = np.flatnonzero(total > 0)
    center = [
        np.arange(mask.shape[a]) @ mask.sum(axis=1 - a)[:, known] / total[known] * spacing[a]
        for a in (0, 1)
    ]
    return np.stack([np.interp(np.arange(total.size), known, c) for c in center], axis=1)


def _pack(image: np.ndarray, contrast: str, **masks: np.ndarray) -> dict[str, Any]:
    low, high = np.percentile(image, (1, 99), axis=(1, 2), keepdims=True)
    image = np.clip((image - low) / np.maximum(high - low, 1e-6), -0.5, 3)
    packed = {k: np.clip(np.rint(255 * m), 0, 255).astype(np.uint8) for k, m in masks.items()}
    return {k: torch.from_numpy(v) for k, v in packed.items()} | {
        "image": torch.from_numpy(image.astype(np.float16)),
        "contrast": torch.full((len(image),), CONTRASTS.index(contrast), dtype=torch.uint8),
    }


def _join(packs: list[dict[str, Any]]) -> dict[str, Any]:
    return {k: torch.cat([p[k] for p in packs]) for k in packs[0]}


def cut_real(case: dict[str, Any], real: Path) -> dict[str, Any]:
    """Slices of an image through its mask, and beyond that where the mask is complete."""
    data, spacing = load_ras(real / case["image"])
    image, masks = read_image(with_ending(real / case["image"])), {}
    for name, path in (("cord", case["mask"]), ("hard", case.get("hard"))):
        if path is not None:
            mask = read_image(with_ending(real / path))
            check_same_grid(mask, image, str(path), str(case["image"]))
            masks[name] = np.clip(load_ras(real / path)[0], 0, 1)
    mask = masks["cord"]
    rng = np.random.default_rng(0)
    slices, center = np.flatnonzero(mask.any(axis=(0, 1))), centers_of(mask, spacing)
    if slices.size > (most := case.get("slices", slices.size)):
        slices = rng.choice(slices, most, replace=False)
    if case.get("complete"):  # also beyond the ends of the mask, and away from the cord
        away = rng.choice(data.shape[2], data.shape[2] // 4)
        shift = rng.uniform(20, 60, (away.size, 1)) * rng.choice([-1, 1], (away.size, 2)) * [0.3, 1]
        limit = (np.array(data.shape[:2]) - 1) * spacing[:2]
        beyond = np.setdiff1d(np.arange(data.shape[2]), slices)
        slices = np.concatenate([slices, beyond, away])
        center = center[slices]
        center[-away.size :] = np.clip(center[-away.size :] + shift, 0, limit)
    else:
        center = center[slices]
    where = (spacing, center, SIZE)
    cut = {k: cut_patches(m, *where, mask=True, slices=slices) for k, m in masks.items()}
    return _pack(cut_patches(data, *where, slices=slices), case["contrast"], **cut)


def cut_labels(pairs: list[tuple[Path, Path, int]]) -> dict[str, Any]:
    """Cord with its canal from label maps; the image is left empty."""
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
        packs.append(_pack(np.zeros_like(cut[0]), "T2w", cord=cut[0], canal=cut[1]))
    return _join(packs)


def _person(seed: int) -> tuple[Subject, np.random.Generator]:
    if seed < 1_000_000:
        raise ValueError(f"Seeds below 1,000,000 are for evaluation, got {seed}.")
    rng = np.random.default_rng([seed, 7])
    compression = {int(rng.integers(3, 8)): float(rng.uniform(0.1, 0.45))}
    compressed = rng.random() < 0.3
    # areas vary more than between people: what is usual must not stand in for what an image shows
    lost = 100 * (1 - float(np.exp(rng.uniform(-0.4, 0.3))))
    subject = simulate_subject(
        seed, compression=compression if compressed else None, atrophy_percent=lost
    )
    return subject, rng


def cut_simulated(seed: int, people: dict[str, Any]) -> dict[str, Any]:
    """Scans far beyond the presets: timing, resolution, noise, field strength and tilt vary."""
    subject, rng = _person(seed)
    packs: list[dict[str, Any]] = []
    while len(packs) < people["scans"]:
        contrast = str(rng.choice(CONTRASTS))
        options: dict[str, Any] = {
            "fov": (78, 78, float(rng.uniform(60, 150))),
            "tilt_deg": tuple(rng.normal(0, 8, 2)),
            "seed": int(rng.integers(1_000_000)),
        }
        if rng.random() < 0.6:
            options |= {
                "voxel_mm": tuple(rng.uniform(0.4, 1.2) * rng.uniform(0.9, 1.1, 2)),
                "thickness_mm": float(rng.choice([1, 2, 3, 5, 8])),
                "snr": float(np.exp(rng.uniform(np.log(7), np.log(90)))),
                "flip_deg": float(rng.uniform(6, 40)),
                "field_t": float(rng.choice([1.5, 3, 3, 7])),
            }
            echo = _ECHO_MS.get(contrast, (3, 8))
            options["te_ms"] = float(rng.uniform(*echo))
            if contrast in _CSF_INFLOW:
                options["csf_inflow"] = float(rng.uniform(0, _CSF_INFLOW[contrast]))
            if contrast in ("T2w", "DWI", "fMRI"):
                options["flip_deg"] = 80.0 if contrast == "fMRI" else 120.0
        image, _ = subject.acquire(contrast, **options)
        # where the image shows the cord: echo-planar distortion cannot be known from it
        truth = voxels(reorient(subject.acquire_warped_truth(contrast, **options)))
        ras = reorient(image)
        spacing = spacing_mm(ras)
        slices = _some_slices(truth, spacing, people["slices"], rng)
        where = (spacing, centers_of(truth, spacing)[slices], SIZE)
        cord = cut_patches(truth, *where, mask=True, slices=slices)
        cut = cut_patches(voxels(ras), *where, slices=slices)
        packs.append(_pack(cut, contrast, cord=cord))
    return _join(packs)


def cut_session(seed: int, people: dict[str, Any]) -> dict[str, Any]:
    """Every contrast of one person on one grid, with its rater's mask and the mean of all."""
    subject, rng = _person(seed)
    like = make_sequence(str(rng.choice(SESSION)))
    grid: dict[str, Any] = {
        "fov": (78, 78, float(rng.uniform(60, 120))), "tilt_deg": tuple(rng.normal(0, 6, 2)),
        "voxel_mm": like.voxel_mm, "thickness_mm": like.thickness_mm,
        "spacing_mm": like.spacing_mm, "distortion": False, "motion_mm": 0.0,
    }  # fmt: skip
    images, raters = {}, {}
    for contrast in SESSION:
        scan = int(rng.integers(1_000_000))
        image, truth = subject.acquire(contrast, seed=scan, **grid)
        rated = subject.rate(
            contrast, seed=scan, acquisition_seed=scan,
            convention=people.get("convention", "published"), **grid,
        )  # fmt: skip
        images[contrast], raters[contrast] = (voxels(reorient(i)) for i in (image, rated))
    spacing, exact = spacing_mm(reorient(truth)), voxels(reorient(truth))
    slices = _some_slices(exact, spacing, people["slices"], rng)
    where = (spacing, centers_of(exact, spacing)[slices], SIZE)
    cord = cut_patches(exact, *where, mask=True, slices=slices)
    hard = {c: cut_patches(m, *where, mask=True, slices=slices) for c, m in raters.items()}
    soft = np.mean(list(hard.values()), axis=0)
    return _join([
        _pack(cut_patches(image, *where, slices=slices), c, cord=cord, soft=soft, hard=hard[c])
        for c, image in images.items()
    ])  # fmt: skip


def _some_slices(
    truth: np.ndarray, spacing: np.ndarray, most: int, rng: np.random.Generator
) -> np.ndarray:
    inside = np.flatnonzero(truth.sum(axis=(0, 1)) * spacing[0] * spacing[1] > 15)
    return rng.choice(inside, min(most, inside.size), replace=False)
