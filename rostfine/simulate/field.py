"""Everything in a frame that is no sperm: light, texture, debris, bubbles, focus, sensor noise."""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, Float64, Int, UInt8

Picture = Float32[np.ndarray, "row col"]

SPECKS_PER_MPX: Final = 70.0
BLOBS_PER_MPX: Final = 9.0
BUBBLES_PER_MPX: Final = 4.0
FOCUS_PX: Final = (0.4, 1.5)
"""Sigma of the blur at best and at worst."""
SOFT_PX: Final = 2.0
NOISE_SPARE_PX: Final = 64
"""How far the noise picture is larger than a frame, so that each frame takes another part of it."""


@dataclass(frozen=True)
class Field:
    """The still parts of a video, in grey levels, and how they change from frame to frame."""

    sharp: Picture
    soft: Picture  # the same, seen out of focus
    slope: Picture  # where the light wanders to and fro
    noise: Float32[np.ndarray, "noise_row noise_col"]
    noise_at: Int[np.ndarray, "frame 2"]  # the corner of the noise that each frame takes
    gain: Float64[np.ndarray, " frame"]
    lean: Float64[np.ndarray, " frame"]  # how much of the slope is added
    focus_px: Float64[np.ndarray, " frame"]  # sigma of the blur


def draw_field(*, width_px: int, height_px: int, frames: int, rng: np.random.Generator) -> Field:
    """Draw the surroundings of one video."""
    size = (height_px, width_px)
    level = rng.uniform(120, 140)
    light = level * (1 + 0.08 * _smooth(size, 3, rng) - 0.08 * _distance_from_centre(size))
    texture = 1.6 * _grain(size, 1.2, rng) + 2.2 * _grain(size, 6.0, rng)
    sharp = light + texture + _debris(size, rng) + _bubbles(size, rng)
    noise_sd = rng.uniform(1.8, 3.0)
    spread = (height_px + NOISE_SPARE_PX, width_px + NOISE_SPARE_PX)
    return Field(
        sharp=sharp,
        soft=cv2.GaussianBlur(sharp, (0, 0), SOFT_PX),
        slope=6.0 * _smooth(size, 2, rng),
        noise=np.float32(noise_sd) * rng.standard_normal(spread, dtype=np.float32),
        noise_at=rng.integers(0, NOISE_SPARE_PX + 1, (frames, 2)),
        gain=1 + 0.02 * _slow(frames, rng),
        lean=_slow(frames, rng),
        focus_px=np.clip(0.85 + 0.3 * _slow(frames, rng), FOCUS_PX[0], FOCUS_PX[1]),
    )


def light_frame(field: Field, frame: int) -> Picture:
    """Return the lit surroundings of one frame, without sperm and noise."""
    # Between a sharp and a soft picture instead of a blur of each whole frame, for speed.
    share = (field.focus_px[frame] - FOCUS_PX[0]) / SOFT_PX
    gain = float(field.gain[frame])
    mixed = cv2.addWeighted(field.sharp, gain * (1 - share), field.soft, gain * share, 0)
    lit: Picture = cv2.scaleAdd(field.slope, float(field.lean[frame]), mixed)
    return lit


def expose(field: Field, frame: int, picture: Picture) -> UInt8[np.ndarray, "row col"]:
    """Add the sensor's noise and round to grey levels."""
    rows, cols = picture.shape
    top, left = field.noise_at[frame]
    noise = field.noise[top : top + rows, left : left + cols]
    exposed: UInt8[np.ndarray, "row col"] = cv2.add(picture, noise, dtype=cv2.CV_8U)
    return exposed


def _slow(frames: int, rng: np.random.Generator) -> Float64[np.ndarray, " frame"]:
    """Return a smooth wander of about unit size, whose knots are 40 frames apart."""
    knots = rng.standard_normal(frames // 40 + 3)
    at = rng.uniform(0, 1) + np.arange(frames) / 40
    left = at.astype(int)
    ease = (1 - np.cos(math.pi * (at - left))) / 2
    wander: Float64[np.ndarray, " frame"] = knots[left] * (1 - ease) + knots[left + 1] * ease
    return wander


def _smooth(size: tuple[int, int], knots: int, rng: np.random.Generator) -> Picture:
    coarse = rng.uniform(-1, 1, (knots + 1, knots + 1)).astype(np.float32)
    surface: Picture = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    return surface


def _distance_from_centre(size: tuple[int, int]) -> Picture:
    row = np.linspace(-1, 1, size[0], dtype=np.float32)[:, None]
    col = np.linspace(-1, 1, size[1], dtype=np.float32)[None]
    squared: Picture = (row**2 + col**2) / 2
    return squared


def _grain(size: tuple[int, int], sigma_px: float, rng: np.random.Generator) -> Picture:
    rough = rng.standard_normal(size, dtype=np.float32)
    grain: Picture = cv2.GaussianBlur(rough, (0, 0), sigma_px) * np.float32(3.5 * sigma_px)
    return grain


def _count(size: tuple[int, int], per_mpx: float, rng: np.random.Generator) -> int:
    return int(rng.poisson(per_mpx * size[0] * size[1] / 1e6))


def _debris(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    mask = np.zeros(size, np.uint8)
    for _ in range(_count(size, SPECKS_PER_MPX, rng)):
        _paint_blob(mask, radius_px=rng.uniform(1.2, 3.5), rng=rng)
    for _ in range(_count(size, BLOBS_PER_MPX, rng)):
        _paint_blob(mask, radius_px=rng.uniform(4, 11), rng=rng)
    dark, rim, glow = (
        cv2.GaussianBlur(mask, (0, 0), sigma_px).astype(np.float32) / 255
        for sigma_px in (0.8, 1.8, 4.0)
    )
    # What is lost within two pixels of an outline is the dark rim that phase contrast shows.
    debris: Picture = -30 * dark - 110 * dark * (dark - rim) + 60 * (glow - dark * glow)
    return debris


def _paint_blob(
    mask: UInt8[np.ndarray, "row col"], *, radius_px: float, rng: np.random.Generator
) -> None:
    angle = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    dents = rng.uniform(-0.22, 0.22, 3)[:, None] * np.cos(
        np.arange(2, 5)[:, None] * angle + rng.uniform(0, 2 * math.pi, 3)[:, None]
    )
    radius = radius_px * (1 + dents.sum(axis=0))
    stretch = rng.uniform(0.6, 1.4)
    middle = rng.uniform(0, 1, 2) * mask.shape[::-1]
    outline = np.stack([radius * np.cos(angle) * stretch, radius * np.sin(angle) / stretch], 1)
    points = np.round((outline + middle) * 16).astype(np.int32)
    cv2.fillPoly(mask, [points], float(rng.uniform(120, 255)), cv2.LINE_AA, 4)


def _bubbles(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    picture = np.zeros(size, np.float32)
    col = np.arange(size[1], dtype=np.float32)[None]
    row = np.arange(size[0], dtype=np.float32)[:, None]
    for _ in range(_count(size, BUBBLES_PER_MPX, rng)):
        x_px, y_px = rng.uniform(0, 1, 2) * size[::-1]
        radius = rng.uniform(9, 34)
        top, left = max(0, int(y_px - radius - 15)), max(0, int(x_px - radius - 15))
        near = (slice(top, int(y_px + radius + 16)), slice(left, int(x_px + radius + 16)))
        off = np.hypot(col[:, near[1]] - x_px, row[near[0]] - y_px) - radius
        ring = -75 * np.exp(-((off / 2.6) ** 2)) + 28 * np.exp(-(((off - 5.5) / 3) ** 2))
        inner = 22 / (1 + np.exp(off + 6)) + 45 * np.exp(-(((off + radius) / (radius / 3)) ** 2))
        picture[near] += (ring + inner).astype(np.float32)
    return picture
