"""Train a network from a recipe; stop and resume at any time."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
import tomllib
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
from .patches import CONTRASTS, SESSION, centers_of, load_ras, prepare
from .synthesis import synthesize

PLANES = ("image", "truth", "canal")
CONSTANT = 0.6  # of the steps, at which the rate is constant; then it falls


def train(
    recipe: Path, *, real: Path, cache: Path, out: Path, device: str = "cpu", progress: bool = True
) -> Network:
    """Train to the recipe's last step, going on from the last checkpoint in `out`.

    Parameters
    ----------
    recipe : Path
        TOML file, see those beside this module.
    real : Path
        The folder that the recipe's paths start from.
    cache : Path
        Takes the cut patches.
    out : Path
        Takes ``checkpoint.pt`` (to resume), ``best.pt`` (weights of the best validation),
        ``log.csv`` (step, loss, then Dice and area ratio of each validation image) and at the end
        ``final.pt`` with its card ``final.json``.
    device : str
        As torch names it; "auto" takes a GPU if there is one.
    progress : bool
        Show progress bars.

    Returns
    -------
    Network
        The moving average of the weights.
    """
    settings, device = read_recipe(recipe), check_device(device)
    files = prepare(settings, real, cache, progress=progress)
    out.mkdir(parents=True, exist_ok=True)
    with torch.device(device):
        average, scores = _train(settings, files, real, out, progress)
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
    settings: dict[str, Any], files: dict[str, list[Path]], real: Path, out: Path, progress: bool
) -> tuple[Network, dict[str, Any]]:
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
    step, best = 0, -math.inf
    if (out / "checkpoint.pt").exists():
        kept = torch.load(out / "checkpoint.pt", map_location=device, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(kept[name])
        generator.set_state(kept["generator"].cpu())
        step, best = kept["step"], kept["best"]
    losses, saved, scores = [], time.monotonic(), {}
    natural = [plan.get("natural", 0.0)] * 2
    natural[1] = plan.get("natural_late", natural[0])
    with tqdm(total=plan["steps"], initial=step, desc="training", disable=not progress) as bar:
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
            optimizer.step()
            follow(average, network, min(0.998, (step + 1) / (step + 10)))
            step += 1
            bar.update()
            if step < plan["steps"] and time.monotonic() - saved < plan["checkpoint_s"]:
                continue
            scores = {name: evaluate(average, *check) for name, check in checks.items()}
            score = float(np.mean([s["dice"] for s in scores.values()])) if scores else step
            if score > best:
                best = score
                save_network(average, out / "best.pt")
            with (out / "log.csv").open("a") as log:
                loss = torch.stack(losses).mean()
                row = [step, loss, *(v for s in scores.values() for v in s.values())]
                log.write(",".join(f"{v:.5g}" for v in row) + "\n")
            state = {name: part.state_dict() for name, part in parts.items()}
            state |= {"generator": generator.get_state(), "step": step, "best": best}
            with atomic_path(out / "checkpoint.pt") as temporary:
                torch.save(state, temporary)
            losses, saved = [], time.monotonic()
    return average, scores


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


def find_recipe(name: str) -> Path:
    """Path of a recipe given by its path or by the name of a shipped one."""
    shipped = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}
    path = shipped.get(name, Path(name))
    if not path.is_file():
        raise FileNotFoundError(
            f"No recipe {name!r}: give the path of a TOML file or one of {', '.join(shipped)}."
        )
    return path


def read_recipe(path: Path) -> dict[str, Any]:
    """Read a recipe; with ``extends``, on top of another one beside it (or of any path).

    Tables replace what they name; a list of tables adds to the one below, an empty one empties it.
    """
    try:
        settings = tomllib.loads(path.read_text())
    except ValueError as error:  # no TOML, or not even text
        raise ValueError(f"{path} is not a recipe in TOML: {error}.") from error
    if base := settings.pop("extends", None):
        below = read_recipe(path.parent / base)
        for key, value in settings.items():
            if isinstance(value, dict):
                value = below.get(key, {}) | value
            elif isinstance(value, list) and value:
                value = [*below.get(key, []), *value]
            below[key] = value
        return below
    return settings


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
        of_kind = []
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
            parts.append({"image": part["image"][right], "truth": truth, "canal": canal})
        if of_kind and (weights := torch.cat(of_kind, dim=1)).sum() > 0:
            odds.append(weights / weights.sum(dim=1, keepdim=True) * shares[kind][:, None])
    return {k: torch.cat([p[k] for p in parts]) for k in parts[0]}, torch.cat(odds, dim=1)


def _shares(settings: dict[str, Any]) -> dict[str, Tensor]:
    """Of the examples, by kind: at constant rate, and when it falls; the rest is real."""
    shares = {}
    for kind in ("simulated", "labels"):
        of_kind = settings.get(kind, {})
        early = of_kind.get("share", 0.0)
        shares[kind] = torch.tensor([early, of_kind.get("share_late", early)])
    return shares | {"real": 1 - shares["simulated"] - shares["labels"]}


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
