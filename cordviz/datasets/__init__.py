"""Data sets: simulated people, public images fetched once, and folders of your own.

Simulated: `load_simulated_study`, `load_study_table`. Public: `fetch_sct_testing`,
`fetch_sct_tutorial`, `fetch_spine_generic`, `fetch_spine_generic_masks`, `fetch_gm_challenge`.
Your own: `load_sessions`.
"""

from ._download import cache_dir
from .public import (
    fetch_gm_challenge,
    fetch_sct_testing,
    fetch_sct_tutorial,
    fetch_spine_generic,
    fetch_spine_generic_masks,
)
from .real import fetch_real
from .sessions import Session, load_sessions
from .simulated import STUDY_CONTRASTS, SimulatedStudy, StudySubject, load_simulated_study
from .study_table import load_study_table

__all__ = [
    "STUDY_CONTRASTS",
    "Session",
    "SimulatedStudy",
    "StudySubject",
    "cache_dir",
    "fetch_gm_challenge",
    "fetch_real",
    "fetch_sct_testing",
    "fetch_sct_tutorial",
    "fetch_spine_generic",
    "fetch_spine_generic_masks",
    "load_sessions",
    "load_simulated_study",
    "load_study_table",
]
