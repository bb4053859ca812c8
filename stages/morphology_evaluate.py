"""Found heads against annotated ones: morphology/runs -> morphology/reports."""

import logging

from rostfine.files import write_json, written_whole
from rostfine.morphology.evaluating import confusions, evaluate_runs, flatten
from rostfine.morphology.metrics_table import tabulate
from rostfine.morphology.page import draw_all, render
from rostfine.morphology.params import FOLDER, PARAMS, load_morphology_params
from rostfine.morphology.runs import read_runs
from rostfine.morphology.stored import read_image
from rostfine.studies.tables import write_table_as
from stages import run

OUT = FOLDER / "reports"


def main() -> None:
    """Write tables, figures and report.html of morphology/reports."""
    params = load_morphology_params(PARAMS)
    runs, notices = read_runs(params)
    evaluations = evaluate_runs(params, runs)
    numbers = flatten(runs, evaluations, params.data)
    table = tabulate(evaluations, numbers, params)
    figures = draw_all(runs, evaluations, params, read_image)
    write_json(OUT / "metrics.json", numbers)
    write_table_as(table, OUT)
    with written_whole(OUT / "confusion.parquet") as beside:
        confusions(evaluations).to_parquet(beside, index=False)
    for figure in (one for drawn in figures.values() for one in drawn):
        with written_whole(OUT / f"{figure.name}.png") as beside:
            beside.write_bytes(figure.png)
    page = render(evaluations, runs, figures, table=table, params=params, notices=notices)
    with written_whole(OUT / "report.html") as beside:
        beside.write_text(page)
    for notice in notices:
        logging.getLogger(__name__).warning("morphology_evaluate: %s", notice)
    logging.getLogger(__name__).info("morphology_evaluate: %s", OUT / "report.html")


if __name__ == "__main__":
    run(main)
