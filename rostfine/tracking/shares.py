"""Which part of the sperm of a field moves how, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray

Motility = Literal["progressive", "non_progressive", "immotile"]
MOTILITIES: Final[tuple[Motility, ...]] = get_args(Motility)

INTERVAL_PCT: Final = (2.5, 97.5)


@dataclass(frozen=True)
class CountedTrack:
    """One sperm while it was followed within a window."""

    window: int
    motility: Motility
    speed_um_s: float  # from start to end of a second, what WHO 2021 grades
    frame: Int64[ndarray, " seen"]  # of the video, from 0
    place_px: Float64[ndarray, "seen 2"]


@dataclass(frozen=True)
class Share:
    """The percentage of a class, with its 95 % interval; NaN where no sperm was followed."""

    percent: float
    low: float
    high: float


def compute_shares(
    tracks: Sequence[CountedTrack], *, resamples: int, rng: np.random.Generator
) -> Mapping[Motility, Share]:
    """Return the share of each class in the time for which sperm were followed.

    A class counts by frames, not by tracks: who leaves soon would count more than who stays. The
    interval is by a bootstrap over windows and the tracks in them; where the field of view stands
    still, windows show the same resting sperm again, and it is too narrow.
    """
    if not tracks:
        nothing = Share(np.nan, np.nan, np.nan)
        return dict.fromkeys(MOTILITIES, nothing)
    is_class = np.array([[track.motility == one for one in MOTILITIES] for track in tracks])
    seen = is_class * np.array([[float(len(track.frame))] for track in tracks])
    percent = 100 * seen.sum(axis=0) / seen.sum()
    sums = _draw_weights(tracks, resamples, rng) @ seen
    sums = sums[sums.sum(axis=1) > 0]
    low, high = np.percentile(100 * sums / sums.sum(axis=1, keepdims=True), INTERVAL_PCT, axis=0)
    return {
        one: Share(float(percent[at]), float(low[at]), float(high[at]))
        for at, one in enumerate(MOTILITIES)
    }


def _draw_weights(
    tracks: Sequence[CountedTrack], resamples: int, rng: np.random.Generator
) -> Float64[ndarray, "resample track"]:
    """Draw how often each track counts: its window, as often as it is drawn, times its own."""
    _, window = np.unique([track.window for track in tracks], return_inverse=True)
    count = int(window.max()) + 1
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=resamples)
    return np.asarray(drawn[:, window] * rng.poisson(1.0, (resamples, len(tracks))), np.float64)
