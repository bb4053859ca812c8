"""What the tables of several studies are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from rostfine.evaluation.comparison import SAMPLE
from rostfine.evaluation.definitions import BALANCED, METRIC_NAMES, SMALLER_IS_BETTER
from rostfine.evaluation.significance import pairwise
from rostfine.evaluation.tables import ZERO_R
from rostfine.evaluation.writing import EXPERTS
from rostfine.metrics import METRICS
from rostfine.studies.printed import Numbers
from rostfine.studies.results import Results
from rostfine.studies.tables import PaperTable, cell, make_table

METRIC_NOTES: Final = (
    "Mean ± standard deviation over folds",
    f"{ZERO_R} predicts the mean label of the other folds",
    f"{EXPERTS}: one half of the experts predicts the other half, over all clips",
)

MODEL_TITLES: Final[Mapping[str, str]] = {
    "vgg16": "VGG16",
    "resnet": "ResNet",
    "r3d": "R3D",
    "r2plus1d": "R(2+1)D",
    "x3d": "X3D",
    "i3d": "I3D",
    "slowfast": "SlowFast",
    "vivit": "ViViT",
    "timesformer": "TimeSformer",
    "rostfine": "RoSTFine",
}
"""The models of `params.yaml` as the papers write them."""

PAIR_TITLES: Final[Mapping[str, str]] = {
    "p": "p",
    "p_holm": "p, Holm",
    "d_z": "Cohen's d_z",
    "rank_biserial": "rank-biserial r",
}
PAIR_NOTES: Final = (
    "p: paired permutation test, clips of a patient exchanged together; Holm: corrected for the "
    "number of pairs; interval: bootstrap over patients",
)


@dataclass(frozen=True)
class Column:
    """How a metric is printed: its heading, what it is multiplied by, and its digits."""

    heading: str
    scale: float
    digits: int


def column_of(metric: str) -> Column:
    """Return how the papers print a metric: distances in units of 0.01, accuracies in per cent."""
    name = METRIC_NAMES[metric]
    if metric in BALANCED:
        return Column(f"{name} (%)", 100.0, 2)
    if metric in SMALLER_IS_BETTER:
        return Column(f"{name} (10⁻²)", 100.0, 3)
    return Column(f"{name} (%)", 100.0, 2)


def metric_table(
    results: Results,
    name: str,
    title: str,
    rows: Mapping[str, str],
    metrics: Sequence[str],
    *,
    printed: Numbers | None = None,
) -> PaperTable:
    """Make a table of metrics over folds: experiments of `rows` by their names there, and ZeroR.

    The experts' ceiling is its last row. `printed` are the paper's own numbers by experiment and
    metric, in the units of the table.
    """
    of_clips = results.summary[results.summary["level"] == SAMPLE]
    numbers: Any = of_clips.set_index(["experiment", "metric"])
    columns = {metric: column_of(metric) for metric in metrics}
    cells = []
    for experiment, label in {**present(rows, results), ZERO_R: ZERO_R}.items():
        for metric, column in columns.items():
            mean, sd = numbers.loc[(experiment, metric), ["mean", "sd"]] * column.scale
            paper = (printed or {}).get(experiment, {}).get(metric, ())
            cells.append(cell(label, column.heading, mean, sd, paper=paper))
    for metric, column in columns.items():
        ceiling = numbers.loc[(ZERO_R, metric), "ceiling"] * column.scale
        cells.append(cell(EXPERTS, column.heading, ceiling))
    digits = {column.heading: column.digits for column in columns.values()}
    return make_table(name, title, cells, digits, notes=METRIC_NOTES, corner="Model")


def present(rows: Mapping[str, str], results: Results) -> dict[str, str]:
    """Return those of `rows` that the study trained in its setting, and what was added to it."""
    added = {name: name for name in results.predictions if name not in rows}
    known = {name: label for name, label in rows.items() if name in results.predictions}
    return {**known, **added}


def label_models(results: Results) -> dict[str, str]:
    """Return what every experiment is called: its model, and the alpha of RoSTFine.

    Of experiments that would be called alike, each but the first is also called by its name.
    """
    labels = dict[str, str]()
    for name in results.predictions:
        experiment = results.study.experiments[name]
        label = MODEL_TITLES[experiment.model.name]
        if experiment.model.name == "rostfine":
            label += f", α = {experiment.loss.alpha:g}"
        labels[name] = f"{label} ({name})" if label in labels.values() else label
    return labels


def pairs_table(
    results: Results, name: str, metric: str, rows: Mapping[str, str] | None = None
) -> PaperTable:
    """Make a table of every two models: their difference in a distance, how sure, how large.

    `rows` says what experiments are called, where not by their names.
    """
    called = rows or {}
    values = {
        called.get(experiment, experiment): METRICS[metric](predicted, results.truth.labels)
        for experiment, predicted in results.predictions.items()
    }
    title = f"Every two models on the same clips, by {METRIC_NAMES[metric]}"
    return pairs_of(results, name, metric, values, title=title)


def pairs_of(
    results: Results,
    name: str,
    metric: str,
    values: Mapping[str, Float[ndarray, " sample"]],
    *,
    title: str,
) -> PaperTable:
    """Make a table of every two rows of `values`, by their names: a metric of every sample."""
    found = pairwise(values, results.truth.patients, results.rng(), draws=results.study.bootstrap)
    column = column_of(metric)
    heading = f"{column.heading}, difference [95 %]"
    cells = []
    for pair in found.to_dict("records"):
        row = f"{pair['model']} – {pair['other']}"
        apart = [pair[key] * column.scale for key in ("mean_difference", "low", "high")]
        cells.append(cell(row, heading, apart[0], limits=apart[1:]))
        for key, statistic in PAIR_TITLES.items():
            cells.append(cell(row, statistic, pair[key]))
    digits = {heading: column.digits, **dict.fromkeys(PAIR_TITLES.values(), 3)}
    better = "Negative" if metric in SMALLER_IS_BETTER else "Positive"
    notes = (f"{better}: the first is better", *PAIR_NOTES)
    return make_table(name, title, cells, digits, notes=notes, corner="Models")


def fold_values(results: Results, metric: str) -> pd.DataFrame:
    """Return a metric with a row per experiment (and ZeroR) and a column per fold."""
    of_metric = results.by_fold[results.by_fold["metric"] == metric]
    return of_metric.pivot(index="experiment", columns="fold", values="value")
