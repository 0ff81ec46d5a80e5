"""A comparison measures the same slices for all methods, survives bad images, repeats no work."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from importlib import import_module
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import cordviz as cv
from cordviz.simulation import simulate_subject
from cordviz.variability import compare_contrasts, comparison, sessions, simulated_raters
from cordviz.variability.study_images import StudyImages

COLUMNS = [
    "subject", "contrast", "method", "csa_mm2", "csa_hard_mm2", "truth_mm2", "n_slices",
    "n_missing", "told_contrast", "error", "note", "seconds", "mask", "image_sha256",
    "method_sha256", "levels_sha256", "version",
]  # fmt: skip


def phantom(spacing=(0.8, 0.8, 3.0), radius=5.0, codes="RAS", bright=False):
    """Image, exact soft mask and levels (C2 above z = 0, C3 below) of a straight cord."""
    half = np.array([16.0, 16.0, 30.0])
    shape = np.round(2 * half / spacing).astype(int)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -(shape - 1) / 2 * spacing
    fine = 8
    axes = [
        (np.arange(n * fine) + 0.5) / fine * s - n * s / 2
        for n, s in zip(shape[:2], spacing[:2], strict=True)
    ]
    disc = np.hypot(axes[0][:, None], axes[1]) <= radius
    soft = disc.reshape(shape[0], fine, shape[1], fine).mean(axis=(1, 3)).astype("f4")
    soft = np.repeat(soft[..., None], shape[2], axis=2)
    z = affine[2, 3] + np.arange(shape[2]) * spacing[2]
    levels = np.where(z > 0, 2, 3) * (np.abs(z) < 24) * (soft > 0.5)
    noise = np.random.default_rng(0).normal(0, 2, shape)
    data = (300 * soft if bright else 300 - 200 * soft) + noise
    images = [
        nib.Nifti1Image(d.astype(t), affine)
        for d, t in ((data, "f4"), (soft, "f4"), (levels, "u1"))
    ]
    if codes != "RAS":
        images = [cv.images.reorient(image, codes) for image in images]
    return images


@pytest.fixture(scope="module")
def pair():
    """One cord as T2w and, on another grid and orientation, as T1w."""
    t2, t2_mask, levels = phantom()
    t1, t1_mask, t1_levels = phantom((1.0, 1.0, 2.0), codes="PSR", bright=True)
    return {
        "images": {"T1w": t1, "T2w": t2},
        "masks": {"T1w": t1_mask, "T2w": t2_mask},
        "levels": {"T1w": t1_levels, "T2w": levels},
    }


def compare(pair, **options):
    defaults = {"methods": {"given": pair["masks"]}, "levels": pair["levels"], "cache": False}
    return compare_contrasts(pair["images"], **{**defaults, "progress": False, **options})


# What is measured


def test_areas_are_those_of_measure_shape_over_the_levels(pair):
    study = compare(pair)
    assert list(study) == COLUMNS
    for row in study.itertuples():
        table = cv.measure_shape(pair["masks"][row.contrast], levels=pair["levels"][row.contrast])
        assert row.csa_mm2 == pytest.approx(cv.mean_csa(table))
        assert row.n_slices == table["level"].isin([2, 3]).sum()
        assert (row.n_missing, row.error) == (0, "")


def test_soft_sum_and_area_cut_at_one_half_are_told_apart(pair):
    study = compare(pair)
    assert study["csa_mm2"].to_numpy() == pytest.approx(np.pi * 25, rel=0.002)
    mask = pair["masks"]["T2w"]
    hard = nib.Nifti1Image((mask.get_fdata() >= 0.5).astype("u1"), mask.affine)
    count = hard.get_fdata().sum(axis=(0, 1))[0] * 0.64
    assert study.set_index("contrast").loc["T2w", "csa_hard_mm2"] == pytest.approx(count)
    cut = compare(pair, methods={"hard": {"T2w": hard}}, contrasts=["T2w"]).iloc[0]
    assert cut["csa_mm2"] == pytest.approx(cut["csa_hard_mm2"])


def test_only_the_slices_of_the_levels_count(pair):
    """A mask that grows below C2 must not change the area over C2."""
    mask = pair["masks"]["T2w"]
    data = mask.get_fdata(dtype=np.float32).copy()
    data[12:28, 12:28, :8] = 1
    grown = {"grown": {"T2w": nib.Nifti1Image(data, mask.affine)}}
    options = {"contrasts": ["T2w"], "methods": [{"given": pair["masks"]}, grown]}
    upper = compare(pair, over=(2,), **options)["csa_hard_mm2"]
    assert upper.iloc[0] == pytest.approx(upper.iloc[1], rel=0.01)  # the centreline bends a little
    both = compare(pair, **options)["csa_mm2"]
    assert both.iloc[1] > 1.2 * both.iloc[0]


def test_levels_of_one_image_serve_all_grids(pair):
    own = compare(pair)
    carried = compare(pair, levels=pair["levels"]["T2w"])
    assert carried["csa_mm2"].to_numpy() == pytest.approx(own["csa_mm2"].to_numpy(), rel=1e-4)
    assert carried["n_slices"].tolist() == own["n_slices"].tolist()


def test_every_slice_counts_where_that_is_asked_for(pair):
    study = compare(pair, levels=None, over=None)
    assert study["n_slices"].tolist() == [30, 20]


def test_per_slice_rows_average_to_the_areas(pair):
    rows = compare(pair, per_slice=True)
    near = rows[rows["level"].isin([2, 3])].groupby("contrast")["area_mm2"].mean()
    study = compare(pair).set_index("contrast")["csa_mm2"]
    assert near.to_dict() == pytest.approx(study.to_dict())


def test_a_truth_is_measured_on_the_same_slices(pair):
    small = phantom(radius=4.0)[1]
    study = compare(pair, methods={"small": {"T2w": small}}, truth=pair["masks"], contrasts=["T2w"])
    assert study["truth_mm2"].iloc[0] == pytest.approx(np.pi * 25, rel=0.002)
    assert study["csa_mm2"].iloc[0] == pytest.approx(np.pi * 16, rel=0.002)


def test_a_truth_that_cannot_be_measured_is_a_note(pair):
    empty = phantom(radius=0.0)[1]
    row = compare(pair, truth={"T2w": empty}, contrasts=["T2w"]).iloc[0]
    assert row["csa_mm2"] == pytest.approx(np.pi * 25, rel=0.002)
    assert np.isnan(row["truth_mm2"])
    assert row["error"] == ""
    assert "No true area" in row["note"]


def test_four_dimensional_images_are_averaged(pair):
    image = pair["images"]["T2w"]
    series = np.stack([image.get_fdata(), image.get_fdata() + 1], axis=3)
    study = compare_contrasts(
        {"fMRI": nib.Nifti1Image(series, image.affine)},
        methods="propseg", levels=pair["levels"]["T2w"], cache=False, progress=False,
    )  # fmt: skip
    assert study["error"].tolist() == [""]
    assert study["csa_mm2"].iloc[0] == pytest.approx(np.pi * 25, rel=0.1)


@pytest.mark.parametrize(
    ("contrast", "told"), [("fMRI", "t2"), ("MT-on", "t2s"), ("MT-off", "t1"), ("DWI", "dwi")]
)
def test_specific_methods_are_told_the_closest_contrast_and_agnostic_none(
    pair, monkeypatch, contrast, told
):
    heard = {}

    def segment(image, *, method, contrast, progress):
        heard[method] = contrast
        return pair["masks"]["T2w"]

    monkeypatch.setattr(comparison, "segment_cord", segment)
    study = compare_contrasts(
        {contrast: pair["images"]["T2w"]}, methods=["propseg", "deepseg", "agnostic"],
        levels=pair["levels"]["T2w"], cache=False, progress=False,
    )  # fmt: skip
    assert heard == {"propseg": told, "deepseg": told, "agnostic": None}
    assert study["told_contrast"].tolist() == [told, told, ""]


# What is compared


def test_sessions_come_as_mapping_list_or_subjects(pair):
    images = {"T2w": pair["images"]["T2w"]}
    options = {"methods": {"given": pair["masks"]}, "levels": pair["levels"]["T2w"]}
    options |= {"cache": False, "progress": False}
    for session, names in (
        (images, ["subject"]),
        ([images, images], ["subject-01", "subject-02"]),
        ({"Ann": images, "Bob": images}, ["Ann", "Bob"]),
    ):
        assert compare_contrasts(session, **options)["subject"].tolist() == names


def test_levels_of_one_person_are_not_those_of_another(pair, tmp_path):
    people = {1: {"T2w": pair["images"]["T2w"]}, 2: {"T1w": pair["images"]["T1w"]}}
    options = {"methods": {"given": {1: pair["masks"], 2: pair["masks"]}}, "cache": tmp_path}
    one = compare_contrasts(people, levels=pair["levels"]["T2w"], progress=False, **options)
    assert one["error"].str.contains("one image for several people").tolist() == [False, True]
    meant = dict.fromkeys(people, pair["levels"]["T2w"])  # of one who lies alike
    assert not compare_contrasts(people, levels=meant, progress=False, **options)["error"].any()
    own = {1: pair["levels"]["T2w"], 2: pair["levels"]["T1w"]}
    both = compare_contrasts(people, levels=own, progress=False, **options)
    assert both["csa_mm2"].tolist() == pytest.approx([np.pi * 25] * 2, rel=0.01)


@pytest.mark.parametrize("given", ["levels", "truth", "masks"])
def test_keys_that_fit_nothing_are_refused(pair, given):
    wrong = {"T2W": pair["masks"]["T2w"]}
    options = {"methods": {"given": wrong}} if given == "masks" else {given: wrong}
    right = {given: pair["masks"]["T2w"]} if given == "truth" else {}
    assert not compare(pair, contrasts=["T1w"], **right)["error"].any()
    with pytest.raises(ValueError, match=r"T2W; there is none of these\. There are: subject, T1w"):
        compare(pair, **options)


def test_masks_and_levels_may_differ_by_subject(pair):
    small = phantom(radius=4.0)[1]
    people = {name: {"T2w": pair["images"]["T2w"]} for name in ("Ann", "Bob")}
    masks = {"Ann": {"T2w": pair["masks"]["T2w"]}, "Bob": {"T2w": small}}
    levels = dict.fromkeys(people, pair["levels"]["T2w"])
    study = compare_contrasts(
        people, methods={"given": masks}, levels=levels, cache=False, progress=False
    )
    assert study["csa_mm2"].tolist() == pytest.approx([np.pi * 25, np.pi * 16], rel=0.002)


def test_a_folder_brings_levels_from_discs_and_soft_truth(pair, tmp_path):
    image, mask, _ = phantom()
    anat = tmp_path / "sub-01" / "anat"
    anat.mkdir(parents=True)
    discs = np.zeros(image.shape, "u1")
    for label, z in ((2, 18), (3, 10), (4, 2)):
        discs[20, 28, z] = label
    for name, one in (
        ("sub-01_T2w", image),
        ("sub-01_T1w", pair["images"]["T1w"]),
        ("sub-01_T2w_label-SC_seg", mask),
        ("sub-01_T2w_label-SC_softseg", mask),
        ("sub-01_T2w_label-discs_dlabel", nib.Nifti1Image(discs, image.affine)),
    ):
        one.to_filename(anat / f"{name}.nii.gz")
    study = compare_contrasts(tmp_path, methods={"given": pair["masks"]}, progress=False)
    assert study["contrast"].tolist() == ["T1w", "T2w"]
    assert study["csa_mm2"].tolist() == pytest.approx([np.pi * 25] * 2, rel=0.002)
    assert study["truth_mm2"].isna().tolist() == [True, False]
    assert (study["n_slices"] > 5).all()


def test_a_mask_of_cordviz_beside_an_image_is_no_truth(pair, tmp_path):
    image, mask, levels = phantom()
    image.to_filename(tmp_path / "sub-01_T2w.nii.gz")
    options = {"methods": {"given": {"T2w": mask}}, "levels": levels, "progress": False}
    for method, known in (("agnostic", False), ("average_soft_truth", True)):
        mask.extra["cordviz"] = {"Method": method}
        cv.save_mask(mask, tmp_path / "sub-01_T2w_label-SC_softseg.nii.gz")
        study = compare_contrasts(tmp_path, cache=False, **options)
        assert study["truth_mm2"].notna().item() is known


def test_discs_and_levels_beside_an_image_count_without_a_mask(tmp_path):
    subject = simulate_subject(seed=7)
    image, truth = subject.acquire("T2w", fov=(28, 76, 100))
    stem = str(tmp_path / "sub-01_T2w")
    image.to_filename(f"{stem}.nii.gz")
    discs = subject.discs(image)
    moved = nib.Nifti1Image(
        np.asarray(discs.dataobj) + (np.asarray(discs.dataobj) > 0), discs.affine
    )
    moved.to_filename(f"{stem}_label-discs_dlabel.nii.gz")
    options = {"methods": {"true": {"T2w": truth}}, "cache": False, "progress": False}
    options["over"] = (4, 5)
    study = compare_contrasts(tmp_path, **options)
    assert study["note"].item() == ""
    wrong = cv.levels_from_discs(moved, truth)
    right = compare_contrasts({"T2w": image}, levels=wrong, **options)
    assert study["csa_mm2"].item() == pytest.approx(right["csa_mm2"].item(), rel=0.01)
    levels = subject.levels(image)
    levels.to_filename(f"{stem}_seg_labeled.nii.gz")
    study = compare_contrasts(tmp_path, **options)
    given = compare_contrasts({"T2w": image}, levels=levels, **options)
    assert study["csa_mm2"].item() == given["csa_mm2"].item()


def test_levels_as_text_are_refused_before_any_work(pair):
    with pytest.raises(ValueError, match="over must be a collection of whole numbers"):
        compare(pair, over="C2-C3")


def test_a_simulated_study_knows_its_levels_and_truth():
    study = cv.datasets.load_simulated_study(1)
    methods = [simulated_raters(study, convention=name) for name in ("published", "zero")]
    table = compare_contrasts(study, methods=methods, contrasts=["T2star"], progress=False)
    published, zero = table["csa_mm2"]
    assert table["method"].tolist() == [
        "simulated rater (published offsets)", "simulated rater (zero offsets)",
    ]  # fmt: skip
    assert table["truth_mm2"].iloc[0] == pytest.approx(
        np.mean([study["sim-01"].csa_mm2[level] for level in (2, 3)]), rel=0.02
    )
    assert published > zero + 2  # T2*w is drawn 0.16 mm too wide: about 4.5 mm²


# What goes wrong


def test_a_failed_image_is_a_row_with_its_reason(pair, tmp_path):
    (bad := tmp_path / "bad.nii.gz").write_bytes(b"not an image")
    noise = np.random.default_rng(0).normal(100, 5, (40, 40, 20)).astype("f4")
    images = {
        "T2w": pair["images"]["T2w"],
        "T1w": bad,
        "DWI": nib.Nifti1Image(noise, pair["images"]["T2w"].affine),
        "MT-on": tmp_path / "missing.nii.gz",
    }
    study = compare_contrasts(
        images, methods=["propseg", {"given": {"T2w": pair["masks"]["T2w"]}}],
        levels=pair["levels"]["T2w"], cache=False, progress=False,
    ).set_index(["contrast", "method"])  # fmt: skip
    assert study["csa_mm2"].notna().sum() == 2
    reasons = study["error"].to_dict()
    assert reasons["T2w", "propseg"] == reasons["T2w", "given"] == ""
    assert "not NIfTI" in reasons["T1w", "propseg"]
    assert "cord" in reasons["DWI", "propseg"]
    assert "missing.nii.gz" in reasons["MT-on", "propseg"]
    assert "no mask" in reasons["DWI", "given"]
    hashes = study["image_sha256"].to_dict()
    assert hashes["DWI", "given"] == hashes["DWI", "propseg"] != ""


def test_levels_that_nobody_gave_are_found_with_their_confidence_or_missing_with_a_reason(tmp_path):
    """One person has a T2w image, which shows discs; the other has T2*w only."""
    subject = simulate_subject(seed=7)
    image, truth = subject.acquire("T2w", fov=(28, 76, 130))
    thick, thick_truth = subject.acquire("T2star", fov=(30, 30, 130))
    people = {"seen": {"T2star": thick, "T2w": image}, "unseen": {"T2star": thick}}
    masks = {"true": {who: {"T2star": thick_truth, "T2w": truth} for who in people}}
    options = {"methods": masks, "cache": tmp_path / "kept", "progress": False}
    study = compare_contrasts(people, **options).set_index(["subject", "contrast"])
    for contrast, given in (("T2w", image), ("T2star", thick)):
        row = study.loc[("seen", contrast)]
        assert "discs found on T2w, confidence 0." in row["note"] or "1.00" in row["note"]
        right = compare_contrasts(
            {contrast: given}, methods={"true": {contrast: masks["true"]["seen"][contrast]}},
            levels=subject.levels(given), cache=False, progress=False,
        )  # fmt: skip
        assert row["error"] == right["error"].iloc[0] == ""
        assert row["csa_mm2"] == pytest.approx(right["csa_mm2"].iloc[0], rel=0.02)
    missing = study.loc[("unseen", "T2star")]
    assert "levels are unknown: there is no T1w or T2w" in missing["error"]
    assert np.isnan(missing["csa_mm2"])
    again = compare_contrasts(people, **options).set_index(["subject", "contrast"])
    pd.testing.assert_frame_equal(study.drop(columns="seconds"), again.drop(columns="seconds"))
    records = [json.loads(file.read_text()) for file in (tmp_path / "kept").glob("*_levels.json")]
    assert len(records) == 1
    assert records[0]["confidence"] > 0.7


def test_warnings_become_notes(pair):
    mask = pair["masks"]["T2w"]
    data = mask.get_fdata(dtype=np.float32).copy()
    data[..., 9] = 0
    gap = {"gap": {"T2w": nib.Nifti1Image(data, mask.affine)}}
    study = compare(pair, methods=gap, contrasts=["T2w"])
    assert "gap" in study["note"].iloc[0]
    assert study["n_missing"].iloc[0] == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"methods": "propsegg"}, ValueError, "Did you mean 'propseg'"),
        ({"methods": []}, ValueError, "at least one method"),
        ({"methods": {"given": 3}}, TypeError, "contrast: mask"),
        ({"methods": ["agnostic", {"agnostic": {}}]}, ValueError, "twice"),
        ({"levels": None}, ValueError, "levels are unknown"),
        ({"over": 5}, TypeError, "over must be levels"),
        ({"contrasts": ["T2star"]}, ValueError, "contrasts must be one of"),
    ],
)
def test_bad_input_is_refused_before_any_work(pair, options, error, message):
    with pytest.raises(error, match=message):
        compare(pair, **options)


def test_bad_sessions_are_refused(pair, tmp_path):
    with pytest.raises(TypeError, match="simulated study; got int"):
        compare_contrasts(3)
    with pytest.raises(ValueError, match="at least one image"):
        compare_contrasts([])
    with pytest.raises(FileNotFoundError, match="no folder"):
        compare_contrasts(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="unknown"):
        compare_contrasts({"wobble": pair["images"]["T2w"]}, methods="propseg")


# The cache


def test_a_second_run_computes_nothing(pair, tmp_path, monkeypatch):
    options = {"methods": ["propseg", {"given": pair["masks"]}], "cache": tmp_path / "kept"}
    first = compare(pair, **options)
    assert first["error"].tolist() == [""] * 4

    def never(*args, **kwargs):
        raise AssertionError("computed again")

    for name in ("segment_cord", "measure_shape", "mean_csa"):
        monkeypatch.setattr(comparison, name, never)
    again = compare(pair, **options)
    pd.testing.assert_frame_equal(first, again)
    assert all(Path(file).is_file() for file in again["mask"])


def test_what_may_work_the_next_time_is_tried_again(pair, tmp_path, monkeypatch):
    options = {"cache": tmp_path, "contrasts": ["T2w"]}

    def full(*_, **__):
        raise ValueError("cannot be read") from MemoryError("Unable to allocate")

    with monkeypatch.context() as patch:
        patch.setattr(comparison, "measure_shape", full)
        assert compare(pair, **options)["error"].item() == "cannot be read"
    first = compare(pair, **options)
    assert first["error"].item() == ""
    for damaged in tmp_path.iterdir():
        damaged.write_bytes(damaged.read_bytes()[:40])
    again = compare(pair, **options)
    assert (again["error"].item(), again["csa_mm2"].item()) == ("", first["csa_mm2"].item())


def test_whatever_changes_is_measured_again(pair, tmp_path):
    cache = {"cache": tmp_path / "kept", "contrasts": ["T2w"]}
    first = compare(pair, **cache)["csa_mm2"].iloc[0]
    small = {"given": {"T2w": phantom(radius=4.0)[1]}}
    assert compare(pair, methods=small, **cache)["csa_mm2"].iloc[0] < 0.8 * first
    levels = pair["levels"]["T2w"]
    upper = nib.Nifti1Image(np.asarray(levels.dataobj) * (np.arange(20) > 14), levels.affine)
    assert compare(pair, levels=upper, over=(2,), **cache)["n_slices"].iloc[0] == 3
    changed = {"T2w": nib.Nifti1Image(pair["images"]["T2w"].get_fdata() + 1, levels.affine)}
    study = compare_contrasts(
        changed, methods={"given": pair["masks"]}, levels=levels, cache=tmp_path / "kept",
        progress=False,
    )  # fmt: skip
    assert study["image_sha256"].iloc[0] != compare(pair, **cache)["image_sha256"].iloc[0]


def test_changed_weights_never_meet_old_masks(monkeypatch):
    item = sessions.Item("s", "T2w", None)
    hashes = {m: comparison._method_hash(m, item) for m in ("propseg", "agnostic")}
    assert len(set(hashes.values())) == 2
    weights = Path(comparison.__file__).parents[1] / "segmentation" / "weights" / "agnostic.pt"
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda p: b"new" if p == weights else read(p))
    comparison.code_hash.cache_clear()
    after = {m: comparison._method_hash(m, item) for m in ("propseg", "agnostic")}
    comparison.code_hash.cache_clear()
    assert after["propseg"] == hashes["propseg"]
    assert after["agnostic"] != hashes["agnostic"]


def test_changed_rules_of_raters_never_meet_old_masks(monkeypatch):
    item, drawn = sessions.Item("s", "T2w", None), sessions.Derived(print, "T2w")
    before = comparison.hash_of(drawn, item)
    rules = Path(import_module("cordviz.simulation.raters").__file__)
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda p: b"new" if p == rules else read(p))
    comparison.code_hash.cache_clear()
    after = comparison.hash_of(drawn, item)
    comparison.code_hash.cache_clear()
    assert after != before


@pytest.mark.parametrize(
    "module", ["morphometry.measure", "morphometry.convexity", "centerline", "levels", "images"]
)
def test_changed_code_never_meets_old_areas(module, monkeypatch):
    fingerprint = comparison.code_hash.__wrapped__
    before = fingerprint(*comparison._MEASURE)
    source = Path(import_module(f"cordviz.{module}").__file__)
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda p: b"new" if p == source else read(p))
    assert fingerprint(*comparison._MEASURE) != before


def test_killed_half_way_it_goes_on_where_it_was(pair, tmp_path):
    """SIGKILL while the second image is being segmented: no handler, no clean-up."""
    for name in ("images", "masks"):
        for contrast, image in pair[name].items():
            image.to_filename(tmp_path / f"{name}_{contrast}.nii.gz")
    pair["levels"]["T2w"].to_filename(tmp_path / "levels.nii.gz")
    script = textwrap.dedent("""
        import sys, time
        import cordviz as cv
        from cordviz.variability import comparison
        done, segment = [], comparison.segment_cord
        def counted(image, **options):
            if len(done) == int(sys.argv[1]):
                print("busy", flush=True)
                time.sleep(600)
            done.append(1)
            return segment(image, **options)
        comparison.segment_cord = counted
        images = {c: f"images_{c}.nii.gz" for c in ("T1w", "T2w")}
        study = cv.compare_contrasts(images, methods="propseg", levels="levels.nii.gz",
                                     cache="kept", progress=False)
        print(len(done), study.csa_mm2.notna().sum())
    """)
    run = [sys.executable, "-c", script]
    place = {"cwd": tmp_path, "text": True, "env": dict(os.environ)}
    with subprocess.Popen([*run, "1"], stdout=subprocess.PIPE, **place) as first:
        assert first.stdout.readline() == "busy\n"
        first.kill()
    assert first.returncode == -signal.SIGKILL
    kept = list((tmp_path / "kept").iterdir())
    assert kept
    for file in kept:  # whole files only
        json.loads(file.read_text()) if file.suffix == ".json" else nib.load(file).get_fdata()
    second = subprocess.run([*run, "9"], capture_output=True, **place)
    assert second.stdout.split() == ["1", "2"], second.stderr


# In parallel


def test_a_dask_cluster_gives_the_same_study(pair, tmp_path):
    import joblib
    from dask.distributed import Client, LocalCluster

    serial = compare(pair, methods="propseg").drop(columns="seconds")
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=tmp_path,
    )  # fmt: skip
    with cluster, Client(cluster) as client, joblib.parallel_config(backend="dask"):
        before = client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter)
        spread = compare(pair, methods="propseg").drop(columns="seconds")
        after = client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter)
    pd.testing.assert_frame_equal(serial, spread)
    assert after > before  # it was the cluster that worked


# Real masks


@pytest.mark.realdata
def test_real_masks_give_the_areas_of_the_reference(shared_data):
    """SCT's own figures for every hard mask of gm_challenge and of spinegeneric.

    The study's arithmetic is exact, SCT's rounds the size of each slice to 0.1 mm: up to 0.5 %
    apart on these masks. With SCT's arithmetic, `measure_shape` gives the figures themselves.
    """
    folder = shared_data / "reference" / "sct_process_segmentation"
    runs = json.loads((folder / "manifest.json").read_text())["runs"]
    expected, masks, as_sct = {}, {}, {}
    for run in runs:
        if run["csv"].endswith("__whole.csv") and run["csv"].startswith(
            ("gmchallenge", "spinegen")
        ):
            name = run["csv"].removesuffix("__whole.csv")
            contrast = "T1w" if "_T1w" in name else "T2w" if "_T2w" in name else "T2star"
            expected[name] = float(pd.read_csv(folder / run["csv"])["MEAN(area)"].iloc[0])
            mask = shared_data / "real" / run["mask"]
            masks[name] = {contrast: mask}
            as_sct[name] = cv.measure_shape(mask, normalize_slices=True)["area_mm2"].mean()
    assert len(masks) == 31
    study = compare_contrasts(
        masks, methods={"manual": masks}, over=None, cache=False, progress=False
    ).set_index("subject")
    assert (study["error"] == "").all()
    assert as_sct == pytest.approx(expected, rel=1e-6)
    assert study["csa_mm2"].to_dict() == pytest.approx(expected, rel=0.005)


# What can be wrong with what is given beside the images


def test_b_values_that_came_late_are_read(tmp_path):
    image, _, levels = phantom(bright=True)
    series = np.repeat(image.get_fdata(dtype="f4")[..., None], 3, axis=3)
    file = tmp_path / "sub-01_dwi.nii.gz"
    nib.Nifti1Image(series, image.affine).to_filename(file)
    options = {"methods": ["propseg"], "levels": levels, "progress": False}
    options["cache"] = tmp_path / "cache"
    assert "b-values" in compare_contrasts({"DWI": file}, **options)["error"].item()
    (tmp_path / "sub-01_dwi.bval").write_text("0 800 800")
    assert compare_contrasts({"DWI": file}, **options)["error"].item() == ""


def test_how_a_series_is_reduced_is_part_of_what_is_kept(pair):
    image = pair["images"]["T2w"]
    data = image.get_fdata(dtype="f4")
    series = nib.Nifti1Image(np.stack([data, 3 * data], axis=-1), image.affine)
    rms, mean = (sessions.Item("p", name, series) for name in ("T2star", "fMRI"))
    assert rms.loaded.get_fdata().mean() > 1.05 * mean.loaded.get_fdata().mean()
    assert comparison._reduction(rms) != comparison._reduction(mean)


def test_a_slice_that_never_reaches_one_half_has_no_hard_area():
    image, mask, levels = phantom()
    faint = mask.get_fdata(dtype="f4")
    faint[..., : faint.shape[2] // 2] *= 0.4
    given = {"T2w": nib.Nifti1Image(faint, mask.affine)}
    options = {"methods": {"faint": given}, "levels": levels, "cache": False, "progress": False}
    study = compare_contrasts({"T2w": image}, **options)
    whole = compare_contrasts({"T2w": image}, **{**options, "methods": {"whole": {"T2w": mask}}})
    assert study["csa_hard_mm2"].item() == pytest.approx(whole["csa_hard_mm2"].item())


@pytest.mark.parametrize("cached", [True, False])
def test_a_truth_that_is_not_there_is_a_note(pair, tmp_path, cached):
    truth = {"T1w": tmp_path / "none.nii.gz"}
    row = compare(pair, contrasts=["T1w"], truth=truth, cache=tmp_path if cached else False)
    assert row["csa_mm2"].item() == pytest.approx(np.pi * 25, rel=0.01)
    assert row["error"].item() == ""
    assert "No true area" in row["note"].item()


def test_what_is_doubtful_of_the_truth_is_said_of_all_methods(pair):
    gap = pair["masks"]["T2w"].get_fdata(dtype="f4")
    gap[..., 10] = 0
    truth = {"T2w": nib.Nifti1Image(gap, pair["masks"]["T2w"].affine)}
    methods = {name: pair["masks"] for name in ("a", "b")}
    notes = compare(pair, contrasts=["T2w"], methods=methods, truth=truth)["note"]
    assert all("Truth: Slices 10: there is a gap" in note for note in notes)


def test_levels_of_one_contrast_only_say_what_is_missing(pair):
    study = compare(pair, levels={"T2w": pair["levels"]["T2w"]}).set_index("contrast")
    assert "levels= has no map for T1w" in study.loc["T1w", "error"]
    assert study.loc["T2w", "error"] == ""


def test_a_study_keeps_its_levels_whatever_comes_after(pair):
    first = compare(pair)
    before = StudyImages(first).levels("subject", "T2w")
    other = {
        name: nib.Nifti1Image((np.asarray(one.dataobj) > 0) * np.uint8(2), one.affine)
        for name, one in pair["levels"].items()
    }
    compare(pair, levels=other, over=(2,))
    assert StudyImages(first).levels("subject", "T2w") == before
    assert set(before) == {0, 2, 3}


def test_levels_off_by_a_rounded_header_are_carried_over(pair):
    image, mask, levels = phantom()
    moved = [one.affine.copy() for one in (image, levels)]
    moved[0][2, 3], moved[1][2, 3] = -300, -299.9985
    image, mask = (nib.Nifti1Image(np.asarray(one.dataobj), moved[0]) for one in (image, mask))
    levels = nib.Nifti1Image(np.asarray(levels.dataobj), moved[1])
    options = {"levels": levels, "cache": False, "progress": False}
    study = compare_contrasts({"T2w": image}, methods={"given": {"T2w": mask}}, **options)
    assert study["error"].item() == ""
