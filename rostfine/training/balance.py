"""How clips of rare grades come to count as much as those of frequent ones.

The grade of a clip is its modal one: the likeliest of its soft label, of equals the first.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

Balance = Literal["none", "sampling", "loss"]


def draw_order(
    labels: Float[Tensor, "clip grade"], balance: Balance, generator: torch.Generator
) -> Int64[Tensor, " clip"]:
    """Draw, on the CPU, which clips an epoch goes through in which order.

    With "sampling" as many draws as clips, with replacement: each grade that occurs is as likely,
    and so is each clip of a grade. Otherwise each clip comes once.
    """
    if balance == "sampling":
        rarity = _rarity(labels).cpu()
        return torch.multinomial(rarity, len(labels), replacement=True, generator=generator)
    return torch.randperm(len(labels), generator=generator)


def loss_weights(
    labels: Float[Tensor, "clip grade"], balance: Balance
) -> Float[Tensor, " clip"] | None:
    """Return by what to multiply the loss of each clip: with "loss" 1 on average, else None.

    Then all grades that occur have the same sum of weights.
    """
    if balance != "loss":
        return None
    rarity = _rarity(labels)
    return rarity / rarity.mean()


def _rarity(labels: Float[Tensor, "clip grade"]) -> Float[Tensor, " clip"]:
    """Return 1 over the number of clips of the same modal grade."""
    grades = labels.argmax(dim=1)
    return 1 / grades.bincount()[grades].to(labels.dtype)
