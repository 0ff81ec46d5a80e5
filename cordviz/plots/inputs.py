"""Read what figures and views are given: an image, masks on its grid, levels on its grid."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from nibabel.nifti1 import Nifti1Image

from .._validation import check_same_grid
from ..images import ImageLike, load_image, load_mask, read_image
from ..levels import slice_levels


def load_masked(
    img: ImageLike, seg: ImageLike | Mapping[str, ImageLike], *, of: str = ""
) -> tuple[Nifti1Image, dict[str, Nifti1Image]]:
    """Load an image and its masks by name; errors name them, and whose they are if `of` says."""
    image = load_image(img)
    named = dict(seg) if isinstance(seg, Mapping) else {"mask": seg}
    if not named:
        raise ValueError("Expected at least one mask, got an empty mapping.")
    masks = {str(key): load_mask(mask, name=f"{of} {key}".strip()) for key, mask in named.items()}
    for key, mask in masks.items():
        check_same_grid(mask, image, f"{of} {key}".strip(), f"{of} image".strip())
    return image, masks


def levels_by_slice(levels: ImageLike | None, image: Nifti1Image) -> list[int]:
    """Level of every slice in nibabel-LAS order, 0 where unknown; empty without `levels`."""
    if levels is None:
        return []
    labels = read_image(levels, name="level map")
    check_same_grid(labels, image, "level map", "image")
    return [int(level) for level in np.nan_to_num(slice_levels(labels))]
