"""`rostfine test`: the folds of a run, predicted again by its saved models."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from rostfine.errors import FoldError, InputError, TableError
from rostfine.evaluation.predict import predict_inputs
from rostfine.evaluation.statistics import over_folds
from rostfine.evaluation.tables import Truth, align, gather_truth
from rostfine.files import write_json, written_whole
from rostfine.metrics import evaluate_variant
from rostfine.progress import Advance, silent
from rostfine.published.flags import METRICS, Flags, split
from rostfine.published.places import RESULTS, SAMPLES, check_kfold
from rostfine.report.figures import Figure, drawing
from rostfine.schemas import CLIPS, FOLDS, GRADES, LABELS, PREDICTIONS, read_table
from rostfine.studies.held_out import held_out
from rostfine.training.folds import PREDICTIONS_FILE
from rostfine.training.saved import ModelSettings
from rostfine.variants import named_variant

DATA = Path("data")
Batch = tuple[Tensor, Tensor | None]


@dataclass(frozen=True)
class Tested:
    """Metrics by fold (rows) as the run's variant defines them, and the predictions behind them."""

    by_fold: pd.DataFrame
    truth: Truth
    predicted: Float[ndarray, "sample grade"]

    def texts(self) -> list[list[str]]:
        """Return headings and rows as people read them, mean ± sd over folds last."""
        rows = [
            [str(fold), *(f"{value:.4f}" for value in values)]
            for fold, values in zip(self.by_fold.index, self.by_fold.to_numpy(), strict=True)
        ]
        spreads = [over_folds(self.by_fold[name].to_numpy()) for name in self.by_fold]
        summary = ["mean ± sd", *(f"{found.mean:.4f} ± {found.sd:.4f}" for found in spreads)]
        return [["fold", *map(str, self.by_fold)], *rows, summary]


def predict_run(flags: Flags, load_dir: Path, settings: ModelSettings) -> Tested:
    """Predict every fold of the workspace that this stands in, by the model that did not see it.

    Raises FoldError if the run was trained on other folds than the workspace has.
    """
    metrics = split("--use-metrics", flags.use_metrics, METRICS)
    device = device_of(flags.device)
    clips = read_table(DATA / "clips.parquet", CLIPS)
    labels = read_table(DATA / "labels.parquet", LABELS)
    truth = gather_truth(labels, read_table(DATA / "folds.parquet", FOLDS), clips)
    check_kfold(flags.kfold, len(np.unique(truth.folds)))
    _refuse_other_folds(load_dir, truth)
    variant = named_variant(settings.experiment.variant)
    predicted = np.empty(truth.labels.shape)
    by_fold = {}
    for part in held_out(load_dir, clips, truth):
        batches = _on(device, part.batches(batch=flags.batch_size))
        predicted[part.rows] = predict_inputs(part.model.to(device), batches)
        found = evaluate_variant(predicted[part.rows], truth.labels[part.rows], variant)
        by_fold[int(truth.folds[part.rows[0]])] = _chosen(found, metrics)
    return Tested(pd.DataFrame(by_fold).T, truth, predicted)


def device_of(said: str) -> torch.device:
    """Return the device that --device means. Raises InputError for a GPU that is not there."""
    there = torch.cuda.is_available()
    if said in ("cuda", "gpu") and not there:
        raise InputError(f"--device: wanted {said}, but PyTorch finds no GPU; auto takes the CPU")
    return torch.device("cuda" if there and said != "cpu" else "cpu")


def write_tested(
    tested: Tested, out: Path, *, size_in: tuple[float, float], advance: Advance = silent
) -> None:
    """Write metrics.json and a picture of each sample into `out`, in place of earlier ones."""
    shutil.rmtree(out / SAMPLES, ignore_errors=True)
    by_fold = {str(fold): dict(row) for fold, row in tested.by_fold.iterrows()}
    write_json(out / RESULTS, by_fold)
    for row, sample_id in enumerate(tested.truth.sample_ids):
        figure = draw_sample(
            sample_id, tested.truth.labels[row], tested.predicted[row], size_in=size_in
        )
        with written_whole(out / SAMPLES / f"{sample_id}.png") as beside:
            beside.write_bytes(figure.png)
        advance()


def draw_sample(
    sample_id: str,
    true: Float[ndarray, " grade"],
    predicted: Float[ndarray, " grade"],
    *,
    size_in: tuple[float, float],
) -> Figure:
    """Draw the experts' distribution of a sample beside the predicted one."""
    places = np.arange(len(GRADES))
    with drawing(sample_id, *size_in) as (canvas, done):
        left, right = canvas.subplots(1, 2, sharey=True)
        for axes, values, title in ((left, true, "experts"), (right, predicted, "predicted")):
            axes.bar(places, values)
            axes.set_xticks(places, list(GRADES))
            axes.set(title=f"{sample_id}, {title}", ylim=(0, 1))
    return done(f"Grade distribution of {sample_id}: experts and predicted.")


def _refuse_other_folds(load_dir: Path, truth: Truth) -> None:
    """Tell a run on other folds: its models would be tested on clips that they learnt from."""
    predictions = read_table(load_dir / PREDICTIONS_FILE, PREDICTIONS)
    try:
        align(predictions, truth, load_dir.name)
    except TableError as error:
        raise FoldError(
            f"--load-dir: wanted a run on the folds of {DATA.resolve() / 'folds.parquet'}, got "
            f"{load_dir}, trained on other folds or clips; train again"
        ) from error


def _on(device: torch.device, batches: Iterable[Batch]) -> Iterator[Batch]:
    for clips, speeds in batches:
        yield clips.to(device), None if speeds is None else speeds.to(device)


def _chosen(found: Mapping[str, float], metrics: Sequence[str]) -> dict[str, float]:
    """Pick the metrics that are asked for; the accuracies of all ranks and their mean are one."""
    assert set(metrics) <= set(METRICS)
    ranks = [name for name in found if name.startswith("bacc_")]
    chosen = {name: found[name] for name in metrics if name != "balanced_acc"}
    if "balanced_acc" in metrics:
        chosen |= {name: found[name] for name in ranks}
        chosen["bacc_avg"] = float(np.mean([found[name] for name in ranks]))
    return chosen
