"""Draw stained sperm as a lab sees them in bright field: what dye takes from the lamp's light.

Each kind of thing has a density per colour; what is seen is light x exp(-sum of densities).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from rostfine.simulate.heads_debris import draw_debris
from rostfine.simulate.heads_form import MIDPIECE_STEPS
from rostfine.simulate.heads_paint import Mask, Stroke, filled, lined
from rostfine.simulate.heads_plan import Sperm

Colour = Float64[np.ndarray, " chan"]
Slide = Float32[np.ndarray, "row col chan"]
Photo = UInt8[np.ndarray, "row col chan"]

# Densities of red, green, blue, chosen to look like Diff-Quik.
NUCLEUS: Final = (1.75, 2.1, 0.62)
ACROSOME: Final = (0.38, 0.85, 0.22)
MIDPIECE: Final = (0.75, 0.66, 0.23)
TAIL: Final = (0.34, 0.30, 0.10)

LAMP: Final = (222.0, 226.0, 231.0)
# First and last point, width in um, and relative density; thick ones cover thin ones.
MIDPIECE_STROKES: Final = (
    (MIDPIECE_STEPS - 3, MIDPIECE_STEPS + 1, 0.42, 0.6),
    (2, MIDPIECE_STEPS - 1, 0.52, 0.85),
    (0, 3, 0.62, 1.0),
)
TAIL_STROKES: Final = ((36, None, 0.2, 0.7), (20, 37, 0.28, 0.85), (MIDPIECE_STEPS, 21, 0.36, 1.0))
CAP_EDGE_UM: Final = 0.22
"""How softly the acrosome goes over into the nucleus."""


@dataclass(frozen=True)
class Camera:
    """How a picture, or a whole video, is seen."""

    light: Slide  # of the lamp
    blur_px: float
    noise: float  # standard deviation, in grey levels


def draw_slide(
    sperm: Sequence[Sperm], size_px: tuple[int, int], um_per_px: float, rng: np.random.Generator
) -> Slide:
    """Draw what share of the light comes through a slide, 0 to 1, for red, green and blue."""
    # How strong the dye is, and how it leans towards red or blue, differs from slide to slide.
    tint = rng.uniform(0.8, 1.2) * np.exp(rng.normal(0, 0.1, 3))
    heads = [one.to_px(one.form.outline) for one in sperm]
    depth = rng.uniform(0.8, 1.1, len(sperm)).tolist()
    head = filled(size_px, heads, depth)
    cap = filled(size_px, [one.to_px(one.form.acrosome) for one in sperm])
    cap = cv2.GaussianBlur(cap, (0, 0), CAP_EDGE_UM / um_per_px)
    vacuoles = [one.to_px(hole) for one in sperm for hole in one.form.vacuoles]
    dye = head * (1 - np.float32(0.75) * filled(size_px, vacuoles)) * _grain(size_px, rng)
    density = _dense(dye * (1 - cap), NUCLEUS) + _dense(dye * cap, ACROSOME)
    density += _tails(sperm, size_px, um_per_px) * (1 - np.minimum(head, 1))[:, :, None]
    density += draw_debris(_places(sperm), size_px, um_per_px, rng)
    slide: Slide = np.exp(-density * tint.astype(np.float32))
    return slide


def draw_camera(size_px: tuple[int, int], um_per_px: float, rng: np.random.Generator) -> Camera:
    """Draw an uneven lamp, a little out of focus, and a sensor."""
    x = np.linspace(-1, 1, size_px[0])[None, :, None]
    y = np.linspace(-1, 1, size_px[1])[:, None, None]
    lean, fall = rng.uniform(-0.05, 0.05, (2, 1)), rng.uniform(0.0, 0.07)
    uneven = 1 + lean[0] * x + lean[1] * y - fall * (x**2 + y**2)
    warm = np.array(LAMP) * rng.uniform(0.93, 1.05) * np.exp(rng.normal(0, 0.025, 3))
    return Camera(
        (uneven * warm).astype(np.float32),
        blur_px=float(rng.uniform(0.05, 0.13)) / um_per_px,
        noise=float(rng.uniform(1.5, 4.0)),
    )


def take(slide: Slide, camera: Camera, rng: np.random.Generator) -> Photo:
    """Take a photograph of a slide, or of as much of it as the camera sees."""
    seen = cv2.GaussianBlur(slide, (0, 0), camera.blur_px) * camera.light
    seen += np.float32(camera.noise) * rng.standard_normal(seen.shape, dtype=np.float32)
    photo: Photo = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
    return photo


def _dense(mask: Mask, colour: tuple[float, float, float]) -> Slide:
    density: Slide = mask[:, :, None] * np.array(colour, np.float32)
    return density


def _grain(size_px: tuple[int, int], rng: np.random.Generator) -> Mask:
    """Return how unevenly dye is taken up, about 1."""
    rough = rng.standard_normal(size_px[::-1], dtype=np.float32)
    grain: Mask = 1 + np.float32(0.35) * cv2.GaussianBlur(rough, (0, 0), 2.0)
    return grain


def _tails(sperm: Sequence[Sperm], size_px: tuple[int, int], um_per_px: float) -> Slide:
    """Return how dense tails are, which become thinner and fainter, and midpieces."""
    tails = [one.to_px(one.form.tail) for one in sperm]
    necks, tails_only = (
        lined(
            size_px,
            [
                Stroke([tail[first:last] for tail in tails], width_um / um_per_px, level)
                for first, last, width_um, level in strokes
            ],
        )
        for strokes in (MIDPIECE_STROKES, TAIL_STROKES)
    )
    density: Slide = _dense(necks, MIDPIECE) + _dense(tails_only * (1 - necks), TAIL)
    return density


def _places(sperm: Sequence[Sperm]) -> Float64[np.ndarray, "head 3"]:
    """Return x, y and reach of each head, in px."""
    return np.array([(one.x_px, one.y_px, one.reach_px) for one in sperm]).reshape(-1, 3)
