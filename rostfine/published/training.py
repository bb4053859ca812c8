"""`rostfine train`: the folds of a workspace, trained into a folder of their own."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import torch

from rostfine.models import build_experiment
from rostfine.params import ExperimentParams, load_params
from rostfine.published.places import check_kfold
from rostfine.training.cross_validate import cross_validate, job_of, plan, prepare
from rostfine.training.epoch import Watchers
from rostfine.training.fits import PROGRESS
from rostfine.training.live import Live
from rostfine.training.work import only_one

Device = Literal["auto", "cpu", "gpu"]


def train(
    experiment: ExperimentParams,
    name: str,
    out: Path,
    *,
    device: Device,
    folds: int | None,
) -> Path:
    """Cross-validate in the workspace that this stands in; return the new folder of its run.

    It is `out`/<name>/<time>. Raises InputError if the workspace has other folds than wanted, and
    ParamsError if the parts of the model do not fit each other.
    """
    with torch.device("meta"):
        build_experiment(experiment)  # what cannot be built is told before anything is started
    called = f"train.{name}"
    params = load_params(Path("params.yaml"))
    params = replace(
        params,
        experiments={called: experiment},
        training=replace(params.training, device=device),
    )
    todo = plan(Path(), params, called)
    check_kfold(folds, len(todo))
    run_folder = out / name / f"{datetime.now():%Y%m%d_%H%M%S}"
    with only_one(Path(), "rostfine train"):
        job = job_of(Path(), params, called)
        prepare(job, todo)
        fits = {fit.folder: experiment.fit.epochs for fit in todo}
        with Live(name, fits, done=job.epochs_done(todo), told=job.work.folder / PROGRESS) as live:
            cross_validate(job, todo, run_folder, watcher=Watchers(live))
    return run_folder
