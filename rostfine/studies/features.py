"""Table 3 of the RoSTFine paper: which of the three features predict."""

from dataclasses import replace
from typing import Final

from rostfine.model_params import ModelParams, RoSTFineParams, TimeSformerParams
from rostfine.studies.output import Output
from rostfine.studies.parts import metric_table, pairs_table
from rostfine.studies.printed import printed
from rostfine.studies.results import Results

TITLE: Final = "Combinations of the three features (RoSTFine paper, Table 3)"
FEATURES: Final = {"g": "v_g", "s": "v_s", "t": "v_t"}
CHECK: Final = "√"
MARK: Final = "†"
MARK_NOTE: Final = f"{MARK} TimeSformer, whose only feature is v_g"


def tabulate(results: Results) -> Output:
    """Make the table, whose check marks are read from the params."""
    models = {name: results.study.experiments[name].model for name in results.predictions}
    marks = {
        heading: {name: _mark(model, feature) for name, model in models.items()}
        for feature, heading in FEATURES.items()
    }
    table = metric_table(
        results,
        "table_3",
        TITLE,
        {name: name for name in models},
        ("mse",),
        printed=printed("rostfine", "table_3"),
    )
    marked = any(isinstance(model, TimeSformerParams) for model in models.values())
    notes = (MARK_NOTE, *table.notes) if marked else table.notes
    table = replace(table, corner="Experiment", words=marks, notes=notes)
    return Output(TITLE, (table, pairs_table(results, "pairs", "mse")))


def _mark(model: ModelParams, feature: str) -> str:
    if isinstance(model, TimeSformerParams) and feature == "g":
        return CHECK + MARK
    return CHECK if isinstance(model, RoSTFineParams) and feature in model.use_feat else ""
