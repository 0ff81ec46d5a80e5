"""benchmarks/evaluate.py: what counts as seen, as missed, and as ready to start."""

import importlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest


@pytest.fixture
def evaluate(monkeypatch, tmp_path):
    """The benchmark, on the weights of an empty folder."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    module = importlib.import_module("evaluate")
    monkeypatch.setattr(module.segmentation, "WEIGHTS", tmp_path)
    module.seen_by.cache_clear()
    return module


def write_card(folder, file, name, images=(), **recipe):
    real = {"real": [{"name": i, "image": i} for i in images]} if images else {}
    card = {"name": name, "recipe": {"train": {}} | real | recipe}
    (path := folder / f"{file}.json").write_text(json.dumps(card))
    return path


def test_what_a_network_goes_on_from_has_seen_counts(evaluate, tmp_path):
    first = write_card(tmp_path, "agnostic", "fold_1", ["a", "b", "c"], left_out=["c"])
    assert evaluate.seen_by(first) == {"a", "b"}
    later = write_card(tmp_path, "t1", "t1", train={"start": "fold_1"})  # no table `real`
    with pytest.raises(FileNotFoundError, match=r"put fold_1.json beside it"):
        evaluate.seen_by(later)
    first.rename(tmp_path / "fold_1.json")
    assert evaluate.seen_by(later) == {"a", "b"}
    write_card(tmp_path, "agnostic", "fold_1", ["a"])
    other = write_card(tmp_path, "t2", "t2", ["mine"], train={"start": "agnostic"})
    shipped = evaluate.seen_by(evaluate.SHIPPED / "agnostic.json")
    assert evaluate.seen_by(other) == shipped | {"mine"}


def test_an_image_without_a_mask_has_no_dice(evaluate):
    flat = nib.Nifti1Image(np.ones((30, 30, 30), np.float32), np.eye(4))
    case = {"image": "x", "session": "x", "split": "", "contrast": "t2", "load": lambda: flat}
    rows = [evaluate.evaluate(case | {"mask": m}, "propseg", None) for m in (None, lambda: flat)]
    assert "dice" not in rows[0]
    assert rows[1]["dice"] == 0
    assert rows[0]["note"] == rows[1]["note"] != ""


def test_a_mask_that_is_cut_off_counts_from_its_first_whole_slice(evaluate):
    mask = np.ones((10, 10, 6), bool)
    assert evaluate.whole_ends(mask) == slice(0, 6)
    mask[5:, :, 0] = mask[3:, :, 5] = False
    assert evaluate.whole_ends(mask) == slice(1, 5)
    assert evaluate.whole_ends(mask[..., :2]) == slice(None)


def test_weights_that_are_missing_are_named_before_the_work(
    evaluate, tmp_path, monkeypatch, capsys
):
    write_card(tmp_path, "t1", "t1")
    words = ["evaluate.py", "--weights", str(tmp_path), "--methods", "deepseg", "--only", "t1w"]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit):
        evaluate.main()
    assert "no t1.pt in" in capsys.readouterr().err
