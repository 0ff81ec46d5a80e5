"""Levels lie between the right discs, across the cord, on any grid."""

import nibabel as nib
import numpy as np
import pytest

from cordviz.levels import levels_from_discs, slice_levels


def cord(affine, shape, *, slope=0.0):
    """Square cord around the middle of a LAS volume, shifted by `slope` voxels in y per slice."""
    data = np.zeros(shape, np.uint8)
    x, y = shape[0] // 2, shape[1] // 2
    for z in range(shape[2]):
        shift = round(slope * (z - shape[2] / 2))
        data[x - 3 : x + 4, y - 3 + shift : y + 4 + shift, z] = 1
    return nib.Nifti1Image(data, affine)


@pytest.fixture
def upright():
    return cord(np.diag([-1.0, 1.0, 1.0, 1.0]), (21, 41, 60))


def at(img, x, y, z):
    return tuple(img.affine[:3, :3] @ [x, y, z] + img.affine[:3, 3])


def discs_at(img, **heights):
    return {int(k[1:]): at(img, 10, 28, z) for k, z in heights.items()}


def test_a_level_lies_between_its_discs(upright):
    level = slice_levels(levels_from_discs(discs_at(upright, d2=50, d3=35, d4=20), upright))
    assert level.tolist() == [4] * 21 + [3] * 15 + [2] * 15 + [1] * 9


@pytest.mark.parametrize(("height", "holds"), [(30.4, 30), (30.7, 31)])
def test_the_slice_of_a_disc_belongs_to_the_level_below(upright, height, holds):
    level = slice_levels(levels_from_discs(discs_at(upright, d3=height), upright))
    assert level[holds] == 3
    assert level[holds + 1] == 2


def test_only_the_cord_is_labelled_on_its_own_grid(upright):
    levels = levels_from_discs(discs_at(upright, d3=30), upright)
    np.testing.assert_array_equal(levels.affine, upright.affine)
    np.testing.assert_array_equal(np.asarray(levels.dataobj) > 0, np.asarray(upright.dataobj) > 0)
    assert levels.get_data_dtype() == np.uint8


@pytest.mark.parametrize("codes", ["RAS", "PSR", "SLP", "LPI"])
def test_levels_do_not_depend_on_storage_order(upright, codes):
    discs = discs_at(upright, d2=50, d3=35, d4=20)
    there = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(upright.affine), nib.orientations.axcodes2ornt(codes)
    )
    turned = upright.as_reoriented(there)
    expected = levels_from_discs(discs, upright).as_reoriented(there)
    got = levels_from_discs(discs, turned)
    np.testing.assert_array_equal(np.asarray(got.dataobj), np.asarray(expected.dataobj))
    np.testing.assert_array_equal(slice_levels(got), slice_levels(expected))


def test_disc_image_and_coordinates_agree_even_on_another_grid(upright):
    image = np.zeros((11, 21, 30), np.int16)
    image[5, 14, 25], image[5, 14, 10] = 2, 4
    image[5:7, 14, 17] = 3  # a blob counts by its centre
    img = nib.Nifti1Image(image, np.diag([-2.0, 2.0, 2.0, 1.0]))
    points = {2: (-10, 28, 50), 3: (-11, 28, 34), 4: (-10, 28, 20)}
    np.testing.assert_array_equal(
        np.asarray(levels_from_discs(img, upright).dataobj),
        np.asarray(levels_from_discs(points, upright).dataobj),
    )


def test_a_tilted_cord_is_cut_across_itself():
    img = cord(np.diag([-1.0, 1.0, 1.0, 1.0]), (21, 81, 60), slope=0.5)
    disc = {3: at(img, 10, 40, 30)}
    data = np.asarray(levels_from_discs(disc, img).dataobj)
    _, y, z = np.nonzero(data == 3)
    # the cord leans forward by 0.5, so a cut across it falls by 0.5 towards the front
    assert z[y == 38].max() - z[y == 42].max() == pytest.approx(0.5 * 4, abs=1)


def test_a_disc_far_in_front_of_a_tilted_cord_is_projected_across_it():
    img = cord(np.diag([-1.0, 1.0, 1.0, 1.0]), (21, 81, 60), slope=0.5)
    on_cord = np.array([10, 40, 30.0])
    across = np.array([0, 1, -0.5]) * 10  # perpendicular to the cord's direction (0, .5, 1)
    here = levels_from_discs({3: at(img, *on_cord)}, img)
    beside = levels_from_discs({3: at(img, *(on_cord + across))}, img)
    same = np.asarray(here.dataobj) == np.asarray(beside.dataobj)
    assert same.mean() > 0.999


def test_pontomedullary_landmarks_are_no_discs(upright):
    discs = discs_at(upright, d3=35)
    with_landmarks = discs | {49: at(upright, 10, 28, 58), 50: at(upright, 10, 28, 55)}
    np.testing.assert_array_equal(
        np.asarray(levels_from_discs(discs, upright).dataobj),
        np.asarray(levels_from_discs(with_landmarks, upright).dataobj),
    )


def test_a_missing_disc_leaves_its_levels_unknown(upright):
    with pytest.warns(UserWarning, match="Disc 4 is missing"):
        levels = levels_from_discs(discs_at(upright, d3=45, d5=20), upright)
    assert set(np.unique(np.asarray(levels.dataobj))) == {0, 2, 5}


def test_above_the_first_disc_there_is_no_level(upright):
    levels = levels_from_discs(discs_at(upright, d1=40), upright)
    assert set(np.unique(np.asarray(levels.dataobj))) == {0, 1}


@pytest.mark.parametrize(
    ("discs", "message"),
    [
        ({3: (-10, 28, 20), 4: (-10, 28, 40)}, "Disc 3 is below disc 4"),
        ({3: (-10, 28, 20), 4: (-10, 20, 20)}, "same place"),
        ({3: (-10, 28, 200)}, "above the top"),
        ({3: (-10, 28, -90)}, "below the bottom"),
        ({3: (-10, 128, 30)}, "mm from the cord"),
        ({77: (-10, 28, 30)}, "no discs"),
        ({0: (-10, 28, 30)}, "no discs"),
        ({3: (-10, 28)}, "three coordinates"),
        ({3: (-10, 28, np.nan)}, "three coordinates"),
        ({}, "no disc"),
        ({50: (-10, 28, 30)}, "no disc"),
    ],
)
def test_discs_that_cannot_be_are_refused(upright, discs, message):
    with pytest.raises(ValueError, match=message):
        levels_from_discs(discs, upright)


def test_a_disc_marked_twice_is_refused(upright):
    image = np.zeros(upright.shape, np.uint8)
    image[10, 28, 20] = image[10, 28, 40] = 3
    with pytest.raises(ValueError, match="Disc 3 is marked at 2 places"):
        levels_from_discs(nib.Nifti1Image(image, upright.affine), upright)


def test_labels_that_are_not_whole_are_refused(upright):
    image = np.zeros(upright.shape, np.float32)
    image[10, 28, 20] = 3.5
    with pytest.raises(ValueError, match="whole numbers"):
        levels_from_discs(nib.Nifti1Image(image, upright.affine), upright)


def test_discs_of_a_strange_type_are_refused(upright):
    with pytest.raises(TypeError, match="label image"):
        levels_from_discs([(1, 2, 3)], upright)


def test_a_slice_takes_the_rounded_mean_of_its_labels():
    data = np.zeros((2, 2, 4), np.uint8)
    data[0, 0, 0], data[..., 1] = 5, [[2, 2], [2, 3]]
    data[..., 2] = [[0, 3], [3, 2]]
    img = nib.Nifti1Image(data, np.diag([1.0, 1.0, -1.0, 1.0]))  # stored from the top down
    np.testing.assert_array_equal(slice_levels(img), [np.nan, 3, 2, 5])


def test_negative_levels_are_refused():
    with pytest.raises(ValueError, match="negative"):
        slice_levels(nib.Nifti1Image(np.full((2, 2, 2), -1, np.int16), np.eye(4)))


def test_discs_stored_as_scaled_integers_are_read(upright, tmp_path):
    data = np.zeros(upright.shape)
    data[10, 28, [20, 35, 50]] = 4, 3, 2
    image = nib.Nifti1Image(data, upright.affine)
    image.set_data_dtype(np.int16)
    nib.save(image, tmp_path / "discs.nii.gz")
    stored = np.unique(nib.load(tmp_path / "discs.nii.gz").get_fdata())
    assert (stored != np.rint(stored)).any()
    levels = levels_from_discs(tmp_path / "discs.nii.gz", upright)
    assert np.unique(levels.dataobj).tolist() == [0, 1, 2, 3, 4]


def test_an_image_is_not_taken_for_discs(upright):
    numbers = np.random.default_rng(0).integers(0, 200, upright.shape).astype("i2")
    with pytest.raises(ValueError, match="Is it the image itself"):
        levels_from_discs(nib.Nifti1Image(numbers, upright.affine), upright)


def test_a_level_map_is_not_taken_for_discs():
    seg = column()
    levels = levels_from_discs({2: (4, 8, 50), 3: (4, 8, 30), 4: (4, 8, 10)}, seg)
    with pytest.raises(ValueError, match="pass it as levels="):
        levels_from_discs(levels, seg)


def test_discs_are_not_taken_for_a_level_map():
    seg = column()
    data = np.zeros(seg.shape, np.uint8)
    data[4, 4, [10, 30, 50]] = [4, 3, 2]
    with pytest.raises(ValueError, match="levels_from_discs"):
        slice_levels(nib.Nifti1Image(data, seg.affine))


def test_blobs_at_the_discs_are_not_taken_for_a_level_map():
    seg = column()
    data = np.zeros(seg.shape, np.uint8)
    for z, label in ((10, 4), (30, 3), (50, 2)):
        data[3:6, 3:6, z - 1 : z + 2] = label
    with pytest.raises(ValueError, match="levels_from_discs"):
        slice_levels(nib.Nifti1Image(data, seg.affine))


def test_levels_with_gaps_between_them_are_levels():
    with pytest.warns(UserWarning, match="is missing"):
        levels = levels_from_discs({3: (4, 8, 55), 8: (4, 8, 5)}, column())
    known = slice_levels(levels)
    assert set(known[np.isfinite(known)]) == {2, 8}


def test_an_image_is_not_taken_for_a_level_map():
    seg = column()
    with pytest.raises(ValueError, match="Is it the image itself"):
        slice_levels(nib.Nifti1Image(np.full(seg.shape, 300, np.int16), seg.affine))


def column():
    seg = np.zeros((9, 9, 60), np.uint8)
    seg[3:6, 3:6] = 1
    return nib.Nifti1Image(seg, np.eye(4))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_file_cut_short_says_so(upright, tmp_path, suffix):
    file = tmp_path / f"labels{suffix}"
    upright.to_filename(file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    for read in (slice_levels, lambda labels: levels_from_discs(labels, upright)):
        with pytest.raises(ValueError, match="truncated"):
            read(file)


def test_one_volume_of_four_dimensions_is_a_label_image(upright):
    levels = levels_from_discs(discs_at(upright, d2=50, d3=35, d4=20), upright)
    four = nib.Nifti1Image(np.asarray(levels.dataobj)[..., None], levels.affine)
    np.testing.assert_array_equal(slice_levels(four), slice_levels(levels))


@pytest.mark.parametrize("label", [np.inf, np.nan])
def test_a_label_that_is_no_number_is_refused(upright, label):
    with pytest.raises(ValueError, match="whole number"):
        levels_from_discs({label: (1, 2, 3)}, upright)
