"""A contact sheet: what was tracked in one video at a glance, the worst track first."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from jaxtyping import UInt8
from matplotlib.image import imsave
from numpy import ndarray

from rostfine.clips.pictures.lettering import width_of
from rostfine.clips.pictures.paint import Painter
from rostfine.clips.pictures.trails import BEYOND, VIEW_BOXES, Trail, frames_to, trails_of
from rostfine.errors import InputError
from rostfine.files import written_whole
from rostfine.video.crop import cut_square
from rostfine.video.reader import open_video

MOST_FRAMES: Final = 16
MOST_ROWS: Final = 40
CELL_PX: Final = 112

GAP_PX: Final = 4
SCORE_PX: Final = 20
NAME_PX: Final = 210
MARGIN_PX: Final = 16
TOP_PX: Final = 64
ROW_PX: Final = CELL_PX + SCORE_PX + 10
TEXT_PX: Final = 13.0

PAPER: Final = 255
INK: Final = "#1c2126"
SOFT: Final = "#5c6670"
SEEN: Final = "#2bd9c0"
PRESUMED: Final = "#d5dade"
WORST: Final = "#b4431f"

NAMELESS: Final[Any] = {"Software": None}
"""Without the name of its maker a picture of the same data is the same file."""

Squares = Mapping[int, UInt8[ndarray, "row col"]]
"""What was cut around a head, by frame."""


def draw_sheet(
    video: Path,
    tracks: pd.DataFrame,
    out: Path,
    *,
    box_px: int,
    lost: Mapping[str, str] | None = None,
) -> None:
    """Write a PNG with a row of frames for each sample, the head boxed, scores below.

    At most 16 frames of each of the 40 worst tracks are shown, the frame of the lowest score among
    them. `lost` tells of samples that went out of sight: they come first. Raises InputError if
    there are no tracks, VideoError if the video is unreadable or shorter than they are.
    """
    if tracks.empty:
        raise InputError(f"{video}: wanted tracks to draw, found none")
    told = lost or {}
    trails = trails_of(tracks)
    worst = sorted(trails, key=lambda t: (t.sample_id not in told, t.score[t.lowest]))[:MOST_ROWS]
    cut = _cut_squares(video, worst, view_px=VIEW_BOXES * box_px)
    sheet = _Sheet(worst)
    sheet.head(video.name, f"{_shown(len(worst), len(trails))}, worst first")
    for row, trail in enumerate(worst):
        sheet.name(row, trail, told.get(trail.sample_id, ""))
        sheet.fill(row, trail, cut[trail.sample_id])
    with written_whole(out) as beside:
        imsave(beside, sheet.picture, metadata=NAMELESS)


def choose_frames(trail: Trail, most: int = MOST_FRAMES) -> list[int]:
    """Choose evenly from the first frame to the last, and the one of the lowest score among them.

    Returns places in the trail, rising.
    """
    count = len(trail.frame)
    chosen = np.linspace(0, count - 1, min(most, count)).round().astype(int)
    if trail.lowest not in chosen:
        chosen[np.abs(chosen - trail.lowest).argmin()] = trail.lowest
    return sorted(set(chosen.tolist()))


def _shown(rows: int, of: int) -> str:
    return f"{of} track{'s' * (of > 1)}" if rows == of else f"the {rows} worst of {of} tracks"


def _cut_squares(video: Path, trails: Sequence[Trail], *, view_px: float) -> dict[str, Squares]:
    """Read the video once, up to the last frame that is shown."""
    wanted: dict[int, list[tuple[str, tuple[float, float]]]] = {}
    for trail in trails:
        for at in choose_frames(trail):
            place = (float(trail.place_px[at, 0]), float(trail.place_px[at, 1]))
            wanted.setdefault(int(trail.frame[at]), []).append((trail.sample_id, place))
    cut: dict[str, dict[int, UInt8[ndarray, "row col"]]] = {t.sample_id: {} for t in trails}
    with open_video(video) as opened:
        for frame in frames_to(max(wanted), opened):
            for sample_id, (x_px, y_px) in wanted.get(frame.index, []):
                square = cut_square(
                    frame.luma, x_px, y_px, cells=CELL_PX, cell_px=view_px / CELL_PX
                )
                cut[sample_id][frame.index] = _without_reflection(
                    square, (x_px, y_px), frame.luma.shape, view_px
                )
    return {sample_id: dict(squares) for sample_id, squares in cut.items()}


def _without_reflection(
    square: UInt8[ndarray, "row col"],
    place: tuple[float, float],
    size_px: tuple[int, ...],
    view_px: float,
) -> UInt8[ndarray, "row col"]:
    """Blank what lies beyond the border: a reflected sperm would pass for a neighbour."""
    off_px = (np.arange(CELL_PX) - (CELL_PX - 1) / 2) * view_px / CELL_PX
    across, down = (off_px + at for at in place)
    is_across = (across >= -0.5) & (across <= size_px[1] - 0.5)
    is_down = (down >= -0.5) & (down <= size_px[0] - 0.5)
    return np.where(np.outer(is_down, is_across), square, np.uint8(BEYOND))


class _Sheet:
    """Where things stand on the sheet."""

    def __init__(self, trails: Sequence[Trail]) -> None:
        columns = max(len(choose_frames(trail)) for trail in trails)
        # A heading wants room, however few the frames are.
        self._width_px = max(NAME_PX + columns * (CELL_PX + GAP_PX), 640) + 2 * MARGIN_PX
        height_px = TOP_PX + len(trails) * ROW_PX + MARGIN_PX
        self._painter = Painter(height_px=height_px, width_px=self._width_px)
        self._painter.picture[:] = PAPER

    @property
    def picture(self) -> UInt8[ndarray, "row col 3"]:
        """What has been drawn."""
        return self._painter.picture

    def head(self, title: str, facts: str) -> None:
        """Write above all rows."""
        self._write(f"{title}: {facts}", MARGIN_PX, 28, size_px=16.0)
        legend = "Below each frame its number and score. Box: seen; dashed: presumed; red: lowest."
        self._write(legend, MARGIN_PX, 50, colour=SOFT)

    def name(self, row: int, trail: Trail, lost: str) -> None:
        """Write to the left of a row."""
        presumed = int(trail.is_presumed.sum())
        lines = [
            (trail.sample_id, INK),
            (f"lowest {trail.score[trail.lowest]:.2f}", WORST),
            (f"frames {trail.frame[0]} to {trail.frame[-1]}", SOFT),
            *([(f"{presumed} presumed", SOFT)] if presumed else []),
            *((line, WORST) for line in _wrapped(lost)),
        ]
        for at, (text, colour) in enumerate(lines):
            text = _fitting(text, NAME_PX - 10)
            self._write(text, MARGIN_PX, _top(row) + 15 + 19 * at, colour=colour)

    def fill(self, row: int, trail: Trail, squares: Squares) -> None:
        """Lay the frames of a row side by side."""
        for column, at in enumerate(choose_frames(trail)):
            left = MARGIN_PX + NAME_PX + column * (CELL_PX + GAP_PX)
            square = squares[int(trail.frame[at])]
            self.picture[_top(row) : _top(row) + CELL_PX, left : left + CELL_PX] = square[..., None]
            is_presumed = bool(trail.is_presumed[at])
            middle = (left + (CELL_PX - 1) / 2, _top(row) + (CELL_PX - 1) / 2)
            colour = PRESUMED if is_presumed else SEEN
            self._painter.box(middle, CELL_PX / VIEW_BOXES, colour, is_dashed=is_presumed)
            self._score(trail, at, left, _top(row) + CELL_PX + 15)

    def _score(self, trail: Trail, at: int, left_px: int, base_px: int) -> None:
        self._write(f"{trail.frame[at]}", left_px, base_px, colour=SOFT, size_px=11.0)
        text = f"{trail.score[at]:.2f}"
        right_px = left_px + CELL_PX - math.ceil(width_of(text, TEXT_PX)) - 1
        self._write(text, right_px, base_px, colour=WORST if at == trail.lowest else INK)

    def _write(
        self,
        text: str,
        left_px: int,
        base_px: int,
        *,
        colour: str = INK,
        size_px: float = TEXT_PX,
    ) -> None:
        self._painter.write(text, float(left_px), float(base_px), size_px=size_px, colour=colour)


def _top(row: int) -> int:
    return TOP_PX + row * ROW_PX


def _wrapped(text: str) -> list[str]:
    """Break a reason at its colon: the rest of it is on a line of its own."""
    return [part.strip() for part in text.split(":")] if text else []


def _fitting(text: str, width_px: int) -> str:
    """Shorten a text in its middle, where names differ least, until it is not wider."""
    wide_px = width_of(text, TEXT_PX)
    if wide_px <= width_px:
        return text
    kept = int(len(text) * width_px / wide_px)
    while True:
        kept -= 1
        short = f"{text[: kept // 2]}…{text[kept // 2 - kept :]}"
        if kept <= 2 or width_of(short, TEXT_PX) <= width_px:
            return short
