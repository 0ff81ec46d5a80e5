"""Sessions: the images of one person by contrast, with masks and labels, found by file name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePath

import nibabel as nib

from .._files import at_home
from .._validation import check_choice, names_of
from ..images import load_image, read_image
from ..simulation.sequences import PRESETS

#: What a file is: session, attribute of `Session`, contrast.
Place = tuple[str, str, str]

_NAME = re.compile(
    r"(?P<person>sub-[^_]+(?:_ses-[^_]+)?)_(?P<entities>(?:[^_]+_)*?)"
    r"(?P<suffix>T1w|T2w|T2starw?|MTS|dwi|bold)(?:_(?P<derived>.+))?\.nii(?:\.gz)?"
)
_ATTRIBUTES: dict[str | None, str] = {
    None: "images",
    **dict.fromkeys(("seg", "seg-manual", "label-SC_seg"), "masks"),
    **dict.fromkeys(("softseg", "label-SC_softseg"), "soft_masks"),
    **dict.fromkeys(("gmseg", "gmseg-manual", "label-GM_seg"), "gm_masks"),
    "label-discs_dlabel": "discs",
    "label-discs_desc-warp_dlabel": "discs",
    "labels-disc-manual": "discs",
    **dict.fromkeys(("seg_labeled", "seg-manual_labeled", "levels", "label-levels"), "levels"),
}
_ORDER = tuple(PRESETS)
_REDUCE = {"DWI": "dwi", "fMRI": "mean"}


@dataclass(frozen=True)
class Session(Mapping[str, Path]):
    """One session of one person: a mapping from contrast to the path of its image.

    Contrasts are T1w, T2w, T2star, MT-on, MT-off, GRE-T1w, DWI and fMRI. The other attributes
    map a contrast to a file on the grid of its image; each may hold more or fewer contrasts than
    there are images, and a session of masks only has no images at all.

    Attributes
    ----------
    name : str
        ``sub-01``, or ``sub-01_ses-1`` where people were scanned more than once, with ``_run-2``
        for the second run of a contrast.
    images, masks, soft_masks, gm_masks, discs, levels, bvals : dict of str to Path
        Images; hard masks of the cord; soft ones; grey matter; discs as labelled voxels;
        vertebral levels; b-values of a 4-D diffusion series.
    """

    name: str
    images: dict[str, Path] = field(default_factory=dict)
    masks: dict[str, Path] = field(default_factory=dict)
    soft_masks: dict[str, Path] = field(default_factory=dict)
    gm_masks: dict[str, Path] = field(default_factory=dict)
    discs: dict[str, Path] = field(default_factory=dict)
    levels: dict[str, Path] = field(default_factory=dict)
    bvals: dict[str, Path] = field(default_factory=dict)

    def __getitem__(self, contrast: str) -> Path:
        """Return the path of an image."""
        if contrast not in self.images:
            there = ", ".join(self.images) or "none"
            raise KeyError(f"{self.name} has no image {contrast!r}; there are: {there}")
        return self.images[contrast]

    def __iter__(self) -> Iterator[str]:
        """Names of the contrasts."""
        return iter(self.images)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def load(self, contrast: str) -> nib.Nifti1Image:
        """Load an image in 3-D: of a series, its mean (fMRI) or diffusion-weighted mean (DWI)."""
        path = self[contrast]
        shape = read_image(path).shape
        if len(shape) < 4 or shape[3] == 1 or contrast not in _REDUCE:
            return load_image(path)
        return load_image(path, reduce=_REDUCE[contrast], bvals=self.bvals.get(contrast))

    @property
    def files(self) -> list[Path]:
        """Every file of the session."""
        return [path for mapping in self._mappings().values() for path in mapping.values()]

    def select(
        self,
        contrasts: str | Sequence[str] | None = None,
        *,
        images: bool = True,
        masks: bool = True,
    ) -> Session:
        """Return the session with some contrasts, with or without images, masks and labels.

        Raises
        ------
        ValueError
            A contrast that the session does not have.
        """
        mappings = self._mappings()
        there = dict.fromkeys(contrast for mapping in mappings.values() for contrast in mapping)
        wanted = names_of(contrasts or there)
        for contrast in wanted:
            check_choice(contrast, there, f"A contrast of {self.name}")
        kept = {
            name: {c: mapping[c] for c in wanted if c in mapping}
            for name, mapping in mappings.items()
            if (images if name in ("images", "bvals") else masks)
        }
        return Session(self.name, **kept)

    def _mappings(self) -> dict[str, dict[str, Path]]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "name"}


def load_sessions(folder: str | os.PathLike[str]) -> dict[str, Session]:
    """Find the sessions in a folder that is named the BIDS way, however its folders are laid out.

    Parameters
    ----------
    folder : path
        Searched with all its subfolders for images ``sub-01_T2w.nii.gz`` (suffixes T1w, T2w,
        T2star, T2starw, dwi, bold; MTS with ``mt-on``, ``acq-MToff``, ``flip-2`` …) and for files
        that add ``_seg``, ``_label-SC_seg``, ``_label-SC_softseg``, ``_gmseg``,
        ``_label-discs_dlabel`` or ``_seg_labeled`` (levels, as SCT names them) to an image's name.
        Other files are ignored.

    Returns
    -------
    dict of str to Session
        By name, sorted. Of several diffusion files the mean (``rec-average``) is taken.

    Raises
    ------
    FileNotFoundError, ValueError
        No such folder, or nothing in it; two files for one contrast of a session.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in ("sub-01_T2w.nii.gz", "sub-01_T2w_label-SC_seg.nii.gz"):
    ...     (folder / name).touch()
    >>> session = load_sessions(folder)["sub-01"]
    >>> session["T2w"].name, session.masks["T2w"].name
    ('sub-01_T2w.nii.gz', 'sub-01_T2w_label-SC_seg.nii.gz')
    """
    return find_sessions(folder)


def find_sessions(
    folder: str | os.PathLike[str], special: Mapping[str, Place] | None = None
) -> dict[str, Session]:
    """Find sessions in a folder; `special` places files that do not follow the BIDS names."""
    root = at_home(folder)
    if root.is_file():
        raise ValueError(f"{root} is a file; give the folder that holds the data set.")
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}.")
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    sessions = group_sessions(root, found, special)
    if not sessions:
        expected = next(iter(special)) if special else "sub-01_T2w.nii.gz or sub-01_T2w_seg.nii.gz"
        raise FileNotFoundError(
            f"Nothing in {root} has a name such as {expected}; give the folder that holds the data "
            "set."
        )
    return sessions


def group_sessions(
    root: Path, paths: Iterable[str], special: Mapping[str, Place] | None = None
) -> dict[str, Session]:
    """Sort the files of a data set into sessions by their names alone."""
    placed: dict[Place, Path] = {}
    # the mean of a diffusion series comes first: it is preferred to the series
    for path in sorted(paths, key=lambda path: ("rec-average" not in path, path)):
        place = (special or {}).get(path) or _place(PurePath(path).name)
        if place is None:
            continue
        first = placed.setdefault(place, root / path)
        name, attribute, contrast = place
        average = contrast == "DWI" and "rec-average" in first.name
        if first != root / path and not average:
            raise ValueError(
                f"{name} has two files for {contrast} ({attribute}): {first} and {root / path}. "
                "Keep one of them in the folder, or make the mapping {contrast: path} yourself."
            )
    sessions: dict[str, Session] = {}
    for name, attribute, contrast in sorted(placed, key=lambda p: (p[0], _ORDER.index(p[2]))):
        session = sessions.setdefault(name, Session(name))
        getattr(session, attribute)[contrast] = placed[name, attribute, contrast]
    return sessions


def _place(name: str) -> Place | None:
    """What a BIDS file name says it is; None for a file that has no place in a session."""
    match, contrast = _NAME.fullmatch(name), contrast_in(name)
    if match is None or contrast is None or match["derived"] not in _ATTRIBUTES:
        return None
    run = re.search(r"run-(\d+)_", match["entities"])
    again = f"_run-{int(run[1])}" if run and int(run[1]) > 1 else ""
    return match["person"] + again, _ATTRIBUTES[match["derived"]], contrast


def contrast_in(name: str) -> str | None:
    """The contrast in a BIDS file name, of an image or of what was derived from it."""
    if (match := _NAME.fullmatch(name)) is None:
        return None
    suffix, entities = match["suffix"], match["entities"].lower()
    if suffix == "MTS":
        if re.search("flip-2|acq-t1w", entities):
            return "GRE-T1w"
        state = re.search("mt-?(on|off)", entities)
        return f"MT-{state[1]}" if state else None
    if suffix == "dwi" and "acq-b0" in entities:
        return None
    return {"T2starw": "T2star", "dwi": "DWI", "bold": "fMRI"}.get(suffix, suffix)
