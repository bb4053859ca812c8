"""A video with what was tracked drawn into it, for people to look at."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float64, UInt8
from numpy import ndarray

from rostfine.clips.pictures.caption import Captions, choose_corner
from rostfine.clips.pictures.lettering import width_of
from rostfine.clips.pictures.paint import Painter
from rostfine.clips.pictures.trails import Trail, frames_to, trails_of
from rostfine.errors import InputError
from rostfine.files import written_whole
from rostfine.video.reader import Frame, Video, open_video
from rostfine.video.write import CODECS, write_video

COLOURS: Final = ("#7fd0ff", "#ffb52e", "#f8ef6a", "#4fe3b8", "#ff9d6b", "#ffb3dd", "#ffffff")
"""Those of Okabe and Ito (2008), which the colour-blind tell apart, brightened for grey ground."""
PRESUMED: Final = "#b9c0c6"
PLAIN: Final = "#ffffff"

TAIL: Final = 15
"""Positions of a track that its tail shows, and frames for which its end is marked."""
LEAST_RATE_HZ: Final = 5.0
"""Of what is written: slower than this nobody sees a movement."""
WIDTH_PX: Final = 1280
"""About so wide is what is written, where the video itself is not wider: words need room."""
LONGEST_TIME: Final = "frame 00000   000.000 s"
SMALLEST_TEXT_PX: Final = 15.0


def draw_overlay(video: Path, tracks: pd.DataFrame, out: Path, *, box_px: int) -> None:
    """Write an MP4 of the tracked frames with each head's box, tail, sample, score and status.

    Boxes are `box_px` wide in pixels of the video, dashed and grey where the place is presumed. A
    cross tells where a track ended. Raises InputError if there are no tracks, VideoError if the
    video is unreadable or shorter than they are.
    """
    if tracks.empty:
        raise InputError(f"{video}: wanted tracks to draw, found none")
    trails = trails_of(tracks)
    with open_video(video) as opened, written_whole(out) as beside:
        write_video(
            beside,
            _paint_frames(opened, trails, box_px=box_px),
            codec=CODECS["h264"],
            frame_rate_hz=_playable(opened.info.frame_rate_hz),
        )


def _paint_frames(
    video: Video, trails: Sequence[Trail], *, box_px: int
) -> Iterator[UInt8[ndarray, "row col 3"]]:
    first = min(int(trail.frame[0]) for trail in trails)
    last = max(int(trail.frame[-1]) for trail in trails)
    canvas = None
    for frame in frames_to(last, video):
        if canvas is None:
            canvas = _Canvas(trails, *frame.luma.shape, box_px=box_px)
        if frame.index >= first:
            yield canvas.paint(frame, trails)


class _Canvas:
    """What a frame is painted on: so many times as large that words can be read."""

    def __init__(self, trails: Sequence[Trail], rows: int, cols: int, *, box_px: int) -> None:
        self._zoom = max(1, round(WIDTH_PX / cols))
        height, width = rows * self._zoom, cols * self._zoom
        self._painter = Painter(height_px=height, width_px=width)
        self._box_px = float(box_px * self._zoom)
        self._text_px = max(SMALLEST_TEXT_PX, width / 85)
        words_px = width_of(LONGEST_TIME, self._time_px) + 2 * self._time_px
        places = np.concatenate([trail.place_px for trail in trails]) * self._zoom
        corner_px = (words_px, 3 * self._time_px)
        self._corner = choose_corner((width, height), corner_px, places)
        self._captions = Captions((width, height), self._corner)

    @property
    def _time_px(self) -> float:
        return self._text_px * 1.15

    def paint(self, frame: Frame, trails: Sequence[Trail]) -> UInt8[ndarray, "row col 3"]:
        """Return a frame with all that is told of it."""
        self._lay(frame.luma)
        shown = [
            (trail, colour)
            for trail, colour in _with_colours(trails)
            if trail.frame[0] <= frame.index < trail.frame[-1] + TAIL
        ]
        # Tails first: no head is to be under the tail of another.
        tails = [self._tail(trail, frame.index) for trail, _ in shown]
        for tail, (_, colour) in zip(tails, shown, strict=True):
            self._painter.line(self._outside_of_box(tail), colour, width_px=1.2)
        for tail, (trail, colour) in zip(tails, shown, strict=True):
            self._mark(trail, frame.index, tail[-1], colour)
        if shown:
            self._caption(shown, tails, frame.index)
        self._tell_time(frame)
        return self._painter.picture.copy()

    def _lay(self, luma: UInt8[ndarray, "row col"]) -> None:
        large = luma.repeat(self._zoom, axis=0).repeat(self._zoom, axis=1)
        self._painter.picture[:] = large[:, :, None]

    def _tail(self, trail: Trail, frame: int) -> Float64[ndarray, "point 2"]:
        now = trail.until(frame)
        # A pixel's middle stays its middle.
        return trail.place_px[max(now - TAIL, 0) : now] * self._zoom + (self._zoom - 1) / 2

    def _outside_of_box(self, tail: Float64[ndarray, "point 2"]) -> Float64[ndarray, "point 2"]:
        """Break the line where it would hide the head."""
        is_inside = (np.abs(tail - tail[-1]) < self._box_px / 2).all(axis=1)
        return np.where(is_inside[:, None], np.nan, tail)

    def _mark(self, trail: Trail, frame: int, place: Float64[ndarray, "2"], colour: str) -> None:
        if frame > trail.frame[-1]:
            self._painter.cross(place, self._box_px / 2, colour)
            return
        is_presumed = bool(trail.is_presumed[trail.until(frame) - 1])
        stroke = PRESUMED if is_presumed else colour
        self._painter.box(place, self._box_px, stroke, is_dashed=is_presumed)

    def _caption(
        self,
        shown: Sequence[tuple[Trail, str]],
        tails: Sequence[Float64[ndarray, "_ 2"]],
        frame: int,
    ) -> None:
        words = [_words(trail, frame) for trail, _ in shown]
        size = self._text_px
        middles = np.stack([tail[-1] for tail in tails])
        rects = self._captions.place(
            [trail.sample_id for trail, _ in shown],
            heads=np.concatenate([middles - self._box_px / 2, middles + self._box_px / 2], axis=1),
            sizes_px=np.array([(width_of(text, size), size) for text in words]),
            trails=np.concatenate(tails),
        )
        for text, rect, (_, colour) in zip(words, rects, shown, strict=True):
            base_px = rect[3] - size / 8
            self._painter.write(text, rect[0], base_px, size_px=size, colour=colour, has_edge=True)

    def _tell_time(self, frame: Frame) -> None:
        size = self._time_px
        at = "" if math.isnan(frame.time_s) else f"   {frame.time_s:.3f} s"
        text = f"frame {frame.index}{at}"
        left, base = self._corner[0] + size, self._corner[3] - size
        self._painter.write(text, left, base, size_px=size, colour=PLAIN, has_edge=True)


def _playable(frame_rate_hz: float) -> float:
    """Return the true rate, or the least, also where none is known."""
    return frame_rate_hz if frame_rate_hz > LEAST_RATE_HZ else LEAST_RATE_HZ


def _with_colours(trails: Sequence[Trail]) -> list[tuple[Trail, str]]:
    return [(trail, COLOURS[at % len(COLOURS)]) for at, trail in enumerate(trails)]


def _words(trail: Trail, frame: int) -> str:
    if frame > trail.frame[-1]:
        return f"{trail.sample_id} ended"
    now = trail.until(frame) - 1
    presumed = " presumed" if trail.is_presumed[now] else ""
    return f"{trail.sample_id} {trail.score[now]:.2f}{presumed}"
