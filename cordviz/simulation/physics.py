"""Signal equations: what each tissue gives under each sequence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from .sequences import Sequence
from .tissues import TISSUES, TissueValues

Values: TypeAlias = Any  # a float or an array of floats, one per tissue
_BLOOD, _CSF = TISSUES.index("blood"), TISSUES.index("csf")


def spoiled_gre(
    t1_ms: Values, t2star_ms: Values, pd: Values, *, tr_ms: float, te_ms: float, flip_deg: float
) -> Values:
    """Steady state of a spoiled gradient echo (Ernst and Anderson 1966).

    ``S = PD · sin α · (1 − E1) / (1 − E1 cos α) · exp(−TE / T2*)`` with ``E1 = exp(−TR / T1)``.
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
    the fixed point of that affine map of the longitudinal magnetisation. The sign is kept, so
    that tissues on either side of their null cancel in a voxel.
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
    return pd * mz * np.sin(alpha) * np.exp(-te_ms / t2star_ms)


def at_field(tissues: TissueValues, field_t: float) -> TissueValues:
    """Carry tissue values from 3 T to another field.

    T1 grows with the cube root of the field (Bottomley et al. 1984) except in CSF, T2 stays, and
    the part of R2* beyond R2 is proportional to the field.
    """
    if field_t == 3.0:
        return tissues
    ratio = field_t / 3.0
    t1 = tissues.t1_ms * ratio ** (1 / 3)
    t1[_CSF] = tissues.t1_ms[_CSF]
    extra = 1 / tissues.t2star_ms - 1 / tissues.t2_ms
    return replace(tissues, t1_ms=t1, t2star_ms=1 / (1 / tissues.t2_ms + ratio * extra))


def tissue_signals(seq: Sequence, tissues: TissueValues, *, csf_flows: bool = False) -> np.ndarray:
    """Signal of every tissue under a sequence, relative to fully relaxed water, shape (T,).

    In the order of `TISSUES`; vessels with inflow or void. In gradient echoes, what flows into a
    slice has not been excited before: ``S = PD · sin α · exp(−TE / T2*)``. Where CSF flows, too,
    its signal is a mixture of that and of the steady state.
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
        fresh = t.pd * np.sin(np.deg2rad(seq.flip_deg)) * np.exp(-seq.te_ms / t.t2star_ms)
        signal[_BLOOD] += seq.inflow * (fresh - signal)[_BLOOD]
        if csf_flows:
            signal[_CSF] += min(seq.csf_inflow * t.csf_inflow, 1.0) * (fresh - signal)[_CSF]
    return signal
