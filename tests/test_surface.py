"""The surface of the cord lies where the mask is one half, and its picture shows the area."""

import builtins
import io

import nibabel as nib
import numpy as np
import pytest

from cordviz.plots.surface import cord_surface, plot_3d
from cordviz.views import view_3d, view_segmentation

SPACING = (0.8, 0.6, 2.5)
RADII_MM = (6.0, 4.0)


@pytest.fixture
def tube():
    """RAS image and soft mask of an elliptic cord that leans forward; wider in its upper half."""
    shape = (60, 90, 20)
    x, y, z = np.indices(shape)
    wide = np.where(z >= 10, 1.2, 1.0)
    x = (x - 30) * SPACING[0] / (RADII_MM[0] * wide)
    y = (y - 45 - 0.5 * (z - 10)) * SPACING[1] / (RADII_MM[1] * wide)
    cord = np.clip(0.5 + 5 * (1 - np.hypot(x, y)), 0, 1) * (z > 1)
    image = np.random.default_rng(0).normal(100, 3, shape) - 40 * cord
    levels = np.where(z >= 10, 2, 3) * (cord > 0)
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = -24, -27, -20
    return tuple(
        nib.Nifti1Image(d, affine)
        for d in (image.astype("f4"), cord.astype("f4"), levels.astype("u1"))
    )


def test_the_surface_is_where_the_mask_is_one_half(tube):
    surface = cord_surface(tube[1], levels=tube[2])
    assert surface.slices.tolist() == list(range(2, 20))
    offset = surface.points_mm - surface.centres_mm[:, None]
    wide = np.where(surface.slices >= 10, 1.2, 1.0)[:, None]
    reach = np.hypot(offset[..., 0] / (RADII_MM[0] * wide), offset[..., 1] / (RADII_MM[1] * wide))
    np.testing.assert_allclose(reach, 1, atol=0.05)
    assert set(surface.level) == {2, 3}
    expected = np.pi * RADII_MM[0] * RADII_MM[1]
    np.testing.assert_allclose(surface.area_mm2[2:6], expected, rtol=0.05)


def test_the_surface_is_the_same_whatever_the_orientation(tube):
    turned = tube[1].as_reoriented(nib.orientations.axcodes2ornt("PSR"))
    one, other = cord_surface(tube[1]), cord_surface(turned)
    np.testing.assert_allclose(one.points_mm, other.points_mm, atol=1e-3)


def test_a_thick_soft_slice_below_one_half_still_has_a_surface(tube):
    faint = nib.Nifti1Image(tube[1].get_fdata().astype("f4") * 0.4, tube[1].affine)
    with pytest.warns(UserWarning, match="no pixel rises above 0.5"):
        surface = cord_surface(faint)
    np.testing.assert_allclose(surface.points_mm, cord_surface(tube[1]).points_mm, atol=0.11)


def test_the_figure_is_coloured_by_area_and_names_levels(tube):
    fig = plot_3d(tube[0], tube[1], levels=tube[2])
    colours = np.asarray(fig.data[0].surfacecolor)
    assert colours[-3, 0] > 1.3 * colours[3, 0]
    assert sorted(fig.data[1].text) == ["C2", "C3"]
    scene = fig.layout.scene
    mm = [np.ptp(scene[f"{axis}axis"].range) / scene.aspectratio[axis] for axis in "xyz"]
    np.testing.assert_allclose(mm, mm[0])  # true to scale
    assert max(scene.aspectratio[axis] for axis in "xyz") < 2  # in view as a whole


def test_another_grid_is_refused(tube):
    moved = nib.Nifti1Image(tube[1].get_fdata(), tube[1].affine + np.eye(4)[3])
    moved.affine[0, 3] += 2
    for show in (plot_3d, view_3d):
        with pytest.raises(ValueError, match="other affines"):
            show(tube[0], nib.Nifti1Image(tube[1].get_fdata(), moved.affine * 1))


def test_the_view_holds_image_and_masks_as_small_nifti_files(tube):
    view = view_3d(tube[0], {"a": tube[1], "b": tube[1]}, cut="axial", azimuth=30)
    image, mask, _ = (nib.Nifti1Image.from_bytes(_unzip(v.data)) for v in view.scene.volumes)
    assert image.shape == mask.shape
    surface = cord_surface(tube[1])
    at = np.argwhere(np.asarray(mask.dataobj) > 127)
    centre = nib.affines.apply_affine(mask.affine, at[at[:, 2] == 8].mean(axis=0))
    np.testing.assert_allclose(centre, surface.centres_mm[surface.slices == 8][0], atol=0.3)
    assert (view.cut, view.azimuth) == ("axial", 30)
    assert view.scene.scene.render_azimuth == 30
    assert len(str(view.scene.get_state())) < 20_000  # NiiVue's 5 MB are sent, not kept


def test_masks_have_the_colours_of_their_contours(tube):
    masks = dict.fromkeys("abcdef", tube[1])
    view, sent = view_3d(tube[0], masks), []
    view.scene.send = lambda content, buffers=None: sent.append(content)
    view.scene._handle_custom_msg({"wants": "colours"}, [])
    assert sent.pop() == {"kind": "colours"}  # what a page waits for, after the colours
    maps = dict(one["data"] for one in sent)
    contours = view_segmentation(tube[0], masks).colours
    for volume, colour in zip(view.scene.volumes[1:], contours.values(), strict=True):
        full = [maps[volume.colormap.lower()][channel][-1] for channel in "RGB"]
        assert full == [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def test_python_and_page_agree_on_where_it_is_seen_from(tube):
    view = view_3d(tube[0], tube[1])
    view.scene.set_state({"scene": {"renderAzimuth": 200.0, "renderElevation": 40.0}})
    assert (view.azimuth, view.elevation) == (200, 40)
    view.elevation = -10
    assert view.scene.scene.render_elevation == -10
    assert view.scene.scene.render_azimuth == 200


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"cut": "axal"}, ValueError, "Did you mean 'axial'"),
        ({"opacity": 2}, ValueError, "between 0 and 1"),
        ({"azimuth": "left"}, TypeError, "azimuth"),
    ],
)
def test_bad_options_are_refused(tube, options, error, message):
    with pytest.raises(error, match=message):
        view_3d(tube[0], tube[1], **options)


def test_without_ipyniivue_there_is_the_static_figure_and_a_hint(tube, monkeypatch):
    import cordviz.views.three_d

    monkeypatch.setattr(cordviz.views.three_d, "installed", lambda module: module != "ipyniivue")
    monkeypatch.setattr(builtins, "__import__", _refusing(builtins.__import__))
    with pytest.warns(UserWarning, match=r"cordviz\[lab\]"):
        fig = view_3d(tube[0], tube[1])
    assert fig.data[0].type == "surface"


def test_the_still_shows_the_cord_wide_above_and_narrow_below(tube):
    from PIL import Image

    still = Image.open(io.BytesIO(view_3d(tube[0], tube[1]).still())).convert("RGB")
    colour = np.asarray(still, int)
    cord = (colour.max(axis=2) - colour.min(axis=2) > 40)[:, :300]
    rows = np.flatnonzero(cord.any(axis=1))
    top, bottom = cord[rows[len(rows) // 5]].sum(), cord[rows[-len(rows) // 5]].sum()
    assert top > 1.1 * bottom > 10


def _unzip(data):
    import gzip

    return gzip.decompress(data)


def _refusing(real):
    def importing(name, *args, **options):
        if name == "ipyniivue":
            raise ModuleNotFoundError(name)
        return real(name, *args, **options)

    return importing


def test_one_slice_has_no_surface(tube):
    one = tube[1].get_fdata().astype("f4")
    one[..., one.shape[2] // 2 + 1 :] = one[..., : one.shape[2] // 2] = 0
    with pytest.raises(ValueError, match="one slice only"):
        view_3d(tube[0], nib.Nifti1Image(one, tube[1].affine))
