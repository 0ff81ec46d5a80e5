"""The reader's own files in the page: upload them, say which contrast each shows, remove them."""

from __future__ import annotations

import html
from collections.abc import Callable

import ipywidgets as w

from ..contrasts import shown_name
from ..widgets.files import FileUpload
from .parts import close, indented, line
from .uploads import CONTRASTS, LIMIT_MB, Upload, check_name, problem_of, read_upload

MB = 1_000_000
#: How files are told apart; said below the button.
NAMES = (
    '<p style="margin: 0">Names say what a file holds: sub_T2w.nii, its mask '
    "sub_T2w_seg.nii, its discs sub_T2w_discs.nii.</p>"
)


class OwnFiles(w.VBox):
    """Files stay in memory and end with the kernel.

    Parameters
    ----------
    say : callable
        Told, after each change, what is missing or does not fit; "" if nothing.

    Attributes
    ----------
    uploads : list of Upload
        Files that were read.
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        """No files yet."""
        self.uploads: list[Upload] = []
        self._say = say
        self.upload = FileUpload(
            self._check, self._take, label=f"NIfTI files, {LIMIT_MB} MB in all: "
        )
        self.rows = indented(w.VBox())
        super().__init__([self.upload, indented(w.HTML(NAMES)), self.rows])

    def of(self, role: str) -> list[Upload]:
        """Files of a role."""
        return [upload for upload in self.uploads if upload.role == role]

    def _check(self, name: str, size: int) -> None:
        """Refuse a file by its name and size, before it is sent."""
        check_name(name)
        kept = sum(upload.bytes for upload in self.uploads)
        if kept + size > LIMIT_MB * MB:
            raise ValueError(
                f"{size / MB:.0f} MB is too much: {LIMIT_MB} MB in all, {kept / MB:.0f} MB of "
                "them used. Crop it to the neck, or compress it (.nii.gz)."
            )

    def _take(self, name: str, content: bytes) -> None:
        upload = read_upload(name, content)
        if upload.name in [other.name for other in self.uploads]:
            raise ValueError("a file of this name is there already; remove it first.")
        self.uploads.append(upload)
        self._list()

    def _remove(self, upload: Upload) -> None:
        self.uploads.remove(upload)
        self._list()

    def _list(self) -> None:
        """A row for each file: what it is, of which contrast, and away with it."""
        old, self.rows.children = self.rows.children, [self._entry(u) for u in self.uploads]
        for row in old:
            close(row)
        self._say(problem_of(self.uploads))

    def _entry(self, upload: Upload) -> w.HBox:
        size = " × ".join(map(str, upload.data.shape))
        shown = f"<b>{html.escape(upload.name)}</b> · {size}"
        # what follows stands in columns
        name = w.HTML(shown, layout={"width": "400px", "max_width": "100%"})
        role = w.Label(upload.role, layout={"width": "60px"})
        contrast = w.Dropdown(
            options=[("contrast?", ""), *((shown_name(c), c) for c in CONTRASTS)],
            value=upload.contrast,
            description=f"Contrast of {upload.name}",  # for screen readers; no room to show it
            style={"description_width": "0px"},
            layout={"width": "128px"},
        )
        remove = w.Button(
            description="Remove", tooltip=f"Remove {upload.name}", layout={"width": "80px"}
        )
        contrast.observe(lambda change: self._assign(upload, change.new), "value")
        remove.on_click(lambda _: self._remove(upload))
        return line(name, role, contrast, remove, align_items="center")

    def _assign(self, upload: Upload, contrast: str) -> None:
        upload.contrast = contrast
        self._say(problem_of(self.uploads))
