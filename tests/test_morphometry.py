"""Areas and shapes obey the laws of geometry, and doubtful ones say so."""

import struct
import subprocess
import sys
import warnings

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from skimage import measure

from cordviz.centerline import fit_centerline
from cordviz.levels import levels_from_discs
from cordviz.morphometry import aggregate_shape, mean_csa, measure_shape, save_sct_csv
from cordviz.morphometry.slice_shape import Stack, measure_sct, measure_true

SHAPE_MM = ["diameter_AP_mm", "diameter_AP_ellipse_mm", "diameter_RL_mm", "length_anterior_mm"]
SHAPE_MM += ["length_posterior_mm"]
NO_UNIT = ["eccentricity", "orientation_deg", "solidity"]


def image(data, spacing=(1.0, 1.0, 1.0)):
    """LAS image of an array in LAS order."""
    x, y, z = spacing
    return nib.Nifti1Image(np.ascontiguousarray(data), np.diag([-x, y, z, 1.0]))


def box(dtype=np.uint8):
    """Cord of 8 × 5 pixels and 8 slices."""
    data = np.zeros((20, 20, 8), dtype)
    data[6:14, 7:12] = 1
    return data


def phantom(spacing, *, tilt=0.0, about="AP", turn=0.0, kind="ellipse", soft=True):
    """Cord with semi-axes of 6 (RL) and 4 mm (AP) across a direction that is tilted.

    Returns image, area across the cord in mm², and the direction (LAS).
    """
    spacing = np.array(spacing)
    shape = np.ceil([70, 70, 40] / spacing).astype(int)
    sine, cosine = np.sin(np.radians(tilt)), np.cos(np.radians(tilt))
    lean = {"AP": (sine, 0), "RL": (0, sine), "both": (sine / 2**0.5, sine / 2**0.5)}[about]
    along = np.array([*lean, cosine])
    first = np.array([1.0, 0, 0]) - along[0] * along
    first /= np.linalg.norm(first)
    second = np.cross(along, first)
    angle = np.radians(turn)
    u = np.cos(angle) * first + np.sin(angle) * second
    v = np.cos(angle) * second - np.sin(angle) * first
    middle = (shape - 1) / 2 * spacing
    parts = (np.arange(4) + 0.5) / 4 - 0.5 if soft else [0.0]
    weight = np.zeros(shape, np.float32)
    for i in parts:
        for j in parts:
            grid = np.indices(shape, sparse=True)
            x, y, z = (
                (g + o) * s - m for g, o, s, m in zip(grid, (i, j, 0), spacing, middle, strict=True)
            )
            p, q = (x * e[0] + y * e[1] + z * e[2] for e in (u, v))
            if kind == "ellipse":
                weight += (p / 6) ** 2 + (q / 4) ** 2 <= 1
            else:
                weight += (np.abs(p) <= 6) & (np.abs(q) <= 4)
    weight /= len(parts) ** 2
    data = weight if soft else weight.astype(np.uint8)
    return image(data, spacing), 24 * (np.pi if kind == "ellipse" else 4), along


# --- laws -----------------------------------------------------------------------------------


def test_the_area_of_an_upright_cord_is_weights_times_pixel():
    table = measure_shape(image(box(), (0.5, 0.7, 2.0)))
    np.testing.assert_allclose(table.area_mm2, 40 * 0.5 * 0.7)
    np.testing.assert_allclose(table.length_mm, 2.0)
    assert table.slice.tolist() == list(range(8))
    assert table.level.isna().all()


@pytest.mark.parametrize("normalize", [False, True])
def test_doubling_in_plane_spacing_quadruples_csa(normalize):
    img, *_ = phantom((0.8, 0.6, 2.5), turn=20)
    data = np.asarray(img.dataobj)
    small = measure_shape(image(data, (0.5, 0.5, 2)), normalize_slices=normalize)
    large = measure_shape(image(data, (1.0, 1.0, 2)), normalize_slices=normalize)
    np.testing.assert_allclose(large.area_mm2, 4 * small.area_mm2, rtol=2e-3)
    np.testing.assert_allclose(large[SHAPE_MM], 2 * small[SHAPE_MM], rtol=2e-2)
    np.testing.assert_allclose(large[NO_UNIT], small[NO_UNIT], rtol=2e-2)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("codes", ["RAS", "PSR", "IPL", "SLA", "RPI"])
def test_csa_is_unchanged_by_reorientation(codes, normalize):
    img, *_ = phantom((0.8, 0.6, 2.5), tilt=15, turn=20)
    there = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(img.affine), nib.orientations.axcodes2ornt(codes)
    )
    one = measure_shape(img, normalize_slices=normalize)
    other = measure_shape(img.as_reoriented(there), normalize_slices=normalize)
    pd.testing.assert_frame_equal(one, other, rtol=1e-6)


def test_csa_is_unchanged_by_an_oblique_affine(oblique_affine):
    data = np.zeros((14, 20, 15), np.uint8)
    data[4:10, :, 5:9] = 1
    table = measure_shape(nib.Nifti1Image(data, oblique_affine))
    np.testing.assert_allclose(table.area_mm2, 6 * 4 * 0.6 * 0.8, rtol=1e-6)
    assert len(table) == 20
    np.testing.assert_allclose(table.length_mm, 2.5, rtol=1e-6)


def test_a_mirror_changes_the_sign_of_the_angle_about_ap_only():
    img, *_ = phantom((1, 1, 2), tilt=20, about="both", turn=15)
    data = np.asarray(img.dataobj)
    one = measure_shape(image(data, (1, 1, 2)))
    other = measure_shape(image(data[::-1], (1, 1, 2)))
    np.testing.assert_allclose(other.area_mm2, one.area_mm2)
    np.testing.assert_allclose(other.angle_AP_deg, -one.angle_AP_deg, atol=1e-9)
    np.testing.assert_allclose(other.angle_RL_deg, one.angle_RL_deg, atol=1e-9)
    np.testing.assert_allclose(other.orientation_deg, -one.orientation_deg, atol=1e-6)


@pytest.mark.parametrize("spacing", [(0.5, 0.5, 2), (0.8, 0.6, 2.5), (1, 1, 1), (0.5, 0.5, 5)])
@pytest.mark.parametrize("about", ["AP", "RL"])
@pytest.mark.parametrize("tilt", [0, 10, 20, 30])
@pytest.mark.parametrize(("kind", "turn"), [("ellipse", 0), ("ellipse", 25), ("prism", 25)])
def test_tilt_correction_recovers_the_upright_area(spacing, about, tilt, kind, turn):
    img, area, along = phantom(spacing, tilt=tilt, about=about, turn=turn, kind=kind)
    table = measure_shape(img)
    error = table.area_mm2 / area - 1
    assert np.abs(error).max() < 0.03
    assert np.abs(error.mean()) < 0.01
    for column, lean in (("angle_AP_deg", along[0]), ("angle_RL_deg", along[1])):
        expected = np.degrees(np.arctan2(lean, along[2]))
        np.testing.assert_allclose(table[column], expected, atol=0.5)


def test_the_sd_of_the_area_is_corrected_as_the_area_and_adds_a_column_only_when_asked():
    img, *_ = phantom((0.5, 0.5, 2.0), tilt=25)
    sd = nib.Nifti1Image(0.03 * img.get_fdata(dtype=np.float32), img.affine)
    plain, table = measure_shape(img), measure_shape(img, sd=sd)
    np.testing.assert_allclose(table["area_sd_mm2"], 0.03 * table["area_mm2"], rtol=1e-5)
    pd.testing.assert_frame_equal(plain, table.drop(columns="area_sd_mm2"))
    shifted = nib.Nifti1Image(sd.get_fdata(dtype=np.float32), np.diag([1, 1, 1, 1.0]))
    with pytest.raises(ValueError, match="standard deviation"):
        measure_shape(img, sd=shifted)
    with pytest.raises(ValueError, match="Is this a mask"):
        measure_shape(img, sd=img)


def test_without_correction_the_area_is_that_of_the_slice():
    img, area, _ = phantom((0.5, 0.5, 2), tilt=30)
    table = measure_shape(img, angle_correction=False)
    assert table.area_mm2.mean() == pytest.approx(area / np.cos(np.radians(30)), rel=0.01)
    assert (table[["angle_AP_deg", "angle_RL_deg"]] == 0).all(axis=None)


def test_under_a_tilt_about_both_axes_the_true_cosine_holds_and_the_product_of_two_does_not():
    img, area, _ = phantom((0.5, 0.5, 2), tilt=30, about="both")
    assert measure_shape(img).area_mm2.mean() == pytest.approx(area, rel=0.005)
    product = measure_shape(img, normalize_slices=True).area_mm2.mean()
    assert -0.015 < product / area - 1 < -0.006


def test_an_ellipse_has_its_own_axes():
    img, *_ = phantom((0.5, 0.5, 2), tilt=20)
    table = measure_shape(img)
    np.testing.assert_allclose(table.diameter_RL_mm, 12, atol=0.1)
    np.testing.assert_allclose(table.diameter_AP_ellipse_mm, 8, atol=0.1)
    np.testing.assert_allclose(table.eccentricity, np.sqrt(1 - (8 / 12) ** 2), atol=0.01)
    np.testing.assert_allclose(table.length_anterior_mm, table.length_posterior_mm, atol=0.02)
    assert table.solidity.min() > 0.98


@pytest.mark.parametrize("turn", [-30, 15, 40])
def test_orientation_is_the_angle_of_the_long_axis_from_right_left(turn):
    table = measure_shape(phantom((0.5, 0.5, 5), turn=turn)[0])
    np.testing.assert_allclose(table.orientation_deg, turn, atol=0.5)
    np.testing.assert_allclose(table.diameter_AP_ellipse_mm, 8, atol=0.1)


def test_a_cord_longer_in_ap_than_in_rl_keeps_its_ap_axis():
    table = measure_shape(phantom((0.5, 0.5, 5), turn=80)[0])
    np.testing.assert_allclose(table.diameter_AP_ellipse_mm, 12, atol=0.1)
    np.testing.assert_allclose(table.diameter_RL_mm, 8, atol=0.1)
    assert table.diameter_AP_mm.min() > 11.5


def test_the_ap_diameter_is_split_at_the_centroid():
    data = np.zeros((40, 40, 4), np.uint8)
    data[10:30, 10:20] = 1
    data[15:25, 20:26] = 1  # a ridge in front
    table = measure_shape(image(data, (0.5, 0.5, 2)))
    np.testing.assert_allclose(table.diameter_AP_mm, 8.0, atol=0.05)
    centroid = (200 * 15 + 60 * 23) / 260 * 0.5
    np.testing.assert_allclose(table.length_anterior_mm, 13 - centroid, atol=0.1)
    np.testing.assert_allclose(table.length_posterior_mm, centroid - 5, atol=0.1)


def test_notched_shapes_are_less_solid():
    data = np.zeros((30, 30, 4), np.uint8)
    data[5:25, 5:25] = 1
    data[10:20, 15:25] = 0
    table = measure_shape(image(data, (0.5, 0.5, 1)))
    np.testing.assert_allclose(table.solidity, 0.75, atol=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_region_measures_equal_those_of_scikit_image(seed):
    blob = np.random.default_rng(seed).random((1, 14, 17)) ** 0.3
    blob[:, :3] = blob[:, -3:] = blob[:, :, :3] = blob[:, :, -3:] = 0
    blob *= (np.random.default_rng(seed).random((1, 14, 17)) > 0.2) / blob.max()
    stack = Stack(blob, (0, 0), blob.shape[1:], (0.1, 0.1))  # 0.1 mm: nothing is interpolated
    for measure_slices in (measure_true, measure_sct):
        got = measure_slices(stack, np.ones((1, 2)))
        region = measure.regionprops((blob[0] > 0.5).astype(np.uint8))[0]
        assert got["solidity"][0] == pytest.approx(region.solidity)
        assert got["eccentricity"][0] == pytest.approx(region.eccentricity)
        assert got["orientation_deg"][0] == pytest.approx(np.degrees(region.orientation))
        axes = {region.axis_major_length * 0.1, region.axis_minor_length * 0.1}
        found = {got["diameter_AP_ellipse_mm"][0], got["diameter_RL_mm"][0]}
        assert sorted(found) == pytest.approx(sorted(axes))


# --- weights --------------------------------------------------------------------------------


def test_soft_weights_count_as_they_stand():
    soft = box(np.float32) * np.float32(0.6)
    np.testing.assert_allclose(measure_shape(image(soft)).area_mm2, 0.6 * 40, rtol=1e-6)


def test_normalizing_inflates_a_soft_slice_to_a_peak_of_one():
    soft = box(np.float32) * np.float32(0.6)
    np.testing.assert_allclose(measure_shape(image(soft), normalize_slices=True).area_mm2, 40)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_the_dtype_of_a_hard_mask_does_not_matter(dtype):
    expected = measure_shape(image(box()))
    pd.testing.assert_frame_equal(measure_shape(image(box(dtype))), expected)


def test_a_scaled_file_is_measured_like_the_numbers_it_stands_for(tmp_path):
    numbers = np.round(phantom((1, 1, 2), tilt=10)[0].get_fdata() * 200).astype(np.uint8)
    path = tmp_path / "seg.nii"
    nib.save(image(numbers, (1, 1, 2)), path)
    with path.open("r+b") as file:
        file.seek(112)  # scl_slope
        file.write(struct.pack("<f", 1 / 200))
    assert nib.load(path).dataobj.slope == pytest.approx(1 / 200)
    pd.testing.assert_frame_equal(
        measure_shape(path), measure_shape(image(numbers / 200, (1, 1, 2))), rtol=1e-5
    )


def test_the_caller_mask_is_not_touched():
    img = image(box(np.float32))
    before = np.asarray(img.dataobj).copy()
    measure_shape(img, normalize_slices=True)
    np.testing.assert_array_equal(np.asarray(img.dataobj), before)


# --- doubt ----------------------------------------------------------------------------------


def measured_with_one_warning(data, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = measure_shape(image(data), **options)
    assert len(caught) == 1, [str(w.message) for w in caught]
    assert caught[0].filename == __file__  # it points at the caller's line
    return table, str(caught[0].message)


@pytest.mark.parametrize("normalize", [False, True])
def test_pieces_are_measured_together_with_one_warning(normalize):
    data = box()
    data[1:3, 1:3, 2:5] = 1
    table, message = measured_with_one_warning(data, normalize_slices=normalize)
    assert "Slices 2:4" in message
    assert "several pieces" in message
    assert table.area_mm2[3] > table.area_mm2[0]


def test_the_area_of_pieces_is_their_sum():
    data = box()
    data[1:3, 1:3] = 1
    table, _ = measured_with_one_warning(data)
    np.testing.assert_allclose(table.area_mm2, 44)


@pytest.mark.parametrize("normalize", [False, True])
def test_a_gap_is_nan_with_one_warning(normalize):
    data = box()
    data[..., 3:5] = 0
    table, message = measured_with_one_warning(data, normalize_slices=normalize)
    assert "Slices 3:4" in message
    assert table.drop(columns=["slice", "level"])[3:5].isna().all(axis=None)
    np.testing.assert_allclose(table.area_mm2.drop([3, 4]), 40, rtol=1e-6)


def test_slices_beyond_the_mask_are_nan_without_a_word():
    data = box()
    data[..., :2] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = measure_shape(image(data))
    assert table.area_mm2.isna().tolist() == [True] * 2 + [False] * 6


def test_a_single_pixel_has_an_area_and_no_shape():
    data = box()
    data[..., 4] = 0
    data[9, 9, 4] = 1
    table, message = measured_with_one_warning(data)
    assert "Slices 4: the mask is a single pixel" in message
    assert table.area_mm2[4] == pytest.approx(1)
    assert table.loc[4, SHAPE_MM + NO_UNIT].isna().all()
    np.testing.assert_allclose(table.area_mm2.drop(4), 40, rtol=1e-3)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("end", [False, True])
def test_a_cord_that_leaves_the_image_is_told(side, end):
    data = np.roll(box(), 6 if end else -6, axis=0) if side == 0 else np.roll(box(), 8, axis=1)
    if side == 1 and not end:
        data = data[:, ::-1]
    _, message = measured_with_one_warning(data)
    assert "touches the side of the image" in message


def test_a_single_slice_has_no_angle():
    data = box()
    data[..., 1:] = 0
    table, message = measured_with_one_warning(data)
    assert "one slice" in message
    assert table.angle_AP_deg.isna().all()
    assert table.area_mm2[0] == pytest.approx(40)


@pytest.mark.parametrize("normalize", [False, True])
def test_two_slices_are_measured(normalize):
    data = box()
    data[..., 2:] = 0
    table = measure_shape(image(data), normalize_slices=normalize)
    np.testing.assert_allclose(table.area_mm2[:2], 40)


def test_weights_below_one_half_have_an_area_but_no_shape():
    data = box(np.float32)
    data[..., 0] *= 0.4
    table, message = measured_with_one_warning(data)
    assert message.startswith("Slices 0: no pixel rises above 0.5")
    assert table.area_mm2[0] == pytest.approx(16)
    assert table.loc[0, SHAPE_MM + NO_UNIT].isna().all()
    assert table.loc[1, SHAPE_MM + NO_UNIT].notna().all()


def test_a_cord_that_runs_across_the_slices_is_told():
    data = np.zeros((80, 20, 30), np.uint8)
    for x in range(10, 70):
        data[x, 7:12, int(x / 4) : int(x / 4) + 8] = 1
    _, message = measured_with_one_warning(data)
    assert "more than 45°" in message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (box() * 0, "empty"),
        (box().astype(np.int16) - 2, "negative"),
        (box(np.uint8) * 255, "above 1.*divided by 255"),
        (np.where(box(), 1.0, np.nan), "NaN"),
        (box()[0], "3-D"),
        (np.repeat(box()[..., None], 2, axis=3), "4-D"),
    ],
)
def test_what_is_no_mask_is_refused(data, message):
    img = nib.Nifti1Image(data, np.eye(4))
    with pytest.raises(ValueError, match=message):
        measure_shape(img)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        measure_shape(tmp_path / "no_seg.nii.gz")


# --- levels and centreline ------------------------------------------------------------------


def level_map():
    return image(box() * np.repeat([4, 3, 2, 0], [2, 3, 2, 1]).astype(np.uint8))


def test_a_level_map_on_another_grid_is_refused():
    levels = nib.Nifti1Image(box(), np.diag([-1.0, 1.0, 1.5, 1.0]))
    with pytest.raises(ValueError, match="affines"):
        measure_shape(image(box()), levels=levels)
    with pytest.raises(ValueError, match="shape"):
        measure_shape(image(box()), levels=image(box()[..., :4]))


def test_slices_take_their_level_from_the_map():
    table = measure_shape(image(box()), levels=level_map())
    assert table.level[:7].tolist() == [4, 4, 3, 3, 3, 2, 2]
    assert np.isnan(table.level[7])


def tilted_with_core():
    img, *_ = phantom((1, 1, 2), tilt=25)
    data = np.asarray(img.dataobj)
    core = data.copy()
    core[:, : core.shape[1] // 2] = 0  # a part of the cord that leans like the whole
    return img, image(core, (1, 1, 2))


@pytest.mark.parametrize("normalize", [False, True])
def test_a_part_is_corrected_by_the_angle_of_the_whole(normalize):
    whole, part = tilted_with_core()
    own = measure_shape(whole, normalize_slices=normalize)
    table = measure_shape(part, centerline=whole, normalize_slices=normalize)
    atol = 1.5 if normalize else 1e-9  # SCT resamples the centreline of another mask
    np.testing.assert_allclose(table.angle_AP_deg, own.angle_AP_deg, atol=atol)


def test_a_fitted_centreline_serves_like_its_mask():
    whole, part = tilted_with_core()
    pd.testing.assert_frame_equal(
        measure_shape(part, centerline=fit_centerline(whole)),
        measure_shape(part, centerline=whole),
    )


def test_a_centreline_of_another_grid_is_refused():
    whole, part = tilted_with_core()
    moved = nib.Nifti1Image(whole.dataobj, whole.affine @ np.diag([1, 1, 2, 1]))
    with pytest.raises(ValueError, match="of another grid"):
        measure_shape(part, centerline=fit_centerline(moved))


def test_a_centreline_shorter_than_the_mask_is_refused():
    short = box()
    short[..., 5:] = 0
    with pytest.raises(ValueError, match="does not reach slices 5:7"):
        measure_shape(image(box()), centerline=image(short))


# --- aggregation ----------------------------------------------------------------------------


def test_aggregation_by_level_is_mean_and_population_sd():
    table = measure_shape(image(box()), levels=level_map())
    table["area_mm2"] = [1.0, 2, 3, 5, np.nan, 7, 9, 11]
    result = aggregate_shape(table, by="level")
    assert result["slices"].tolist() == ["0:1", "2:4", "5:6"]
    assert result["level"].tolist() == ["4", "3", "2"]
    assert result["MEAN(area_mm2)"].tolist() == [1.5, 4, 8]
    assert result["STD(area_mm2)"].tolist() == [0.5, 1, 1]
    np.testing.assert_allclose(result["SUM(length_mm)"], [2, 3, 2])


def test_aggregation_over_slices_is_one_row():
    table = measure_shape(image(box()), levels=level_map())
    chosen = table[table.level.isin([2, 4])]
    result = aggregate_shape(chosen, by="slices")
    assert len(result) == 1
    assert result.loc[0, "slices"] == "0:1;5:6"
    assert result.loc[0, "level"] == "2;4"
    assert result.loc[0, "SUM(length_mm)"] == pytest.approx(4)


def test_aggregation_needs_levels_and_a_known_word():
    table = measure_shape(image(box()))
    with pytest.raises(ValueError, match="No slice has a level"):
        aggregate_shape(table)
    with pytest.raises(ValueError, match="by must be one of"):
        aggregate_shape(table, by="slice")
    with pytest.raises(ValueError, match="lacks the columns"):
        aggregate_shape(table.drop(columns="solidity"), by="slices")


def test_mean_csa_weighs_every_slice_alike():
    table = measure_shape(image(box()), levels=level_map())
    table["area_mm2"] = [100.0, 100, 60, 60, 60, 80, 80, 100]
    assert mean_csa(table) == pytest.approx((3 * 60 + 2 * 80) / 5)
    assert mean_csa(table, levels=[4]) == pytest.approx(100)


def test_levels_that_are_absent_are_refused():
    table = measure_shape(image(box()), levels=level_map())
    with pytest.raises(ValueError, match=r"level 5.*discs 2, 3 and 4"):
        mean_csa(table, levels=(4, 5))
    with pytest.raises(ValueError, match="no levels"):
        mean_csa(measure_shape(image(box())))
    table.loc[table.level == 2, "area_mm2"] = np.nan
    with pytest.raises(ValueError, match="level 2"):
        mean_csa(table)


def test_a_mean_over_part_of_the_levels_is_told():
    table = measure_shape(image(box()), levels=level_map())
    table.loc[2, "area_mm2"] = np.nan
    with pytest.warns(UserWarning, match="1 of 5 slices"):
        assert mean_csa(table) == pytest.approx(40)


# --- CSV ------------------------------------------------------------------------------------

SCT_HEADER = (
    "Timestamp,SCT Version,Filename,Slice (I->S),VertLevel,DistancePMJ,MEAN(area),STD(area),"
    "MEAN(angle_AP),STD(angle_AP),MEAN(angle_RL),STD(angle_RL),MEAN(diameter_AP),"
    "STD(diameter_AP),MEAN(diameter_AP_ellipse),STD(diameter_AP_ellipse),MEAN(diameter_RL),"
    "STD(diameter_RL),MEAN(length_anterior),STD(length_anterior),MEAN(length_posterior),"
    "STD(length_posterior),MEAN(eccentricity),STD(eccentricity),MEAN(orientation),"
    "STD(orientation),MEAN(solidity),STD(solidity),SUM(length)"
)


def test_the_csv_has_the_columns_of_sct_in_order(tmp_path):
    data = box()
    data[..., 0] = 0
    img = image(data)
    nib.save(img, tmp_path / "sub_seg.nii.gz")
    table = measure_shape(tmp_path / "sub_seg.nii.gz", levels=level_map())
    lines = save_sct_csv(table, tmp_path / "csa.csv").read_text().splitlines()
    assert lines[0] == SCT_HEADER
    assert len(lines) == 9
    assert lines[1].endswith('"0","4",""' + ',""' * 23)  # no mask: empty, as SCT leaves it
    row = pd.read_csv(tmp_path / "csa.csv").iloc[3]
    assert row["Slice (I->S)"] == 3
    assert row["VertLevel"] == 3
    assert row["MEAN(area)"] == pytest.approx(40)
    assert row["STD(area)"] == 0
    assert row["Filename"].endswith("sub_seg.nii.gz")


def test_aggregated_tables_are_saved_with_slice_ranges(tmp_path):
    table = measure_shape(image(box()), levels=level_map())
    save_sct_csv(aggregate_shape(table), tmp_path / "levels.csv")
    saved = pd.read_csv(tmp_path / "levels.csv")
    assert ",".join(saved.columns) == SCT_HEADER
    assert saved["Slice (I->S)"].tolist() == ["0:1", "2:4", "5:6"]
    assert saved["SUM(length)"].tolist() == pytest.approx([2, 3, 2])


def test_a_csv_appears_whole_or_not_at_all(tmp_path):
    table = measure_shape(image(box()))
    target = tmp_path / "csa.csv"
    save_sct_csv(table, target)
    before = target.read_bytes()
    broken = table.astype({"solidity": object})
    broken.loc[5, "solidity"] = "oops"
    with pytest.raises((TypeError, ValueError)):
        save_sct_csv(broken, target)
    with pytest.raises(ValueError, match="lacks the columns"):
        save_sct_csv(table.drop(columns="area_mm2"), target)
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["csa.csv"]


def test_a_csv_in_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="folder"):
        save_sct_csv(measure_shape(image(box())), tmp_path / "no" / "csa.csv")


# --- imports --------------------------------------------------------------------------------


def test_measuring_loads_no_heavy_library():
    code = (
        "import sys, numpy as np, nibabel as nib\n"
        "from cordviz.morphometry import measure_shape\n"
        "seg = np.zeros((12, 12, 6), np.uint8); seg[4:8, 4:8] = 1\n"
        "measure_shape(nib.Nifti1Image(seg, np.eye(4)), normalize_slices=True)\n"
        "heavy = {'torch', 'nilearn', 'matplotlib', 'plotly', 'SimpleITK', 'skimage'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("levels", [2, (2.5,), "23", None])
def test_levels_must_be_whole_numbers(levels):
    seg = np.zeros((9, 9, 6), np.uint8)
    seg[2:7, 2:7] = 1
    table = measure_shape(nib.Nifti1Image(seg, np.eye(4)))
    with pytest.raises(ValueError, match="whole numbers"):
        mean_csa(table, levels=levels)


def test_what_is_no_table_is_refused():
    with pytest.raises(TypeError, match="table from measure_shape"):
        mean_csa(None)


def test_what_is_zero_but_for_rounding_is_no_cord():
    data = box(np.float32)
    data[..., :5] = 0  # most slices are empty
    clean = measure_shape(image(data))
    noisy = measure_shape(image(np.maximum(data, 1e-9).astype(np.float32)))
    pd.testing.assert_frame_equal(clean, noisy)


@pytest.mark.parametrize("bad", [(2, np.inf), (np.nan,)])
def test_levels_that_are_no_numbers_are_refused(bad):
    with pytest.raises(ValueError, match="whole numbers"):
        mean_csa(measure_shape(image(box())), levels=bad)


@pytest.mark.filterwarnings("ignore:.*two sizes of a voxel")  # as it is sheared
def test_a_doubtful_header_is_warned_of_once():
    img, *_ = phantom((0.5, 0.5, 2.0))
    img.affine[0, 1] = 0.1
    middle = img.affine @ [*(n // 2 for n in img.shape), 1]
    for work in (measure_shape, lambda mask: levels_from_discs({3: middle[:3]}, mask)):
        with pytest.warns(UserWarning, match="sheared") as caught:
            work(img)
        assert sum("sheared" in str(one.message) for one in caught) == 1
