"""The page of a comparison: what a clinic asks first, then tables, figures, notices and folds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from rostfine.evaluation.statistics import Interval
from rostfine.evaluation.tables import ZERO_R
from rostfine.report.figures import Figure, embed_picture
from rostfine.report.templates import fill
from rostfine.studies.tables import PaperTable
from rostfine.visem.compare import Comparison, verdict
from rostfine.visem.figures import draw_agreement, draw_bland_altman, draw_errors
from rostfine.visem.metrics import ALL, PARTICIPANT
from rostfine.visem.params import RegisterParams
from rostfine.visem.targets import TARGETS, WORDS, TargetName

KEY: Final = (PARTICIPANT, "mae", ALL)
METRICS: Final[Mapping[str, str]] = {
    "mae": "MAE",
    "rmse": "RMSE",
    "mape": "MAPE, %",
    "bias": "Bias",
    "agreement_low": "Agreement from",
    "agreement_high": "to",
}
FEATURES_SAY: Final = (
    "The first and last frame of a stack of each input, the feature image that its autoencoder "
    "makes of them (each channel from 0 to its own largest value), the first frame as rebuilt from "
    "it, and how far that is off."
)


@dataclass(frozen=True)
class Figures:
    """What is drawn of a comparison: its errors, and of each target two figures by input."""

    errors: Figure
    by_target: Mapping[TargetName, Mapping[str, tuple[Figure, Figure]]]
    features: bytes | None

    def pngs(self) -> Iterator[tuple[str, bytes]]:
        """Yield every figure by name."""
        yield self.errors.name, self.errors.png
        for by_input in self.by_target.values():
            for pair in by_input.values():
                yield from ((figure.name, figure.png) for figure in pair)
        if self.features is not None:
            yield "feature_images", self.features


def draw_all(comparison: Comparison, features: bytes | None) -> Figures:
    """Draw every figure; `features` are the feature images, drawn already, if there are any."""
    by_target = {
        target: {
            name: (
                draw_agreement(comparison, target, name),
                draw_bland_altman(comparison, target, name),
            )
            for name in by_input
            if name != ZERO_R
        }
        for target, by_input in comparison.outcomes.items()
    }
    return Figures(draw_errors(comparison), by_target, features)


def render(
    comparison: Comparison, table1: PaperTable, figures: Figures, register: RegisterParams
) -> str:
    """Fill the page; of each target the registered input opens it, or the least wrong one."""
    return fill(
        "semen.html.j2",
        "rostfine.visem",
        answers=[_answer(comparison, target, register) for target in comparison.outcomes],
        zero_r=ZERO_R,
        table1={"title": table1.title, "texts": table1.texts(), "notes": table1.all_notes},
        errors=_embed(figures.errors),
        targets=[
            _target(comparison, target, figures, _opening(comparison, target, register)[0])
            for target in comparison.outcomes
        ],
        features=embed_picture(figures.features) if figures.features else "",
        features_say=FEATURES_SAY,
        notices=comparison.notices,
        folds=_folds(comparison.folds),
    )


def _opening(
    comparison: Comparison, target: TargetName, register: RegisterParams
) -> tuple[str, str]:
    """Choose the input that speaks for a target, and say how it was chosen."""
    models = [name for name in comparison.outcomes[target] if name != ZERO_R]
    registered: str = getattr(register, target).input
    if registered in models:
        return registered, "the registered input"
    least = min(models, key=lambda name: comparison.metric(target, name, KEY).mean)
    return least, "the least wrong input, which flatters it"


def _answer(comparison: Comparison, target: TargetName, register: RegisterParams) -> dict[str, str]:
    name, chosen = _opening(comparison, target, register)
    mae, zero = (comparison.metric(target, one, KEY) for one in (name, ZERO_R))
    gap = comparison.difference(target, name, ZERO_R, KEY)
    said = verdict(gap)
    people = len(comparison.outcomes[target][name].participant_ids)
    return {
        "target": target,
        "number": f"{mae.mean:.1f} [{mae.low:.1f}, {mae.high:.1f}]",
        "verdict": said,
        "sentence": (
            f"On average over {people} participants {name} ({chosen}) is wrong by {_limits(mae)} "
            f"percentage points; the mean of other participants ({ZERO_R}) by {_limits(zero)}. "
            f"The difference is {_limits(gap, '+', digits=2)}: {said}."
        ),
    }


def _target(
    comparison: Comparison, target: TargetName, figures: Figures, first: str
) -> dict[str, Any]:
    drawn = figures.by_target[target]
    order = [first, *(name for name in drawn if name != first)]
    return {
        "name": target,
        "first": first,
        "metrics": list(METRICS.values()),
        "groups": [_group(comparison, target, output) for output in (ALL, *TARGETS[target])],
        "inputs": [
            {"name": name, "figures": [_embed(figure) for figure in drawn[name]]} for name in order
        ],
        "pairs": _pairs(comparison.differences, target),
    }


def _group(comparison: Comparison, target: TargetName, output: str) -> dict[str, Any]:
    """The metrics of one output: a row for each input, a cell of value, limits and verdict."""
    rows = []
    for name in comparison.outcomes[target]:
        cells = [_cell(comparison, target, name, metric, output) for metric in METRICS]
        rows.append({"name": name, "cells": cells})
    return {"name": "all three" if output == ALL else WORDS[output], "rows": rows}


def _cell(
    comparison: Comparison, target: TargetName, name: str, metric: str, output: str
) -> dict[str, str]:
    signed = "+" if metric in ("bias", "agreement_low", "agreement_high") else ""
    if signed and output == ALL:
        return {"value": "", "limits": "", "verdict": ""}
    key = (PARTICIPANT, metric, output)
    found = comparison.metric(target, name, key)
    said = ""
    if not signed and name != ZERO_R:
        said = verdict(comparison.difference(target, name, ZERO_R, key))
    value, limits = _limits(found, signed).split(" ", 1)
    return {"value": value, "limits": limits, "verdict": said}


def _pairs(differences: pd.DataFrame, target: TargetName) -> list[dict[str, str]]:
    level, metric, output = KEY
    wanted = {"target": target, "level": level, "metric": metric, "output": output}
    rows = differences[(differences[list(wanted)] == list(wanted.values())).all(axis=1)]
    return [
        {
            "pair": f"{row['input']} minus {row['other']}",
            "gap": _limits(Interval(row["difference"], row["low"], row["high"]), "+"),
            "verdict": row["verdict"],
        }
        for row in rows.to_dict("records")
    ]


def _folds(folds: pd.DataFrame) -> list[dict[str, Any]]:
    told = folds.assign(fold=folds["fold"] + 1, mae=folds["mae"].map("{:.2f}".format))
    return [{str(name): value for name, value in row.items()} for row in told.to_dict("records")]


def _embed(figure: Figure) -> dict[str, Any]:
    return {"svg": Markup(figure.svg), "says": figure.says}


def _limits(found: Interval, sign: str = "", *, digits: int = 1) -> str:
    values = (found.mean, found.low, found.high)
    mean, low, high = (f"{value:{sign}z.{digits}f}" for value in values)
    return f"{mean} [{low}, {high}]"
