"""Every input of semen videos beside ZeroR and the paper: visem/runs -> visem/reports."""

import logging
from pathlib import Path

import pandas as pd

from rostfine.files import write_json, written_whole
from rostfine.studies.tables import write_table_as
from rostfine.visem.compare import compare, flatten
from rostfine.visem.figures import draw_feature_images, read_examples
from rostfine.visem.page import draw_all, render
from rostfine.visem.params import load_visem_params
from rostfine.visem.table1 import tabulate
from stages import run

WORKSPACE, OUT = Path(), Path("visem/reports")


def main() -> None:
    """Write tables, figures and report.html of visem/reports."""
    params = load_visem_params(Path("visem/params.yaml"))
    comparison = compare(WORKSPACE, params.compare, params.autoencoder.inputs)
    table1 = tabulate(comparison)
    examples = read_examples(WORKSPACE, params.autoencoder.inputs)
    figures = draw_all(comparison, draw_feature_images(examples) if examples else None)
    write_table_as(table1, OUT)
    _write("metrics", comparison.metrics)
    _write("differences", comparison.differences)
    _write("folds", comparison.folds)
    write_json(OUT / "metrics.json", flatten(comparison))
    for name, png in figures.pngs():
        with written_whole(OUT / f"{name}.png") as beside:
            beside.write_bytes(png)
    with written_whole(OUT / "report.html") as beside:
        beside.write_text(render(comparison, table1, figures, params.register))
    for notice in comparison.notices:
        logging.getLogger(__name__).warning("visem_compare: %s", notice)
    logging.getLogger(__name__).info("visem_compare: %s", OUT / "report.html")


def _write(name: str, table: pd.DataFrame) -> None:
    with written_whole(OUT / f"{name}.parquet") as beside:
        table.to_parquet(beside, index=False)


if __name__ == "__main__":
    run(main)
