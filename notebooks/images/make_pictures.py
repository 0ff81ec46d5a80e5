"""Make the pictures of the README: python notebooks/images/make_pictures.py (needs Chromium)."""

from pathlib import Path

import cordviz as cv
from cordviz._export import png_figures

SIX = ["DWI", "T1w", "GRE-T1w", "MT-on", "T2w", "T2star"]

subject = cv.simulate_subject(seed=0)
img, _ = subject.acquire("T2w")
seg = cv.segment_cord(img, progress=False)
study = cv.datasets.load_study_table()
study = study[study["method"].isin(["deepseg", "agnostic"])]
names = {"deepseg": "told the contrast", "agnostic": "told nothing (agnostic)"}
study = study.replace({"method": names})
figures = {
    "segmentation": cv.plot_segmentation(img, seg, levels=subject.levels(img)),
    "csa_by_contrast": cv.plot_csa_by_contrast(study, contrasts=SIX),
    "explorer": cv.plot_contrast_explorer(contrast=("T1w", "T2w", "T2star")),
}
pngs, problem = png_figures(figures, scale=1.5)
if problem:
    raise SystemExit(problem)
for name, png in pngs.items():
    Path(__file__).with_name(f"{name}.png").write_bytes(png)
