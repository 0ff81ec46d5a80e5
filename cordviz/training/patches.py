"""Cut the training patches once: simulated people, real images with masks, label maps."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed
from nibabel.nifti1 import Nifti1Image
from tqdm.auto import tqdm

from .._files import atomic_path
from .._validation import check_3d, check_finite, check_same_grid
from ..images import read_image, reorient, spacing_mm, voxels
from ..segmentation.sampling import cut_patches
from ..simulation import simulate_subject
from ..simulation.sequences import make_sequence
from ..simulation.subject import Subject

SIZE = 128  # pixels of a stored patch: what a rotated and shifted network input needs
CONTRASTS = ("T1w", "T2w", "T2star", "MT-on", "MT-off", "GRE-T1w", "DWI", "fMRI")
SESSION = ("T1w", "T2w", "T2star", "MT-on", "GRE-T1w", "DWI")  # each person of the published study
_BIDS = {
    "T1w": "T1w", "T2w": "T2w", "T2star": "T2star", "mt-on": "MT-on", "flip-2": "GRE-T1w",
    "mt-off": "MT-off", "dwi": "DWI", "bold": "fMRI",
}  # fmt: skip
_CSF_INFLOW = {"T2star": 1.0, "MT-on": 0.6, "MT-off": 0.6, "GRE-T1w": 0.2}  # at most
_ECHO_MS = {"T2w": (45, 150), "DWI": (45, 150), "fMRI": (25, 45), "T2star": (3, 35)}


def prepare(
    recipe: dict[str, Any], real: Path, cache: Path, *, progress: bool = True
) -> dict[str, list[Path]]:
    """Cut what is not in the cache yet; return the files by kind: real, simulated, labels.

    Paths of the recipe start from `real`. A file holds image (float16, 0 where there are labels
    only), contrast (index into `CONTRASTS`) and masks (uint8, 255 is a pixel full of it): cord,
    the truth; of simulated sessions also soft, the mean of the raters of all contrasts, and hard,
    the mask of the contrast's own rater; of label maps canal. Shapes (N, SIZE, SIZE).
    """
    cache = cache / _digest(recipe)
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
            jobs.append(("real", name, partial(_cut_real, case, real)))
    if people := recipe.get("simulated"):
        first = people["first_seed"]
        for seed in range(first, first + people["subjects"]):
            session = (seed - first) % 2 == 0  # every other person
            cut = _cut_session if session else _cut_simulated
            jobs.append(("simulated", f"sim-{seed}", partial(cut, seed, people)))
    if (labels := recipe.get("labels")) and labels["share"] > 0:
        pairs = _label_maps(labels, real)
        name = _file_name("labels", labels, [path for pair in pairs for path in pair[:2]])
        jobs.append(("labels", name, partial(_cut_labels, pairs)))
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
    for path in (_whole(path) for path in read):
        if path.exists():  # else it is missed, with a plain message, when it is read
            looks.append((str(path.resolve()), f"{path.stat().st_size} {path.stat().st_mtime_ns}"))
    return f"{name.replace(' ', '_')}-{hashlib.sha256(str(looks).encode()).hexdigest()[:6]}"


def _digest(recipe: dict[str, Any]) -> str:
    """Of what decides how all patches look: a changed simulation never meets old ones."""
    package = Path(__file__).parents[1]
    sources = [Path(__file__), package / "segmentation" / "sampling.py"]
    text = "".join(f.read_text() for f in [*sources, *sorted(package.glob("simulation/*.py"))])
    people = {k: recipe.get("simulated", {}).get(k) for k in ("scans", "slices", "convention")}
    return hashlib.sha256(f"{text}{people}{np.__version__}".encode()).hexdigest()[:10]


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
        contrast = next((c for key, c in _BIDS.items() if key in stem), None)
        if contrast and all(Path(f"{path}.nii.gz").exists() for path in (image, hard)):
            case = {"name": stem, "contrast": contrast, "image": image, "mask": soft, "hard": hard}
            cases.append(case | {"slices": recipe["spine_generic"].get("slices", 16)})
    if not cases:
        raise FileNotFoundError(
            f"No image with its masks in {root}: expected sub-*/*/*.nii.gz, with a soft mask in "
            "derivatives/labels_softseg and a hard one in derivatives/labels."
        )
    return cases


def load_ras(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Voxels in RAS order and their spacing; a missing .nii.gz is added."""
    img = reorient(_read(path))
    check_3d(img.shape, f"image {path.name}")
    check_finite(voxels(img), f"image {path.name}")
    return voxels(img), spacing_mm(img)


def _read(path: Path) -> Nifti1Image:
    return read_image(_whole(path))


def _whole(path: Path) -> Path:
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


def _cut_real(case: dict[str, Any], real: Path) -> dict[str, Any]:
    data, spacing = load_ras(real / case["image"])
    image, masks = _read(real / case["image"]), {}
    for name, path in (("cord", case["mask"]), ("hard", case.get("hard"))):
        if path is not None:
            check_same_grid(_read(real / path), image, str(path), str(case["image"]))
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


def _cut_simulated(seed: int, people: dict[str, Any]) -> dict[str, Any]:
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


def _cut_session(seed: int, people: dict[str, Any]) -> dict[str, Any]:
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


def _label_maps(labels: dict[str, Any], real: Path) -> list[tuple[Path, Path, int]]:
    """Maps of cord and of fluid, and every which slice is taken."""
    pairs = [
        (path.with_name(path.name.replace("csfseg", "seg")), path, 1)
        for path in sorted((real / labels["spinegeneric"]).glob("*/anat/*_csfseg-manual.nii.gz"))
    ]
    template = real / labels["pam50"]
    return [*pairs, (template / "PAM50_cord.nii.gz", template / "PAM50_csf.nii.gz", 8)]


def _cut_labels(pairs: list[tuple[Path, Path, int]]) -> dict[str, Any]:
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
