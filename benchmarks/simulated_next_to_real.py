"""Look sheet: simulated scans next to real ones of the same voxel size, axial and mid-sagittal.

Real images come from the public sct_testing_data in the folder named by CORDVIZ_SHARED_DATA and
never enter the repository. Usage: python benchmarks/simulated_next_to_real.py sheet.png [seed]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np

from cordviz.simulation import simulate_subject

REAL = {
    "T1w": "t1/t1w.nii.gz",
    "T2w": "t2/t2.nii.gz",
    "T2star": "t2s/t2s.nii.gz",
    "MT-off": "mt/mt0.nii.gz",
    "MT-on": "mt/mt1.nii.gz",
    "GRE-T1w": "mt/t1w.nii.gz",
    "DWI": "dmri/dwi_mean.nii.gz",
    "fMRI": "fmri/fmri.nii.gz",
}


def load_real(path: Path) -> nib.Nifti1Image:
    """First volume in RAS order."""
    image = nib.as_closest_canonical(nib.load(path))
    data = np.asarray(image.dataobj, dtype=float)
    return nib.Nifti1Image(data[..., 0] if data.ndim == 4 else data, image.affine)


def draw(axis, data: np.ndarray, aspect: float, title: str) -> None:
    """Show one slice, window from 0 to its 99.5th percentile."""
    axis.imshow(
        data.T, origin="lower", cmap="gray", vmin=0, vmax=np.percentile(data, 99.5), aspect=aspect
    )
    axis.set_title(title, fontsize=16)
    axis.axis("off")


def main(out: str, seed: int) -> None:
    """Draw the sheet."""
    root = Path(os.environ.get("CORDVIZ_SHARED_DATA", "../shared/data")) / "real/sct_testing_data"
    subject = simulate_subject(seed)
    points = subject.disc_points_mm
    middle = (points[3] + points[4]) / 2
    figure, axes = plt.subplots(4, len(REAL), figsize=(5 * len(REAL), 20))
    for column, (contrast, path) in enumerate(REAL.items()):
        real = load_real(root / path)
        zoom = np.array(real.header.get_zooms()[:3], float)
        size = np.minimum(np.array(real.shape) * zoom, (75, 75, 90))
        thick = float(zoom[2]) if zoom[2] < 2 else 5.0
        image, truth = subject.acquire(
            contrast, voxel_mm=(float(zoom[0]), float(zoom[1])), thickness_mm=thick,
            spacing_mm=float(zoom[2]) if thick < 2 else 5.0, fov=(*size[:2], 110.0),
        )  # fmt: skip
        for row, img in ((0, real), (2, image)):
            data, z = img.get_fdata(), img.header.get_zooms()
            if row:
                k = int(np.clip((np.linalg.inv(img.affine) @ [*middle, 1])[2], 0, img.shape[2] - 1))
                mask = truth.get_fdata()
                i = int(np.average(np.arange(mask.shape[0]), weights=mask.sum((1, 2))))
            else:
                i, k = img.shape[0] // 2, img.shape[2] // 2
            name = "simulated" if row else "real"
            draw(axes[row, column], data[:, :, k], z[1] / z[0], f"{contrast} {name}")
            draw(axes[row + 1, column], data[i], z[2] / z[1], f"{contrast} {name}")
    figure.tight_layout()
    figure.savefig(out, dpi=48)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1)
