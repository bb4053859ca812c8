"""Figure 7 of the RoSTFine paper: what the encoder was trained on before."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rostfine.evaluation.comparison import SAMPLE
from rostfine.metrics import mse
from rostfine.report.figures import INK, PREDICTED, TRUE, Figure, drawing
from rostfine.studies.metric_tables import interval_tables
from rostfine.studies.output import Output
from rostfine.studies.pairs import pairs_of
from rostfine.studies.parts import MODEL_TITLES, column_of
from rostfine.studies.results import Results
from rostfine.studies.tables import PaperTable, cell, make_table

TITLE: Final = "What the encoder was trained on before (RoSTFine paper, Figure 7)"
NONE: Final = "none"
KNOWN: Final[Mapping[str, str]] = {
    "TimeSformer_divST_8x32_224_K400": "Kinetics-400",
    "TimeSformer_divST_8_224_SSv2": "SSv2",
    "TimeSformer_divST_8x32_224_HowTo100M": "HowTo100M",
}
"""What the published files were trained on; another file goes by its own name."""
COLOURS: Final = {"TimeSformer": TRUE, "RoSTFine": PREDICTED}
NOTES: Final = (
    "Mean ± standard deviation over folds",
    "none: fresh weights. The paper prints no numbers beside its figure",
)


@dataclass(frozen=True)
class Bar:
    """The MSE of a model from one source, over folds; `experiment` has it."""

    experiment: str
    model: str
    source: str
    mean: float
    sd: float


def tabulate(results: Results) -> Output:
    """Make the figure, its numbers, and for each model the tests of every two sources."""
    bars = _measure(results)
    rows = {bar.experiment: f"{bar.model}, {bar.source}" for bar in bars}
    intervals = interval_tables(results, "mse", "MSE", rows, ("mse",))
    if not bars:
        return Output(TITLE, intervals)
    return Output(TITLE, (_table(bars), *intervals, *_pairs(results, bars)), (_draw(bars),))


def source_of(pretrained: str | None) -> str:
    """Return what the weights that params name were trained on, or what their file is called."""
    if pretrained is None:
        return NONE
    stem = pretrained if ":" in pretrained else Path(pretrained).stem
    return KNOWN.get(stem, stem)


def _measure(results: Results) -> list[Bar]:
    of_clips = results.summary[results.summary["level"] == SAMPLE]
    numbers: Any = of_clips[of_clips["metric"] == "mse"].set_index("experiment")
    scale = column_of("mse").scale
    bars = dict[tuple[str, str], Bar]()
    for name in results.predictions:
        model = results.study.experiments[name].model
        title, source = MODEL_TITLES[model.name], source_of(model.pretrained)
        if (title, source) in bars:
            title = f"{title} ({name})"
        mean, sd = numbers.loc[name, ["mean", "sd"]] * scale
        bars[title, source] = Bar(name, title, source, mean, sd)
    return list(bars.values())


def _pairs(results: Results, bars: Sequence[Bar]) -> Iterator[PaperTable]:
    """Yield a table of every two sources for each model that has two."""
    for model in dict.fromkeys(bar.model for bar in bars):
        values = {
            bar.source: mse(results.predictions[bar.experiment], results.truth.labels)
            for bar in bars
            if bar.model == model
        }
        name = f"pairs_{re.sub(r'[^a-z0-9]+', '_', model.lower()).strip('_')}"
        title = f"{model} from every two sources, by MSE"
        yield from pairs_of(results, name, "mse", values, title=title)


def _table(bars: Sequence[Bar]) -> PaperTable:
    column = column_of("mse")
    headings = {bar.model: f"{bar.model}, {column.heading}" for bar in bars}
    cells = [cell(bar.source, headings[bar.model], bar.mean, bar.sd) for bar in bars]
    digits = dict.fromkeys(headings.values(), column.digits)
    return make_table("figure_7", TITLE, cells, digits, notes=NOTES, corner="Trained before on")


def _draw(bars: Sequence[Bar]) -> Figure:
    models = list(dict.fromkeys(bar.model for bar in bars))
    sources = list(dict.fromkeys(bar.source for bar in bars))
    heading = column_of("mse").heading
    width = 0.8 / len(models)
    with drawing("figure_7", max(4.6, 1.6 + 1.3 * len(sources)), 3.2) as (canvas, done):
        axes = canvas.subplots()
        for at, model in enumerate(models):
            of_model = [bar for bar in bars if bar.model == model]
            places = [
                sources.index(bar.source) + (at - (len(models) - 1) / 2) * width for bar in of_model
            ]
            axes.bar(
                places,
                [bar.mean for bar in of_model],
                0.92 * width,
                yerr=[bar.sd for bar in of_model],
                color=COLOURS.get(model),
                ecolor=INK,
                label=model,
            )
        axes.set_xticks(range(len(sources)), sources)
        axes.grid(visible=False, axis="x")
        axes.set(xlabel="trained before on", ylabel=heading)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    told = "; ".join(f"{bar.model} from {bar.source} {bar.mean:.3f} ± {bar.sd:.3f}" for bar in bars)
    return done(
        f"{heading} by what the encoder was trained on before, mean and sd of folds: {told}."
    )
