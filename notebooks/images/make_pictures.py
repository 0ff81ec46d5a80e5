"""Make the pictures of the README: python notebooks/images/make_pictures.py (needs Chromium)."""

from pathlib import Path

import cordviz as cv
from cordviz._export import png_figures

subject = cv.simulate_subject(seed=0)
img, _ = subject.acquire("T2w")
seg = cv.segment_cord(img, method="propseg", contrast="t2", progress=False)
figure = cv.plot_segmentation(img, seg, levels=subject.levels(img))
pngs, problem = png_figures({"segmentation": figure}, scale=1.5)
if problem:
    raise SystemExit(problem)
for name, png in pngs.items():
    Path(__file__).with_name(f"{name}.png").write_bytes(png)
