"""What Ray is given to do: fits of jobs, whatever these train."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rostfine.errors import RostfineError
from rostfine.params import FitParams, TrainingParams
from rostfine.training.epoch import Epoch
from rostfine.training.fits import Fit
from rostfine.training.saved import Settings
from rostfine.training.team import Team
from rostfine.training.work import Work


@dataclass(frozen=True)
class Job(ABC):
    """Fits that share settings and data; it travels to each worker."""

    settings: Settings
    fit: FitParams
    training: TrainingParams
    work: Work
    workspace: Path  # where its workers stand

    @property
    def name(self) -> str:
        """What a message calls it: its experiment."""
        return self.settings.experiment_name

    @property
    def epochs(self) -> int:
        """How many each of its fits has."""
        return self.fit.epochs

    @property
    @abstractmethod
    def wants(self) -> object:
        """Whatever decides what `load` returns; equal for jobs that may share it."""

    @abstractmethod
    def load(self, device: torch.device, *, sharers: int) -> Any:
        """Load what its fits are given; as many processes of this machine do the same.

        Raises InputError for what cannot be used.
        """

    @abstractmethod
    def do(self, todo: Fit, data: Any, *, team: Team, on_epoch: Callable[[Epoch], None]) -> None:
        """Do one fit into its folder."""


@dataclass(frozen=True)
class Task:
    """A fit of a job, by the name that it goes by in what is told of it."""

    name: str
    fit: Fit
    job: Job

    @property
    def is_done(self) -> bool:
        """Tell whether it was done before."""
        return self.job.work.is_done(self.fit)

    @property
    def epochs_done(self) -> int:
        """Count its epochs that are done already."""
        return self.job.epochs if self.is_done else self.job.work.epochs_done(self.fit)

    @property
    def label(self) -> str:
        """What a message calls it."""
        return f"{self.job.name}, {self.fit.folder}"


class Loader:
    """Loads what the fits of jobs are given, and keeps it as long as the next job needs the same.

    `sharers` processes of this machine do the same. All of a team load the same jobs in turn.
    """

    def __init__(self, team: Team, *, sharers: int) -> None:
        self._team, self._sharers = team, sharers
        self._wanted: object = None
        self._held: Any = ""

    def load(self, job: Job) -> Any:
        """Return what a job needs, or, as a text, why one of the team cannot use it."""
        if self._wanted != job.wants:
            # Let go of before: there may not be room for both.
            self._wanted, self._held = job.wants, ""
            try:
                self._held, said = job.load(self._team.device, sharers=self._sharers), ""
            except RostfineError as error:
                said = str(error)
            self._held = next(filter(None, self._team.collect(said)), self._held)
        return self._held
