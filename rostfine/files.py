"""Writing files so that a reader never meets half of one."""

import hashlib
import json
import os
import time
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import Any, Final

SETTLED_S: Final = 2.0
"""A file changed more lately than this may change again within one tick of its time stamp."""


@contextmanager
def written_whole(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it replaces `path` only if nothing failed.

    What is `durable` is on the disk before this returns, should the machine stop.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix is kept because writers choose their format by it.
    handle, name = mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        beside.chmod(0o644)
        if durable:
            _settle(beside)
        beside.replace(path)
        if durable:
            _settle(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def find_files(folder: Path, suffixes: Container[str]) -> list[str]:
    """Return the files in `folder` and below it, also behind links, relative to it, sorted.

    `suffixes` are in lower case; what begins with a dot is left out.
    """
    found, seen = [], set()
    for place, folders, files in os.walk(folder, followlinks=True):
        # A link to a folder above would lead round for ever.
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = [Path(place, name) for name in files if not name.startswith(".")]
        found += [path for path in paths if path.suffix.lower() in suffixes and path.is_file()]
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _settle(path: Path) -> None:
    """Have the content of a file, or the names in a folder, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def drop_half_written(path: Path) -> None:
    """Remove what killed processes left beside `path` when they wrote it."""
    for beside in path.parent.glob(f".{path.stem}-????????{path.suffix}"):
        beside.unlink(missing_ok=True)


def write_json(path: Path, content: Any, *, durable: bool = False) -> None:
    """Write `content` as JSON with sorted keys, whole or not at all."""
    with written_whole(path, durable=durable) as beside:
        beside.write_text(json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text())


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class HashMemo:
    """SHA-256 of files, computed anew only for those whose size, time of change or inode differ.

    It is kept at `path`; one that is damaged is as good as none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            held = read_json(path)
            self._known = {str(name): list(said) for name, said in held.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            self._known = {}
        self._seen: dict[str, list[Any]] = {}

    def sha256_of(self, path: Path) -> str:
        """Return the SHA-256 of a file's bytes, in hexadecimal."""
        stat = path.stat()
        mark = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        name = str(path)
        known = self._known.get(name)
        digest = str(known[-1]) if known and known[:-1] == mark else sha256_of(path)
        if time.time() - stat.st_mtime > SETTLED_S:
            self._seen[name] = [*mark, digest]
        return digest

    def save(self) -> None:
        """Keep what was asked for since this memo was opened."""
        if self._seen != self._known:
            write_json(self.path, self._seen)
