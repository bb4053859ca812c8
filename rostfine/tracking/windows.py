"""Stretches of a video, evenly spread over it, each read whole."""

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Float64, UInt8
from numpy import ndarray

from rostfine.errors import InputError
from rostfine.video.ahead import read_ahead
from rostfine.video.reader import VideoInfo, open_video


@dataclass(frozen=True)
class Window:
    """Consecutive frames of a video."""

    first_frame: int
    lumas: list[UInt8[ndarray, "row col"]]
    time_s: Float64[ndarray, " frame"]


def read_windows(video: Path, *, windows: int, window_s: float, least_s: float) -> Iterator[Window]:
    """Yield up to `windows` stretches of `window_s`, as many as fit, in order.

    A video shorter than a stretch is one. What its header says of its length is believed only as
    far as it goes: a stretch that breaks off is yielded if it lasts `least_s`. Raises VideoError
    if the video cannot be read, InputError if it has no frame rate or lasts less than `least_s`.
    """
    with open_video(video) as opened:
        info = opened.info
        if math.isnan(info.frame_rate_hz):
            raise InputError(f"{video}: wanted a frame rate, found none")
        count = info.frame_count or _count_frames(video)
        length = max(2, round(window_s * info.frame_rate_hz))
        least = max(2, math.ceil(least_s * info.frame_rate_hz))
        found = 0
        with closing(read_ahead(opened.frames())) as frames:
            at = 0
            for start in choose_starts(count, length=length, windows=windows):
                taken = [
                    (f.luma, f.time_s) for f in islice(frames, start - at, start - at + length)
                ]
                at = start + len(taken)
                if len(taken) < least:
                    break
                found += 1
                yield _window(start, taken, info)
    if not found:
        raise InputError(f"{video}: wanted {least} frames ({least_s:g} s) or more, got {at}")


def choose_starts(frames: int, *, length: int, windows: int) -> list[int]:
    """Return the first frame of each stretch; none overlaps another."""
    fit = max(1, min(windows, frames // length))
    room = max(0, frames - length)
    if fit == 1:
        return [room // 2]
    return [round(number * room / (fit - 1)) for number in range(fit)]


def _count_frames(video: Path) -> int:
    """Count by decoding: the header does not say it."""
    with open_video(video) as opened:
        return sum(1 for _ in opened.frames())


def _window(
    start: int, taken: list[tuple[UInt8[ndarray, "row col"], float]], info: VideoInfo
) -> Window:
    lumas, stamps = zip(*taken, strict=True)
    time_s = np.array(stamps, np.float64)
    if not (np.diff(time_s) > 0).all():
        # Also where there are none: by the rate then.
        time_s = (start + np.arange(len(taken))) / info.frame_rate_hz
    return Window(start, list(lumas), time_s)
