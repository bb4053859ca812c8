"""A short trial of an experiment's training: what it takes for each clip, epoch and fit.

It does in processes of its own what the workers of the run will do: as many of them at once,
because they share memory and caches, on as many threads each, with the training loop itself on
clips of the workspace, checkpoints and all.
"""

import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from statistics import fmean
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
from rostfine.training.data import Samples, TrainingData, load_training_data
from rostfine.training.fits import FOLDER, Fit
from rostfine.training.folds import split_for
from rostfine.training.frozen import condense_clips
from rostfine.training.pace import LONG_S, Pace, Trial, agree, seconds
from rostfine.training.placement import Placement
from rostfine.training.team import CPU, join_team
from rostfine.training.worker import GradeJob, load_for

TRIAL_S: Final = 30.0
"""What the steps of a trial may take; two are done all the same, if need be of fewer clips."""


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
        encode_s = agree(encode_s)
        torch.set_num_threads(placement.cpus_per_worker)
        split = split_for(todo, data, experiment)
        trial = Trial(experiment, team, terms.folder / f"{rank}")
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

    first_s = seconds(lambda: encode(1))
    if first_s > LONG_S:
        return first_s
    count = min(64, max(1, int(LONG_S / first_s)))
    return seconds(lambda: encode(count)) / count


def _features(count: int, experiment: ExperimentParams) -> Tensor:
    """Make up features of as many clips, as an encoder's last norm leaves them."""
    given = experiment.input
    with torch.device("meta"):
        model = build_experiment(experiment)
        assert isinstance(model, Condensing)
        shape = model.condense(torch.empty(1, 3, given.frames, given.image_px, given.image_px))
    return torch.randn(count, *shape.shape[1:])
