"""An experiment, from its settings to its run folder."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from rostfine.files import write_json, written_whole
from rostfine.metrics import evaluate_variant
from rostfine.params import ExperimentParams, Params
from rostfine.progress import Advance, silent
from rostfine.schemas import FOLDS, GRADE_COLUMNS, LABELS, PREDICTIONS, read_table, write_table
from rostfine.training.folds import PREDICTIONS_FILE, Fit
from rostfine.training.loop import start_model
from rostfine.training.ray_train import train_fits
from rostfine.training.saved import ModelSettings
from rostfine.variants import Variant, named_variant

logger = logging.getLogger(__name__)

METRICS_FILE = "metrics.json"
WEIGHTS_REPORT = "pretrained.txt"
WATCHED = Path("data/weights")
CHOOSES_BEST_FOLD = "emd"


def plan(workspace: Path, params: Params, name: str) -> list[Fit]:
    """List the fits of an experiment: one per fold, and one on all data if that is its final."""
    folds = read_table(workspace / "data" / "folds.parquet", FOLDS)["fold"].unique()
    todo: list[Fit] = [Fit(fold) for fold in sorted(folds.tolist())]
    return todo + [Fit(None)] * (params.experiments[name].final == "all_data")


def cross_validate(
    workspace: Path,
    params: Params,
    name: str,
    todo: Sequence[Fit],
    *,
    advance: Advance = silent,
) -> None:
    """Do the fits of experiment `name` and fill `runs/<name>`; `advance` is called for each epoch.

    Raises TrainingError with a line for each fit that failed.
    """
    experiment = params.experiments[name]
    run_folder = workspace / "runs" / name
    # What an earlier run with other folds left there must not pass for a part of this one.
    shutil.rmtree(run_folder, ignore_errors=True)
    _load_once(experiment, run_folder)
    train_fits(
        todo,
        ModelSettings(name, "", experiment, params.tracking, params.clips),
        workspace=workspace,
        run_folder=run_folder,
        max_at_once=params.cross_validate.max_folds_in_flight,
        advance=advance,
    )
    held_out = [fit for fit in todo if fit.held_out is not None]
    parts = [read_table(run_folder / f.folder / PREDICTIONS_FILE, PREDICTIONS) for f in held_out]
    predictions = pd.concat(parts, ignore_index=True)
    write_table(run_folder / PREDICTIONS_FILE, predictions, PREDICTIONS)
    labels = read_table(workspace / "data/labels.parquet", LABELS)
    by_fold = _metrics_by_fold(predictions, labels, named_variant(experiment.variant))
    write_json(run_folder / METRICS_FILE, by_fold.mean().to_dict())
    if experiment.final == "best_fold":
        best = Fit(int(np.asarray(by_fold.index)[by_fold[CHOOSES_BEST_FOLD].argmin()]))
        shutil.copytree(run_folder / best.folder, run_folder / Fit(None).folder)


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
