"""Content keys: two clips with the same key are the same clip."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import rostfine
from rostfine.clips.cut import Cutting
from rostfine.clips.sources import Source
from rostfine.files import sha256_of
from rostfine.parsing import plain
from rostfine.tracking.tags import Tag

CODE: Final = (
    "clips/cut.py",
    "clips/follow.py",
    "clips/index.py",
    "clips/record.py",
    "clips/store.py",
    "tracking/back.py",
    "tracking/likeness.py",
    "tracking/motion.py",
    "tracking/template.py",
    "tracking/tracker.py",
    "video/colour.py",
    "video/crop.py",
    "video/decoder.py",
    "video/depth.py",
    "video/planes.py",
    "video/reader.py",
    "video/stack.py",
)
"""What decides a clip and its row, of the package."""


def content_keys(
    tags: Sequence[Tag],
    sources: Mapping[str, Source],
    cutting: Cutting,
    *,
    hash_file: Callable[[Path], str] = sha256_of,
) -> dict[str, str]:
    """Return the key of each sample: a hash of video, tag, params and code; empty without video."""
    settings = {**plain(cutting), "code": _code()}
    # Neither what is done about bad input nor by how many changes a good clip.
    del settings["tracking"]["on_bad_input"], settings["tracking"]["videos_at_once"]
    videos: dict[str, str] = {}
    for video_id, source in sources.items():
        if source.path:
            # A file that cannot be read is the fault of its own clips, when they are cut.
            with suppress(OSError):
                videos[video_id] = hash_file(source.path)
    return {
        tag.sample_id: _hash({**settings, "tag": asdict(tag), "video": videos[tag.video_id]})
        if tag.video_id in videos
        else ""
        for tag in tags
    }


def _code() -> list[str]:
    package = Path(rostfine.__file__).parent
    return [sha256_of(package / name) for name in CODE]


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
