"""The training loop: one fit, from fresh weights to the last epoch."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor, nn

from rostfine.clips.transforms import augment, to_input
from rostfine.errors import TrainingError
from rostfine.losses import LossTerms, objective
from rostfine.models import build_model
from rostfine.models.pretrained import load_pretrained
from rostfine.models.timesformer import Encoder
from rostfine.params import ExperimentParams
from rostfine.training.optim import make_optimizer, make_schedule

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to: means over its clips of the terms of eq. 19."""

    epoch: int
    total: float
    fit: float
    diversity: float
    lr: float
    seconds: float


@contextmanager
def seeded(seed: int) -> Iterator[torch.Generator]:
    """Seed torch within the block only; yields a generator for order and augmentation."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)


def fit(
    frames: UInt8[Tensor, "clip frame row col chan"],
    labels: Float32[Tensor, "clip grade"],
    experiment: ExperimentParams,
    *,
    device: torch.device,
    on_epoch: Callable[[Epoch], None],
) -> nn.Module:
    """Train a fresh model for `experiment.fit.epochs` epochs and return it in evaluation mode.

    Two calls with the same arguments give the same weights, bit for bit, on the CPU.

    Relative paths of `experiment.model.pretrained` start at the current folder.

    Raises TrainingError naming the epoch and the clips of the batch if the loss is not finite.
    """
    with seeded(experiment.fit.seed) as generator:
        model = _new_model(experiment).to(device)
        run = _Run(model, frames.to(device), labels.to(device), experiment, generator)
        for epoch in range(experiment.fit.epochs):
            on_epoch(run.train_one(epoch))
    return model.eval()


def _new_model(experiment: ExperimentParams) -> nn.Module:
    model = build_model(experiment.model, experiment.input)
    if experiment.model.pretrained is not None:
        assert isinstance(model.encoder, Encoder)
        report = load_pretrained(model.encoder, Path(experiment.model.pretrained))
        logger.info("%s: %s", experiment.model.pretrained, report.summary)
    return model


class _Run:
    """The state that lives as long as a fit: weights, optimiser, schedule and order."""

    def __init__(
        self,
        model: nn.Module,
        frames: UInt8[Tensor, "clip frame row col chan"],
        labels: Float32[Tensor, "clip grade"],
        experiment: ExperimentParams,
        generator: torch.Generator,
    ) -> None:
        self.model, self.frames, self.labels = model, frames, labels
        self.experiment, self.generator = experiment, generator
        steps = -(-len(labels) // experiment.fit.batch)
        self.optimizer = make_optimizer(model, experiment.fit)
        self.schedule = make_schedule(self.optimizer, experiment.fit, steps)

    def train_one(self, epoch: int) -> Epoch:
        """Go once over all clips, in a new order."""
        started = time.perf_counter()
        lr = float(self.schedule.get_last_lr()[0])
        self.model.train()
        sums = torch.zeros(3)
        order = torch.randperm(len(self.labels), generator=self.generator)
        for batch in torch.split(order, self.experiment.fit.batch):
            terms = self._step(batch, epoch)
            found = torch.stack([terms.total, terms.fit, terms.diversity]).detach().cpu()
            sums += found * len(batch)
        total, fitted, diversity = (sums / len(order)).tolist()
        seconds = time.perf_counter() - started
        return Epoch(epoch, total, fitted, diversity, lr, seconds)

    def _step(self, batch: Tensor, epoch: int) -> LossTerms:
        wanted = self.experiment.input
        clips = to_input(self.frames[batch], wanted)
        if self.experiment.fit.augment:
            clips = augment(clips, self.generator)
        terms = objective(self.model(clips), self.labels[batch], self.experiment.loss)
        if not torch.isfinite(terms.total):
            raise TrainingError(
                f"epoch {epoch}: the loss is {terms.total.item()} for clips {batch.tolist()}; "
                "a smaller lr or a clip_norm may help"
            )
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(terms.total)
        if self.experiment.fit.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.experiment.fit.clip_norm)
        self.optimizer.step()
        self.schedule.step()
        return terms
