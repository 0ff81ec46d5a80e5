"""Turn stored patches into training examples of any contrast, a batch at a time.

Geometry moves image and truth together; intensities then change in ways that leave the truth as it
is. Random numbers come from one torch Generator, so that a run can be resumed exactly.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

REACH = 12.0  # pixels: how far around its centre the cord is made larger or smaller, and moved,
SWELLING, MOVING = 0.1, 2.0  # by how much: SD of the log of the factor, and pixels


def synthesize(
    image: Tensor,
    cord: Tensor,
    canal: Tensor,
    *,
    size: int,
    generator: Generator,
    any_contrast: bool = True,
    natural: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Make one batch of patches (B, N, N): examples and truth, both (B, 1, size, size), size < N.

    Parameters
    ----------
    image : Tensor
        About 0 to 1; all 0 where there are labels only.
    cord, canal : Tensor
        Fractions; canal (cord included) all 0 where unknown.
    any_contrast : bool
        Change intensities beyond recognition; False keeps the contrast of the images, brightness
        and noise aside.
    natural : float
        Share of the examples whose contrast stays as it was acquired, but for a few painted as
        diffusion-weighted or with faint fluid; most keep their resolution and noise, too.
    """
    draw = _Draw(len(image), generator)
    planes = torch.stack([image, cord, canal], dim=1).float()
    only_labels = planes[:, 0].flatten(1).amax(1) == 0
    if only_labels.any() and not only_labels.all():  # another image serves as background
        donors = torch.nonzero(~only_labels).flatten()
        taken = donors[draw.integers(len(donors))[only_labels]]
        planes[only_labels, 0] = planes[taken, 0]
    planes = F.grid_sample(
        planes, _grid(draw, size, planes.shape[-1]), padding_mode="border", align_corners=False
    )
    x, cord, canal = planes.split(1, dim=1)
    canal = _guess_canal(cord, canal, draw)
    x = torch.where(draw.chance(0.08), _diffusion_weighted(x, cord, draw), x)
    # some with fluid about as bright as the cord: only the grey matter tells where that is
    faint = draw.chance(0.05) * draw.uniform(0.5, 1)
    x = x - faint * (canal - cord) * _step(x, cord)
    # the middle of some more or less like what is around them; the edge stays
    x = x + _core(cord) * draw.uniform(-0.5, 0.75) * draw.chance(0.3) * _step(x, cord)
    kept, kept_cord = draw.chance(natural) & ~only_labels.view(-1, 1, 1, 1), cord
    acquired = x.clamp(min=0) ** torch.exp(draw.normal() * 0.1)
    if any_contrast:
        mapped = _map_intensities(x, draw)
        seen = _contrast(mapped, cord) > 0.5 * _contrast(x, cord)
        # a map that hides the cord teaches to guess: few of those
        x = torch.where(seen | draw.chance(0.1), mapped, torch.where(draw.chance(0.5), x, 1 - x))
        x = _repaint(x, cord, canal, only_labels, draw)
        empty = draw.chance(0.04)  # nothing but texture: no cord
        x = torch.where(empty, 0.5 + _texture(draw, x.shape[-1]), x)
        cord = cord * ~empty
    else:
        x = x.clamp(min=0) ** torch.exp(draw.normal() * 0.2)
    field = F.interpolate(draw.normal(1, 4, 4), size=x.shape[-2:], mode="bicubic")
    x = x * torch.exp(field * draw.uniform(0, 0.5))
    # some of the natural ones at another resolution and with other noise than this scan's
    x = torch.where(kept, acquired, x)
    x = torch.where(kept & draw.chance(0.7), x, _degrade(x, draw))
    return _crop_field_of_view(x, torch.where(kept, kept_cord, cord), draw)


class _Draw:
    """Random numbers for a batch, shaped to multiply (B, 1, N, N)."""

    def __init__(self, batch: int, generator: Generator) -> None:
        self.batch, self.generator = batch, generator

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        shape = shape or (1, 1, 1)
        return low + (high - low) * torch.rand(self.batch, *shape, generator=self.generator)

    def normal(self, *shape: int) -> Tensor:
        shape = shape or (1, 1, 1)
        return torch.randn(self.batch, *shape, generator=self.generator)

    def chance(self, p: float) -> Tensor:
        return self.uniform(0, 1) < p

    def integers(self, n: int) -> Tensor:
        return torch.randint(n, (self.batch,), generator=self.generator)

    def number(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=self.generator))


def _grid(draw: _Draw, size: int, stored: int) -> Tensor:
    """Where in the stored patch each pixel comes from: affine and elastic, (B, size, size, 2)."""
    angle = draw.normal().flatten() * math.radians(10)
    # some cords look much smaller, as further down the spine than most images reach, the others a
    # little larger: where an edge is hard to see, the usual size decides, and that stays as it is
    smaller = draw.chance(0.2).flatten().float()
    scale = torch.exp(draw.normal().flatten() * 0.15 + 0.25 * (smaller - 0.2))
    stretch = torch.exp(draw.normal().flatten() * 0.05)
    flip = torch.where(draw.chance(0.5).flatten(), -1.0, 1.0)
    shear = draw.normal().flatten() * 0.05
    cos, sin = torch.cos(angle), torch.sin(angle)
    # rows: array axis 0 (right) is the image's y for grid_sample; flipped left-right only
    across = torch.stack([cos * scale * stretch, -sin * scale + shear], dim=1)
    along = torch.stack([sin * scale * flip, cos * scale / stretch * flip], dim=1)
    matrix = torch.stack([across, along], dim=1)
    shift = draw.normal(1, 2).squeeze(1) * 4.5
    pixel = torch.arange(size) - (size - 1) / 2
    at = torch.stack(torch.meshgrid(pixel, pixel, indexing="xy"), dim=-1)
    at = torch.einsum("bij,xyj->bxyi", matrix, at) + shift[:, None, None]
    # the cord, in the middle of the stored patch, grows, shrinks and moves within its canal, which
    # must tell neither its size nor its place
    middle = torch.exp(-0.5 * (at / REACH).square().sum(dim=-1, keepdim=True))
    at = at * torch.exp(SWELLING * draw.normal() * middle)
    at = at + MOVING * draw.normal(1, 1, 2) * middle
    bend = F.interpolate(draw.normal(2, 6, 6), size=(size, size), mode="bicubic")
    at = at + (bend * draw.uniform(0, 2.0)).permute(0, 2, 3, 1)
    return at / (stored / 2)


def _map_intensities(x: Tensor, draw: _Draw) -> Tensor:
    """Any smooth map of grey values: four in ten keep their order, others are inverted or bent."""
    mean, sd = x.mean(dim=(2, 3), keepdim=True), x.std(dim=(2, 3), keepdim=True)
    u = torch.sigmoid(draw.uniform(0.8, 2.2) * (x - mean) / (sd + 1e-6))
    knots = 7
    rising = torch.cumsum(0.15 + draw.uniform(0, 1, knots), dim=1)
    rising = (rising - rising[:, :1]) / (rising[:, -1:] - rising[:, :1])
    free = draw.uniform(0, 1, knots)
    curve = torch.where(draw.chance(0.35).view(-1, 1), free, rising)
    curve = torch.where(draw.chance(0.4).view(-1, 1), 1 - curve, curve)
    at = u.flatten(1) * (knots - 1)
    low = at.long().clamp(0, knots - 2)
    a, b = curve.gather(1, low), curve.gather(1, low + 1)
    return (a + (b - a) * (at - low)).view_as(u)


def _contrast(x: Tensor, cord: Tensor) -> Tensor:
    """How much the cord differs from what is around it, in SDs of the patch, (B, 1, 1, 1)."""
    return _step(x, cord).abs() / (x.std(dim=(2, 3), keepdim=True) + 1e-6)


def _step(x: Tensor, cord: Tensor) -> Tensor:
    """Mean of what is around the cord minus that of the cord, (B, 1, 1, 1)."""
    ring = _blur(cord, torch.full((len(x), 2), 3.0), reach=8) * (1 - cord)
    return _mean(x, ring) - _mean(x, cord)


def _mean(x: Tensor, weight: Tensor) -> Tensor:
    """Weighted, of each example, (B, 1, 1, 1)."""
    total = weight.sum(dim=(2, 3), keepdim=True) + 1e-3
    return (x * weight).sum(dim=(2, 3), keepdim=True) / total


def _diffusion_weighted(x: Tensor, cord: Tensor, draw: _Draw) -> Tensor:
    """Only the cord stands out of the noise, as in people; its white matter is a bright ring."""
    bright = 1 - _core(cord) * draw.uniform(0, 0.6) + 0.5 * _texture(draw, x.shape[-1])
    around = draw.uniform(0, 0.4) * (0.3 + x)
    return _degrade(cord * bright + (1 - cord) * around, draw)


def _guess_canal(cord: Tensor, canal: Tensor, draw: _Draw) -> Tensor:
    """The canal, cord included; where it is unknown, of random width, the cord anywhere in it."""
    # 12 % of a blurred cord lies about one sigma outside it
    sigma = draw.uniform(1.5, 7, 1).expand(-1, 2)
    around = _blur(cord, sigma, reach=20, shift=sigma * draw.uniform(-1, 1, 2))
    guessed = ((around - 0.08) / 0.08).clamp(0, 1)
    known = canal.amax(dim=(2, 3), keepdim=True) > 0
    return torch.maximum(torch.where(known, canal, guessed), cord)


def _core(cord: Tensor) -> Tensor:
    """About where the grey matter is: the cord without its outer 2 mm, soft."""
    return ((_blur(cord, torch.full((len(cord), 2), 2.5), reach=8) - 0.6) / 0.3).clamp(0, 1)


def _repaint(x: Tensor, cord: Tensor, canal: Tensor, forced: Tensor, draw: _Draw) -> Tensor:
    """Give cord and ring new intensities, each on its own, partial volume kept."""
    must = forced.view(-1, 1, 1, 1)
    texture = [0.3 * draw.uniform(0, 1) * _texture(draw, x.shape[-1]) for _ in range(2)]
    a = draw.uniform(-0.1, 1.1)
    gap = draw.uniform(0.12, 0.8) * torch.where(draw.chance(0.5), -1.0, 1.0)
    b = torch.where((a + gap).clamp(-0.2, 1.2) == a + gap, a + gap, a - gap)
    own, step = _mean(x, cord), _step(x, cord)
    inside, outside = x - step * (1 - cord), x + step * cord  # what meets in a pixel of the edge
    detail = (inside - own) * draw.uniform(0, 0.8) * ~must
    repaint_cord, repaint_ring = draw.chance(0.3) | must, draw.chance(0.3) | must
    # fluid as bright as white matter: only the grey matter within tells where the cord is
    faint = draw.chance(0.15) & repaint_ring & ~repaint_cord
    b = torch.where(faint, own + draw.normal() * 0.06, b)
    cord_value = torch.where(repaint_cord, a + detail + texture[0], inside)
    ring_value = torch.where(repaint_ring, b + texture[1], outside)
    return x * (1 - canal) + ring_value * (canal - cord) + cord_value * cord


def _texture(draw: _Draw, side: int) -> Tensor:
    """Smooth random texture of one scale, SD about 0.2, (B, 1, side, side)."""
    cells = int(draw.number(8, 40))
    return 0.25 * F.interpolate(draw.normal(1, cells, cells), size=(side, side), mode="bicubic")


def _degrade(x: Tensor, draw: _Draw) -> Tensor:
    """Blur, coarser voxels and noise that is born on them."""
    sigma = draw.uniform(0, 1.2, 2) * draw.chance(0.5).view(-1, 1) + 0.05
    x = _blur(x, sigma, reach=4)
    noise = draw.uniform(0, 1) ** 2 * 0.15
    rician = draw.chance(0.3)
    parts = []
    for part in torch.arange(draw.batch).chunk(4):  # one voxel size for each quarter of a batch
        side = x.shape[-1]
        factor = max(1.0, draw.number(0.5, 2.4))
        coarse = [round(side / factor), round(side / (factor * draw.number(0.8, 1.25)))]
        coarse = [min(n, side) for n in coarse]
        y = F.interpolate(x[part], size=coarse, mode="bilinear", antialias=True)
        n = noise[part] * torch.randn(2, *y.shape, generator=draw.generator)
        y = torch.where(rician[part], torch.hypot(y.clamp(min=0) + n[0], n[1]), y + n[0])
        parts.append(F.interpolate(y, size=(side, side), mode="bilinear"))
    return torch.cat(parts)


def _blur(x: Tensor, sigma: Tensor, *, reach: int, shift: Tensor | float = 0.0) -> Tensor:
    """Gaussian blur with a sigma (pixels) and a shift for each example and axis, shape (B, 2)."""
    at = torch.arange(-reach, reach + 1.0) - torch.as_tensor(shift)[..., None]
    kernel = torch.exp(-0.5 * (at / sigma[..., None]) ** 2)
    kernel = kernel / kernel.sum(dim=-1, keepdim=True)
    x = F.pad(x.transpose(0, 1), (reach,) * 4, mode="replicate")
    x = F.conv2d(x, kernel[:, :1, None], groups=len(sigma))
    return F.conv2d(x, kernel[:, 1:, :, None], groups=len(sigma)).transpose(0, 1)


def _crop_field_of_view(x: Tensor, cord: Tensor, draw: _Draw) -> tuple[Tensor, Tensor]:
    """End some images near the cord: edge values go on outside, as in `cut_patches`."""
    side = x.shape[-1]
    cropped = draw.chance(0.2).view(-1, 1)
    pixel = torch.arange(side).expand(draw.batch, side)
    inside = []
    for axis in (2, 3):
        low = torch.where(cropped, draw.uniform(-0.1, 0.3, 1) * side, 0).clamp(min=0).long()
        high = torch.where(cropped, draw.uniform(0.7, 1.1, 1) * side, side).clamp(max=side)
        index = torch.minimum(torch.maximum(pixel, low), high.long() - 1)
        inside.append(index == pixel)
        shape = (-1, 1, side, 1) if axis == 2 else (-1, 1, 1, side)
        x = x.gather(axis, index.view(shape).expand_as(x))
    return x, cord * (inside[0][:, None, :, None] & inside[1][:, None, None, :])
