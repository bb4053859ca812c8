"""`rostfine test`: the folds of a run, predicted again by its saved models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from rostfine.errors import InputError
from rostfine.evaluation.predict import predict_inputs
from rostfine.evaluation.statistics import over_folds
from rostfine.evaluation.tables import Truth, gather_truth
from rostfine.files import write_json, written_whole
from rostfine.metrics import evaluate_variant
from rostfine.progress import Advance, silent
from rostfine.published.flags import METRICS, NAMES
from rostfine.report.figures import Figure, drawing
from rostfine.schemas import CLIPS, FOLDS, GRADES, LABELS, read_table
from rostfine.studies.held_out import held_out
from rostfine.training.fits import Fit
from rostfine.training.saved import ModelSettings, read_settings
from rostfine.variants import named_variant

DATA = Path("data")


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


def check_run(
    load_dir: Path, *, model_name: str | None, use_feat: Sequence[str] | None
) -> ModelSettings:
    """Return the settings of a run. Raises InputError where it is of another model than said."""
    settings = read_settings(load_dir / Fit(0).folder)
    model = settings.experiment.model
    if model_name is not None and NAMES.get(model_name, ("",))[0] != model.name:
        raise InputError(f"--model-name: {load_dir} holds a {model.name}, got {model_name!r}")
    held = getattr(model, "use_feat", ("g",))
    if use_feat is not None and set(use_feat) != set(held):
        names = "+".join(f"v{name}" for name in held)
        raise InputError(f"--use-feat: {load_dir} was trained with {names}, got other features")
    return settings


def predict_run(
    load_dir: Path, settings: ModelSettings, metrics: Sequence[str], *, batch: int
) -> Tested:
    """Predict every fold of the workspace that this stands in, by the model that did not see it."""
    clips = read_table(DATA / "clips.parquet", CLIPS)
    labels = read_table(DATA / "labels.parquet", LABELS)
    truth = gather_truth(labels, read_table(DATA / "folds.parquet", FOLDS), clips)
    predicted = np.empty(truth.labels.shape)
    by_fold = {}
    for part in held_out(load_dir, clips, truth):
        predicted[part.rows] = predict_inputs(part.model, part.batches(batch=batch))
        found = evaluate_variant(
            predicted[part.rows],
            truth.labels[part.rows],
            named_variant(settings.experiment.variant),
        )
        by_fold[int(truth.folds[part.rows[0]])] = _chosen(found, metrics)
    return Tested(pd.DataFrame(by_fold).T, truth, predicted)


def write_tested(
    tested: Tested, out: Path, *, size_in: tuple[float, float], advance: Advance = silent
) -> None:
    """Write metrics.json and a picture of each sample into `out`."""
    by_fold = {str(fold): dict(row) for fold, row in tested.by_fold.iterrows()}
    write_json(out / "metrics.json", by_fold)
    for row, sample_id in enumerate(tested.truth.sample_ids):
        figure = draw_sample(
            sample_id, tested.truth.labels[row], tested.predicted[row], size_in=size_in
        )
        with written_whole(out / "samples" / f"{sample_id}.png") as beside:
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


def _chosen(found: Mapping[str, float], metrics: Sequence[str]) -> dict[str, float]:
    """Pick the metrics that are asked for; the accuracies of all ranks and their mean are one."""
    assert set(metrics) <= set(METRICS)
    ranks = [name for name in found if name.startswith("bacc_")]
    chosen = {name: found[name] for name in metrics if name != "balanced_acc"}
    if "balanced_acc" in metrics:
        chosen |= {name: found[name] for name in ranks}
        chosen["bacc_avg"] = float(np.mean([found[name] for name in ranks]))
    return chosen
