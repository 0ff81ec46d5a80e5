"""Training: truths keep their area, a minute of it works, and it goes on where it stopped."""

import copy
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

import cordviz as cv
from cordviz.images import reorient, spacing_mm, voxels
from cordviz.segmentation import WEIGHTS
from cordviz.segmentation.inference import segment_soft
from cordviz.segmentation.network import Network, load_network, save_network
from cordviz.segmentation.sampling import cut_patches
from cordviz.training import calibration, synthesis
from cordviz.training import train as training
from cordviz.training.cutting import CONTRASTS, SIZE, _person, centers_of
from cordviz.training.patches import prepare
from cordviz.training.recipes import find_recipe, read_recipe
from cordviz.training.synthesis import synthesize

SHIPPED = WEIGHTS / "agnostic.pt"
RECIPE = (Path(training.__file__).parent / "smoke.toml").read_text()


def write(folder: Path, steps: int, checkpoint_s: int) -> Path:
    path = folder / "recipe.toml"
    path.write_text(
        RECIPE.replace("steps = 160", f"steps = {steps}")
        .replace("checkpoint_s = 5", f"checkpoint_s = {checkpoint_s}")
        .replace("slices = 6", "slices = 12")
    )
    return path


def tiny(folder: Path, train: str = "", others: str = "") -> Path:
    """Recipe of two steps, in the patches of `write`."""
    (path := folder / "tiny.toml").write_text(
        'extends = "smoke.toml"\n[network]\nwidths = [8, 16]\n[simulated]\nslices = 12\n'
        f"{others}\n[train]\nbatch = 2\n{train or 'steps = 2'}\n"
    )
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("patches")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, cache):
    """Folder of a short run."""
    out = tmp_path_factory.mktemp("run")
    recipe = write(out, steps=160, checkpoint_s=0)  # a line of the log for each step
    training.train(recipe, real=out, cache=cache, out=out, progress=False)
    return out


def examples(n=16, seed=0, **options):
    """Discs of cord in discs of canal."""
    at = torch.arange(SIZE) - (SIZE - 1) / 2
    r = torch.hypot(at[:, None], at)
    cord, canal = ((radius - r).clamp(0, 1).expand(n, -1, -1) for radius in (10, 17))
    image = 0.8 * canal - 0.5 * cord + 0.1
    generator = torch.Generator().manual_seed(seed)
    return synthesize(image, cord, canal, size=96, generator=generator, **options)


def rim_of(truth):
    """The pixels full of cord that are nearest to its edge."""
    return (truth > 0.95) & (torch.nn.functional.avg_pool2d(truth, 7, 1, 3) < 0.8)


def test_synthesis_keeps_soft_truths_and_changes_contrast():
    x, truth = examples(256)
    assert x.shape == truth.shape == (256, 1, 96, 96)
    assert x.isfinite().all()
    assert truth.min() >= 0
    assert truth.max() <= 1.001
    area = truth.sum(dim=(1, 2, 3))
    assert area.mean() == pytest.approx(np.pi * 9.5**2, rel=0.15)
    inside, ring = (truth > 0.9), (truth == 0)
    brighter = (x * inside).sum((1, 2, 3)) / inside.sum((1, 2, 3)) > (x * ring).sum(
        (1, 2, 3)
    ) / ring.sum((1, 2, 3))
    assert 0.2 < brighter.float().mean() < 0.8


def test_natural_examples_keep_their_contrast():
    x, truth = examples(256, natural=1.0)
    inside = rim_of(truth)  # grey matter, in the middle, changes
    cord = (x * inside).sum((1, 2, 3)) / inside.sum((1, 2, 3))
    kept = (cord - 0.4).abs() < 0.15  # of 0.8 - 0.5 + 0.1, brightness changed a little
    assert 0.86 < kept.float().mean() < 0.98  # the others look diffusion-weighted
    assert (cord[~kept] > 0.55).all()  # a bright cord


def test_fluid_is_as_bright_as_the_cord_in_a_few_examples():
    x, truth = examples(256, natural=1.0)
    inside = rim_of(truth)
    ring = (truth == 0) & (torch.nn.functional.max_pool2d(truth, 5, 1, 2) > 0.5)
    cord, fluid = ((x * w).sum((1, 2, 3)) / w.sum((1, 2, 3)) for w in (inside, ring))
    faint = (fluid - cord).abs() < 0.2  # of 0.5
    assert 0.03 < faint.float().mean() < 0.25


def test_a_cord_lies_anywhere_in_its_canal():
    cord = examples(64)[1]
    draw = synthesis._Draw(64, torch.Generator().manual_seed(0))
    canal = synthesis._guess_canal(cord, torch.zeros_like(cord), draw)
    assert (canal >= cord).all()
    at = torch.arange(96.0)
    middle = [(m.sum(3) @ at / m.sum((2, 3))).flatten() for m in (cord, canal)]
    off = (middle[1] - middle[0])[cord.sum((1, 2, 3)) > 50]
    assert off.mean().abs() < 0.6
    assert 0.8 < off.std() < 4  # pixels


def test_grey_matter_changes_and_the_edge_does_not():
    x, truth = examples(256, natural=1.0)
    core = torch.nn.functional.avg_pool2d(truth, 9, 1, 4) > 0.98
    means = [(x * w).sum((1, 2, 3)) / w.sum((1, 2, 3)).clamp(min=1) for w in (core, rim_of(truth))]
    differ = (means[0] - means[1]).abs()[core.any(3).any(2).any(1)]
    assert 0.1 < (differ > 0.05).float().mean() < 0.5


def test_the_same_seed_makes_the_same_examples():
    torch.testing.assert_close(examples(seed=5)[0], examples(seed=5)[0])


def test_the_loss_is_least_at_a_soft_truth():
    truth = torch.full((1, 1, 8, 8), 0.3)
    losses = [training.soft_loss(torch.logit(truth + d), truth) for d in (-0.1, 0.0, 0.1)]
    assert losses[1] < min(losses[0], losses[2])


def test_the_loss_of_the_area_feels_an_edge_that_is_moved():
    truth = torch.zeros(1, 1, 32, 32)
    truth[..., 8:24, 8:24] = 1
    wider = torch.nn.functional.max_pool2d(truth, 3, 1, 1)
    losses = [training.area_loss(20 * (m - 0.5), truth) for m in (truth, wider, 0 * truth)]
    assert losses[0] < 1e-6 < losses[1] < losses[2]


def test_stored_truths_have_the_area_of_the_simulated_cord(cache, trained):
    for seed in (1_000_000, 1_000_001):
        (path,) = cache.glob(f"*/sim-{seed}.pt")
        area = torch.load(path, weights_only=True)["cord"].float().sum((1, 2)) / 255 * 0.36
        norms = cv.simulate_subject(seed).csa_mm2.values()
        assert 0.8 * min(norms) < area.median() < 1.2 * max(norms)


def test_all_contrasts_of_a_session_share_the_mean_of_their_raters(cache, trained):
    (path,) = cache.glob("*/sim-1000000.pt")
    part = torch.load(path, weights_only=True)
    each = {c: part["contrast"] == c for c in part["contrast"].unique()}
    assert len(each) == 6
    soft = [part["soft"][of].float() for of in each.values()]
    for other in soft[1:]:
        torch.testing.assert_close(other, soft[0])
    mean = torch.stack([part["hard"][of].float() for of in each.values()]).mean(dim=0)
    torch.testing.assert_close(soft[0], mean, atol=1.5, rtol=0)
    areas = [part["hard"][of].float().sum() for of in each.values()]
    assert max(areas) > 1.05 * min(areas)  # raters differ by convention


def test_a_recipe_draws_the_contrasts_and_the_truth_that_it_names(cache, trained):
    settings = read_recipe(find_recipe("smoke"))
    settings["simulated"] |= {"slices": 12}
    files = prepare(settings, cache, cache, progress=False)
    everything, _ = training.load_patches(files, settings)
    settings["train"] |= {"contrasts": ["T2w"], "truth": "hard"}
    chosen, odds = training.load_patches(files, settings)
    assert 0 < len(chosen["truth"]) == odds.shape[1] < len(everything["truth"])
    (path,) = cache.glob("*/sim-1000000.pt")
    part = torch.load(path, weights_only=True)
    torch.testing.assert_close(chosen["truth"], part["hard"][part["contrast"] == 1])


def test_a_recipe_draws_hard_contrasts_more_often_in_the_end(cache, trained):
    settings = read_recipe(find_recipe("smoke"))
    settings["simulated"] |= {"slices": 12, "odds_late": {"T2star": 4}}
    files = prepare(settings, cache, cache, progress=False)
    _, odds = training.load_patches(files, settings)
    parts = [torch.load(path, weights_only=True)["contrast"] for path in files["simulated"]]
    hard = torch.cat(parts) == CONTRASTS.index("T2star")
    early, late = (float(of[hard].sum() / of[~hard].sum()) for of in odds)
    assert late == pytest.approx(4 * early, rel=1e-4)


def test_what_is_never_drawn_is_left_out(tmp_path):
    files = {"real": [tmp_path / "a-1.pt"], "simulated": [tmp_path / "sim-1.pt"], "labels": []}
    for n, path in ((5, files["real"][0]), (3, files["simulated"][0])):
        part = {"image": torch.full((n, 4, 4), n), "cord": torch.zeros(n, 4, 4)}
        torch.save(part | {"contrast": torch.zeros(n, dtype=torch.uint8)}, path)
    settings = {"train": {}, "simulated": {"share": 1.0}, "real": [{"name": "a", "share": 0.0}]}
    patches, odds = training.load_patches(files, settings)
    assert odds.shape == (2, 3)
    assert (patches["image"] == 3).all()
    assert len(patches["image"]) == 3


def test_recipes_build_on_others():
    base, specific = (read_recipe(find_recipe(n)) for n in ("agnostic", "t2s"))
    assert specific["real"] == base["real"]
    assert specific["train"]["batch"] == base["train"]["batch"]
    assert specific["train"]["contrasts"] == ["T2star"]


def test_a_copy_of_a_recipe_is_read_alike(tmp_path):
    for shipped in sorted(Path(training.__file__).parent.glob("*.toml")):
        (tmp_path / shipped.stem).mkdir()  # whatever it extends is not beside it
        path = tmp_path / shipped.stem / shipped.name
        path.write_text(shipped.read_text())
        assert read_recipe(path) == read_recipe(shipped)
    path.write_text(f'extends = "{path.name}"')  # the shipped one, not itself
    assert read_recipe(path) == read_recipe(shipped)
    path.write_text('extends = "nowhere.toml"')
    with pytest.raises(FileNotFoundError, match=r"nowhere.toml.*beside it"):
        read_recipe(path)
    path.write_text('extends = "other.toml"')
    path.with_name("other.toml").write_text(f'extends = "../{path.parent.name}/{path.name}"')
    with pytest.raises(FileNotFoundError, match=r"extends this one"):
        read_recipe(path)


@pytest.mark.parametrize(
    ("added", "error", "said"),
    [
        ("[train]\nstep = 3", ValueError, "Did you mean 'steps'"),
        ("[trian]\nsteps = 3", ValueError, "Did you mean 'train'"),
        ('[train]\ntruth = "Soft"', ValueError, "Did you mean 'soft'"),
        ('[train]\ncontrasts = ["T2W"]', ValueError, "Did you mean 'T2w'"),
        ("[simulated]\nodds_late = { T2starw = 4 }", ValueError, "Did you mean 'T2star'"),
        ("[calibration]\ncentre = true", ValueError, "Did you mean 'center'"),
        ('[train]\nsteps = "3"', TypeError, "train steps must be a whole number, got '3'"),
        ("[train]\nbatch = true", TypeError, "train batch must be a whole number"),
        ('[real]\nname = "x"', TypeError, "real must be a list"),
        ('[[real]]\nname = "x"', ValueError, "real 1 needs the key 'contrast'"),
    ],
)
def test_a_recipe_is_checked_when_it_is_read(tmp_path, added, error, said):
    path = tmp_path / "recipe.toml"
    path.write_text(f'extends = "smoke.toml"\n{added}')
    with pytest.raises(error, match=rf"recipe.toml: .*{said}"):
        read_recipe(path)


def test_each_fold_leaves_out_what_the_other_learns_from():
    whole, *folds = (read_recipe(find_recipe(n)) for n in ("agnostic", "fold_1", "fold_2"))
    left_out = [fold.pop("left_out") for fold in folds]
    assert sorted(left_out[0] + left_out[1]) == sorted(case["name"] for case in whole["real"])
    people = [
        {case["image"].split("/t2/")[0].split("Ses")[0] for case in whole["real"]
         if case["name"] in names} for names in left_out
    ]  # fmt: skip
    assert not people[0] & people[1]
    assert folds[0] == folds[1]
    assert all(folds[0][k] == whole[k] for k in ("seed", "real", "simulated", "labels"))
    assert folds[0]["network"] == whole["network"] | {"members": 1}


def test_people_left_out_are_not_cut(tmp_path):
    recipe = {"real": [{"name": "someone"}, {"name": "another"}], "left_out": ["someone"]}
    with pytest.raises(KeyError):  # of the other one, who has no image
        prepare(recipe, tmp_path, tmp_path, progress=False)
    recipe["left_out"].append("another")
    assert prepare(recipe, tmp_path, tmp_path, progress=False)["real"] == []
    recipe["left_out"].append("nobody")
    with pytest.raises(ValueError, match=r"nobody, .* named someone, another"):
        prepare(recipe, tmp_path, tmp_path, progress=False)


def test_all_networks_that_are_compared_have_the_same_budget():
    budgets = {
        tuple(read_recipe(find_recipe(n))["train"][k] for k in ("steps", "rate"))
        for n in ("soft_truth", "t1", "t2", "t2s", "dwi")
    }
    assert len(budgets) == 1


def test_a_folder_of_spine_generic_becomes_training_data(tmp_path, monkeypatch):
    image, truth = cv.simulate_subject(5).acquire("MT-on", fov=(40, 40, 30))
    stem, labels = "sub-x01_flip-1_mt-on_MTS", tmp_path / "derivatives"
    for folder, name, what in (
        (tmp_path, stem, image),
        (labels / "labels_softseg", f"{stem}_label-SC_softseg", truth),
        (labels / "labels", f"{stem}_label-SC_seg", truth),
    ):
        path = folder / "sub-x01" / "anat" / f"{name}.nii.gz"
        path.parent.mkdir(parents=True)
        nib.save(what, path)
    recipe = {"spine_generic": {"folder": ".", "slices": 4}}
    monkeypatch.chdir(tmp_path.parent)
    relative = Path(tmp_path.name)
    (path,) = prepare(recipe, relative, tmp_path / "cache", progress=False)["real"]
    part = torch.load(path, weights_only=True)
    assert part["contrast"].tolist() == [3] * 4
    assert set(part) == {"image", "contrast", "cord", "hard"}


def test_what_is_no_training_data_is_named(tmp_path):
    image, truth = cv.simulate_subject(5).acquire("T2w", fov=(40, 40, 20))
    broken = image.get_fdata(dtype=np.float32).copy()
    broken[3, 3, 3] = np.nan
    nib.save(nib.Nifti1Image(broken, image.affine), tmp_path / "nan.nii.gz")
    nib.save(image, tmp_path / "image.nii.gz")
    nib.save(truth, tmp_path / "mask.nii.gz")
    nib.save(truth.slicer[::2], tmp_path / "half.nii.gz")
    for case, said in (
        ({"image": "nan", "mask": "mask"}, "image nan has 1 NaN"),
        ({"image": "image", "mask": "half"}, "half has shape"),
    ):
        recipe = {"real": [case | {"name": "one", "contrast": "T2w"}]}
        with pytest.raises(ValueError, match=said):
            prepare(recipe, tmp_path, tmp_path / "cache", progress=False)
    with pytest.raises(ValueError, match="nothing to learn from"):
        training.load_patches({"real": [], "simulated": [], "labels": []}, {"train": {}})
    with pytest.raises(FileNotFoundError, match="No image with its masks"):
        prepare({"spine_generic": {"folder": "."}}, tmp_path, tmp_path / "c", progress=False)


def test_patches_are_cut_anew_when_their_files_change(tmp_path):
    image, truth = cv.simulate_subject(5).acquire("T2w", fov=(40, 40, 30))
    other = nib.Nifti1Image(0.9 * truth.get_fdata(dtype=np.float32), truth.affine)
    folders = tmp_path / "one", tmp_path / "two"
    for folder in folders:
        folder.mkdir()
        nib.save(image, folder / "image.nii.gz")
        for name in ("mask", "PAM50_cord", "PAM50_csf"):
            nib.save(truth, folder / f"{name}.nii.gz")
    recipe = {
        "real": [{"name": "one", "contrast": "T2w", "image": "image", "mask": "mask"}],
        "labels": {"share": 0.1, "spinegeneric": ".", "pam50": "."},
    }

    def cut(folder):
        files = prepare(recipe, folder, tmp_path / "cache", progress=False)
        return {files[kind][0] for kind in ("real", "labels")}

    first = cut(folders[0])
    assert cut(folders[0]) == first
    assert not cut(folders[1]) & first
    nib.save(other, folders[0] / "mask.nii.gz")
    assert len(cut(folders[0]) & first) == 1
    nib.save(other, folders[0] / "PAM50_csf.nii.gz")
    assert not cut(folders[0]) & first


def test_people_kept_for_evaluation_are_refused(tmp_path):
    people = {"first_seed": 5, "subjects": 1, "scans": 1, "slices": 2}
    with pytest.raises(ValueError, match=r"below 1,000,000"):
        prepare({"simulated": people}, tmp_path, tmp_path)


def test_the_loss_falls(trained):
    loss = np.loadtxt(trained / "log.csv", delimiter=",", ndmin=2)[:, 1]
    assert len(loss) == 160
    assert loss[-10:].mean() < 0.7 * loss[:10].mean()


def test_a_minute_of_training_finds_the_cord_of_an_unseen_person(trained):
    image, mask = (reorient(i) for i in cv.simulate_subject(3).acquire("T2w", fov=(48, 48, 24)))
    truth, spacing = voxels(mask), spacing_mm(image)
    where = (spacing, centers_of(truth, spacing) + 1.5, 96)
    x = torch.from_numpy(cut_patches(voxels(image), *where))[:, None]
    target = torch.from_numpy(cut_patches(truth, *where, mask=True))[:, None]
    torch.manual_seed(0)
    before = training.evaluate(Network([16, 32, 64]), x, target)
    after = training.evaluate(load_network(trained / "final.pt"), x, target)
    assert before["dice"] < 0.2
    assert after["dice"] > 0.7


def test_a_run_that_was_cut_off_goes_on_to_the_same_weights(tmp_path, cache, monkeypatch):
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    recipe = write(tmp_path, steps=8, checkpoint_s=150)  # none but at the interrupt
    options = {"real": tmp_path, "cache": cache, "progress": False}
    expected = training.train(recipe, out=whole, **options).state_dict()
    calls = iter(range(5))
    loss = training.soft_loss

    def cut_off(*arguments):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return loss(*arguments)

    monkeypatch.setattr(training, "soft_loss", cut_off)
    with pytest.raises(KeyboardInterrupt):
        training.train(recipe, out=halved, **options)
    monkeypatch.setattr(training, "soft_loss", loss)
    assert torch.load(halved / "checkpoint.pt", weights_only=True)["step"] == 5
    resumed = training.train(recipe, out=halved, **options).state_dict()
    for name, value in expected.items():
        torch.testing.assert_close(resumed[name], value)


def test_a_run_can_be_lengthened_but_goes_on_with_no_other_recipe(tmp_path, cache):
    for name, img in zip(("image", "mask"), cv.simulate_subject(5).acquire("T2w"), strict=True):
        nib.save(img, tmp_path / f"{name}.nii.gz")
    case = '[[validation]]\nname = "one"\nimage = "image"\nmask = "mask"\n'

    def run(train):
        recipe = tiny(tmp_path, train, case)
        training.train(recipe, real=tmp_path, cache=cache, out=tmp_path, progress=False)
        return json.loads((tmp_path / "final.json").read_text())

    card = run("steps = 2")
    assert card["validation"]["one"].keys() == {"dice", "area_ratio"}
    assert run("steps = 2") == card
    with pytest.raises(ValueError, match=r"train.rate was 0.005 and is 0.1. Take another folder"):
        run("steps = 2\nrate = 0.1")
    with pytest.raises(ValueError, match=r"train.steps is only 1"):
        run("steps = 1")
    longer = run("steps = 3\ncheckpoint_s = 9")
    assert longer["recipe"]["train"]["steps"] == 3
    assert longer["sha256"] != card["sha256"]


def test_weights_that_are_not_finite_are_not_kept(tmp_path, cache, monkeypatch):
    loss, factors = training.soft_loss, iter([1, 1, np.nan, 1])
    monkeypatch.setattr(training, "soft_loss", lambda *a: loss(*a) * next(factors))
    recipe = tiny(tmp_path, "steps = 4\ncheckpoint_s = 0")
    with pytest.raises(ValueError, match="By step 3 the weights are not finite"):
        training.train(recipe, real=tmp_path, cache=cache, out=tmp_path, progress=False)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 2
    assert not (tmp_path / "final.pt").exists()


def test_members_start_and_learn_by_themselves(tmp_path, cache):
    recipe = tmp_path / "recipe.toml"
    few = RECIPE.replace("[16, 32, 64]", "[8, 16]\nmembers = 2").replace("steps = 160", "steps = 4")
    recipe.write_text(few)
    training.train(recipe, real=tmp_path, cache=cache, out=tmp_path, progress=False)
    network = load_network(tmp_path / "final.pt")
    assert network.shape == {"widths": [8, 16], "members": 2}
    for a, b in zip(*(m.parameters() for m in network.members), strict=True):
        if a.ndim == 4:
            assert (a - b).abs().max() > 0.01


@pytest.mark.realdata
def test_targets_of_hard_masks_keep_their_area(shared_data, tmp_path):
    case = {
        "name": "t2s",
        "contrast": "T2star",
        "image": "sct_testing_data/t2s/t2s",
        "mask": "sct_testing_data/t2s/t2s_seg",
    }
    files = prepare({"real": [case]}, shared_data / "real", tmp_path)
    stored = torch.load(files["real"][0], weights_only=True)["cord"].double().sum((1, 2)) / 255
    mask = nib.load(shared_data / "real" / f"{case['mask']}.nii.gz")
    area = mask.get_fdata().sum(axis=(0, 1)) * np.prod(mask.header.get_zooms()[:2])
    np.testing.assert_allclose(stored * 0.36, area[area > 0], rtol=0.01)


def test_calibration_finds_what_the_errors_follow():
    rng = np.random.default_rng(0)
    area, softness = rng.uniform(40, 100, 4000), rng.uniform(0.8, 1.5, 4000)
    error = rng.normal(size=4000) * 0.02 * area * softness**5
    share, power = calibration._fit(area, softness, error)
    np.testing.assert_allclose([share, power], [0.02, 5], rtol=0.06)


def test_calibration_does_not_depend_on_an_earlier_one(tmp_path):
    found = []
    for k, earlier in enumerate(([0.03, 4.0], [0.2, 0.0])):
        network = copy.deepcopy(load_network(SHIPPED))
        network.area_sd = torch.tensor(earlier)
        save_network(network, path := tmp_path / f"{k}.pt")
        found.append(calibration.calibrate(path, contrasts=["T2w"], people=1, progress=False))
        np.testing.assert_allclose(load_network(path).area_sd, found[-1], rtol=1e-2)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-3)


def test_centering_brings_back_the_areas_of_an_edge_that_was_moved(tmp_path):
    image, _ = cv.simulate_subject(3).acquire("T2w", fov=(64, 64, 30))
    areas = []
    network = copy.deepcopy(load_network(SHIPPED))
    for move in (0.0, -0.6):
        with torch.no_grad():
            for member in network.members:
                member.head.bias += move
        save_network(network, path := tmp_path / f"{move}.pt")
        calibration.calibrate(path, contrasts=["T2w"], people=1, center=True, progress=False)
        areas.append(segment_soft(voxels(reorient(image)), np.full(3, 0.8), path)[0].sum())
    assert areas[1] == pytest.approx(areas[0], rel=0.015)  # 7 % apart before


def test_areas_of_people_to_learn_from_vary_beyond_the_norms():
    seeds = range(1_000_000, 1_000_040)
    area = np.array([[_person(s)[0].csa_mm2[3], cv.simulate_subject(s).csa_mm2[3]] for s in seeds])
    times = area[:, 0] / area[:, 1]
    assert 0.6 < times.min() < 0.75
    assert 1.2 < times.max() < 1.36
    assert abs(np.log(times).mean() + 0.05) < 0.1
