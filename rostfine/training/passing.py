"""One pass over clips: what a model says of them, and the terms of eq. 19 as plain numbers."""

from collections.abc import Sequence
from typing import Final

import torch
from jaxtyping import Float, Float32
from numpy import ndarray
from torch import Tensor, nn

from rostfine.evaluation.predict import predict_inputs
from rostfine.losses import LossTerms, objective
from rostfine.models.outputs import Condensing, ModelOutput
from rostfine.params import ExperimentParams
from rostfine.training.data import Samples
from rostfine.training.epoch import Terms
from rostfine.training.feed import Feed
from rostfine.variants import named_variant

SCALARS: Final = ("total", "averaged", "fit", "diversity")


class Behind(nn.Module):
    """What stands behind a frozen encoder, as a model of its features."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        assert isinstance(model, Condensing)
        self.model = model

    def forward(self, condensed: Tensor, speed: Tensor | None = None) -> ModelOutput:
        """Predict from what the encoder made of clips."""
        return self.model.predict_from(condensed, speed)


def reader_of(model: nn.Module, feed: Feed) -> nn.Module:
    """Return the model, or the part of it, that reads what `feed` gives."""
    return Behind(model) if feed.condensed else model


def as_vector(terms: LossTerms) -> Float[Tensor, " term"]:
    """Lay all terms side by side, so that they are summed and fetched at once."""
    scalars = torch.stack([getattr(terms, name) for name in SCALARS])
    return torch.cat([scalars, terms.fit_of_branch, terms.alike_of_pair]).detach()


def as_terms(vector: Sequence[float], branches: Sequence[str], pairs: Sequence[str]) -> Terms:
    """Name again what `as_vector` laid side by side."""
    total, averaged, fit, diversity, *rest = vector
    of_branch, of_pair = rest[: len(branches)], rest[len(branches) :]
    by_branch = dict(zip(branches, of_branch, strict=True))
    return Terms(total, averaged, fit, diversity, by_branch, dict(zip(pairs, of_pair, strict=True)))


@torch.no_grad()
def measure(model: nn.Module, feed: Feed, samples: Samples, experiment: ExperimentParams) -> Terms:
    """Measure a model in evaluation mode on samples that it is not trained on."""
    variant, forward = named_variant(experiment.variant), reader_of(model, feed)
    parts = torch.split(torch.arange(len(samples.labels)), experiment.fit.batch)
    vectors, branches = list[Tensor](), tuple[str, ...]()
    for rows, clips in zip(parts, feed.batches(parts), strict=True):
        speeds = None if samples.speeds is None else samples.speeds[rows].to(feed.device)
        output = forward(clips, speeds)
        labels = samples.labels[rows].to(feed.device)
        vectors.append(as_vector(objective(output, labels, experiment.loss, variant)))
        branches = output.branches
    # As published, batches count alike, whatever their sizes.
    counts = [1 if variant.selects_on_test_fold else len(rows) for rows in parts]
    weights = torch.tensor(counts, device=feed.device)[:, None] / sum(counts)
    means = (torch.stack(vectors) * weights).sum(dim=0)
    return as_terms(means.tolist(), branches, experiment.loss.use_div)


def predict_fed(
    model: nn.Module, feed: Feed, samples: Samples, *, batch: int
) -> Float32[ndarray, "clip grade"]:
    """Predict the grade distribution of each sample, from what `feed` gives of it."""
    parts = torch.split(torch.arange(len(samples.labels)), batch)
    speeds = [
        None if samples.speeds is None else samples.speeds[rows].to(feed.device) for rows in parts
    ]
    model.eval()
    return predict_inputs(reader_of(model, feed), zip(feed.batches(parts), speeds, strict=True))
