"""Tissue parameters at 3 T with their natural spread.

Values with a source are those of the literature named above their row; those marked [T] are typical
values without a source: placeholders, good enough for the picture around the cord.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# name: T1 ms, T2 ms, T2* ms, proton density, diffusivity 1e-3 mm^2/s, MT ratio, fat fraction,
#       relative spread between subjects, texture (SD of the signal inside the tissue)
_TABLE: dict[str, tuple[float, ...]] = {
    # Smith 2008 (T1, T2, T2*, PD), Bosma 2012 (diffusivity); MT ratio of healthy white matter
    "white_matter": (857.0, 73.0, 38.7, 0.70, 0.93, 0.54, 0.0, 0.03, 0.02),
    # Smith 2008; diffusivity and MT ratio [T]
    "grey_matter": (973.0, 76.0, 44.4, 0.80, 0.90, 0.45, 0.0, 0.03, 0.02),
    # T1, T2 of cerebrospinal fluid from the literature range; T2*, diffusivity, MT ratio [T]
    "csf": (4237.0, 1784.0, 400.0, 1.00, 3.0, 0.025, 0.0, 0.02, 0.0),
    # de Bazelaire 2004 (T1, T2); rest [T]
    "fat": (382.0, 68.0, 35.0, 0.90, 0.1, 0.0, 1.0, 0.04, 0.06),
    "muscle": (898.0, 29.0, 24.0, 0.75, 1.6, 0.50, 0.0, 0.04, 0.07),
    # de Bazelaire 2004 (T1, T2); T2* shortened by trabecular bone, rest [T]
    "marrow": (586.0, 49.0, 13.0, 0.60, 0.4, 0.20, 0.5, 0.10, 0.10),
    "disc": (1165.0, 102.0, 26.0, 0.79, 1.5, 0.25, 0.0, 0.12, 0.06),
    # cortical bone: T2 0.39 ms, PD 0.18; T2* [T]
    "bone": (223.0, 0.39, 0.4, 0.18, 0.1, 0.0, 0.0, 0.05, 0.0),
    # ligament, dura, tendon: all [T]
    "ligament": (900.0, 5.0, 2.0, 0.30, 0.5, 0.30, 0.0, 0.05, 0.05),
    "blood": (1960.0, 200.0, 45.0, 0.85, 3.0, 0.05, 0.0, 0.03, 0.0),
    # skin, mucosa and glands, a demyelinated lesion: all [T]
    "skin": (900.0, 30.0, 12.0, 0.70, 1.0, 0.30, 0.1, 0.05, 0.05),
    "mucosa": (1200.0, 75.0, 30.0, 0.85, 1.6, 0.20, 0.0, 0.05, 0.08),
    "lesion": (1250.0, 115.0, 60.0, 0.85, 1.2, 0.25, 0.0, 0.05, 0.03),
}

#: Names of the tissues, in the order of every array that has a tissue axis; air is what is left.
TISSUES: tuple[str, ...] = tuple(_TABLE)

#: Relative SD of the signal inside each tissue, same order as ``TISSUES``.
TEXTURE = np.array([row[8] for row in _TABLE.values()], dtype=np.float32)


@dataclass(frozen=True)
class TissueValues:
    """Flow and magnetic parameters of one subject's tissues, arrays in the order of `TISSUES`."""

    csf_inflow: float  # how much CSF is replaced by fresh one, 1 is usual [T]
    t1_ms: np.ndarray
    t2_ms: np.ndarray
    t2star_ms: np.ndarray
    pd: np.ndarray  # proton density relative to water
    diffusivity: np.ndarray  # 1e-3 mm²/s
    mtr: np.ndarray  # fraction of the signal that the MT pulse removes
    fat: np.ndarray  # fraction of the signal at the frequency of fat


def draw_tissues(rng: np.random.Generator | None = None) -> TissueValues:
    """Draw the tissue values of one person; without a generator, the table's means."""
    table, inflow = np.array([row[:7] for row in _TABLE.values()]), 1.0
    if rng is not None:
        spread = np.array([row[7] for row in _TABLE.values()])[:, None]
        table = table * (1.0 + spread * np.clip(rng.standard_normal(table.shape), -2.5, 2.5))
        inflow = float(np.clip(rng.normal(1.0, 0.5), 0.0, 2.0))
    table[:, 5:7] = np.clip(table[:, 5:7], 0.0, 1.0)
    # T2* cannot exceed T2, whatever the draw
    table[:, 2] = np.minimum(table[:, 2], table[:, 1])
    return TissueValues(inflow, *table.T)
