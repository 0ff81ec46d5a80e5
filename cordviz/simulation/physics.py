"""Signal equations of the sequences and the presets of the spine-generic protocol."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from .tissues import TISSUES, TissueValues

Values: TypeAlias = Any  # a float or an array of floats, one per tissue
_BLOOD, _CSF = TISSUES.index("blood"), TISSUES.index("csf")


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
        Chemical shift of fat along the readout in pixels.
    fat_suppression : float
        Fraction of the fat signal that is left.
    epi_px_per_hz : float
        Displacement along the phase encoding per Hz of off-resonance, 0 for other than EPI.
    blur : float
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
    blur: float = 0.0
    flow_void: float = 0.0
    inflow: float = 0.0
    readouts: int = 176
    echo_spacing_ms: float = 10.0
    field_t: float = 3.0


#: Protocol of spine-generic at 3 T (Cohen-Adad et al. 2021); SNR, blur, flow and shifts are
#: typical values [T].
PRESETS: dict[str, Sequence] = {
    "T1w": Sequence("mprage", 2000, 3.72, ti_ms=1000, flip_deg=9, voxel_mm=(1.0, 1.0),
                    thickness_mm=1.0, spacing_mm=1.0, snr=17, fat_shift_px=1.8, inflow=0.25),
    "T2w": Sequence("tse", 1500, 120, flip_deg=120, voxel_mm=(0.8, 0.8), thickness_mm=0.8,
                    spacing_mm=0.8, snr=11, fat_shift_px=0.6, blur=0.5, flow_void=0.45),
    "T2star": Sequence("gre", 600, 14, flip_deg=30, voxel_mm=(0.5, 0.5), snr=24,
                       phase_encoding="RL", fat_shift_px=1.2, blur=0.05, flow_void=0.1,
                       inflow=0.5),
    "MT-on": Sequence("gre", 35, 3.13, flip_deg=9, mt=True, snr=24, fat_shift_px=1.0,
                      inflow=0.35, phase_encoding="RL"),
    "MT-off": Sequence("gre", 35, 3.13, flip_deg=9, snr=36, fat_shift_px=1.0, inflow=0.35,
                       phase_encoding="RL"),
    "GRE-T1w": Sequence("gre", 15, 3.13, flip_deg=15, snr=30, fat_shift_px=1.0, inflow=0.2,
                        phase_encoding="RL"),
    "DWI": Sequence("dwi", 10000, 60, b_s_mm2=800, snr=16, fat_suppression=0.06,
                    epi_px_per_hz=0.035, blur=0.35),
    "fMRI": Sequence("epi", 2312, 40, flip_deg=84, voxel_mm=(1.0, 1.0), snr=20,
                     fat_suppression=0.08, epi_px_per_hz=0.04, blur=0.45, inflow=0.4),
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
    _check_sequence(seq)
    return seq


def _check_sequence(seq: Sequence) -> None:
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


def spoiled_gre(
    t1_ms: Values, t2star_ms: Values, pd: Values, *, tr_ms: float, te_ms: float, flip_deg: float
) -> Values:
    """Steady state of a spoiled gradient echo (Ernst and Anderson 1966).

    ``S = PD · sin α · (1 − E1) / (1 − E1 cos α) · exp(−TE / T2*)`` with ``E1 = exp(−TR / T1)``.

    Examples
    --------
    >>> float(round(spoiled_gre(800.0, 40.0, 1.0, tr_ms=1e6, te_ms=1e-9, flip_deg=90), 6))
    1.0
    """
    alpha = np.deg2rad(flip_deg)
    e1 = np.exp(-tr_ms / t1_ms)
    return pd * np.sin(alpha) * (1 - e1) / (1 - e1 * np.cos(alpha)) * np.exp(-te_ms / t2star_ms)


def spin_echo(
    t1_ms: Values, t2_ms: Values, pd: Values, *, tr_ms: float, te_ms: float, flip_deg: float = 180.0
) -> Values:
    """Steady state of 90°–β spin echoes, also the effective-echo signal of TSE and SPACE.

    With crushed refocusing pulses of angle β at TE/2, ``M0 = 1 − (1 − cos β (1 − exp(−TE/2T1)))
    exp(−(TR − TE/2) / T1)`` and ``S = PD · M0 · sin²(β/2) · exp(−TE / T2)`` (Bloch equations).
    The mixing of T1 into long variable-flip trains is left out: at TE 120 ms and TR 1500 ms the
    ratio CSF/white matter is 2.5, as measured.

    Examples
    --------
    >>> float(round(spin_echo(800.0, 80.0, 1.0, tr_ms=1e6, te_ms=80), 4))
    0.3679
    """
    cos_beta = np.cos(np.deg2rad(flip_deg))
    before = cos_beta * (1 - np.exp(-te_ms / 2 / t1_ms))
    m0 = 1 - (1 - before) * np.exp(-(tr_ms - te_ms / 2) / t1_ms)
    return pd * m0 * (1 - cos_beta) / 2 * np.exp(-te_ms / t2_ms)


def mprage(
    t1_ms: Values, t2star_ms: Values, pd: Values, *, tr_ms: float, te_ms: float, ti_ms: float,
    flip_deg: float, readouts: int, echo_spacing_ms: float,
) -> Values:  # fmt: skip
    """MPRAGE signal at the centre of k-space (Deichmann et al. 2000, closed form).

    Each TR holds a perfect inversion, free recovery, a train of `readouts` spoiled excitations
    whose middle is at TI, and free recovery to the next inversion; the steady state over TRs is
    the fixed point of that affine map of the longitudinal magnetisation.

    Examples
    --------
    >>> s = mprage(900.0, 40.0, 1.0, tr_ms=2000, te_ms=3, ti_ms=1000, flip_deg=9,
    ...            readouts=100, echo_spacing_ms=8)
    >>> bool(0 < s < np.sin(np.deg2rad(9)))
    True
    """
    alpha = np.deg2rad(flip_deg)
    e_echo = np.exp(-echo_spacing_ms / t1_ms)
    before = np.exp(-(ti_ms - readouts * echo_spacing_ms / 2) / t1_ms)
    after = np.exp(-(tr_ms - ti_ms - readouts * echo_spacing_ms / 2) / t1_ms)
    gain = e_echo * np.cos(alpha)
    fixed = (1 - e_echo) / (1 - gain)

    def train(mz: Values, n: int) -> Values:
        return fixed + (mz - fixed) * gain**n

    # M -> slope * M + offset over one TR, started just before the inversion
    def one_tr(mz: Values) -> Values:
        return 1 - (1 - train(1 - (1 + mz) * before, readouts)) * after

    offset = one_tr(0.0)
    steady = offset / (1 - (one_tr(1.0) - offset))
    mz = train(1 - (1 + steady) * before, readouts // 2)
    return np.abs(pd * mz * np.sin(alpha) * np.exp(-te_ms / t2star_ms))


def at_field(tissues: TissueValues, field_t: float) -> TissueValues:
    """Carry tissue values from 3 T to another field.

    T1 grows with the cube root of the field (Bottomley et al. 1984) except in CSF, T2 stays, and
    the part of R2* beyond R2 is proportional to the field.

    Examples
    --------
    >>> from cordviz.simulation.tissues import draw_tissues
    >>> bool(at_field(draw_tissues(), 1.5).t1_ms[0] < draw_tissues().t1_ms[0])
    True
    """
    if field_t == 3.0:
        return tissues
    ratio = field_t / 3.0
    t1 = tissues.t1_ms * ratio ** (1 / 3)
    t1[_CSF] = tissues.t1_ms[_CSF]
    extra = 1 / tissues.t2star_ms - 1 / tissues.t2_ms
    return replace(tissues, t1_ms=t1, t2star_ms=1 / (1 / tissues.t2_ms + ratio * extra))


def tissue_signals(seq: Sequence, tissues: TissueValues) -> np.ndarray:
    """Return the signal of every tissue under a sequence, relative to fully relaxed water.

    Parameters
    ----------
    seq : Sequence
    tissues : TissueValues

    Returns
    -------
    ndarray of shape (T,)
        Signals in the order of `TISSUES`, flow of CSF left out, vessels with inflow or void.

    Examples
    --------
    >>> from cordviz.simulation.tissues import draw_tissues
    >>> s = dict(zip(TISSUES, tissue_signals(PRESETS["T2w"], draw_tissues())))
    >>> bool(s["csf"] > 2 * s["white_matter"])
    True
    """
    t = at_field(tissues, seq.field_t)
    timing = {"tr_ms": seq.tr_ms, "te_ms": seq.te_ms}
    if seq.kind == "mprage":
        signal = mprage(
            t.t1_ms, t.t2star_ms, t.pd, ti_ms=seq.ti_ms, flip_deg=seq.flip_deg,
            readouts=seq.readouts, echo_spacing_ms=seq.echo_spacing_ms, **timing,
        )  # fmt: skip
    elif seq.kind in ("gre", "epi"):
        signal = spoiled_gre(t.t1_ms, t.t2star_ms, t.pd, flip_deg=seq.flip_deg, **timing)
    else:
        beta = seq.flip_deg if seq.kind == "tse" else 180.0
        signal = spin_echo(t.t1_ms, t.t2_ms, t.pd, flip_deg=beta, **timing)
    signal = signal * np.exp(-seq.b_s_mm2 * 1e-3 * t.diffusivity)
    if seq.mt:
        signal = signal * (1 - t.mtr)
    if seq.kind in ("tse", "dwi"):
        signal[_BLOOD] *= 0.08  # spins leave between excitation and refocusing
    else:
        fresh = t.pd[_BLOOD] * np.sin(np.deg2rad(seq.flip_deg))
        fresh *= np.exp(-seq.te_ms / t.t2star_ms[_BLOOD])
        signal[_BLOOD] += seq.inflow * (fresh - signal[_BLOOD])
    return signal
