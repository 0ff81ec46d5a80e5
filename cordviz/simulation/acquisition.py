"""From tissue fractions to the image of a scanner: contrast, artefacts, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from .layers import Array
from .physics import tissue_signals
from .sampling import Grid, Neck, Slab
from .sequences import Sequence
from .tissues import TISSUES, TissueValues

# fat precesses 440 Hz slower than water at 3 T
_FAT_HZ = 440.0
_POINTS_AT_ONCE = 40_000


@dataclass(frozen=True)
class Effects:
    """Which effects of a real acquisition are on."""

    #: Voxels at an edge mix tissues; off, each voxel is the tissue at its centre.
    partial_volume: bool = True
    #: k-space ends where the voxel size says (Gibbs ringing); off, voxels average.
    truncation: bool = True
    #: Slices with smooth flanks, 2-D sequences only; off, sharp slices.
    slice_profile: bool = True
    #: Decay during the readout train widens the point spread along the phase encoding.
    blur: bool = True
    #: Pulsating CSF loses signal; fresh CSF is brighter in T2*w.
    flow: bool = True
    #: Signal loss in gradient echoes where the field changes through the slice.
    susceptibility: bool = True
    #: Echo-planar images shift along the phase encoding with the field.
    distortion: bool = True
    #: Fat is displaced along the readout (EPI: phase encoding) and out of phase with water.
    chemical_shift: bool = True
    #: Sensitivity of the receive coil, and the reduced field of view of diffusion scans.
    bias: bool = True
    #: Small shifts of the subject between the slices of 2-D sequences; the truth follows.
    motion: bool = True
    #: Rician noise at the sequence's SNR.
    noise: bool = True


@dataclass(frozen=True)
class Scan:
    """Result of a simulated scan: arrays of the grid's shape."""

    grid: Grid
    image: Array
    truth: Array
    warped_truth: Array


def signal_rows(seq: Sequence, tissues: TissueValues, effects: Effects) -> tuple[Array, Array]:
    """Signals of water and of fat for the rows of a fraction array, white matter set to 300."""
    signal = tissue_signals(seq, tissues, csf_flows=effects.flow)
    signal = 300 * signal / signal[TISSUES.index("white_matter")]
    void = -seq.flow_void * signal[TISSUES.index("csf")] if effects.flow else 0.0
    water = np.append(signal * (1 - tissues.fat), void)
    fat = np.append(signal * tissues.fat * seq.fat_suppression, 0.0)
    return water, fat


def scan(
    neck: Neck, tissues: TissueValues, seq: Sequence, grid: Grid, *,
    effects: Effects, rng: np.random.Generator, motion_mm: float = 0.15,
) -> Scan:  # fmt: skip
    """Scan a neck, some slices at a time; `motion_mm` is the SD of its shifts between slices."""
    nx, ny, nz = grid.shape
    shift = rng.normal(0, motion_mm, (nz, 2))
    shift *= effects.motion and not seq.is_3d
    water, fat = signal_rows(seq, tissues, effects)
    signal = np.empty((nz, nx, ny), dtype=np.complex64)
    field = np.empty((2, nz, nx, ny), dtype=np.float32)
    truth = np.empty((nz, nx, ny), dtype=np.float32)
    step = max(1, _POINTS_AT_ONCE // (nx * ny))
    for start in range(0, nz, step):
        part = slice(start, min(start + step, nz))
        slab = Slab(
            neck, grid, slices=part, shift_mm=shift[part], partial_volume=effects.partial_volume,
            profile=effects.slice_profile and not seq.is_3d, with_field=not seq.is_3d,
        )  # fmt: skip
        signal[part] = slab.signal(water, fat, truncation=effects.truncation)
        field[:, part], truth[part] = slab.field, slab.truth
    image = receive(signal, field, seq, grid, effects=effects, rng=rng)
    warped = truth
    if effects.distortion and seq.epi_px_per_hz:
        warped = _distort(truth, field[0] * np.float32(seq.field_t / 3), seq, keep_signal=False)
    return Scan(grid, *(np.moveaxis(a, 0, 2).copy() for a in (image, truth, warped)))


def receive(
    signal: Array, field: Array, seq: Sequence, grid: Grid, *,
    effects: Effects, rng: np.random.Generator,
) -> Array:  # fmt: skip
    """Turn water and fat signals into a magnitude image, shape (n slices, nx, ny), float32."""
    water, fat = signal.real, signal.imag
    ratio = seq.field_t / 3.0
    field = field * np.float32(ratio)
    phase_axis = 2 if seq.phase_encoding == "AP" else 1
    gradient_echo = seq.kind in ("mprage", "gre", "epi")
    if effects.chemical_shift:
        if seq.epi_px_per_hz:
            fat = _displace(fat, -_FAT_HZ * ratio * seq.epi_px_per_hz, phase_axis)
        else:
            fat = _displace(fat, seq.fat_shift_px * ratio, 3 - phase_axis)
        turns = _FAT_HZ * ratio * seq.te_ms * 1e-3 if gradient_echo else 0.0
        image = water + fat * np.exp(2j * np.pi * turns).astype(np.complex64)
    else:
        image = (water + fat).astype(np.complex64)
    if effects.susceptibility and gradient_echo and seq.kind != "mprage":
        image = image * np.sinc(field[1] * grid.thickness_mm * seq.te_ms * 1e-3)
    if effects.distortion and seq.epi_px_per_hz:
        image = _distort(image, field[0], seq)
    if effects.blur and seq.train_decay:
        frequency = np.abs(np.fft.fftfreq(image.shape[phase_axis])) * 2
        shape = [1, 1, 1]
        shape[phase_axis] = frequency.size
        decay = np.exp(-seq.train_decay * frequency).reshape(shape).astype(np.float32)
        image = fft.ifft(fft.fft(image, axis=phase_axis) * decay, axis=phase_axis)
    # drawn in any case, so that the noise stays the same when the bias is switched off
    draws = rng.normal([0, -0.75, 0, -0.25, -0.1, -0.35], [0.12, 0.15, 0.1, 0.1, 0.1, 0.1])
    if effects.bias:
        image = _receive_coil(image, grid, draws, reduced_field=seq.kind == "dwi")
    if effects.noise and np.isfinite(seq.snr):
        sd = np.float32(300 / seq.snr)
        noise = rng.standard_normal((2, *image.shape), dtype=np.float32) * sd
        return np.hypot(image.real + noise[0], image.imag + noise[1]).astype(np.float32)
    return np.abs(image).astype(np.float32)


def _displace(array: Array, pixels: Array | float, axis: int) -> Array:
    """Move forwards along an axis by fractions of pixels, linear, edges repeated."""
    shape = [1] * array.ndim
    shape[axis] = n = array.shape[axis]
    at = np.clip(np.arange(n).reshape(shape) - pixels, 0, n - 1)
    low = np.minimum(at.astype(int), n - 2)
    part = (at - low).astype(np.float32)
    near, far = (np.take_along_axis(array, i, axis) for i in (low, low + 1))
    return np.asarray(near * (1 - part) + far * part)


def _distort(array: Array, field: Array, seq: Sequence, *, keep_signal: bool = True) -> Array:
    """Shift along the phase encoding by the field; a squeezed picture is brighter, a mask not."""
    axis = 2 if seq.phase_encoding == "AP" else 1
    pixels = (field - np.median(field)) * np.float32(seq.epi_px_per_hz)
    moved = _displace(array, pixels, axis)
    return moved * np.clip(1 - np.gradient(pixels, axis=axis), 0.3, 2.0) if keep_signal else moved


def _receive_coil(image: Array, grid: Grid, g: Array, *, reduced_field: bool) -> Array:
    """Apply the sensitivity of a posterior neck coil: falls forwards and off centre, smooth.

    Diffusion scans excite (or leave unsaturated) a band around the cord alone.
    """
    x, y, z = (
        (np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(grid.shape, grid.voxel_mm, strict=True)
    )
    along_x, along_y, along_z = (
        np.exp(g[a] * (p / 100) + g[a + 3] * (p / 100) ** 2).astype(np.float32)
        for a, p in enumerate((x, y, z))
    )
    image = image * (along_z[:, None, None] * (along_x[:, None] * along_y))
    if not reduced_field:
        return image
    band = np.exp(-((x[:, None] / 26) ** 4)) * np.exp(-((y / 17) ** 4))
    return image * (0.04 + 0.96 * band).astype(np.float32)
