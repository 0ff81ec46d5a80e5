"""Fixtures shared by all tests: tiny oblique images, the shared real data, a private cache."""

import os
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # one core for each of them, and for their kernels
    os.environ["OMP_NUM_THREADS"] = "1"

import nibabel as nib
import numpy as np
import pytest

SHARED = Path(os.environ.get("CORDVIZ_SHARED_DATA", "../shared/data")).resolve()


def pytest_collection_modifyitems(config, items):
    if (SHARED / "real").is_dir():
        return
    skip = pytest.mark.skip(reason=f"no shared real data at {SHARED} (set CORDVIZ_SHARED_DATA)")
    for item in items:
        if "realdata" in item.keywords:
            item.add_marker(skip)


@pytest.fixture
def shared_data() -> Path:
    """The folder with real/ and reference/."""
    return SHARED


@pytest.fixture(autouse=True)
def _private_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CORDVIZ_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def oblique_affine() -> np.ndarray:
    """Anisotropic voxels (0.8 × 0.6 × 2.5 mm), rotated by 12° about x, in PSR storage order."""
    c, s = np.cos(np.radians(12)), np.sin(np.radians(12))
    rotation = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    axes = np.array([[0, 0, 1], [-1, 0, 0], [0, 1, 0]])  # columns: P, S, R
    affine = np.eye(4)
    affine[:3, :3] = rotation @ axes @ np.diag([0.6, 2.5, 0.8])
    affine[:3, 3] = [-20.5, 33.25, -71.125]
    return affine


@pytest.fixture
def oblique_image(oblique_affine) -> nib.Nifti1Image:
    data = np.random.default_rng(0).normal(100, 20, (11, 7, 13))
    return nib.Nifti1Image(data.astype(np.int16), oblique_affine)
