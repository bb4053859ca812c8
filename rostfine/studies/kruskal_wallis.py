"""The Kruskal-Wallis test of the RoSTFine paper's Table 2, and the same over clips."""

from collections.abc import Mapping, Sequence
from typing import Final

from jaxtyping import Float
from numpy import ndarray

from rostfine.evaluation.definitions import METRIC_NAMES
from rostfine.evaluation.significance import kruskal_wallis
from rostfine.metrics import METRICS
from rostfine.studies.parts import fold_values
from rostfine.studies.results import Results
from rostfine.studies.tables import PaperTable, cell, make_table

Values = Mapping[str, Mapping[str, Float[ndarray, " _value"]]]
"""By metric and experiment."""

FOLD_NOTES: Final = (
    "On the values of folds, as many for each model as there are folds: so few cannot have a small "
    "p. The paper prints no more than whether p < .05",
    "Rows of two models are what the paper reports to have p < .05 but against TimeSformer; "
    "as there, p is not corrected for their number",
)
CLIP_NOTES: Final = (
    "On the distances of all clips. It takes the models' values for independent, but all predict "
    "the same clips; the paired tests do not",
)
EFFECT_NOTE: Final = "ε²: share of the ranks' variance that models explain"


def kruskal_wallis_tables(
    results: Results, rows: Mapping[str, str], metrics: Sequence[str]
) -> tuple[PaperTable, ...]:
    """Test all models at once, and every RoSTFine against each other model: over folds and clips.

    None below two models.
    """
    if len(rows) < 2:
        return ()
    of_folds = {metric: fold_values(results, metric) for metric in metrics}
    by_fold = {
        metric: {name: values.loc[name].to_numpy() for name in rows}
        for metric, values in of_folds.items()
    }
    by_clip = {
        metric: {
            name: METRICS[metric](results.predictions[name], results.truth.labels) for name in rows
        }
        for metric in metrics
    }
    groups = _group(results, rows)
    return (
        _test(
            by_fold,
            groups,
            "kruskal_wallis",
            "Kruskal-Wallis test of the values of folds, as in the paper",
            FOLD_NOTES,
        ),
        _test(
            by_clip,
            groups,
            "kruskal_wallis_clips",
            "Kruskal-Wallis test of the distances of clips",
            CLIP_NOTES,
        ),
    )


def _group(results: Results, rows: Mapping[str, str]) -> dict[str, list[str]]:
    """Return which experiments are tested together, by what they are called."""
    experiments = results.study.experiments
    ours = [name for name in rows if experiments[name].model.name == "rostfine"]
    others = [name for name in rows if name not in ours]
    pairs = {f"{rows[name]} – {rows[other]}": [name, other] for name in ours for other in others}
    return {f"All {len(rows)} models": list(rows), **pairs}


def _test(
    values: Values,
    groups: Mapping[str, Sequence[str]],
    name: str,
    title: str,
    notes: Sequence[str],
) -> PaperTable:
    cells, digits = [], dict[str, int]()
    for metric, by_model in values.items():
        h, p, effect = (f"{METRIC_NAMES[metric]}: {what}" for what in ("H", "p", "ε²"))
        digits |= {h: 2, p: 3, effect: 3}
        for row, models in groups.items():
            found = kruskal_wallis({model: by_model[model] for model in models})
            cells += [
                cell(row, h, found.h),
                cell(row, p, found.p),
                cell(row, effect, found.epsilon_squared),
            ]
    return make_table(name, title, cells, digits, notes=(*notes, EFFECT_NOTE), corner="Models")
