"""What the raters' offsets do to contrast-specific networks, and what is left without them.

    python benchmarks/conventions.py REAL [--people N] [--out FOLDER]

The four contrast-specific networks are trained three times, from the shipped agnostic one and by
their recipes, on simulated raters with the published offsets, with none and with offsets that do
not cancel (all outwards). A table shows C2-C3 CSA of unseen simulated people. REAL is the folder of
the recipes' real images, whose masks stay as they were drawn. Stopped and started again it goes on.
"""

import argparse
from pathlib import Path

import pandas as pd

import cordviz as cv
from cordviz import segmentation
from cordviz.segmentation import WEIGHTS
from cordviz.simulation.raters import CONVENTIONS_MM
from cordviz.training.recipes import find_recipe
from cordviz.training.train import train

NETWORKS = ("t1", "t2", "t2s", "dwi")
CONTRASTS = ("T1w", "T2w", "T2star", "MT-on", "GRE-T1w", "DWI")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real", type=Path)
    parser.add_argument("--people", type=int, default=6, help="measured on")
    parser.add_argument("--trained-on", type=int, default=100, help="simulated people")
    parser.add_argument("--out", type=Path, default=Path("training/conventions"))
    told = parser.parse_args()
    study = cv.datasets.load_simulated_study(told.people)
    tables = {}
    for convention in CONVENTIONS_MM:
        out = told.out / convention
        for name in NETWORKS:
            make_network(name, convention, told.trained_on, told.real.resolve(), out)
        segmentation.WEIGHTS = out
        tables[convention] = cv.compare_contrasts(
            study, methods=["deepseg"], contrasts=CONTRASTS, cache=False, n_jobs=1
        )
        segmentation.WEIGHTS = WEIGHTS
    means = {k: t.groupby("contrast")["csa_mm2"].mean() for k, t in tables.items()}
    shown = pd.DataFrame(means).reindex(CONTRASTS)
    shown.loc["range"] = shown.max() - shown.min()
    shown.loc["SD by person"] = {
        k: t.groupby("subject")["csa_mm2"].std().mean() for k, t in tables.items()
    }
    print(shown.round(2).to_string())


def make_network(name: str, convention: str, people: int, real: Path, out: Path) -> None:
    if (out / f"{name}.pt").exists():
        return
    out.mkdir(parents=True, exist_ok=True)
    recipe = out / f"{name}.toml"
    recipe.write_text(
        f"extends = '{find_recipe(name)}'\n"
        f"[simulated]\nconvention = '{convention}'\nsubjects = {people}\n"
        "[calibration]\npeople = 0\n"
    )
    train(recipe, real=real, cache=out.parent / "cache", out=out / name)
    (out / name / "final.json").replace(out / f"{name}.json")
    (out / name / "final.pt").replace(out / f"{name}.pt")


if __name__ == "__main__":
    main()
