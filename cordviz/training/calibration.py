"""Learn from simulated people how far a network's areas are from the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy import optimize
from tqdm.auto import tqdm

from ..images import reorient, spacing_mm, voxels
from ..segmentation.inference import segment_soft
from ..segmentation.network import load_network, save_network
from ..segmentation.sampling import STEP_MM
from ..segmentation.softness import USUAL
from ..simulation import simulate_subject

FIRST_SEED = 2_000_000  # people that neither training nor evaluation sees
LEAST_SHARE = 0.005  # of the area: no mask is surer
SLICES = 12  # about so many of each scan
MOST_POWER = 6.0  # edges that are all alike say nothing of it
COVERED = 0.683  # of the errors shall be within one standard deviation


def calibrate(
    weights: Path, *, contrasts: list[str], people: int, center: bool = False, seed: int = 0,
    progress: bool = True,
) -> tuple[float, float]:  # fmt: skip
    """Fit the network's `area_sd` and write it into the weights file.

    The SD of a slice's area is taken as a share of the area, times a power of how soft the edge
    is: the power of the greatest Gaussian likelihood, with the share that covers `COVERED` of the
    errors. Returns share and power.

    `center` moves the edge first, by one step for all contrasts, so that areas are right on the
    mean of them: what adds to every logit adds its softness to the area.
    """
    area, softness, error, bias = [], [], [], []
    rng = np.random.default_rng(seed)
    for person in tqdm(range(people), desc="calibrating", disable=not progress):
        subject = simulate_subject(FIRST_SEED + person)
        for contrast in contrasts:
            scan = {"seed": int(rng.integers(1_000_000)), "fov": (64, 64, 60)}
            image, _ = subject.acquire(contrast, **scan)
            truth = voxels(reorient(subject.acquire_warped_truth(contrast, **scan)))
            ras = reorient(image)
            spacing = spacing_mm(ras)
            sums = _areas(weights, voxels(ras), spacing)
            true = truth.sum(axis=(0, 1)) * spacing[0] * spacing[1]
            seen = np.flatnonzero((true > 15) & (sums[0] > 15))
            seen = seen[:: max(1, seen.size // SLICES)]  # thin slices shall not outvote thick ones
            area.append(sums[0][seen])
            softness.append(100 * sums[1][seen] / sums[0][seen])
            error.append((sums[0] - true)[seen])
            bias.append(error[-1].sum() / area[-1].sum())
    areas, softnesses, errors = (np.concatenate(v) for v in (area, softness, error))
    network = load_network(weights)
    if center:
        pixels = areas / STEP_MM**2
        gain = np.average(softnesses * USUAL / np.sqrt(pixels), weights=pixels)
        for member in network.members:
            member.state_dict()["head.bias"] -= float(np.mean(bias) / gain)
        errors = errors - np.mean(bias) * areas
    found = _fit(areas, softnesses, errors)
    network.area_sd = torch.tensor(found)
    save_network(network, weights)
    return found


def _areas(weights: Path, data: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Area per slice, mm², and a hundredth of it times softness over the usual, shape (2, Z)."""
    load_network(weights, "cpu").area_sd = torch.tensor([0.01, 1.0])
    found = segment_soft(data, spacing, weights, device="cpu", uncertainty=True)
    return np.stack([m.sum(axis=(0, 1)) * spacing[0] * spacing[1] for m in found if m is not None])


def _fit(area: np.ndarray, softness: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    relative = np.abs(error) / area

    def share(power: float) -> float:
        return max(float(np.quantile(relative / softness**power, COVERED)), LEAST_SHARE)

    def cost(power: float) -> float:
        sd = share(power) * softness**power
        return float(np.mean(np.log(sd) + 0.5 * np.minimum((relative / sd) ** 2, 16)))

    power = float(optimize.minimize_scalar(cost, bounds=(0, MOST_POWER), method="bounded").x)
    return share(power), power
