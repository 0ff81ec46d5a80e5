"""At the console: sort options, place the voxel grid, rescan one slice in milliseconds."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import nibabel as nib
import numpy as np

from ..images import read_image, reorient
from .acquisition import Effects, receive, signal_rows
from .anatomy import Anatomy
from .layers import Array
from .sampling import Grid, Neck, Slab
from .sequences import Sequence, check_type, make_sequence
from .tissues import TissueValues

_FULL_FOV = {"mprage": (192.0, 256.0, 256.0), "tse": (64.0, 256.0, 256.0)}
_EFFECTS = {f.name for f in fields(Effects)}
SAMPLING = {"voxel_mm", "thickness_mm", "spacing_mm", "fov", "grid", "tilt_deg"}


def split_options(contrast: str, options: dict[str, Any]) -> tuple[Sequence, Effects]:
    """Take sequence parameters and effect switches out of mixed options."""
    if not isinstance(every := options.pop("effects", True), (bool, np.bool_)):
        raise TypeError(
            f"expected effects True (all on) or False, got {every!r}; "
            "single ones have switches of their own, e.g. noise=False"
        )
    for name in _EFFECTS & set(options):
        check_type(name, options[name], True)
    effects = {name: bool(options.pop(name, every)) for name in _EFFECTS}
    changes = {k: options.pop(k) for k in list(options) if k in Sequence.__dataclass_fields__}
    if "thickness_mm" in changes and "spacing_mm" not in changes:
        changes["spacing_mm"] = changes["thickness_mm"]
    return make_sequence(contrast, **changes), Effects(**effects)


def place_grid(
    anatomy: Anatomy, seq: Sequence, rng: np.random.Generator, *,
    fov: str | tuple[float, float, float] = "neck", grid: Any = None,
    tilt_deg: tuple[float, float] = (0.0, 0.0), **unknown: Any,
) -> Grid:  # fmt: skip
    """Lay the voxel grid of a sequence over the neck; options as in `Subject.acquire`."""
    if unknown:
        raise TypeError(
            f"acquire() has no option {', '.join(sorted(unknown))}; there are fov, grid, tilt_deg, "
            f"seed, motion_mm, effects, the effects {', '.join(sorted(_EFFECTS))}, and the "
            f"sequence parameters {', '.join(Sequence.__dataclass_fields__)}"
        )
    if grid is not None:
        grid = reorient(read_image(grid, name="grid"))
        i, j, k = grid.shape[:3]
        spacing = np.linalg.norm(grid.affine[:3, :3], axis=0)
        if abs(grid.affine[2, 2]) < 0.7 * spacing[2]:
            raise ValueError(
                "expected a grid with slices within 45 degrees of axial, got slices along "
                f"{np.round(grid.affine[:3, 2], 2)}; turn its affine"
            )
        if min(i, j) < 2 or max(spacing[:2]) > 10:
            raise ValueError(
                "expected a grid of at least 2 by 2 voxels in plane, up to 10 mm large, got "
                f"{i} by {j} of {spacing[0]:g} by {spacing[1]:g} mm; resample it"
            )
        return Grid(np.asarray(grid.affine, float), (i, j, k), float(spacing[2]))
    covered = (anatomy.s > anatomy.disc_s[9] - 2) & (anatomy.s < anatomy.disc_s[1] + 6)
    low, high = anatomy.center[covered].min(0), anatomy.center[covered].max(0)
    center = (low + high) / 2 + [0, 3.0, 0] + [*rng.normal(0, 1.5, 2), 0]
    along = float(high[2] - low[2])
    if fov == "neck":
        fov = (64.0, 64.0, along)
    elif fov == "full":
        fov = _FULL_FOV.get(seq.kind, (192.0, 192.0, along))
    if isinstance(fov, str) or np.shape(fov) != (3,) or not (min(fov) > 0 and max(fov) <= 500):
        raise ValueError(f"expected fov 'neck', 'full' or (RL, AP, SI) up to 500 mm, got {fov!r}")
    voxel = np.array([*seq.voxel_mm, seq.spacing_mm])
    nx, ny, nz = (max(int(n), 1) for n in np.round(np.array(fov) / voxel))
    if min(nx, ny) < 16:
        raise ValueError(
            f"expected at least 16 voxels across the neck, got {(nx, ny)}; "
            "enlarge fov or use smaller voxel_mm"
        )
    if np.shape(tilt_deg) != (2,) or not np.abs(tilt_deg).max() <= 45:
        raise ValueError(f"expected tilt_deg (AP, RL) up to 45 degrees, got {tilt_deg}")
    ap, rl = np.deg2rad(tilt_deg)
    about_x = np.array([[1, 0, 0], [0, np.cos(ap), np.sin(ap)], [0, -np.sin(ap), np.cos(ap)]])
    about_y = np.array([[np.cos(rl), 0, np.sin(rl)], [0, 1, 0], [-np.sin(rl), 0, np.cos(rl)]])
    affine = np.eye(4)
    affine[:3, :3] = about_x @ about_y @ np.diag(voxel)
    affine[:3, 3] = center - affine[:3, :3] @ ((np.array([nx, ny, nz]) - 1) / 2)
    return Grid(affine, (nx, ny, nz), seq.thickness_mm)


def as_image(data: Array, affine: Array) -> nib.Nifti1Image:
    """Wrap a copy of an array as an image in mm."""
    image = nib.Nifti1Image(data.copy(), affine)
    image.header.set_xyzt_units("mm", "sec")
    return image


class SliceScanner:
    """One axial slice of a subject whose tissue fractions are kept; see `Subject.slice_scanner`."""

    def __init__(self, neck: Neck, tissues: TissueValues, grid: Grid, seed: int) -> None:
        """Take what the subject hands over."""
        self._neck, self._tissues, self._grid, self._seed = neck, tissues, grid, seed
        self._slabs: dict[tuple[bool, bool], Slab] = {}

    def acquire(self, contrast: str, **options: Any) -> tuple[nib.Nifti1Image, nib.Nifti1Image]:
        """Scan the slice: image and truth of shape (nx, ny, 1), as `Subject.acquire`.

        Options are those of the sequence, effects and ``seed``; the sampling is fixed and there is
        no motion. One seed gives the same noise whatever the sequence, so that only the knob that
        was turned changes the picture.
        """
        fixed = sorted(SAMPLING & set(options))
        if fixed:
            raise ValueError(
                f"expected options of the sequence, got {', '.join(fixed)}; the sampling of a "
                "slice scanner is fixed, make another one with it"
            )
        options = dict(options)
        seq, effects = split_options(contrast, options)
        seed = options.pop("seed", 0)
        if options:
            raise TypeError(f"a slice scanner has no option {', '.join(sorted(options))}")
        profile = effects.slice_profile and not seq.is_3d
        key = (effects.partial_volume, profile)
        if key not in self._slabs:
            self._slabs[key] = Slab(
                self._neck, self._grid, slices=slice(0, 1), shift_mm=np.zeros((1, 2)),
                partial_volume=effects.partial_volume, profile=profile,
            )  # fmt: skip
        slab = self._slabs[key]
        water, fat = signal_rows(seq, self._tissues, effects)
        signal = slab.signal(water, fat, truncation=effects.truncation)
        rng = np.random.default_rng([self._seed, seed])
        image = receive(signal, slab.field, seq, self._grid, effects=effects, rng=rng)
        affine = self._grid.affine
        return as_image(image[0, ..., None], affine), as_image(slab.truth[0, ..., None], affine)
