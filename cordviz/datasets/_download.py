"""Download registered files: once, resumed, from the first mirror that works, whole or not."""

from __future__ import annotations

import hashlib
import lzma
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .._files import at_home, make_folder

#: Addresses of each data set, tried in order; {key} is a file's name in a git-annex store.
MIRRORS = {
    "sct_testing": (
        "https://raw.githubusercontent.com/spinalcordtoolbox/sct_testing_data/"
        "af4c7e8783c9dcf8bcfc6c53b190af46260bb875/{path}",
    ),
    "sct_tutorial": (
        "https://raw.githubusercontent.com/spinalcordtoolbox/sct_tutorial_data/"
        "f176fd21cfb0e07978761bfff4867c5f848d4c01/{path}",
    ),
    "gm_challenge": (
        "https://raw.githubusercontent.com/sct-pipeline/gm-challenge-data/"
        "dfa78f751953eaafcf62e77fbc2f7ec6df668e14/{path}",
    ),
    "spine_generic": (
        "https://object-arbutus.cloud.computecanada.ca/def-jcohen-data-multi-subject/{key}",
        "https://data-multi-subject---spine-generic---neuropoly.s3.ca-central-1.amazonaws.com/{key}",
    ),
}

Received = Callable[[int], None]  # told of every block of bytes

_REGISTRIES = Path(__file__).parents[1] / "registry"
_MOST_BREAKS = 20  # of one connection, each after some bytes arrived
_BLOCK_BYTES = 2**13  # a connection that breaks loses less than that
_TIMEOUT_S = (10, 60)  # to connect, between two packets


@dataclass(frozen=True)
class Entry:
    """A registered file: where it lies in the data set, its size (None: unknown) and its hash."""

    path: str
    size: int | None
    hash: str

    @property
    def key(self) -> str:
        """Name of the file in a git-annex store."""
        return f"SHA256E-s{self.size}--{self.hash}.nii.gz"

    def matches(self, file: Path) -> bool:
        """Whether `file` exists and holds exactly the registered bytes."""
        import pooch

        if not file.is_file() or (self.size is not None and file.stat().st_size != self.size):
            return False
        if self.hash.startswith("git:"):
            content = file.read_bytes()
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
            return self.hash == f"git:{blob.hexdigest()}"
        return self.hash == pooch.file_hash(str(file))


def cache_dir() -> Path:
    """Folder that data sets are kept in.

    ``CORDVIZ_CACHE`` where that is set, else the user's cache folder of the operating system.

    Examples
    --------
    >>> cache_dir().name != ""
    True
    """
    if folder := os.environ.get("CORDVIZ_CACHE"):
        return at_home(folder)
    import platformdirs

    return Path(platformdirs.user_cache_dir("cordviz"))


def registry(dataset: str) -> dict[str, Entry]:
    """Return the registered files of a data set by their path in it."""
    return _read_registry(next(_REGISTRIES.glob(f"{dataset}.tsv*")))


@cache
def _read_registry(file: Path) -> dict[str, Entry]:
    content = lzma.decompress(file.read_bytes()) if file.suffix == ".xz" else file.read_bytes()
    rows = [line.split("\t") for line in content.decode().splitlines()[1:]]
    return {path: Entry(path, int(size) if size else None, hash) for path, size, hash in rows}


def download(dataset: str, paths: Iterable[str], *, progress: bool = True) -> None:
    """Bring files of a data set into ``cache_dir() / dataset``; those that are there stay.

    A file appears in the cache when its hash has been checked; until then its bytes lie in
    ``.partial``, where a later call or another mirror goes on from. Locks keep processes that
    want the same file from downloading it twice.

    Raises
    ------
    FileNotFoundError
        No mirror gave the registered bytes; the message says why and what to do without them.
    """
    from tqdm.auto import tqdm

    root = cache_dir() / dataset
    entries = [registry(dataset)[path] for path in paths]
    missing = [entry for entry in entries if not entry.matches(root / entry.path)]
    if not missing:
        return
    sizes = [entry.size for entry in missing]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    stop = threading.Event()
    with (
        # the delay: no bar before the first bytes, hence none without a network
        tqdm(desc=f"downloading {dataset}", total=total, unit="B", unit_scale=True,
             disable=not progress, delay=1e-9) as bar,
        ThreadPoolExecutor(4) as pool,  # many files are small, so the wait is latency
    ):  # fmt: skip

        def received(n_bytes: int) -> None:
            if stop.is_set():
                raise RuntimeError("Another file failed.")
            bar.update(n_bytes)

        jobs = [
            pool.submit(_download, dataset, entry, root / entry.path, received) for entry in missing
        ]
        try:
            for job in as_completed(jobs):
                job.result()
        finally:  # whatever failed, nothing goes on behind the caller's back
            stop.set()
            pool.shutdown(cancel_futures=True)


def _download(dataset: str, entry: Entry, target: Path, received: Received) -> None:
    """Download one file unless another process has done it meanwhile."""
    from filelock import FileLock

    waiting_room = make_folder(cache_dir() / ".partial")
    make_folder(target.parent)
    name = entry.hash.replace(":", "-")
    part, problems = waiting_room / name, []
    with FileLock(waiting_room / f"{name[-2:]}.lock"):  # at most 256 lock files stay behind
        if entry.matches(target):
            return
        for address in _addresses(dataset, entry):
            problem = _receive(address, part, entry, received)
            if problem is None:
                part.replace(target)
                return
            problems.append(f"{address}: {problem}")
        if _size(part) == 0:
            part.unlink(missing_ok=True)
    raise FileNotFoundError(
        f"{entry.path} of {dataset} could not be downloaded:\n  " + "\n  ".join(problems) + "\n"
        "Call again to go on from what has arrived. Without a network: pass folder=, the path of "
        "a copy on this computer; or set CORDVIZ_MIRROR to a server that has one; or use "
        "cordviz.datasets.load_simulated_study(), which downloads nothing."
    )


def _addresses(dataset: str, entry: Entry) -> list[str]:
    """Where a file may be had; any server of a copy of the cache folder can be a mirror."""
    mirrors: Iterable[str] = MIRRORS[dataset]
    if own := os.environ.get("CORDVIZ_MIRROR"):
        mirrors = [f"{base.rstrip('/')}/{dataset}/{{path}}" for base in own.split()]
    return [mirror.format(path=entry.path, key=entry.key) for mirror in mirrors]


def _receive(address: str, part: Path, entry: Entry, received: Received) -> str | None:
    """Complete `part` from one address; return what went wrong, None when it is whole."""
    import requests

    problem = "the connection kept breaking"
    for _ in range(_MOST_BREAKS):
        start = _size(part)
        try:
            _append(address, part, start, received)
            if entry.matches(part):
                return None
            broken = entry.size is not None and _size(part) < entry.size
            problem = "the bytes are not the registered ones"
        except requests.RequestException as error:
            status = None if error.response is None else error.response.status_code
            broken = status != 416  # more has arrived than there is: that cannot be right
            problem = f"HTTP {status}" if status else type(error).__name__
        if broken and _size(part) <= start:
            return problem
        if not broken:  # wrong bytes are never kept
            part.unlink(missing_ok=True)
            if start == 0:
                return problem
    return problem


def _append(address: str, part: Path, start: int, received: Received) -> None:
    """Add what the server sends from byte `start` on, or all of it if it knows no ranges."""
    import pooch
    from tqdm.utils import CallbackIOWrapper

    with part.open("ab") as file:

        def empty_unless_resumed(response: Any, **_: Any) -> None:
            if response.status_code == 200:
                file.truncate(0)

        headers = {"Accept-Encoding": "identity"}  # the bytes as registered, countable
        if start:
            headers["Range"] = f"bytes={start}-"
        fetch = pooch.HTTPDownloader(
            chunk_size=_BLOCK_BYTES,
            headers=headers,
            hooks={"response": empty_unless_resumed},
            timeout=_TIMEOUT_S,
        )
        fetch(address, CallbackIOWrapper(received, file, "write"), None)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
