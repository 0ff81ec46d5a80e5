"""A simulated subject: the public face of the simulation."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from typing import Any

import nibabel as nib
import numpy as np

from ..images import read_image, restore
from .acquisition import Scan, scan
from .anatomy import Anatomy
from .canal import Canal
from .layers import Array
from .options import Options
from .raters import convention_offset, draw_mask
from .sampling import Grid, Neck
from .scanner import SAMPLING, SliceScanner, as_image, place_grid, split_options
from .surroundings import Surroundings
from .tissues import draw_tissues
from .truth import Truth


def simulate_subject(
    seed: int = 0, *, sex: str | None = None, compression: dict[int, float] | None = None,
    atrophy_percent: float = 0.0, lesion: dict[int, float] | None = None,
    lordosis_deg: float | None = None, tilt_deg: tuple[float, float] | None = None,
) -> Subject:  # fmt: skip
    """Simulate a person whose cervical cord is known exactly.

    Parameters
    ----------
    seed : int
        The person. Same seed, same person, same scans. Seeds below 1,000,000 are for evaluation,
        tutorials and the simulated study; training draws only larger ones.
    sex : {"M", "F"}, optional
        Draw from the norms of one sex; None draws from those of both.
    compression : dict of int to float, optional
        Disc label (3 = C2/C3) to the fraction of the cord's AP diameter lost there, up to 0.6.
    atrophy_percent : float
        Cross-sectional area lost everywhere, in percent within −40 to 60, negative for a larger
        cord; the same person otherwise.
    lesion : dict of int to float, optional
        Level (3 = C3) to the radius in mm of a lesion in the cord.
    lordosis_deg : float, optional
        Cobb angle C2–C7 in degrees within 2, positive lordotic; drawn from 12.7 ± 8 within −10
        to 30.
    tilt_deg : tuple of float, optional
        Lean of the neck at mid height towards anterior and right, degrees.

    Returns
    -------
    Subject

    Raises
    ------
    ValueError
        For impossible options.

    Notes
    -----
    Norms are those of 203 healthy adults (PAM50-normalized-metrics).

    Examples
    --------
    >>> subject = simulate_subject(seed=0)
    >>> 45 < subject.csa_mm2[3] < 110
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"expected seed to be an int, got {type(seed).__name__}; e.g. seed=0")
    if seed < 0:
        raise ValueError(f"expected seed >= 0, got {seed}; e.g. seed=0")
    options = Options(sex, compression, atrophy_percent, lesion, lordosis_deg, tilt_deg)
    return Subject(int(seed), options)


class Subject(Truth):
    """A simulated person; made by `simulate_subject`.

    Attributes
    ----------
    seed : int
    options : Options
    anatomy : Anatomy
        The continuous centreline, cord surface and canal.
    """

    def __init__(self, seed: int, options: Options) -> None:
        """Draw everything about the person from the seed."""
        self.seed, self.options = seed, options
        self.anatomy = Anatomy(self._rng("anatomy"), options)
        self._neck = Neck(
            self.anatomy,
            Canal(self._rng("canal"), self.anatomy),
            Surroundings(self._rng("surroundings"), self.anatomy),
        )
        self._tissues = draw_tissues(self._rng("tissues"))
        self._recent: OrderedDict[str, Scan] = OrderedDict()

    def __repr__(self) -> str:
        """Seed and one area."""
        return f"Subject(seed={self.seed}, C3 {self.csa_mm2[3]:.1f} mm²)"

    def _rng(self, *keys: object) -> np.random.Generator:
        """Generator of one purpose, independent of the order of calls."""
        words = [zlib.crc32(str(key).encode()) for key in keys]
        return np.random.default_rng([self.seed, *words])

    def acquire(self, contrast: str, **options: Any) -> tuple[nib.Nifti1Image, nib.Nifti1Image]:
        """Scan the subject.

        Parameters
        ----------
        contrast : str
            T1w, T2w, T2star, MT-on, MT-off, GRE-T1w, DWI or fMRI: presets of the spine-generic
            protocol at 3 T.
        fov : {"neck", "full"} or tuple of float
            64 × 64 mm in plane from C1 to T1 (default), the protocol's own field of view, or
            (RL, AP, SI) in mm.
        grid : path or nibabel image, optional
            Scan on this image's grid instead, in any orientation; its axis nearest to
            superior–inferior is the slices'.
        tilt_deg : tuple of float
            Rotation of the slices, in degrees: forwards (AP) and sidewards (RL).
        seed : int
            Another scan of the same person: other noise, motion and coil position.
        effects : bool
            False switches every effect off; then each can be switched on alone, as in
            ``effects=False, truncation=True``. Names: see `Effects`.
        motion_mm : float
            SD of the displacement between slices of 2-D sequences, mm.
        **options
            Any field of `Sequence` (``te_ms=90, voxel_mm=(1, 1), snr=20``) or of `Effects`
            (``noise=False``).

        Returns
        -------
        image : Nifti1Image
            float32, white matter at about 300 before the coil's sensitivity.
        truth : Nifti1Image
            float32 in [0, 1] on the same grid: fraction of each voxel inside the cord, counted
            on at least 8 × 8 points (a voxel within about 0.05, a slice's area within 0.3 %).
            It follows motion and never the distortion of echo-planar images.

        Raises
        ------
        ValueError, TypeError
            For an unknown contrast or option, and for impossible timing or geometry.

        Examples
        --------
        >>> image, truth = simulate_subject(seed=0).acquire("T2star", fov=(32, 32, 20))
        >>> image.shape == truth.shape == (64, 64, 4)
        True
        """
        result = self._scan(contrast, options)
        return _as_asked(result.image, result, options), _as_asked(result.truth, result, options)

    def acquire_warped_truth(self, contrast: str, **options: Any) -> nib.Nifti1Image:
        """Where the scan shows the cord: the true mask with the distortion of the image.

        Same options as `acquire`; equals the truth for all but echo-planar contrasts.
        """
        result = self._scan(contrast, options)
        return _as_asked(result.warped_truth, result, options)

    def rate(
        self, contrast: str, *, seed: int = 0, convention: str | dict[str, float] = "published",
        jitter_mm: float = 0.1, height: float = 0.5, **options: Any,
    ) -> nib.Nifti1Image:  # fmt: skip
        """Hard mask that a human rater of a contrast would draw.

        The visible edge in the simulated image, displaced by a convention per contrast that is
        calibrated to published means. This is a model of convention and not physics: rater
        offsets are an input, so show the run with ``convention="zero"`` beside.

        Parameters
        ----------
        contrast : str
            As in `acquire`.
        seed : int
            The rater.
        convention : {"published", "zero", "one-sided"} or dict of str to float
            Outward offset of the contour in mm per contrast, see
            `cordviz.simulation.raters.CONVENTIONS_MM`.
        jitter_mm : float
            SD of the rater's smooth random error, mm.
        height : float
            Level of the edge between cord (0) and surround (1); 0.5 is half height.
        **options
            Of the scan, as in `acquire` (``acquisition_seed`` in place of ``seed``).

        Returns
        -------
        Nifti1Image
            uint8 {0, 1} on the grid of the image that `acquire` gives.

        Examples
        --------
        >>> mask = simulate_subject(seed=0).rate("T2star", seed=1, fov=(32, 32, 20))
        >>> set(np.unique(mask.dataobj).tolist())
        {0, 1}
        """
        if not 0 < height < 1 or not jitter_mm >= 0:
            raise ValueError(
                f"expected 0 < height < 1 and jitter_mm >= 0, got {height} and {jitter_mm}"
            )
        offset = convention_offset(convention, contrast)
        options["seed"] = options.pop("acquisition_seed", 0)
        result = self._scan(contrast, options)
        mask = draw_mask(
            result.image, result.warped_truth, result.grid, offset_mm=offset, height=height,
            jitter_mm=jitter_mm, rng=self._rng("rate", contrast, seed),
        )  # fmt: skip
        return _as_asked(mask, result, options)

    def slice_scanner(self, level: float = 3.5, **options: Any) -> SliceScanner:
        """Prepare one axial slice for scanning again and again, in milliseconds each.

        Parameters
        ----------
        level : float
            Where along the cord: 3.0 is disc C2/C3, 3.5 the middle of C3.
        **options
            Sampling as in `acquire`: ``contrast`` (whose voxels and slices are taken, "T2star"
            by default), ``voxel_mm``, ``thickness_mm``, ``fov``, ``tilt_deg``.

        Returns
        -------
        SliceScanner

        Examples
        --------
        >>> scanner = simulate_subject(seed=0).slice_scanner(3.5, fov=(32, 32, 20))
        >>> image, truth = scanner.acquire("T2w", te_ms=90)
        >>> image.shape
        (64, 64, 1)
        """
        if not 1 <= level <= 9:
            raise ValueError(f"expected level between 1 (top of C1) and 9, got {level}")
        unknown = sorted(set(options) - SAMPLING - {"contrast"})
        if unknown:
            raise TypeError(
                f"slice_scanner() has no option {', '.join(unknown)}; sequence and effects are "
                "options of its acquire()"
            )
        seq, _ = split_options(options.pop("contrast", "T2star"), options)
        whole = place_grid(self.anatomy, seq, self._rng("position"), **options)
        a = self.anatomy
        at = a.center[np.argmin(np.abs(a.level - level))]
        affine = whole.affine.copy()
        voxel = np.linalg.inv(affine) @ [*at, 1]
        affine[:3, 3] += affine[:3, 2] * voxel[2]
        grid = Grid(affine, (*whole.shape[:2], 1), whole.thickness_mm)
        return SliceScanner(self._neck, self._tissues, grid, self.seed)

    def _scan(self, contrast: str, options: dict[str, Any]) -> Scan:
        options = dict(options)
        seq, effects = split_options(contrast, options)
        seed = options.pop("seed", 0)
        motion_mm = options.pop("motion_mm", 0.15)
        if not motion_mm >= 0:
            raise ValueError(f"expected motion_mm >= 0, got {motion_mm}; e.g. motion_mm=0.15")
        grid = place_grid(self.anatomy, seq, self._rng("position"), **options)
        where = grid.affine.tobytes(), grid.shape, grid.thickness_mm
        key = repr((contrast, seq, effects, seed, motion_mm, where))
        if key not in self._recent:
            rng = self._rng("acquire", contrast, seed)
            self._recent[key] = scan(
                self._neck, self._tissues, seq, grid, effects=effects, rng=rng,
                motion_mm=motion_mm,
            )  # fmt: skip
            if len(self._recent) > 2:
                self._recent.popitem(last=False)
        return self._recent[key]


def _as_asked(data: Array, result: Scan, options: dict[str, Any]) -> nib.Nifti1Image:
    """Image of an array of a scan, in the orientation of the grid asked for if there was one."""
    if options.get("grid") is not None:
        return restore(data.copy(), read_image(options["grid"]))
    return as_image(data, result.grid.affine)
