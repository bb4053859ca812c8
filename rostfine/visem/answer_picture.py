"""A model's answer as a picture: the field with its tracks, and bars of the percentages beside."""

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8
from matplotlib.colors import to_rgb
from matplotlib.image import imsave
from numpy import ndarray

from rostfine.clips.pictures.field import COLOURS, WIDTH_PX, draw_field
from rostfine.clips.pictures.lettering import width_of
from rostfine.clips.pictures.paint import DARK, Painter
from rostfine.clips.pictures.trails import frames_to
from rostfine.files import written_whole
from rostfine.tracking.field import FieldCount
from rostfine.tracking.shares import Share
from rostfine.video.reader import open_video
from rostfine.visem.answer import NO_SCALE, SemenAnswer, count_shares, tell_seen, tell_share
from rostfine.visem.targets import WORDS

PANEL_PX: Final = 620
LEAST_ROWS_PX: Final = 720
MARGIN_PX: Final = 32.0
BAR_PX: Final = 22
GROUP_PX: Final = 150
TOP_PX: Final = 150
TITLE_PX: Final = 24.0
TEXT_PX: Final = 17.0
SMALL_PX: Final = 14.0
INK: Final = "#f2f4f5"
SOFT: Final = "#a9b3bb"
GROOVE: Final = "#2a3137"
PLAIN: Final = "#7fb2ff"
"""Of what is no class of motility."""
FAINTER: Final = 0.5
"""The count's bars, beside those of the model."""
BY_COLUMN: Final = {f"{motility}_pct": colour for motility, colour in COLOURS.items()}
NAMELESS: Final[Any] = {"Software": None}


def draw_answer(answer: SemenAnswer, count: FieldCount | None, out: Path) -> None:
    """Write a PNG: the field, with its tracks if it was counted, and a bar for each percentage.

    Raises VideoError if the video can no longer be read.
    """
    field = _field(answer.video, count)
    rows = max(len(field), LEAST_ROWS_PX)
    picture = _ground(rows, field.shape[1] + PANEL_PX)
    picture[: len(field), : field.shape[1]] = field
    picture[:, field.shape[1] :] = _panel(answer, count, rows)
    with written_whole(out) as beside:
        imsave(beside, picture, format="png", metadata=NAMELESS)


def _field(video: Path, count: FieldCount | None) -> UInt8[ndarray, "row col 3"]:
    """Draw the first window that has a track, over its last frame; without tracks, the first."""
    tracks = count.tracks if count else ()
    window = min((track.window for track in tracks), default=0)
    last = max((int(t.frame[-1]) for t in tracks if t.window == window), default=0)
    with open_video(video) as opened:
        # One after another: to jump within a video is, in most codecs, wrong.
        (frame,) = deque(frames_to(last, opened), maxlen=1)
    if count:
        return draw_field(count, frame.luma, window=window)
    zoom = max(1, round(WIDTH_PX / frame.luma.shape[1]))
    large = frame.luma.repeat(zoom, axis=0).repeat(zoom, axis=1)
    return np.repeat(large[:, :, None], 3, axis=2)


def _panel(answer: SemenAnswer, count: FieldCount | None, rows: int) -> UInt8[ndarray, "row col 3"]:
    painter = Painter(height_px=rows, width_px=PANEL_PX)
    painter.picture[:] = _ground(rows, PANEL_PX)
    _write(painter, answer.video.name, 52.0, size_px=TITLE_PX)
    _write(painter, f"{answer.target} by {answer.model}", 84.0, size_px=TEXT_PX, colour=SOFT)
    # A count of what moves is no second opinion on what is misshapen.
    counted = count if answer.target == "motility" else None
    others = count_shares(counted) if counted else {}
    for number, (column, share) in enumerate(answer.shares.items()):
        top = TOP_PX + number * (GROUP_PX if counted else GROUP_PX - 50)
        _write(painter, WORDS[column], float(top), size_px=TEXT_PX)
        colour = BY_COLUMN.get(column, PLAIN)
        _bar(painter, top + 12, share, colour, "model" if counted else "")
        if column in others:
            _bar(painter, top + 52, others[column], _fainter(colour), "count")
    _tell_below(painter, _notes(answer, counted), rows)
    return painter.picture.copy()


def _bar(painter: Painter, top: int, share: Share, colour: str, label: str) -> None:
    """Paint a bar of 0 to 100 with its interval, and say the numbers after it."""
    left = MARGIN_PX + (62 if label else 0)
    right = PANEL_PX - MARGIN_PX - 200
    base = top + BAR_PX - 6.0
    painter.write(label, MARGIN_PX, base, size_px=SMALL_PX, colour=SOFT)
    painter.write(tell_share(share), right + 14, base, size_px=TEXT_PX - 1, colour=INK)

    def place(percent: float) -> float:
        return left + (right - left) * min(max(percent, 0.0), 100.0) / 100

    _fill(painter, top, (left, right), GROOVE)
    if not np.isnan(share.percent):
        _fill(painter, top, (left, place(share.percent)), colour)
    if not np.isnan(share.low):
        middle = top + (BAR_PX - 1) / 2
        low, high = place(share.low), place(share.high)
        ends = [[low, middle - 6], [low, middle + 6], [low, middle], [high, middle]]
        ends += [[high, middle - 6], [high, middle + 6]]
        painter.line(np.array(ends), INK, width_px=1.6)


def _notes(answer: SemenAnswer, count: FieldCount | None) -> list[str]:
    notes = [
        f"model: mean of {answer.stacks} stack{'s' * (answer.stacks > 1)} of frames",
        "intervals (95 %): the spread within this video,",
        "not how far the model is from a laboratory",
    ]
    if count is None:
        return notes
    notes.insert(1, "count: classical, of followed heads; an independent second opinion")
    notes.insert(2, f"{tell_seen(count)}")
    return notes if count.is_scale_known else [*notes, *NO_SCALE.split(": ")]


def _tell_below(painter: Painter, notes: Sequence[str], rows: int) -> None:
    for number, note in enumerate(notes):
        base = rows - MARGIN_PX - (len(notes) - 1 - number) * 22
        _write(painter, note, base, size_px=SMALL_PX, colour=SOFT)


def _write(painter: Painter, text: str, base: float, *, size_px: float, colour: str = INK) -> None:
    """Write a line that ends in an ellipsis if there is no room for all of it."""
    room = PANEL_PX - 2 * MARGIN_PX
    if width_of(text, size_px) > room:
        while width_of(f"{text}…", size_px) > room:
            text = text[:-1]
        text += "…"
    painter.write(text, MARGIN_PX, base, size_px=size_px, colour=colour)


def _fill(painter: Painter, top: int, across_px: tuple[float, float], colour: str) -> None:
    left, right = map(round, across_px)
    painter.picture[top : top + BAR_PX, left:right] = _rgb(colour)


def _ground(rows: int, cols: int) -> UInt8[ndarray, "row col 3"]:
    return np.full((rows, cols, 3), _rgb(DARK), np.uint8)


def _fainter(colour: str) -> str:
    mixed = FAINTER * _rgb(colour) + (1 - FAINTER) * _rgb(DARK)
    return f"#{bytes(mixed.round().astype(np.uint8)).hex()}"


def _rgb(colour: str) -> UInt8[ndarray, "3"]:
    found: UInt8[ndarray, 3] = np.rint(255 * np.array(to_rgb(colour))).astype(np.uint8)
    return found
