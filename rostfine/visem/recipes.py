"""The recipes of both steps: an autoencoder of stacks, and percentages from its feature images."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float, Float32
from numpy import ndarray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from rostfine.models.autoencoder import Autoencoder
from rostfine.models.regressor import FeatureRegressor, build_regressor, load_backbone
from rostfine.params import FitParams
from rostfine.training.data import Samples
from rostfine.training.epoch import Terms
from rostfine.training.feed import Feed
from rostfine.training.frozen import freeze_encoder
from rostfine.training.recipe import Vector
from rostfine.visem.params import RegressorParams, StackInput
from rostfine.visem.stacks import to_stack
from rostfine.visem.targets import TargetName


@dataclass(frozen=True)
class _OfStacks(ABC):
    """What both steps share: what a model is fed, and the mean squared error."""

    given: StackInput
    fit: FitParams

    looks_first = False
    at_most = None

    def feed(self, samples: Samples, device: torch.device) -> Feed:
        """Return what the model is fed of samples."""
        return Feed(samples, partial(to_stack, given=self.given), device)

    def reader(self, model: nn.Module, feed: Feed) -> nn.Module:
        """Return the model, all of which reads stacks."""
        return model

    def objective(
        self,
        output: Float[Tensor, "batch ..."],
        inputs: Float[Tensor, "batch ..."],
        labels: Float32[Tensor, "batch label"],
        weights: Float32[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, ""], Vector]:
        """Return the mean squared error, and beside it the mean absolute error."""
        wanted = self.wanted(inputs, labels)
        loss = F.mse_loss(output, wanted)
        return loss, torch.stack([loss, F.l1_loss(output, wanted)]).detach()

    @torch.no_grad()
    def measure(self, model: nn.Module, feed: Feed, samples: Samples) -> Terms:
        """Measure a model in evaluation mode on samples that it is not trained on."""
        parts = torch.split(torch.arange(len(samples.labels)), self.fit.batch)
        sums = torch.zeros(2, device=feed.device)
        for rows, inputs in zip(parts, feed.batches(parts), strict=True):
            labels = samples.labels[rows].to(feed.device)
            sums += len(rows) * self.objective(model(inputs), inputs, labels)[1]
        return self.terms((sums / len(samples.labels)).tolist())

    def terms(self, vector: Sequence[float]) -> Terms:
        """Name the terms of a vector."""
        squared, absolute = vector
        return Terms(squared, squared, squared, 0.0, {"mse": squared, "mae": absolute}, {})

    @abstractmethod
    def wanted(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Return what the model is to say of a batch."""


@dataclass(frozen=True)
class Reconstruction(_OfStacks):
    """Step 1: what goes in is to come out again; `intensity` is the mean that is trained on."""

    intensity: float | None  # None: weights start as torch draws them

    def start(self) -> nn.Module:
        """Build the model with fresh weights."""
        model = Autoencoder(self.given.frames)
        if self.intensity is not None:
            model.start_at(self.intensity)
        return model

    def wanted(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Return the batch itself."""
        return inputs


@dataclass(frozen=True)
class Regression(_OfStacks):
    """Step 2: percentages from the feature images of the autoencoder saved in `autoencoder`."""

    params: RegressorParams
    target: TargetName
    autoencoder: Path
    mean: tuple[float, ...]  # of the labels that are trained on

    def start(self) -> nn.Module:
        """Build the model around the encoder that was trained before."""
        model = build(self.params, self.target, self.given)
        if self.params.pretrained is not None:
            load_backbone(model, self.params.pretrained)
        kept = load_file(self.autoencoder)
        prefix = "encoder."
        encoder = {k.removeprefix(prefix): v for k, v in kept.items() if k.startswith(prefix)}
        model.encoder.load_state_dict(encoder)
        if self.params.start == "mean":
            model.start_at(self.mean)
        if self.fit.freeze == "encoder":
            freeze_encoder(model)
        return model

    def wanted(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Return the percentages."""
        return labels


def build(params: RegressorParams, target: TargetName, given: StackInput) -> FeatureRegressor:
    """Build the model of step 2 with fresh weights. Raises ParamsError for an unknown backbone."""
    shares = getattr(params.head, target) == "softmax"
    return build_regressor(given.frames, params.backbone, shares=shares)


@torch.inference_mode()
def predict_stacks(
    model: nn.Module, feed: Feed, count: int, *, batch: int
) -> Float32[ndarray, "stack 3"]:
    """Predict the percentages of each stack that is fed."""
    model.eval()
    parts = torch.split(torch.arange(count), batch)
    return torch.cat([model(inputs).float().cpu() for inputs in feed.batches(parts)]).numpy()
