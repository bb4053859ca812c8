"""The final model of one experiment into the registry, as challenger -> registry.json."""

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from rostfine.files import read_json, sha256_of, write_json, written_whole
from rostfine.params import RegisterParams, load_params
from rostfine.registry import (
    CHALLENGER,
    MODEL_CARD,
    Registration,
    describe_origin,
    register,
    send_kept,
)
from rostfine.registry.card_facts import card_facts, read_scores
from rostfine.registry.model_card import render_card
from stages import run

DATA, COMPARED = Path("data"), Path("reports/compare")


def main() -> None:
    """Register with metrics, data, a model card, and the commit of the code."""
    settings = load_params(Path("params.yaml"))
    params = settings.register
    logging.getLogger(__name__).info("register: %s into the registry", params.experiment)
    final = Path("runs") / params.experiment / "final"
    with TemporaryDirectory(prefix="rostfine-") as made:
        kept = Registration(
            _fold_metrics(params.experiment),
            _metrics(params.experiment),
            _tags(params.experiment, settings.gate.metric),
            _files(params, Path(made)),
        )
        done = register(final, params.name, alias=CHALLENGER, kept=kept, workspace=Path())
    write_json(Path("registry.json"), dataclasses.asdict(done))
    logging.getLogger(__name__).info(
        "register: %s version %s is now %s", done.name, done.version, done.alias
    )
    if left := send_kept(Path()):
        logging.getLogger(__name__).warning(
            "register: runs of %d trainings wait in mlflow-outbox to be sent", left
        )


def _tags(experiment: str, metric: str) -> dict[str, str]:
    """Return its score, and the hashes by which one that is made once more is known to be it."""
    run_folder = Path("runs") / experiment
    (score,) = read_scores(Path(), experiment, (metric,))
    return {
        **describe_origin(Path()),
        "score": str(score),
        "sha256.predictions": sha256_of(run_folder / "predictions.parquet"),
        "sha256.weights": sha256_of(run_folder / "final" / "weights.safetensors"),
    }


def _files(params: RegisterParams, made: Path) -> dict[str, Path]:
    """Return what the gate and a rebuilding want of this version, by the names it is kept under."""
    card = made / MODEL_CARD
    with written_whole(card) as beside:
        beside.write_text(render_card(card_facts(Path(), params.experiment, params.name)))
    paths = [
        *(DATA / f"{name}.parquet" for name in ("clips", "folds", "images", "labels", "votes")),
        DATA / "tags.csv",
        Path("runs") / params.experiment / "predictions.parquet",
        *map(Path, ("dvc.lock", "dvc.yaml", "params.yaml")),
        card,
    ]
    return {path.name: path for path in paths if path.exists()}


def _fold_metrics(experiment: str) -> list[tuple[str, int, float]]:
    table = pd.read_parquet(COMPARED / "fold_metrics.parquet")
    rows = table[table["experiment"] == experiment]
    return [
        (metric, int(fold), float(value))
        for metric, fold, value in zip(rows["metric"], rows["fold"], rows["value"], strict=True)
    ]


def _metrics(experiment: str) -> dict[str, float]:
    """Every number of the experiment and of ZeroR, as `emd_mean`, `zero_r_emd_mean` and so on."""
    prefixes = {experiment: "", "ZeroR": "zero_r_"}
    numbers: Mapping[str, float] = read_json(COMPARED / "metrics.json")
    kept = {}
    for key, value in numbers.items():
        name, metric, statistic = key.rsplit(".", 2)
        if name in prefixes:
            kept[f"{prefixes[name]}{metric}_{statistic}"] = value
    return kept


if __name__ == "__main__":
    run(main)
