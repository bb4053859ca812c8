"""Draw one sperm as a small patch of brightness to be added to a frame.

The head is computed, not painted: its outline is a function, so that its middle is where the track
says to a fraction of a pixel. The tail is painted at four times the size and averaged down.
"""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, Float64, Int

from rostfine.simulate.sperm import Traits

Plane = Float32[np.ndarray, "row col"]
Grid = tuple[Float32[np.ndarray, "1 col"], Float32[np.ndarray, "row 1"]]

# Grey levels added to the background, chosen to look like phase contrast.
BODY: Final = np.float32(70)
ACROSOME: Final = np.float32(16)
VACUOLE: Final = np.float32(-130)
RIM: Final = np.float32(-75)
HALO: Final = np.float32(14)
DROPLET: Final = np.float32(-58)
TAIL: Final = np.float32(-70)

HARMONICS: Final = (2, 3, 4, 5)
"""Waves around a dented outline; the first would only shift the head."""
NECK_UM: Final = 5.0
"""About as long as the head (WHO laboratory manual)."""
FINE: Final = 4
"""How many times larger than the frame the tail is painted."""
SUBPIXEL_BITS: Final = 4
TAIL_POINTS: Final = 48
MARGIN_PX: Final = 8
FURTHEST_UM: Final = 32.0
"""No part of a sperm is further from the middle of its head."""


@dataclass(frozen=True)
class Look:
    """What is a sperm's own but no trait: where its vacuoles lie, how its outline is dented."""

    outline_rad: Float64[np.ndarray, " harmonic"]
    vacuole_place: Float64[np.ndarray, "vacuole 2"]  # in the unit disc of the head
    side: float  # +1 or -1: to which side the neck bends
    waves: float  # wavelengths of the beat along the tail
    depth_px: float  # blur from lying off the focal plane


@dataclass(frozen=True)
class Pose:
    """Where a head is in one frame, where it points, and how far the beat has come."""

    x_px: float
    y_px: float
    heading_rad: float
    beat_rad: float


@dataclass(frozen=True)
class Patch:
    """Brightness to add to a frame with its first pixel at (`row`, `col`), which may be outside."""

    row: int
    col: int
    delta: Float32[np.ndarray, "row col"]


def draw_look(traits: Traits, *, depth_px: float, rng: np.random.Generator) -> Look:
    """Draw what the traits leave open."""
    count = traits.vacuole_count
    around = rng.uniform(0, 2 * math.pi) + 2 * math.pi * np.arange(count) / count
    far = 0.0 if count == 1 else 0.45
    return Look(
        outline_rad=rng.uniform(0, 2 * math.pi, len(HARMONICS)),
        vacuole_place=np.stack([far * np.cos(around), far * np.sin(around)], axis=1),
        side=1.0 if rng.random() < 0.5 else -1.0,
        waves=float(rng.uniform(0.9, 1.2)),
        depth_px=depth_px,
    )


def draw_sperm(
    traits: Traits, look: Look, pose: Pose, *, um_per_px: float, focus_px: float
) -> Patch:
    """Draw a sperm in one pose, blurred by the focus of the frame and by its own depth."""
    middle = np.array([pose.x_px, pose.y_px])
    tail = _tail_points(traits, look, pose, um_per_px)
    head_px = 0.85 * max(traits.head_length_um, traits.head_width_um) / um_per_px + MARGIN_PX
    low = np.floor(np.minimum(tail.min(axis=0) - MARGIN_PX, middle - head_px)).astype(int)
    high = np.ceil(np.maximum(tail.max(axis=0) + MARGIN_PX, middle + head_px)).astype(int) + 1
    delta = _tail(tail - low, high - low, traits=traits, um_per_px=um_per_px)
    neck = tail[round(0.45 * NECK_UM / traits.tail_length_um * TAIL_POINTS)]
    drop_px = traits.droplet_um / 2 / um_per_px
    # Only the surroundings of droplet and head are computed, not the whole patch.
    window, grid = _window(delta.shape, neck - low, drop_px + MARGIN_PX)
    delta[window] = _lay(delta[window], *_droplet(grid, drop_px))
    window, grid = _window(delta.shape, middle - low, head_px)
    delta[window] = _lay(delta[window], *_head(grid, traits, look, pose, um_per_px=um_per_px))
    sigma_px = math.hypot(focus_px, look.depth_px)
    blurred = cv2.GaussianBlur(delta, (0, 0), sigma_px) if sigma_px > 0 else delta
    return Patch(row=int(low[1]), col=int(low[0]), delta=blurred)


def _tail_points(
    traits: Traits, look: Look, pose: Pose, um_per_px: float
) -> Float64[np.ndarray, "point 2"]:
    along_um = np.linspace(0, traits.tail_length_um, TAIL_POINTS + 1)
    part = along_um / traits.tail_length_um
    # The wave travels from the neck to the end and grows on its way.
    growth = np.minimum(part / 0.5, 1.0) ** 1.2
    phase = pose.beat_rad - 2 * math.pi * look.waves * part
    aside_um = traits.beat_amplitude_um * growth * np.sin(phase)
    back = pose.heading_rad + math.pi + look.side * traits.neck_bend_rad
    root_um = -traits.head_length_um / 2
    x_um = root_um * math.cos(pose.heading_rad) + along_um * math.cos(back)
    y_um = root_um * math.sin(pose.heading_rad) + along_um * math.sin(back)
    points_um = np.stack(
        [x_um - aside_um * math.sin(back), y_um + aside_um * math.cos(back)], axis=1
    )
    points: Float64[np.ndarray, "point 2"] = points_um / um_per_px + (pose.x_px, pose.y_px)
    return points


def _tail(
    points: Float64[np.ndarray, "point 2"],
    size: Int[np.ndarray, " xy"],
    *,
    traits: Traits,
    um_per_px: float,
) -> Plane:
    canvas = np.zeros((size[1] * FINE, size[0] * FINE), np.uint8)
    # Pixel i of the frame covers fine pixels FINE*i .. FINE*i + FINE-1: its middle lies between.
    fine = (points + 0.5) * FINE - 0.5
    ends = [(int(x), int(y)) for x, y in np.round(fine * 2**SUBPIXEL_BITS)]
    um = np.linspace(0, traits.tail_length_um, TAIL_POINTS)
    width = np.where(um < NECK_UM, 0.62, 0.42 - 0.2 * um / traits.tail_length_um) / um_per_px
    shade = 255 * np.where(um < NECK_UM, 1.0, 0.95 - 0.55 * um / traits.tail_length_um)
    # From the end to the neck, so that the stronger part stays on top.
    for i in reversed(range(TAIL_POINTS)):
        thick = max(1, round(float(width[i]) * FINE))
        cv2.line(canvas, ends[i], ends[i + 1], float(shade[i]), thick, cv2.LINE_8, SUBPIXEL_BITS)
    coverage = cv2.resize(canvas, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
    mask = coverage.astype(np.float32) / 255
    glow = cv2.GaussianBlur(mask, (0, 0), 2.5)
    tail: Plane = TAIL * mask + HALO * glow
    return tail


def _droplet(grid: Grid, radius_px: float) -> tuple[Plane, Plane]:
    """Return what a droplet covers, 0 to 1, and its own light."""
    x_px, y_px = grid
    off_px = np.hypot(x_px, y_px) - np.float32(radius_px)
    # A droplet smaller than a pixel fades away instead of leaving its rim behind.
    weight = np.float32(min(1.0, radius_px / 2))
    cover = weight * _inside(off_px)
    return cover, DROPLET * cover + weight * HALO * _band(off_px, 2.5, 1.5)


def _head(
    grid: Grid, traits: Traits, look: Look, pose: Pose, *, um_per_px: float
) -> tuple[Plane, Plane]:
    """Return what a head covers, 0 to 1, and its own light with rim and halo."""
    x_px, y_px = grid
    cos, sin = np.float32(math.cos(pose.heading_rad)), np.float32(math.sin(pose.heading_rad))
    half_length = np.float32(traits.head_length_um / 2 / um_per_px)
    half_width = np.float32(traits.head_width_um / 2 / um_per_px)
    # In units of the half axes: the ellipse is the unit circle.
    along, across = (x_px * cos + y_px * sin) / half_length, (y_px * cos - x_px * sin) / half_width
    shift = _middle_of_outline(traits, look)
    along, across = along + shift[0], across + shift[1]
    radius = np.hypot(along, across)
    edge = _outline(np.arctan2(across, along), traits, look)
    off_px = (radius / edge - 1) * np.sqrt(half_length * half_width)
    cover = _inside(off_px)
    light = BODY + ACROSOME / (1 + np.exp(-6 * np.clip(along, -3, 3)))
    light = light + VACUOLE * _holes(along, across, traits, look)
    return cover, cover * light + RIM * _band(off_px, 0.0, 1.3) + HALO * _band(off_px, 4.0, 3.0)


def _outline(
    angle: Float32[np.ndarray, "*any"], traits: Traits, look: Look
) -> Float32[np.ndarray, "*any"]:
    """Return the radius of the dented outline in each direction."""
    depth = np.float32(traits.head_irregularity / math.sqrt(2))
    edge = np.ones_like(angle)
    for harmonic, shift in zip(HARMONICS, look.outline_rad, strict=True):
        edge = edge + depth * np.cos(harmonic * angle + np.float32(shift))
    outline: Float32[np.ndarray, "*any"] = np.maximum(edge, np.float32(0.3))
    return outline


def _middle_of_outline(traits: Traits, look: Look) -> Float32[np.ndarray, " xy"]:
    """Return the centroid of what the outline encloses: dents shift it, the track does not know."""
    angle = np.linspace(-math.pi, math.pi, 64, endpoint=False, dtype=np.float32)
    edge = _outline(angle, traits, look)
    moment = np.stack([np.cos(angle), np.sin(angle)]) * edge**3 / 3
    middle: Float32[np.ndarray, " xy"] = moment.sum(axis=1) / (edge**2 / 2).sum()
    return middle


def _holes(along: Plane, across: Plane, traits: Traits, look: Look) -> Plane:
    """Return how much of each pixel is vacuole, 0 to 1."""
    radius = math.sqrt(traits.vacuole_fraction / traits.vacuole_count)
    holes = np.zeros_like(along)
    for place in look.vacuole_place.astype(np.float32):
        away = np.hypot(along - place[0], across - place[1])
        holes = np.maximum(holes, 1 / (1 + np.exp(np.minimum(8 * (away - radius), 30))))
    # A vacuole much smaller than a pixel fades away instead of leaving a spot behind.
    faint: Plane = np.float32(min(1.0, 3 * radius)) * holes
    return faint


def _lay(below: Plane, cover: Plane, light: Plane) -> Plane:
    laid: Plane = below * (1 - cover) + light
    return laid


def _inside(off_px: Plane) -> Plane:
    """Return 1 inside of an outline and 0 outside, `off_px` being the distance to it."""
    inside: Plane = 1 / (1 + np.exp(np.clip(2 * off_px, -30, 30)))
    return inside


def _band(off_px: Plane, at_px: float, width_px: float) -> Plane:
    band: Plane = np.exp(-np.square((off_px - np.float32(at_px)) / np.float32(width_px)))
    return band


def _window(
    shape: tuple[int, ...], middle: Float64[np.ndarray, " xy"], reach_px: float
) -> tuple[tuple[slice, slice], Grid]:
    """Return the part of a patch around `middle`, and each of its pixels' offset from there."""
    first = np.maximum(np.floor(middle - reach_px), 0).astype(int)
    last = np.minimum(np.ceil(middle + reach_px) + 1, shape[::-1]).astype(int)
    x_px = (np.arange(first[0], last[0]) - middle[0]).astype(np.float32)
    y_px = (np.arange(first[1], last[1]) - middle[1]).astype(np.float32)
    return (slice(first[1], last[1]), slice(first[0], last[0])), (x_px[None], y_px[:, None])
