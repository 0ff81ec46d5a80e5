"""What may be chosen about a simulated person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Options:
    """What may be chosen about a subject; None means drawn from the norms.

    `compression` maps a disc label (3 = C2/C3) to the fraction of the cord's AP diameter lost
    there; `lesion` maps a level to the lesion's radius in mm; `atrophy_percent` scales the area.
    """

    sex: str | None = None
    compression: dict[int, float] | None = None
    atrophy_percent: float = 0.0
    lesion: dict[int, float] | None = None
    lordosis_deg: float | None = None
    tilt_deg: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Refuse what no neck can be."""
        lordosis = 0.0 if self.lordosis_deg is None else self.lordosis_deg
        tilt = np.atleast_1d((0.0, 0.0) if self.tilt_deg is None else self.tilt_deg)
        for name in ("compression", "lesion"):
            if not isinstance(getattr(self, name) or {}, Mapping):
                raise TypeError(f"expected {name} as a dict, got {getattr(self, name)!r}")
        compression, lesion = self.compression or {}, self.lesion or {}
        for name, right, expected in (
            ("sex", self.sex in (None, "M", "F"), "'M', 'F' or None"),
            ("atrophy_percent", -40 <= self.atrophy_percent < 60, "-40 to 60"),
            (
                "compression",
                all(k in range(2, 10) and 0 <= v <= 0.6 for k, v in compression.items()),
                "{disc label 2 to 9: fraction of the AP diameter, 0 to 0.6}",
            ),
            (
                "lesion",
                all(k in range(1, 9) and 0 < v <= 5 for k, v in lesion.items()),
                "{level 1 to 8: radius in mm, 0 to 5}",
            ),
            ("lordosis_deg", -30 <= lordosis <= 45, "-30 to 45 degrees"),
            ("tilt_deg", tilt.shape == (2,) and np.abs(tilt).max() <= 35, "(AP, RL) within 35"),
        ):
            if not right:
                raise ValueError(f"expected {name} {expected}, got {getattr(self, name)!r}")
