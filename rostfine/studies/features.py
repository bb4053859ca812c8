"""Table 3 of the RoSTFine paper: which of the three features predict."""

from dataclasses import replace
from typing import Final

from rostfine.model_params import ModelParams, RoSTFineParams, TimeSformerParams
from rostfine.studies.metric_tables import metric_tables
from rostfine.studies.output import Output
from rostfine.studies.pairs import pairs_tables
from rostfine.studies.papers import printed_of
from rostfine.studies.parts import MARK, mark_note
from rostfine.studies.results import Results

TITLE: Final = "Combinations of the three features (RoSTFine paper, Table 3)"
FEATURES: Final = {"g": "v_g", "s": "v_s", "t": "v_t"}
CHECK: Final = "√"
MARK_SAYS: Final = "TimeSformer, whose only feature is v_g"


def tabulate(results: Results) -> Output:
    """Make the tables, whose check marks are read from the params."""
    models = {name: results.study.experiments[name].model for name in results.predictions}
    marks = {
        heading: {name: _mark(model, feature) for name, model in models.items()}
        for feature, heading in FEATURES.items()
    }
    note = mark_note(MARK_SAYS, (mark for of_model in marks.values() for mark in of_model.values()))
    numbers = printed_of(results.study.experiments, "table_3")
    names = {name: name for name in models}
    tables = (
        replace(table, corner="Experiment", words=marks, notes=(*note, *table.notes))
        for table in metric_tables(results, "table_3", TITLE, names, ("mse",), printed=numbers)
    )
    return Output(TITLE, (*tables, *pairs_tables(results, {"pairs": "mse"})))


def _mark(model: ModelParams, feature: str) -> str:
    if isinstance(model, TimeSformerParams) and feature == "g":
        return CHECK + MARK
    return CHECK if isinstance(model, RoSTFineParams) and feature in model.use_feat else ""
