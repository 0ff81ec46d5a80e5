"""What the README says that the networks measure is what their cards and the shipped study say."""

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

import cordviz as cv

README = Path(__file__).parent.parent / "README.md"


@pytest.fixture(scope="module")
def text():
    return " ".join(README.read_text(encoding="utf-8").split())


def unseen(*networks):
    """Dice and area on each image that no training has seen, of the networks' cards."""
    found = {}
    for name in networks:
        card = json.loads((files("cordviz") / f"segmentation/weights/{name}.json").read_text())
        found |= {k: one for k, one in card["real"].items() if one["split"] == "unseen"}
    return list(found.values())


@pytest.mark.parametrize(
    ("method", "networks"), [("agnostic", ["agnostic"]), ("deepseg", ["t1", "t2s"])]
)
def test_dice_on_unseen_people_is_that_of_the_cards(text, method, networks):
    dice = [one["dice"] for one in unseen(*networks)]
    assert len(dice) == 4
    row = re.search(rf'\| `"{method}"` \|[^|]*\|[^|]*\|([^|]*)\|', text)[1]
    mean, lowest = (float(number) for number in row.split(","))
    assert mean == pytest.approx(sum(dice) / len(dice), abs=0.0055)  # both are rounded
    assert lowest == pytest.approx(min(dice), abs=0.0055)


def test_areas_against_hand_drawn_masks_are_those_of_the_card(text):
    larger = [100 * (one["area_ratio"] - 1) for one in unseen("agnostic")]
    assert f"{min(larger):.0f} to {max(larger):.0f} % larger than the hand-drawn masks" in text


def test_errors_on_simulated_people_are_those_of_the_shipped_study(text):
    study = cv.datasets.load_study_table().query("method == 'agnostic'")
    assert study["subject"].nunique() == 12, "the README says twelve"
    error = 100 * (study["csa_mm2"] / study["truth_mm2"] - 1)
    bias, off = error.groupby(study["contrast"]).mean().abs().max(), error.abs()
    assert f"on average within {bias:.1f} % of the true one in each of six contrasts" in text
    assert f"{off.mean():.1f} % off on average, {off.max():.1f} % at worst" in text
