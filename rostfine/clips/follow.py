"""One tag while its video is read: its track, the squares along it, and what came of it."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from rostfine.clips.record import Cut, fail
from rostfine.params import ClipParams, TrackingParams
from rostfine.schemas import FAILED, LOST, OK
from rostfine.tracking.back import SURE, find_loss
from rostfine.tracking.tags import Tag
from rostfine.tracking.tracker import Follower, Position
from rostfine.video.crop import inside_square
from rostfine.video.reader import Frame, VideoInfo


class TagRun:
    """Takes frame after frame until the sperm is lost or was followed for `most_frames`."""

    def __init__(
        self,
        tag: Tag,
        path: Path,
        *,
        tracking: TrackingParams,
        clips: ClipParams,
        most_frames: float | None,
    ) -> None:
        self._tag, self._path, self._tracking, self._clips = tag, path, tracking, clips
        self._most_frames = most_frames
        self._follower: Follower | None = None
        self._positions: list[Position] = []
        self._times_s: list[float] = []
        self._squares: list[UInt8[np.ndarray, "row col chan"]] = []
        self._inside_px: list[tuple[int, int, int, int]] = []
        self._frame_rate_hz = math.nan
        self._wanted = clips.frames
        self._frames_read = 0
        self._fault = ""
        self._astray: int | None = None  # the first frame that shows another sperm

    @property
    def is_done(self) -> bool:
        """Whether no further frame is needed."""
        return bool(self._fault) or self._is_lost or len(self._positions) >= self._wanted

    @property
    def frames_needed(self) -> int:
        """How many frames of the video there are up to the last that this tag may need."""
        return 0 if self._fault else self._tag.frame + self._wanted

    @property
    def _is_lost(self) -> bool:
        return self._follower is not None and self._follower.is_lost

    @property
    def _tracked(self) -> int:
        """The frames up to the last in which it was seen: nobody knows where it went then."""
        return len(self._positions) - (self._follower.unseen if self._follower else 0)

    def check(self, info: VideoInfo) -> None:
        """Learn what the header says."""
        self._frame_rate_hz = info.frame_rate_hz
        self._wanted = max(self._clips.frames, self._followed(info.frame_rate_hz))
        x_px, y_px = self._tag.x_px, self._tag.y_px
        if not (0 <= x_px <= info.width_px - 1 and 0 <= y_px <= info.height_px - 1):
            self._fault = (
                f"{self._path}: the tag at x {x_px:g}, y {y_px:g} lies outside of the frame of "
                f"{info.width_px}x{info.height_px} px"
            )

    def _followed(self, rate_hz: float) -> int:
        """Return for how many frames the sperm is to be followed if the video has them."""
        most = self._most_frames
        if most is None:
            most = self._tracking.follow_s * rate_hz + 1
        if math.isnan(most):  # a stack of pictures may not tell its rate
            return 0
        # Not one more frame for an error of rounding.
        return math.ceil(min(most, sys.maxsize // 2) - 1e-6)

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
        if len(self._squares) < self._clips.frames and not self._is_lost:
            self._cut(frame, position)

    def _cut(self, frame: Frame, position: Position) -> None:
        x_px, y_px, size_px = position.x_px, position.y_px, self._clips.size_px
        self._squares.append(frame.cut_rgb(x_px, y_px, size_px=size_px))
        self._inside_px.append(inside_square(frame.luma.shape, x_px, y_px, size_px=size_px))

    def finish(self, fault: str) -> Cut:
        """Say what came of it; `fault` is what ended the reading."""
        if self._tracked >= self._clips.frames:
            self._look_back()
        status, reason = self._outcome(fault)
        if status == FAILED:
            return replace(fail(self._tag, reason), frame_rate_hz=self._frame_rate_hz)
        positions = self._positions[: self._tracked]
        inside_px = self._inside_px if status == OK else []
        return Cut(
            tag=self._tag,
            status=status,
            reason=reason,
            frame_rate_hz=self._frame_rate_hz,
            frames=np.stack(self._squares) if status == OK else None,
            inside_px=np.array(inside_px, np.int32).reshape(-1, 4),
            centre_px=np.array([(p.x_px, p.y_px) for p in positions], np.float32).reshape(-1, 2),
            time_s=np.array(self._times_s[: self._tracked]),
            score=np.array([p.score for p in positions], np.float32),
            is_seen=np.array([p.is_seen for p in positions], bool),
            doubtful_from=self._astray,
        )

    def _look_back(self) -> None:
        """Ask whether the clip shows the tagged sperm to its end, if there is reason to doubt."""
        clip = self._positions[: self._clips.frames]
        if min(position.score for position in clip) < SURE:
            # Green is near enough to the luma that the sperm was followed in.
            squares = [np.ascontiguousarray(square[:, :, 1]) for square in self._squares]
            centre_px = np.array([(position.x_px, position.y_px) for position in clip])
            self._astray = find_loss(squares, centre_px, self._tracking)

    def _outcome(self, fault: str) -> tuple[str, str]:
        if self._fault:
            return FAILED, self._fault
        if self._astray is not None:
            at = self._tag.frame + self._astray
            return LOST, f"lost at frame {at}: followed back, what is seen there is another sperm"
        if self._tracked >= self._clips.frames:
            # What ended the track later, a loss or a damaged frame, is no matter of the clip.
            return OK, ""
        if not self._is_lost and len(self._positions) < self._clips.frames:
            return FAILED, fault or self._too_short()
        if self._tracked == 0:
            return LOST, f"lost at frame {self._tag.frame}: no head stands out under the tag"
        end = self._tag.frame + len(self._positions)
        at = self._tag.frame + self._tracked
        return LOST, f"lost at frame {at}: not recognised up to frame {end - 1}"

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
