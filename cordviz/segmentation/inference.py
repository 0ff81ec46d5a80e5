"""Run the network on a volume of any contrast: find the cord, segment it, put the mask back.

Arrays are in RAS order, shape (X, Y, Z); positions are in mm from the centre of voxel (0, 0).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from ..centerline import bounding_box
from .cleaning import BRAIN_STEM_MM2, LEAST_AREA_MM2, keep_cord, without_brain_stem
from .cordness import DARK, STRIDE, cordness
from .detection import SLAB_MM, best_path, make_slabs, values_along
from .ellipses import STEP_MM as DETECTION_STEP_MM
from .network import Network, check_device, load_network
from .sampling import STEP_MM, cut_patches, fill_rim, paste_patches
from .softness import lean_on_neighbours, middles, softness

PATCH = 96  # pixels, 58 mm: what a network sees at once
BATCH = 12  # 7 % faster than 6 where the cache is large, and 24 no faster
LEVELS = 10  # at about so many heights the cord is looked for
AIRWAY = 1.5 * DARK  # for what is as dark as one; more than where scores must reach a limit
PROBES = 12  # slices on which the network judges a candidate for the cord
LEAST_CERTAINTY = 0.78  # mean of the better half of the probes: 0.85 and more with a cord, real or
# simulated, 0.71 and less in noise and in what lies before and behind the cord of real images
SURE_CERTAINTY = 0.85  # from here on no other candidate is asked
MOVED_MM = 4.0  # a patch further off the cord than this is cut again
ROUNDS = 3  # of cutting again, at most: each follows the cord further
ADVICE = (
    "Crop it around the spine if the field of view is large, or point at the cord with "
    "centerline= or seed_mm=."
)
STEPS = 3  # that `segment_soft` reports
# what must not change the result, but does a little: who looks, and how
VIEWS: tuple[dict[str, Any], ...] = ({"member": 0}, {"member": 1, "flip": True, "shift": (0, 1)})
CHANGES: tuple[dict[str, Any], ...] = (
    {"member": 0, "flip": True}, {"member": 1, "gamma": 0.7},
    {"member": 0, "gamma": 1.4, "shift": (1, -3)}, {"member": 1, "flip": True, "shift": (-3, 1)},
)  # fmt: skip


@contextmanager
def _one_thread() -> Iterator[None]:
    """Work on one core: small planes gain little from more, and on a busy machine, or one that
    shows more cores than it lends, threads wait for each other for seconds.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@_one_thread()
def segment_soft(
    data: np.ndarray,
    spacing: np.ndarray,
    weights: Path,
    *,
    device: str = "auto",
    start: np.ndarray | None = None,
    uncertainty: bool = False,
    report: Callable[[], object] = lambda: None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Segment the cord in an image of any contrast.

    Thin slices are averaged into slabs of at most `SLAB_MM` first, and the mask is interpolated
    between them: the cord does not change faster, and noise does.

    Parameters
    ----------
    data : ndarray of shape (X, Y, Z)
        Image in RAS order.
    spacing : ndarray of shape (3,)
        Voxel size in mm.
    weights : Path
        File of the network.
    device : str
        As torch names it; "auto" takes a GPU if there is one.
    start : ndarray of shape (Z, 2), optional
        Where the cord is, NaN where that is not known; else it is looked for.
    uncertainty : bool
        Also return the standard deviation.
    report : callable
        Called after each of `STEPS` steps.

    Returns
    -------
    mask : ndarray of shape (X, Y, Z)
        Fraction of each voxel that is cord, float32 in [0, 1].
    sd : ndarray of shape (X, Y, Z) or None
        Its standard deviation. An error of the edge moves neighbouring voxels together, so that
        the sum of `sd` over a slice, times the area of a voxel, is the SD of the slice's area.

    Raises
    ------
    ValueError
        No cord found.
    """
    network = load_network(Path(weights), check_device(device))
    data, shown = fill_rim(data, spacing)
    slabs, at = _slabs(data, spacing[2])
    step = spacing * [1, 1, data.shape[2] / len(at)]

    def run(center: np.ndarray, slices: np.ndarray, views: Sequence[dict[str, Any]]) -> np.ndarray:
        found = []
        for part in np.split(np.arange(slices.size), range(BATCH, slices.size, BATCH)):
            cut = cut_patches(slabs, step, center[part], PATCH, slices=slices[part])
            found.append(np.stack([_run(network, cut, **view) for view in views]))
        return np.concatenate(found, axis=1)

    every = np.arange(len(at))
    patches = np.full((len(at), PATCH, PATCH), np.nan, np.float32)
    if start is None:
        center, probes, seen = _center(slabs, step, run)
        patches[probes] = np.mean([seen, *run(center[probes], probes, VIEWS[1:])], axis=0)
    else:
        center = _fill(start)[at.astype(int)]
    report()
    if (left := np.flatnonzero(np.isnan(patches[:, 0, 0]))).size:
        patches[left] = run(center[left], left, VIEWS).mean(axis=0)
    report()
    shape = slabs.shape

    def paste() -> np.ndarray:
        return keep_cord(np.clip(paste_patches(patches, shape, spacing, center), 0, 1), step)

    mask = paste()
    for _ in range(ROUNDS):
        cord = mask.max(axis=(0, 1)) > 0  # what else looks like it must not pull
        better = _recentre(np.where(cord[:, None, None], patches, 0), center, step[2])
        moved = np.flatnonzero(np.hypot(*(better - center).T) > MOVED_MM)
        if moved.size == 0:
            break
        center[moved] = better[moved]
        patches[moved] = run(center[moved], moved, VIEWS).mean(axis=0)
        mask = paste()
    area = without_brain_stem(mask, step).sum(axis=(0, 1)) * spacing[0] * spacing[1]
    if start is None and (usual := np.median(area[area > 0])) > BRAIN_STEM_MM2:
        raise ValueError(
            f"No spinal cord found: the likeliest object has {usual:.0f} mm² in most slices, and "
            f"no cord more than {BRAIN_STEM_MM2:g}. {ADVICE}"
        )
    if len(at) > 1:  # a single slice has neither neighbours nor a brain stem above
        patches = np.where(area[:, None, None] > 0, patches, 0)
        patches = lean_on_neighbours(patches, center, step[2])
        mask = paste()
    report()
    sd = None
    if uncertainty:
        sd = _deviation(np.stack([patches, *run(center, every, CHANGES)]), network)
        sd = np.clip(paste_patches(sd, shape, spacing, center), 0, 0.5) * mask.any(axis=(0, 1))
        sd = _between(sd, at, data.shape[2]) * shown
    return _between(mask, at, data.shape[2]) * shown, sd


def _slabs(data: np.ndarray, slice_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Averages of neighbouring thin slices, and where their centres are, in slices."""
    most, n = max(int(SLAB_MM / slice_mm + 1e-3), 1), data.shape[2]
    edges = np.linspace(0, n, -(-n // most) + 1).round().astype(int)
    if most > 1:
        data = np.add.reduceat(data, edges[:-1], axis=2, dtype=np.float32)
        data /= np.float32(np.diff(edges))
    return data, (edges[:-1] + edges[1:] - 1) / 2


def _between(slabs: np.ndarray, at: np.ndarray, n: int) -> np.ndarray:
    """Interpolate from slabs back to slices."""
    if len(at) == n:
        return slabs
    where = np.interp(np.arange(n), at, np.arange(len(at)))
    low = where.astype(int)
    high = np.minimum(low + 1, len(at) - 1)
    part = (where - low).astype(np.float32)
    slices = np.zeros((*slabs.shape[:2], n), np.float32)
    box = bounding_box(slabs)[:2]  # a small part
    slices[box] = slabs[box][..., low] * (1 - part) + slabs[box][..., high] * part
    return slices


def _fill(center: np.ndarray) -> np.ndarray:
    known = np.flatnonzero(np.isfinite(center).all(axis=1))
    every = np.arange(len(center))
    return np.stack([np.interp(every, known, v) for v in center[known].T], axis=1)


def _deviation(patches: np.ndarray, network: Network) -> np.ndarray:
    """Standard deviation from repeated results, (R, S, N, N) to (S, N, N).

    That of the area follows from how soft the edge is in the mean of the repeats: what the network
    cannot see in the image, or sees elsewhere in a mirror, it draws soft. The relation is measured
    on simulated people (`cordviz.training.calibration`).
    """
    mean = patches.mean(axis=0)
    share, power = network.area_sd.tolist()
    wanted = share * mean.sum(axis=(1, 2)) * softness(mean) ** power
    edge = patches.std(axis=0) + 0.1 * mean * (1 - mean)
    return edge * (wanted / np.maximum(edge.sum(axis=(1, 2)), 1e-6))[:, None, None]


def candidates(data: np.ndarray, spacing: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Where a dark and where a bright cord would run best: centres, each of shape (Z, 2).

    The path that looks more like a cord comes first. What is as dark as an airway counts less at
    first, and then, for a cord darker than all around it, like the rest.
    """
    slabs, at = make_slabs(data, spacing, levels=LEVELS)  # it is only a rough centre
    height = float(np.median(np.diff(at)) * spacing[2]) if len(at) > 1 else float(spacing[2])
    slices = np.arange(data.shape[2])
    scores, dark = cordness(slabs, bright=(False, True), slab_mm=height)
    for rule in (AIRWAY * dark, 0):
        found = []
        for score in scores + rule:
            path = best_path(score, height)
            along = np.median(values_along(score, path))
            mm = path * float(DETECTION_STEP_MM * STRIDE)
            mm = ndimage.gaussian_filter1d(mm, 4 / height, axis=0, mode="nearest")
            center = np.stack([np.interp(slices, at, mm[:, a]) for a in (0, 1)], axis=1)
            found.append((float(along), center))
        yield [center for _, center in sorted(found, key=lambda f: -f[0])]


def _center(
    data: np.ndarray, spacing: np.ndarray, run: Callable[..., np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Let the network judge: it knows a cord of any polarity when it is centred on it.

    Returns the centres, and some slices with what the first view showed there.
    """
    shown = np.flatnonzero(np.ptp(data, axis=(0, 1)))  # not the empty slices of a padded image
    shown = shown if shown.size else np.arange(data.shape[2])
    probes = shown[np.unique(np.linspace(0, shown.size - 1, PROBES).round().astype(int))]
    worse = min((probes.size + 1) // 2, probes.size - 1)  # of a single slice, none
    judged = []
    for centers in candidates(data, spacing):
        for center in centers:
            found = run(center[probes], probes, VIEWS[:1])[0]
            judged.append((np.sort(_certainty(found))[worse:].mean(), center, found))
            if judged[-1][0] > SURE_CERTAINTY:
                break
        certain, center, found = max(judged, key=lambda j: j[0])
        if certain >= LEAST_CERTAINTY:
            break
    else:
        raise ValueError(
            "No spinal cord found. Check that the image shows the cord in axial section (several "
            f"cm along it help). {ADVICE}"
        )
    return center, probes, found


def _certainty(patches: np.ndarray) -> np.ndarray:
    """Mean cord fraction where there is cord, 0 to 1, 0 where its area is too small."""
    total = patches.sum(axis=(1, 2))
    mean = (patches**2).sum(axis=(1, 2)) / np.maximum(total, 1e-6)
    return np.where(total * STEP_MM**2 > LEAST_AREA_MM2, mean, 0)


def _recentre(patches: np.ndarray, center: np.ndarray, slice_mm: float) -> np.ndarray:
    """Centres from the masks; slices that show none take them from their neighbours."""
    area = np.where(patches > 0.3, patches, 0).sum(axis=(1, 2)) * STEP_MM**2
    known = np.flatnonzero(area > LEAST_AREA_MM2)
    if known.size == 0:
        return center
    found = (center + middles(patches))[known]
    # a leak in one slice must not pull the patch away: median over about 2 cm
    span = 2 * int(np.clip(10 / slice_mm, 1, 10)) + 1
    found = ndimage.median_filter(found, size=(min(span, known.size), 1), mode="nearest")
    return np.stack([np.interp(np.arange(len(center)), known, v) for v in found.T], axis=1)


@torch.inference_mode()
def _run(
    network: Network, patches: np.ndarray, *, member: int, flip: bool = False, gamma: float = 1.0,
    shift: tuple[int, int] = (0, 0),
) -> np.ndarray:  # fmt: skip
    """Cord fraction, seen by one member: mirrored, with other grey values or moved by pixels."""
    x = torch.from_numpy(patches)[:, None].to(next(network.parameters()).device)
    if gamma != 1:
        low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        x = ((x - low) / (high - low + 1e-6)) ** gamma
    x = torch.roll(x.flip(2) if flip else x, shift, (2, 3))
    look = network.members[member % len(network.members)]
    found = torch.roll(look(x).sigmoid(), (-shift[0], -shift[1]), (2, 3))
    return (found.flip(2) if flip else found)[:, 0].float().cpu().numpy()
