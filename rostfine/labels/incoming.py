"""Bringing a batch of votes from a file or a URL into the folder of votes."""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPException, InvalidURL
from io import BufferedIOBase
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import IO, Final
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

from rostfine.errors import FetchError, VoteError
from rostfine.files import drop_half_written, written_whole
from rostfine.labels.ledger import KINDS, VOTES_FOLDER, ledger_held

CHUNK: Final = 1 << 16
MAY_PASS_LATER: Final = frozenset({408, 425, 429})
"""HTTP statuses below 500 that ask to come again."""
LONGEST_STEM: Final = 80


@dataclass(frozen=True)
class Limits:
    """How much a source may take."""

    seconds: float = 60.0
    n_bytes: int = 1 << 30


LIMITS: Final = Limits()


def bring_in(workspace: Path, source: str, *, limits: Limits = LIMITS) -> Path:
    """Copy the batch at `source`, a path (from the workspace) or URL, into `data/votes`, whole.

    Its name there tells its content: the same source brought twice is one file. One that lies
    there already stays as it is.

    Raises VoteError for what is no batch of votes, FetchError for what may come the next time.
    """
    url = urlsplit(source) if "://" in source else None
    if url is not None and url.scheme != "file":
        # Neither a password nor a token of the URL is for a message.
        shown = f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"
        if url.scheme not in ("http", "https"):
            raise VoteError(f"{shown}: wanted a path, or a URL of http, https or file")
        if "@" in url.netloc:
            raise VoteError(f"{shown}: wanted a URL without a name and password, which are kept")
        named = _named(url.path, shown)
        with _answer(source, shown, limits.seconds) as stream:
            return _keep(workspace, stream, named, limits)
    path = workspace / (source if url is None else unquote(url.path))
    named = _named(path.name, str(path))
    if not path.is_file():
        raise VoteError(f"{path}: no such file; wanted a batch of votes")
    if path.resolve().parent == (workspace / VOTES_FOLDER).resolve():
        return path
    with path.open("rb") as stream:
        return _keep(workspace, stream, named, limits)


@dataclass(frozen=True)
class _Named:
    """How a source is called in messages, and what its file can be called here."""

    shown: str
    stem: str
    suffix: str


def _named(path: str, shown: str) -> _Named:
    name = PurePosixPath(unquote(path))
    if name.suffix not in KINDS:
        raise VoteError(f"{shown}: wanted a batch of votes named {' or '.join(KINDS)}")
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", name.stem).strip("_")
    return _Named(shown, stem[:LONGEST_STEM] or "votes", name.suffix)


@contextmanager
def _answer(url: str, shown: str, seconds: float) -> Iterator[BufferedIOBase]:
    """Open a URL; whatever the network does while it is read is told in a line."""
    try:
        with urlopen(url, timeout=seconds) as answer:
            yield answer
    except HTTPError as error:
        error.close()
        kind = FetchError if error.code >= 500 or error.code in MAY_PASS_LATER else VoteError
        raise kind(f"{shown}: wanted a batch of votes, got HTTP {error.code}") from error
    except (ValueError, InvalidURL) as error:
        raise VoteError(f"{shown}: wanted a URL, got: {error}") from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise FetchError(f"{shown}: wanted a batch of votes, got: {reason}") from error


def _keep(workspace: Path, stream: BufferedIOBase, named: _Named, limits: Limits) -> Path:
    folder = workspace / VOTES_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    # A file without a name: nobody finds half of it, and no kill leaves it behind.
    with TemporaryFile(dir=folder) as held:
        digest = _take(stream, held, named.shown, limits)
        path = folder / f"{named.stem}-{digest[:8]}{named.suffix}"
        with ledger_held(workspace):
            if not path.exists():
                drop_half_written(path)
                held.seek(0)
                with written_whole(path, durable=True) as beside, beside.open("wb") as copy:
                    shutil.copyfileobj(held, copy)
    return path


def _take(stream: BufferedIOBase, held: IO[bytes], shown: str, limits: Limits) -> str:
    """Copy a stream into `held` within the limits; return the SHA-256 of its bytes."""
    digest, n_bytes, end_s = sha256(), 0, time.monotonic() + limits.seconds
    # read1 returns what has come, so that a source that only trickles is found out.
    while chunk := stream.read1(CHUNK):
        n_bytes += len(chunk)
        if n_bytes > limits.n_bytes:
            raise VoteError(f"{shown}: wanted {limits.n_bytes} bytes at most, got more")
        if time.monotonic() > end_s:
            raise FetchError(f"{shown}: wanted it within {limits.seconds:g} s, got {n_bytes} bytes")
        digest.update(chunk)
        held.write(chunk)
    wanted = getattr(stream, "headers", {}).get("Content-Length")
    if wanted is not None and n_bytes != int(wanted):
        raise FetchError(f"{shown}: wanted {wanted} bytes, got {n_bytes}")
    return digest.hexdigest()
