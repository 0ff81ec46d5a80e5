"""Files from the page to the kernel and back, in memory and in small messages."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import anywidget
import traitlets as t

from .slice_viewer import source


class FileUpload(anywidget.AnyWidget):
    """Files chosen in the page, handed to a function one by one."""

    _esm = source("page.js", "files.js") + "\nexport default show(Uploader);\n"
    _css = source("slice_viewer.css", "files.css")

    label = t.Unicode().tag(sync=True)  # what the page writes beside the button
    problems = t.List(t.Unicode()).tag(sync=True)  # a sentence for each file that was refused

    def __init__(
        self, check: Callable[[str, int], None], take: Callable[[str, bytes], None], **traits: Any
    ):
        """Ask ``check(name, size)`` before a file is sent, and give ``take(name, content)``.

        Both may raise; the page shows why.
        """
        self._check, self._take = check, take
        self._name, self._size, self._content = "", 0, bytearray()
        super().__init__(**traits)
        self.on_msg(self._receive)

    def _receive(self, _: Any, content: Any, buffers: Any) -> None:
        try:
            if "begin" in content:
                self._name, self._size = str(content["begin"]), int(content["size"])
                self._content = bytearray()
                self._check(self._name, self._size)
            elif "piece" in content:
                if content["piece"] != len(self._content):
                    return  # said twice
                self._content += buffers[0]
                if not len(buffers[0]) or len(self._content) > self._size:
                    raise ValueError("the file changed while it was read; choose it again.")
            else:
                raise ValueError(f"the browser cannot read it ({content.get('failed')}).")
            if len(self._content) < self._size:
                self.send({"kind": "next", "at": len(self._content)})
                return
            whole, self._content = bytes(self._content), bytearray()
            self._take(self._name, whole)
        except Exception as error:  # whatever a file does, the page says so and lives on
            why = str(error) or type(error).__name__
            self.problems = [*self.problems, f"{self._name}: {why}"]
        self._content = bytearray()
        self.send({"kind": "done"})


class FileDownload(anywidget.AnyWidget):
    """A button that saves a file made by the kernel."""

    _esm = source("page.js", "files.js") + "\nexport default show(Downloader);\n"
    _css = source("slice_viewer.css", "files.css")

    label = t.Unicode("Save").tag(sync=True)  # on the button
    ready = t.Bool(False).tag(sync=True)  # whether there is a file

    def __init__(self, **traits: Any):
        """Make a button without a file."""
        self._file: tuple[str, str, bytes] | None = None
        super().__init__(**traits)
        self.on_msg(self._answer)

    def offer(self, name: str, kind: str, content: bytes) -> None:
        """Offer `content` of a MIME `kind` as a file of that `name`."""
        self._file = name, kind, gzip.compress(content, 5)
        self.ready = True

    def _answer(self, _: Any, content: Any, buffers: Any) -> None:
        if content == {"wants": "file"} and self._file:
            name, kind, packed = self._file
            self.send({"kind": "file", "name": name, "type": kind}, [packed])
