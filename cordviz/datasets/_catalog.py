"""What the public data sets hold: sessions by name, their files here or downloaded."""

from __future__ import annotations

import os
from difflib import get_close_matches

from ._download import cache_dir, download, registry
from .sessions import Place, Session, find_sessions, group_sessions

PathLike = str | os.PathLike[str]

#: Files whose names do not say what they are: session, attribute of `Session`, contrast.
SPECIAL: dict[str, dict[str, Place]] = {
    "sct_testing": {
        "t1/t1w.nii.gz": ("sct_testing", "images", "T1w"),
        "t2/t2.nii.gz": ("sct_testing", "images", "T2w"),
        "t2s/t2s.nii.gz": ("sct_testing", "images", "T2star"),
        "mt/mt1.nii.gz": ("sct_testing", "images", "MT-on"),
        "mt/mt0.nii.gz": ("sct_testing", "images", "MT-off"),
        "mt/t1w.nii.gz": ("sct_testing", "images", "GRE-T1w"),
        "dmri/dwi_mean.nii.gz": ("sct_testing", "images", "DWI"),
        "fmri/fmri.nii.gz": ("sct_testing", "images", "fMRI"),
        "t1/t1w_seg-manual.nii.gz": ("sct_testing", "masks", "T1w"),
        "t2/t2_seg-manual.nii.gz": ("sct_testing", "masks", "T2w"),
        "t2s/t2s_seg.nii.gz": ("sct_testing", "masks", "T2star"),
        "mt/mt1_seg.nii.gz": ("sct_testing", "masks", "MT-on"),
        "mt/mt0_seg.nii.gz": ("sct_testing", "masks", "MT-off"),
        "t2s/t2s_gmseg_manual.nii.gz": ("sct_testing", "gm_masks", "T2star"),
        "t2/t2_seg-manual_labeled.nii.gz": ("sct_testing", "levels", "T2w"),
        "t2s/MNI-Poly-AMU_level_crop.nii.gz": ("sct_testing", "levels", "T2star"),
        "mt/label/template/PAM50_levels.nii.gz": ("sct_testing", "levels", "MT-on"),
    },
    "sct_tutorial": {
        "single_subject/data/t1/t1.nii.gz": ("course", "images", "T1w"),
        "single_subject/data/t2/t2.nii.gz": ("course", "images", "T2w"),
        "single_subject/data/t2s/t2s.nii.gz": ("course", "images", "T2star"),
        "single_subject/data/mt/mt1.nii.gz": ("course", "images", "MT-on"),
        "single_subject/data/mt/mt0.nii.gz": ("course", "images", "MT-off"),
        "single_subject/data/dmri/dmri.nii.gz": ("course", "images", "DWI"),
        "single_subject/data/fmri/fmri.nii.gz": ("course", "images", "fMRI"),
        "single_subject/data/dmri/bvals.txt": ("course", "bvals", "DWI"),
    },
}


def all_sessions(dataset: str, folder: PathLike | None) -> dict[str, Session]:
    """All sessions of a data set, with the paths its files have or will have."""
    special = SPECIAL.get(dataset)
    if folder is not None:
        return find_sessions(folder, special)
    return group_sessions(cache_dir() / dataset, registry(dataset), special)


def pick(sessions: dict[str, Session], name: str) -> Session:
    """One session by name."""
    if name in sessions:
        return sessions[name]
    near = get_close_matches(str(name), list(sessions), n=3) or list(sessions)[:3]
    raise ValueError(
        f"There is no {name!r} among the {len(sessions)} sessions. Names look like "
        f"{', '.join(near)}."
    )


def fetched(
    dataset: str, sessions: list[Session], folder: PathLike | None, progress: bool
) -> list[Session]:
    """Return the sessions once their files are there."""
    if folder is None:
        root = cache_dir() / dataset
        paths = [file.relative_to(root).as_posix() for s in sessions for file in s.files]
        download(dataset, paths, progress=progress)
    return sessions
