"""From a video and its tags to clips, in one decode."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from rostfine.errors import VideoError
from rostfine.params import ClipParams, TrackingParams
from rostfine.schemas import FAILED, LOST, OK
from rostfine.tracking.tags import Tag
from rostfine.tracking.tracker import Follower, Position
from rostfine.video.reader import Frame, VideoInfo, open_video


@dataclass(frozen=True)
class Cut:
    """What came of one tag: a clip if `status` is ok; else `reason` tells why there is none.

    The track reaches from the frame of the tag to the last in which the sperm was followed.
    """

    tag: Tag
    status: str
    reason: str
    frame_rate_hz: float
    frames: UInt8[np.ndarray, "frame row col chan"] | None
    centre_px: Float32[np.ndarray, "tracked 2"]
    time_s: Float64[np.ndarray, " tracked"]
    score: Float32[np.ndarray, " tracked"]


def cut_video(
    path: Path, tags: Sequence[Tag], *, tracking: TrackingParams, clips: ClipParams
) -> list[Cut]:
    """Follow every tagged sperm of a video and cut its clip; reading stops at the last one needed.

    Faults of the video or of a tag are no exceptions, but the reason of the clips that they cost.
    """
    runs = [_Run(tag, path, tracking, clips) for tag in tags]
    fault = ""
    try:
        with open_video(path) as video:
            for run in runs:
                run.check(video.info)
            _read(video.frames(), runs)
    except VideoError as error:
        fault = str(error)
    return [run.finish(fault) for run in runs]


def fail(tag: Tag, reason: str) -> Cut:
    """Return what comes of a tag that cannot be followed."""
    return Cut(
        tag=tag,
        status=FAILED,
        reason=reason,
        frame_rate_hz=math.nan,
        frames=None,
        centre_px=np.empty((0, 2), np.float32),
        time_s=np.empty(0),
        score=np.empty(0, np.float32),
    )


def _read(frames: Iterator[Frame], runs: Sequence["_Run"]) -> None:
    waiting = [run for run in runs if not run.is_done]
    while waiting and (frame := next(frames, None)) is not None:
        for run in waiting:
            run.take(frame)
        waiting = [run for run in waiting if not run.is_done]


class _Run:
    """One tag while its video is read."""

    def __init__(self, tag: Tag, path: Path, tracking: TrackingParams, clips: ClipParams) -> None:
        self._tag, self._path, self._tracking, self._clips = tag, path, tracking, clips
        self._follower: Follower | None = None
        self._positions: list[Position] = []
        self._times_s: list[float] = []
        self._squares: list[UInt8[np.ndarray, "row col chan"]] = []
        self._frame_rate_hz = math.nan
        self._frames_read = 0
        self._fault = ""

    @property
    def is_done(self) -> bool:
        return bool(self._fault) or self._is_lost or len(self._positions) == self._clips.frames

    @property
    def _is_lost(self) -> bool:
        return self._follower is not None and self._follower.is_lost

    @property
    def _unseen(self) -> int:
        return self._follower.unseen if self._follower else 0

    def check(self, info: VideoInfo) -> None:
        """Learn what the header says."""
        self._frame_rate_hz = info.frame_rate_hz
        x_px, y_px = self._tag.x_px, self._tag.y_px
        if not (0 <= x_px <= info.width_px - 1 and 0 <= y_px <= info.height_px - 1):
            self._fault = (
                f"{self._path}: the tag at x {x_px:g}, y {y_px:g} lies outside of the frame of "
                f"{info.width_px}x{info.height_px} px"
            )

    def take(self, frame: Frame) -> None:
        """Follow into one more frame, if the tag has come."""
        self._frames_read = frame.index + 1
        if frame.index < self._tag.frame:
            return
        if self._follower is None:
            tag = self._tag
            self._follower = Follower(frame.luma, tag.x_px, tag.y_px, self._tracking)
            position = self._follower.start
        else:
            position = self._follower.step(frame.luma)
        self._positions.append(position)
        self._times_s.append(frame.time_s)
        if not self._is_lost:
            size_px = self._clips.size_px
            self._squares.append(frame.cut_rgb(position.x_px, position.y_px, size_px=size_px))

    def finish(self, fault: str) -> Cut:
        """Say what came of it; `fault` is what ended the reading."""
        status, reason = self._outcome(fault)
        if status == FAILED:
            return replace(fail(self._tag, reason), frame_rate_hz=self._frame_rate_hz)
        # Where a sperm was last seen its track ends: nobody knows where it went.
        tracked = len(self._positions) - self._unseen
        positions = self._positions[:tracked]
        return Cut(
            tag=self._tag,
            status=status,
            reason=reason,
            frame_rate_hz=self._frame_rate_hz,
            frames=np.stack(self._squares) if status == OK else None,
            centre_px=np.array([(p.x_px, p.y_px) for p in positions], np.float32),
            time_s=np.array(self._times_s[:tracked]),
            score=np.array([p.score for p in positions], np.float32),
        )

    def _outcome(self, fault: str) -> tuple[str, str]:
        if self._fault:
            return FAILED, self._fault
        if not self.is_done:
            return FAILED, fault or self._too_short()
        if self._unseen:
            end = self._tag.frame + len(self._positions)
            return LOST, f"lost at frame {end - self._unseen}: not recognised up to frame {end - 1}"
        return OK, ""

    def _too_short(self) -> str:
        tag = self._tag
        if tag.frame >= self._frames_read:
            return (
                f"{self._path}: the tag is in frame {tag.frame}, found {self._frames_read} frames"
            )
        return (
            f"{self._path}: wanted {self._clips.frames} frames from frame {tag.frame}, "
            f"found {len(self._positions)}"
        )
