"""What the machinery around the training loop costs: `python benchmarks/training_overhead.py`.

One run on blank clips as 492 of 615 are: an epoch of the tiny model inside Ray Train, with
checkpoints, curves and posts, against a bare loop in this process on as many threads; the same five
folds in all, one after another in a plain process and through the machinery; the memory of the
driver as folds end; and what `rostfine cost` said before.
"""

import argparse
import dataclasses
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import torch

from rostfine.clips.augment import augment, draw
from rostfine.clips.transforms import to_input
from rostfine.losses import objective
from rostfine.models import build_experiment
from rostfine.params import Params, load_params
from rostfine.schemas import CLIPS, FOLDS, GRADES, LABELS, write_table
from rostfine.training.cost import estimate
from rostfine.training.cross_validate import cross_validate, job_of, plan, prepare
from rostfine.training.data import load_training_data
from rostfine.training.epoch import Epoch, Status
from rostfine.training.optim import make_optimizer, make_schedule

ROOT = Path(__file__).parents[1]
CLIP_COUNT = 615
NAME = "rostfine"


def make_workspace(folder: Path) -> None:
    """Write clips of noise, labels, and folds of 123 clips, as the stages before would."""
    rng = np.random.default_rng(0)
    names = [f"s{i:03}" for i in range(CLIP_COUNT)]
    (folder / "data/clips").mkdir(parents=True)
    for name in names:
        frames = rng.integers(0, 256, (16, 150, 150, 3), dtype=np.uint8)
        np.savez(folder / "data/clips" / f"{name}.npz", frames=frames)
    kinds = {"text": "x", "number": 1.0, "integer": 1}
    clips = pd.DataFrame({k: [kinds[v]] * CLIP_COUNT for k, v in CLIPS.columns.items()})
    clips = clips.assign(sample_id=names, patient_id=names, status="ok")
    write_table(folder / "data/clips.parquet", clips, CLIPS)
    p = rng.dirichlet(np.ones(5), CLIP_COUNT)
    labels = pd.DataFrame(p, columns=[f"p_{grade}" for grade in GRADES])
    labels = labels.assign(sample_id=names, n_votes=40, mode="C", mean=2.0, sd=1.0)
    write_table(folder / "data/labels.parquet", labels.assign(entropy=1.0, agreement=0.5), LABELS)
    folds = pd.DataFrame({"sample_id": names, "fold": np.arange(CLIP_COUNT) % 5})
    write_table(folder / "data/folds.parquet", folds, FOLDS)


def params_for(epochs: int) -> Params:
    """Return the small preset, whose last epoch is kept, with so many epochs."""
    params = load_params(ROOT / "params.small.yaml")
    experiment = params.experiments[NAME]
    fit = dataclasses.replace(experiment.fit, epochs=epochs, choose_epoch="last")
    experiment = dataclasses.replace(experiment, fit=fit, final="best_fold")
    return dataclasses.replace(params, experiments={NAME: experiment})


def train_bare(params: Params, held_out: int, threads: int) -> list[float]:
    """Train one fold as a script would; return the seconds of each epoch."""
    torch.set_num_threads(threads)
    experiment = params.experiments[NAME]
    data = load_training_data(Path())
    rows = torch.from_numpy(np.flatnonzero(data.folds != held_out))
    frames, labels = data.samples.frames[rows], data.samples.labels[rows]
    torch.manual_seed(experiment.fit.seed)
    generator = torch.Generator().manual_seed(experiment.fit.seed)
    model = build_experiment(experiment)
    optimizer = make_optimizer(model, experiment.fit)
    steps = -(-len(rows) // experiment.fit.batch)
    schedule = make_schedule(optimizer, experiment.fit, steps)
    model.train()
    seconds = []
    for _ in range(experiment.fit.epochs):
        started = time.perf_counter()
        for some in torch.randperm(len(rows), generator=generator).split(experiment.fit.batch):
            clips = to_input(frames[some], experiment.input)
            how = experiment.fit.augment
            clips = augment(clips, draw(len(some), how, generator), how)
            optimizer.zero_grad()
            loss = objective(model(clips, None), labels[some], experiment.loss).total
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), experiment.fit.clip_norm)
            optimizer.step()
            schedule.step()
            loss.item()
        seconds.append(time.perf_counter() - started)
    return seconds


class Watch:
    """Notes when epochs end, and how much memory the driver has as fits end."""

    def __init__(self) -> None:
        self.ends: dict[str, list[float]] = {}
        self.mib: list[float] = []

    def epoch(self, fit: str, epoch: Epoch) -> None:
        """Note when an epoch ended."""
        self.ends.setdefault(fit, []).append(time.perf_counter())

    def status(self, fit: str, status: Status, note: str = "") -> None:
        """Note the memory as a fit ends."""
        if status == "done":
            self.mib.append(psutil.Process().memory_info().rss / 2**20)

    def between(self) -> list[float]:
        """Return the seconds from the end of one epoch to the end of the next."""
        return [b - a for ends in self.ends.values() for a, b in zip(ends, ends[1:], strict=False)]


def main() -> None:
    """Print each claim with its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--bare", type=int, nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.bare:
        params = params_for(args.epochs)
        print(*(s for fold in args.bare for s in train_bare(params, fold, args.threads)))
        return
    with tempfile.TemporaryDirectory(prefix="rostfine-") as name:
        folder = Path(name)
        make_workspace(folder)
        os.chdir(folder)

        compare_epochs(args.epochs)
        compare_folds(args.epochs)


def compare_epochs(epochs: int) -> None:
    """Train one fold on one thread, bare before and after, and inside."""
    params = params_for(epochs)
    alone = dataclasses.replace(params.training, folds_at_once=1)
    bare = run_bare(epochs, [0], 1)[1:]
    watch, _ = run_inside(dataclasses.replace(params, training=alone), first=1, threads=1)
    bare += run_bare(epochs, [0], 1)[1:]
    loop, inside = statistics.median(bare), statistics.median(watch.between())
    count = CLIP_COUNT * 4 // 5
    print(f"an epoch of {count} clips on one thread: bare {loop:.2f} s, inside {inside:.2f} s")
    print(f"ratio {inside / loop:.3f}")


def compare_folds(epochs: int) -> None:
    """Train all folds, in one plain process and through the machinery."""
    params, cpus = params_for(epochs), os.cpu_count() or 1
    said_s = 3600 * estimate(job_of(Path(), params, NAME), plan(Path(), params, NAME)).hours
    watch, through_s = run_inside(params)
    started = time.perf_counter()
    run_bare(epochs, range(5), cpus)
    plain_s = time.perf_counter() - started
    print(f"five folds of {epochs} epochs: in one plain process on {cpus} threads {plain_s:.0f} s")
    print(f"through the machinery {through_s:.0f} s, {through_s - plain_s:+.0f} s")
    print("MiB of the driver as folds ended: " + ", ".join(f"{m:.0f}" for m in watch.mib))
    print(f"rostfine cost said {said_s:.0f} s, {said_s / through_s:.2f} of what it took")


def run_bare(epochs: int, folds: Iterable[int], threads: int) -> list[float]:
    """Train folds in a fresh process; return the seconds of all epochs."""
    command = [sys.executable, __file__, "--epochs", str(epochs), "--threads", str(threads)]
    command += ["--bare", *map(str, folds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def run_inside(
    params: Params, *, first: int | None = None, threads: int | None = None
) -> tuple[Watch, float]:
    """Cross-validate the first folds, or all; return what was seen, and the seconds in all."""
    shutil.rmtree("checkpoints", ignore_errors=True)
    job = job_of(Path(), params, NAME)
    todo = plan(Path(), params, NAME)[:first]
    prepare(job, todo)
    if threads:
        job.work.threads(threads)
    watch, started = Watch(), time.perf_counter()
    cross_validate(job, todo, Path("runs") / NAME, watcher=watch)
    return watch, time.perf_counter() - started


if __name__ == "__main__":
    main()
