"""All experiments of a study, trained as one: they share one start of Ray Train."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import torch

from rostfine.errors import ParamsError
from rostfine.models import build_experiment
from rostfine.params import Params
from rostfine.studies.settings import Study
from rostfine.training.cross_validate import begin, gather, job_of, plan, prepare
from rostfine.training.fits import Fit
from rostfine.training.jobs import Task
from rostfine.training.live import Live
from rostfine.training.ray_train import train_fits
from rostfine.training.work import shared_work
from rostfine.training.worker import GradeJob


def train_study(params: Params, study: Study) -> None:
    """Train and predict every fold of every experiment of a study, standing in its workspace.

    A fit that was done before is not done again, be it by another study or the main graph.

    Raises ParamsError for models that cannot be, before any is trained, and TrainingError with a
    line for each fit that failed, once all are done.
    """
    check_models(study)
    (study.folder / "runs").mkdir(exist_ok=True)  # of a study that trains nothing, too
    jobs = {name: _job_of(params, study, name) for name in study.experiments}
    todo = {name: plan_folds(params, study, name) for name in jobs}
    for name, job in jobs.items():
        prepare(job, todo[name])
        begin(job, study.run_folder(name))
    tasks = _list_tasks(jobs, todo)
    epochs = {task.name: task.job.epochs for task in tasks}
    done = {task.name: task.epochs_done for task in tasks}
    with Live(study.name, epochs, done=done) as live:
        train_fits(tasks, params.training, watcher=live)
    for name, job in jobs.items():
        gather(job, todo[name], study.run_folder(name))


def check_models(study: Study) -> None:
    """Build every model without its weights, so that what cannot be is told before any is trained.

    Raises ParamsError with a line for each that cannot be built: the file, the key, what is wrong.
    """
    faults = []
    for name, experiment in study.experiments.items():
        try:
            with torch.device("meta"):
                build_experiment(experiment)
        except ParamsError as error:
            faults.append(f"{study.folder}/params.yaml: experiments.{name}.{error}")
    if faults:
        raise ParamsError.of_faults(faults)


def plan_folds(params: Params, study: Study, name: str) -> list[Fit]:
    """List the fits of an experiment: one for each fold."""
    whole = dataclasses.replace(params, experiments=study.experiments)
    return [fit for fit in plan(Path(), whole, name) if fit.held_out is not None]


def _job_of(params: Params, study: Study, name: str) -> GradeJob:
    # A study asks how good a model is, and wants no final one.
    experiment = dataclasses.replace(study.experiments[name], final="all_data")
    called = f"{study.name}.{name}"
    whole = dataclasses.replace(params, experiments={called: experiment})
    job = job_of(Path(), whole, called)
    return dataclasses.replace(job, work=shared_work(job.work, params.experiments))


def _list_tasks(jobs: Mapping[str, GradeJob], todo: Mapping[str, list[Fit]]) -> list[Task]:
    """List each fit once, even where two experiments are the same."""
    tasks = dict[Path, Task]()
    for name, job in jobs.items():
        for fit in todo[name]:
            tasks.setdefault(job.work.of(fit), Task(f"{name}/{fit.folder}", fit, job))
    return list(tasks.values())
