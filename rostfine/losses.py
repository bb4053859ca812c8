"""What a fit makes small: distances between grade distributions, and the diversity of branches."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from rostfine.params import LossParams
from rostfine.variants import PAPER, PUBLISHED_KL_SHIFT, Variant

Loss = Callable[[Tensor, Tensor], Tensor]


@runtime_checkable
class Branches(Protocol):
    """What the objective needs of a model's output."""

    @property
    def distributions(self) -> Float[Tensor, "branch batch grade"]:
        """The grade distribution that each branch predicts."""

    @property
    def features(self) -> Mapping[str, Float[Tensor, "batch dim"]]:
        """The features that it predicts from, by name."""


@dataclass(frozen=True)
class LossTerms:
    """The objective and its parts.

    `fit` is the mean of `fit_of_branch`; `diversity` is how alike the features are.
    """

    total: Float[Tensor, ""]
    fit: Float[Tensor, ""]
    diversity: Float[Tensor, ""]
    fit_of_branch: Float[Tensor, " branch"]


def objective(
    output: Branches,
    label: Float[Tensor, "batch grade"],
    params: LossParams,
    variant: Variant = PAPER,
) -> LossTerms:
    """Compute the training objective: the mean loss of all branches plus alpha * diversity.

    Eqs. 13, 16 and 19. Without pairs of features there is no diversity loss.
    """
    loss = losses_of(variant)[params.name]
    fits = torch.stack([loss(predicted, label) for predicted in output.distributions])
    fit, alike = fits.mean(), diversity(output.features, params.use_div).to(fits)
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


def published_js(
    predicted: Float[Tensor, "batch grade"], wanted: Float[Tensor, "batch grade"]
) -> Float[Tensor, ""]:
    """The published JS loss, whose first term is not halved: KL(wanted, m) + KL(predicted, m) / 2.

    About 1.5 times the true one, and not the same with its arguments exchanged.
    """
    middle = (predicted + wanted) / 2

    def kl(given: Tensor) -> Tensor:
        return (given * ((given + PUBLISHED_KL_SHIFT) / middle).log()).sum(dim=-1)

    return (kl(wanted) + kl(predicted) / 2).mean()


LOSSES: Final[Mapping[str, Loss]] = {"mse": mse, "js": js, "emd": emd, "ce": ce}


def losses_of(variant: Variant) -> Mapping[str, Loss]:
    """Return every loss by name, as `variant` has it."""
    return {**LOSSES, "js": published_js} if variant.js_precedence else LOSSES


def diversity(
    features: Mapping[str, Float[Tensor, "batch dim"]], pairs: Sequence[str]
) -> Float[Tensor, ""]:
    """Mean absolute cosine over pairs of features and the batch (eqs. 17 and 18); 0 without pairs.

    A pair is named by its two features: "gs". Small where they say different things.
    """
    unit = {name: F.normalize(_precise(value), dim=-1) for name, value in features.items()}
    alike = [(unit[p[0]] * unit[p[1]]).sum(dim=-1).abs().mean() for p in pairs]
    return torch.stack(alike).mean() if alike else torch.zeros(())


def _precise(features: Tensor) -> Tensor:
    return features.float() if features.element_size() < 4 else features


def _kl(
    given: Float[Tensor, "batch grade"], reference: Float[Tensor, "batch grade"]
) -> Float[Tensor, " batch"]:
    return (given * (_safe_log(given) - _safe_log(reference))).sum(dim=-1)


def _safe_log(probability: Tensor) -> Tensor:
    # A probability of zero counts for nothing in p log p, but only if its log is finite.
    return probability.clamp_min(torch.finfo(probability.dtype).tiny).log()
