"""What a model says of a video, and beside it what a count of its moving cells says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from rostfine.tracking.field import FieldCount
from rostfine.tracking.shares import INTERVAL_PCT, Share
from rostfine.visem.targets import TARGETS, WORDS, TargetName

RESAMPLES: Final = 2000
SEED: Final = 1
BAR: Final = 40
"""Characters of 100 %."""
MEANT: Final = (
    "intervals (95 %) tell the spread within the video, not how far the model is from a laboratory"
)
COUNTED: Final = "classical count, an independent second opinion"
NO_SCALE: Final = "um/px not given, heads taken as 5 um: limits of WHO are approximate"


@dataclass(frozen=True)
class SemenAnswer:
    """The mean percentages over a video's stacks, by column, each with an interval.

    The interval is a bootstrap of the mean over the stacks: it tells the spread within this one
    video, not the error of the model, which is far larger. NaN where there is one stack only.
    """

    video: Path
    model: str  # with its version, if it is registered
    target: TargetName
    stacks: int
    shares: Mapping[str, Share]

    def plain(self) -> dict[str, Any]:
        """Return it for JSON; an interval that is not known is null."""
        return {
            "video": str(self.video),
            "model": self.model,
            "target": self.target,
            "stacks": self.stacks,
            "interval": MEANT,
            "shares": _plain(self.shares),
        }

    def lines(self) -> Iterator[str]:
        """Yield it as text: a heading, and a line for each percentage."""
        yield f"{self.video.name}: {self.target} by {self.model}, {self.stacks} stacks"
        yield from _bars(self.shares)


def answer_of(
    predicted: Float32[ndarray, "stack 3"], *, video: Path, model: str, target: TargetName
) -> SemenAnswer:
    """Return the mean of the stacks' percentages, with its interval over at least two stacks."""
    stacks = len(predicted)
    values = predicted.astype(np.float64)
    drawn = np.random.default_rng(SEED).multinomial(
        stacks, np.full(stacks, 1 / stacks), size=RESAMPLES
    )
    low, high = np.percentile(drawn @ values / stacks, INTERVAL_PCT, axis=0)
    if stacks == 1:
        low, high = np.full_like(low, np.nan), np.full_like(high, np.nan)
    shares = zip(values.mean(axis=0).tolist(), low.tolist(), high.tolist(), strict=True)
    by_column = {
        column: Share(*share) for column, share in zip(TARGETS[target], shares, strict=True)
    }
    return SemenAnswer(video, model, target, stacks, by_column)


def count_shares(count: FieldCount) -> dict[str, Share]:
    """Return the shares of a count by the columns that a model of motility has."""
    return {f"{motility}_pct": share for motility, share in count.shares.items()}


def plain_count(count: FieldCount) -> dict[str, Any]:
    """Return a count for JSON."""
    return {
        "what": COUNTED,
        "um_per_px": count.um_per_px,
        "is_scale_known": count.is_scale_known,
        "windows": count.windows,
        "tracks": len(count.tracks),
        "cells_per_frame": count.cells_per_frame,
        "shares": _plain(count_shares(count)),
    }


def count_lines(count: FieldCount) -> Iterator[str]:
    """Yield a count as text, as an answer is."""
    yield f"{COUNTED}: {tell_seen(count)}"
    yield from _bars(count_shares(count))
    if not count.is_scale_known:
        yield f"  {NO_SCALE}"


def tell_seen(count: FieldCount) -> str:
    """Say what a count is made of."""
    return f"{len(count.tracks)} tracks, {count.cells_per_frame:.0f} cells in a frame"


def tell_share(share: Share) -> str:
    """Say a percentage and its interval, as far as they are known."""
    if np.isnan(share.percent):
        return "no sperm followed"
    interval = "" if np.isnan(share.low) else f"  ({share.low:.1f} to {share.high:.1f})"
    return f"{share.percent:.1f} %{interval}"


def _bars(shares: Mapping[str, Share]) -> Iterator[str]:
    # Outputs that are free of each other can be a little below 0 or above 100.
    for column, share in shares.items():
        length = (
            0 if np.isnan(share.percent) else round(min(max(share.percent, 0), 100) * BAR / 100)
        )
        yield f"  {WORDS[column]:26}{tell_share(share):24}{'█' * length}".rstrip()


def _plain(shares: Mapping[str, Share]) -> dict[str, dict[str, float | None]]:
    return {
        column: {
            name: None if np.isnan(value) else value
            for name, value in (
                ("percent", share.percent),
                ("low", share.low),
                ("high", share.high),
            )
        }
        for column, share in shares.items()
    }
