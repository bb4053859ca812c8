"""Figure 5 of the RoSTFine paper: the weight alpha, K, and how alike the features become."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rostfine.evaluation.comparison import SAMPLE
from rostfine.model_params import RoSTFineParams
from rostfine.params import ExperimentParams
from rostfine.report.figures import PREDICTED, TRUE, WORSE_THAN, Figure, drawing
from rostfine.studies.epochs import number_epochs
from rostfine.studies.metric_tables import interval_tables
from rostfine.studies.output import Output
from rostfine.studies.parts import column_of
from rostfine.studies.results import Results
from rostfine.studies.tables import PaperTable, cell, make_table

TITLE: Final = "The weight α of the diversity loss, and K (RoSTFine paper, Figure 5)"
PAPER_ALPHA: Final = 1.0
"""Whose cosines the paper shows."""
PAIRS: Final = {"gs": "v_g, v_s", "gt": "v_g, v_t", "st": "v_s, v_t"}
COLOURS: Final = (PREDICTED, TRUE, WORSE_THAN)
FEW_EPOCHS: Final = 20
NOTES: Final = (
    "Mean ± standard deviation over folds, of experiments that differ in nothing else",
    "The paper prints no numbers beside its figure",
)


@dataclass(frozen=True)
class Setting:
    """What a sweep changes: how it is written, read, and made the same in all experiments."""

    symbol: str
    name: str
    read: Callable[[ExperimentParams], float]
    drop: Callable[[ExperimentParams], ExperimentParams]


@dataclass(frozen=True)
class Sweep:
    """Experiments by the value of the one setting in which they differ; `fixed` is the other."""

    setting: Setting
    fixed: str
    experiments: Mapping[float, str]


def tabulate(results: Results) -> Output:
    """Make a table of each sweep, and the figure of three panels."""
    sweeps = [_find(results, ALPHA, TOP_K), _find(results, TOP_K, ALPHA)]
    intervals = interval_tables(results, "mse", "MSE", {}, ("mse",))
    if not any(sweep.experiments for sweep in sweeps):
        return Output(TITLE, intervals)
    tables = (*(_table(results, sweep) for sweep in sweeps), *intervals)
    return Output(TITLE, tables, (_draw(results, sweeps),))


def _model_of(experiment: ExperimentParams) -> RoSTFineParams:
    assert isinstance(experiment.model, RoSTFineParams)
    return experiment.model


ALPHA: Final = Setting(
    "α",
    "alpha",
    lambda experiment: experiment.loss.alpha,
    lambda experiment: replace(experiment, loss=replace(experiment.loss, alpha=0.0)),
)
TOP_K: Final = Setting(
    "K",
    "k",
    lambda experiment: float(_model_of(experiment).top_k),
    lambda experiment: replace(experiment, model=replace(_model_of(experiment), top_k=1)),
)


def _find(results: Results, setting: Setting, other: Setting) -> Sweep:
    """Find the most experiments of RoSTFine that differ in one setting only."""
    groups = dict[ExperimentParams, dict[float, str]]()
    for name in results.predictions:
        experiment = results.study.experiments[name]
        if isinstance(experiment.model, RoSTFineParams):
            # The same experiment may be there twice, once for each sweep.
            of_value = groups.setdefault(setting.drop(experiment), {})
            of_value.setdefault(setting.read(experiment), name)
    if not groups:
        return Sweep(setting, "", {})
    shared, found = max(groups.items(), key=lambda group: len(group[1]))
    fixed = f"{other.symbol} = {other.read(shared):g}"
    return Sweep(setting, fixed, dict(sorted(found.items())))


def _numbers(results: Results, sweep: Sweep) -> pd.DataFrame:
    """Return mean and sd of the MSE over folds, as printed, by the value of the setting."""
    of_clips = results.summary[results.summary["level"] == SAMPLE]
    of_mse = of_clips[of_clips["metric"] == "mse"].set_index("experiment")[["mean", "sd"]]
    numbers: pd.DataFrame = of_mse.loc[list(sweep.experiments.values())] * column_of("mse").scale
    return numbers.set_axis([f"{value:g}" for value in sweep.experiments], axis=0)


def _table(results: Results, sweep: Sweep) -> PaperTable:
    column, setting = column_of("mse"), sweep.setting
    cells = [
        cell(str(value), column.heading, line["mean"], line["sd"])
        for value, line in _numbers(results, sweep).iterrows()
    ]
    digits = {column.heading: column.digits}
    title = f"MSE by {setting.symbol}, with {sweep.fixed}"
    return make_table(setting.name, title, cells, digits, notes=NOTES, corner=setting.symbol)


def _draw(results: Results, sweeps: Sequence[Sweep]) -> Figure:
    heading = column_of("mse").heading
    told = []
    with drawing("figure_5", 10.2, 3.0) as (canvas, done):
        *panels, last = canvas.subplots(1, len(sweeps) + 1)
        panels[1].sharey(panels[0])
        for axes, sweep in zip(panels, sweeps, strict=True):
            numbers, symbol = _numbers(results, sweep), sweep.setting.symbol
            places = np.arange(len(numbers))
            axes.errorbar(
                places,
                numbers["mean"],
                numbers["sd"],
                color=PREDICTED,
                marker="o",
                markersize=4,
                capsize=2,
                linewidth=1.2,
            )
            axes.set(title=f"By {symbol}, with {sweep.fixed}", ylabel=heading)
            axes.set_xlabel(f"{symbol} (not to scale)")
            axes.set_xticks(places, numbers.index)
            means = ", ".join(f"{line['mean']:.3f} at {at}" for at, line in numbers.iterrows())
            told.append(f"{heading} by {symbol} with {sweep.fixed}: {means}.")
        told.append(_draw_cosines(last, results, sweeps[0].experiments))
    return done(f"{' '.join(told)} Bars and bands: standard deviation over folds.")


def _draw_cosines(axes: Axes, results: Results, by_alpha: Mapping[float, str]) -> str:
    """Draw how alike features were in training, of the alpha that is nearest to the paper's."""
    shown = min(by_alpha, key=lambda alpha: abs(alpha - PAPER_ALPHA), default=None)
    history = pd.DataFrame() if shown is None else results.history(by_alpha[shown])
    told = []
    for (pair, label), colour in zip(PAIRS.items(), COLOURS, strict=True):
        if f"train.pairs.{pair}" not in history:
            continue
        of_epoch = history.groupby("epoch")[f"train.pairs.{pair}"]
        mean, sd = of_epoch.mean(), of_epoch.std(ddof=0)
        epochs = mean.index.to_numpy() + 1
        marker = "." if len(epochs) <= FEW_EPOCHS else None
        axes.plot(epochs, mean, color=colour, marker=marker, label=label)
        axes.fill_between(epochs, mean - sd, mean + sd, color=colour, alpha=0.2, linewidth=0)
        told.append(f"{label} {mean.iloc[0]:.2f} to {mean.iloc[-1]:.2f}")
    if not told:
        axes.set_axis_off()
        return ""
    axes.set(title=f"Features, α = {shown:g}", ylabel="|cosine similarity|")
    axes.set_ylim(0, 1)
    number_epochs(axes)
    axes.legend()
    return f"Cosine similarity of features in training, first to last epoch: {'; '.join(told)}."
