"""The pace of a worker: what training takes it for each clip, epoch and fit, by the clock."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from pathlib import Path
from statistics import mean
from typing import Final

import torch
import torch.distributed as dist

from rostfine.models import build_experiment
from rostfine.params import ExperimentParams
from rostfine.training.checkpoint import Checkpoints
from rostfine.training.data import Samples
from rostfine.training.grades import Grades
from rostfine.training.loop import fit
from rostfine.training.team import Team

FEWEST_EPOCHS: Final = 3
LONG_S: Final = 5.0
"""What takes longer than this is done once, without a warm-up."""
MOMENTS: Final = {"sgd": 1, "adam": 2, "adamw": 2}
"""Numbers that an optimiser keeps for each weight."""


@dataclass(frozen=True)
class Pace:
    """What a worker took, in seconds and bytes; a step of the trial had so many `clips`."""

    clips: float
    load_s: float  # before its first fit
    warm_s: float  # what its first fit takes more than another, until the second epoch
    start_s: float  # before the first epoch of a fit, and compiling
    train_s: float  # for each clip trained on
    look_s: float  # for each clip predicted
    save_s: float  # for each checkpoint
    encode_s: float  # for each clip that a frozen encoder sees, on the whole machine
    peak_bytes: float


NOTHING: Final = Pace(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Of who does not lead a team, and is not told."""


class Trial:
    """The training loop on some clips, by the clock; `folder` is for its checkpoints."""

    def __init__(self, experiment: ExperimentParams, team: Team, folder: Path) -> None:
        self.experiment, self.team, self.folder = experiment, team, folder

    def pace(self, train: Samples, trial_s: float, *, chooses: bool) -> Pace:
        """Look at a few clips, then do two steps, then epochs for as long as time allows."""
        params, clips = self.experiment.fit, len(train.labels)
        batch = min(params.batch, clips)
        look_s = agree(self._time_look(_first(train, 1)))
        # A step goes forth and back, which is three looks, and two are done.
        tried = min(batch, max(int(trial_s / (6 * look_s)), self.team.size))
        if tried == batch:
            look_s = self._time_look(_first(train, batch))
        before = _peak_bytes(self.team.device)
        first = pace = self._run(_first(train, tried), tried, epochs=2)
        more = self._more_bytes(_peak_bytes(self.team.device) - before, tried)
        again_s = first.warm_s if params.compile else 0.0
        step_s = max(agree(first.train_s) * batch, 1e-6)
        steps = min(ceil(clips / batch), int(trial_s / FEWEST_EPOCHS / step_s))
        if tried == batch and steps:
            some, epochs = _first(train, steps * batch), int(trial_s / (steps * step_s))
            pace = self._run(some, batch, epochs=max(FEWEST_EPOCHS, epochs))
            again_s = pace.warm_s
        start_s = pace.start_s + again_s
        return replace(
            pace,
            warm_s=max(0.0, first.start_s + first.warm_s - start_s),
            start_s=start_s,
            look_s=look_s,
            # A checkpoint holds the best weights besides, where there are any.
            save_s=pace.save_s * (1 + chooses / self._copies),
            peak_bytes=_peak_bytes(self.team.device) + more,
        )

    def _time_look(self, samples: Samples) -> float:
        """Return the seconds for each clip that a model predicts."""
        experiment, device = self.experiment, self.team.device
        model = build_experiment(experiment).to(device).eval()
        recipe = Grades(experiment)
        feed = recipe.feed(samples, device)

        def look(times: int = 1) -> None:
            for _ in range(times):
                recipe.measure(model, feed, samples)

        found_s = seconds(look)
        if found_s < LONG_S:
            times = max(3, min(50, int(1 / found_s)))
            found_s = seconds(lambda: look(times)) / times
        return found_s / len(samples.labels)

    def _run(self, train: Samples, batch: int, *, epochs: int) -> Pace:
        """Fit for some epochs, of which the first is the warm-up."""
        parts = ceil(ceil(batch / self.team.size) / self._at_once)
        params = replace(self.experiment.fit, batch=batch, epochs=epochs, accumulate=parts)
        told: list[tuple[float, float]] = []
        began = time.perf_counter()
        fit(
            train,
            Grades(replace(self.experiment, fit=params)),
            on_epoch=lambda epoch: told.append((time.perf_counter(), epoch.seconds)),
            team=self.team,
            checkpoints=Checkpoints(self.folder / f"{epochs}", {}),
        )
        if not self.team.leads:
            return NOTHING
        (first_at, first_s), *later = told
        epoch_s = mean(seconds for _, seconds in later)
        saves_s = [b[0] - b[1] - a[0] for a, b in pairwise(told)]
        return Pace(
            clips=batch,
            load_s=0.0,
            warm_s=max(0.0, first_s - epoch_s),
            start_s=first_at - first_s - began,
            train_s=epoch_s / len(train.labels),
            look_s=0.0,
            save_s=mean(saves_s),
            encode_s=0.0,
            peak_bytes=0.0,
        )

    @property
    def _at_once(self) -> int:
        """The clips of a whole batch that go through a worker's model at once."""
        own = ceil(self.experiment.fit.batch / self.team.size)
        return ceil(own / self.experiment.fit.accumulate)

    @property
    def _copies(self) -> int:
        """How often each weight is kept: itself, what the optimiser has of it, its mean."""
        params = self.experiment.fit
        return 1 + MOMENTS[params.optimizer] + (params.ema is not None)

    def _more_bytes(self, grown: int, tried: int) -> float:
        """Return what a whole step needs beyond one of `tried` clips, by which memory grew.

        Weights, gradients and what the optimiser keeps do not grow with the clips.
        """
        with torch.device("meta"):
            model = build_experiment(self.experiment)
        weights = (self._copies + 1) * sum(p.nbytes for p in model.parameters())
        own = ceil(tried / self.team.size)
        return max(0.0, self._at_once / own - 1) * max(0, grown - weights)


def agree(value: float) -> float:
    """Return the largest of what the processes of the trial have, once all have come here."""
    if not dist.is_initialized():
        return value
    held = torch.tensor(value, dtype=torch.float64)
    dist.all_reduce(held, dist.ReduceOp.MAX)
    return float(held)


def _first(samples: Samples, count: int) -> Samples:
    return samples.take(torch.arange(min(count, len(samples.labels))))


def seconds(work: Callable[[], object]) -> float:
    """Return what `work` takes by the clock."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _peak_bytes(device: torch.device) -> int:
    """Return the most memory that this process has had, on its device."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    # What getrusage tells begins with the peak of the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
