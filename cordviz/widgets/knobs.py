"""The knobs of the live phantom: names, units, how far each can be turned, who has it."""

from __future__ import annotations

from typing import Any

from ..contrasts import shown_name
from ..plots.phantom import EFFECTS, preset
from ..simulation.sequences import PRESETS

#: Name and unit of each knob, and whether its slider is logarithmic.
KNOBS: dict[str, tuple[str, str, bool]] = {
    "tr_ms": ("TR", "ms", True),
    "te_ms": ("TE", "ms", True),
    "ti_ms": ("TI", "ms", False),
    "flip_deg": ("Flip angle", "°", False),
    "b_s_mm2": ("b", "s/mm²", False),
    "field_t": ("Field", "T", False),
    "voxel_mm": ("Voxel in plane", "mm", False),
    "thickness_mm": ("Slice thickness", "mm", False),
    "snr": ("SNR", "", True),
}
#: From and to, for each kind of sequence; a knob that is not there has no part in it.
SAMPLING = {"field_t": (0.5, 7), "voxel_mm": (0.4, 2.0), "thickness_mm": (0.8, 10), "snr": (2, 100)}
RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "mprage": {"tr_ms": (1800, 6000), "te_ms": (1, 20), "ti_ms": (880, 3000), "flip_deg": (1, 30)},
    "tse": {"tr_ms": (500, 10000), "te_ms": (8, 400), "flip_deg": (30, 180)},
    "gre": {"tr_ms": (8, 2000), "te_ms": (1, 60), "flip_deg": (1, 90)},
    "dwi": {"tr_ms": (500, 15000), "te_ms": (30, 150), "b_s_mm2": (0, 2000)},
    "epi": {"tr_ms": (200, 10000), "te_ms": (5, 100), "flip_deg": (5, 90)},
}
RANGES = {kind: {**own, **SAMPLING} for kind, own in RANGES.items()}
KIND_NAMES = {
    "mprage": "MPRAGE",
    "tse": "3-D turbo spin echo",
    "gre": "spoiled gradient echo",
    "dwi": "diffusion-weighted EPI",
    "epi": "gradient-echo EPI",
}
#: Effects that only some sequences have.
ONLY = {
    "slice_profile": ("gre", "dwi", "epi"),
    "susceptibility": ("gre", "epi"),
    "distortion": ("dwi", "epi"),
}


def page_preset(contrast: str) -> dict[str, Any]:
    """What a page knows of a preset: its knobs, its name, and which effects make a difference."""
    sequence = PRESETS[contrast]
    absent = {name for name, kinds in ONLY.items() if sequence.kind not in kinds}
    absent |= {"blur"} if not sequence.train_decay else set()
    absent |= {"flow"} if not (sequence.flow_void or sequence.csf_inflow) else set()
    return {
        **preset(contrast),
        "kind": sequence.kind,
        "title": shown_name(contrast),
        "sequence": KIND_NAMES[sequence.kind],
        "effects": [name for name in EFFECTS if name not in absent],
    }
