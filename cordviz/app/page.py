"""The app of notebooks/app.ipynb: choose or upload images, segment, compare, look, take home."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from ..contrasts import closest_contrast, shown_name
from ..datasets import STUDY_CONTRASTS, load_simulated_study
from ..images import load_mask, on_grid, voxels
from ..levels import levels_from_discs
from ..report import write_report
from ..segmentation import METHODS, segment_cord
from ..variability import compare_contrasts
from ..views import view_3d, view_csa, view_segmentation
from ..widgets.files import FileDownload
from .files import OwnFiles
from .parts import close, indented, line, row
from .uploads import problem_of, same_grid

if TYPE_CHECKING:
    import pandas as pd

SIMULATED, OWN = "A simulated person", "My own images"
VIEWS = ("Area along the cord", "Slices", "3-D")
MINE = "my mask"  #: how uploaded masks are called beside the methods


class App(w.VBox):
    """Segment and compare in a page; `cordviz.app.App()` in a notebook, or under Voila.

    What the comparison writes lies in a temporary folder that is gone before the result is shown.

    Attributes
    ----------
    files : OwnFiles
        The reader's own files, in memory.
    study : DataFrame or None
        The last comparison, as of `compare_contrasts`.
    """

    def __init__(self) -> None:
        """Build the page; nothing is computed yet."""
        self.study: pd.DataFrame | None = None
        self._images: dict[str, Any] = {}
        self._masks: dict[str, dict[str, Any]] = {}
        self._levels: Any = None
        self._people = load_simulated_study()
        self.source = w.ToggleButtons(options=[SIMULATED, OWN], style={"button_width": "auto"})
        self.person = w.Dropdown(options=list(self._people), description="Person")
        self.contrasts = w.SelectMultiple(
            options=[(shown_name(c), c) for c in STUDY_CONTRASTS],
            value=("T1w", "T2w"),
            rows=7,
            description="Contrasts",
        )
        self.files = OwnFiles(self._say)
        self.methods = w.SelectMultiple(
            options=METHODS, value=("propseg", "agnostic"), rows=len(METHODS), description="Methods"
        )
        self.go = indented(w.Button(description="Segment and compare", button_style="primary"))
        self.bar = w.Output()
        self.message = w.HTML()
        self.table = w.HTML()
        self.report = FileDownload(label="Report (HTML)")
        self.csv = FileDownload(label="Table (CSV)")
        self.shown = w.Dropdown(description="Contrast")
        self.view = w.ToggleButtons(options=VIEWS, style={"button_width": "auto"})
        self.stage = w.VBox()
        several = w.Label("Several: with Ctrl or ⌘, or Shift")
        self._simulated = line(self.person, self.contrasts, several)
        self._result = w.VBox(
            [
                self.table,
                line(self.report, self.csv),
                line(self.shown, row("Look at", self.view)),
                self.stage,
            ]
        )
        steps = [row("Images", self.source), self._simulated, self.files, self.methods, self.go]
        super().__init__([*steps, self.message, self.bar, self._result])
        self.go.layout.width, self.go.layout.margin = "220px", "8px 2px"
        self.source.observe(self._choose, "value")
        self.go.on_click(self._run)
        for chooser in (self.shown, self.view):
            chooser.observe(self._look, "value")
        self._choose()
        self._result.layout.display = "none"

    def _session(self) -> tuple[dict[str, Any], list[Any], Any, Any]:
        """Images, methods, levels and truth of what is chosen."""
        methods: list[Any] = list(self.methods.value)
        if self.source.value == SIMULATED:
            person = self._people[self.person.value]
            images = {contrast: person[contrast] for contrast in self.contrasts.value}
            if not images:
                raise ValueError("Choose at least one contrast.")
            truth = {contrast: person.truth(contrast) for contrast in images}
            return images, methods, {c: person.levels(c) for c in images}, truth
        if wrong := problem_of(self.files.uploads):
            raise ValueError(wrong)
        images = {u.contrast or "image": u.data for u in self.files.uploads if u.role == "image"}
        if not images:
            raise ValueError("Choose an image first: a NIfTI file of a neck.")
        one = next(iter(images))
        masks = {u.contrast if u.contrast in images else one: u.data for u in self.files.of("mask")}
        if masks:
            methods.append({MINE: masks})
        levels: Any = next((u.data for u in self.files.of("levels")), None)
        for discs in self.files.of("discs"):
            cut = images.get(discs.contrast, images[one])
            levels = levels_from_discs(discs.data, segment_cord(cut, progress=False))
        return images, methods, levels, None

    def _run(self, _: Any = None) -> None:
        self.go.disabled = True
        self._say("Working: a few seconds for each image and method …", kind="working")
        self._result.layout.display = "none"
        try:
            images, methods, levels, truth = self._session()
            if not methods:
                raise ValueError("Choose at least one method.")
            if "propseg" in methods or "deepseg" in methods:
                for contrast in images:
                    closest_contrast(contrast)
            self._work(images, methods, levels, truth)
            self._say("")
        except Exception as error:  # the page says why, and lives on
            self._say(str(error) or type(error).__name__)
        finally:
            self.bar.clear_output()
            self.go.disabled = False

    def _work(self, images: dict[str, Any], methods: list[Any], levels: Any, truth: Any) -> None:
        over = None if levels is None else (2, 3)
        options = {"methods": methods, "levels": levels, "truth": truth, "over": over}
        with tempfile.TemporaryDirectory(prefix="cordviz_") as name, _printing_in(self.bar):
            folder = Path(name)
            study = compare_contrasts(images, cache=folder / "cache", **options)
            page = write_report(images, folder, progress=False, png=False, **options)
            report = page.read_bytes()
            masks: dict[str, dict[str, Any]] = {contrast: {} for contrast in images}
            for contrast, method, file in study[["contrast", "method", "mask"]].to_numpy():
                if file:
                    kept = load_mask(file)  # in memory: its file goes
                    masks[contrast][method] = on_grid(voxels(kept).copy(), kept)
        self.study, self._images, self._masks = study.drop(columns="mask"), images, masks
        self._levels = levels
        self.table.value = _table(self.study, over)
        self.report.offer("cordviz_report.html", "text/html", report)
        csv = self.study.to_csv(index=False).encode()
        self.csv.offer("cordviz_study.csv", "text/csv", csv)
        self._result.layout.display = ""
        self.shown.unobserve(self._look, "value")  # one look, after all of it is set
        self.shown.options = [contrast for contrast, found in masks.items() if found]
        self.shown.value = next(iter(self.shown.options), None)
        self.shown.observe(self._look, "value")
        self._look()

    def _look(self, _: Any = None) -> None:
        """The chosen view of the chosen contrast; one at a time, as each holds a volume."""
        for old in self.stage.children:
            close(old)
        contrast = self.shown.value
        if contrast is None:
            self.stage.children = []
            return
        image, masks = self._images[contrast], self._masks[contrast]
        levels = self._levels.get(contrast) if isinstance(self._levels, dict) else self._levels
        if levels is not None and not same_grid(levels, image):
            levels = None
        if self.view.value == "3-D":
            view = view_3d(image, masks)
        elif self.view.value == "Slices":
            view = view_segmentation(image, masks, levels=levels)
        else:
            view = view_csa(image, masks, levels=levels)
        self.stage.children = [view]

    def _choose(self, _: Any = None) -> None:
        own = self.source.value == OWN
        self.files.layout.display = "" if own else "none"
        self._simulated.layout.display = "none" if own else ""
        self._say(problem_of(self.files.uploads) if own else "")

    def _say(self, text: str, *, kind: str = "problem") -> None:
        said = html.escape(text)
        self.message.value = f'<p class="cordviz-{kind}" role="alert">{said}</p>' if said else ""


@contextmanager
def _printing_in(output: w.Output) -> Iterator[None]:
    """Bars go into `output`; errors do not, which would print and swallow them."""
    errors = []
    with output:
        try:
            yield
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _table(study: pd.DataFrame, over: Any) -> str:
    """Areas by contrast and method as HTML, with the reason where there is none."""
    wide = study.pivot(index="contrast", columns="method", values="csa_mm2")
    wide = wide.reindex(index=study["contrast"].unique(), columns=study["method"].unique())
    if study["truth_mm2"].notna().any():
        wide["truth"] = study.groupby("contrast")["truth_mm2"].first()
    wide.index.name = wide.columns.name = None
    where = "C2–C3" if over else "all slices of each mask (levels unknown)"
    failed = study.loc[study["error"] != "", ["contrast", "method", "error"]]
    said = [f"{row.contrast}, {row.method}: {row.error}" for row in failed.itertuples()]
    reasons = "".join(f'<p class="cordviz-problem">{html.escape(text)}</p>' for text in said)
    caption = f"<p>Cross-sectional area in mm², mean over {where}.</p>"
    return (
        caption
        + wide.to_html(float_format="{:.1f}".format, na_rep="–", border=0, classes="cordviz-areas")
        + reasons
    )
