"""Brushes of the painters: layers of tissue, smooth random fields, soft edges."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, TypeAlias

import numpy as np

from .tissues import TEXTURE, TISSUES

Array: TypeAlias = np.ndarray[Any, Any]
_INDEX = {name: i for i, name in enumerate(TISSUES)}


class Points(SimpleNamespace):
    """Straightened points with what the painters need to know there, arrays of shape (M,).

    s, u, v, side (|u|): place. level: fractional, phase: its fraction; to_disc: signed distance
    to the nearest disc. body_rl, body_ap: half widths of the vertebral body; spinous: length of
    the process; rl: half width of the sac. front: back of the bodies; back: front of the laminae;
    wall, skin: depth inside the bony canal and below the skin. slow, mid, fine, speckle: random
    fields of falling wavelength. neck: fades out at the skull. width: softness of edges. In mm.
    """


class Layers:
    """Tissue fractions of n points, painted front to back: what comes first covers the rest."""

    def __init__(self, n: int) -> None:
        """Start from nothing painted."""
        self.fractions = np.zeros((len(TISSUES), n), dtype=np.float32)
        self.rest = np.ones(n, dtype=np.float32)

    def add(self, tissue: str | None, alpha: Array, texture: Array | None = None) -> None:
        """Cover with a tissue (None is air) where alpha is above 0, optionally textured."""
        if not alpha.max() > 0:  # most structures are absent from most slices
            return
        part = self.rest * alpha
        self.rest -= part
        if tissue is not None:
            row = _INDEX[tissue]
            if texture is not None:
                part *= 1 + TEXTURE[row] * texture
            self.fractions[row] += part


class Noise:
    """Smooth unit-variance random field: a few plane waves around one wavelength in mm."""

    def __init__(self, rng: np.random.Generator, wavelength: float, waves: int = 4) -> None:
        """Draw the waves."""
        direction = rng.standard_normal((waves, 3))
        direction[:, 2] *= 0.5  # structures run along the neck
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        speed = 2 * np.pi / (wavelength * rng.uniform(0.6, 1.6, (waves, 1)))
        self.k = (direction * speed).astype(np.float32)
        self.phase = rng.uniform(0, 2 * np.pi, waves).astype(np.float32)

    def __call__(self, u: Array, v: Array, s: Array) -> Array:
        """Values at straightened points."""
        total = np.zeros_like(u)
        for (a, b, c), phase in zip(self.k, self.phase, strict=True):
            total += np.sin(a * u + b * v + c * s + phase)
        return total * np.float32(np.sqrt(2 / len(self.k)))


def soft(depth: Array, width: float) -> Array:
    """Fraction of a voxel inside a surface at `depth` mm (positive inside), linear edge."""
    alpha = depth * np.float32(1 / width)
    alpha += np.float32(0.5)
    return np.clip(alpha, 0, 1, out=alpha)


def ellipse(u: Array, v: Array, center: tuple[Any, Any], half: tuple[Any, Any]) -> Array:
    """Approximate depth in mm inside an ellipse."""
    x, y = (u - center[0]) / half[0], (v - center[1]) / half[1]
    # dtype: a float64 scalar would turn every array that follows into float64
    return (1 - np.sqrt(x * x + y * y)) * np.minimum(half[0], half[1], dtype=np.float32)
