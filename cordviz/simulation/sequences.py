"""The sequences: parameters, presets of the spine-generic protocol, checks."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np

KINDS = ("mprage", "tse", "gre", "dwi", "epi")


@dataclass(frozen=True)
class Sequence:
    """One pulse sequence with its sampling."""

    kind: str  # which signal equation applies, one of KINDS
    tr_ms: float
    te_ms: float
    ti_ms: float = 0.0  # inversion to the middle of the readouts, "mprage" alone
    flip_deg: float = 90.0  # excitation; "tse": refocusing; "dwi": unused
    b_s_mm2: float = 0.0
    mt: bool = False  # an MT pulse before each excitation
    voxel_mm: tuple[float, float] = (0.9, 0.9)  # in plane, right–left and anterior–posterior
    thickness_mm: float = 5.0
    spacing_mm: float = 5.0  # between the centres of slices
    snr: float = 25.0  # signal of white matter over the SD of one channel's noise, inf for none
    phase_encoding: str = "AP"  # or "RL"
    fat_shift_px: float = 0.5  # of fat along the readout; that of EPI follows epi_px_per_hz
    fat_suppression: float = 1.0  # fraction of the fat signal that is left
    epi_px_per_hz: float = 0.0  # displacement by off-resonance, 0 for other than EPI
    train_decay: float = 0.0  # half of the readout train over T2 or T2*: width of the point spread
    flow_void: float = 0.0  # fraction of the CSF signal lost where it pulsates most
    inflow: float = 0.0  # share of unsaturated spins in vessels, gradient echoes
    csf_inflow: float = 0.0  # the same in CSF, of the usual person
    readouts: int = 176  # excitations after each inversion of MPRAGE
    echo_spacing_ms: float = 10.0  # time between them
    field_t: float = 3.0  # SNR is not changed with it

    @property
    def is_3d(self) -> bool:
        """Whether slices are encoded in k-space and not excited one by one."""
        return self.kind in ("mprage", "tse")


#: Protocol of spine-generic at 3 T (Cohen-Adad et al. 2021); SNR, decay, flow and shifts are
#: typical values [T]; with the inflow of CSF, fluid beside the cord is 1.5 times as bright as the
#: cord in T2*w (1.1 to 1.9), as in eight images of people (median 1.5, 1.0 to 2.2).
PRESETS: dict[str, Sequence] = {
    "T1w": Sequence("mprage", 2000, 3.72, ti_ms=1000, flip_deg=9, voxel_mm=(1.0, 1.0),
                    thickness_mm=1.0, spacing_mm=1.0, snr=17, fat_shift_px=1.8, inflow=0.25),
    "T2w": Sequence("tse", 1500, 120, flip_deg=120, voxel_mm=(0.8, 0.8), thickness_mm=0.8,
                    spacing_mm=0.8, snr=11, fat_shift_px=0.6, train_decay=0.5, flow_void=0.45),
    "T2star": Sequence("gre", 600, 14, flip_deg=30, voxel_mm=(0.5, 0.5), snr=24,
                       phase_encoding="RL", fat_shift_px=1.2, train_decay=0.05, flow_void=0.1,
                       inflow=0.5, csf_inflow=0.4),
    "MT-on": Sequence("gre", 35, 3.13, flip_deg=9, mt=True, snr=24, fat_shift_px=1.0,
                      inflow=0.35, phase_encoding="RL"),
    "MT-off": Sequence("gre", 35, 3.13, flip_deg=9, snr=36, fat_shift_px=1.0, inflow=0.35,
                       phase_encoding="RL"),
    "GRE-T1w": Sequence("gre", 15, 3.13, flip_deg=15, snr=30, fat_shift_px=1.0, inflow=0.2,
                        phase_encoding="RL"),
    "DWI": Sequence("dwi", 10000, 60, b_s_mm2=800, snr=16, fat_suppression=0.06,
                    epi_px_per_hz=0.035, train_decay=0.35),
    "fMRI": Sequence("epi", 2312, 40, flip_deg=84, voxel_mm=(1.0, 1.0), snr=20,
                     fat_suppression=0.08, epi_px_per_hz=0.04, train_decay=0.45, inflow=0.4),
}  # fmt: skip


def make_sequence(contrast: str, **changes: Any) -> Sequence:
    """Return the preset of a contrast with some fields of `Sequence` changed, checked."""
    if contrast not in tuple(PRESETS):
        raise ValueError(
            f"expected a contrast among {', '.join(PRESETS)}, got {contrast!r}; "
            "choose one and change its parameters"
        )
    seq = replace(PRESETS[contrast], **{k: v for k, v in changes.items() if v is not None})
    for name, value in vars(seq).items():
        check_type(name, value, getattr(PRESETS[contrast], name))
    size = seq.voxel_mm if isinstance(seq.voxel_mm, Sized) else ()
    if len(size) != 2 or not all(isinstance(mm, Real) for mm in size):
        raise ValueError(f"expected voxel_mm (RL, AP) in mm, got {seq.voxel_mm}; e.g. (0.8, 0.8)")
    _check_sequence(seq)
    return seq


def check_type(name: str, value: Any, like: Any) -> None:
    """Refuse a word where a switch or a number is due."""
    number = isinstance(value, (Real, np.bool_))
    if isinstance(like, bool) and not (number and value in (0, 1)):
        raise TypeError(f"expected {name} True or False, got {value!r}")
    if isinstance(like, (int, float)) and not number:
        raise TypeError(f"expected {name} as a number, got {value!r}")


def _check_sequence(seq: Sequence) -> None:
    """Refuse what no scanner can play out."""
    numbers = [v for v in vars(seq).values() if isinstance(v, float)]
    sizes = (*seq.voxel_mm, seq.thickness_mm, seq.spacing_mm)
    half_train = seq.readouts * seq.echo_spacing_ms / 2
    timing = f"TE {seq.te_ms}, TI {seq.ti_ms} and TR {seq.tr_ms} ms"
    inverts = seq.kind == "mprage"
    for right, expected, got in (
        (seq.kind in KINDS, f"kind {', '.join(KINDS)}", repr(seq.kind)),
        (not np.isnan([*numbers, *seq.voxel_mm]).any(), "numbers", f"NaN among {seq}"),
        (0 < seq.te_ms < seq.tr_ms, "0 < TE < TR: shorten te_ms or lengthen tr_ms", timing),
        (not inverts or 0 < seq.ti_ms < seq.tr_ms, "0 < TI < TR: shorten ti_ms", timing),
        (
            not inverts or half_train <= seq.ti_ms <= seq.tr_ms - half_train,
            f"{seq.readouts} readouts of {seq.echo_spacing_ms} ms around TI to fit between "
            "inversion and TR: use fewer or another ti_ms",
            timing,
        ),
        (0.1 <= seq.field_t <= 11.7, "field_t between 0.1 and 11.7 tesla", seq.field_t),
        (0 < seq.flip_deg <= 180, "0 < flip_deg <= 180 (degrees)", seq.flip_deg),
        (seq.b_s_mm2 >= 0, "b_s_mm2 >= 0 (s/mm², e.g. 800)", seq.b_s_mm2),
        (
            0 <= min(seq.flow_void, seq.inflow) <= max(seq.flow_void, seq.inflow) <= 1,
            "flow_void and inflow between 0 and 1",
            f"{seq.flow_void} and {seq.inflow}",
        ),
        (seq.csf_inflow >= 0, "csf_inflow >= 0", seq.csf_inflow),
        (seq.snr > 0, "snr > 0 (float('inf') for no noise)", seq.snr),
        (seq.phase_encoding in ("AP", "RL"), "phase_encoding 'AP' or 'RL'", seq.phase_encoding),
        (
            min(sizes) > 0 and max(seq.voxel_mm) <= 4.0 and seq.thickness_mm <= 40,
            "voxel_mm, thickness_mm and spacing_mm larger than 0 and smaller than the cord (4 mm "
            "in plane, 40 mm along it)",
            f"{seq.voxel_mm}, {seq.thickness_mm} and {seq.spacing_mm} mm",
        ),
    ):
        if not right:
            raise ValueError(f"expected {expected}; got {got}")
