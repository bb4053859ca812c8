"""What one worker does: it loads what its fits are given, does them, and draws their curves."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from rostfine.clips.dataset import ClipFiles
from rostfine.progress import Advance, silent
from rostfine.schemas import GRADE_COLUMNS
from rostfine.training.curves import draw_distributions
from rostfine.training.data import TrainingData, fits_into, free_bytes, load_training_data
from rostfine.training.drawing import also_drawn
from rostfine.training.epoch import Epoch
from rostfine.training.fits import FOLDER, Fit
from rostfine.training.folds import history_of, train_fold
from rostfine.training.frozen import condense_clips, kept_condensed
from rostfine.training.grades import start_model
from rostfine.training.jobs import Job, Task
from rostfine.training.loop import seeded
from rostfine.training.saved import ModelSettings
from rostfine.training.team import Team

CONDENSED: Final = "condensed"
CONDENSED_AT_ONCE: Final = 64
DECIDE_FEATURES: Final = (
    "code",
    "data.clips",
    "data.folds",
    "data.weights",
    "experiment.fit.seed",
    "experiment.input.",
    "experiment.model.",
    "experiment.variant",
)
"""What the features of a frozen encoder depend on, among the keys of a training's identity."""


@dataclass(frozen=True)
class GradeJob(Job):
    """An experiment to be trained in `workspace`."""

    settings: ModelSettings

    @property
    def wants(self) -> object:
        """Whatever decides what `load` returns."""
        experiment = self.settings.experiment
        features = self.work.key if experiment.fit.freeze == "encoder" else None
        return self.workspace, self.training.clips, experiment.input.speed, features

    def load(self, device: torch.device, *, sharers: int) -> TrainingData:
        """Load clips, labels and folds. Raises InputError for what cannot be used."""
        return load_for(self, device, sharers=sharers)

    def do(
        self, todo: Fit, data: TrainingData, *, team: Team, on_epoch: Callable[[Epoch], None]
    ) -> None:
        """Do one fit into its folder, and its curves into that of TensorBoard."""
        do_fit(todo, data, self, team=team, on_epoch=on_epoch)

    def epochs_done(self, todo: Sequence[Fit]) -> dict[str, int]:
        """Count the epochs of each fit that are done already, by the name of its folder."""
        return {fit.folder: Task(fit.folder, fit, self).epochs_done for fit in todo}

    def history(self, todo: Sequence[Fit]) -> Iterator[tuple[str, Epoch]]:
        """Yield the epochs that earlier runs did, with the folder of their fit."""
        for fit in todo:
            for epoch in history_of(self.work, fit):
                yield fit.folder, epoch


def load_for(
    job: GradeJob, device: torch.device, *, sharers: int = 1, advance: Advance = silent
) -> TrainingData:
    """Load what the fits of a job are given, standing in its workspace.

    `sharers` processes of this machine do the same. Features of a frozen encoder are made by the
    first who needs them; `advance` counts their clips. Raises InputError for what cannot be used.
    """
    experiment = job.settings.experiment
    frozen = experiment.fit.freeze == "encoder"
    fits = job.training.clips == "device" or fits_into(free_bytes(device) // sharers, Path())
    keep = fits and job.training.clips != "disk" and not frozen
    data = load_training_data(Path(), experiment.input.speed, keep=keep)
    if frozen:
        frames = _condensed(job, data, device, advance)
        return replace(data, samples=replace(data.samples, frames=frames))
    return data


def do_fit(
    todo: Fit, data: TrainingData, job: GradeJob, *, team: Team, on_epoch: Callable[[Epoch], None]
) -> None:
    """Do one fit into its folder, and its curves into that of TensorBoard."""
    with also_drawn(job, todo, team, on_epoch) as (note, curves):
        done = train_fold(todo, data, job.settings, work=job.work, on_epoch=note, team=team)
        if curves is not None and done is not None:
            labels = dict(zip(data.sample_ids, data.samples.labels.numpy(), strict=True))
            some = done.head(6)
            true = np.stack([labels[sample_id] for sample_id in some["sample_id"]])
            predicted = some[list(GRADE_COLUMNS)].to_numpy()
            picture = draw_distributions(true, predicted, list(some["sample_id"]))
            curves.image("held_out", picture, job.epochs - 1)


def _condensed(job: GradeJob, data: TrainingData, device: torch.device, advance: Advance) -> Tensor:
    experiment = job.settings.experiment
    decide = {k: v for k, v in job.work.identity.items() if k.startswith(DECIDE_FEATURES)}
    key = sha256(repr(sorted(decide.items())).encode()).hexdigest()

    def make() -> Tensor:
        with seeded(experiment.fit.seed):
            model = start_model(experiment)[0]
        files = data.samples.frames
        assert isinstance(files, ClipFiles)
        some = (files.read(r) for r in torch.split(torch.arange(len(files)), CONDENSED_AT_ONCE))
        wanted = experiment.input
        parts = [condense_clips(model, f, wanted, device=device, advance=advance) for f in some]
        return torch.cat(parts)

    folder = Path(FOLDER) / CONDENSED / job.settings.experiment_name
    return kept_condensed(folder, key, make)
