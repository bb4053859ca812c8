"""Where models looked in clips that they never saw: runs/ -> reports/figures/explain."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from rostfine.clips.store import read_frames
from rostfine.errors import InputError
from rostfine.evaluation.tables import Truth, align, gather_truth
from rostfine.explain.look import look_at
from rostfine.explain.mass import mass_ratio, middle_of
from rostfine.explain.pictures import Seen, draw_seen
from rostfine.files import write_json, written_whole
from rostfine.metrics import METRICS
from rostfine.params import ExperimentParams, load_params
from rostfine.report.page import pick_evenly
from rostfine.schemas import CLIPS, FOLDS, LABELS, PREDICTIONS, read_table
from rostfine.training.fits import Fit
from rostfine.training.saved import load_model
from stages import run

DATA, RUNS, OUT = Path("data"), Path("runs"), Path("reports/figures/explain")
CHOOSES_SAMPLES = "emd"


def main() -> None:
    """Write <experiment>/<sample_id>.png for each chosen sample, and explain.json of them all."""
    params = load_params(Path("params.yaml"))
    clips = read_table(DATA / "clips.parquet", CLIPS)
    truth = gather_truth(
        read_table(DATA / "labels.parquet", LABELS),
        read_table(DATA / "folds.parquet", FOLDS),
        clips,
    )
    told = [
        explained
        for name in params.explain.experiments
        for explained in _explain(name, params.explain.samples, truth, clips)
    ]
    write_json(OUT / "explain.json", told)
    logging.getLogger(__name__).info("explain: %d pictures in %s", len(told), OUT)


def _explain(
    name: str, samples: int | tuple[str, ...], truth: Truth, clips: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    """Explain the samples that are asked for, each by the model that did not learn from it."""
    found = read_table(RUNS / name / "predictions.parquet", PREDICTIONS)
    distance = METRICS[CHOOSES_SAMPLES](align(found, truth, name), truth.labels)
    rows = pick_evenly(distance, samples) if isinstance(samples, int) else _find(samples, truth)
    by_id: Any = clips.set_index("sample_id")
    for row in rows:
        sample_id, fold = truth.sample_ids[row], Fit(int(truth.folds[row]))
        model, experiment = _load(RUNS / name / fold.folder, fold)
        column = experiment.input.speed
        speed = None if column is None else float(by_id.loc[sample_id, column])
        frames = read_frames(DATA / "clips" / f"{sample_id}.npz")
        look = look_at(frames, model, experiment, speed=speed)
        told: dict[str, Any] = {
            "experiment": name,
            "sample_id": sample_id,
            "path": str(OUT / name / f"{sample_id}.png"),
            "trained_on": fold.trained_on,
            "emd": float(distance[row]),
            "method": look.method,
            "class_token": look.class_token,
            "middle_ratio": mass_ratio(look.heat, middle_of(len(look.heat), frames.shape[1])),
        }
        picture = draw_seen(Seen(sample_id, _say(told), frames, look, truth.labels[row]))
        with written_whole(Path(told["path"])) as beside:
            beside.write_bytes(picture)
        yield told


def _find(sample_ids: tuple[str, ...], truth: Truth) -> list[int]:
    unknown = [sample_id for sample_id in sample_ids if sample_id not in truth.sample_ids]
    if unknown:
        raise InputError.of_faults(
            [
                f"explain.samples: wanted clips of data/folds.parquet, got {sample_id!r}"
                for sample_id in unknown
            ]
        )
    return [truth.sample_ids.index(sample_id) for sample_id in sample_ids]


def _say(told: Mapping[str, Any]) -> str:
    return " \N{MIDDLE DOT} ".join(
        [
            f"{told['experiment']}, trained on {told['trained_on']}",
            f"EMD {told['emd']:.3f}",
            f"attention {told['middle_ratio']:.1f} times as dense in the middle",
        ]
    )


def _load(folder: Path, fold: Fit) -> tuple[nn.Module, ExperimentParams]:
    model, settings = load_model(folder)
    # A model shows what it has learnt only on clips that it was not shown.
    if settings.trained_on != fold.trained_on:
        raise InputError(
            f"{folder}: wanted a model trained on {fold.trained_on}, "
            f"found one trained on {settings.trained_on}; run cross_validate again"
        )
    return model, settings.experiment


if __name__ == "__main__":
    run(main)
