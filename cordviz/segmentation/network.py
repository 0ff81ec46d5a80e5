"""The network: compact 2-D U-Nets whose output is the fraction of cord in each pixel."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import convert_conv2d_weight_memory_format

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
        nn.init.constant_(self.head.get_parameter("bias"), -3.0)
        self.kernels: list[Tensor] = []

    def settle(self) -> None:
        """Keep what each pass makes of the weights, which stay as they are from here on.

        They are put into the order in which a processor convolves fastest: features last.
        """
        order = torch.channels_last if self.head.weight.is_cpu else torch.contiguous_format
        convert_conv2d_weight_memory_format(self, order)
        kernels = [_smeared(block.get_parameter("0.weight")) for block in self.up]
        self.kernels = [k.contiguous(memory_format=order) for k in kernels]

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
        x = patches - patches.mean(dim=(2, 3), keepdim=True)
        sd = x.square().mean(dim=(2, 3), keepdim=True).sqrt()
        x = (x / (sd + 1e-6)).clamp(-5, 5)
        around, square = _box(torch.cat([x, x**2], dim=1)).split(1, dim=1)
        spread = (square - around**2).clamp(min=0) + 0.01
        x = torch.cat([x, (x - around) / spread.sqrt()], dim=1)
        x = F.pixel_unshuffle(x, 2)
        skips = []
        for k, block in enumerate(self.down):
            x = block(x if k == 0 else _halved(x))
            skips.append(x)
        for k in reversed(range(len(self.up))):
            first, *others = self.up[k].children()
            weight = first.get_parameter("weight")
            x = _joined(weight, self.kernels[k] if self.kernels else _smeared(weight), skips[k], x)
            for layer in others:
                x = layer(x)
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
    """Mean over `WINDOW` by `WINDOW` pixels of square patches, of fewer at their border."""
    pixel = torch.arange(x.shape[-1], device=x.device)
    near = ((pixel[:, None] - pixel).abs() <= WINDOW // 2).to(x.dtype)
    mean = near / near.sum(dim=1, keepdim=True)
    with torch.autocast(x.device.type, enabled=False):  # a mean of squares needs all its digits
        return mean @ x @ mean.T


def _halved(x: Tensor) -> Tensor:
    """Mean over 2 by 2 pixels; several times faster than avg_pool2d."""
    rows = x[..., ::2, :] + x[..., 1::2, :]
    return (rows[..., ::2] + rows[..., 1::2]) / 4


def _joined(weight: Tensor, kernel: Tensor, fine: Tensor, coarse: Tensor) -> Tensor:
    """Convolve fine features and, beside them, coarse ones whose pixels count as 2 by 2.

    For the coarse ones this is a transposed convolution by `_smeared` weights: half of the cost,
    and no copy of twice the size.
    """
    there = F.conv_transpose2d(coarse, kernel, stride=2, padding=1)
    return F.conv2d(fine, weight[:, : len(weight)], padding=1).add_(there)


def _smeared(weight: Tensor) -> Tensor:
    """Kernels of 4 by 4: those of 3 by 3 for coarse features, smeared over 2 by 2 pixels.

    As many inputs as there are outputs are fine features, the others coarse ones.
    """
    turned = weight[:, len(weight) :].flip(2, 3).transpose(0, 1)
    smears = [F.pad(turned, (j, 1 - j, i, 1 - i)) for i in (0, 1) for j in (0, 1)]
    return torch.stack(smears).sum(dim=0)


class _Norm(nn.GroupNorm):
    """Each feature by itself, as instance norm, but faster."""

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_contiguous(memory_format=torch.channels_last):
            return super().forward(x)
        if len(x) == 1:  # batch norm, then, and torch is fast at that
            return F.batch_norm(x, None, None, self.weight, self.bias, training=True, eps=self.eps)
        mean = x.mean(dim=(2, 3), keepdim=True)  # features last, torch takes ten times as long
        variance = ((x * x).mean(dim=(2, 3), keepdim=True) - mean**2).clamp(min=0)
        scale = self.weight[:, None, None] * (variance + self.eps).rsqrt()
        return torch.addcmul(self.bias[:, None, None] - mean * scale, x, scale, out=x)


def _block(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a in (inputs, outputs):
        layers += [
            nn.Conv2d(a, outputs, 3, padding=1, bias=False),
            _Norm(outputs, outputs),
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
    order = torch.contiguous_format  # whatever `settle` chose
    state = {k: v.half().clone(memory_format=order) for k, v in network.state_dict().items()}
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
    network = network.eval().requires_grad_(False).to(device)
    for part in network.modules():
        if isinstance(part, UNet):
            part.settle()
    return network
