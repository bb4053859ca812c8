"""Table 4 of the RoSTFine paper: how the three features are brought together."""

from rostfine.studies.output import Output
from rostfine.studies.parts import metric_table, pairs_table
from rostfine.studies.printed import printed
from rostfine.studies.results import Results

TITLE = "Three ways to aggregate the features (RoSTFine paper, Table 4)"
ROWS = {"concat": "Concat", "sum": "Sum", "separate": "Separate heads, mean of outputs"}


def tabulate(results: Results) -> Output:
    """Make the table."""
    numbers = printed("rostfine", "table_4")
    table = metric_table(results, "table_4", TITLE, ROWS, ("mse", "js"), printed=numbers)
    return Output(TITLE, (table, pairs_table(results, "pairs", "mse")))
