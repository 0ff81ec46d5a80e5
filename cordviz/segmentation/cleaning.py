"""Rules of anatomy for a mask that the network found: one cord, no brain stem.

Masks are fractions in RAS order, shape (X, Y, Z), with spacing in mm.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

LEAST_AREA_MM2 = 12.0  # of a slice that is taken to show the cord
BRIDGE_MM = 12.0  # the longest gap within the cord
BRAIN_STEM_MM2 = 120.0  # no cord is as large: 77 ± 8 mm² where it is largest,
PONS_MM2 = 160.0  # and no leak of the mask often larger
ABOVE_MM = 40.0  # less than this follows above a brain stem: its upper end, badly seen


def keep_cord(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Keep the largest piece, bridged over short gaps, with its soft edge."""
    core = mask > 0.3
    if not core.any():
        raise ValueError("No spinal cord found: the network saw none around the likeliest place.")
    box = ndimage.find_objects(core.astype(np.uint8))[0]
    edge = [max(1, round(2.0 / s)) for s in spacing[:2]]
    box = tuple(
        slice(max(0, b.start - e), b.stop + e) for b, e in zip(box, (*edge, 0), strict=True)
    )
    core = core[box]
    reach = 2 * max(1, round(BRIDGE_MM / 2 / spacing[2])) + 1  # one slice, however thick
    pieces, count = ndimage.label(ndimage.maximum_filter1d(core, reach, axis=2))
    sizes = ndimage.sum_labels(mask[box], pieces * core, np.arange(1, count + 1))
    piece = core & (pieces == 1 + int(np.argmax(sizes)))
    near = ndimage.binary_dilation(piece, np.ones((2 * edge[0] + 1, 2 * edge[1] + 1, 1)))
    kept = np.zeros_like(mask)
    kept[box] = np.where(near & piece.any(axis=(0, 1)), mask[box], 0)
    return kept


def without_brain_stem(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """End the mask where the cord, followed upwards, has become as wide as a brain stem."""
    area = mask.sum(axis=(0, 1)) * spacing[0] * spacing[1]
    span = 2 * round(6 / spacing[2]) + 1
    steady = ndimage.median_filter(area, span, mode="nearest")
    wide = np.flatnonzero(steady > BRAIN_STEM_MM2)
    if wide.size == 0 or (np.flatnonzero(area)[-1] - wide[-1]) * spacing[2] > ABOVE_MM:
        return mask
    run = np.split(wide, np.flatnonzero(np.diff(wide) > 1) + 1)[-1]
    if steady[run].max() < PONS_MM2:
        return mask
    if not area[: run[0]].any():  # nothing but wide slices: whatever it is, no end of a cord
        return mask
    kept = mask.copy()
    kept[..., run[0] :] = 0
    return kept
