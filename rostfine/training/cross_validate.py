"""An experiment, from its settings to its run folder."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch

from rostfine.errors import InputError
from rostfine.files import write_json, written_whole
from rostfine.metrics import evaluate_variant
from rostfine.params import ExperimentParams, Params
from rostfine.progress import progress
from rostfine.schemas import FOLDS, GRADE_COLUMNS, LABELS, PREDICTIONS, read_table, write_table
from rostfine.training.data import load_training_data
from rostfine.training.epoch import StatusWatcher
from rostfine.training.fits import Fit
from rostfine.training.folds import PREDICTIONS_FILE, split_for
from rostfine.training.grades import start_model
from rostfine.training.jobs import Task
from rostfine.training.ray_train import train_fits
from rostfine.training.saved import ModelSettings
from rostfine.training.team import CPU
from rostfine.training.work import work_on
from rostfine.training.worker import GradeJob, load_for
from rostfine.variants import Variant, named_variant

logger = logging.getLogger(__name__)

METRICS_FILE: Final = "metrics.json"
WEIGHTS_REPORT: Final = "pretrained.txt"
WATCHED: Final = Path("data/weights")
CHOOSES_BEST_FOLD: Final = "emd"


def plan(workspace: Path, params: Params, name: str) -> list[Fit]:
    """List the fits of an experiment: one per fold, and one on all data if that is its final."""
    folds = read_table(workspace / "data" / "folds.parquet", FOLDS)["fold"].unique()
    todo: list[Fit] = [Fit(fold) for fold in sorted(folds.tolist())]
    return todo + [Fit(None)] * (params.experiments[name].final == "all_data")


def job_of(workspace: Path, params: Params, name: str) -> GradeJob:
    """Return what is to be trained, where: known by its settings, its data and the code."""
    settings = ModelSettings(name, "", "", params.experiments[name], params.tracking, params.clips)
    workspace = workspace.resolve()
    work = work_on(workspace, settings, workers_per_fold=params.training.workers_per_fold)
    return GradeJob(settings, settings.experiment.fit, params.training, work, workspace)


def prepare(job: GradeJob, todo: Sequence[Fit]) -> None:
    """Make the folder of a job, standing in its workspace, after what would fail in every worker.

    Raises FoldError for folds that cannot be trained on and InputError for settings that cannot.
    """
    experiment, workers = job.settings.experiment, job.training.workers_per_fold
    data = load_training_data(Path(), experiment.input.speed, keep=False)
    for fit in todo:
        split = split_for(fit, data, experiment)
        clips = min(int(split.train.sum()), experiment.fit.batch)
        if clips < workers:
            raise InputError(
                f"params.yaml: training.workers_per_fold: wanted at most {clips}, the clips of a "
                f"batch of {fit.folder}, got {workers}"
            )
        grades = set(data.samples.labels[split.held_out].argmax(dim=1).tolist())
        if len(grades) == 1:
            logger.warning("%s: all clips held out have one modal grade", fit.folder)
    if experiment.fit.freeze == "encoder" and experiment.model.pretrained is None:
        logger.warning("fit.freeze: the encoder is frozen with weights drawn at random")
    job.work.prepare()
    begun = [f"{fit} {epochs}" for fit, epochs in job.epochs_done(todo).items() if epochs]
    if begun:
        logger.info("goes on from checkpoints; epochs done: %s", ", ".join(begun))


def cross_validate(
    job: GradeJob, todo: Sequence[Fit], run_folder: Path, *, watcher: StatusWatcher | None = None
) -> dict[str, dict[str, float]]:
    """Do the fits of an experiment, fill `run_folder`, and return the metrics by fold.

    It stands in the job's workspace, which `prepare` has looked at. A run that was cut short is
    gone on from: finished fits are not repeated, others continue after their last finished epoch.

    Raises TrainingError with a line for each fit that failed, once all are done.
    """
    begin(job, run_folder)
    tasks = [Task(fit.folder, fit, job) for fit in todo]
    train_fits(tasks, job.training, watcher=watcher)
    return gather(job, todo, run_folder)


def begin(job: GradeJob, run_folder: Path) -> None:
    """Empty the run folder of a job, and do once what all of its fits would do."""
    # What an earlier run with other folds left there must not pass for a part of this one.
    shutil.rmtree(run_folder, ignore_errors=True)
    _load_once(job.settings.experiment, run_folder)
    _condense_once(job)


def gather(job: GradeJob, todo: Sequence[Fit], run_folder: Path) -> dict[str, dict[str, float]]:
    """Fill the run folder of an experiment from its fits, and return the metrics by fold."""
    experiment = job.settings.experiment
    for fit in todo:
        job.work.hand_over(fit, run_folder)
    held_out = [fit for fit in todo if fit.held_out is not None]
    parts = [read_table(run_folder / f.folder / PREDICTIONS_FILE, PREDICTIONS) for f in held_out]
    predictions = pd.concat(parts, ignore_index=True)
    write_table(run_folder / PREDICTIONS_FILE, predictions, PREDICTIONS)
    labels = read_table(Path("data/labels.parquet"), LABELS)
    by_fold = _metrics_by_fold(predictions, labels, named_variant(experiment.variant))
    write_json(run_folder / METRICS_FILE, by_fold.mean().to_dict())
    if experiment.final == "best_fold":
        best = Fit(int(np.asarray(by_fold.index)[by_fold[CHOOSES_BEST_FOLD].argmin()]))
        shutil.copytree(run_folder / best.folder, run_folder / Fit(None).folder)
    rows = zip(by_fold.index, by_fold.to_numpy(), strict=True)
    names = [str(metric) for metric in by_fold]
    return {Fit(fold).folder: dict(zip(names, row.tolist(), strict=True)) for fold, row in rows}


def _load_once(experiment: ExperimentParams, run_folder: Path) -> None:
    """Say what becomes of pretrained weights, before Ray starts and every fit loads them anew."""
    if experiment.model.pretrained is None:
        return
    report = start_model(experiment)[1]
    text = f"{experiment.model.pretrained}\n{report.text if report else ''}\n"
    logger.info("weights: %s", text.rstrip())
    if WATCHED not in Path(experiment.model.pretrained).parents:
        logger.warning("weights: outside of %s, where DVC does not see them change", WATCHED)
    with written_whole(run_folder / WEIGHTS_REPORT) as beside:
        beside.write_text(text)


def _condense_once(job: GradeJob) -> None:
    """Make the features of a frozen encoder, on which all fits are trained."""
    if job.settings.experiment.fit.freeze == "none":
        return
    clips = len(read_table(Path("data/folds.parquet"), FOLDS))
    with progress(f"{job.settings.experiment_name}, clips encoded", clips) as advance:
        load_for(job, _device_of(job), advance=advance)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _device_of(job: GradeJob) -> torch.device:
    gpu = torch.cuda.is_available() and job.training.device != "cpu"
    return torch.device("cuda") if gpu else CPU


def _metrics_by_fold(
    predictions: pd.DataFrame, labels: pd.DataFrame, variant: Variant
) -> pd.DataFrame:
    """Every metric in each fold, as the variant defines it: rows are folds."""
    columns = list(GRADE_COLUMNS)
    wanted = labels.set_index("sample_id").loc[predictions["sample_id"], columns]
    true, predicted = wanted.to_numpy(np.float64), predictions[columns].to_numpy(np.float64)
    fold = predictions["fold"].to_numpy()
    return pd.DataFrame(
        {k: evaluate_variant(predicted[fold == k], true[fold == k], variant) for k in set(fold)}
    ).T.sort_index()
