"""Interactive views of an image: look through a cord, its masks and its area; mark discs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from .._export import installed
from .._validation import check_choice, check_same_grid
from ..images import ImageLike, load_image, load_mask, read_image
from ..levels import slice_levels
from ..plots.style import CONTOUR_COLOURS
from .study import view_comparison, view_contrast_explorer

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from nibabel.nifti1 import Nifti1Image

    from ..widgets.csa_view import CsaView
    from ..widgets.disc_labeller import DiscLabeller
    from ..widgets.slice_viewer import SliceViewer
    from ..widgets.view_3d import View3D

__all__ = [
    "label_discs",
    "view_3d",
    "view_comparison",
    "view_contrast_explorer",
    "view_csa",
    "view_segmentation",
]

CROP_MM = 40.0  #: sent to the browser around the masks
VERTEBRAE_MM = 60.0  #: the same where vertebrae must be told apart


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
    image, masks = _load(img, seg)
    start = {} if slice is None else {"slice": slice}
    return _viewer(
        image,
        masks,
        crop_mm=crop_mm,
        levels=_levels_list(levels, image),
        planes=planes,
        difference=list(difference),
        opacity=(0.35 if len(masks) == 1 else 0.15) if opacity is None else opacity,
        convention=convention,
        **start,
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
    from ..widgets.csa_curve import CsaCurve
    from ..widgets.csa_view import CsaView
    from ..widgets.traits import checked

    image, masks = _load(img, seg)
    names = _levels_list(levels, image)
    check_choice("all" if sex is None else sex, ("all", "F", "M"), "sex")
    start = {} if slice is None else {"slice": slice}
    viewer = _viewer(image, masks, crop_mm=CROP_MM, levels=names, height=320, opacity=0.15, **start)
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
    discs: Mapping[int, Sequence[float]] | None = None,
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
    discs : mapping of int to (x, y, z), optional
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

    image = load_image(img)
    mask = None if seg is None else load_mask(seg)
    if mask is not None:
        check_same_grid(mask, image, "mask", "image")
    view = _viewer(
        image,
        {} if mask is None else {"mask": mask},
        widget=DiscLabeller,
        crop_mm=VERTEBRAE_MM,
        grid=image,
        seg=mask,
    )
    start = discs if discs is not None or suggest is None else suggest(image)
    if start:
        view.discs = start
    return view


def view_3d(
    img: ImageLike,
    seg: ImageLike | Mapping[str, ImageLike],
    *,
    azimuth: float = 120,
    elevation: float = 10,
    cut: str = "sagittal",
    opacity: float = 1,
    crop_mm: float | None = CROP_MM,
) -> View3D | go.Figure:
    """Look at the cord inside its image in 3-D, with ipyniivue.

    Drag to turn, or use the keys h, j, k and l; the wheel moves the cut that opens the image, not
    the masks. For slices use `view_segmentation`: it is much faster.

    Parameters
    ----------
    img : path or nibabel image
        3-D, any orientation.
    seg : path, nibabel image, or mapping of name to mask
        One or several masks of values in [0, 1] on the image's grid.
    azimuth, elevation : float
        Where it is seen from, in degrees.
    cut : {"none", "sagittal", "coronal", "axial"}
        Where the image is opened.
    opacity : float
        Of the image, 0 to 1; at 0 only the masks are seen.
    crop_mm : float, optional
        What is sent to the browser around the masks, in-plane; None sends all of the image.

    Returns
    -------
    View3D or plotly.graph_objects.Figure
        A widget whose traits (`azimuth`, `elevation`, `cut`, `depth`, `opacity`) can be set and
        observed. Where ipyniivue is not installed: a warning and the static twin, `plot_3d` of the
        first mask. In a browser without WebGL 2 it says so and leaves a picture in its place.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        Unreadable input, another grid, an empty mask, a cut that there is not.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> y, x = np.mgrid[-20:21, -20:21]
    >>> cord = np.repeat((np.hypot(x, y) < 5)[..., None], 9, axis=2)
    >>> image = nib.Nifti1Image(np.where(cord, 100.0, 300.0), np.diag([1, 1, 3, 1]))
    >>> view = cv.view_3d(image, nib.Nifti1Image(cord.astype("u1"), image.affine))
    >>> view.azimuth
    120.0
    """
    from ..plots.surface import cord_surface, plot_3d

    image, masks = _load(img, seg)
    first = next(iter(masks.values()))
    if not installed("ipyniivue"):
        warnings.warn(
            "ipyniivue is not installed, so this is the static figure of plot_3d. For the view: "
            'pip install "cordviz[lab]"',
            stacklevel=2,
        )
        return plot_3d(image, first)
    from ..plots.volume import Volume
    from ..widgets.traits import checked
    from ..widgets.view_3d import View3D

    return checked(
        View3D,
        Volume.of(image, masks, crop_mm=crop_mm),
        cord_surface(first),
        title=f"Spinal cord in 3-D: {', '.join(masks)}",
        azimuth=azimuth,
        elevation=elevation,
        cut=cut,
        opacity=opacity,
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
    image: Nifti1Image,
    masks: dict[str, Nifti1Image],
    *,
    crop_mm: float | None,
    widget: Any = None,
    **traits: Any,
) -> Any:
    from ..plots.volume import Volume
    from ..widgets.slice_viewer import SliceViewer
    from ..widgets.traits import checked

    volume = Volume.of(image, masks, crop_mm=crop_mm)
    title = f"Spinal cord with {', '.join(masks)}" if masks else "Spinal cord"
    return checked(
        widget or SliceViewer, volume, colours=cycle(CONTOUR_COLOURS), title=title, **traits
    )
