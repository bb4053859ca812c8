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
"""From predicted and wanted grade distributions (batch, grade) to the loss, of each or of all."""


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

    `fit` is the mean of `fit_of_branch`, `diversity` that of `alike_of_pair`: how alike the two
    features of a pair are. `averaged` is the loss of the mean prediction (eq. 20), not trained by.
    """

    total: Float[Tensor, ""]
    fit: Float[Tensor, ""]
    diversity: Float[Tensor, ""]
    averaged: Float[Tensor, ""]
    fit_of_branch: Float[Tensor, " branch"]
    alike_of_pair: Float[Tensor, " pair"]


def objective(
    output: Branches,
    label: Float[Tensor, "batch grade"],
    params: LossParams,
    variant: Variant = PAPER,
    weights: Float[Tensor, " batch"] | None = None,
) -> LossTerms:
    """Compute the training objective: the mean loss of all branches plus alpha * diversity.

    Eqs. 13, 16 and 19. Without pairs of features there is no diversity loss. `weights` says how
    much each clip counts in the loss of the branches.
    """
    loss = _clip_losses_of(variant)[params.name]
    predicted = output.distributions
    fits = torch.stack([_mean(loss(one, label), weights) for one in predicted])
    averaged = loss(predicted.detach().mean(dim=0), label).mean()
    alike = likenesses(output.features, params.use_div).to(fits)
    fit, mean_alike = fits.mean(), alike.mean() if len(alike) else fits.new_zeros(())
    return LossTerms(fit + params.alpha * mean_alike, fit, mean_alike, averaged, fits, alike)


def _mean(
    of_clips: Float[Tensor, " batch"], weights: Float[Tensor, " batch"] | None
) -> Float[Tensor, ""]:
    return of_clips.mean() if weights is None else (of_clips * weights).mean()


def _mse(
    predicted: Float[Tensor, "batch grade"], wanted: Float[Tensor, "batch grade"]
) -> Float[Tensor, " batch"]:
    """Mean squared error over grades (eq. 12)."""
    return (predicted - wanted).square().mean(dim=-1)


def _js(
    predicted: Float[Tensor, "batch grade"], wanted: Float[Tensor, "batch grade"]
) -> Float[Tensor, " batch"]:
    """Jensen-Shannon divergence in nats (eqs. 14 and 15)."""
    middle = (predicted + wanted) / 2
    return (_kl(predicted, middle) + _kl(wanted, middle)) / 2


def _emd(
    predicted: Float[Tensor, "batch grade"], wanted: Float[Tensor, "batch grade"]
) -> Float[Tensor, " batch"]:
    """Sum of squared differences of the cumulative distributions.

    The earth mover's distance of ordered grades as in Hou et al. 2016, arXiv:1611.05916.
    """
    return (predicted - wanted).cumsum(dim=-1).square().sum(dim=-1)


def _ce(
    predicted: Float[Tensor, "batch grade"], wanted: Float[Tensor, "batch grade"]
) -> Float[Tensor, " batch"]:
    """Cross-entropy in nats."""
    return -(wanted * _safe_log(predicted)).sum(dim=-1)


def _published_js(
    predicted: Float[Tensor, "batch grade"], wanted: Float[Tensor, "batch grade"]
) -> Float[Tensor, " batch"]:
    """The published JS loss, whose first term is not halved: KL(wanted, m) + KL(predicted, m) / 2.

    About 1.5 times the true one, and not the same with its arguments exchanged.
    """
    middle = (predicted + wanted) / 2

    def kl(given: Tensor) -> Tensor:
        return (given * ((given + PUBLISHED_KL_SHIFT) / middle).log()).sum(dim=-1)

    return kl(wanted) + kl(predicted) / 2


CLIP_LOSSES: Final[Mapping[str, Loss]] = {"mse": _mse, "js": _js, "emd": _emd, "ce": _ce}
"""The loss of each clip of a batch."""


def _mean_over_batch(loss: Loss) -> Loss:
    return lambda predicted, wanted: loss(predicted, wanted).mean()


LOSSES: Final[Mapping[str, Loss]] = {n: _mean_over_batch(loss) for n, loss in CLIP_LOSSES.items()}
"""The mean of a loss over a batch."""


def losses_of(variant: Variant) -> Mapping[str, Loss]:
    """Return every loss by name, a mean over the batch, as `variant` has it."""
    published = {"js": _mean_over_batch(_published_js)}
    return {**LOSSES, **published} if variant.js_precedence else LOSSES


def _clip_losses_of(variant: Variant) -> Mapping[str, Loss]:
    return {**CLIP_LOSSES, "js": _published_js} if variant.js_precedence else CLIP_LOSSES


def diversity(
    features: Mapping[str, Float[Tensor, "batch dim"]], pairs: Sequence[str]
) -> Float[Tensor, ""]:
    """Mean of `likenesses` over the pairs: the diversity loss; 0 without pairs."""
    alike = likenesses(features, pairs)
    return alike.mean() if len(alike) else torch.zeros(())


def likenesses(
    features: Mapping[str, Float[Tensor, "batch dim"]], pairs: Sequence[str]
) -> Float[Tensor, " pair"]:
    """Mean absolute cosine over the batch, of each pair of features (eqs. 17 and 18).

    A pair is named by its two features: "gs". Small where they say different things.
    """
    unit = {name: F.normalize(_precise(value), dim=-1) for name, value in features.items()}
    alike = [(unit[p[0]] * unit[p[1]]).sum(dim=-1).abs().mean() for p in pairs]
    return torch.stack(alike) if alike else torch.zeros(0)


def _precise(features: Tensor) -> Tensor:
    return features.float() if features.element_size() < 4 else features


def _kl(
    given: Float[Tensor, "batch grade"], reference: Float[Tensor, "batch grade"]
) -> Float[Tensor, " batch"]:
    return (given * (_safe_log(given) - _safe_log(reference))).sum(dim=-1)


def _safe_log(probability: Tensor) -> Tensor:
    # A probability of zero counts for nothing in p log p, but only if its log is finite.
    return probability.clamp_min(torch.finfo(probability.dtype).tiny).log()
