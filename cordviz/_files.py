"""Write files whole or not at all, and name them by what lies beside them or decides them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4


def at_home(path: str | os.PathLike[str]) -> Path:
    """Path whose leading ``~`` is the user's folder; that of a user who is unknown stays."""
    return Path(os.path.expanduser(path))


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path that takes the place of `path` when the block succeeds.

    The temporary file lies in the same folder under the same suffixes, so that writers which
    look at the extension behave, and the final rename is atomic. If the block raises, nothing
    is left behind and an older file at `path` stays as it was.
    """
    target = at_home(path)
    folder = target.parent
    if not folder.is_dir():
        raise FileNotFoundError(f"The folder {folder} does not exist; create it first.")
    if target.is_dir():
        raise ValueError(f"{target} is a folder; give the name of a file to write.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"The folder {folder} cannot be written to; choose another.")
    suffix = "".join(target.suffixes[-2:]) if target.name.endswith(".gz") else target.suffix
    temporary = folder / f".cordviz-{uuid4().hex}{suffix}"
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> Path:
    """Make a folder and those it is in, or say why not."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"The folder {path} cannot be made ({error.strerror}). Choose another; that of the "
            "cache is named by CORDVIZ_CACHE in the environment."
        ) from error
    return path


def write_file(path: str | os.PathLike[str], content: str | bytes) -> Path:
    """Write a whole file, text as UTF-8, or nothing."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    return at_home(path)


@cache
def code_hash(*patterns: str) -> str:
    """Hash of the package's files that match, so that changed code never meets old results."""
    package = Path(__file__).parent
    files = sorted({file for pattern in patterns for file in package.glob(pattern)})
    return digest(*(hashlib.sha256(file.read_bytes()).hexdigest() for file in files))


def digest(*words: str) -> str:
    """Name of what these words decide."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]


def stem_of(image: str | os.PathLike[str]) -> str:
    """Name of a NIfTI file without its folder and its ending."""
    return Path(image).name.removesuffix(".gz").removesuffix(".nii")
