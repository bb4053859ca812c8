"""Table 2 of the RoSTFine paper: every model on the same folds."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from rostfine.evaluation.comparison import SAMPLE
from rostfine.evaluation.definitions import BALANCED, PUBLISHED_ORDER
from rostfine.evaluation.tables import ZERO_R
from rostfine.evaluation.writing import EXPERTS
from rostfine.report.figures import INK, PREDICTED, TRUE, Figure, drawing
from rostfine.studies.kruskal_wallis import kruskal_wallis_tables
from rostfine.studies.metric_tables import metric_tables
from rostfine.studies.output import Output
from rostfine.studies.pairs import pairs_tables
from rostfine.studies.papers import Numbers, printed_of
from rostfine.studies.parts import MARK, column_of, label_models, mark_note
from rostfine.studies.results import Results
from rostfine.studies.tables import PaperTable

TITLE: Final = "Every model on the same folds (RoSTFine paper, Table 2)"
DISTANCES: Final = ("mse", "js")
FIRST_FRAME: Final = "vgg16"
MARK_SAYS: Final = "Sees the first frame only: the lower bound"
ORDER_NOTE: Final = (
    "BAcc 1st: of the grade that most experts chose, as the paper defines it. Its code counts from "
    "the grade chosen least; where its table was made with that, its 1st is the 5th here"
)
PUBLISHED_NOTE: Final = "BAcc 1st: of the grade that fewest experts chose, as the published code"


def tabulate(results: Results) -> Output:
    """Make the table in both orders of balanced accuracy, the tests, and a figure of MSE."""
    rows = {name: f"{label}{_mark(results, name)}" for name, label in label_models(results).items()}
    tables = (
        *_metrics(results, rows),
        *kruskal_wallis_tables(results, rows, DISTANCES),
        *pairs_tables(results, {f"pairs_{metric}": metric for metric in DISTANCES}, rows),
    )
    return Output(TITLE, tables, (_draw(results, rows),) if rows else ())


def _metrics(results: Results, rows: Mapping[str, str]) -> Iterator[PaperTable]:
    """Yield what the paper prints, and its balanced accuracies in the published order."""
    numbers = printed_of(results.study.experiments, "table_2")
    marked = mark_note(MARK_SAYS, rows.values())
    metrics = (*DISTANCES, *BALANCED)
    for table in metric_tables(results, "table_2", TITLE, rows, metrics, printed=numbers):
        yield replace(table, notes=(*marked, ORDER_NOTE, *table.notes))
    name, title = "table_2_published_order", "The same balanced accuracies in the published order"
    metrics, numbers = tuple(PUBLISHED_ORDER), _in_published_order(numbers)
    for table in metric_tables(results, name, title, rows, metrics, printed=numbers):
        yield replace(table, notes=(*marked, PUBLISHED_NOTE, *table.notes))


def _mark(results: Results, name: str) -> str:
    return MARK if results.study.experiments[name].model.name == FIRST_FRAME else ""


def _in_published_order(numbers: Numbers) -> Numbers:
    return {
        name: {f"published_{metric}": line[metric] for metric in BALANCED}
        for name, line in numbers.items()
    }


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
