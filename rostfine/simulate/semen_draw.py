"""Draw the frames of a semen sample at low magnification: bright heads with a halo, dark tails.

All sperm of a frame are painted together at twice its size and averaged down. A sperm that sticks
out on one side comes in on the other, as its track does.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float64, Int, Int32, UInt8

from rostfine.simulate.field import Field, Picture, expose, light_frame
from rostfine.simulate.semen_plan import Cell

Points = Float64[np.ndarray, "cell point 2"]
Outlines = Float64[np.ndarray, "cell corner 2"]

# Grey levels added to the background, chosen to look like phase contrast.
HEAD: Final = 90.0
HALO: Final = 80.0
TAIL: Final = -70.0

HALO_UM: Final = 2.5
DROPLET_LIGHT: Final = 0.55
"""Relative to a head."""
MIDPIECE_UM: Final = 5.0
MIDPIECE_THICK_UM: Final = 0.9
TAIL_THICK_UM: Final = 0.5
TAIL_POINTS: Final = 32
FAINT_FROM: Final = 20
FAINT: Final = 0.6
"""The end of a tail is thinner than can be painted: from this point on it is fainter."""
HEAD_POINTS: Final = 24
FINE: Final = 2
"""How many times larger than the frame sperm are painted."""
SUBPIXEL_BITS: Final = 4
MARGIN_UM: Final = 6.0


@dataclass(frozen=True)
class _Shapes:
    """All sperm of a video, each about the middle of a head that points to the right, in um."""

    axis: Points  # of the tail without its beat
    aside: Points  # where the beat takes each point, times the sine of its phase
    lag_rad: Float64[np.ndarray, "cell point"]
    outline: Outlines  # of the head
    midpiece: list[int]  # how many points of the tail are thick
    droplet_um: list[float]
    light: list[float]


@dataclass(frozen=True)
class _Seen:
    """What is painted of a frame, in pixels; a sperm on the border is there more than once."""

    cell: Int[np.ndarray, " cell"]  # which of the video's sperm it is
    tail: Points
    outline: Outlines


@dataclass(frozen=True)
class _Masks:
    """How much light of heads and dark of tails a pixel has, 0 to 1."""

    head: Picture
    tail: Picture


def draw_semen(
    cells: Sequence[Cell], field: Field, *, um_per_px: float
) -> Iterator[UInt8[np.ndarray, "row col"]]:
    """Draw a video, one grey frame after another, as long as `field` lasts."""
    shapes = _shapes(cells)
    for frame in range(len(field.gain)):
        picture = light_frame(field, frame)
        rows, cols = picture.shape
        seen = _pose(cells, shapes, frame, um_per_px=um_per_px, size=(cols, rows))
        masks = _paint(seen, shapes, um_per_px=um_per_px, size=(cols, rows))
        head, tail = (
            cv2.GaussianBlur(mask, (0, 0), float(field.focus_px[frame]))
            for mask in (masks.head, masks.tail)
        )
        halo = cv2.GaussianBlur(head, (0, 0), HALO_UM / um_per_px)
        picture += np.float32(TAIL) * tail * (1 - head)
        picture += np.float32(HEAD) * head + np.float32(HALO) * halo
        yield expose(field, frame, picture)


def _shapes(cells: Sequence[Cell]) -> _Shapes:
    forms = [cell.form for cell in cells]
    length, head_long, head_wide, swing = (
        np.array([getattr(form.traits, name) for form in forms])[:, None]
        for name in ("tail_length_um", "head_length_um", "head_width_um", "beat_amplitude_um")
    )
    neck, curl, waves = (
        np.array([getattr(form, name) for form in forms])[:, None]
        for name in ("neck_rad", "curl_rad", "waves")
    )
    part = np.linspace(0, 1, TAIL_POINTS)
    course = math.pi + neck + curl * part
    step = length / (TAIL_POINTS - 1)
    between = (course[:, 1:] + course[:, :-1]) / 2
    x_um = -head_long / 2 + step * _from_0(np.cos(between))
    y_um = step * _from_0(np.sin(between))
    growth = swing * np.minimum(part / 0.5, 1.0) ** 1.2
    around = np.linspace(0, 2 * math.pi, HEAD_POINTS, endpoint=False)
    oval = [head_long / 2 * np.cos(around), head_wide / 2 * np.sin(around)]
    return _Shapes(
        axis=np.stack([x_um, y_um], axis=2),
        aside=np.stack([-growth * np.sin(course), growth * np.cos(course)], axis=2),
        lag_rad=2 * math.pi * waves * part,
        outline=np.stack(oval, axis=2),
        midpiece=[max(2, 1 + round(MIDPIECE_UM / float(one))) for one in step[:, 0]],
        droplet_um=[form.traits.droplet_um for form in forms],
        light=[form.light for form in forms],
    )


def _from_0(steps: Float64[np.ndarray, "cell step"]) -> Float64[np.ndarray, "cell point"]:
    return np.pad(np.cumsum(steps, axis=1), ((0, 0), (1, 0)))


def _pose(
    cells: Sequence[Cell], shapes: _Shapes, frame: int, *, um_per_px: float, size: tuple[int, int]
) -> _Seen:
    """Turn and place all sperm of a frame, those on its border on both sides."""
    paths = [cell.route.path for cell in cells]
    place = np.array([(path.x_px[frame], path.y_px[frame]) for path in paths])[:, None]
    heading, beat = np.array([(path.heading_rad[frame], path.beat_rad[frame]) for path in paths]).T
    swing = np.sin(beat[:, None] - shapes.lag_rad)[:, :, None]
    tail = place + _turn(shapes.axis + swing * shapes.aside, heading) / um_per_px
    outline = place + _turn(shapes.outline, heading) / um_per_px
    low = np.minimum(tail.min(axis=1), outline.min(axis=1)) - MARGIN_UM / um_per_px
    high = np.maximum(tail.max(axis=1), outline.max(axis=1)) + MARGIN_UM / um_per_px
    across, down = ((0, -side, side) for side in size)
    shifts = np.array([(x, y) for x in across for y in down], np.float64)[:, None]
    # A row for each copy beyond a border, a column for each sperm.
    copy, cell = np.nonzero(((high + shifts > 0) & (low + shifts < size)).all(axis=2))
    return _Seen(cell, tail[cell] + shifts[copy], outline[cell] + shifts[copy])


def _turn(points: Points, heading_rad: Float64[np.ndarray, " cell"]) -> Points:
    cos, sin = np.cos(heading_rad)[:, None], np.sin(heading_rad)[:, None]
    x_um, y_um = points[:, :, 0], points[:, :, 1]
    return np.stack([x_um * cos - y_um * sin, x_um * sin + y_um * cos], axis=2)


def _paint(seen: _Seen, shapes: _Shapes, *, um_per_px: float, size: tuple[int, int]) -> _Masks:
    """Return how much of each pixel is head or droplet, and how much is tail."""
    heads, tails = (np.zeros((size[1] * FINE, size[0] * FINE), np.uint8) for _ in range(2))
    lines = _fine(seen.tail)
    necks = [line[: shapes.midpiece[cell]] for line, cell in zip(lines, seen.cell, strict=True)]
    for parts, light, width_um in (
        (list(lines[:, FAINT_FROM:]), FAINT, TAIL_THICK_UM),
        (list(lines[:, : FAINT_FROM + 1]), 1.0, TAIL_THICK_UM),
        (necks, 1.0, MIDPIECE_THICK_UM),
    ):
        width = max(1, round(width_um / um_per_px * FINE))
        cv2.polylines(tails, parts, False, 255 * light, width, cv2.LINE_AA, SUBPIXEL_BITS)
    for neck, cell in zip(necks, seen.cell, strict=True):
        radius = round(shapes.droplet_um[cell] / 2 / um_per_px * FINE * 2**SUBPIXEL_BITS)
        if radius:
            x, y = map(int, neck[len(neck) // 2])
            level = 255 * DROPLET_LIGHT
            cv2.circle(heads, (x, y), radius, level, -1, cv2.LINE_AA, SUBPIXEL_BITS)
    for outline, cell in zip(_fine(seen.outline), seen.cell, strict=True):
        level = 255 * shapes.light[cell]
        cv2.fillConvexPoly(heads, outline, level, cv2.LINE_AA, SUBPIXEL_BITS)
    return _Masks(_averaged(heads, size), _averaged(tails, size))


def _fine(points: Points) -> Int32[np.ndarray, "cell point 2"]:
    # Pixel i of the frame covers fine pixels FINE*i .. FINE*i + FINE-1: its middle lies between.
    return np.round(((points + 0.5) * FINE - 0.5) * 2**SUBPIXEL_BITS).astype(np.int32)


def _averaged(canvas: UInt8[np.ndarray, "fine_row fine_col"], size: tuple[int, int]) -> Picture:
    coverage = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)
    mask: Picture = coverage.astype(np.float32) / 255
    return mask
