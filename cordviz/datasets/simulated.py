"""The simulated study, made on this computer when first used."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import nibabel as nib
import numpy as np

from .._files import at_home, atomic_path, code_hash, digest, make_folder
from ..simulation import Subject, simulate_subject
from ._download import cache_dir

#: The contrasts of the simulated study; fMRI is the one that no contrast-specific method lists.
STUDY_CONTRASTS = ("T1w", "T2w", "T2star", "MT-on", "GRE-T1w", "DWI", "fMRI")
_FIRST_SEED, _MOST_SUBJECTS = 100, 1000


def load_simulated_study(
    n_subjects: int = 12, *, fov: str = "neck", folder: str | os.PathLike[str] | None = None
) -> SimulatedStudy:
    """Load the simulated study: people whose cervical cord is known, in seven contrasts.

    Nothing is made before it is asked for. A missing image takes one or two seconds when it is
    first used and is then kept on disk; `SimulatedStudy.make` makes all of them at once, in
    parallel. All 12 subjects take about 40 MB.

    Parameters
    ----------
    n_subjects : int
        Number of people, 1 to 1000. The first twelve are the study; half are women.
    fov : {"neck", "full"}
        64 × 64 mm in plane from C1 to T1, or the protocol's own field of view (slow and large).
    folder : path, optional
        Where to keep the images; by default in `cache_dir`.

    Returns
    -------
    SimulatedStudy
        A mapping subject → contrast → image: ``study["sim-01"]["T2w"]``. Contrasts are T1w, T2w,
        T2star, MT-on, GRE-T1w and DWI with the voxels and slices of the spine-generic protocol,
        and fMRI as the contrast that contrast-specific tools do not list.

    Raises
    ------
    ValueError
        For a number of subjects or a field of view that there is not.

    Notes
    -----
    Simulated by this package (`cordviz.simulation`), licence as the package. Reproducible to the
    bit on one platform: subject ``sim-NN`` is ``simulate_subject(seed=99 + NN, sex=…)``.

    Examples
    --------
    >>> study = load_simulated_study(n_subjects=2)
    >>> list(study)
    ['sim-01', 'sim-02']
    """
    if not 1 <= n_subjects <= _MOST_SUBJECTS:
        raise ValueError(f"expected n_subjects from 1 to {_MOST_SUBJECTS}, got {n_subjects}")
    if fov not in ("neck", "full"):
        raise ValueError(f"expected fov 'neck' or 'full', got {fov!r}")
    home = at_home(folder) if folder is not None else cache_dir() / "simulated_study"
    version = digest(np.__version__, code_hash("simulation/*.py"))[:10]
    return SimulatedStudy(n_subjects, home / f"{version}_{fov}", fov)


class SimulatedStudy(Mapping[str, "StudySubject"]):
    """A mapping from subject name to `StudySubject`; see `load_simulated_study`."""

    def __init__(self, n_subjects: int, folder: Path, fov: str) -> None:
        """Name the subjects, make nothing."""
        self.folder = folder
        self._subjects = {
            f"sim-{n + 1:02d}": StudySubject(n, folder, fov) for n in range(n_subjects)
        }

    def __getitem__(self, name: str) -> StudySubject:
        """Return one subject."""
        if name not in self._subjects:
            raise KeyError(f"no subject {name!r}; there are sim-01 to {list(self._subjects)[-1]}")
        return self._subjects[name]

    def __iter__(self) -> Iterator[str]:
        """Names of the subjects."""
        return iter(self._subjects)

    def __len__(self) -> int:
        """Return the number of subjects."""
        return len(self._subjects)

    def make(self, *, n_jobs: int = -1, progress: bool = True) -> SimulatedStudy:
        """Make what is still missing, several subjects at a time, and return the study.

        Parameters
        ----------
        n_jobs : int
            Processes, -1 for one per core.
        progress : bool
            Whether to show a progress bar.
        """
        from joblib import Parallel, delayed
        from tqdm.auto import tqdm

        missing = [subject for subject in self.values() if not subject.is_complete]
        if not missing:
            return self
        jobs = Parallel(n_jobs=min(len(missing), n_jobs), return_as="generator_unordered")
        done = jobs(delayed(subject.make)() for subject in missing)
        for _ in tqdm(done, total=len(missing), desc="simulating subjects", disable=not progress):
            pass
        return self


class StudySubject(Mapping[str, nib.Nifti1Image]):
    """One person of the simulated study: a mapping from contrast to image, with the truth.

    Attributes
    ----------
    name : str
    csa_mm2 : dict of int to float
        Exact area per level, see `Subject.csa_mm2`.
    subject : Subject
        The simulated person, for everything else.
    """

    def __init__(self, number: int, folder: Path, fov: str) -> None:
        """Name the subject, make nothing."""
        self.name, self._number = f"sim-{number + 1:02d}", number
        self._folder, self._fov = folder, fov
        self._subject: Subject | None = None

    @property
    def subject(self) -> Subject:
        """The simulated person."""
        if self._subject is None:
            sex = "M" if self._number % 2 else "F"
            self._subject = simulate_subject(_FIRST_SEED + self._number, sex=sex)
        return self._subject

    @property
    def csa_mm2(self) -> dict[int, float]:
        """Exact cross-sectional area per level, mm²."""
        return self.subject.csa_mm2

    def __getitem__(self, contrast: str) -> nib.Nifti1Image:
        """Return the image of a contrast, made now if it is missing."""
        return nib.Nifti1Image.from_filename(self._ready(contrast)[0])

    def __contains__(self, contrast: object) -> bool:
        """Whether there is such a contrast, without making its image."""
        return contrast in STUDY_CONTRASTS

    def __iter__(self) -> Iterator[str]:
        """Names of the contrasts."""
        return iter(STUDY_CONTRASTS)

    def __len__(self) -> int:
        """Return the number of contrasts."""
        return len(STUDY_CONTRASTS)

    def truth(self, contrast: str) -> nib.Nifti1Image:
        """Exact soft mask of the cord on the image's grid, in [0, 1] in steps of 1/1024."""
        return nib.Nifti1Image.from_filename(self._ready(contrast)[1])

    def levels(self, contrast: str) -> nib.Nifti1Image:
        """Vertebral levels on the image's grid, see `Subject.levels`."""
        return self.subject.levels(self[contrast])

    def discs(self, contrast: str) -> nib.Nifti1Image:
        """Discs as labelled voxels on the image's grid, see `Subject.discs`."""
        return self.subject.discs(self[contrast])

    @property
    def is_complete(self) -> bool:
        """Whether every contrast is on disk."""
        return all(path.exists() for c in self for path in self._files(c))

    def make(self) -> None:
        """Make the contrasts that are missing."""
        for contrast in self:
            self._ready(contrast)

    def _files(self, contrast: str) -> tuple[Path, Path]:
        stem = f"{self.name}_{contrast}"
        return (
            self._folder / self.name / f"{stem}.nii.gz",
            self._folder / self.name / f"{stem}_label-SC_softseg.nii.gz",
        )

    def _ready(self, contrast: str) -> tuple[Path, Path]:
        """Paths of image and truth, made now if they are missing."""
        if contrast not in STUDY_CONTRASTS:
            raise KeyError(f"no contrast {contrast!r}; there are {', '.join(STUDY_CONTRASTS)}")
        image_path, truth_path = self._files(contrast)
        if not (image_path.exists() and truth_path.exists()):
            image, truth = self.subject.acquire(contrast, fov=self._fov)
            make_folder(image_path.parent)
            # white matter is near 300: whole numbers lose nothing against the noise
            _save(image, image_path, 1.0)
            _save(truth, truth_path, 1 / 1024)
        return image_path, truth_path


def _save(image: nib.Nifti1Image, path: Path, step: float) -> None:
    """Write whole numbers of `step`, whole file or nothing."""
    numbers = np.clip(np.rint(np.asarray(image.dataobj) / step), 0, 65535).astype(np.uint16)
    stored = nib.Nifti1Image(numbers, image.affine)
    stored.header.set_xyzt_units("mm", "sec")
    stored.header.set_slope_inter(step, 0)
    with atomic_path(path) as temporary:
        nib.save(stored, temporary)
