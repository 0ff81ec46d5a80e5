"""Discs marked by hand: a slice viewer whose clicks are labels, with the levels they make."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import traitlets as t
from nibabel.affines import apply_affine
from nibabel.nifti1 import Nifti1Image

from .._files import at_home, atomic_path
from ..images import restore
from ..levels import disc_name, levels_from_discs, read_discs, slice_levels
from .slice_viewer import PLANES, SCRIPTS, SliceViewer, source
from .traits import Choice, Fraction

LABELS = range(1, 26)


class DiscLabeller(SliceViewer):
    """Discs on a sagittal view, from `cordviz.label_discs`; has the traits of `SliceViewer`.

    Attributes
    ----------
    next_label : int
        What the next click marks: 3 = C2/C3.
    message : str
        Why there are no levels, where the marks cannot be right.
    """

    _esm = source(*SCRIPTS, "disc_labeller.js") + "\nexport default show(DiscLabeller);\n"

    planes = Choice(PLANES, "sagittal").tag(sync=True)
    height = t.Int(520).tag(sync=True)
    crosshair = t.Bool(False).tag(sync=True)
    zoom_to_cord = t.Bool(False).tag(sync=True)
    opacity = Fraction(0.15).tag(sync=True)
    next_label = t.Int(3).tag(sync=True)
    message = t.Unicode("").tag(sync=True)
    _marks = t.List(t.List(t.Int())).tag(sync=True)  # label, x, y, z
    _past = t.List(t.List(t.List(t.Int()))).tag(sync=True)

    def __init__(self, volume: Any, *, grid: Nifti1Image, seg: Nifti1Image | None, **traits: Any):
        """Mark discs on a `grid`; with a cord mask `seg`, levels follow the cord's direction."""
        self._grid, self._seg = grid, seg
        low, high = np.quantile(volume.data[volume.box], (0.02, 0.985)).tolist()
        if high > low:  # bone is darker than what surrounds the cord
            traits = {"window": (low, high), **traits}
        super().__init__(volume, **traits)

    @property
    def discs(self) -> dict[int, tuple[float, ...]]:
        """Marks as {label: (x, y, z)} in mm of nibabel's world (RAS+); can be set."""
        return {n: tuple(apply_affine(self.volume.affine, at).tolist()) for n, *at in self._marks}

    @discs.setter
    def discs(self, discs: Any) -> None:
        inverse, marks = np.linalg.inv(self.volume.affine), []
        points = read_discs(discs) if discs else {}
        for label, point in sorted(points.items()):
            voxel = np.rint((inverse @ [*point, 1])[:3]).astype(int)
            inside = all(voxel >= 0) and all(voxel < self.volume.data.shape)
            if label not in LABELS or not inside:
                raise ValueError(
                    f"Disc {label} at {tuple(point.tolist())} mm: expected labels 1 to 25 (3 = "
                    "C2/C3) and places inside the image, in mm of nibabel's world (RAS+). Of "
                    "find_discs, the image `discs` holds those inside."
                )
            marks.append([int(label), *voxel.tolist()])
        self._past = [*self._past, self._marks]
        self._marks = marks
        self.next_label = next((n for n in LABELS if n >= 3 and n not in points), LABELS[-1])

    def marks(self) -> dict[str, Sequence[int]]:
        """Voxel of each disc in view, by its name."""
        return {disc_name(label): voxel for label, *voxel in self._marks}

    def label_image(self) -> Nifti1Image:
        """Marks on the grid of the image, uint8, one voxel per disc: SCT's disc labels."""
        labels = np.zeros(self.volume.data.shape, np.uint8)
        for label, x, y, z in self._marks:
            labels[x, y, z] = label
        return restore(labels, self._grid, "LAS")

    def save_labels(self, path: str | os.PathLike[str]) -> Path:
        """Save `label_image` as NIfTI; by custom of the field ``…_label-discs_dlabel.nii.gz``.

        A file that is there is replaced if it holds single labelled voxels, too.
        """
        target = at_home(path)
        if not target.name.endswith((".nii", ".nii.gz")):
            raise ValueError(f"Labels are saved as .nii or .nii.gz, got {target.name!r}.")
        if not self._marks:
            raise ValueError("There is no disc yet: click some, or set discs.")
        if target.is_file() and target.stat().st_size and not _holds_discs(target):
            raise ValueError(f"{target} is there already and holds no discs; choose another name.")
        with atomic_path(target) as file:
            nib.save(self.label_image(), file)
        return target

    @t.observe("_marks")
    def _draw_levels(self, _: Any) -> None:
        try:
            self.levels, self.message = self._levels_of_slices(), ""
        except ValueError as error:
            self.levels, self.message = [], str(error)

    def _levels_of_slices(self) -> list[int]:
        if not self._marks:
            return []
        if self._seg is not None:
            with warnings.catch_warnings():  # a disc that is still to come is no reason to warn
                warnings.simplefilter("ignore", UserWarning)
                levels = slice_levels(levels_from_discs(self.discs, self._seg))
            return [int(level) for level in np.nan_to_num(levels)]
        marks = sorted((label, z) for label, _, _, z in self._marks)
        for (upper, above), (lower, below) in pairwise(marks):
            if above <= below:
                raise ValueError(f"Disc {upper} is not above disc {lower}: labels grow downwards.")
        levels = np.full(self.volume.data.shape[2], marks[0][0] - 1)
        for (label, z), following in zip(marks, [*marks[1:], None], strict=True):
            known = following is None or following[0] == label + 1
            levels[: z + 1] = label if known else 0
        return levels.tolist()


def _holds_discs(file: Path) -> bool:
    """Whether every label of a file is one voxel, as those of `label_image`."""
    try:
        labels = np.asanyarray(Nifti1Image.from_filename(file).dataobj)
    except (OSError, nib.filebasedimages.ImageFileError):
        return False
    labels = labels[labels != 0]
    return np.unique(labels).size == labels.size
