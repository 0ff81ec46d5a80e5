"""Interactive views of an image: look through a cord, its masks and its area; mark discs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..images import ImageLike, load_image, read_image
from ..plots.inputs import levels_by_slice, load_masked
from ..plots.volume import CROP_MM, Volume

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image

    from ..widgets.csa_curve import CsaView
    from ..widgets.disc_labeller import DiscLabeller
    from ..widgets.slice_viewer import SliceViewer

VERTEBRAE_MM = 60.0  #: sent to the browser around the masks where vertebrae must be told apart


def view_segmentation(
    img: ImageLike,
    seg: ImageLike | Mapping[str, ImageLike],
    *,
    levels: ImageLike | None = None,
    slice: int | None = None,
    planes: str = "linked",
    difference: Sequence[str] = (),
    opacity: float | None = None,
    convention: str = "radiological",
    crop_mm: float | None = CROP_MM,
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
    opacity : float, optional
        Of the tint, 0 to 1; by default 0.35 for one mask and 0.15 for several.
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
    from ..widgets.slice_viewer import SliceViewer
    from ..widgets.traits import checked

    image, masks = load_masked(img, seg)
    return checked(
        SliceViewer,
        Volume.of(image, masks, crop_mm=crop_mm),
        levels=levels_by_slice(levels, image),
        planes=planes,
        difference=list(difference),
        opacity=(0.35 if len(masks) == 1 else 0.15) if opacity is None else opacity,
        convention=convention,
        slice=slice,
    )


def view_csa(
    img: ImageLike,
    seg: ImageLike | Mapping[str, ImageLike],
    *,
    levels: ImageLike | None = None,
    weights: str = "soft",
    threshold: float = 0.5,
    angle_correction: bool = True,
    norms: bool = True,
    sex: str | None = None,
    slice: int | None = None,
) -> CsaView:
    """Look at the cross-sectional area (CSA) along the cord and at the slice it comes from.

    Slices above, curves below, tied to each other: point at or click on a curve (or use its
    arrow keys) and the picture goes to that slice; scroll in the picture and the line on the
    curve follows. Several masks give several curves in the hues of their contours.

    Parameters
    ----------
    img : path or nibabel image
        3-D, any orientation.
    seg : path, nibabel image, or mapping of name to mask
        One or several masks of values in [0, 1] on the image's grid.
    levels : path or nibabel image, optional
        Vertebral levels on the same grid (2 = C2, 8 = T1 …): bands, norms and the C2–C3 mean.
    weights : {"soft", "hard", "both"}
        Measure masks as they are, at `threshold`, or show both.
    threshold : float
        In (0, 1), for hard masks.
    angle_correction : bool
        Correct for the angle between cord and slices.
    norms : bool
        Show percentiles of 203 healthy adults per level, see `plot_csa_profile`.
    sex : {"F", "M"}, optional
        Norms of women or men instead of all.
    slice : int, optional
        Axial slice to begin with, in the nibabel-LAS frame of `measure_shape` (0 is inferior).

    Returns
    -------
    CsaView
        Widgets `viewer` (as of `view_segmentation`) and `curve`, whose traits can be set and
        observed, and `table()`, what is shown as a DataFrame. The static twin of the curve is
        `plot_csa_profile`.

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
    >>> view = cv.view_csa(image, nib.Nifti1Image(cord.astype("u1"), image.affine))
    >>> float(view.table().area_mm2.mean())
    69.0
    """
    from ..widgets.csa_curve import CsaCurve, CsaView
    from ..widgets.slice_viewer import SliceViewer
    from ..widgets.traits import checked

    image, masks = load_masked(img, seg)
    viewer = checked(
        SliceViewer,
        Volume.of(image, masks, crop_mm=CROP_MM),
        levels=levels_by_slice(levels, image),
        height=320,
        opacity=0.15,
        slice=slice,
    )
    curve = checked(
        CsaCurve,
        masks,
        levels=None if levels is None else read_image(levels, name="level map"),
        sex=sex,
        slice=viewer.slice,
        weights=weights,
        threshold=threshold,
        angle_correction=angle_correction,
        norms=norms,
    )
    return CsaView(viewer, curve)


def label_discs(
    img: ImageLike,
    *,
    seg: ImageLike | None = None,
    discs: Mapping[int, Sequence[float]] | ImageLike | None = None,
    suggest: Callable[[Nifti1Image], Mapping[int, Sequence[float]]] | None = None,
) -> DiscLabeller:
    """Mark the discs between vertebrae by hand, on a sagittal view, C2/C3 first.

    A click marks the next disc, dragging corrects a mark, and the vertebral levels that follow
    are drawn at the side at once. Keys: u undoes, Delete removes the disc touched last, Enter
    marks the crosshair (moved with Shift and arrows).

    Parameters
    ----------
    img : path or nibabel image
        3-D, any orientation, in which vertebrae can be told apart.
    seg : path or nibabel image, optional
        Cord mask on the image's grid: the view begins at the cord, and levels are cut across
        its direction as by `levels_from_discs`. Without it they are cut along the slices.
    discs : mapping of int to (x, y, z), or label image, optional
        Marks to begin with, in mm of nibabel's world (RAS+); 3 = C2/C3.
    suggest : callable, optional
        Takes the image (float32) and returns such a mapping, to be corrected by hand.

    Returns
    -------
    DiscLabeller
        A widget: `discs` is {label: (x, y, z)} in mm, as `levels_from_discs` takes it;
        `label_image()` and `save_labels(path)` give SCT's disc labels, one voxel each.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        Unreadable input, a mask on another grid, labels that are no discs, places outside.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> noise = np.random.default_rng(0).random((9, 20, 60))
    >>> view = cv.label_discs(nib.Nifti1Image(noise, np.eye(4)))
    >>> view.discs = {3: (4, 10, 40), 4: (4, 10, 25)}
    >>> [view.levels[k] for k in (50, 30, 10)], view.next_label
    ([2, 3, 4], 5)
    """
    from ..widgets.disc_labeller import DiscLabeller
    from ..widgets.traits import checked

    image, masks = (load_image(img), {}) if seg is None else load_masked(img, {"mask": seg})
    volume = Volume.of(image, masks, crop_mm=VERTEBRAE_MM)
    view = checked(DiscLabeller, volume, grid=image, seg=masks.get("mask"))
    start = discs if discs is not None or suggest is None else suggest(image)
    if start:
        view.discs = start
    return view
