"""The interactive view in 3-D."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .._export import installed
from ..images import ImageLike
from ..plots.inputs import load_masked
from ..plots.surface import cord_surface, plot_3d
from ..plots.volume import CROP_MM, Volume

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from ..widgets.view_3d import View3D


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
    image, masks = load_masked(img, seg)
    first = next(iter(masks.values()))
    if not installed("ipyniivue"):
        warnings.warn(
            "ipyniivue is not installed, so this is the static figure of plot_3d. For the view: "
            'pip install "cordviz[lab]"',
            stacklevel=2,
        )
        return plot_3d(image, first)
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
