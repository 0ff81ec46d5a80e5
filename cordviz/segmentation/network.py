"""The network: compact 2-D U-Nets whose output is the fraction of cord in each pixel."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WINDOW = 15  # pixels, 9 mm: smaller than the canal, so that its wall does not set the scale


class UNet(nn.Module):
    """U-Net on half-resolution planes.

    Four neighbouring pixels enter as four channels and leave as four: the cord's edge is smooth at
    twice the pixel, and the costliest level of a U-Net is not needed to place it. The network sees
    each patch twice, normalised as a whole and around each pixel: where the canal is all bright or
    all dark, only the second shows the cord.

    Parameters
    ----------
    widths : list of int
        Features of each level, finest first.
    """

    def __init__(self, widths: list[int]) -> None:
        """Random weights; what the logits start from says that few pixels are cord."""
        super().__init__()
        levels = list(zip([8, *widths], widths, strict=False))
        self.down = nn.ModuleList(_block(a, b) for a, b in levels)
        self.up = nn.ModuleList(_block(a + b, a) for a, b in pairwise(widths))
        self.head = nn.Conv2d(widths[0], 4, 1)
        nn.init.constant_(self.head.bias, -3.0)  # type: ignore[arg-type]  # there is a bias

    def forward(self, patches: Tensor) -> Tensor:
        """Logits of the cord fraction.

        Parameters
        ----------
        patches : Tensor of shape (B, 1, N, N)
            Any intensity scale: each patch is normalised here, on what it shows.

        Returns
        -------
        Tensor of shape (B, 1, N, N)
        """
        mean = patches.mean(dim=(2, 3), keepdim=True)
        sd = patches.std(dim=(2, 3), keepdim=True)
        x = ((patches - mean) / (sd + 1e-6)).clamp(-5, 5)
        around = _box(x)
        spread = (_box(x**2) - around**2).clamp(min=0) + 0.01
        x = torch.cat([x, (x - around) / spread.sqrt()], dim=1)
        x = F.pixel_unshuffle(x, 2)
        skips = []
        for k, block in enumerate(self.down):
            x = block(x if k == 0 else F.avg_pool2d(x, 2))
            skips.append(x)
        for k in reversed(range(len(self.up))):
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
            x = self.up[k](torch.cat([skips[k], x], dim=1))
        return F.pixel_shuffle(self.head(x), 2)


class Network(nn.Module):
    """U-Nets that learnt alike, each by itself: what one gets wrong, another may not.

    Parameters
    ----------
    widths : list of int
        Features of each level, finest first.
    members : int
        How many U-Nets.
    """

    def __init__(self, widths: list[int], members: int = 1) -> None:
        """Random weights, other ones for each member."""
        super().__init__()
        self.shape = {"widths": list(widths), "members": members}
        self.members = nn.ModuleList(UNet(widths) for _ in range(members))
        # SD of a slice's area: share where the edge is as soft as usual, power of the softness
        self.area_sd: Tensor
        self.register_buffer("area_sd", torch.tensor([0.03, 4.0]))

    def forward(self, patches: Tensor) -> Tensor:
        """Mean logits of all members, see `UNet.forward`."""
        return torch.stack([member(patches) for member in self.members]).mean(dim=0)


def _box(x: Tensor) -> Tensor:
    """Mean over `WINDOW` by `WINDOW` pixels."""
    half = WINDOW // 2
    rows = F.avg_pool2d(x, (WINDOW, 1), 1, (half, 0), count_include_pad=False)
    return F.avg_pool2d(rows, (1, WINDOW), 1, (0, half), count_include_pad=False)


def _block(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a in (inputs, outputs):
        layers += [
            nn.Conv2d(a, outputs, 3, padding=1, bias=False),
            nn.GroupNorm(outputs, outputs),  # each feature by itself, as instance norm: faster
            nn.LeakyReLU(0.01, inplace=True),
        ]
    return nn.Sequential(*layers)


def check_device(device: str) -> str:
    """Name of a device that works here, as torch names it; "auto" is a GPU if there is one."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ValueError(
            f"Expected a device that torch has here: 'auto', 'cpu' or a GPU such as 'cuda'; got "
            f"{device!r}."
        ) from error
    return device


def save_network(network: Network, path: Path) -> None:
    """Write the weights in half precision."""
    state = {k: v.half() for k, v in network.state_dict().items()}
    torch.save({"shape": network.shape, "state": state}, path)
    load_network.cache_clear()


@lru_cache(maxsize=5)  # all that ship
def load_network(path: Path, device: str = "cpu") -> Network:
    """Read weights for inference, float32; kept in memory for the next call.

    Nothing in the file is executed: only tensors and plain values are read.
    """
    stored: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    with torch.device("meta"):  # no time for random weights
        network = Network(**stored["shape"])
    network.load_state_dict({k: v.float() for k, v in stored["state"].items()}, assign=True)
    return network.eval().to(device)
