"""What the tables of several studies call things, and the units that they print."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from rostfine.evaluation.definitions import METRIC_NAMES
from rostfine.studies.results import Results

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

MARK: Final = "†"
"""Stands behind what a note below the table is about."""


DISTANCE: Final = ("10⁻²", 100.0, 3)
SHARE: Final = ("%", 100.0, 2)
UNITS: Final[Mapping[str, tuple[str, float, int]]] = {
    **dict.fromkeys(("mse", "js", "emd"), DISTANCE),
    "ce": ("nats", 1.0, 3),
    "grade_error": ("grades", 1.0, 3),
}
"""Unit, what numbers are multiplied by for it, and digits, of the metrics that are no shares."""


@dataclass(frozen=True)
class Column:
    """How a metric is printed: its heading, what it is multiplied by, and its digits."""

    heading: str
    scale: float
    digits: int


def column_of(metric: str) -> Column:
    """Return how a metric is printed: distances as in the papers, shares in per cent."""
    unit, scale, digits = UNITS.get(metric, SHARE)
    return Column(f"{METRIC_NAMES[metric]} ({unit})", scale, digits)


def mark_note(says: str, texts: Iterable[str]) -> tuple[str, ...]:
    """Return the note that says what MARK means, if any of `texts` has it."""
    return (f"{MARK} {says}",) if any(MARK in text for text in texts) else ()


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


def fold_values(results: Results, metric: str) -> pd.DataFrame:
    """Return a metric with a row per experiment (and ZeroR) and a column per fold."""
    of_metric = results.by_fold[results.by_fold["metric"] == metric]
    return of_metric.pivot(index="experiment", columns="fold", values="value")
