"""Table 2 of the RoSTFine paper: every model on the same folds."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from rostfine.evaluation.comparison import SAMPLE
from rostfine.evaluation.definitions import BALANCED, METRIC_NAMES, PUBLISHED_ORDER
from rostfine.evaluation.significance import kruskal_wallis
from rostfine.evaluation.tables import ZERO_R
from rostfine.evaluation.writing import EXPERTS
from rostfine.metrics import METRICS
from rostfine.report.figures import INK, PREDICTED, TRUE, Figure, drawing
from rostfine.studies.output import Output
from rostfine.studies.parts import column_of, label_models, metric_table, pairs_table
from rostfine.studies.printed import Numbers, printed
from rostfine.studies.results import Results
from rostfine.studies.tables import PaperTable, cell, make_table

TITLE: Final = "Every model on the same folds (RoSTFine paper, Table 2)"
DISTANCES: Final = ("mse", "js")
FIRST_FRAME: Final = "vgg16"
MARK: Final = "†"
MARK_NOTE: Final = f"{MARK} Sees the first frame only: the lower bound"
ORDER_NOTE: Final = (
    "BAcc 1st: of the grade that most experts chose, as the paper defines it. Its code counts from "
    "the grade chosen least; where its table was made with that, its 1st is the 5th here"
)
PUBLISHED_NOTE: Final = "BAcc 1st: of the grade that fewest experts chose, as the published code"
KRUSKAL_NOTES: Final = (
    "On the distances of all clips. It takes the models' values for independent, but all predict "
    "the same clips; the paired tests below do not",
    "Rows of two models are what the paper reports to have p < .05 but against TimeSformer; "
    "as there, p is not corrected for their number",
    "ε²: share of the ranks' variance that models explain",
)


def tabulate(results: Results) -> Output:
    """Make the table in both orders of balanced accuracy, the tests, and a figure of MSE."""
    rows = {name: f"{label}{_mark(results, name)}" for name, label in label_models(results).items()}
    numbers = printed("rostfine", "table_2")
    table = metric_table(results, "table_2", TITLE, rows, (*DISTANCES, *BALANCED), printed=numbers)
    published = metric_table(
        results,
        "table_2_published_order",
        "The same balanced accuracies in the published order",
        rows,
        tuple(PUBLISHED_ORDER),
        printed=_in_published_order(numbers),
    )
    marked = (MARK_NOTE,) if any(MARK in label for label in rows.values()) else ()
    tables = (
        replace(table, notes=(*marked, ORDER_NOTE, *table.notes)),
        replace(published, notes=(*marked, PUBLISHED_NOTE, *published.notes)),
        _kruskal_wallis(results, rows),
        *(pairs_table(results, f"pairs_{metric}", metric, rows) for metric in DISTANCES),
    )
    return Output(TITLE, tables, (_draw(results, rows),))


def _mark(results: Results, name: str) -> str:
    return MARK if results.study.experiments[name].model.name == FIRST_FRAME else ""


def _in_published_order(numbers: Numbers) -> Numbers:
    return {
        name: {f"published_{metric}": line[metric] for metric in BALANCED}
        for name, line in numbers.items()
    }


def _kruskal_wallis(results: Results, rows: Mapping[str, str]) -> PaperTable:
    """Test all models at once, and every RoSTFine against each other model."""
    experiments = results.study.experiments
    ours = [name for name in results.predictions if experiments[name].model.name == "rostfine"]
    groups = {f"All {len(results.predictions)} models": list(results.predictions)}
    for name in ours:
        for other in results.predictions:
            if other not in ours:
                groups[f"{rows[name]} – {rows[other]}"] = [name, other]
    cells = []
    for metric in DISTANCES:
        title = METRIC_NAMES[metric]
        values = {
            name: METRICS[metric](predicted, results.truth.labels)
            for name, predicted in results.predictions.items()
        }
        for row, names in groups.items():
            found = kruskal_wallis({name: values[name] for name in names})
            cells.append(cell(row, f"{title}: H", found.h))
            cells.append(cell(row, f"{title}: p", found.p))
            cells.append(cell(row, f"{title}: ε²", found.epsilon_squared))
    digits = {line["column"]: 2 if line["column"].endswith("H") else 3 for line in cells}
    title = "Kruskal-Wallis test, as in the paper"
    return make_table("kruskal_wallis", title, cells, digits, notes=KRUSKAL_NOTES, corner="Models")


def _draw(results: Results, rows: Mapping[str, str]) -> Figure:
    """Draw the MSE of every model over all clips, with its interval over patients."""
    column = column_of("mse")
    of_clips = results.summary[results.summary["level"] == SAMPLE]
    numbers: Any = of_clips[of_clips["metric"] == "mse"].set_index("experiment")
    told = []
    with drawing("mse_by_model", 7.6, 1.2 + 0.32 * len(rows)) as (canvas, done):
        axes = canvas.subplots()
        for place, (name, label) in enumerate(rows.items()):
            mean, *limits = numbers.loc[name, ["out_of_fold", "low", "high"]] * column.scale
            ours = results.study.experiments[name].model.name == "rostfine"
            colour = PREDICTED if ours else TRUE
            axes.plot(limits, [place, place], color=colour, linewidth=2.2, solid_capstyle="butt")
            axes.plot([mean], [place], "o", color=colour, markersize=5.5)
            told.append(f"{label} {mean:.{column.digits}f}")
        for name, style, key in ((ZERO_R, "--", "out_of_fold"), (EXPERTS, ":", "ceiling")):
            line = numbers.loc[ZERO_R, key] * column.scale
            axes.axvline(line, color=INK, linewidth=0.9, linestyle=style, label=name)
        axes.set_yticks(range(len(rows)), list(rows.values()))
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set(title="MSE over all clips", xlabel=column.heading)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return done(
        f"{column.heading} of each model over all clips, with 95 % intervals, patients resampled: "
        f"{'; '.join(told)}."
    )
