"""The job of an experiment, for Ray: what its one fit is given, and what it does."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
import torch

from rostfine.errors import FoldError
from rostfine.models.mask_rcnn import HeadNet
from rostfine.morphology.detect import detect_all
from rostfine.morphology.heads import TEST, TRAIN, VALIDATION, Picture
from rostfine.morphology.params import DataParams
from rostfine.morphology.pool import as_samples, fill_up
from rostfine.morphology.recipe import Heads
from rostfine.morphology.saved import HeadSettings
from rostfine.morphology.stored import found_table, read_pictures
from rostfine.morphology.tables import AS_PUBLISHED_FILE, FOUND
from rostfine.schemas import Table
from rostfine.training.checkpoint import Checkpoints
from rostfine.training.drawing import also_drawn
from rostfine.training.epoch import Epoch
from rostfine.training.fits import Fit
from rostfine.training.folds import PREDICTIONS_FILE, leave
from rostfine.training.jobs import Job
from rostfine.training.loop import fit
from rostfine.training.team import Team

THE_FIT: Final = Fit(None)
"""There is one: pictures are split in three once, not in folds."""


@dataclass(frozen=True)
class HeadJob(Job):
    """An experiment with heads."""

    settings: HeadSettings
    data: DataParams

    @property
    def wants(self) -> object:
        """Whatever decides what `load` returns."""
        return self.workspace

    def load(self, device: torch.device, *, sharers: int) -> list[Picture]:
        """Load the tables of pictures; these stay in their files. Raises TableError."""
        return read_pictures()

    def do(
        self, todo: Fit, data: list[Picture], *, team: Team, on_epoch: Callable[[Epoch], None]
    ) -> None:
        """Train, and say what is found in the pictures that were not trained on.

        Raises FoldError if there are no pictures to train on or to choose the epoch by.
        """
        with also_drawn(self, todo, team, on_epoch) as (note, _):
            _do(self, todo, data, team, note)


def of_split(pictures: Sequence[Picture], split: str) -> list[Picture]:
    """Return the pictures of a split."""
    return [one for one in pictures if one.split == split]


def trainable(pictures: Sequence[Picture]) -> list[Picture]:
    """Return the pictures to train on. Raises FoldError if there is nothing to be learnt."""
    train = of_split(pictures, TRAIN)
    if not any(one.instances for one in train):
        raise FoldError(f"wanted pictures of the split {TRAIN} with heads, got none")
    return train


def _do(
    job: HeadJob, todo: Fit, data: list[Picture], team: Team, on_epoch: Callable[[Epoch], None]
) -> None:
    settings, experiment = job.settings, job.settings.experiment
    classes = settings.classes
    train = fill_up(trainable(data), classes, experiment.per_class, experiment.fit.seed)
    choose = of_split(data, VALIDATION)
    chooses = experiment.fit.choose_epoch == "validation"
    if chooses and not choose:
        raise FoldError(f"wanted pictures of the split {VALIDATION} to choose by, got none")
    recipe = Heads(experiment, job.data, settings.anchors)
    done = fit(
        as_samples(train, classes),
        recipe,
        on_epoch=on_epoch,
        chooses=as_samples(choose, classes) if chooses else None,
        team=team,
        checkpoints=Checkpoints(job.work.of(todo), job.work.identity),
    )
    if not team.leads:
        return
    by = f"mask AP of {len(choose)} pictures kept for it" if chooses else "none: the last"
    said = dataclasses.replace(settings, trained_on=f"{len(train)} pictures", epoch_by=by)
    assert isinstance(done.model, HeadNet)
    unseen = choose + of_split(data, TEST)
    leave(job.work, todo, done, said, find_in(unseen, done.model, recipe, team.device))


def find_in(
    pictures: Sequence[Picture], model: HeadNet, recipe: Heads, device: torch.device
) -> dict[str, tuple[pd.DataFrame, Table]]:
    """Return what is found in pictures; for the published variant also as its code evaluates."""
    feed = recipe.feed(as_samples(pictures, recipe.classes), device)
    tables = {}
    published = recipe.experiment.variant == "published"
    for name in (PREDICTIONS_FILE, *([AS_PUBLISHED_FILE] if published else [])):
        model.mean_twice = name == AS_PUBLISHED_FILE
        found = detect_all(model, feed, pictures, batch=recipe.fit.batch)
        tables[name] = (found_table(found), FOUND)
    model.mean_twice = False
    return tables
