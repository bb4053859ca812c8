"""What a fit makes small: distances between grade distributions, and the diversity of branches."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from rostfine.params import LossParams

Loss = Callable[[Tensor, Tensor], Tensor]


@runtime_checkable
class Branches(Protocol):
    """What the objective needs of a model's output."""

    @property
    def distributions(self) -> Float[Tensor, "branch batch grade"]:
        """The grade distribution that each branch predicts."""

    @property
    def features(self) -> Float[Tensor, "branch batch dim"]:
        """The features that each branch predicts from."""


@dataclass(frozen=True)
class LossTerms:
    """The objective and its parts.

    `fit` is the mean of `fit_of_branch`; `diversity` is how alike the branches are.
    """

    total: Float[Tensor, ""]
    fit: Float[Tensor, ""]
    diversity: Float[Tensor, ""]
    fit_of_branch: Float[Tensor, " branch"]


def objective(
    output: Branches, label: Float[Tensor, "batch grade"], params: LossParams
) -> LossTerms:
    """Compute the training objective: the mean loss of all branches plus alpha * diversity.

    Eqs. 13, 16 and 19. A model of one branch has no diversity loss.
    """
    loss = LOSSES[params.name]
    fits = torch.stack([loss(predicted, label) for predicted in output.distributions])
    fit, alike = fits.mean(), diversity(output.features)
    return LossTerms(fit + params.alpha * alike, fit, alike, fits)


def mse(
    predicted: Float[Tensor, "batch grade"], wanted: Float[Tensor, "batch grade"]
) -> Float[Tensor, ""]:
    """Mean squared error over grades and batch (eq. 12)."""
    return F.mse_loss(predicted, wanted)


def js(
    predicted: Float[Tensor, "batch grade"], wanted: Float[Tensor, "batch grade"]
) -> Float[Tensor, ""]:
    """Jensen-Shannon divergence in nats, mean over the batch (eqs. 14 and 15)."""
    middle = (predicted + wanted) / 2
    return (_kl(predicted, middle) + _kl(wanted, middle)).mean() / 2


def emd(
    predicted: Float[Tensor, "batch grade"], wanted: Float[Tensor, "batch grade"]
) -> Float[Tensor, ""]:
    """Sum of squared differences of the cumulative distributions, mean over the batch.

    The earth mover's distance of ordered grades as in Hou et al. 2016, arXiv:1611.05916.
    """
    return (predicted - wanted).cumsum(dim=-1).square().sum(dim=-1).mean()


def ce(
    predicted: Float[Tensor, "batch grade"], wanted: Float[Tensor, "batch grade"]
) -> Float[Tensor, ""]:
    """Cross-entropy in nats, mean over the batch."""
    return -(wanted * _safe_log(predicted)).sum(dim=-1).mean()


LOSSES: Final[Mapping[str, Loss]] = {"mse": mse, "js": js, "emd": emd, "ce": ce}


def diversity(features: Float[Tensor, "branch batch dim"]) -> Float[Tensor, ""]:
    """Mean absolute cosine over all pairs of branches and the batch (eqs. 17 and 18); 0 if alone.

    Small where the branches say different things.
    """
    branches = len(features)
    if branches == 1:
        return features.new_zeros(())
    precise = features.float() if features.element_size() < 4 else features
    unit = F.normalize(precise, dim=-1)
    first, second = torch.triu_indices(branches, branches, offset=1, device=features.device)
    return (unit[first] * unit[second]).sum(dim=-1).abs().mean()


def _kl(
    given: Float[Tensor, "batch grade"], reference: Float[Tensor, "batch grade"]
) -> Float[Tensor, " batch"]:
    return (given * (_safe_log(given) - _safe_log(reference))).sum(dim=-1)


def _safe_log(probability: Tensor) -> Tensor:
    # A probability of zero counts for nothing in p log p, but only if its log is finite.
    return probability.clamp_min(torch.finfo(probability.dtype).tiny).log()
