"""What a simulated data set of semen samples is made of, and which sperm each of its videos shows.

Motility and form are drawn apart, for all sperm, before it is decided which sperm moves how and
which has a defect: the first frame of a video says nothing of motility, since it is the same bit
for bit whatever the shares of the three classes are.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from jaxtyping import Float64, Int64

from rostfine.errors import InputError
from rostfine.simulate.least import too_small
from rostfine.simulate.semen_form import FURTHEST_UM, Form, draw_forms
from rostfine.simulate.semen_motion import MOTILITIES, Flow, Motility, Route, draw_routes

Differs = Literal["both", "motion", "form", "nothing"]
Defects = Literal["wide", "published"]
PURPOSES: Final = ("shares", "form", "motion", "field", "table")

NON_PROGRESSIVE: Final = (0.277, 0.095)
"""Mean and standard deviation of the share in the 85 samples of the data set."""
PROGRESSIVE_OF_REST: Final = (0.59, 0.25)
"""The same of progressive sperm among the others, so that all three classes come near to their
published spreads, 20, 9.5 and 18 percent; one Dirichlet distribution has no room for such."""
DEFECT_SHARES: Final[dict[Defects, tuple[tuple[float, float], ...]]] = {
    # Head defects hardly differ between patients: no model could learn them from few samples.
    "wide": ((0.50, 0.20), (0.30, 0.15), (0.20, 0.12)),
    "published": ((0.957, 0.029), (0.238, 0.100), (0.151, 0.093)),
}
"""Mean and standard deviation of the shares of head, midpiece and tail defects."""


@dataclass(frozen=True)
class SemenSettings:
    """A data set to be simulated; the defaults suit a demonstration on two cores."""

    participants: int = 24  # one video each
    frames: int = 250
    frame_rate_hz: float = 50.0
    width_px: int = 160
    height_px: int = 120
    um_per_px: float = 1.0
    sperm_per_video: int = 30
    differs: Differs = "both"  # between participants; what does not is at its mean
    defects: Defects = "wide"  # how far defects spread: so that it can be learnt, or as published
    seed: int = 1

    def __post_init__(self) -> None:
        """Raise InputError, a line for each setting that cannot be."""
        faults = too_small(self, _LEAST)
        faults += [
            f"{name}: wanted one of {', '.join(get_args(known))}, got {getattr(self, name)!r}"
            for name, known in (("differs", Differs), ("defects", Defects))
            if getattr(self, name) not in get_args(known)
        ]
        # A sperm leaves on one side while it comes in on the other, and must not meet itself.
        faults += [
            f"{name}: wanted at least {FURTHEST_UM:g} um, got {getattr(self, name)} px "
            f"of {self.um_per_px:g} um"
            for name in ("width_px", "height_px")
            if getattr(self, name) * self.um_per_px < FURTHEST_UM
        ]
        if faults:
            raise InputError.of_faults(faults)


_LEAST: Final = {
    "participants": 1,
    "frames": 1,
    "frame_rate_hz": 1,
    "width_px": 48,
    "height_px": 48,
    "um_per_px": 0.01,
    "sperm_per_video": 1,
    "seed": 0,
}


@dataclass(frozen=True)
class Shares:
    """How much of a sample moves how, which sums to 1, and has which defect: 0 to 1."""

    motility: tuple[float, float, float]  # in the order of MOTILITIES
    defects: tuple[float, float, float]  # head, midpiece, tail; one sperm may have several


@dataclass(frozen=True)
class Cell:
    """One sperm of a video: how it looks, how it moves, and its true track."""

    motility: Motility
    form: Form
    route: Route


def random_stream(settings: SemenSettings, purpose: str, index: int) -> np.random.Generator:
    """Return the random numbers of one purpose and video, which depend on no other's."""
    return np.random.default_rng([settings.seed, index, PURPOSES.index(purpose)])


def draw_shares(settings: SemenSettings, index: int) -> Shares:
    """Draw what participant `index` is like; what does not differ is the same for all."""
    rng = random_stream(settings, "shares", index)
    slow, forward = _beta(*NON_PROGRESSIVE, rng), _beta(*PROGRESSIVE_OF_REST, rng)
    spread = DEFECT_SHARES[settings.defects]
    head, midpiece, tail = (_beta(mean, sd, rng) for mean, sd in spread)
    if settings.differs not in ("both", "motion"):
        slow, forward = NON_PROGRESSIVE[0], PROGRESSIVE_OF_REST[0]
    if settings.differs not in ("both", "form"):
        head, midpiece, tail = (mean for mean, _ in spread)
    rest = 1 - slow
    return Shares((rest * forward, slow, rest * (1 - forward)), (head, midpiece, tail))


def plan_sample(
    settings: SemenSettings, index: int, shares: Shares | None = None
) -> tuple[Cell, ...]:
    """Decide which sperm video `index` shows; `shares` are the participant's own unless given."""
    shares = shares or draw_shares(settings, index)
    count = settings.sperm_per_video
    forms = draw_forms(count, shares.defects, random_stream(settings, "form", index))
    rng = random_stream(settings, "motion", index)
    per_class = apportion(np.array(shares.motility), count)
    motilities = np.repeat(MOTILITIES, per_class)[rng.permutation(count)]
    flow = Flow(
        settings.frames,
        settings.frame_rate_hz,
        settings.um_per_px,
        settings.width_px,
        settings.height_px,
    )
    routes = draw_routes(tuple(motilities.tolist()), forms, flow, rng)
    return tuple(map(Cell, motilities.tolist(), forms, routes))


def apportion(shares: Float64[np.ndarray, " part"], total: int) -> Int64[np.ndarray, " part"]:
    """Return whole numbers in the ratio of `shares` that sum to `total` (largest remainders)."""
    exact = np.round(shares / shares.sum() * total, 9)
    whole: Int64[np.ndarray, " part"] = np.floor(exact).astype(np.int64)
    neediest = np.argsort(whole - exact, kind="stable")
    whole[neediest[: total - int(whole.sum())]] += 1
    return whole


def _beta(mean: float, sd: float, rng: np.random.Generator) -> float:
    weight = mean * (1 - mean) / sd**2 - 1
    return float(rng.beta(mean * weight, (1 - mean) * weight))
