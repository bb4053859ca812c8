"""The page: what is told, in which order, from tables and frames that a stage has read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from jaxtyping import Float, UInt8
from markupsafe import Markup
from numpy import ndarray

from rostfine.evaluation.comparison import BETTER, PATIENT, SAMPLE, UNDECIDED, WORSE
from rostfine.evaluation.definitions import (
    BALANCED,
    GROUPS,
    METRIC_NAMES,
    SMALLER_IS_BETTER,
)
from rostfine.evaluation.tables import ZERO_R
from rostfine.evaluation.writing import EXPERTS
from rostfine.metrics import METRICS
from rostfine.report import figures
from rostfine.report.templates import fill
from rostfine.schemas import GRADES, OK

SIGNS: Final[Mapping[str, str]] = {BETTER: "▲", WORSE: "▼", UNDECIDED: "◦"}
DIGITS: Final = {name: 4 if name in SMALLER_IS_BETTER else 3 for name in METRIC_NAMES}
OF_PATIENTS: Final = (*figures.HEADLINE, "grade_error", "hi", "accuracy")
BY_FOLD: Final = (*figures.HEADLINE, "hi", "accuracy", *BALANCED)
OPEN_GROUPS: Final = 3
"""So many groups of metrics are seen at once, the others are folded up."""


@dataclass(frozen=True)
class Sample:
    """A clip with its experts' distribution and the one predicted out of fold."""

    sample_id: str
    patient_id: str
    frames: UInt8[ndarray, "frame row col chan"]
    true: Float[ndarray, " grade"]
    predicted: Float[ndarray, " grade"]


@dataclass(frozen=True)
class Explained:
    """A picture of where a model looked, and how dense its attention was in the clip's middle."""

    experiment: str
    sample_id: str
    middle_ratio: float
    png: bytes


@dataclass(frozen=True)
class ReportData:
    """All that the page is made of; `experiment` is the registered one, `gate` is decision.json."""

    experiment: str
    facts: Mapping[str, str]
    gate: Mapping[str, Any]
    as_of: str
    clips: pd.DataFrame
    labels: pd.DataFrame
    votes: int
    experts: int
    summary: pd.DataFrame
    fold_metrics: pd.DataFrame
    histories: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]
    true: Float[ndarray, "sample grade"]
    predicted: Float[ndarray, "sample grade"]
    samples: Sequence[Sample]
    explained: Sequence[Explained]


@dataclass(frozen=True)
class Page:
    """The page, and the figures in it."""

    html: str
    figures: tuple[figures.Figure, ...]


def render_page(data: ReportData) -> Page:
    """Draw the figures and fill the template."""
    drawn = (
        figures.draw_gaps(data.summary),
        figures.draw_learning(data.histories),
        figures.draw_labels(data.labels, data.predicted),
        figures.draw_expected(data.true, data.predicted),
    )
    html = fill(
        "template.html.j2",
        data=data,
        figures={figure.name: {"svg": Markup(figure.svg), "says": figure.says} for figure in drawn},
        counts=_counts(data),
        gate=_gate(data.gate),
        headline=_headline(data),
        summaries=_summaries(data),
        open_groups=OPEN_GROUPS,
        folds=_folds(data.fold_metrics),
        fold_metrics=[METRIC_NAMES[metric] for metric in BY_FOLD],
        samples=[_sample(sample) for sample in data.samples],
        explained=[_explained(one) for one in data.explained],
    )
    return Page(html, drawn)


def pick_evenly(distance: Float[ndarray, " sample"], count: int) -> list[int]:
    """Choose `count` samples evenly from the best predicted to the worst, so as not to flatter."""
    order = np.argsort(distance, kind="stable")
    ranks = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    return [int(row) for row in order[ranks]]


def _counts(data: ReportData) -> list[tuple[str, str]]:
    status = data.clips["status"].value_counts()
    lost, failed = int(status.get("lost", 0)), int(status.get("failed", 0))
    counted = {
        "videos": data.clips["video_id"].nunique(),
        "patients": data.clips["patient_id"].nunique(),
        "clips": int(status.get(OK, 0)),
        "lost on the way": lost,
        "failed": failed,
        "labelled clips": len(data.labels),
        "votes": data.votes,
        "experts": data.experts,
    }
    return [(name, f"{count:,}") for name, count in counted.items()]


def _gate(said: Mapping[str, Any]) -> dict[str, Any]:
    """Tell what became of the challenger, and how all models do on the same clips."""
    against = f"version {said['champion']}" if said["champion"] else "no champion"
    passed = said["verdict"] == "passed"
    models = said["metrics"]
    shown = [metric for metric in METRIC_NAMES if all(metric in of for of in models.values())]
    return {
        "says": f"Version {said['challenger']} of {said['name']} against {against}: "
        f"{said['verdict']}",
        "sign_class": BETTER if passed else WORSE,
        "metrics": [METRIC_NAMES[metric] for metric in shown],
        "models": [
            (name, [f"{of[metric]:.{DIGITS[metric]}f}" for metric in shown])
            for name, of in models.items()
        ],
    }


def _headline(data: ReportData) -> list[dict[str, str]]:
    """Tell for each distance how the registered experiment stands to ZeroR."""
    rows = _of_level(data, SAMPLE).set_index(["experiment", "metric"])
    told = []
    for metric in figures.HEADLINE:
        row: Any = rows.loc[(data.experiment, metric)]
        zero: Any = rows.loc[(ZERO_R, metric)]
        share = row["minus_zero_r"] / zero["out_of_fold"] if zero["out_of_fold"] else 0.0
        told.append(
            {
                "metric": METRIC_NAMES[metric],
                "value": f"{row['out_of_fold']:.4f}",
                "zero_r": f"{zero['out_of_fold']:.4f}",
                "share": f"{abs(share):.0%} {'below' if share < 0 else 'above'}",
                **_gap(row, 4),
            }
        )
    return told


def _summaries(data: ReportData) -> list[dict[str, Any]]:
    """Tables of clips by groups of metrics, that of patients after the open ones."""
    groups = [_summary(data, SAMPLE, title, tuple(group)) for title, group in GROUPS.items()]
    patients = _summary(data, PATIENT, "Averaged over the clips of each patient", OF_PATIENTS)
    return [*groups[:OPEN_GROUPS], patients, *groups[OPEN_GROUPS:]]


def _of_level(data: ReportData, level: str) -> pd.DataFrame:
    return data.summary[data.summary["level"] == level]


def _summary(data: ReportData, level: str, caption: str, metrics: Sequence[str]) -> dict[str, Any]:
    summary = _of_level(data, level)
    rows = summary.set_index(["experiment", "metric"])
    return {
        "caption": caption,
        "metrics": [METRIC_NAMES[metric] for metric in metrics],
        "ceiling": _ceiling(pd.DataFrame(rows.loc[ZERO_R]), metrics),
        "rows": [
            {
                "name": name,
                "is_zero_r": name == ZERO_R,
                "is_registered": name == data.experiment,
                "cells": [_cell(rows.loc[(name, metric)], DIGITS[metric]) for metric in metrics],
            }
            for name in summary["experiment"].unique()
        ],
    }


def _cell(row: Any, digits: int) -> dict[str, str]:
    return {"spread": _spread(row, digits), **_gap(row, digits)}


def _ceiling(rows: pd.DataFrame, metrics: Sequence[str]) -> dict[str, Any] | None:
    """The experts' row of a table; none where no half of them could be held against another."""
    known = rows["ceiling"].loc[list(metrics)]
    if known.isna().all():
        return None
    cells = [
        "" if np.isnan(value) else f"{value:.{DIGITS[m]}f}"
        for m, value in zip(metrics, known.to_numpy(np.float64), strict=True)
    ]
    return {"name": EXPERTS, "cells": cells}


def _gap(row: Any, digits: int) -> dict[str, str]:
    """Tell the difference to ZeroR, its interval, and what follows from it."""
    low, high = (_signed(row[name], digits) for name in ("minus_zero_r_low", "minus_zero_r_high"))
    return {
        "gap": _signed(row["minus_zero_r"], digits),
        "limits": f"{low} to {high}",
        "verdict": row["verdict"],
        "sign": SIGNS.get(row["verdict"], ""),
    }


def _spread(row: Any, digits: int) -> str:
    return f"{row['mean']:.{digits}f} ± {row['sd']:.{digits}f}"


def _signed(number: float, digits: int) -> str:
    return f"{number:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _folds(fold_metrics: pd.DataFrame) -> list[dict[str, Any]]:
    """Return for each experiment a row per fold, its cells in the order of BY_FOLD."""
    wide = fold_metrics.pivot_table(index=["experiment", "fold"], columns="metric", values="value")
    return [
        {
            "name": name,
            "rows": [
                (fold, [f"{wide.loc[(name, fold), m]:.{DIGITS[m]}f}" for m in BY_FOLD])
                for fold in sorted(part["fold"].unique())
            ],
        }
        for name, part in fold_metrics.groupby("experiment", sort=False)
    ]


def _sample(sample: Sample) -> dict[str, Any]:
    emd = METRICS["emd"](sample.predicted[None], sample.true[None])[0]
    return {
        "sample_id": sample.sample_id,
        "patient_id": sample.patient_id,
        "strip": figures.make_strip(sample.frames),
        "emd": f"{emd:.3f}",
        "grades": [
            {"grade": grade, "true": f"{true:.2f}", "predicted": f"{predicted:.2f}"}
            for grade, true, predicted in zip(GRADES, sample.true, sample.predicted, strict=True)
        ],
    }


def _explained(one: Explained) -> dict[str, Any]:
    return {
        "picture": figures.embed_picture(one.png),
        "says": f"Frames of clip {one.sample_id} and the attention of {one.experiment} in them, "
        f"{one.middle_ratio:.1f} times as dense in the middle as on average.",
    }
