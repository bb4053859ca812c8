"""What a cross-validation will take: counted, and made of the pace that a short trial finds."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from heapq import heapreplace
from math import ceil
from pathlib import Path
from statistics import median_low
from typing import Final

import psutil
import torch
from torch.utils.flop_counter import FlopCounterMode

from rostfine.errors import InputError
from rostfine.models import build_experiment
from rostfine.models.outputs import Condensing
from rostfine.params import ExperimentParams, FitParams
from rostfine.training.data import TrainingData, load_training_data
from rostfine.training.fits import Fit
from rostfine.training.folds import split_for
from rostfine.training.pace import Pace
from rostfine.training.placement import Placement, place
from rostfine.training.trial import TRIAL_S, are_blank, try_out
from rostfine.training.worker import GradeJob

RAY_START_S: Final = 33.0
"""What Ray takes to start a trainer with its workers (25 s), and all to end."""
BUSY: Final = 0.5
"""Share of the CPUs that others may have without a word."""
TABLES: Final = ("clips", "labels", "folds")
QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True)
class Share:
    """How many clips a fit trains on, chooses its epoch by, and predicts."""

    train: int
    choose: int
    held_out: int


@dataclass(frozen=True)
class Flop:
    """Operations of a forward pass of one clip, two for each multiply-add."""

    encoder: int
    behind: int


@dataclass(frozen=True)
class Cost:
    """What the fits of an experiment will take from the start, with checkpoints and all.

    `share` is the median of the fits. `flop` and `steps` are those of all fits, `step_s` is that of
    a batch, `hours` begin when Ray is started, and `peak_bytes` are those of one worker.
    """

    experiment: str
    fits: int
    share: Share
    epochs: int
    steps: int
    flop_forward: int
    flop: int
    at_once: int
    workers_per_fold: int
    threads: int
    gpus: int
    step_s: float
    hours: float
    peak_bytes: int
    notes: tuple[str, ...]


def check_ready(workspace: Path) -> None:
    """Raise InputError naming the stage to run if there are no folds yet to train on."""
    for table in TABLES:
        path = workspace / "data" / f"{table}.parquet"
        if not path.exists():
            raise InputError(f"{path}: no such file; run 'dvc repro make_folds' first")


def estimate(job: GradeJob, todo: Sequence[Fit], *, trial_s: float = TRIAL_S) -> Cost:
    """Say what the fits of an experiment will take on this machine, after a trial.

    Its steps take about `trial_s`. Nothing of the workspace is changed.

    Raises what training would raise before it begins, and TrainingError if not even the trial
    comes to its end.
    """
    experiment, fits = job.settings.experiment, len(todo)
    data = load_training_data(job.workspace, experiment.input.speed, keep=False)
    shares = [_share_of(each, data, experiment) for each in todo]
    machine = this_machine()
    placement = place(fits, [machine], job.training)
    flop = count_flop(experiment)
    clips, busy = len(data.sample_ids), os.getloadavg()[0]
    pace = try_out(job, todo[0], placement, trial_s)
    usual = Share(*(median_low(counts) for counts in zip(*map(astuple, shares), strict=True)))
    return Cost(
        experiment=job.settings.experiment_name,
        fits=fits,
        share=usual,
        epochs=experiment.fit.epochs,
        steps=sum(count_steps(share, experiment.fit) for share in shares),
        flop_forward=flop.encoder + flop.behind,
        flop=whole_flop(flop, shares, experiment.fit, clips=clips),
        at_once=placement.at_once,
        workers_per_fold=placement.per_fit,
        threads=placement.cpus_per_worker,
        gpus=int(machine["GPU"]),
        step_s=pace.train_s * min(experiment.fit.batch, usual.train),
        hours=whole_s(pace, shares, experiment.fit, placement.at_once, clips=clips) / 3600,
        peak_bytes=round(pace.peak_bytes),
        notes=(*_notes(job, data, pace, placement), *_note_of(busy, machine["CPU"])),
    )


def count_steps(share: Share, params: FitParams) -> int:
    """Count the steps of a fit; the last of an epoch may have fewer clips."""
    return params.epochs * ceil(share.train / params.batch)


def count_flop(experiment: ExperimentParams) -> Flop:
    """Count what a forward pass of one clip takes, without doing it."""
    given, found = experiment.input, []
    with torch.device("meta"):
        model = build_experiment(experiment).eval()
        clip = torch.empty(1, 3, given.frames, given.image_px, given.image_px)
        speed = torch.empty(1) if given.speed else None
        assert isinstance(model, Condensing)
        with FlopCounterMode(display=False) as counter:
            condensed = model.condense(clip)
            found.append(counter.get_total_flops())
            model.predict_from(condensed, speed)
            found.append(counter.get_total_flops() - found[0])
    return Flop(*found)


def whole_flop(flop: Flop, shares: Sequence[Share], params: FitParams, *, clips: int) -> int:
    """Add up all fits: the way back takes twice the way forth, and looking only the way forth.

    A frozen encoder sees each of `clips` once; with `checkpoint_activations` it goes forth again.
    """
    frozen = params.freeze == "encoder"
    look = flop.behind if frozen else flop.encoder + flop.behind
    train = 3 * look
    if params.checkpoint_activations and not frozen:
        train += flop.encoder
    fits = sum(
        params.epochs * (share.train * train + share.choose * look) + share.held_out * look
        for share in shares
    )
    return fits + clips * flop.encoder * frozen


def whole_s(
    pace: Pace, shares: Sequence[Share], params: FitParams, at_once: int, *, clips: int
) -> float:
    """Return the seconds until the last fit is done; who is done with one takes the next."""
    free_s = [0.0] * at_once
    for share in shares:
        epoch_s = share.train * pace.train_s + share.choose * pace.look_s + pace.save_s
        # The model that is kept is written like a checkpoint.
        ends_s = pace.start_s + share.held_out * pace.look_s + pace.save_s
        heapreplace(free_s, free_s[0] + params.epochs * epoch_s + ends_s)
    return RAY_START_S + clips * pace.encode_s + pace.load_s + pace.warm_s + max(free_s)


def this_machine() -> Mapping[str, float]:
    """Return the CPUs and GPUs that Ray would find here."""
    cpus = os.cpu_count() or 1
    quota, period = (QUOTA.read_text() if QUOTA.exists() else "max 1").split()
    if quota != "max":
        cpus = min(cpus, max(1, int(quota) // int(period)))
    return {"CPU": float(cpus), "GPU": float(torch.cuda.device_count())}


def _share_of(todo: Fit, data: TrainingData, experiment: ExperimentParams) -> Share:
    split = split_for(todo, data, experiment)
    return Share(*(int(mask.sum()) for mask in (split.train, split.choose, split.held_out)))


def _notes(job: GradeJob, data: TrainingData, pace: Pace, placement: Placement) -> Iterator[str]:
    if os.environ.get("RAY_ADDRESS"):
        yield "tried on this machine, and counted as if it ran here, not on the cluster"
    if are_blank(data):
        yield "tried on blank clips, because none are cut yet; how fast they are read is unknown"
    if pace.clips < min(job.settings.experiment.fit.batch, len(data.sample_ids)):
        yield f"tried with steps of {pace.clips:.0f} clips, because whole ones take too long"
    there = psutil.virtual_memory().total
    if not placement.use_gpu and placement.workers * pace.peak_bytes > there:
        wanted = placement.workers * pace.peak_bytes
        yield (
            f"needs some {wanted / 2**30:.0f} GiB of memory, and there are "
            f"{there / 2**30:.0f}: fit.accumulate, fit.checkpoint_activations or "
            "training.folds_at_once spare some"
        )


def _note_of(busy: float, cpus: float) -> Iterator[str]:
    if busy > BUSY * cpus:
        yield (
            f"other work had {busy:.1f} of the {cpus:.0f} CPUs before the trial; the hours are "
            "those of a run that it is in the way of, too"
        )
