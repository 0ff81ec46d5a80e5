"""Make the pictures of the README: python notebooks/images/make_pictures.py (needs Chromium)."""

from pathlib import Path

import kaleido

import cordviz as cv

subject = cv.simulate_subject(seed=0)
img, _ = subject.acquire("T2w")
seg = cv.segment_cord(img, method="propseg", contrast="t2", progress=False)
figure = cv.plot_segmentation(img, seg, levels=subject.levels(img))
png = kaleido.calc_fig_sync(
    figure,
    opts={
        "format": "png",
        "scale": 1.5,
        "width": figure.layout.width,
        "height": figure.layout.height,
    },
    kopts={"mathjax": False},
)
Path(__file__).with_name("segmentation.png").write_bytes(png)
