"""Every metric of every experiment beside ZeroR and the experts: runs/ -> reports/compare."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from rostfine.evaluation.ceiling import experts_ceiling
from rostfine.evaluation.comparison import SAMPLE, compare, evaluate, tabulate_reliability
from rostfine.evaluation.definitions import METRIC_NAMES
from rostfine.evaluation.tables import Truth, align, gather_truth
from rostfine.evaluation.writing import flatten, to_markdown, two_tables
from rostfine.files import write_json, written_whole
from rostfine.labels.votes import last_votes
from rostfine.params import load_params
from rostfine.schemas import CLIPS, FOLDS, LABELS, PREDICTIONS, VOTES, read_table
from stages import run

DATA, RUNS, OUT = Path("data"), Path("runs"), Path("reports/compare")
ON_SCREEN = {metric: METRIC_NAMES[metric] for metric in ("mse", "js", "emd", "hi")}


def main() -> None:
    """Write the tables of reports/compare, summary.md and metrics.json."""
    params = load_params(Path("params.yaml"))
    truth, votes = _gather()
    predictions = {
        name: align(read_table(RUNS / name / "predictions.parquet", PREDICTIONS), truth, name)
        for name in params.cross_validate.experiments
    }
    rng = np.random.default_rng(params.compare.seed)
    ceiling = experts_ceiling(votes, truth, rng.spawn(1)[0])
    summary = compare(predictions, truth, rng, rounds=params.compare.bootstrap, ceiling=ceiling)
    _write("fold_metrics", evaluate(predictions, truth))
    _write("summary", summary)
    _write("ceiling", ceiling)
    _write("reliability", tabulate_reliability(predictions, truth))
    with written_whole(OUT / "summary.md") as beside:
        beside.write_text(to_markdown(summary))
    write_json(OUT / "metrics.json", flatten(summary))
    sys.stdout.write(two_tables(summary[summary["level"] == SAMPLE], ON_SCREEN))


def _gather() -> tuple[Truth, pd.DataFrame]:
    clips = read_table(DATA / "clips.parquet", CLIPS)
    labels = read_table(DATA / "labels.parquet", LABELS)
    truth = gather_truth(labels, read_table(DATA / "folds.parquet", FOLDS), clips)
    return truth, last_votes(read_table(DATA / "votes.parquet", VOTES))


def _write(name: str, table: pd.DataFrame) -> None:
    with written_whole(OUT / f"{name}.parquet") as beside:
        table.to_parquet(beside, index=False)


if __name__ == "__main__":
    run(main)
