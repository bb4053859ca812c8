"""A short trial of an experiment's training: what it takes for each clip, epoch and fit.

It does in processes of its own what the workers of the run will do: as many of them at once,
because they share memory and caches, on as many threads each, with the training loop itself on
clips of the workspace, checkpoints and all.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from itertools import pairwise
from math import ceil
from pathlib import Path
from statistics import fmean, mean
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from rostfine.clips.dataset import ClipFiles
from rostfine.errors import RostfineError, TrainingError
from rostfine.memory import keep_freed_memory
from rostfine.models import build_experiment
from rostfine.models.outputs import Condensing
from rostfine.params import ExperimentParams
from rostfine.training.checkpoint import Checkpoints
from rostfine.training.data import Samples, TrainingData, load_training_data
from rostfine.training.fits import FOLDER, Fit
from rostfine.training.folds import split_for
from rostfine.training.frozen import condense_clips
from rostfine.training.grades import Grades
from rostfine.training.loop import fit
from rostfine.training.placement import Placement
from rostfine.training.team import CPU, Team, join_team
from rostfine.training.worker import GradeJob, load_for

TRIAL_S: Final = 30.0
"""What the steps of a trial may take; two are done all the same, if need be of fewer clips."""
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


def are_blank(data: TrainingData) -> bool:
    """Tell whether no clips are cut yet, so that blank ones stand in for them."""
    frames = data.samples.frames
    return isinstance(frames, ClipFiles) and not frames.paths[0].exists()


def try_out(job: GradeJob, todo: Fit, placement: Placement, trial_s: float) -> Pace:
    """Let as many processes try the fit as share this machine; return the mean of their paces."""
    # Each GPU has its worker for itself; CPU fits get into each other's way.
    world = placement.per_fit if placement.use_gpu else placement.workers
    folder = job.workspace / FOLDER
    folder.mkdir(exist_ok=True)
    with (
        TemporaryDirectory(dir=folder, prefix=".trial-") as own,
        ProcessPoolExecutor(world, multiprocessing.get_context("spawn")) as pool,
    ):
        given = (job, todo, placement, _Terms(world, trial_s, Path(own)))
        tries = [pool.submit(_try, rank, *given) for rank in range(world)]
        # Where one fails, others fail because it is gone; its own words are the first choice.
        failed = [error for error in (done.exception() for done in tries) if error is not None]
        for error in sorted(failed, key=lambda error: not isinstance(error, RostfineError)):
            raise _as_failure(job.settings.experiment_name, error, world) from None
        paces = [pace for pace in (done.result() for done in tries) if pace is not None]
    return Pace(*(fmean(values) for values in zip(*map(astuple, paces), strict=True)))


def _as_failure(name: str, error: BaseException, world: int) -> BaseException:
    """Say what a trial that ended in `error` means for the run."""
    if isinstance(error, BrokenProcessPool):
        why = f"ended from outside; {world} workers may need more memory than there is"
        return TrainingError(f"{name}: the trial was {why}, and so may the run")
    if isinstance(error, RuntimeError):  # torch tells of a full memory by RuntimeError
        return TrainingError(f"{name}: the trial failed, as the run would: {error}")
    return error


@dataclass(frozen=True)
class _Terms:
    """How many processes try for how long, and the folder where they meet and write."""

    world: int
    trial_s: float
    folder: Path


def _try(rank: int, job: GradeJob, todo: Fit, placement: Placement, terms: _Terms) -> Pace | None:
    """What each process of the trial does; those that lead a team tell their pace."""
    keep_freed_memory()
    os.chdir(job.workspace)
    device = torch.device("cuda", rank) if placement.use_gpu else CPU
    with _together(rank, terms.world, terms.folder / "meeting"):
        team = join_team(placement.per_fit, device)
        experiment = job.settings.experiment
        began = time.perf_counter()
        data = _load(job, device, sharers=placement.workers)
        load_s = time.perf_counter() - began
        samples, encode_s = data.samples, 0.0
        if experiment.fit.freeze == "encoder":
            encode_s = _time_encoding(samples, experiment) if rank == 0 else 0.0
            samples = replace(samples, frames=_features(len(samples.labels), experiment))
        # Those that encode have the machine for themselves.
        encode_s = _agree(encode_s)
        torch.set_num_threads(placement.cpus_per_worker)
        split = split_for(todo, data, experiment)
        trial = _Trial(experiment, team, terms.folder / f"{rank}")
        train = samples.take(torch.from_numpy(np.flatnonzero(split.train)))
        pace = trial.pace(train, terms.trial_s, chooses=bool(split.choose.any()))
        return replace(pace, load_s=load_s, encode_s=encode_s) if team.leads else None


@contextmanager
def _together(rank: int, world: int, meeting: Path) -> Iterator[None]:
    """Let the processes of the trial speak to each other, as Ray Train lets its workers."""
    if world > 1:
        # To gather small numbers gloo is enough; teams on GPUs want nccl.
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        where = f"file://{meeting.resolve()}"
        dist.init_process_group(backend, init_method=where, rank=rank, world_size=world)
    try:
        yield
    finally:
        if world > 1:
            dist.destroy_process_group()


def _agree(value: float) -> float:
    """Return the largest of what the processes of the trial have, once all have come here."""
    if not dist.is_initialized():
        return value
    held = torch.tensor(value, dtype=torch.float64)
    dist.all_reduce(held, dist.ReduceOp.MAX)
    return float(held)


def _load(job: GradeJob, device: torch.device, *, sharers: int) -> TrainingData:
    """Load the clips as a worker does, or, where there are none yet, blank ones."""
    experiment, cut = job.settings.experiment, job.settings.clips
    data = load_training_data(Path(), experiment.input.speed, keep=False)
    if are_blank(data):
        blank = torch.zeros(1, cut.frames, cut.size_px, cut.size_px, 3, dtype=torch.uint8)
        frames = blank.expand(len(data.sample_ids), -1, -1, -1, -1)
        return replace(data, samples=replace(data.samples, frames=frames))
    if experiment.fit.freeze == "encoder":
        return data
    return load_for(job, device, sharers=sharers)


def _time_encoding(samples: Samples, experiment: ExperimentParams) -> float:
    """Return the seconds for each clip, read and encoded, on all CPUs or a GPU."""
    device = torch.device("cuda") if torch.cuda.is_available() else CPU
    model, frames = build_experiment(experiment), samples.frames

    def encode(count: int) -> None:
        rows = torch.arange(count) % len(samples.labels)
        clips = frames[rows] if isinstance(frames, Tensor) else frames.read(rows)
        condense_clips(model, clips, experiment.input, device=device)

    first_s = _seconds(lambda: encode(1))
    if first_s > LONG_S:
        return first_s
    count = min(64, max(1, int(LONG_S / first_s)))
    return _seconds(lambda: encode(count)) / count


def _features(count: int, experiment: ExperimentParams) -> Tensor:
    """Make up features of as many clips, as an encoder's last norm leaves them."""
    given = experiment.input
    with torch.device("meta"):
        model = build_experiment(experiment)
        assert isinstance(model, Condensing)
        shape = model.condense(torch.empty(1, 3, given.frames, given.image_px, given.image_px))
    return torch.randn(count, *shape.shape[1:])


class _Trial:
    """The training loop on some clips, by the clock; `folder` is for its checkpoints."""

    def __init__(self, experiment: ExperimentParams, team: Team, folder: Path) -> None:
        self.experiment, self.team, self.folder = experiment, team, folder

    def pace(self, train: Samples, trial_s: float, *, chooses: bool) -> Pace:
        """Look at a few clips, then do two steps, then epochs for as long as time allows."""
        params, clips = self.experiment.fit, len(train.labels)
        batch = min(params.batch, clips)
        look_s = _agree(self._time_look(_first(train, 1)))
        # A step goes forth and back, which is three looks, and two are done.
        tried = min(batch, max(int(trial_s / (6 * look_s)), self.team.size))
        if tried == batch:
            look_s = self._time_look(_first(train, batch))
        before = _peak_bytes(self.team.device)
        first = pace = self._run(_first(train, tried), tried, epochs=2)
        more = self._more_bytes(_peak_bytes(self.team.device) - before, tried)
        again_s = first.warm_s if params.compile else 0.0
        step_s = max(_agree(first.train_s) * batch, 1e-6)
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

        found_s = _seconds(look)
        if found_s < LONG_S:
            times = max(3, min(50, int(1 / found_s)))
            found_s = _seconds(lambda: look(times)) / times
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


def _first(samples: Samples, count: int) -> Samples:
    return samples.take(torch.arange(min(count, len(samples.labels))))


def _seconds(work: Callable[[], object]) -> float:
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
