"""How a batch is cut: among the workers of a team, and into parts to spare memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from rostfine.training.team import Team


@dataclass(frozen=True)
class Part:
    """Some clips of a batch that go through the model together.

    `places` are theirs in the batch, `weight` is their share of it. A worker for whom nothing is
    left takes a clip with no weight, because its team waits for its gradients.
    """

    rows: Int64[Tensor, " clip"]
    places: Int64[Tensor, " clip"]
    weight: float


def cut_batch(rows: Int64[Tensor, " clip"], team: Team, accumulate: int) -> Sequence[Part]:
    """Return this worker's share of a batch in at most `accumulate` parts."""
    places = team.share_of(torch.arange(len(rows)))
    if not len(places):
        return [Part(rows[:1], torch.arange(1), 0.0)]
    parts = torch.split(places, -(-len(places) // accumulate))
    return [Part(rows[part], part, len(part) / len(rows)) for part in parts]
