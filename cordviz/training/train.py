"""Train a network from a recipe; stop and resume at any time."""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from .._files import atomic_path, write_file
from .._version import __version__
from ..segmentation import WEIGHTS
from ..segmentation.inference import PATCH
from ..segmentation.network import Network, check_device, load_network, save_network
from ..segmentation.sampling import cut_patches
from .calibration import calibrate
from .cutting import SESSION, centers_of, load_ras
from .patches import load_patches, prepare
from .recipes import changes, read_recipe
from .synthesis import synthesize

PLANES = ("image", "truth", "canal")
CONSTANT = 0.6  # of the steps, at which the rate is constant; then it falls


def train(
    recipe: Path, *, real: Path, cache: Path, out: Path, device: str = "cpu", progress: bool = True
) -> Network:
    """Train to the last step of a recipe (TOML, see those beside this module).

    Goes on from the last checkpoint in `out`; an interrupt (Ctrl-C) leaves one, too. A recipe may
    change in between only as `changes` lets it: a run can be lengthened. The recipe's paths start
    from `real`, `cache` takes the cut patches, and `out` takes ``checkpoint.pt`` (to resume),
    ``log.csv`` (step, loss, then Dice and area ratio of each validation image) and at the end
    ``final.pt`` with its card ``final.json``. `device` as torch names it; "auto" takes a GPU if
    there is one. Returns the moving average of the weights.
    """
    settings, device = read_recipe(recipe), check_device(device)
    kept = _load_checkpoint(out / "checkpoint.pt", settings, device)
    files = prepare(settings, real, cache, progress=progress)
    out.mkdir(parents=True, exist_ok=True)
    with torch.device(device):
        average, scores = _train(settings, files, real, out, kept, progress)
    average = average.cpu()
    save_network(average, out / "final.pt")
    if (told := settings.get("calibration", {})).get("people", 0):
        contrasts = settings["train"].get("contrasts", list(SESSION))
        calibrate(out / "final.pt", contrasts=contrasts, progress=progress, **told)
    card = {
        "name": recipe.stem,
        "sha256": hashlib.sha256((out / "final.pt").read_bytes()).hexdigest(),
        "cordviz": __version__,
        "recipe": settings,
        "validation": scores,
    }
    write_file(out / "final.json", json.dumps(card, indent=2) + "\n")
    return average


def _train(
    settings: dict[str, Any], files: dict[str, list[Path]], real: Path, out: Path,
    kept: dict[str, Any] | None, progress: bool,
) -> tuple[Network, dict[str, Any]]:  # fmt: skip
    plan, device = settings["train"], torch.get_default_device()
    stored, odds = load_patches(files, settings)
    checks = {case["name"]: load_check(case, real) for case in settings.get("validation", [])}
    torch.manual_seed(settings["seed"])
    generator = torch.Generator(device).manual_seed(settings["seed"])
    network = Network(**settings["network"])
    if start := plan.get("start"):  # weights of another recipe
        network.load_state_dict(load_network(_find_weights(start, out)).state_dict())
    average = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan["rate"], weight_decay=1e-4)
    parts: dict[str, Any] = {"network": network, "average": average, "optimizer": optimizer}
    step = 0
    if kept:
        for name, part in parts.items():
            part.load_state_dict(kept[name])
        generator.set_state(kept["generator"].cpu())
        step = kept["step"]
    done = {"step": step, "generator": generator.get_state()}
    losses, saved, scores = [], time.monotonic(), None
    natural = [plan.get("natural", 0.0)] * 2
    natural[1] = plan.get("natural_late", natural[0])

    def judge() -> dict[str, dict[str, float]]:
        return {name: evaluate(average, *check) for name, check in checks.items()}

    def keep() -> None:
        if not done:  # interrupted half-way through a step
            return
        if not all(p.isfinite().all() for p in average.parameters()):
            raise ValueError(
                f"By step {step} the weights are not finite: look for extreme values in images, or "
                f"lower train.rate, in another folder. The last good checkpoint stays in {out}."
            )
        state = {name: part.state_dict() for name, part in parts.items()} | done
        with atomic_path(out / "checkpoint.pt") as temporary:
            torch.save(state | {"recipe": settings}, temporary)

    bar = tqdm(total=plan["steps"], initial=step, desc="training", disable=not progress)
    with bar, _at_interrupt(keep):
        while step < plan["steps"]:
            for group in optimizer.param_groups:
                group["lr"] = plan["rate"] * _schedule(step, plan["steps"])
            late = step >= CONSTANT * plan["steps"]
            optimizer.zero_grad()
            for member in network.members:  # each sees examples of its own
                picked = torch.multinomial(
                    odds[int(late)], plan["batch"], replacement=True, generator=generator
                )
                image, cord, canal = (stored[k][picked].float() for k in PLANES)
                x, truth = synthesize(
                    image, cord / 255, canal / 255, size=PATCH, generator=generator,
                    any_contrast=plan.get("any_contrast", True),
                    natural=natural[int(late)],
                )  # fmt: skip
                bfloat16 = plan.get("bfloat16", True)
                with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                    logits = member(x)
                loss = soft_loss(logits.float(), truth)
                if late and (weight := plan.get("area", 0)):
                    loss = loss + weight * area_loss(logits.float(), truth)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(member.parameters(), 1.0)
                losses.append(loss.detach())  # not its value: a GPU would wait for it
            done = {}
            optimizer.step()
            follow(average, network, min(0.998, (step + 1) / (step + 10)))
            step += 1
            done = {"step": step, "generator": generator.get_state()}
            bar.update()
            if step < plan["steps"] and time.monotonic() - saved < plan["checkpoint_s"]:
                continue
            scores = judge()
            keep()
            with (out / "log.csv").open("a") as log:
                loss = torch.stack(losses).mean()
                row = [step, loss, *(v for s in scores.values() for v in s.values())]
                log.write(",".join(f"{v:.5g}" for v in row) + "\n")
            losses, saved = [], time.monotonic()
    return average, judge() if scores is None else scores  # of a run that was done already


@contextmanager
def _at_interrupt(act: Callable[[], object]) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        act()
        raise


def _load_checkpoint(path: Path, settings: dict[str, Any], device: str) -> dict[str, Any] | None:
    """Read what an earlier run left, if any, and refuse that of another recipe."""
    if not path.exists():
        return None
    kept = torch.load(path, map_location=device, weights_only=True)
    changed = changes(kept.get("recipe", settings), settings)  # old checkpoints tell no recipe
    if (steps := settings["train"]["steps"]) < kept["step"]:
        changed.append(f"train.steps is only {steps}")
    if changed:
        raise ValueError(
            f"{path}, after {kept['step']} steps, is of another recipe: {'; '.join(changed)}. Take "
            "another folder, the recipe as it was, or delete the file to start anew."
        )
    return kept


@torch.no_grad()
def follow(average: Network, network: Network, decay: float) -> None:
    """Move the average of the weights a little towards the weights."""
    for slow, fast in zip(average.parameters(), network.parameters(), strict=True):
        slow.lerp_(fast, 1 - decay)


def soft_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy with soft targets, whose minimum is the expected fraction, plus overlap.

    The overlap has squared denominators: unlike the usual soft Dice it is best where the output
    equals a soft target, and does not push fractions to 0 and 1.
    """
    p = logits.sigmoid()
    both = (p * truth).sum(dim=(1, 2, 3))
    each = (p * p).sum(dim=(1, 2, 3)) + (truth * truth).sum(dim=(1, 2, 3))
    overlap = 1 - (2 * both + 5) / (each + 5)
    return 10 * F.binary_cross_entropy_with_logits(logits, truth) + overlap.mean()


def area_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Squared relative error of the area.

    Small errors of one sign all around the edge are what CSA suffers from, and `soft_loss` hardly
    feels them.
    """
    area = truth.sum(dim=(1, 2, 3))
    error = (logits.sigmoid().sum(dim=(1, 2, 3)) - area) / (area + 100)  # pixels: half of a cord
    return error.square().mean()


def _find_weights(name: str, out: Path) -> Path:
    """Weights that another recipe left: beside this run, or shipped."""
    for path in (out.parent / name / "final.pt", WEIGHTS / f"{name}.pt"):
        if path.exists():
            return path
    raise FileNotFoundError(f"No weights of {name!r} to start from: train {name}.toml first.")


def load_check(case: dict[str, str], real: Path) -> tuple[Tensor, Tensor]:
    """Patches of a validation image around its own mask, and that mask: (S, 1, PATCH, PATCH)."""
    data, spacing = load_ras(real / case["image"])
    mask = (load_ras(real / case["mask"])[0] > 0.5).astype(np.float32)
    slices = np.flatnonzero(mask.any(axis=(0, 1)))[:: max(1, mask.shape[2] // 60)]
    where = (spacing, centers_of(mask, spacing)[slices], PATCH)
    x = cut_patches(data, *where, slices=slices)
    truth = cut_patches(mask, *where, slices=slices, mask=True)
    device = torch.get_default_device()
    return torch.from_numpy(x)[:, None].to(device), torch.from_numpy(truth)[:, None].to(device)


@torch.inference_mode()
def evaluate(network: Network, x: Tensor, truth: Tensor) -> dict[str, float]:
    """Dice at one half, and the ratio of summed to true area."""
    found = torch.cat([network(part).sigmoid() for part in x.split(32)])
    both = 2 * ((found > 0.5) & (truth > 0.5)).sum() / ((found > 0.5).sum() + (truth > 0.5).sum())
    ratio = float(found.sum() / truth.sum())
    return {"dice": round(float(both), 4), "area_ratio": round(ratio, 4)}


def _schedule(step: int, steps: int) -> float:
    """Rise over 300 steps, stay, then fall: a run can be lengthened."""
    return min((step + 1) / 300, 1.0, (steps - step) / ((1 - CONSTANT) * steps)) + 1e-3
