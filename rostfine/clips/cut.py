"""From a video and its tags to clips, in one decode."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rostfine.clips.follow import TagRun
from rostfine.clips.record import Cut
from rostfine.errors import VideoError
from rostfine.params import ClipParams, TrackingParams
from rostfine.tracking.tags import Tag
from rostfine.video.ahead import read_ahead
from rostfine.video.reader import Frame, open_video


@dataclass(frozen=True)
class Cutting:
    """All settings that decide a clip; `most_frames` as for `cut_video`."""

    tracking: TrackingParams
    clips: ClipParams
    most_frames: float | None = None


def cut_video(
    path: Path,
    tags: Sequence[Tag],
    *,
    tracking: TrackingParams,
    clips: ClipParams,
    most_frames: float | None = None,
) -> list[Cut]:
    """Follow every tagged sperm of a video and cut its clip; reading stops at the last one needed.

    Each is followed for `most_frames`, or for `tracking.follow_s`, or to the end of the video, but
    as far as its clip at least. Faults of the video or of a tag are no exceptions, but the reason
    of the clips that they cost.
    """
    runs = [
        TagRun(tag, path, tracking=tracking, clips=clips, most_frames=most_frames) for tag in tags
    ]
    fault = ""
    try:
        with open_video(path) as video:
            for run in runs:
                run.check(video.info)
            needed = max((run.frames_needed for run in runs), default=0)
            with closing(read_ahead(islice(video.frames(), needed))) as frames:
                _read(frames, runs)
    except VideoError as error:
        fault = str(error)
    return [run.finish(fault) for run in runs]


def _read(frames: Iterator[Frame], runs: Sequence[TagRun]) -> None:
    waiting = [run for run in runs if not run.is_done]
    while waiting and (frame := next(frames, None)) is not None:
        for run in waiting:
            run.take(frame)
        waiting = [run for run in waiting if not run.is_done]
