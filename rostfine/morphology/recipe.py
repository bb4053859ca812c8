"""How Mask R-CNN learns heads: what it is fed, its loss, and how it does after each epoch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from rostfine.models.anchors import Anchors
from rostfine.models.mask_rcnn import LOSSES, HeadBatch, HeadNet, build_head_net
from rostfine.models.pretrained_heads import load_head_weights
from rostfine.morphology.change import Changing
from rostfine.morphology.detect import detect_all
from rostfine.morphology.metrics import evaluate
from rostfine.morphology.params import ClassParams, DataParams, EvaluateParams, ExperimentParams
from rostfine.morphology.pool import Pictures
from rostfine.params import FitParams
from rostfine.training.data import Samples
from rostfine.training.epoch import Terms
from rostfine.training.feed import Feed
from rostfine.training.recipe import Vector

TIE: Final = 1e-6
"""Of two epochs that find as well, or nothing, that of the lower loss is better."""
IOU: Final = 0.5
ROUNDS: Final = 200
"""Of the bootstrap after each epoch: these intervals are looked at, and not reported."""
CHOOSES: Final = ("mask_ap", "box_ap")
"""What chooses the epoch: the first that is known. Where only boxes are known, masks have none."""


@dataclass(frozen=True)
class Heads:
    """A `rostfine.training.recipe.Recipe` of an experiment of `morphology/params.yaml`."""

    experiment: ExperimentParams
    data: DataParams
    anchors: Anchors

    looks_first = False

    @property
    def classes(self) -> Mapping[str, ClassParams]:
        """What it finds, in the order of the network's outputs."""
        return self.data.classes

    @property
    def fit(self) -> FitParams:
        """How long it is trained, and how."""
        return self.experiment.fit

    @property
    def at_most(self) -> int | None:
        """How many pictures an epoch goes through at most."""
        steps = self.experiment.steps
        return None if steps is None else steps * self.fit.batch

    def start(self) -> nn.Module:
        """Build the network as its training starts."""
        wanted = self.experiment.model
        model = build_head_net(wanted, len(self.classes), self.anchors)
        if wanted.pretrained is not None:
            load_head_weights(model, wanted.pretrained)
        return model

    def feed(self, samples: Samples, device: torch.device) -> Feed:
        """Return what the network is fed: batches of pictures with their targets."""
        return Feed(samples, lambda batch: batch, device)

    def reader(self, model: nn.Module, feed: Feed) -> nn.Module:
        """Return the network, which sees pictures changed at random while it is trained."""
        return Changing(model, self.experiment.change)

    def objective(
        self,
        output: Mapping[str, Float[Tensor, ""]],
        inputs: HeadBatch,
        labels: Float32[Tensor, "batch label"],
        weights: Float32[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, ""], Vector]:
        """Return the sum of the terms of the loss, and the terms."""
        terms = torch.stack([output[name] for name in LOSSES])
        return terms.sum(), torch.cat([terms.sum()[None], terms]).detach()

    @torch.no_grad()
    def measure(self, model: nn.Module, feed: Feed, samples: Samples) -> Terms:
        """Measure the loss, and how well the network finds, on pictures not trained on."""
        assert isinstance(model, HeadNet)
        stored = samples.frames
        assert isinstance(stored, Pictures)
        loss = self._loss(model, feed, len(stored))
        found = detect_all(model, feed, stored.pictures, batch=self.fit.batch)
        judged = evaluate(
            stored.pictures, found, self.data, self._judged, least_score=self.experiment.model.score
        )
        known = {name: value for name, value in judged.flat().items() if math.isfinite(value)}
        known |= loss.branches
        chooses = next((known[name] for name in CHOOSES if name in known), 0.0)
        return Terms(loss.total, 1 - chooses + TIE * loss.total, loss.total, 0.0, known, {})

    def terms(self, vector: Sequence[float]) -> Terms:
        """Name the terms of a vector."""
        total, *terms = vector
        return Terms(total, total, total, 0.0, dict(zip(LOSSES, terms, strict=True)), {})

    @property
    def _judged(self) -> EvaluateParams:
        return EvaluateParams(IOU, ROUNDS, self.fit.seed)

    def _loss(self, model: HeadNet, feed: Feed, count: int) -> Terms:
        parts = torch.split(torch.arange(count), self.fit.batch)
        sums = torch.zeros(1 + len(LOSSES), device=feed.device)
        with torch.random.fork_rng():
            # Which places are looked at is drawn: the same ones after each epoch.
            torch.manual_seed(self.fit.seed)
            for rows, inputs in zip(parts, feed.batches(parts), strict=True):
                labels = torch.zeros(len(rows), 1)
                sums += len(rows) * self.objective(model.losses(inputs), inputs, labels)[1]
        return self.terms((sums / count).tolist())
