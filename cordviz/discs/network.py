"""Score how much each height of a straightened cord looks like a disc: a small network."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import nn

WIDTH = 32  #: columns of the picture, 1 mm each, from the cord's centre forwards
BODIES = slice(9, 23)  #: columns where vertebrae are
ODDS = (-5.0, 4.0)  #: log odds of one row are cut here: the network may be wrong
WEIGHTS = Path(__file__).parents[1] / "data" / "discs.pt"


def as_input(picture: np.ndarray) -> np.ndarray:
    """Brightness relative to the bodies nearby, and what is known: (2, rows, columns)."""
    from scipy.ndimage import gaussian_filter1d

    known = np.isfinite(picture).astype(np.float32)
    filled = np.where(known > 0, picture, 0)
    total = gaussian_filter1d(filled[:, BODIES].sum(axis=1), 15)
    count = gaussian_filter1d(known[:, BODIES].sum(axis=1), 15)
    level = total / np.maximum(count, 1e-3)
    level = np.maximum(level, 0.1 * np.max(level, initial=1e-6))[:, None]
    return np.stack([known * (np.clip(filled / level, 0, 4) - 1), known]).astype(np.float32)


@cache
def load_network() -> nn.Sequential:
    """The shipped network."""
    import torch

    network = build_network()
    state = torch.load(WEIGHTS, weights_only=True)
    network.load_state_dict({name: value.float() for name, value in state.items()})
    return network.eval()


def build_network() -> nn.Sequential:
    """From a picture (B, 2, rows, WIDTH) to logits (B, 3, rows, 1): none, C2/C3, lower disc."""
    from torch import nn

    layers: list[nn.Module] = []
    sizes = [(2, 12, 1), (12, 20, 2), (20, 24, 1), (24, 24, 2), (24, 24, 2)]
    for a, b, stride in sizes:
        layers += [nn.Conv2d(a, b, 3, stride=(1, stride), padding=1), nn.BatchNorm2d(b), nn.ReLU()]
    layers += [nn.Conv2d(24, 40, (3, WIDTH // 8), padding=(1, 0)), nn.BatchNorm2d(40), nn.ReLU()]
    for far in (2, 4, 8, 16, 1):  # sees 38 mm up and down: a dens, or two vertebrae
        along = nn.Conv2d(40, 40, (3, 1), padding=(far, 0), dilation=(far, 1))
        layers += [along, nn.BatchNorm2d(40), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(40, 3, 1))


def log_odds(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per row, log odds of C2/C3 and of a lower disc against none; NaN where nothing is known."""
    import torch

    x = as_input(picture)
    with torch.no_grad():
        logits = load_network()(torch.from_numpy(x[None]))[0, :, :, 0].numpy()
    shown = x[1, :, BODIES].mean(axis=1) > 0.5
    odds = np.where(shown, np.clip(logits[1:] - logits[0], *ODDS), np.nan)
    return odds[0], odds[1]
