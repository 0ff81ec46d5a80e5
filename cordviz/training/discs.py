"""Train the small network that tells discs along a straightened cord, on simulated subjects."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from .._version import __version__
from ..centerline import fit_centerline
from ..discs.detection import straighten
from ..discs.network import BODIES, WIDTH, as_input, build_network
from ..images import on_grid
from ..simulation import simulate_subject

MARGIN = 12  # columns behind and in front of the network's, for the warps
ROWS = 160
COLUMNS = np.arange(-MARGIN, WIDTH + MARGIN)
SEEDS = range(1_000_100, 1_000_120)  # of the people whose discs are learnt
PLAN = {"steps": 1000, "batch": 12, "seed": 0}
Array = np.ndarray[Any, Any]


def simulate_pictures(seed: int) -> list[tuple[Array, Array]]:
    """Straightened pictures of a subject, each with the rows of discs 1, 2, 3 …"""
    rng = np.random.default_rng(seed)
    subject = simulate_subject(seed=seed)
    made: list[tuple[Array, Array]] = []
    for contrast in ("T1w", "T1w", "T2w", "T2w"):
        options: dict[str, Any] = {"fov": (20, 130, 210), "seed": len(made)}
        if contrast == "T2w":
            options |= {"te_ms": rng.uniform(60, 140), "snr": rng.uniform(8, 40)}
        else:
            options |= {"ti_ms": rng.uniform(930, 1080), "snr": rng.uniform(8, 40)}
        image, truth = subject.acquire(contrast, **options)
        mask = truth.get_fdata()
        k = np.linalg.inv(truth.affine)
        top = subject.disc_points_mm[3][2] + rng.uniform(15, 70)
        low = subject.disc_points_mm[9][2] + rng.uniform(-5, 40)
        height = np.arange(mask.shape[2]) / k[2, 2] + truth.affine[2, 3]
        mask[:, :, (height > top) | (height < low)] = 0
        curve = fit_centerline(on_grid(mask.astype(np.float32), truth))
        picture, centre, _ = straighten(image, curve, columns=COLUMNS)
        discs = np.array(list(subject.disc_points_mm.values()))
        far = np.linalg.norm(discs[:, None] - centre, axis=2)
        rows = far.argmin(axis=1).astype(float)
        rows[far.min(axis=1) > 14] = np.nan  # beyond the picture
        made.append((picture.astype(np.float32), rows))
    return made


def vary(picture: Array, discs: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Another neck, another contrast: a picture (2, ROWS, WIDTH) and targets (3, ROWS).

    The simulated discs are flat and across the cord, their vertebrae evenly grey, the dens in one
    piece. Real ones are not: here they tilt, bend, fade, and the dens keeps its growth plate.
    """
    from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates

    n = len(picture)
    known = np.isfinite(picture)
    level = np.nanmedian(picture[:, MARGIN + 9 : MARGIN + 23])
    p = np.where(known, picture / level, 0)
    s, v = np.arange(n)[:, None], COLUMNS[None]
    body = 1 / (1 + np.exp(-(v - 8.0))) / (1 + np.exp(v - rng.uniform(21, 25)))
    for at in discs[2:]:  # discs that are dark, bright or hardly there
        if np.isfinite(at) and rng.random() < 0.6:
            line = np.exp(-(((s - at) / rng.uniform(1.3, 3.2)) ** 4))
            p = p * (1 + body * line * (np.exp(rng.normal(0, 0.5)) - 1))
        if np.isfinite(at) and rng.random() < 0.5:  # endplates
            apart = rng.uniform(1.5, 3.2)
            for side in (-1, 1):
                line = np.exp(-(((s - at - side * apart) / rng.uniform(0.5, 0.9)) ** 2))
                p = p * (1 - body * line * rng.uniform(0, 0.9))
        if np.isfinite(at) and rng.random() < 0.5:  # vein behind the body
            spot = np.exp(-(((s - at + rng.uniform(7, 11)) / 2) ** 2) - ((v - 9.5) / 2.5) ** 2)
            p = p + spot * rng.uniform(-0.5, 1.5)
    if np.isfinite(discs[2]) and rng.random() < 0.8:  # the dens' growth plate, thin and short
        at, thin = discs[2] + rng.uniform(11, 18), rng.uniform(0.5, 1.1)
        short = 1 / (1 + np.exp(-2 * (v - 8.0))) / (1 + np.exp(2 * (v - rng.uniform(15, 21))))
        p = p * (1 - rng.uniform(-0.5, 0.9) * short * np.exp(-(((s - at) / thin) ** 2)))
        if rng.random() < 0.4:
            p = p * (1 + rng.uniform(0, 0.6) * short * np.exp(-(((s - at + 2) / thin) ** 2)))
    if rng.random() < 0.5:  # texture of marrow and muscle
        p = p * np.exp(rng.uniform(0.1, 0.3) * 3 * gaussian_filter(rng.normal(size=p.shape), 1.5))

    # warp: sizes, tilt and bend of discs about their posterior edge, a cord off its centre
    scale, wide = np.exp(rng.normal(0, 0.1)), np.exp(rng.normal(0, 0.12))
    start = rng.uniform(-30, max(n / scale - ROWS + 30, -29))
    t, x = np.arange(ROWS)[:, None] + start, np.arange(WIDTH)[None]
    slow = gaussian_filter1d(rng.normal(size=ROWS), 15)[:, None]
    quick = gaussian_filter1d(rng.normal(size=ROWS), 7)[:, None]
    tilt = np.tan(np.radians(np.clip(rng.normal(8, 9) + 35 * quick, -15, 35)))
    before = np.maximum(x - 8.5, 0)
    bend = rng.normal(0, 1.2) * before * (15 - np.minimum(before, 18)) / 56
    row = (t + tilt * before + bend) * scale
    column = x / wide + rng.normal(0, 1.5) + 8 * slow
    at = np.stack([row + 0 * x, column + MARGIN + 0 * t])
    p = map_coordinates(p, at, order=1, cval=0)
    seen = map_coordinates(known.astype(np.float32), at, order=1, cval=0) > 0.99
    rows = discs / scale - start
    # a field of view that ends, anywhere
    if rng.random() < 0.5:
        seen[int(rng.uniform(60, ROWS)) :] = False
    if rng.random() < 0.3:
        seen[: int(rng.uniform(0, 60))] = False
    if rng.random() < 0.3:
        seen[:, int(rng.uniform(20, WIDTH)) :] = False

    # another contrast
    p = gaussian_filter(p, rng.uniform(0, 1.0))
    if rng.random() < 0.6:
        knots = np.array([0, 0.4, 0.8, 1.2, 1.8, 3, 6])
        p = np.interp(p, knots, knots * np.exp(rng.normal(0, 0.35, len(knots))))
    elif rng.random() < 0.4:
        p = np.maximum(rng.uniform(1.5, 4) - p, 0)
    p = p * np.exp(6 * rng.uniform(0, 0.4) * gaussian_filter1d(rng.normal(size=ROWS), 20))[:, None]
    p = np.abs(p + rng.uniform(0, 0.15) * rng.normal(size=p.shape))
    x_in = as_input(np.where(seen, p, np.nan))

    target = np.zeros((3, ROWS), np.float32)
    for k, place in enumerate(rows, start=1):
        if k >= 3 and np.isfinite(place):
            row_ = 1 if k == 3 else 2
            target[row_] = np.maximum(
                target[row_], np.exp(-0.5 * ((np.arange(ROWS) - place) / 1.2) ** 2)
            )
    target[0] = 1 - target[1:].sum(axis=0)
    return x_in, target


def train(path: Path) -> None:
    """Train on simulated people; write the weights in half precision, and their card beside."""
    from tqdm.auto import tqdm

    pictures = [one for who in tqdm(SEEDS, "people") for one in simulate_pictures(who)]
    fit(pictures, path, **PLAN)
    card = {
        "name": "discs",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "cordviz": __version__,
        "seeds": [min(SEEDS), max(SEEDS)],
        **PLAN,
    }
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def fit(
    pictures: list[tuple[Array, Array]], path: Path, *, steps: int, batch: int, seed: int
) -> None:
    """Fit a fresh network to pictures that are varied each time they are shown."""
    import torch
    from tqdm.auto import trange

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = build_network().train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    bar = trange(steps)
    mean = 0.0
    for step in bar:
        chosen = rng.integers(len(pictures), size=batch)
        made = [vary(picture, discs, rng) for picture, discs in (pictures[i] for i in chosen)]
        x, y = (torch.from_numpy(np.stack(a)) for a in zip(*made, strict=True))
        seen = (x[:, 1, :, BODIES].mean(dim=2) > 0.5).float()
        loss = -(y * network(x)[..., 0].log_softmax(dim=1)).sum(dim=1)
        loss = (loss * seen).sum() / seen.sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        mean += (loss.item() - mean) / min(step + 1, 100)
        bar.set_postfix(loss=f"{mean:.4f}")
    torch.save(
        {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}, path
    )
