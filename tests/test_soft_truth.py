"""The soft truth keeps areas, undoes motion, weighs coverage and comes back on every grid."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter, shift
from scipy.spatial.transform import Rotation

from cordviz.images import load_mask, reorient
from cordviz.plots import plot_soft_truth
from cordviz.sidecar import save_mask
from cordviz.simulation import simulate_subject
from cordviz.soft_truth import average_soft_truth

AXES_MM = 6.0, 4.0  # half axes of the cord, right–left and anterior–posterior
#: contrast: voxel size in mm, slices, first slice's height in mm, orientation
GRIDS = {
    "T2w": ((0.8, 0.8, 0.8), 60, 0.0, "RAS"),
    "T1w": ((1.0, 1.0, 1.0), 46, 1.0, "PSR"),
    "T2star": ((0.5, 0.5, 5.0), 8, 4.0, "LAS"),
}


def cord(name, *, shift=(0.0, 0.0), turn_deg=0.0, grow_mm=0.0, lean=0.15, hard=True):
    """Mask of a leaning elliptic cord, moved in a way that its header does not know."""
    voxel, slices, bottom, codes = GRIDS[name]
    n = [int(36 / v) for v in voxel[:2]]
    affine = np.diag([*voxel, 1.0])
    affine[:3, 3] = -18, -18, bottom
    i, j, k = np.indices((*n, slices))
    x, y, z = (i * voxel[0] - 18, j * voxel[1] - 18, k * voxel[2] + bottom)
    x, y = x - shift[0], y - shift[1] - lean * (z - 24)
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    x, y = c * x + s * y, c * y - s * x
    a, b = (half + grow_mm for half in AXES_MM)
    data = np.hypot(x / a, y / b) < 1
    img = nib.Nifti1Image(data.astype(np.uint8), affine)
    return img.as_reoriented(
        nib.orientations.ornt_transform(
            nib.orientations.io_orientation(affine), nib.orientations.axcodes2ornt(codes)
        )
    )


def csa_mm2(mask):
    """Mean area of the slices with mask away from its ends, mm²."""
    ras = nib.as_closest_canonical(mask)
    area = ras.get_fdata().sum(axis=(0, 1)) * np.prod(ras.header.get_zooms()[:2])
    return area[area > 0][1:-1].mean()


def dice(a, b):
    a, b = (nib.as_closest_canonical(m).get_fdata() >= 0.5 for m in (a, b))
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def average(masks, **options):
    return average_soft_truth(masks, masks, progress=False, **options)


@pytest.fixture(scope="module")
def session():
    return {
        "T2w": cord("T2w"),
        "T1w": cord("T1w", shift=(1.5, -1.2), turn_deg=3, grow_mm=-0.3),
        "T2star": cord("T2star", shift=(-1.0, 1.6), turn_deg=-3, grow_mm=0.3),
    }


@pytest.fixture(scope="module")
def result(session):
    return average(session)


def test_every_result_lies_on_the_grid_and_in_the_orientation_that_came(session, result):
    for name, mask in session.items():
        soft = result.native[name]
        assert soft.shape == mask.shape
        assert np.array_equal(soft.affine, mask.affine)
        assert soft.get_data_dtype() == np.float32
        assert 0 <= soft.get_fdata().min() < soft.get_fdata().max() <= 1
    assert result.reference is result.native["T2w"]


def test_area_is_the_mean_of_the_raters_in_every_space(session, result):
    mean = np.mean([csa_mm2(mask) for mask in session.values()])
    assert abs(csa_mm2(session["T2star"]) / mean - 1) > 0.04  # what it is not
    for soft in result.native.values():
        assert csa_mm2(soft) == pytest.approx(mean, rel=0.01)


def test_motion_that_the_headers_do_not_know_is_undone(result):
    assert dice(result.reference, cord("T2w")) > 0.98
    assert dice(result.native["T1w"], cord("T1w", shift=(1.5, -1.2), turn_deg=3)) > 0.98
    assert dice(result.native["T2star"], cord("T2star", shift=(-1.0, 1.6), turn_deg=-3)) > 0.97


def long_axis_deg(mask):
    """Angle of the long axis of a mask from the right–left axis, summed along the cord."""
    data = nib.as_closest_canonical(mask).get_fdata()
    inside = np.argwhere(np.ones(data.shape[:2]))
    weight = data.reshape(-1, data.shape[2])
    about = inside[:, :, None] - (inside.T @ weight / np.maximum(weight.sum(0), 1e-9))[None]
    xx, yy, xy = ((weight * about[:, i] * about[:, j]).sum() for i, j in ((0, 0), (1, 1), (0, 1)))
    return np.degrees(np.arctan2(2 * xy, xx - yy) / 2)


def test_rotation_is_undone_unless_only_shifts_are_asked_for():
    turned = {"T2w": cord("T2w"), "T1w": cord("T1w", turn_deg=8)}
    rigid, shift = (average(turned, transform=t).in_reference["T1w"] for t in ("rigid", "shift"))
    assert long_axis_deg(shift) == pytest.approx(8, abs=1.5)
    assert abs(long_axis_deg(rigid)) < 1


def test_threads_of_simpleitk_are_left_as_they_were(session):
    import SimpleITK as sitk

    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(3)
    try:
        average(session)
        assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == 3
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def test_an_affine_map_reshapes_but_keeps_the_area(session):
    wide = {"T2w": cord("T2w"), "T1w": cord("T1w", grow_mm=-1.0)}
    affine = average(wide, transform="affine").in_reference["T1w"]
    assert csa_mm2(affine) == pytest.approx(csa_mm2(wide["T1w"]), rel=0.01)
    assert csa_mm2(affine) < 0.8 * csa_mm2(wide["T2w"])


def test_a_slab_counts_only_where_it_was_drawn(session):
    slab = nib.as_closest_canonical(cord("T2star", grow_mm=0.8))
    data = np.asarray(slab.dataobj).copy()
    data[..., 4:] = 0  # drawn on the lower half only
    slab = nib.Nifti1Image(data, slab.affine)
    soft = nib.as_closest_canonical(average({"T2w": cord("T2w"), "T2star": slab}).reference)
    area = soft.get_fdata().sum(axis=(0, 1)) * 0.64
    t2w, t2star = csa_mm2(cord("T2w")), csa_mm2(slab)
    assert area[30:55].mean() == pytest.approx(t2w, rel=0.01)
    assert area[5:20].mean() == pytest.approx((t2w + t2star) / 2, rel=0.015)


def test_thick_slices_follow_the_cord_and_leave_no_staircase():
    masks = {"T2w": cord("T2w", lean=0.3), "T2star": cord("T2star", lean=0.3)}
    moved = average(masks).in_reference["T2star"].get_fdata()
    inside = moved[..., (moved > 0.5).any(axis=(0, 1))]  # to the faces of the outer slices
    centre = (inside * np.arange(inside.shape[1])[None, :, None]).sum((0, 1)) / inside.sum((0, 1))
    steps = np.diff(centre)  # in voxels per slice: 0.3 everywhere, not 0 … 0 and 1.9
    assert steps == pytest.approx(np.full(steps.shape, 0.3), abs=0.29)


def test_warps_move_points_as_itk_reads_them(result, tmp_path):
    sign = np.array([-1, -1, 1])  # ITK counts to the left and to the back
    for field, start, expected in (
        (result.warps["T1w"].to_reference, (0, -0.6, 20), (1.5, -1.8, 20)),
        (result.warps["T1w"].to_native, (1.5, -1.8, 20), (0, -0.6, 20)),
    ):
        nib.save(field, tmp_path / "warp.nii.gz")
        image = sitk.ReadImage(str(tmp_path / "warp.nii.gz"), sitk.sitkVectorFloat64)
        moved = sitk.DisplacementFieldTransform(image).TransformPoint(tuple(start * sign * 1.0))
        assert moved * sign == pytest.approx(expected, abs=0.15)


def test_a_deformation_holds_area_and_place():
    rng = np.random.default_rng(0)
    masks = {"T2w": cord("T2w"), "T1w": cord("T1w", grow_mm=-0.4)}
    images = {
        name: nib.Nifti1Image(
            (100 + 200 * m.get_fdata() + rng.normal(0, 5, m.shape)).astype("f4"), m.affine
        )
        for name, m in masks.items()
    }
    bent = average_soft_truth(masks, images, deform=True, progress=False)
    assert csa_mm2(bent.in_reference["T1w"]) == pytest.approx(csa_mm2(masks["T1w"]), rel=0.02)


def seen_at(mask, to_front, contrast):
    """Image of the cord that a mask was drawn on, too far to the front or not."""
    ras = nib.as_closest_canonical(mask)
    voxel = np.array(ras.header.get_zooms())
    back = shift(ras.get_fdata(), (0, -to_front / voxel[1], 0), order=1)
    canal = gaussian_filter(back, (*(2.5 / voxel[:2]), 0)) > 0.12
    bone, fluid, white = contrast
    tissue = bone + (fluid - bone) * canal + (white - fluid) * back
    noise = np.random.default_rng(0).normal(0, 5, tissue.shape)
    image = nib.Nifti1Image((tissue + noise).astype("f4"), ras.affine)
    return reorient(image, "".join(nib.aff2axcodes(mask.affine)))


def front(mask):
    """Height of the centre of a mask on the front–back axis, mm, in slices well inside."""
    ras = nib.as_closest_canonical(mask)
    data = ras.get_fdata()[..., 20:40].sum(axis=(0, 2))
    return data @ np.arange(data.size) / data.sum() * ras.header.get_zooms()[1]


def test_images_undo_that_one_rater_is_off():
    """The T2w rater draws 0.45 mm too far to the front, the two others do not."""
    masks = {"T2w": cord("T2w"), "T1w": cord("T1w", shift=(1, 1)), "T2star": cord("T2star")}
    shown = {
        "T2w": (0.45, (50, 400, 150)),
        "T1w": (0, (200, 60, 180)),
        "T2star": (0, (90, 300, 200)),
    }
    images = {name: seen_at(mask, *shown[name]) for name, mask in masks.items()}
    by = {
        place: average_soft_truth(masks, images, place=place, progress=False)
        for place in ("masks", "images")
    }
    drawn = front(masks["T2w"])
    assert front(by["masks"].reference) == pytest.approx(drawn, abs=0.05)
    assert front(by["images"].reference) == pytest.approx(drawn - 0.3, abs=0.1)
    assert by["masks"].shifts_mm == dict.fromkeys(masks, 0.0)
    for name in ("T1w", "T2star"):
        assert by["images"].shifts_mm[name] == pytest.approx(-0.45, abs=0.15)
    assert csa_mm2(by["images"].reference) == pytest.approx(csa_mm2(masks["T2w"]), rel=0.01)


def test_images_that_show_nothing_leave_the_masks_their_place(session):
    flat = {
        name: nib.Nifti1Image(np.full(m.shape, 7, "f4"), m.affine) for name, m in session.items()
    }
    result = average_soft_truth(session, flat, progress=False)
    assert result.shifts_mm == dict.fromkeys(session, 0.0)


def test_a_simulated_session_is_undone_and_keeps_the_raters_area():
    subject = simulate_subject(seed=1)
    masks, images, truth = {}, {}, {}
    for n, name in enumerate(("T2w", "GRE-T1w", "T2star")):
        still, _ = subject.acquire(name, fov=(36, 36, 40), effects=False)
        turn = Rotation.from_euler("xyz", np.array([2, -1.5, 2.5]) * n / 2, degrees=True)
        motion = np.eye(4)
        motion[:3, :3] = turn.as_matrix()
        motion[:3, 3] = np.array([1.0, -1.2, 0.8]) * n / 2
        grid = nib.Nifti1Image(np.zeros(still.shape, np.uint8), motion @ still.affine)
        img, exact = subject.acquire(name, grid=grid)
        rated = subject.rate(name, grid=grid, convention="zero")
        images[name], truth[name], masks[name] = (
            nib.Nifti1Image(np.asarray(one.dataobj), still.affine) for one in (img, exact, rated)
        )
    result = average_soft_truth(masks, images, progress=False)
    mean = np.mean([csa_mm2(mask) for mask in masks.values()])
    for name in masks:
        assert dice(result.native[name], truth[name]) > 0.95
        assert csa_mm2(result.native[name]) == pytest.approx(mean, rel=0.015)


def test_provenance_goes_into_the_sidecar(result, tmp_path):
    path = save_mask(result.native["T1w"], tmp_path / "sub-01_T1w_label-SC_softseg.nii.gz")
    sidecar = (tmp_path / "sub-01_T1w_label-SC_softseg.json").read_text()
    assert path.is_file()
    for word in ("average_soft_truth", '"Reference": "T2w"', '"Space": "T1w"', "SHA256"):
        assert word in sidecar


@pytest.mark.parametrize(
    ("masks", "options", "words"),
    [
        ({"T2w": cord("T2w")}, {}, "two or more contrasts"),
        ({"T1w": cord("T1w"), "T2star": cord("T2star")}, {}, "reference must be one of"),
        ({"T2w": cord("T2w"), "T1w": cord("T1w", shift=(2, 0))}, {"transform": "rigd"}, "'rigid'"),
        ({"T2w": cord("T2w"), "T1w": cord("T1w")}, {"place": "image"}, "'images'"),
    ],
)
def test_what_cannot_be_averaged_is_refused_with_a_reason(masks, options, words):
    with pytest.raises(ValueError, match=words):
        average(masks, **options)


def test_masks_of_two_sessions_are_refused(session):
    far = session["T1w"]
    beside, above = far.affine.copy(), far.affine.copy()
    beside[0, 3] += 21
    above[2, 3] += 300
    for affine, words in ((beside, "lie 2[0-9] mm apart"), (above, "share no slice")):
        other = nib.Nifti1Image(np.asarray(far.dataobj), affine)
        with pytest.raises(ValueError, match=words):
            average({"T2w": session["T2w"], "T1w": other})


def test_the_figure_shows_every_step_of_every_contrast(result):
    fig = plot_soft_truth(result)
    kinds = [trace.type for trace in fig.data]
    assert kinds.count("image") == 3 * len(GRIDS) + 2
    tints = [trace for trace in fig.data if trace.type == "heatmap"]
    assert len(tints) == len(GRIDS) + 1
    assert max(float(np.max(trace.z)) for trace in tints) == 1
    words = " ".join(note.text for note in fig.layout.annotations)
    mean = np.pi * np.mean([(6 + g) * (4 + g) for g in (0, -0.3, 0.3)])
    shown = float(words.split("mean: ")[1].split(" mm²")[0])
    assert shown == pytest.approx(mean, rel=0.02)
    assert "T2*w" in words


def test_an_outline_has_one_colour_and_a_mm_one_length_in_every_row_of_the_figure(result):
    fig = plot_soft_truth(result)
    lines = {(line.name, line.colorscale[0][1]) for line in fig.data if line.type == "contour"}
    assert len(lines) == len(GRIDS) + 1  # and the soft truth
    assert len({tuple(fig.layout[f"xaxis{k}"].range) for k in range(1, 3 * len(GRIDS) + 3)}) == 1


def test_the_figure_refuses_a_slice_without_soft_truth(result):
    with pytest.raises(ValueError, match="holds no soft truth"):
        plot_soft_truth(result, slice_number=500)
    with pytest.raises(TypeError, match="average_soft_truth"):
        plot_soft_truth(result.reference)


@pytest.mark.realdata
def test_real_masks_of_one_session_average_to_their_mean_area(shared_data):
    folder = shared_data / "real" / "sct_testing_data" / "mt"
    masks = {"MT-on": folder / "mt1_seg.nii.gz", "MT-off": folder / "mt0_seg.nii.gz"}
    images = {"MT-on": folder / "mt1.nii.gz", "MT-off": folder / "mt0.nii.gz"}
    result = average_soft_truth(masks, images, reference="MT-on", progress=False)
    mean = np.mean([load_mask(m).get_fdata().sum() for m in masks.values()])
    for soft in result.native.values():
        assert soft.get_fdata().sum() == pytest.approx(mean, rel=0.01)


def test_images_with_nan_are_refused(session):
    scan = session["T1w"].get_fdata(dtype=np.float32)
    scan[:5] = np.nan
    images = {**session, "T1w": nib.Nifti1Image(scan, session["T1w"].affine)}
    with pytest.raises(ValueError, match=r"T1w image has .* NaN"):
        average_soft_truth(session, images, progress=False)


def test_a_deformation_that_nothing_drives_is_refused(session):
    flat = {n: nib.Nifti1Image(np.ones(m.shape, "f4"), m.affine) for n, m in session.items()}
    with pytest.raises(ValueError, match="deform=False"):
        average_soft_truth(session, flat, deform=True, progress=False)


def test_no_slice_keeps_a_part_of_its_section_where_the_reference_ends():
    """A short reference, oblique by 15°, and a long upright cord."""
    x, y, _ = np.indices((48, 48, 60))
    upright = np.eye(4)
    upright[:3, 3] = -24, -24, -30
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("x", 15, degrees=True).as_matrix()
    oblique = turn @ np.array([[1, 0, 0, -24], [0, 1, 0, -24], [0, 0, 1, -15], [0, 0, 0, 1.0]])
    a, b, c = np.indices((48, 48, 31))
    at = nib.affines.apply_affine(oblique, np.stack([a, b, c], axis=-1))
    masks = {
        "T1w": nib.Nifti1Image((np.hypot(x - 24, y - 24) < 5.9).astype("u1"), upright),
        "T2w": nib.Nifti1Image((np.hypot(at[..., 0], at[..., 1]) < 5.9).astype("u1"), oblique),
    }
    area = average(masks).native["T1w"].get_fdata().sum(axis=(0, 1))
    assert (area > 0).sum() > 20
    np.testing.assert_allclose(area[area > 0], 109, rtol=0.03)


def test_the_outer_halves_of_thick_slices_are_covered():
    x, y, _ = np.indices((30, 30, 40))
    thin = np.eye(4)
    thick = np.diag([1, 1, 5.0, 1])
    thick[2, 3] = 2.0
    mask = (np.hypot(x - 15, y - 15) < 5.9).astype("u1")
    masks = {
        "T1w": nib.Nifti1Image(mask, thin),
        "T2w": nib.Nifti1Image(mask[..., :8], thick),
    }
    area = average(masks).native["T1w"].get_fdata().sum(axis=(0, 1))
    np.testing.assert_allclose(area, 109, rtol=0.01)
