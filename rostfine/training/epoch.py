"""What is told of an epoch: small and plain, because it travels between processes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

Status = Literal["waiting", "training", "done", "failed", "went on"]
"""How a fit is; one that `went on` was cut short before."""


@dataclass(frozen=True)
class Terms:
    """The terms of eq. 19, each a mean over clips.

    `averaged` is the loss of the mean prediction (eq. 20), `fit` the mean of `branches`, and
    `diversity` that of `pairs` of features. `total` is `fit` + alpha * `diversity`.
    """

    total: float
    averaged: float
    fit: float
    diversity: float
    branches: Mapping[str, float]
    pairs: Mapping[str, float]


@dataclass(frozen=True)
class Epoch:
    """One epoch of a fit: how training went, and how the model does on what chooses the epoch.

    `best` is the number of the epoch whose weights would be kept if this was the last; numbers
    begin with 0. `valid` is None where nothing is chosen. `lr` is that of the first step.
    """

    epoch: int
    lr: float
    train: Terms
    valid: Terms | None
    best: int
    seconds: float


@runtime_checkable
class Watcher(Protocol):
    """Is told how the fits of an experiment get on."""

    def epoch(self, fit: str, epoch: Epoch) -> None:
        """Take note of an epoch of a fit, by the name of its folder."""


@runtime_checkable
class StatusWatcher(Watcher, Protocol):
    """Is told, besides, what becomes of them."""

    def status(self, fit: str, status: Status, note: str = "") -> None:
        """Take note that a fit is training, done or failed, or went on."""


class Watchers:
    """Tells each of several watchers, or nobody."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers

    def epoch(self, fit: str, epoch: Epoch) -> None:
        """Tell of an epoch."""
        for watcher in self._watchers:
            watcher.epoch(fit, epoch)

    def status(self, fit: str, status: Status, note: str = "") -> None:
        """Tell what became of a fit, whoever wants to know."""
        for watcher in self._watchers:
            if isinstance(watcher, StatusWatcher):
                watcher.status(fit, status, note)
