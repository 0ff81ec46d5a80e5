"""Figures show the right voxels at the right place, stay light and refuse what they cannot show."""

import base64
import io

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nibabel.orientations import axcodes2ornt, ornt_transform

from cordviz.images import load_image, load_mask
from cordviz.levels import level_name
from cordviz.plots import plot_contrasts, plot_csa_profile, plot_segmentation
from cordviz.plots.panels import png_uri
from cordviz.plots.profile import draw_profile
from cordviz.plots.style import cycled
from cordviz.plots.tiles import CordView

SPACING = (0.8, 0.6, 2.5)  # RAS, mm
MARKS = {"L": 300, "A": 60, "P": 300}  # brightness of a bead on each side


@pytest.fixture
def neck():
    """RAS image of a dark cord with beads: bright left and back, dark in front; mask, levels."""
    shape = (50, 60, 20)
    x, y, z = np.indices(shape)
    x = (x - 25) * SPACING[0]
    y = (y - 30 - 0.5 * (z - 10)) * SPACING[1]  # leans forward on its way up
    data = np.random.default_rng(0).normal(100, 3, shape)
    cord = np.hypot(x / 6, y / 4) < 1
    data[cord] = 20
    data[np.hypot(x + 10, y) < 1.5] = MARKS["L"]
    data[np.hypot(x, y - 8) < 1.5] = MARKS["A"]
    data[np.hypot(x, y + 8) < 1.5] = MARKS["P"]
    levels = np.where(z >= 15, 2, 3) * cord
    affine = np.diag([*SPACING, 1.0])
    return tuple(
        nib.Nifti1Image(d, affine)
        for d in (data.astype("f4"), cord.astype("u1"), levels.astype("u1"))
    )


@pytest.fixture
def view(neck):
    return CordView(load_image(neck[0]), {"mask": load_mask(neck[1])})


def table(**columns):
    base = {
        "slice": np.arange(8),
        "level": [4, 3, 3, 3, 2, 2, 2, np.nan],
        "area_mm2": np.linspace(70, 77, 8),
        "length_mm": 5.0,
    }
    return pd.DataFrame(base | columns)


def trace(fig, kind, number=0):
    return [t for t in fig.data if t.type == kind][number]


def texts(fig):
    return [a.text for a in fig.layout.annotations]


def pixels(source):
    """Decode a data URI with a reader that is not ours."""
    from skimage.io import imread

    return imread(io.BytesIO(base64.b64decode(source.split(",", 1)[1])))


# Axial tiles


def test_tiles_are_radiological_with_the_patients_left_on_the_right(view):
    tile = view.mosaic([10], 1).grey.astype(float)
    rows, columns = (n // 2 for n in tile.shape)
    middle = tile[rows - 2 : rows + 3]
    assert middle[:, columns:].max() > middle[:, :columns].max() + 50
    above, below = tile[:rows, columns], tile[rows:, columns]
    assert below.max() > above.max() + 50


def test_every_tile_is_centred_on_the_cord_of_its_slice(view):
    tiles = view.mosaic(list(view.slices), 1).masks["mask"]
    for tile in np.split(tiles, len(view.slices)):
        centre = np.argwhere(tile > 125).mean(axis=0)
        assert np.abs(centre - (np.array(tile.shape) - 1) / 2).max() <= 0.6


def test_tiles_show_every_voxel_of_the_mask_once(view, neck):
    tiles = view.mosaic(list(view.slices), 5).masks["mask"]
    assert (tiles > 0).sum() == np.count_nonzero(neck[1].get_fdata())


def test_pictures_are_the_same_from_any_orientation(neck):
    reference = plot_segmentation(*neck[:2]).to_json()
    for codes in ("LPS", "PSR", "AIL", "SRA"):
        turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(codes))
        turned = [img.as_reoriented(turn) for img in neck[:2]]
        assert plot_segmentation(*turned).to_json() == reference, codes


def test_the_contour_lies_between_voxels_where_the_mask_is_one_half():
    """A soft edge at 0.5 must be drawn at its place: the trace holds the fractions themselves."""
    soft = np.zeros((41, 41, 5), np.float32)
    soft[15:26, 15:26] = 1
    soft[14, 15:26] = 0.3
    data = np.where(soft > 0.5, 10.0, 100.0) + np.arange(41)[:, None, None] / 100
    fig = plot_segmentation(*(nib.Nifti1Image(d, np.eye(4)) for d in (data, soft)), slices=[2])
    contour = trace(fig, "contour")
    half = contour.contours.start
    assert contour.contours.end == half
    assert set(np.unique(contour.z)) == {0, round(0.6 * half), 2 * half}


def test_the_cuts_follow_a_leaning_cord(view):
    coronal, rows = view.cut(across=1)
    inside = coronal.masks["mask"].reshape(len(rows), -1).max(axis=1) > 125
    assert inside.all()  # a straight cut would leave the cord at both ends
    sagittal, _ = view.cut(across=0)
    at = [np.flatnonzero(row > 125).mean() for row in sagittal.masks["mask"]]
    assert at[0] < at[-1]  # superior is on top, anterior on the left


@pytest.mark.parametrize("scale", [1, 2.5])
def test_panels_keep_true_proportions(scale, neck):
    affine = np.diag([*(np.array(SPACING) * scale), 1.0])
    fig = plot_segmentation(*(nib.Nifti1Image(i.get_fdata(), affine) for i in neck[:2]))
    for n in ("", 2, 3):
        x, y = fig.layout[f"xaxis{n}"], fig.layout[f"yaxis{n}"]
        across = np.diff(x.domain)[0] * fig.layout.width / np.ptp(x.range)
        down = np.diff(y.domain)[0] * fig.layout.height / np.ptp(y.range)
        assert across == pytest.approx(down, rel=1e-6)
        assert x.scaleanchor == f"y{n}"
        assert min(*x.domain, *y.domain) >= 0
        assert max(*x.domain, *y.domain) <= 1


def test_the_scale_bar_is_as_long_as_it_says(neck):
    fig = plot_segmentation(*neck[:2])
    bars = [s for s in fig.layout.shapes if s.xref == "paper"]
    for bar, n in zip(bars, ("", 2), strict=True):
        x = fig.layout[f"xaxis{n}"]
        length = (bar.x1 - bar.x0) / np.diff(x.domain)[0] * np.ptp(x.range)
        assert f"{length:g} mm" in texts(fig)


def test_letters_slices_and_levels_are_written(neck):
    fig = plot_segmentation(*neck[:2], levels=neck[2], slices=[0, 14, 15])
    assert {"R", "L", "A", "P"} <= set(texts(fig))
    assert {"15 · C2", "14 · C3", "0 · C3", "C2", "C3"} <= set(texts(fig))
    assert fig.layout.yaxis2.ticktext == ("15", "14", "0")


def test_several_masks_get_a_legend_and_different_colours(neck):
    image, mask, _ = neck
    smaller = nib.Nifti1Image((mask.get_fdata() * 0.4).astype("f4"), mask.affine)
    fig = plot_segmentation(image, {"manual": mask, "soft": smaller})
    contours = [t for t in fig.data if t.type == "contour"]
    assert [t.name for t in contours if t.showlegend] == ["manual", "soft"]
    assert len({t.colorscale[0][1] for t in contours}) == 2
    assert fig.layout.showlegend


def test_a_soft_mask_below_one_half_is_still_shown(neck):
    image, mask, _ = neck
    weak = nib.Nifti1Image((mask.get_fdata() * 0.4).astype("f4"), mask.affine)
    assert trace(plot_segmentation(image, weak), "contour").z.max() == 100


def test_a_figure_is_light_and_its_picture_compact(neck):
    shape = (120, 120, 300)
    x, y, _ = np.indices(shape)
    data = np.random.default_rng(0).normal(100, 30, shape)
    cord = np.hypot(x - 60, y - 60) < 6
    fig = plot_segmentation(*(nib.Nifti1Image(d, np.eye(4)) for d in (data, cord.astype("u1"))))
    assert len(fig.to_json()) < 1_000_000
    assert all(t.source.startswith("data:image/png;base64,") for t in fig.data if t.type == "image")
    z = trace(fig, "contour").z
    assert z.dtype == np.uint8
    assert pixels(trace(fig, "image").source).shape == z.shape


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (64, 5)])
def test_pictures_are_encoded_without_loss(shape):
    grey = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert np.array_equal(pixels(png_uri(grey)), grey)
    assert np.array_equal(pixels(png_uri(grey[::-1, ::-1])), grey[::-1, ::-1])


@pytest.mark.parametrize("cord_at", [(0, 0), (49, 59)])
def test_a_cord_at_the_edge_of_the_image_is_shown(cord_at):
    cord = np.zeros((50, 60, 4), np.uint8)
    cord[abs(cord_at[0] - 3) : cord_at[0] + 4, abs(cord_at[1] - 3) : cord_at[1] + 4] = 1
    data = np.random.default_rng(0).normal(100, 3, cord.shape)
    fig = plot_segmentation(*(nib.Nifti1Image(d, np.eye(4)) for d in (data, cord)))
    assert trace(fig, "contour").z.any()


def test_one_slice_is_enough():
    data = np.random.default_rng(0).random((30, 30, 1))
    mask = np.zeros((30, 30, 1), np.uint8)
    mask[12:18, 12:18] = 1
    fig = plot_segmentation(*(nib.Nifti1Image(d, np.diag([1, 1, 9, 1])) for d in (data, mask)))
    assert "0" in texts(fig)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"slices": np.int64(0)}, ValueError, "at least 1, got 0"),
        ({"slices": [3, 99]}, ValueError, r"between 0 and 19, got \[3, 99\]"),
        ({"slices": []}, ValueError, "between 0 and 19"),
        ({"seg": {}}, ValueError, "at least one mask"),
        ({"seg": 3}, TypeError, "Expected the mask as a path or"),
        ({"img": "nowhere.nii"}, FileNotFoundError, r"nowhere\.nii"),
    ],
)
def test_what_cannot_be_shown_is_refused(change, error, says, neck):
    options = {"img": neck[0], "seg": neck[1]} | change
    with pytest.raises(error, match=says):
        plot_segmentation(options.pop("img"), options.pop("seg"), **options)


def test_an_empty_mask_and_other_grids_are_refused(neck):
    image, mask, levels = neck
    with pytest.raises(ValueError, match="mask is empty"):
        plot_segmentation(image, nib.Nifti1Image(mask.get_fdata() * 0, mask.affine))
    with pytest.raises(ValueError, match="mask has shape"):
        plot_segmentation(image, nib.Nifti1Image(mask.get_fdata()[1:], mask.affine))
    with pytest.raises(ValueError, match="level map and the image have the same shape"):
        plot_segmentation(image, mask, levels=nib.Nifti1Image(levels.get_fdata(), np.eye(4)))


# Profile


def test_distance_grows_downwards_from_the_border_of_c2_and_c3():
    curve = trace(plot_csa_profile(table()), "scatter", -1)
    assert dict(zip(curve.customdata, curve.x, strict=True)) == {k: 5 * (3.5 - k) for k in range(8)}
    assert list(curve.y) == list(table()["area_mm2"][::-1])


def test_without_levels_distance_starts_at_the_top():
    fig = plot_csa_profile(table().drop(columns="level"))
    assert list(trace(fig, "scatter", -1).x) == [2.5 + 5 * k for k in range(8)]
    assert "top of the mask" in fig.layout.xaxis.title.text
    assert len(fig.data) == 1  # no norms without levels


def test_each_cord_begins_at_the_top_of_its_own_mask():
    """Of two grids that end elsewhere, and of one, where slices stay side by side."""
    one = table().drop(columns="level")
    part = one.assign(area_mm2=np.where(one["slice"] > 5, np.nan, one["area_mm2"]))
    tables = {"a": one, "b": part}
    apart = [t.x[np.isfinite(t.y)][0] for t in plot_csa_profile(tables).data]
    together = [t.x[np.isfinite(t.y)][0] for t in draw_profile(tables, one_grid=True).data]
    assert apart == [2.5, 2.5]
    assert together == [2.5, 12.5]


def test_tables_share_a_zero_only_if_all_have_the_border():
    fig = plot_csa_profile({"a": table(), "b": table(level=[5, 5, 5, 5, 4, 4, 4, 4])})
    assert "top of the mask" in fig.layout.xaxis.title.text
    assert {t.x[0] for t in fig.data if t.mode != "lines"} == {2.5}


def test_missing_slices_are_gaps_and_keep_their_place():
    full, holed = table(), table(area_mm2=[70, 71, np.nan, 73, 74, 75, 76, 77])
    holed = holed[holed["slice"] != 5]
    before, after = (trace(plot_csa_profile(t), "scatter", -1) for t in (full, holed))
    assert np.array_equal(before.x, after.x)
    assert list(np.isnan(after.y)) == [k in (2, 5) for k in range(7, -1, -1)]
    assert not after.connectgaps


def test_the_legend_gives_the_mean_over_the_slices_of_c2_and_c3():
    fig = plot_csa_profile({"T2w": table()})
    assert (
        trace(fig, "scatter", -1).name
        == f"T2w: C2–C3 mean {table()['area_mm2'][1:7].mean():.1f} mm²"
    )
    dashes = next(t for t in fig.data if t.line.dash == "dash")
    assert list(dashes.x) == [-15, 15]


@pytest.mark.parametrize(
    ("sex", "who", "c3"),
    [
        (None, "203 healthy adults", (62.634, 84.622)),
        ("F", "98 healthy women", (61.57, 81.958)),
        ("M", "105 healthy men", (64.085, 87.662)),
    ],
)
def test_norms_are_those_of_the_published_table(sex, who, c3):
    area = trace(plot_csa_profile(table(level=3), sex=sex), "scatter")
    assert area.name == f"{who}, 5–95 %, darker: 25–75 %"
    assert (min(area.y[:4]), max(area.y[:4])) == c3


def test_methods_and_contrasts_keep_their_colours_and_others_take_what_is_left():
    every = cycled(["propseg", "deepseg", "agnostic", "truth"])
    assert cycled(["agnostic"])["agnostic"] == every["agnostic"]
    mine = cycled(["mine", "agnostic", "yours"])
    assert mine["agnostic"] == every["agnostic"]
    assert len(set(mine.values())) == 3
    assert cycled(["mine", "truth"])["mine"] != every["propseg"]  # orange on yellow


def test_norms_can_be_left_out_and_end_at_t1():
    assert (
        len(plot_csa_profile(table(), norms=False).data) == len(plot_csa_profile(table()).data) - 2
    )
    thoracic = plot_csa_profile(table(level=12))
    assert len(thoracic.data) == 1
    assert "T5" in texts(thoracic)


def test_level_names_are_anatomical():
    names = [level_name(k) for k in (1, 7, 8, 19, 20, 24, 49)]
    assert names == ["C1", "C7", "T1", "T12", "L1", "L5", "49"]


@pytest.mark.parametrize(
    ("bad", "error", "says"),
    [
        ({}, ValueError, "at least one table"),
        (3, TypeError, "per-slice table of measure_shape, got int"),
        (table().drop(columns="length_mm"), ValueError, "no column length_mm"),
        (table(area_mm2=np.nan), ValueError, "every slice is NaN"),
    ],
)
def test_what_is_no_profile_is_refused(bad, error, says):
    with pytest.raises(error, match=says):
        plot_csa_profile(bad)


def test_a_profile_shows_the_sd_of_its_areas():
    fig = plot_csa_profile(table().assign(area_sd_mm2=1.5))
    assert set(fig.data[-1].error_y.array) == {1.5}
    assert plot_csa_profile(table()).data[-1].error_y.array is None


def test_a_misspelt_sex_is_refused():
    with pytest.raises(ValueError, match="sex must be one of all, F, M; got 'female'"):
        plot_csa_profile(table(), sex="female")


@pytest.mark.realdata
def test_real_images_of_any_make_are_shown(shared_data):
    real = shared_data / "real"
    mton = real / "sct_tutorial_data/multi_subject/data/sub-05/anat/sub-05_acq-MTon_MTS"
    full = real / "sct_testing_2014/errsm_18/t2"
    for image, mask in (
        (real / "sct_testing_data/t2/t2.nii.gz", real / "sct_testing_data/t2/t2_seg-manual.nii.gz"),
        (real / "sct_testing_data/t2s/t2s.nii.gz", real / "sct_testing_data/t2s/t2s_seg.nii.gz"),
        (f"{mton}.nii.gz", f"{mton}_seg.nii.gz"),
        (full / "t2.nii.gz", full / "t2_manual_segmentation.nii.gz"),
    ):
        fig = plot_segmentation(image, mask)
        assert len(fig.to_json()) < 300_000
        assert fig.layout.width <= 900.01


# Contrasts side by side


def test_a_method_has_one_colour_and_a_mm_one_length_in_all_tiles(neck):
    image, mask, _ = neck
    half = nib.Nifti1Image(image.get_fdata(dtype="f4")[5:-5], image.affine)
    small = nib.Nifti1Image(mask.get_fdata(dtype="f4")[5:-5], image.affine)
    masks = {"T1w": {"propseg": mask, "agnostic": mask}, "T2w": {"agnostic": small}}
    fig = plot_contrasts({"T1w": image, "T2w": half}, masks)
    colours = {(t.name, t.colorscale[0][1]) for t in fig.data if t.type == "contour"}
    assert len(colours) == 2
    layout = fig.layout
    px_per_mm = [
        np.diff(axis.domain)[0] * layout.width / np.diff(axis.range)[0]
        for axis in (layout.xaxis1, layout.xaxis2)
    ]
    assert px_per_mm[0] == pytest.approx(px_per_mm[1])


def test_tiles_have_one_size_whatever_the_voxels(neck):
    image, mask, _ = neck
    other = nib.Nifti1Image(mask.get_fdata(dtype="f4"), image.affine @ np.diag([1.3, 1.3, 1, 1]))
    masks = {"T1w": mask, "T2w": other}
    layout = plot_contrasts(masks, masks).layout
    for one, two in ((layout.xaxis1, layout.xaxis2), (layout.yaxis1, layout.yaxis2)):
        assert sorted(one.range) == pytest.approx(sorted(two.range))
        assert np.diff(one.domain) == pytest.approx(np.diff(two.domain))
