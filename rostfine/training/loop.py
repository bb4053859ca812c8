"""The training loop of one fit; two calls with the same arguments give the same weights."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from rostfine.clips.augment import augment, draw
from rostfine.errors import TrainingError
from rostfine.training.balance import draw_order, loss_weights
from rostfine.training.batches import Part, cut_batch
from rostfine.training.checkpoint import Checkpoint, Checkpoints
from rostfine.training.data import Samples
from rostfine.training.epoch import Epoch, Terms
from rostfine.training.recipe import Recipe
from rostfine.training.state import FitState, go_on_from, start_state, to_checkpoint
from rostfine.training.team import Team, random_state

ALONE: Final = Team()
AUTOCAST: Final = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Fitted:
    """A trained model, in evaluation mode, and how it came about."""

    model: nn.Module
    history: tuple[Epoch, ...]


@contextmanager
def seeded(seed: int) -> Iterator[torch.Generator]:
    """Seed torch within the block only; yields a generator for order and augmentation."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)


def fit(
    samples: Samples,
    recipe: Recipe,
    *,
    on_epoch: Callable[[Epoch], None],
    chooses: Samples | None = None,
    team: Team = ALONE,
    checkpoints: Checkpoints | None = None,
) -> Fitted:
    """Train a fresh model of a recipe for `recipe.fit.epochs` epochs.

    `chooses` are the clips on which the epoch is chosen whose weights are returned; without them
    it is the last. With `checkpoints` it goes on after the last epoch of which there is one, and
    ends with the same weights as if it had never stopped, bit for bit on the CPU. `on_epoch` is
    called by the leader of the `team` alone, before the epoch's checkpoint is written: who goes on
    from a checkpoint may tell an epoch again, but never leaves one out.

    Relative paths of pretrained weights start at the current folder.

    Raises TrainingError naming the epoch and the clips of the batch if the loss is not finite, or
    if a checkpoint cannot be written.
    """
    with seeded(recipe.fit.seed) as generator:
        model = recipe.start().to(team.device)
        # All begin with the same weights; what a model drops at random is each one's own.
        torch.manual_seed(recipe.fit.seed + team.rank)
        fitting = _Fitting(model, samples, chooses, recipe, generator, team)
        kept = _agreed(checkpoints, team) if checkpoints else None
        if kept:
            go_on_from(fitting.state, kept, team.rank)
        for number in range(len(fitting.state.history), recipe.fit.epochs):
            epoch = fitting.go_through(number)
            if team.leads:
                on_epoch(epoch)
            random = team.collect(random_state(team.device))
            if checkpoints:
                team.obey(partial(_save, checkpoints, fitting.state, random))
        return Fitted(fitting.chosen().eval(), tuple(fitting.state.history))


def _agreed(checkpoints: Checkpoints, team: Team) -> Checkpoint | None:
    """Load the checkpoint that the leader finds, for all of the team."""
    found: list[Checkpoint | None] = []
    team.obey(lambda: found.append(checkpoints.load()))
    kept = found[0] if found else None
    epoch = team.hear(kept.epoch if kept else None)
    if epoch is not None and kept is None:
        kept = checkpoints.load(epoch)
        if kept is None:
            raise RuntimeError(f"the checkpoint of epoch {epoch} is not seen by all of the team")
    return kept


def _save(checkpoints: Checkpoints, state: FitState, random: list[dict[str, Tensor]]) -> None:
    checkpoints.save(to_checkpoint(state, random))


@torch.no_grad()
def _are_finite(model: nn.Module) -> bool:
    return bool(torch.stack([torch.isfinite(weight).all() for weight in model.parameters()]).all())


class _Fitting:
    """A fit at work: its state, its clips, and how a batch goes through."""

    def __init__(
        self,
        model: nn.Module,
        samples: Samples,
        chooses: Samples | None,
        recipe: Recipe,
        generator: torch.Generator,
        team: Team,
    ) -> None:
        self.params, self.recipe, self.team = recipe.fit, recipe, team
        self.samples, self.chooses = samples, chooses
        self.epoch_size = min(len(samples.labels), recipe.at_most or len(samples.labels))
        steps = -(-self.epoch_size // self.params.batch)
        self.state = start_state(model, self.params, steps=steps, generator=generator)
        device = self.state.device
        self.feed = recipe.feed(samples, device)
        self.choosing_feed = recipe.feed(chooses, device) if chooses else None
        self.labels = samples.labels.to(device)
        self.speeds = None if samples.speeds is None else samples.speeds.to(device)
        weights = loss_weights(samples.labels, self.params.balance)
        self.weights = None if weights is None else weights.to(device)
        if self.params.compile:
            model.compile()
        self.forward = team.wrap(recipe.reader(model, self.feed))

    def go_through(self, number: int) -> Epoch:
        """Train for an epoch, and see how that does on the clips that choose."""
        started = time.perf_counter()
        state, first = self.state, self.recipe.looks_first
        lr = float(state.schedule.get_last_lr()[0])
        valid = self._look(number - 1) if first else None
        train = self._train(number)
        valid = valid if first else self._look(number)
        if self.team.hear(valid is not None and not math.isfinite(valid.total)):
            raise TrainingError(
                f"epoch {number}: the loss is not finite for the clips that choose the epoch; "
                "a smaller lr or a clip_norm may help"
            )
        best = state.best.epoch if valid else number
        epoch = Epoch(number, lr, train, valid, best, time.perf_counter() - started)
        state.history.append(epoch)
        return epoch

    def chosen(self) -> nn.Module:
        """Return the model with the weights that are kept."""
        model = self.state.offered
        if self.state.best.weights:
            model.load_state_dict(self.state.best.weights)
        return model

    def _train(self, number: int) -> Terms:
        self.state.model.train()
        if self.params.freeze == "encoder":
            # It drops no paths, as when its features are kept.
            self.state.model.get_submodule("encoder").eval()
        order = draw_order(self.samples.labels, self.params.balance, self.state.generator)
        batches = torch.split(order[: self.epoch_size], self.params.batch)
        cut = [cut_batch(rows, self.team, self.params.accumulate) for rows in batches]
        inputs = self.feed.batches([part.rows for parts in cut for part in parts])
        steps = []
        for rows, parts in zip(batches, cut, strict=True):
            steps.append(self._step(rows, parts, inputs))
            # On a GPU to look at each step would make it wait; there one looks at the end.
            if self.state.device.type == "cpu":
                self._check(number, batches, steps[-1:], len(steps) - 1)
        self._check(number, batches, steps, 0)
        if not _are_finite(self.state.model):
            raise TrainingError(
                f"epoch {number}: weights are not finite after its last step, that of clips "
                f"{self._names(batches[-1])}; a smaller lr or a clip_norm may help"
            )
        lengths = torch.tensor([len(rows) for rows in batches], device=self.state.device)
        sums = (torch.stack(steps) * lengths[:, None]).sum(dim=0)
        return self.recipe.terms((sums / self.epoch_size).tolist())

    def _step(self, rows: Tensor, parts: Sequence[Part], inputs: Iterator[Any]) -> Tensor:
        """Take one step by the gradients of a batch; return its terms, as a vector."""
        state, team = self.state, self.team
        # First, so that the forward pass may have the memory of old gradients.
        state.optimizer.zero_grad(set_to_none=True)
        draws = None
        if self.params.augment is not None and not self.feed.condensed:
            draws = draw(len(rows), self.params.augment, state.generator)
        sums = []
        for part in parts:
            clips = next(inputs)
            if draws is not None and self.params.augment is not None:
                clips = augment(clips, draws.take(part.places), self.params.augment)
            with self._apart(part is not parts[-1]):
                total, terms = self._objective(clips, part.rows)
                # Gradients are averaged over the team; each clip of a batch is to count alike.
                torch.autograd.backward(state.scaler.scale(total * (part.weight * team.size)))
            sums.append(terms * part.weight)
        if self.params.clip_norm is not None:
            state.scaler.unscale_(state.optimizer)
            nn.utils.clip_grad_norm_(state.model.parameters(), self.params.clip_norm)
        state.scaler.step(state.optimizer)
        state.scaler.update()
        state.schedule.step()
        if state.ema is not None:
            state.ema.update_parameters(state.model)
        return team.add_up(torch.stack(sums).sum(dim=0))

    def _apart(self, apart: bool) -> AbstractContextManager[None]:
        """Let gradients gather here, without the team's, while more parts are to come."""
        if apart and isinstance(self.forward, DistributedDataParallel):
            return self.forward.no_sync()
        return nullcontext()

    def _objective(self, clips: Any, rows: Tensor) -> tuple[Tensor, Tensor]:
        device = self.state.device
        here = rows.to(device)
        speeds = None if self.speeds is None else self.speeds[here]
        weights = None if self.weights is None else self.weights[here]
        dtype = AUTOCAST[self.params.precision]
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
            output = self.forward(clips, speeds)
        return self.recipe.objective(output, clips, self.labels[here], weights)

    def _check(
        self, number: int, batches: tuple[Tensor, ...], steps: list[Tensor], first: int
    ) -> None:
        """Raise for the first step whose loss is not finite, naming its clips."""
        totals = torch.stack(steps)[:, 0]
        if bool(torch.isfinite(totals).all()):
            return
        step = int((~torch.isfinite(totals)).nonzero()[0])
        raise TrainingError(
            f"epoch {number}: the loss is {totals[step].item()} for clips "
            f"{self._names(batches[first + step])}; a smaller lr or a clip_norm may help"
        )

    def _names(self, rows: Tensor) -> str:
        names = self.samples.names
        return ", ".join(names[row] if names else str(row) for row in rows.tolist())

    def _look(self, number: int) -> Terms | None:
        """See how the weights after epoch `number` do, and keep them if they do best."""
        if self.choosing_feed is None or self.chooses is None or not self.team.leads:
            return None
        model = self.state.offered.eval()
        terms = self.recipe.measure(model, self.choosing_feed, self.chooses)
        self.state.best.look(terms.averaged, number, model)
        return terms
