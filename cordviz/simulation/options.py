"""What may be chosen about a simulated person."""

from __future__ import annotations

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
        if self.sex not in (None, "M", "F"):
            raise ValueError(f"expected sex 'M', 'F' or None, got {self.sex!r}")
        if not -20 <= self.atrophy_percent < 60:
            raise ValueError(
                f"expected atrophy_percent between -20 and 60, got {self.atrophy_percent}"
            )
        for disc, loss in (self.compression or {}).items():
            if disc not in range(2, 10) or not 0 <= loss <= 0.6:
                raise ValueError(
                    "expected compression {disc label 2 to 9: fraction of the AP diameter, 0 to "
                    f"0.6}}, got {{{disc}: {loss}}}"
                )
        for level, radius in (self.lesion or {}).items():
            if level not in range(1, 9) or not 0 < radius <= 5:
                raise ValueError(
                    "expected lesion {level 1 to 8: radius in mm, 0 to 5}, got "
                    f"{{{level}: {radius}}}"
                )
        if self.lordosis_deg is not None and not -30 <= self.lordosis_deg <= 45:
            raise ValueError(f"expected lordosis_deg -30 to 45, got {self.lordosis_deg}")
        tilt = np.atleast_1d((0.0, 0.0) if self.tilt_deg is None else self.tilt_deg)
        if tilt.shape != (2,) or not np.abs(tilt).max() <= 35:
            raise ValueError(f"expected tilt_deg (AP, RL) up to 35 degrees, got {self.tilt_deg}")
