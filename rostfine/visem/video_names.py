"""What the names of the published videos say."""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import Final

from rostfine.errors import VideoError
from rostfine.video.reader import SUFFIXES

ASSESSORS: Final = ("SSW", "JMA", "HH", "OW", "IVS")
_NAME: Final = re.compile(
    r"(?P<id>\d+)(_(?P<date>\d\d\.\d\d\.\d\d))?([_ -](?P<note>.+?))??"
    rf"(_(?P<who>{'|'.join(ASSESSORS)}))?"
)


@dataclass(frozen=True)
class VideoName:
    """What `<participant>_<yy.mm.dd>[_<note>]_<assessor>.<suffix>` says; only the first is sure."""

    participant_id: str
    date: date | None
    note: str
    assessor: str  # of ASSESSORS, or ""


def parse_video_name(name: str) -> VideoName:
    """Read the name of a file, with its suffix or without.

    Raises VideoError unless it begins with a participant's number.
    """
    path = PurePosixPath(name)
    stem = path.stem if path.suffix.lower() in SUFFIXES else path.name
    found = _NAME.fullmatch(stem)
    if found is None:
        wanted = "wanted a name that begins with the participant's number, as 1_09.09.02_SSW.avi"
        raise VideoError(f"{name}: {wanted}, got {path.name!r}")
    note, who = found["note"] or "", found["who"] or ""
    return VideoName(str(int(found["id"])), _date(found["date"]), note, who)


def _date(text: str | None) -> date | None:
    try:
        year, month, day = (int(part) for part in (text or "").split("."))
        return date(2000 + year, month, day)
    except ValueError:
        return None
