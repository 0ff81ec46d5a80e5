"""Views hold the right voxels, refuse bad input, and leave saved notebooks small but not blank."""

import base64
import gzip
import io
import json
import re
from pathlib import Path

import nbformat
import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform
from PIL import Image

from cordviz.images import load_image, load_mask
from cordviz.levels import levels_from_discs, slice_levels
from cordviz.morphometry import measure_shape
from cordviz.plots.volume import Volume
from cordviz.views import label_discs, view_csa, view_segmentation
from cordviz.widgets.stills.curve import curve_picture

SPACING = (0.8, 0.6, 2.5)  # RAS, mm


@pytest.fixture
def neck():
    """RAS image of a cord that leans forward, a bright bead on its left; soft mask, levels."""
    shape = (90, 110, 20)
    x, y, z = np.indices(shape)
    x = (x - 45) * SPACING[0]
    y = (y - 55 - 0.5 * (z - 10)) * SPACING[1]
    data = np.random.default_rng(0).normal(100, 3, shape)
    cord = np.clip(1.5 - np.hypot(x / 6, y / 4), 0, 1) * (z > 1)
    data[cord > 0.5] = 60
    data[np.hypot(x + 10, y) < 2] = 300  # RAS: negative x is left
    levels = np.where(z >= 15, 2, 3) * (cord > 0)
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = -36, -30, -20
    return tuple(
        nib.Nifti1Image(d, affine)
        for d in (data.astype("f4"), cord.astype("f4"), levels.astype("u1"))
    )


def turned(img, codes):
    """The same image stored in another orientation."""
    change = ornt_transform(io_orientation(img.affine), axcodes2ornt(codes))
    return img.as_reoriented(change)


def unpacked(volume):
    """What the browser gets, by its own reading: x fastest, then y, z."""
    dims = [part.stop - part.start for part in volume.box]
    return [
        np.frombuffer(gzip.decompress(data), np.uint8).reshape(dims[::-1]).T
        for data in volume.packed()
    ]


# What is sent


def test_the_browser_gets_the_same_voxels_whatever_the_orientation(neck):
    first = None
    for codes in ("RAS", "LAS", "PSR", "ILP"):
        image, seg, _ = (turned(img, codes) for img in neck)
        view = view_segmentation(image, seg)
        arrays = unpacked(view.volume)
        first = first or (arrays, view.cursor, view.cursor_mm)
        for array, expected in zip(arrays, first[0], strict=True):
            np.testing.assert_array_equal(array, expected)
        assert view.cursor == first[1]
        np.testing.assert_allclose(view.cursor_mm, first[2], atol=1e-3)


def test_bytes_turn_back_into_intensities_and_mask_values(neck):
    volume = Volume.of(load_image(neck[0]), {"a": load_mask(neck[1])}, crop_mm=10)
    grey, mask = unpacked(volume)
    low, high = volume.range
    las = turned(neck[0], "LAS").get_fdata()[volume.box]
    expected = np.clip(las, low, high)
    np.testing.assert_allclose(low + grey / 255.0 * (high - low), expected, atol=(high - low) / 500)
    np.testing.assert_allclose(
        mask / 250.0, turned(neck[1], "LAS").get_fdata()[volume.box], atol=2e-3
    )


def test_the_crop_keeps_the_cord_its_margin_and_every_slice(neck):
    volume = Volume.of(load_image(neck[0]), {"a": load_mask(neck[1])}, crop_mm=10)
    x, y, z = volume.box
    inside = np.argwhere(turned(neck[1], "LAS").get_fdata() >= 0.5)
    low, high = inside.min(axis=0), inside.max(axis=0)
    assert low[0] - x.start == pytest.approx(10 / SPACING[0], abs=1)
    assert y.stop - 1 - high[1] == pytest.approx(10 / SPACING[1], abs=1)
    assert (z.start, z.stop) == (0, 20)
    assert Volume.of(load_image(neck[0]), {}, crop_mm=10).box[0] == slice(0, 90)


def test_a_volume_of_384_by_195_by_52_sends_less_than_8_mb():
    rng = np.random.default_rng(0)
    data = rng.normal(100, 20, (52, 195, 384)).astype("f4")
    mask = np.zeros(data.shape, "u1")
    mask[20:30, 90:100] = 1
    view = view_segmentation(
        nib.Nifti1Image(data, np.eye(4)), nib.Nifti1Image(mask, np.eye(4)), crop_mm=None
    )
    sent = []
    view.send = lambda content, buffers: sent.extend(buffers)
    view._answer(view, {"wants": "volume"}, [])
    assert len(sent) == 2  # image and mask
    assert sum(map(len, sent)) + len(json.dumps(view.get_state(), default=str)) < 8e6


# Traits


def test_slice_and_cursor_move_together(neck):
    view = view_segmentation(neck[0], neck[1], slice=5)
    assert view.cursor[2] == view.slice == 5
    seen = []
    view.observe(lambda change: seen.append(change.new), "slice")
    view.cursor = (40, 50, 12)
    view.slice = 7
    assert view.cursor == (40, 50, 7)
    assert seen == [12, 7]


def test_the_cursor_is_in_world_mm(neck):
    view = view_segmentation(neck[0], neck[1])
    change = ornt_transform(io_orientation(neck[0].affine), axcodes2ornt("LAS"))
    affine = neck[0].affine @ inv_ornt_aff(change, neck[0].shape)
    np.testing.assert_allclose(view.cursor_mm, (affine @ [*view.cursor, 1])[:3])
    assert abs(view.cursor_mm[0]) < 1  # the cord lies at x = 0


def test_levels_are_those_of_the_slices(neck):
    view = view_segmentation(neck[0], neck[1], levels=neck[2])
    assert view.levels == [0, 0] + [3] * 13 + [2] * 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"slice": 20}, "between 0 and 19"),
        ({"slice": -1}, "between 0 and 19"),
        ({"planes": "axal"}, "Did you mean 'axial'"),
        ({"opacity": 2}, "between 0 and 1"),
        ({"convention": "mirror"}, "radiological"),
        ({"difference": ["mask"]}, "two masks"),
        ({"difference": ["mask", "b"]}, "difference must be one of mask"),
    ],
)
def test_bad_options_are_refused_with_the_right_ones(neck, changes, message):
    with pytest.raises(ValueError, match=message):
        view_segmentation(neck[0], neck[1], **changes)


def test_traits_refuse_what_options_refuse(neck):
    view = view_segmentation(neck[0], neck[1])
    for name, value in (
        ("slice", 20),
        ("cursor", (0, 0, 20)),
        ("window", (3, 3)),
        ("shown", ["b"]),
    ):
        before = getattr(view, name)
        with pytest.raises(ValueError, match=r"."):
            setattr(view, name, value)
        assert getattr(view, name) == before


def test_options_of_another_type_are_a_type_error(neck):
    with pytest.raises(TypeError, match="opacity"):
        view_segmentation(neck[0], neck[1], opacity="half")


def test_a_mask_on_another_grid_is_refused_by_name(neck):
    moved = nib.Nifti1Image(neck[1].get_fdata(), neck[1].affine)
    moved.affine[0, 3] += 2
    with pytest.raises(ValueError, match=r"propseg.*other affines"):
        view_segmentation(neck[0], {"propseg": moved})
    with pytest.raises(ValueError, match="at least one mask"):
        view_segmentation(neck[0], {})


# Without a kernel


def test_the_still_is_radiological_and_shows_the_outline(neck):
    from skimage.io import imread

    view = view_segmentation(neck[0], neck[1], planes="axial", slice=10)
    picture = imread(io.BytesIO(view.still())).astype(float)[..., :3]
    rows, columns = (n // 2 for n in picture.shape[:2])
    grey = picture.min(axis=2)
    middle = grey[rows - 40 : rows + 40]
    assert middle[:, columns + 60 : -30].max() > middle[:, 30 : columns - 60].max() + 60
    orange = np.abs(picture - (255, 163, 0)).sum(axis=2) < 60
    assert orange.sum() > 200
    view.shown = []
    bare = imread(io.BytesIO(view.still())).astype(float)[..., :3]
    assert (np.abs(bare - (255, 163, 0)).sum(axis=2) < 60).sum() == 0


VIEWED = {
    "an image": [
        "cv.view_segmentation('img.nii', 'truth.nii')",
        "cv.view_csa('img.nii', 'truth.nii')",
    ],
    "a study": ["cv.view_contrast_explorer()", "cv.view_comparison(a_study.make())"],
    "a neck": ["cv.label_discs('img.nii', seg='truth.nii')", "cv.view_3d('img.nii', 'truth.nii')"],
}
LIVE = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module", params=VIEWED)
def executed(tmp_path_factory, request):
    """A notebook with two views, run by nbclient, which saves the state of widgets."""
    from nbclient import NotebookClient

    import cordviz

    folder = tmp_path_factory.mktemp("saved")
    img, truth = cordviz.simulate_subject(seed=0).acquire("T1w")
    img.to_filename(folder / "img.nii")
    truth.to_filename(folder / "truth.nii")
    browser = str(Path(__file__).parent / "browser")
    start = f"import sys; sys.path.insert(0, {browser!r})\nimport a_study, cordviz as cv"
    cells = [start, *VIEWED[request.param]]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}})
    return client.execute()


def exported(notebook):
    from nbconvert import HTMLExporter

    return HTMLExporter().from_notebook_node(notebook)[0]


def test_a_notebook_with_two_views_saved_with_their_state_is_below_2_mb(executed):
    state = executed.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    outputs = [output.data for cell in executed.cells for output in cell.outputs]
    shown = {data[LIVE]["model_id"] for data in outputs if LIVE in data}
    assert len(shown) == 2
    assert shown <= state.keys()
    assert len(json.dumps(executed)) < 2e6


@pytest.mark.parametrize("saved", [True, False])
def test_exported_html_shows_pictures_with_and_without_saved_state(executed, saved):
    notebook = nbformat.from_dict(executed)
    if not saved:
        notebook = nbformat.from_dict({**executed, "metadata": {}})
    pictures = re.findall(r'<img[^>]*src="data:image/png;base64,([^"]+)"', exported(notebook))
    assert len(pictures) == 2
    for picture in pictures:
        shown = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
        assert len(shown.getcolors(shown.width * shown.height)) > 30  # not blank


# The area


@pytest.fixture
def csa(neck):
    return view_csa(neck[0], {"a": neck[1], "b": neck[1]}, levels=neck[2])


def test_curves_show_what_measure_shape_gives(neck, csa):
    table = measure_shape(neck[1], levels=neck[2]).dropna(subset="area_mm2")
    shown = csa.table()
    assert shown["mask"].unique().tolist() == ["a", "b"]
    np.testing.assert_allclose(shown[shown["mask"] == "b"].area_mm2, table.area_mm2)
    assert shown[shown["mask"] == "b"].slice.tolist() == table.slice.tolist()


def test_hard_masks_are_measured_at_the_threshold(neck, csa):
    csa.curve.threshold = 0.8
    csa.curve.weights = "both"
    assert list(csa.curve.tables) == ["a", "b", "a ≥ 0.8", "b ≥ 0.8"]
    hard = nib.Nifti1Image((neck[1].get_fdata() >= 0.8).astype("u1"), neck[1].affine)
    expected = measure_shape(hard, levels=neck[2])
    np.testing.assert_allclose(csa.curve.tables["a ≥ 0.8"].area_mm2, expected.area_mm2)


def test_names_of_many_curves_stand_in_rows_on_the_still(neck):
    masks = {f"a method of number {n}": neck[1] for n in range(6)}
    picture = curve_picture(view_csa(neck[0], masks, levels=neck[2]).curve.figure)
    names = np.asarray(picture)[:46]
    assert (names[:, :58] == 255).all()  # nothing runs off
    assert (names[:16, 115:140] == 255).all()  # nor over what the curves are of
    assert (names[:16, 140:] < 255).any()
    assert (names[18:30, 140:] < 255).any()


def test_a_closed_view_has_no_link_left(csa):
    csa.close()
    assert csa._link.comm is None


def test_turning_the_angle_correction_off_only_enlarges_areas(csa):
    corrected = csa.table().area_mm2
    csa.curve.angle_correction = False
    assert (csa.table().area_mm2 >= corrected).all()
    assert (csa.table().area_mm2 > corrected).any()


def test_the_page_gets_every_slice_of_the_curve_as_plain_numbers(csa):
    curve = next(t for t in csa.curve._figure["data"] if t.get("customdata"))
    assert curve["customdata"] == list(range(19, -1, -1))
    assert all(isinstance(value, float) for value in curve["y"][:-2])
    assert curve["y"][-2:] == [None, None]  # no mask there: a gap, and NaN is no JSON


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": "half"}, "weights must be one of"),
        ({"threshold": 1.5}, "between 0 and 1"),
        ({"sex": "X"}, "sex must be one of"),
        ({"slice": 99}, "between 0 and 19"),
    ],
)
def test_bad_options_of_the_area_are_refused(neck, changes, message):
    with pytest.raises(ValueError, match=message):
        view_csa(neck[0], neck[1], **changes)


# Discs

DISCS_MM = {2: (-9.6, 4.0, 22.0), 3: (-9.6, 3.0, 12.0), 4: (-9.6, 2.0, -3.0)}  # RAS


def test_discs_go_through_voxels_and_back_to_the_same_place(neck):
    for codes in ("RAS", "PSR"):
        view = label_discs(turned(neck[0], codes), discs=DISCS_MM)
        assert list(view.discs) == [2, 3, 4]
        for label, point in DISCS_MM.items():
            assert (
                np.abs(np.subtract(view.discs[label], point)) <= np.array(SPACING) / 2 + 1e-3
            ).all()
        assert view.next_label == 5


def test_saved_labels_are_one_voxel_each_on_the_images_grid(neck, tmp_path):
    image = turned(neck[0], "PSR")
    view = label_discs(image, discs=DISCS_MM)
    saved = nib.load(view.save_labels(tmp_path / "sub-1_label-discs_dlabel.nii.gz"))
    assert saved.shape == image.shape
    np.testing.assert_allclose(saved.affine, image.affine)
    data = np.asarray(saved.dataobj)
    assert sorted(data[data > 0].tolist()) == [2, 3, 4]
    at = np.argwhere(data == 3)[0]
    world = saved.affine @ [*at, 1]
    np.testing.assert_allclose(world[:3], view.discs[3], atol=1e-3)


def test_saved_labels_replace_labels_and_nothing_else(neck, tmp_path):
    view, target = label_discs(neck[0], discs=DISCS_MM), tmp_path / "discs.nii.gz"
    view.save_labels(view.save_labels(target))
    two_slices = nib.Nifti1Image(neck[1].get_fdata()[..., 3:5].round(), neck[1].affine)
    for other in (neck[1], two_slices):
        nib.save(other, target)
        before = target.read_bytes()
        with pytest.raises(ValueError, match="is there already and holds no discs"):
            view.save_labels(target)
        assert target.read_bytes() == before


def test_labels_are_saved_in_the_users_folder(neck, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert label_discs(neck[0], discs=DISCS_MM).save_labels("~/d.nii.gz").exists()


@pytest.mark.parametrize("with_mask", [True, False])
def test_levels_of_marked_discs_are_those_of_levels_from_discs(neck, with_mask):
    view = label_discs(neck[0], seg=neck[1] if with_mask else None, discs=DISCS_MM)
    expected = slice_levels(levels_from_discs(view.discs, neck[1]))
    inside = np.isfinite(expected)
    shown = np.array(view.levels)
    if with_mask:
        np.testing.assert_array_equal(shown[inside], expected[inside])
    else:  # cut along the slices, the cord leans: within one of them
        assert (shown[inside] != expected[inside]).sum() <= 3
        assert shown[-1] == 1
    assert {1, 2, 3, 4} == set(shown[inside])


def test_marks_in_the_wrong_order_give_a_message_and_no_levels(neck):
    view = label_discs(neck[0], discs={3: (0, 0, -3), 4: (0, 0, 12)})
    assert view.levels == []
    assert "Disc 3 is not above disc 4" in view.message
    view.discs = {3: (0, 0, 12), 4: (0, 0, -3)}
    assert (view.message, view.levels[-1]) == ("", 2)


def test_all_discs_from_c2_c3_down_can_be_set_at_once(neck):
    view = label_discs(neck[0], discs=dict.fromkeys(range(3, 26), (0, 0, 0)))
    assert (len(view.discs), view.next_label) == (23, 25)


def test_suggested_discs_are_a_beginning_only(neck):
    view = label_discs(neck[0], suggest=lambda image: {3: image.affine[:3, 3] + 10})
    assert list(view.discs) == [3]
    assert view.next_label == 4


@pytest.mark.parametrize(
    ("discs", "message"), [({99: (0, 0, 0)}, "are no discs"), ({3: (0, 0, 999)}, "inside")]
)
def test_discs_that_cannot_be_are_refused(neck, discs, message):
    with pytest.raises(ValueError, match=message):
        label_discs(neck[0], discs=discs)


def test_nothing_marked_is_nothing_saved(neck, tmp_path):
    with pytest.raises(ValueError, match="no disc yet"):
        label_discs(neck[0]).save_labels(tmp_path / "discs.nii.gz")
    assert list(tmp_path.iterdir()) == []
