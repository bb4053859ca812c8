"""A video of stained heads, which lie still, while the stage is slowly moved under the lens."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pandas as pd
from jaxtyping import Float64

from rostfine.files import written_whole
from rostfine.simulate.heads_draw import Photo, draw_camera, draw_slide, take
from rostfine.simulate.heads_plan import HeadSettings, Sperm, place_sperm, random_stream
from rostfine.simulate.study import write_parquet
from rostfine.video.write import CODECS, write_video

Corners = Float64[np.ndarray, "frame xy"]

STEP_UM: Final = 0.12
"""How far the stage moves from frame to frame."""
SWAY_UM: Final = 0.6
SWAY_FRAMES: Final = 40.0


def simulate_head_video(
    path: Path, settings: HeadSettings, *, frames: int = 60, frame_rate_hz: float = 25.0
) -> None:
    """Write a video (.avi) as wide and high as the pictures, and its truth beside it (.parquet).

    The truth has a row for each frame and head in it, with the head's box as far as it is seen,
    and the share of it that is. None of its sperm is in a picture of the same settings.
    """
    corners = _drift(settings, frames)
    sperm, size = _world(settings, corners)
    with written_whole(path) as beside:
        shots = _shots(settings, sperm, size, corners)
        write_video(beside, shots, codec=CODECS["mjpeg"], frame_rate_hz=frame_rate_hz)
    rows = [
        {"frame": frame, "sperm_id": number, "class_name": one.form.class_name, **box}
        for frame, corner in enumerate(corners)
        for number, one in enumerate(sperm, start=1)
        if (box := _seen(one, corner, settings)) is not None
    ]
    write_parquet(path.with_suffix(".parquet"), pd.DataFrame(rows))


def _drift(settings: HeadSettings, frames: int) -> Corners:
    """Draw where the upper left corner of each frame is on the slide, in px."""
    rng = _stream(settings, "drift")
    course, phase = rng.uniform(0, 2 * math.pi, 2)
    along = STEP_UM * np.arange(frames)
    aside = SWAY_UM * np.sin(2 * math.pi * np.arange(frames) / SWAY_FRAMES + phase)
    cos, sin = math.cos(course), math.sin(course)
    corners = np.stack([cos * along - sin * aside, sin * along + cos * aside], 1)
    drift: Corners = (corners - corners.min(axis=0)) / settings.um_per_px + 1
    return drift


def _world(settings: HeadSettings, corners: Corners) -> tuple[tuple[Sperm, ...], tuple[int, int]]:
    """Lay sperm on all of the slide that is ever seen, as densely as in a picture."""
    cols, rows = np.ceil(corners.max(axis=0)).astype(int) + 1
    size = (settings.width_px + int(cols), settings.height_px + int(rows))
    larger = math.prod(size) / (settings.width_px * settings.height_px)
    count = max(1, round(sum(settings.sperm_per_picture) / 2 * larger))
    return place_sperm(count, size, settings.um_per_px, _stream(settings, "plan")), size


def _stream(settings: HeadSettings, purpose: str) -> np.random.Generator:
    # The index after the last picture's, so that what was trained on is not met again.
    return random_stream(settings, purpose, settings.pictures)


def _shots(
    settings: HeadSettings, sperm: tuple[Sperm, ...], size: tuple[int, int], corners: Corners
) -> Iterator[Photo]:
    slide = draw_slide(sperm, size, settings.um_per_px, _stream(settings, "slide"))
    rng = _stream(settings, "sensor")
    view = (settings.width_px, settings.height_px)
    camera = draw_camera(view, settings.um_per_px, rng)
    for corner in corners:
        # To OpenCV, (0, 0) is the middle of the first pixel.
        middle = corner + (np.array(view) - 1) / 2
        yield take(cv2.getRectSubPix(slide, view, middle.tolist()), camera, rng)


def _seen(
    sperm: Sperm, corner: Float64[np.ndarray, " xy"], settings: HeadSettings
) -> dict[str, float] | None:
    """Return the box of a head as far as it is in a frame; None: it is not."""
    outline = sperm.to_px(sperm.form.outline) - corner
    low, high = outline.min(axis=0), outline.max(axis=0)
    first, last = (
        np.clip(side, 0, (settings.width_px, settings.height_px)) for side in (low, high)
    )
    visible = float(np.prod(last - first) / np.prod(high - low))
    if visible == 0:
        return None
    names = ("left_px", "top_px", "right_px", "bottom_px")
    box = dict(zip(names, (*first.tolist(), *last.tolist()), strict=True))
    return {**box, "visible": visible}
