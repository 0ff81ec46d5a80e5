"""For the classroom: segment with weights of one's own, and score what comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nibabel.nifti1 import Nifti1Image

from .._validation import check_same_grid
from ..images import ImageLike, load_image, load_mask, reorient, restore, spacing_mm, voxels
from ..segmentation.inference import PATCH
from ..segmentation.network import load_network
from ..segmentation.sampling import cut_patches, paste_patches
from .cutting import centers_of


def segment_with(weights: Path, image: ImageLike, *, around: ImageLike) -> Nifti1Image:
    """Segment with the network in a file of `train`, as it is: told where the cord lies.

    No search for the cord, no clean-up: the picture of what a young
    network has learnt. `cordviz.segment_cord` does all of that with the shipped networks.

    Parameters
    ----------
    weights : Path
        ``final.pt`` that `cordviz.training.train.train` wrote.
    image : path or nibabel image
        3-D image.
    around : path or nibabel image
        Mask on its grid whose centre the network looks at, slice by slice.

    Returns
    -------
    nibabel.Nifti1Image
        Soft mask on the grid of the image, float32 in [0, 1].
    """
    import torch

    img, line = load_image(image), load_mask(around)
    check_same_grid(line, img, "mask", "image")
    ras, mask = reorient(img), voxels(reorient(line))
    spacing = spacing_mm(ras)
    center = centers_of(mask, spacing)
    x = torch.from_numpy(cut_patches(voxels(ras), spacing, center, PATCH))[:, None]
    network = load_network(Path(weights))
    with torch.inference_mode():
        found = torch.cat([network(part).sigmoid() for part in x.split(24)])[:, 0].numpy()
    soft = np.clip(paste_patches(found, ras.shape, spacing, center), 0, 1).astype(np.float32)
    return restore(soft, img)


def score(mask: ImageLike, truth: ImageLike) -> tuple[float, float]:
    """Dice and area error in percent of a mask cut at 0.5, over the slices where there is truth.

    Examples
    --------
    >>> mask = Nifti1Image(np.ones((4, 4, 2), np.float32), np.eye(4))
    >>> score(mask, mask)
    (1.0, 0.0)
    """
    masks = load_mask(mask), load_mask(truth)
    check_same_grid(*masks, "mask", "truth")
    found, true = (voxels(reorient(one)) for one in masks)
    a, b = found >= 0.5, true >= 0.5
    a = a & (true > 0).any(axis=(0, 1))
    dice = 2 * (a & b).sum() / (a.sum() + b.sum())
    return float(dice), float(100 * (a.sum() / true.sum() - 1))
