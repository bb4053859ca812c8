"""One HTML page with the tables and figures: everything so far -> reports/index.html."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd
from numpy import ndarray

from rostfine.clips.store import read_frames
from rostfine.evaluation.tables import Truth, align, gather_truth
from rostfine.files import read_json, written_whole
from rostfine.labels.votes import last_votes
from rostfine.metrics import METRICS
from rostfine.params import Params, load_params
from rostfine.report.page import (
    Explained,
    ReportData,
    Sample,
    pick_evenly,
    render_page,
)
from rostfine.schemas import CLIPS, FOLDS, LABELS, PREDICTIONS, VOTES, read_table
from stages import run

DATA, RUNS, OUT = Path("data"), Path("runs"), Path("reports")
CHOOSES_SAMPLES = "emd"


def main() -> None:
    """Write reports/index.html and the figures of it as images."""
    params = load_params(Path("params.yaml"))
    page = render_page(_gather(params))
    for figure in page.figures:
        with written_whole(OUT / "figures/report" / f"{figure.name}.png") as beside:
            beside.write_bytes(figure.png)
    with written_whole(OUT / "index.html") as beside:
        beside.write_text(page.html)
    logging.getLogger(__name__).info("report: %s", OUT / "index.html")


def _gather(params: Params) -> ReportData:
    clips = read_table(DATA / "clips.parquet", CLIPS)
    labels = read_table(DATA / "labels.parquet", LABELS)
    votes = last_votes(read_table(DATA / "votes.parquet", VOTES))
    truth = gather_truth(labels, read_table(DATA / "folds.parquet", FOLDS), clips)
    name = params.register.experiment
    found = read_table(RUNS / name / "predictions.parquet", PREDICTIONS)
    predicted = align(found, truth, name)
    distance = METRICS[CHOOSES_SAMPLES](predicted, truth.labels)
    chosen = pick_evenly(distance, params.report.samples)
    return ReportData(
        experiment=name,
        facts=_facts(name),
        gate=read_json(Path("decision.json")),
        as_of=f"{votes['voted_at'].max():%Y-%m-%d}",
        clips=clips,
        labels=labels,
        votes=len(votes),
        experts=votes["expert_id"].nunique(),
        summary=pd.read_parquet(OUT / "compare/summary.parquet"),
        fold_metrics=pd.read_parquet(OUT / "compare/fold_metrics.parquet"),
        histories={n: _histories(RUNS / n) for n in params.cross_validate.experiments},
        true=truth.labels,
        predicted=predicted,
        samples=[_sample(truth, row, predicted) for row in chosen],
        explained=_explained(),
    )


def _facts(name: str) -> dict[str, str]:
    registered = read_json(Path("registry.json"))
    trained_on = read_json(RUNS / name / "final/settings.json")["trained_on"]
    return {
        "Registered as": f"models:/{registered['name']}/{registered['version']}",
        "Trained on": trained_on,
        "MLflow run": registered["run_id"],
    }


def _histories(folder: Path) -> dict[str, list[dict[str, Any]]]:
    # A final that is the best fold again would hide that fold's curve.
    final_is_a_fold = read_json(folder / "final/settings.json")["trained_on"] != "all data"
    return {
        path.parent.name: read_json(path)
        for path in sorted(folder.glob("*/history.json"))
        if not (final_is_a_fold and path.parent.name == "final")
    }


def _sample(truth: Truth, row: int, predicted: ndarray) -> Sample:
    sample_id = truth.sample_ids[row]
    frames = read_frames(DATA / "clips" / f"{sample_id}.npz")
    return Sample(sample_id, truth.patients[row], frames, truth.labels[row], predicted[row])


def _explained() -> list[Explained]:
    return [
        Explained(
            one["experiment"],
            one["sample_id"],
            one["middle_ratio"],
            Path(one["path"]).read_bytes(),
        )
        for one in read_json(OUT / "figures/explain/explain.json")
    ]


if __name__ == "__main__":
    run(main)
