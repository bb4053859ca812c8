"""Every input's models beside each other and beside ZeroR, of both targets."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from rostfine.errors import InputError, TableError
from rostfine.evaluation.comparison import BETTER, UNDECIDED, WORSE
from rostfine.evaluation.scores import Statistic
from rostfine.evaluation.statistics import Interval, draw_patients, percentiles
from rostfine.evaluation.tables import ZERO_R
from rostfine.schemas import read_table
from rostfine.visem.metrics import (
    ALL,
    ERRORS,
    PARTICIPANT,
    STACK,
    Outcome,
    as_published,
    by_participant,
    gather,
    zero_r_predictions,
    zeros,
)
from rostfine.visem.params import INPUTS, CompareParams, InputName
from rostfine.visem.tables import PARTICIPANTS, SEMEN_PREDICTIONS
from rostfine.visem.targets import TARGETS, WORDS, TargetName

RUNS: Final = Path("visem/runs")
TABLE: Final = Path("visem/participants.parquet")
NAMES_SHOWN: Final = 8

Key = tuple[str, str, str]
"""Level, metric and output."""


@dataclass(frozen=True)
class Comparison:
    """What came out: tables, and of each target what was predicted by input, ZeroR last.

    `folds`: target, input, fold, mae (over stacks, as published), participants, stacks.
    `metrics`: target, input, level, metric, output, value, low, high; `left_out` values of 0.
    `differences`: of two inputs, the first minus the other, where less is better, with a verdict.
    """

    outcomes: Mapping[TargetName, Mapping[str, Outcome]]
    folds: pd.DataFrame
    metrics: pd.DataFrame
    differences: pd.DataFrame
    notices: tuple[str, ...] = ()

    def metric(self, target: str, input_name: str, key: Key) -> Interval:
        """Return one metric with its interval."""
        return _one(self.metrics, (target, input_name, *key), "value")

    def difference(self, target: str, input_name: str, other: str, key: Key) -> Interval:
        """Return the difference of two inputs in one metric with its interval."""
        table = self.differences[self.differences["other"] == other]
        return _one(table, (target, input_name, *key), "difference")


def compare(
    workspace: Path, params: CompareParams, inputs: Collection[InputName] = tuple(INPUTS)
) -> Comparison:
    """Read the predictions that there are of `inputs`, and compare them on the same participants.

    Raises InputError if there is none, and TableError for one that is older than the folds.
    """
    participants = read_table(workspace / TABLE, PARTICIPANTS)
    outcomes: dict[TargetName, Mapping[str, Outcome]] = {}
    notices: list[str] = []
    for target in TARGETS:
        predictions = _read(workspace, target, participants, inputs)
        notices += [
            f"{name}_{target}: no predictions" for name in inputs if name not in predictions
        ]
        if predictions:
            outcomes[target], said = _side_by_side(predictions, participants, target)
            notices += said
    if not outcomes:
        raise InputError(
            f"{workspace / RUNS}: no predictions of any input; run visem_regress first"
        )
    drawn = [_drawn(outcomes[target], target, params) for target in outcomes]
    return Comparison(
        outcomes,
        folds=pd.DataFrame(_fold_rows(outcomes)),
        metrics=pd.DataFrame([row for one in drawn for row in one.metrics()]),
        differences=pd.DataFrame([row for one in drawn for row in one.differences()]),
        notices=tuple(notices),
    )


def flatten(comparison: Comparison) -> dict[str, float]:
    """Return the errors as `target.input.level_metric.statistic` to a number, for JSON."""
    rows = comparison.metrics[comparison.metrics["output"] == ALL].to_dict("records")
    found = {
        f"{row['target']}.{row['input']}.{row['level']}_{row['metric']}.{statistic}": row[statistic]
        for row in rows
        for statistic in ("value", "low", "high")
    }
    for (target, name), fold in comparison.folds.groupby(["target", "input"])["mae"]:
        found[f"{target}.{name}.{STACK}_mae.fold_spread"] = fold.max() - fold.min()
    return {name: float(value) for name, value in found.items() if math.isfinite(value)}


def verdict(gap: Interval) -> str:
    """Return whether a difference in errors says better, worse, or nothing."""
    if not gap.excludes_zero:
        return UNDECIDED
    return BETTER if gap.mean < 0 else WORSE


def _one(table: pd.DataFrame, key: Sequence[str], value: str) -> Interval:
    names = ["target", "input", "level", "metric", "output"]
    (row,) = table[(table[names] == list(key)).all(axis=1)].to_dict("records")
    return Interval(row[value], row["low"], row["high"])


def _read(
    workspace: Path,
    target: TargetName,
    participants: pd.DataFrame,
    inputs: Collection[InputName],
) -> dict[str, pd.DataFrame]:
    folds = participants.set_index("participant_id")["fold"]
    found = dict[str, pd.DataFrame]()
    for name in inputs:
        path = workspace / RUNS / f"{name}_{target}" / "predictions.parquet"
        if path.exists():
            found[name] = read_table(path, SEMEN_PREDICTIONS[target])
            _refuse_stale(path, found[name], folds)
    return found


def _refuse_stale(path: Path, predictions: pd.DataFrame, folds: "pd.Series[int]") -> None:
    now = folds.reindex(predictions["participant_id"]).to_numpy()
    moved = predictions.loc[predictions["fold"].to_numpy() != now, "participant_id"].unique()
    if len(moved):
        raise TableError(
            f"{path}: {len(moved)} participants were predicted in another fold than "
            f"{TABLE} gives, or are not in it: {_named(moved.tolist())}; run visem_regress again"
        )


def _side_by_side(
    predictions: Mapping[str, pd.DataFrame], participants: pd.DataFrame, target: TargetName
) -> tuple[dict[str, Outcome], list[str]]:
    """Keep the participants that were measured and that every input predicted; say who is not."""
    unknown = participants[list(TARGETS[target])].isna().any(axis=1)
    notices = _left_out(participants[unknown], f"{target}: not reported")
    kept = participants[~unknown]
    for name, table in predictions.items():
        absent = ~kept["participant_id"].isin(table["participant_id"])
        notices += _left_out(kept[absent], f"{target}: not predicted from {name}")
        kept = kept[~absent]
    beside = {**predictions, ZERO_R: zero_r_predictions(kept, target)}
    outcomes = {name: gather(table, kept, target) for name, table in beside.items()}
    for output, count in zeros(outcomes[ZERO_R], target).items():
        if count and output != ALL:
            notices.append(f"{WORDS[output]}: MAPE leaves out {count} measured as 0")
    return outcomes, notices


def _left_out(rows: pd.DataFrame, why: str) -> list[str]:
    names = rows["participant_id"].tolist()
    return [f"{why}, participants left out: {_named(names)}"] if names else []


def _named(names: Sequence[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _fold_rows(
    outcomes: Mapping[TargetName, Mapping[str, Outcome]],
) -> Iterator[dict[str, Any]]:
    for target, by_input in outcomes.items():
        for name, outcome in by_input.items():
            for fold in np.unique(outcome.folds).tolist():
                within = outcome.folds == fold
                yield {
                    "target": target,
                    "input": name,
                    "fold": fold,
                    "mae": as_published(outcome).of(within).value(),
                    "participants": int(within.sum()),
                    "stacks": int(outcome.stacks[within].sum()),
                }


@dataclass(frozen=True)
class _Drawn:
    """The metrics of each input of a target: their values, and in the same draws for all."""

    target: TargetName
    left_out: Mapping[str, int]
    values: Mapping[str, Mapping[Key, float]]
    rounds: Mapping[str, Mapping[Key, Float[ndarray, " round"]]]

    def metrics(self) -> Iterator[dict[str, Any]]:
        for name, values in self.values.items():
            for key, value in values.items():
                found = percentiles(value, self.rounds[name][key])
                out = self.left_out[key[2]] if key[1] == "mape" else 0
                yield {**self._head(name, key), **_limits(found, "value"), "left_out": out}

    def differences(self) -> Iterator[dict[str, Any]]:
        for name, other in combinations(self.values, 2):
            for key, value in self.values[name].items():
                if key[1] in ERRORS:
                    rounds = self.rounds[name][key] - self.rounds[other][key]
                    gap = percentiles(value - self.values[other][key], rounds)
                    head = {**self._head(name, key), "other": other}
                    yield {**head, **_limits(gap, "difference"), "verdict": verdict(gap)}

    def _head(self, name: str, key: Key) -> dict[str, str]:
        names = ("target", "input", "level", "metric", "output")
        return dict(zip(names, (self.target, name, *key), strict=True))


def _limits(found: Interval, value: str) -> dict[str, float]:
    return {value if name == "mean" else name: number for name, number in asdict(found).items()}


def _drawn(outcomes: Mapping[str, Outcome], target: TargetName, params: CompareParams) -> _Drawn:
    ids = outcomes[ZERO_R].participant_ids
    weights = draw_patients(ids, params.bootstrap, np.random.default_rng(params.seed))
    found = {name: _statistics(outcome, target) for name, outcome in outcomes.items()}
    return _Drawn(
        target,
        zeros(outcomes[ZERO_R], target),
        values={n: {key: s.value() for key, s in all_.items()} for n, all_ in found.items()},
        rounds={n: {k: s.resampled(weights) for k, s in all_.items()} for n, all_ in found.items()},
    )


def _statistics(outcome: Outcome, target: TargetName) -> dict[Key, Statistic]:
    named = by_participant(outcome, target).items()
    found: dict[Key, Statistic] = {(STACK, "mae", ALL): as_published(outcome)}
    return {**found, **{(PARTICIPANT, *key): statistic for key, statistic in named}}
