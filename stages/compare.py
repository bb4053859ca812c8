"""Every metric of every experiment beside that of ZeroR: runs/ -> reports/compare."""

import sys
from pathlib import Path

import numpy as np

from rostfine.evaluation.tables import align, compare, evaluate, flatten, gather_truth, to_markdown
from rostfine.files import write_json, written_whole
from rostfine.params import load_params
from rostfine.schemas import CLIPS, FOLDS, LABELS, PREDICTIONS, read_table
from stages import run

DATA, RUNS, OUT = Path("data"), Path("runs"), Path("reports/compare")
ON_SCREEN = ("mse", "js", "emd")


def main() -> None:
    """Write fold_metrics.parquet, summary.parquet, summary.md and metrics.json."""
    params = load_params(Path("params.yaml"))
    truth = gather_truth(
        read_table(DATA / "labels.parquet", LABELS),
        read_table(DATA / "folds.parquet", FOLDS),
        read_table(DATA / "clips.parquet", CLIPS),
    )
    predictions = {
        name: align(read_table(RUNS / name / "predictions.parquet", PREDICTIONS), truth, name)
        for name in params.cross_validate.experiments
    }
    rng = np.random.default_rng(params.compare.seed)
    summary = compare(predictions, truth, rng, rounds=params.compare.bootstrap)
    with written_whole(OUT / "fold_metrics.parquet") as beside:
        evaluate(predictions, truth).to_parquet(beside, index=False)
    with written_whole(OUT / "summary.parquet") as beside:
        summary.to_parquet(beside, index=False)
    with written_whole(OUT / "summary.md") as beside:
        beside.write_text(to_markdown(summary))
    write_json(OUT / "metrics.json", flatten(summary))
    sys.stdout.write(to_markdown(summary, ON_SCREEN))


if __name__ == "__main__":
    run(main)
