"""Draw a whole video, frame by frame."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from rostfine.simulate.field import Field, expose, light_frame
from rostfine.simulate.motion import Path
from rostfine.simulate.render import FURTHEST_UM, Look, Patch, Pose, draw_sperm
from rostfine.simulate.sperm import Traits


@dataclass(frozen=True)
class Swimmer:
    """One sperm of a video: what it is like, how it looks, and its true track."""

    sperm_id: str
    sample_id: str | None  # None: nobody tagged it
    tag_frame: int | None
    traits: Traits
    look: Look
    path: Path


def draw_frames(
    swimmers: tuple[Swimmer, ...], field: Field, *, um_per_px: float
) -> Iterator[UInt8[np.ndarray, "row col"]]:
    """Draw a video, one grey frame after another, as long as `field` lasts."""
    for frame in range(len(field.gain)):
        picture = light_frame(field, frame)
        for swimmer in swimmers:
            pose = _pose(swimmer.path, frame)
            if _is_near(pose, picture.shape, FURTHEST_UM / um_per_px):
                patch = draw_sperm(
                    swimmer.traits,
                    swimmer.look,
                    pose,
                    um_per_px=um_per_px,
                    focus_px=float(field.focus_px[frame]),
                )
                _put(patch, picture)
        yield expose(field, frame, picture)


def _pose(path: Path, frame: int) -> Pose:
    return Pose(
        x_px=float(path.x_px[frame]),
        y_px=float(path.y_px[frame]),
        heading_rad=float(path.heading_rad[frame]),
        beat_rad=float(path.beat_rad[frame]),
    )


def _is_near(pose: Pose, shape: tuple[int, ...], reach_px: float) -> bool:
    rows, cols = shape
    return -reach_px < pose.x_px < cols + reach_px and -reach_px < pose.y_px < rows + reach_px


def _put(patch: Patch, picture: np.ndarray) -> None:
    """Add the part of the patch that lies inside to the picture, in place: a copy costs more."""
    rows, cols = picture.shape
    height, width = patch.delta.shape
    top, left = max(0, patch.row), max(0, patch.col)
    bottom, right = min(rows, patch.row + height), min(cols, patch.col + width)
    if top < bottom and left < right:
        inner = patch.delta[
            top - patch.row : bottom - patch.row, left - patch.col : right - patch.col
        ]
        picture[top:bottom, left:right] += inner
