"""The recipe of an experiment: a model of grade distributions, learnt from soft labels."""

from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from rostfine.clips.transforms import to_input
from rostfine.losses import objective
from rostfine.models import build_experiment
from rostfine.models.outputs import ModelOutput
from rostfine.models.pretrained import load_pretrained
from rostfine.models.weight_report import LoadReport
from rostfine.params import ExperimentParams, FitParams, InputParams
from rostfine.training.data import Samples
from rostfine.training.epoch import Terms
from rostfine.training.feed import Feed
from rostfine.training.frozen import freeze_encoder
from rostfine.training.passing import as_terms, as_vector, measure, reader_of
from rostfine.training.recipe import Vector
from rostfine.variants import PUBLISHED_LABEL_SHIFT, named_variant


class Grades:
    """A `rostfine.training.recipe.Recipe` of an experiment of `params.yaml`."""

    def __init__(self, experiment: ExperimentParams) -> None:
        self.experiment = experiment
        self._variant = named_variant(experiment.variant)
        self._branches: tuple[str, ...] = ()
        self.at_most: int | None = None

    @property
    def fit(self) -> FitParams:
        """How long it is trained, and how."""
        return self.experiment.fit

    @property
    def looks_first(self) -> bool:
        """The published code looks before each epoch, so that its last one is no candidate."""
        return self._variant.selects_on_test_fold

    def start(self) -> nn.Module:
        """Build the model as its training starts."""
        model = start_model(self.experiment)[0]
        if self.fit.freeze == "encoder":
            freeze_encoder(model)
        return model

    def feed(self, samples: Samples, device: torch.device) -> Feed:
        """Return what the model is fed of samples."""
        return feed_clips(samples, self.experiment.input, device)

    def reader(self, model: nn.Module, feed: Feed) -> nn.Module:
        """Return the model, or what stands behind its frozen encoder."""
        return reader_of(model, feed)

    def objective(
        self,
        output: ModelOutput,
        inputs: Float[Tensor, "batch ..."],
        labels: Float32[Tensor, "batch label"],
        weights: Float32[Tensor, " batch"] | None,
    ) -> tuple[Float[Tensor, ""], Vector]:
        """Return eq. 19 of a batch, and its terms."""
        experiment = self.experiment
        if self._variant.shifted_labels and experiment.model.name == "rostfine":
            labels = labels + PUBLISHED_LABEL_SHIFT
        self._branches = output.branches
        terms = objective(output, labels, experiment.loss, self._variant, weights)
        return terms.total, as_vector(terms)

    def measure(self, model: nn.Module, feed: Feed, samples: Samples) -> Terms:
        """Measure a model in evaluation mode on samples that it is not trained on."""
        return measure(model, feed, samples, self.experiment)

    def terms(self, vector: Sequence[float]) -> Terms:
        """Name the terms of the last batch's kind."""
        return as_terms(vector, self._branches, self.experiment.loss.use_div)


def start_model(experiment: ExperimentParams) -> tuple[nn.Module, LoadReport | None]:
    """Build the model of an experiment as its training starts, with what became of its weights."""
    model = build_experiment(experiment)
    if experiment.model.pretrained is None:
        return model, None
    flat = named_variant(experiment.variant).flat_positions
    return model, load_pretrained(model, experiment.model.pretrained, flat_positions=flat)


def feed_clips(samples: Samples, wanted: InputParams, device: torch.device) -> Feed:
    """Return clips as a model of grade distributions is fed them."""
    return Feed(samples, partial(to_input, params=wanted), device)
