"""Interactive views for notebooks: look through a cord, its masks and its area."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from ._panels import CONTOUR_COLOURS
from ._validation import check_same_grid
from .images import ImageLike, load_image, load_mask, read_image
from .levels import slice_levels

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image

    from .widgets.slice_viewer import SliceViewer


def view_segmentation(
    img: ImageLike,
    seg: ImageLike | Mapping[str, ImageLike],
    *,
    levels: ImageLike | None = None,
    slice: int | None = None,
    planes: str = "linked",
    difference: Sequence[str] = (),
    opacity: float = 0.35,
    convention: str = "radiological",
    crop_mm: float | None = 40.0,
) -> SliceViewer:
    """Look through an image with masks on it: scroll, click, zoom, compare.

    Wheel, arrow keys and slider move through slices; a click moves the crosshair in all three
    planes; dragging with the right button (or with Shift) changes brightness (up) and contrast
    (right). Lines are where a mask is 0.5, found between voxels; the tint is as strong as the
    mask is there. Voxels are shown as they are, in true proportion. Keys in a picture: space
    plays, c contours, d difference, x crosshair, z zoom, r reset, + and − contrast, Shift with
    arrows moves the crosshair.

    Parameters
    ----------
    img : path or nibabel image
        3-D, any orientation.
    seg : path, nibabel image, or mapping of name to mask
        One or several masks of values in [0, 1] on the image's grid.
    levels : path or nibabel image, optional
        Vertebral levels on the same grid (2 = C2, 8 = T1 …), shown as bands at the side.
    slice : int, optional
        Axial slice to begin with, in the nibabel-LAS frame of `measure_shape` (0 is inferior).
    planes : {"linked", "axial", "sagittal", "coronal"}
        Planes in view.
    difference : sequence of two str, optional
        Two of the masks: colours where only the first, and where only the second is.
    opacity : float
        Of the tint, 0 to 1.
    convention : {"radiological", "neurological"}
        Patient's right on the reader's left, or on the right.
    crop_mm : float, optional
        What is sent to the browser around the masks, in-plane; None sends all of the image.

    Returns
    -------
    SliceViewer
        A widget whose traits (`slice`, `cursor`, `planes`, `opacity`, `window` …) can be set
        and observed. The static twin is `plot_segmentation`.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        Unreadable input, another grid, an empty mask, a slice outside the image.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> y, x = np.mgrid[-20:21, -20:21]
    >>> cord = np.repeat((np.hypot(x, y) < 5)[..., None], 9, axis=2)
    >>> image = nib.Nifti1Image(np.where(cord, 100.0, 300.0), np.diag([1, 1, 3, 1]))
    >>> view = cv.view_segmentation(image, nib.Nifti1Image(cord.astype("u1"), image.affine))
    >>> view.slice = 7
    >>> view.cursor
    (20, 20, 7)
    """
    image, masks = _load(img, seg)
    start = {} if slice is None else {"slice": slice}
    return _viewer(
        image,
        masks,
        crop_mm=crop_mm,
        levels=_levels_list(levels, image),
        planes=planes,
        difference=list(difference),
        opacity=opacity,
        convention=convention,
        **start,
    )


def _load(
    img: ImageLike, seg: ImageLike | Mapping[str, ImageLike]
) -> tuple[Nifti1Image, dict[str, Nifti1Image]]:
    image = load_image(img)
    named = dict(seg) if isinstance(seg, Mapping) else {"mask": seg}
    if not named:
        raise ValueError("Expected at least one mask, got an empty mapping.")
    masks = {str(name): load_mask(mask, name=str(name)) for name, mask in named.items()}
    for name, mask in masks.items():
        check_same_grid(mask, image, name, "image")
    return image, masks


def _levels_list(levels: ImageLike | None, image: Nifti1Image) -> list[int]:
    if levels is None:
        return []
    labels = read_image(levels, name="level map")
    check_same_grid(labels, image, "level map", "image")
    return [int(level) for level in np.nan_to_num(slice_levels(labels))]


def _viewer(
    image: Nifti1Image, masks: dict[str, Nifti1Image], *, crop_mm: float | None, **traits: Any
) -> SliceViewer:
    from traitlets import TraitError

    from .widgets.slice_viewer import SliceViewer
    from .widgets.volumes import Volume

    volume = Volume.of(image, masks, crop_mm=crop_mm)
    title = f"Spinal cord with {', '.join(masks)}" if masks else "Spinal cord"
    try:
        return SliceViewer(volume, colours=cycle(CONTOUR_COLOURS), title=title, **traits)
    except TraitError as error:  # traitlets' own type, for what no check of ours has seen
        raise TypeError(str(error)) from error
