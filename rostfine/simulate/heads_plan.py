"""What simulated pictures of stained sperm are made of, and which sperm lies where in each."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from rostfine.errors import InputError
from rostfine.simulate.heads_contour import Polygon
from rostfine.simulate.heads_form import CLASSES, REACH_UM, Form, draw_form
from rostfine.simulate.least import too_small

SPLITS: Final = ("train", "validation", "test")
PURPOSES: Final = ("plan", "slide", "sensor", "drift")
SHARES: Final = (0.4, 0.2, 0.2, 0.2)
"""How many sperm are of which class, in the order of CLASSES."""
ROOM_UM2: Final = 64.0
"""What a head takes of a picture, so that all find a place."""
GAP_UM: Final = 0.6
BORDER_UM: Final = 0.3
PLACES: Final = 60
"""How many are tried for a sperm before all of a picture are laid anew."""
ATTEMPTS: Final = 1000


@dataclass(frozen=True)
class HeadSettings:
    """Annotated pictures to be simulated; a head is about 38 px long by the defaults."""

    train: int = 60  # pictures
    validation: int = 12
    test: int = 24
    width_px: int = 256
    height_px: int = 256
    um_per_px: float = 0.12
    sperm_per_picture: tuple[int, int] = (2, 5)  # least and most
    parts: bool = True  # whether acrosomes and vacuoles are outlined, too
    seed: int = 1

    def __post_init__(self) -> None:
        """Raise InputError, a line for each setting that cannot be."""
        faults = too_small(self, _LEAST)
        least, most = self.sperm_per_picture
        if not 1 <= least <= most:
            faults.append(
                f"sperm_per_picture: wanted 1 or more, and the least first, got {least} to {most}"
            )
        sides_um = [side * self.um_per_px for side in (self.width_px, self.height_px)]
        if min(sides_um) < 2 * REACH_UM + 2 or math.prod(sides_um) < most * ROOM_UM2:
            faults.append(
                f"width_px, height_px: wanted sides of at least {2 * REACH_UM + 2:g} um "
                f"and {ROOM_UM2:g} um2 for each of {most} sperm, got "
                f"{sides_um[0]:.1f} x {sides_um[1]:.1f} um"
            )
        if faults:
            raise InputError.of_faults(faults)

    @property
    def pictures(self) -> int:
        """Return how many pictures there are of all splits."""
        return self.train + self.validation + self.test

    def split_of(self, index: int) -> str:
        """Return the split of a picture."""
        bounds = np.cumsum([getattr(self, split) for split in SPLITS])
        return SPLITS[int(np.searchsorted(bounds, index, side="right"))]


_LEAST: Final = {
    "train": 1,
    "validation": 0,
    "test": 0,
    "width_px": 32,
    "height_px": 32,
    "um_per_px": 0.01,
    "seed": 0,
}


@dataclass(frozen=True)
class Sperm:
    """A sperm in a picture; (0, 0) is the corner of the first pixel."""

    form: Form
    x_px: float
    y_px: float
    heading_rad: float  # of the tip of the head
    um_per_px: float

    def to_px(self, points: Polygon) -> Polygon:
        """Turn head coordinates into those of the picture."""
        cos, sin = math.cos(self.heading_rad), math.sin(self.heading_rad)
        turned = points @ np.array([[cos, sin], [-sin, cos]])
        placed: Polygon = turned / self.um_per_px + np.array([self.x_px, self.y_px])
        return placed

    @property
    def reach_px(self) -> float:
        """Return how far the head reaches from its middle."""
        return float(np.hypot(*self.form.outline.T).max()) / self.um_per_px


def random_stream(settings: HeadSettings, purpose: str, index: int) -> np.random.Generator:
    """Return the random numbers of one purpose and picture, which depend on no other's."""
    return np.random.default_rng([settings.seed, index, PURPOSES.index(purpose)])


def plan_picture(settings: HeadSettings, index: int) -> tuple[Sperm, ...]:
    """Decide which sperm lie where in a picture: heads wholly inside, and none on another."""
    rng = random_stream(settings, "plan", index)
    least, most = settings.sperm_per_picture
    size = (settings.width_px, settings.height_px)
    return place_sperm(int(rng.integers(least, most + 1)), size, settings.um_per_px, rng)


def place_sperm(
    count: int, size_px: tuple[int, int], um_per_px: float, rng: np.random.Generator
) -> tuple[Sperm, ...]:
    """Draw so many sperm, and lay them where there is room for their heads.

    Raises InputError if there is none.
    """
    classes = rng.choice(len(CLASSES), count, p=SHARES)
    forms = [draw_form(CLASSES[int(one)], rng) for one in classes]
    for _ in range(ATTEMPTS):
        laid: list[Sperm] = []
        for form in forms:
            laid += _lay(form, laid, size_px, um_per_px, rng)
        if len(laid) == count:
            return tuple(laid)
    raise InputError(f"{size_px[0]} x {size_px[1]} px: no room for {count} sperm")


def _lay(
    form: Form,
    others: list[Sperm],
    size_px: tuple[int, int],
    um_per_px: float,
    rng: np.random.Generator,
) -> list[Sperm]:
    """Lay a sperm where there is room for its head; none, if no such place was met with."""
    heading = float(rng.uniform(0, 2 * math.pi))
    for _ in range(PLACES):
        x_px, y_px = map(float, rng.uniform(0, 1, 2) * size_px)
        sperm = Sperm(form, x_px, y_px, heading, um_per_px)
        if _has_room(sperm, others, size_px):
            return [sperm]
    return []


def _has_room(sperm: Sperm, others: list[Sperm], size_px: tuple[int, int]) -> bool:
    border = BORDER_UM / sperm.um_per_px
    outline = sperm.to_px(sperm.form.outline)
    if (outline < border).any() or (outline > np.array(size_px) - border).any():
        return False
    return all(
        math.hypot(sperm.x_px - other.x_px, sperm.y_px - other.y_px)
        > sperm.reach_px + other.reach_px + GAP_UM / sperm.um_per_px
        for other in others
    )
