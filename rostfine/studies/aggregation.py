"""Table 4 of the RoSTFine paper: how the three features are brought together."""

from rostfine.studies.metric_tables import metric_tables
from rostfine.studies.output import Output
from rostfine.studies.pairs import pairs_tables
from rostfine.studies.papers import printed_of
from rostfine.studies.results import Results

TITLE = "Three ways to aggregate the features (RoSTFine paper, Table 4)"
ROWS = {"concat": "Concat", "sum": "Sum", "separate": "Separate heads, mean of outputs"}


def tabulate(results: Results) -> Output:
    """Make the tables."""
    numbers = printed_of(results.study.experiments, "table_4")
    tables = metric_tables(results, "table_4", TITLE, ROWS, ("mse", "js"), printed=numbers)
    return Output(TITLE, (*tables, *pairs_tables(results, {"pairs": "mse"})))
