"""One slice of the phantom: imaged under any settings, outlined and measured by every method."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .._validation import check_choice
from ..contrasts import CONTRASTS, closest_contrast, guess_contrast
from ..images import on_grid, spacing_mm, voxels
from ..simulation.sequences import PRESETS
from .style import cycled

if TYPE_CHECKING:
    import pandas as pd
    from nibabel.nifti1 import Nifti1Image

    from ..simulation.subject import Subject

#: What outlines the cord: truth first, then the methods.
OUTLINES = {
    "truth": "Truth",
    "propseg": "Propagation",
    "deepseg": "Contrast-specific network",
    "agnostic": "Contrast-agnostic network",
}
METHODS = tuple(OUTLINES)[1:]
COLOURS = cycled(OUTLINES)
#: What of a protocol can be set beside the size of a voxel in plane.
SET = ("tr_ms", "te_ms", "ti_ms", "flip_deg", "b_s_mm2", "field_t", "snr", "thickness_mm", "mt")
EFFECTS = {
    "partial_volume": "Partial volume",
    "truncation": "Truncation (Gibbs)",
    "slice_profile": "Slice profile",
    "blur": "Readout blur",
    "flow": "CSF flow",
    "susceptibility": "Susceptibility loss",
    "distortion": "EPI distortion",
    "chemical_shift": "Shift of fat",
    "bias": "Coil sensitivity",
    "noise": "Noise",
}
#: What methods are told: a family, or what the picture suggests.
TOLD = ("auto", *CONTRASTS)
FOV_MM = 60.0  #: of the slice: the networks look at 58
SCANNERS = 6  #: grids kept: going back to one is quick
# Signal of the surroundings (8 to 20 mm from the cord) over that of the cord: measured on 8 people
# 0.12–0.14 in DWI against 0.42–0.63 in T1w, GRE-T1w and MT-off; 0.21–0.31 in T2w and fMRI against
# 0.56–0.73 in T2*w and MT-on.
SURROUND_MM = (8.0, 20.0)
DARK_SURROUND = {"bright": 0.25, "dark": 0.42}


@dataclass(frozen=True)
class Settings:
    """What a slice is scanned with: a contrast of the simulation and what is changed in it."""

    contrast: str
    values: tuple[tuple[str, float], ...]
    effects: frozenset[str]
    scan: int = 0

    @classmethod
    def of(cls, contrast: str, *, effects: Any = None, scan: int = 0, **changes: Any) -> Settings:
        """The preset of a contrast with `changes`; `effects` names those that are on."""
        check_choice(contrast, tuple(PRESETS), "contrast")
        known = preset(contrast)
        for name in changes:
            check_choice(name, tuple(known), "settings")
        on = frozenset(EFFECTS if effects is None else effects)
        for name in on:
            check_choice(name, tuple(EFFECTS), "effects")
        values = tuple((name, float(value)) for name, value in {**known, **changes}.items())
        return cls(contrast, values, on, int(scan))


@dataclass
class Shot:
    """A scanned slice, its true mask, and what methods have made of it so far."""

    settings: Settings
    image: Nifti1Image
    truth: Nifti1Image
    found: dict[tuple[str, str], Outline] = field(default_factory=dict)

    @property
    def spacing(self) -> np.ndarray:
        """Voxel size in mm."""
        return spacing_mm(self.image)

    @cached_property
    def grey(self) -> np.ndarray:
        """Brightness 0 to 1 that suits the middle half of the slice, as `rows_of`."""
        data = rows_of(self.image)
        rows, columns = (n // 4 for n in data.shape)
        low, high = np.quantile(data[rows:-rows, columns:-columns], (0.01, 0.99))
        return np.clip((data - low) / max(high - low, 1e-9), 0, 1)

    def area_mm2(self, mask: Nifti1Image) -> float:
        """Area of a soft mask in the plane of the slice."""
        return float(voxels(mask).sum() * self.spacing[0] * self.spacing[1])


@dataclass(frozen=True)
class Outline:
    """What one method made of a slice: a soft mask, or None and why there is none."""

    mask: Nifti1Image | None
    note: str = ""


def rows_of(image: Nifti1Image) -> np.ndarray:
    """Pixels from the top, patient's right on the left; the scanner's grids are RAS."""
    return voxels(image)[::-1, ::-1, 0].T


def preset(contrast: str) -> dict[str, Any]:
    """What the protocol of a contrast sets."""
    sequence = PRESETS[contrast]
    return {name: getattr(sequence, name) for name in SET} | {"voxel_mm": sequence.voxel_mm[0]}


def phantom_slice(subject: Subject | None, level: float) -> PhantomSlice:
    """A slice of a simulated person, by default of seed 0; TypeError for anything else."""
    from ..simulation.subject import Subject, simulate_subject

    if subject is not None and not isinstance(subject, Subject):
        raise TypeError(
            f"Expected a person from simulate_subject(), got {type(subject).__name__}; leave it "
            "out for seed 0."
        )
    if not 1 <= level <= 9:
        raise ValueError(f"Expected level between 1 (top of C1) and 9, got {level}.")
    return PhantomSlice(simulate_subject(0) if subject is None else subject, level)


class PhantomSlice:
    """An axial slice of a simulated person that is scanned again and again."""

    def __init__(self, subject: Subject, level: float) -> None:
        """Take a person and a place along the cord, as `Subject.slice_scanner` does."""
        self.subject, self.level = subject, level
        self._scanner = lru_cache(SCANNERS)(self._new_scanner)

    def _new_scanner(self, voxel_mm: float, thickness_mm: float) -> Any:
        return self.subject.slice_scanner(
            self.level,
            voxel_mm=(voxel_mm, voxel_mm),
            thickness_mm=thickness_mm,
            fov=(FOV_MM, FOV_MM, 10.0),
        )

    def acquire(self, settings: Settings) -> Shot:
        """Scan; ValueError for a timing that no scanner can play out."""
        values, on = dict(settings.values), {name: name in settings.effects for name in EFFECTS}
        scanner = self._scanner(values.pop("voxel_mm"), values.pop("thickness_mm"))
        image, truth = scanner.acquire(settings.contrast, seed=settings.scan, **values, **on)
        return Shot(settings, image, truth)

    def outline(self, shot: Shot, method: str, told: str = "") -> Outline:
        """Let a method outline the cord where it is known to be; `told` is its contrast."""
        check_choice(method, METHODS, "method")
        key = method, "" if method == "agnostic" else told
        if key not in shot.found:
            shot.found[key] = _outline(shot, *key)
        return shot.found[key]

    def suggest(self, shot: Shot) -> dict[str, str]:
        """The ``family`` that the picture looks like around the agnostic mask, and ``why``."""
        mask = self.outline(shot, "agnostic").mask
        if mask is None or voxels(mask).max() <= 0.5:
            family = closest_contrast(shot.settings.contrast)
            why = f"no cord seen; {shot.settings.contrast} is run as {family}"
            return {"family": family, "why": why}
        return suggest_family(shot.image, mask)

    def table(self, shot: Shot, told: str) -> pd.DataFrame:
        """Area of truth and methods on a slice."""
        import pandas as pd

        true = shot.area_mm2(shot.truth)
        rows = [("truth", "", true, "")]
        for method in METHODS:
            found = self.outline(shot, method, told)
            area = np.nan if found.mask is None else shot.area_mm2(found.mask)
            rows.append((method, "" if method == "agnostic" else told, area, found.note))
        table = pd.DataFrame(rows, columns=["outline", "told_contrast", "csa_mm2", "note"])
        table.insert(3, "error_percent", (table["csa_mm2"] / true - 1) * 100)
        return table


def suggest_family(image: Nifti1Image, mask: Nifti1Image) -> dict[str, str]:
    """Name the contrast-specific family that one slice looks like, given a mask of its cord.

    Bright or dark cord tells T1w and DWI from T2w and T2*w (`guess_contrast`); within each pair it
    is how dark everything around the canal is.
    """
    from scipy.ndimage import distance_transform_edt

    seen = guess_contrast(image, mask)
    cord = voxels(mask)[..., 0] > 0.5
    away = distance_transform_edt(~cord, sampling=spacing_mm(image)[:2])
    data = voxels(image)[..., 0]
    near = data[(away > SURROUND_MM[0]) & (away < SURROUND_MM[1])]
    dark = np.median(near) < DARK_SURROUND[seen.cord] * np.median(data[cord])
    family = {"bright": ("t1", "dwi"), "dark": ("t2s", "t2")}[seen.cord][int(dark)]
    csf = "brighter" if seen.cord == "dark" else "darker"
    around = "the muscle around is " + ("dark" if dark else "grey")
    why = f"CSF {csf} than the cord (×{seen.ratio:.1f}), {around}"
    return {"family": family, "why": why}


def _outline(shot: Shot, method: str, told: str) -> Outline:
    from ..segmentation import WEIGHTS
    from ..segmentation.inference import segment_soft
    from ..segmentation.propagation import propagate

    data, truth, spacing = voxels(shot.image), voxels(shot.truth), shot.spacing
    data = data / np.abs(data).max()  # nothing depends on the unit
    centre = [np.arange(n) @ truth.sum(axis=(1 - a, 2)) for a, n in enumerate(truth.shape[:2])]
    start = np.array([centre]) / truth.sum() * spacing[:2]
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if method == "propseg":
                mask = propagate(data, spacing, contrast=told, hints=start)
            else:
                name = told if method == "deepseg" else method
                mask, _ = segment_soft(data, spacing, WEIGHTS / f"{name}.pt", start=start)
    except ValueError as error:  # none found: an answer, too
        return Outline(None, str(error).split(".")[0] + ".")
    return Outline(on_grid(mask, shot.image), " ".join(str(one.message) for one in caught))
