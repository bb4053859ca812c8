"""Experts who grade sperm: each has a leaning, a shaky hand and limits of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float64

from rostfine.schemas import GRADES

LIMITS: Final = (1.18, 0.33, -0.64, -1.37)
"""Where A ends, B ends, C ends and D ends: about 15, 25, 30, 20 and 10 % of a population."""

FIRST_VOTE: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
DAY: Final = timedelta(days=1)
SECONDS_PER_VOTE: Final = (6, 45)


@dataclass(frozen=True)
class Expert:
    """One who votes; everything in units of quality, whose sd in the population is 1."""

    expert_id: str
    bias: float  # above 0: grades too kindly
    noise: float  # sd from one vote to the next
    limits: tuple[float, ...]  # down to where A, B, C and D are given
    missing: float  # share of samples without a vote of this expert
    revised: float  # share of votes thought over later


def draw_experts(count: int, rng: np.random.Generator) -> tuple[Expert, ...]:
    """Draw experts who differ moderately; on average a tenth of the votes is missing."""
    return tuple(
        Expert(
            expert_id=f"E{number:02d}",
            bias=float(rng.normal(0, 0.22)),
            noise=float(rng.uniform(0.2, 0.45)),
            limits=tuple(sorted((np.array(LIMITS) + rng.normal(0, 0.08, 4)).tolist()))[::-1],
            missing=float(rng.uniform(0.02, 0.18)),
            revised=float(rng.uniform(0, 0.04)),
        )
        for number in range(1, count + 1)
    )


def grade(expert: Expert, quality: float, shake: float) -> str:
    """Return the grade that `expert` gives; `shake` is standard normal, one draw per look."""
    seen = quality + expert.bias + expert.noise * shake
    return GRADES[sum(seen < limit for limit in expert.limits)]


def cast_votes(
    qualities: Mapping[str, float], experts: tuple[Expert, ...], rng: np.random.Generator
) -> pd.DataFrame:
    """Let every expert grade every sample, in the order of time; a revision is one more row.

    Returns the columns of `schemas.VOTES`, with `voted_at` as ISO 8601 in UTC.
    """
    rows = []
    for number, expert in enumerate(experts):
        rows += _session(qualities, expert, FIRST_VOTE + number * DAY, rng)
    votes = pd.DataFrame(rows, columns=["sample_id", "expert_id", "grade", "voted_at"])
    return votes.sort_values(["voted_at", "expert_id"], ignore_index=True)


def _session(
    qualities: Mapping[str, float], expert: Expert, start: datetime, rng: np.random.Generator
) -> list[tuple[str, str, str, str]]:
    names = list(qualities)
    looked = [names[i] for i in rng.permutation(len(names)) if rng.random() >= expert.missing]
    again = [name for name in looked if rng.random() < expert.revised]
    order = looked + again
    pace_s: Float64[np.ndarray, " vote"] = np.cumsum(rng.uniform(*SECONDS_PER_VOTE, len(order)))
    rows = []
    for name, after_s in zip(order, pace_s, strict=True):
        mark = grade(expert, qualities[name], float(rng.standard_normal()))
        at = start + timedelta(seconds=int(after_s))
        rows.append((name, expert.expert_id, mark, f"{at:%Y-%m-%dT%H:%M:%SZ}"))
    return rows
