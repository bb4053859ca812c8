"""What `rostfine heads` does: pictures and videos in; annotated copies and tables out."""

import math
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Final

import cv2
from jaxtyping import UInt8
from numpy import ndarray

from rostfine.errors import InputError, VideoError
from rostfine.files import find_files, written_whole
from rostfine.morphology.draw import USUAL, Look, annotate
from rostfine.morphology.heads import Instance
from rostfine.morphology.linking import Linker
from rostfine.morphology.predictor import HeadPredictor
from rostfine.morphology.written import Findings
from rostfine.progress import Advance, silent
from rostfine.video.ahead import read_ahead
from rostfine.video.reader import SUFFIXES, open_video
from rostfine.video.still import read_still
from rostfine.video.write import CODECS, write_video

STILLS: Final = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})
EITHER: Final = frozenset({".tif", ".tiff"})
"""Of one page a picture, of more a video."""
COPIES: Final = "annotated"
UNTIMED_HZ: Final = 10.0
"""Rate of the copy of a stack that says nothing of time."""
Pixels = UInt8[ndarray, "row col 3"]
Seen = tuple[int, float, Pixels, list[Instance]]


@dataclass(frozen=True)
class Wanted:
    """How copies look, which instances count (None: as the model says), and the scale."""

    look: Look = USUAL
    least_score: float | None = None
    um_per_px: float | None = None  # None: as the model says


USUALLY: Final = Wanted()


def list_sources(path: Path, out: Path) -> list[Path]:
    """Return a picture or video, or all of those in a folder and below it, but not those in `out`.

    Raises InputError if there is none.
    """
    if not path.is_dir():
        if not path.is_file():
            raise InputError(f"{path}: no such file or folder; wanted pictures or a video")
        return [path]
    found = [path / name for name in find_files(path, STILLS | EITHER | SUFFIXES)]
    # What an earlier run wrote is not looked at again.
    sources = [one for one in found if not one.resolve().is_relative_to(out.resolve())]
    if not sources:
        raise InputError(f"{path}: wanted pictures or videos, got none")
    return sources


def is_still(path: Path) -> bool:
    """Tell a picture from a video."""
    suffix = path.suffix.lower()
    if suffix not in EITHER:
        return suffix in STILLS
    with open_video(path) as video:
        return len(list(islice(video.frames(), 2))) < 2


def count_steps(path: Path) -> int:
    """Count the pictures of a source, as its header says; 1 where it says nothing."""
    try:
        if is_still(path):
            return 1
        with open_video(path) as video:
            return video.info.frame_count or 1
    except VideoError:
        return 1


def find_heads(
    path: Path,
    predictor: HeadPredictor,
    out: Path,
    *,
    wanted: Wanted = USUALLY,
    advance: Advance = silent,
) -> Findings:
    """Find the heads of a picture, a video, or a folder of them; write all of it into `out`.

    What cannot be read is in the table of failures, and stops no other. `advance` counts pictures,
    and frames of videos. Raises InputError if there is nothing to look at.
    """
    base = path if path.is_dir() else path.parent
    um_per_px = wanted.um_per_px or predictor.settings.um_per_px
    findings = Findings(predictor.roles, um_per_px=um_per_px)
    for source in list_sources(path, out):
        name = source.relative_to(base).as_posix()
        try:
            copy = out / COPIES / name
            one = _One(source, name, copy, predictor, findings, wanted, advance)
            one.still() if is_still(source) else one.video()
        except InputError as error:
            findings.fail(name, str(error))
    findings.write(out)
    return findings


@dataclass(frozen=True)
class _One:
    """A picture or a video on its way."""

    source: Path
    name: str
    copy: Path
    predictor: HeadPredictor
    findings: Findings
    wanted: Wanted
    advance: Advance

    def still(self) -> None:
        """Write the annotated copy of a picture."""
        pixels = read_still(self.source)
        found = self.predictor.find(pixels, least_score=self.wanted.least_score)
        self.findings.add(self.name, found)
        drawn = annotate(pixels, found, self.predictor.roles, look=self.wanted.look)
        with written_whole(_with(self.copy, ".png")) as beside:
            beside.write_bytes(cv2.imencode(".png", drawn[:, :, ::-1])[1].tobytes())
        self.advance(note=self.name)

    def video(self) -> None:
        """Write the annotated copy of a video, whose heads are linked into tracks.

        One that breaks off is used as far as it goes, and is among the failures.
        """
        with open_video(self.source) as video:
            rate_hz = video.info.frame_rate_hz
            frames = ((one.index, one.time_s, one.rgb()) for one in video.frames())
            # Decoding, finding and drawing each go on while the others do.
            with (
                closing(read_ahead(self._find(frames))) as seen,
                closing(self._draw(seen)) as drawn,
            ):
                first = next(drawn, None)
                if first is None:
                    return
                with written_whole(_with(self.copy, CODECS["h264"].suffix)) as beside:
                    write_video(
                        beside,
                        chain([first], drawn),
                        codec=CODECS["h264"],
                        frame_rate_hz=UNTIMED_HZ if math.isnan(rate_hz) else rate_hz,
                    )

    def _find(self, frames: Iterator[tuple[int, float, Pixels]]) -> Generator[Seen]:
        with closing(read_ahead(frames)) as ahead:
            try:
                for index, time_s, pixels in ahead:
                    found = self.predictor.find(pixels, least_score=self.wanted.least_score)
                    yield index, time_s, pixels, found
            except VideoError as error:
                self.findings.fail(self.name, str(error))

    def _draw(self, seen: Iterator[Seen]) -> Generator[Pixels]:
        linker = Linker(self.predictor.roles)
        for index, time_s, pixels, found in seen:
            tracks = linker.add(found)
            time = None if math.isnan(time_s) else time_s
            self.findings.add(self.name, found, frame=index, time_s=time, track_ids=tracks)
            self.advance(note=self.name)
            roles, look = self.predictor.roles, self.wanted.look
            yield annotate(pixels, found, roles, look=look, track_ids=tracks)


def _with(copy: Path, suffix: str) -> Path:
    """Return the path of a copy; its own suffix stays, so that `a.jpg` and `a.png` differ."""
    return copy if copy.suffix == suffix else copy.with_name(copy.name + suffix)
