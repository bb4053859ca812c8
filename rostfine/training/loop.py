"""The training loop: one fit, from fresh weights to the last epoch."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rostfine.clips.transforms import augment, to_input
from rostfine.errors import TrainingError
from rostfine.losses import LossTerms, objective
from rostfine.models import build_experiment
from rostfine.models.pretrained import load_pretrained
from rostfine.models.timesformer import Encoder
from rostfine.models.weight_report import LoadReport
from rostfine.params import ExperimentParams
from rostfine.training.best import BestOnHeldOut
from rostfine.training.data import Samples
from rostfine.training.optim import make_optimizer, make_schedule
from rostfine.variants import PUBLISHED_LABEL_SHIFT, named_variant


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to: means over its clips of the terms of eq. 19.

    `held_out` is the loss on the held-out fold before the epoch, where a variant looks at it.
    """

    epoch: int
    total: float
    fit: float
    diversity: float
    lr: float
    seconds: float
    held_out: float | None = None


@contextmanager
def seeded(seed: int) -> Iterator[torch.Generator]:
    """Seed torch within the block only; yields a generator for order and augmentation."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)


def fit(
    samples: Samples,
    experiment: ExperimentParams,
    *,
    held_out: Samples | None = None,
    device: torch.device,
    on_epoch: Callable[[Epoch], None],
) -> nn.Module:
    """Train a fresh model for `experiment.fit.epochs` epochs and return it in evaluation mode.

    Two calls with the same arguments give the same weights, bit for bit, on the CPU. `held_out` is
    looked at only if the variant selects the epoch on it, as the published code does.

    Relative paths of `experiment.model.pretrained` start at the current folder.

    Raises TrainingError naming the epoch and the clips of the batch if the loss is not finite.
    """
    variant = named_variant(experiment.variant)
    with seeded(experiment.fit.seed) as generator:
        model = start_model(experiment)[0].to(device)
        run = _Run(model, samples.to(device), experiment, generator)
        best = None
        if variant.selects_on_test_fold and held_out is not None:
            best = BestOnHeldOut(held_out.to(device), experiment)
        for epoch in range(experiment.fit.epochs):
            loss = best.look_at(model) if best else None
            on_epoch(dataclasses.replace(run.train_one(epoch), held_out=loss))
        if best:
            best.restore(model)
    return model.eval()


def start_model(experiment: ExperimentParams) -> tuple[nn.Module, LoadReport | None]:
    """Build the model of an experiment as its training starts, with what became of its weights."""
    model = build_experiment(experiment)
    if experiment.model.pretrained is None:
        return model, None
    flat = named_variant(experiment.variant).flat_positions
    return model, load_pretrained(model, experiment.model.pretrained, flat_positions=flat)


class _Run:
    """The state that lives as long as a fit: weights, optimiser, schedule and order."""

    def __init__(
        self,
        model: nn.Module,
        samples: Samples,
        experiment: ExperimentParams,
        generator: torch.Generator,
    ) -> None:
        self.model, self.samples = model, samples
        self.experiment, self.generator = experiment, generator
        self.variant = named_variant(experiment.variant)
        steps = -(-len(samples.labels) // experiment.fit.batch)
        self.optimizer = make_optimizer(model, experiment.fit)
        self.schedule = make_schedule(self.optimizer, experiment.fit, steps)
        if isinstance(model.encoder, Encoder):
            model.encoder.checkpoint_activations = experiment.fit.checkpoint_activations
        if experiment.fit.compile:
            model.compile()

    def train_one(self, epoch: int) -> Epoch:
        """Go once over all clips, in a new order."""
        started = time.perf_counter()
        lr = float(self.schedule.get_last_lr()[0])
        self.model.train()
        count = len(self.samples.labels)
        sums = torch.zeros(3, device=self.samples.labels.device)
        order = torch.randperm(count, generator=self.generator)
        for rows in torch.split(order, self.experiment.fit.batch):
            terms = self._step(rows, epoch)
            found = torch.stack([terms.total, terms.fit, terms.diversity]).detach()
            sums += found * len(rows)
        total, fitted, diversity = (sums / count).tolist()
        seconds = time.perf_counter() - started
        return Epoch(epoch, total, fitted, diversity, lr, seconds)

    def _step(self, rows: Tensor, epoch: int) -> LossTerms:
        batch = self.samples.take(rows)
        # First, so that the forward pass may have the memory of old gradients.
        self.optimizer.zero_grad(set_to_none=True)
        terms = self._objective(batch)
        if not torch.isfinite(terms.total):
            raise TrainingError(
                f"epoch {epoch}: the loss is {terms.total.item()} for clips {rows.tolist()}; "
                "a smaller lr or a clip_norm may help"
            )
        torch.autograd.backward(terms.total)
        if self.experiment.fit.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.experiment.fit.clip_norm)
        self.optimizer.step()
        self.schedule.step()
        return terms

    def _objective(self, batch: Samples) -> LossTerms:
        experiment = self.experiment
        clips = to_input(batch.frames, experiment.input)
        if experiment.fit.augment:
            clips = augment(clips, self.generator)
        labels = batch.labels
        if self.variant.shifted_labels and experiment.model.name == "rostfine":
            labels = labels + PUBLISHED_LABEL_SHIFT
        bf16 = experiment.fit.precision == "bf16"
        with torch.autocast(clips.device.type, dtype=torch.bfloat16, enabled=bf16):
            output = self.model(clips, batch.speeds)
        return objective(output, labels, experiment.loss, self.variant)
