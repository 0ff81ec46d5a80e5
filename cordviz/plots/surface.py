"""The surface of the cord in 3-D, coloured by its area: a figure that works without WebGL views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from nibabel.affines import apply_affine, voxel_sizes

from ..centerline import mask_in_las, slice_centres
from ..images import ImageLike
from ..levels import level_name
from ..morphometry import measure_shape
from .inputs import load_masked
from .style import FAINT, FONT

if TYPE_CHECKING:
    import plotly.graph_objects as go

ANGLES = 48
STEP_MM = 0.1  #: along a ray from the centre to the edge
REACH_MM = 15.0  #: a ray ends here; no cord is as wide
LONGEST = 1.6  #: side of the scene, in plotly's unit, that fits into view
COLOURS = "Viridis"  #: told apart by colour-blind readers, and dark to light in grey print


@dataclass(frozen=True)
class Surface:
    """Where a mask falls to one half, seen from the centre of each slice; world is RAS+."""

    slices: np.ndarray  # (n,), those with mask, in nibabel-LAS order (0 is inferior)
    points_mm: np.ndarray  # (n, angles + 1, 3), closed rings
    centres_mm: np.ndarray  # (n, 3)
    area_mm2: np.ndarray  # (n,), of `measure_shape`: NaN where it cannot be measured
    level: np.ndarray  # (n,), vertebral (2 = C2), 0 where unknown


def cord_surface(seg: ImageLike, *, levels: ImageLike | None = None) -> Surface:
    """Find the surface of a cord mask, slice by slice; ValueError where there is one slice only."""
    from scipy.ndimage import map_coordinates

    data, affine = mask_in_las(seg)
    data = np.asarray(data, np.float32)
    slices, centres, _ = slice_centres(data)
    if len(slices) < 2:
        raise ValueError("The mask has one slice only: there is no surface to see in 3-D.")
    angle = np.linspace(0, 2 * np.pi, ANGLES + 1)
    ray_mm = np.arange(0, REACH_MM, STEP_MM)
    direction = (
        np.stack([np.cos(angle), np.sin(angle)]) / voxel_sizes(affine)[:2, None]
    )  # voxels per mm
    rings = np.empty((len(slices), ANGLES + 1, 3))
    for ring, k, centre in zip(rings, slices, centres, strict=True):
        along = centre[:2, None, None] + direction[..., None] * ray_mm  # (2, angles, steps)
        values = map_coordinates(data[:, :, k], along, order=1, mode="constant")
        half = min(0.5, data[:, :, k].max() / 2)  # a soft slice may stay below one half
        out = values < half
        out[:, -1] = True
        edge_mm = np.maximum(out.argmax(axis=1), 1) * STEP_MM - STEP_MM / 2
        ring[:, :2] = (centre[:2, None] + direction * edge_mm).T
        ring[:, 2] = k
    table = measure_shape(seg, levels=levels).set_index("slice").loc[slices]
    return Surface(
        slices,
        apply_affine(affine, rings),
        apply_affine(affine, np.column_stack([centres, slices])),
        table["area_mm2"].to_numpy(float),
        table["level"].fillna(0).to_numpy(int),
    )


def plot_3d(
    img: ImageLike,
    seg: ImageLike,
    *,
    levels: ImageLike | None = None,
    title: str | None = None,
) -> go.Figure:
    """Show the surface of the cord in 3-D, coloured by its cross-sectional area (CSA).

    Parameters
    ----------
    img : path or nibabel image
        3-D, any orientation; its grid is checked, its cuts are for `view_3d`.
    seg : path or nibabel image
        Mask of values in [0, 1] on the image's grid. The surface is where it is 0.5.
    levels : path or nibabel image, optional
        Vertebral levels on the same grid (2 = C2, 8 = T1 …), named beside the cord.
    title : str, optional
        Heading of the figure.

    Returns
    -------
    plotly.graph_objects.Figure
        Lengths in mm of nibabel's world in true proportion, to turn with the mouse.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        Unreadable input, another grid, an empty mask.

    Examples
    --------
    >>> import cordviz as cv, nibabel as nib, numpy as np
    >>> y, x = np.mgrid[-20:21, -20:21]
    >>> cord = np.repeat((np.hypot(x, y) < 5)[..., None], 9, axis=2)
    >>> image = nib.Nifti1Image(np.where(cord, 100.0, 300.0), np.diag([1, 1, 3, 1]))
    >>> fig = cv.plot_3d(image, nib.Nifti1Image(cord.astype("u1"), image.affine))
    >>> fig.data[0].type
    'surface'
    """
    import plotly.graph_objects as go

    _, masks = load_masked(img, {"mask": seg})
    surface = cord_surface(masks["mask"], levels=levels)
    x, y, z = np.moveaxis(surface.points_mm, 2, 0)
    low, high = colour_range(surface)
    fig = go.Figure(
        go.Surface(
            x=x,
            y=y,
            z=z,
            surfacecolor=np.broadcast_to(surface.area_mm2[:, None], x.shape),
            cmin=low,
            cmax=high,
            colorscale=COLOURS,
            customdata=np.broadcast_to(surface.slices[:, None], x.shape),
            hovertemplate="slice %{customdata}<br>CSA %{surfacecolor:.1f} mm²<extra></extra>",
            colorbar={"title": {"text": "CSA (mm²)"}, "len": 0.6, "thickness": 14},
            lighting={"ambient": 0.6, "diffuse": 0.6, "specular": 0.1},
        )
    )
    names = _level_marks(surface)
    if names:
        at = np.array([point for point, _ in names])
        fig.add_scatter3d(
            x=at[:, 0],
            y=at[:, 1],
            z=at[:, 2],
            mode="text",
            text=[name for _, name in names],
            hoverinfo="skip",
            showlegend=False,
        )
    axis = {"showbackground": False, "gridcolor": "#DFE4E8", "zeroline": False, "nticks": 3}
    shown = np.concatenate([surface.points_mm.reshape(-1, 3), *(point[None] for point, _ in names)])
    low_mm, high_mm = shown.min(axis=0) - 2, shown.max(axis=0) + 2
    size = (high_mm - low_mm) / (high_mm - low_mm).max() * LONGEST
    ranges = [{"range": pair} for pair in zip(low_mm.tolist(), high_mm.tolist(), strict=True)]
    fig.update_layout(
        width=620,
        height=640 + 40 * (title is not None),
        margin={"l": 10, "r": 10, "t": 10 + 40 * (title is not None), "b": 10},
        title={"text": title, "x": 0.04},
        font={**FONT, "size": 12},
        scene={
            "aspectmode": "manual",  # true to scale, and a long cord in view as a whole
            "aspectratio": dict(zip("xyz", size.tolist(), strict=True)),
            "xaxis": {**axis, **ranges[0], "title": {"text": "right (mm)"}},
            "yaxis": {**axis, **ranges[1], "title": {"text": "front (mm)"}},
            "zaxis": {**axis, **ranges[2], "title": {"text": "up (mm)"}, "nticks": 8},
            "camera": {
                "eye": {"x": 1.5, "y": 1.3, "z": 0.4},
                "projection": {"type": "orthographic"},
            },
        },
    )
    note = "colour: cross-sectional area of each slice; drag to turn"
    fig.add_annotation(
        text=note, x=0, y=0, xref="paper", yref="paper", showarrow=False, font={"color": FAINT}
    )
    return fig


def colour_range(surface: Surface) -> tuple[float, float]:
    """Lowest and highest area, without the first and last slices, where a mask only fades."""
    known = surface.area_mm2[np.isfinite(surface.area_mm2)]
    if not known.size:
        return 0.0, 1.0
    low, high = np.quantile(known, (0.03, 0.97)).tolist()
    return (low, high) if high > low else (low - 1, high + 1)


def _level_marks(surface: Surface) -> list[tuple[np.ndarray, str]]:
    """Where to write the name of each level: beside the cord, in its middle slice."""
    reach = np.linalg.norm(surface.points_mm - surface.centres_mm[:, None], axis=2).max() + 4
    marks = []
    for level in np.unique(surface.level[surface.level > 0]):
        at = np.flatnonzero(surface.level == level)
        marks.append((surface.centres_mm[at[len(at) // 2]] + (reach, 0, 0), level_name(int(level))))
    return marks
