"""The sequences: parameters, presets of the spine-generic protocol, checks."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

KINDS = ("mprage", "tse", "gre", "dwi", "epi")


@dataclass(frozen=True)
class Sequence:
    """One pulse sequence with its sampling.

    Attributes
    ----------
    kind : {"mprage", "tse", "gre", "dwi", "epi"}
        Which signal equation applies.
    tr_ms, te_ms, ti_ms : float
        Repetition, echo and inversion time in ms; `ti_ms` is used by MPRAGE alone.
    flip_deg : float
        Excitation flip angle; for "tse" the refocusing flip angle, for "dwi" unused.
    b_s_mm2 : float
        Diffusion weighting in s/mm².
    mt : bool
        Whether an MT pulse precedes each excitation.
    voxel_mm : tuple of float
        In-plane voxel size along right–left and anterior–posterior.
    thickness_mm, spacing_mm : float
        Slice thickness, and distance between slice centres.
    snr : float
        Signal of white matter over the SD of the noise of one channel, inf for none.
    phase_encoding : {"AP", "RL"}
        Direction of in-plane phase encoding.
    fat_shift_px : float
        Chemical shift of fat along the readout in pixels; that of EPI follows `epi_px_per_hz`.
    fat_suppression : float
        Fraction of the fat signal that is left.
    epi_px_per_hz : float
        Displacement along the phase encoding per Hz of off-resonance, 0 for other than EPI.
    train_decay : float
        Decay over half of the readout train divided by T2 or T2*: width of the point spread.
    flow_void : float
        Fraction of the CSF signal lost where it pulsates most.
    inflow : float
        Share of unsaturated spins in vessels, for gradient echoes.
    readouts : int
        Excitations after each inversion of MPRAGE.
    echo_spacing_ms : float
        Time between them, ms.
    field_t : float
        Field strength in tesla; SNR is not changed with it.
    """

    kind: str
    tr_ms: float
    te_ms: float
    ti_ms: float = 0.0
    flip_deg: float = 90.0
    b_s_mm2: float = 0.0
    mt: bool = False
    voxel_mm: tuple[float, float] = (0.9, 0.9)
    thickness_mm: float = 5.0
    spacing_mm: float = 5.0
    snr: float = 25.0
    phase_encoding: str = "AP"
    fat_shift_px: float = 0.5
    fat_suppression: float = 1.0
    epi_px_per_hz: float = 0.0
    train_decay: float = 0.0
    flow_void: float = 0.0
    inflow: float = 0.0
    readouts: int = 176
    echo_spacing_ms: float = 10.0
    field_t: float = 3.0


#: Protocol of spine-generic at 3 T (Cohen-Adad et al. 2021); SNR, decay, flow and shifts are
#: typical values [T].
PRESETS: dict[str, Sequence] = {
    "T1w": Sequence("mprage", 2000, 3.72, ti_ms=1000, flip_deg=9, voxel_mm=(1.0, 1.0),
                    thickness_mm=1.0, spacing_mm=1.0, snr=17, fat_shift_px=1.8, inflow=0.25),
    "T2w": Sequence("tse", 1500, 120, flip_deg=120, voxel_mm=(0.8, 0.8), thickness_mm=0.8,
                    spacing_mm=0.8, snr=11, fat_shift_px=0.6, train_decay=0.5, flow_void=0.45),
    "T2star": Sequence("gre", 600, 14, flip_deg=30, voxel_mm=(0.5, 0.5), snr=24,
                       phase_encoding="RL", fat_shift_px=1.2, train_decay=0.05, flow_void=0.1,
                       inflow=0.5),
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
    """Return the preset of a contrast with some of its parameters changed, checked.

    Parameters
    ----------
    contrast : str
        A key of `PRESETS`.
    **changes
        Fields of `Sequence` to replace, in its units.

    Returns
    -------
    Sequence

    Raises
    ------
    ValueError
        For an unknown contrast and for impossible timing, angles or sampling.
    TypeError
        For a parameter that no sequence has.

    Examples
    --------
    >>> make_sequence("T2w", te_ms=90).te_ms
    90
    """
    if contrast not in PRESETS:
        raise ValueError(
            f"expected a contrast among {', '.join(PRESETS)}, got {contrast!r}; "
            "choose one and change its parameters"
        )
    unknown = sorted(set(changes) - set(Sequence.__dataclass_fields__))
    if unknown:
        raise TypeError(
            f"acquire() has no option {', '.join(unknown)}; sequence parameters are "
            f"{', '.join(Sequence.__dataclass_fields__)}"
        )
    seq = replace(PRESETS[contrast], **{k: v for k, v in changes.items() if v is not None})
    if not isinstance(seq.voxel_mm, Sized) or len(seq.voxel_mm) != 2:
        raise ValueError(f"expected voxel_mm (RL, AP) in mm, got {seq.voxel_mm}; e.g. (0.8, 0.8)")
    _check_sequence(seq)
    return seq


def _check_sequence(seq: Sequence) -> None:
    if seq.kind not in KINDS:
        raise ValueError(f"expected kind {', '.join(KINDS)}, got {seq.kind!r}")
    numbers = [v for v in vars(seq).values() if isinstance(v, float)]
    if np.isnan([*numbers, *seq.voxel_mm]).any():
        raise ValueError(f"expected numbers, got NaN among {seq}; leave out what you do not know")
    if not 0 < seq.te_ms < seq.tr_ms:
        raise ValueError(
            f"expected 0 < TE < TR, got TE {seq.te_ms} ms and TR {seq.tr_ms} ms; "
            "shorten te_ms or lengthen tr_ms"
        )
    if seq.kind == "mprage":
        train = seq.readouts * seq.echo_spacing_ms
        if not 0 < seq.ti_ms < seq.tr_ms:
            raise ValueError(
                f"expected 0 < TI < TR, got TI {seq.ti_ms} ms and TR {seq.tr_ms} ms; "
                "shorten ti_ms or lengthen tr_ms"
            )
        if seq.ti_ms < train / 2 or seq.ti_ms + train / 2 > seq.tr_ms:
            raise ValueError(
                f"expected {seq.readouts} readouts of {seq.echo_spacing_ms} ms around TI to fit "
                f"between inversion and TR, got TI {seq.ti_ms} ms and TR {seq.tr_ms} ms; "
                "use fewer readouts or another ti_ms"
            )
    if not 0.1 <= seq.field_t <= 11.7:
        raise ValueError(f"expected field_t between 0.1 and 11.7 tesla, got {seq.field_t}")
    if not 0 < seq.flip_deg <= 180:
        raise ValueError(f"expected 0 < flip_deg <= 180, got {seq.flip_deg}; give degrees")
    if seq.b_s_mm2 < 0:
        raise ValueError(f"expected b_s_mm2 >= 0, got {seq.b_s_mm2}; give s/mm², e.g. 800")
    if not seq.snr > 0:
        raise ValueError(f"expected snr > 0, got {seq.snr}; use snr=float('inf') for no noise")
    if seq.phase_encoding not in ("AP", "RL"):
        raise ValueError(f"expected phase_encoding 'AP' or 'RL', got {seq.phase_encoding!r}")
    sizes = (*seq.voxel_mm, seq.thickness_mm, seq.spacing_mm)
    if min(sizes) <= 0 or max(seq.voxel_mm) > 4.0 or seq.thickness_mm > 40:
        raise ValueError(
            f"expected voxels larger than 0 and smaller than the cord (4 mm in plane, 40 mm along "
            f"it), got {seq.voxel_mm} mm in plane, {seq.thickness_mm} mm thick, spacing "
            f"{seq.spacing_mm} mm; change voxel_mm, thickness_mm or spacing_mm"
        )
