"""Jobs of both steps, for Ray: what their fits are given, and what a fit does."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Bool
from numpy import ndarray

from rostfine.errors import FoldError
from rostfine.params import FitParams
from rostfine.training.checkpoint import Checkpoints
from rostfine.training.choosing import choose_validation
from rostfine.training.data import Samples, free_bytes
from rostfine.training.drawing import also_drawn
from rostfine.training.epoch import Epoch
from rostfine.training.fits import Fit
from rostfine.training.folds import PREDICTIONS_FILE, leave
from rostfine.training.jobs import Job
from rostfine.training.loop import fit
from rostfine.training.recipe import Recipe
from rostfine.training.saved import WEIGHTS
from rostfine.training.team import Team
from rostfine.visem.params import INPUTS
from rostfine.visem.recipes import Reconstruction, Regression, predict_stacks
from rostfine.visem.saved import AutoencoderSettings, SemenSettings
from rostfine.visem.stacks import SemenData, labelled, load_stacks, mean_intensity, table_of, take
from rostfine.visem.tables import SEMEN_PREDICTIONS
from rostfine.visem.targets import TARGETS

ANY_GRADE: Final = "A"


@dataclass(frozen=True)
class SemenJob(Job):
    """Fits of one input's autoencoder, or of a regressor on it.

    `autoencoders` is the folder of runs of the input's autoencoder; of step 2 alone it is read.
    """

    settings: AutoencoderSettings | SemenSettings
    autoencoders: Path

    @property
    def wants(self) -> object:
        """Whatever decides what `load` returns."""
        return self.workspace, self.training.clips, self.settings.input

    def load(self, device: torch.device, *, sharers: int) -> SemenData:
        """Load the stacks of its input. Raises ClipError naming an array that cannot be read."""
        room = {"device": np.inf, "disk": 0.0}.get(self.training.clips, free_bytes(device))
        return load_stacks(INPUTS[self.settings.input], room_bytes=room / sharers)

    def do(
        self, todo: Fit, data: SemenData, *, team: Team, on_epoch: Callable[[Epoch], None]
    ) -> None:
        """Do one fit into its folder, and its curves into that of TensorBoard."""
        with also_drawn(self, todo, team, on_epoch) as (note, _):
            _do(self, todo, data, team, note)


@dataclass(frozen=True)
class _Split:
    train: Bool[ndarray, " stack"]
    choose: Bool[ndarray, " stack"]
    held_out: Bool[ndarray, " stack"]


def split(todo: Fit, data: SemenData, params: FitParams) -> _Split:
    """Split stacks by participant, none of whom is on two sides.

    Raises FoldError if nobody is left to train on.
    """
    held_out = np.zeros(len(data.folds), dtype=bool)
    if todo.held_out is not None:
        held_out = data.folds == todo.held_out
    choose = np.zeros_like(held_out)
    if params.choose_epoch == "validation":
        rows = np.flatnonzero(~held_out)
        who = [data.participants[row] for row in rows]
        # Percentages have no modal grade to be stratified by.
        alike = [ANY_GRADE] * len(who)
        choose[rows[choose_validation(alike, who, params.validation, params.seed)]] = True
    train = ~held_out & ~choose
    if not train.any():
        raise FoldError(f"{todo.folder}: wanted stacks to train on, got none")
    return _Split(train, choose, held_out)


def _do(
    job: SemenJob, todo: Fit, data: SemenData, team: Team, on_epoch: Callable[[Epoch], None]
) -> None:
    settings = job.settings
    if isinstance(settings, SemenSettings):
        data = labelled(data, TARGETS[settings.target])
    parts = split(todo, data, job.fit)
    train = take(data, parts.train).samples
    recipe = _recipe(job, todo, train)
    done = fit(
        train,
        recipe,
        on_epoch=on_epoch,
        chooses=take(data, parts.choose).samples if parts.choose.any() else None,
        team=team,
        checkpoints=Checkpoints(job.work.of(todo), job.work.identity),
    )
    if not team.leads:
        return
    chosen = int(parts.choose.sum())
    by = f"{chosen} stacks kept for it" if chosen else "none: the last"
    said = dataclasses.replace(settings, trained_on=todo.trained_on, epoch_by=by)
    tables = {}
    if isinstance(settings, SemenSettings) and parts.held_out.any():
        held_out = take(data, parts.held_out)
        feed = recipe.feed(held_out.samples, team.device)
        predicted = predict_stacks(done.model, feed, len(held_out.stacks), batch=job.fit.batch)
        table = table_of(held_out, predicted, TARGETS[settings.target])
        tables[PREDICTIONS_FILE] = (table, SEMEN_PREDICTIONS[settings.target])
    leave(job.work, todo, done, said, tables)


def _recipe(job: SemenJob, todo: Fit, train: Samples) -> Recipe:
    settings, given = job.settings, INPUTS[job.settings.input]
    if isinstance(settings, AutoencoderSettings):
        intensity = None if settings.variant == "published" else mean_intensity(train)
        return Reconstruction(given, job.fit, intensity)
    mean = tuple(train.labels.mean(dim=0).tolist())
    autoencoder = job.autoencoders / todo.folder / WEIGHTS
    return Regression(given, job.fit, settings.regressor, settings.target, autoencoder, mean)
