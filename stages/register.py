"""The final model of one experiment into the registry, under its alias -> registry.json."""

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from rostfine.files import read_json, write_json
from rostfine.params import load_params
from rostfine.registry import Registration, describe_origin, register, send_kept
from stages import run

COMPARED = Path("reports/compare")


def main() -> None:
    """Register with metrics by fold, hashes of the data, and the commit of the code."""
    params = load_params(Path("params.yaml")).register
    kept = Registration(
        _fold_metrics(params.experiment), _metrics(params.experiment), describe_origin(Path())
    )
    logging.getLogger(__name__).info("register: %s into the registry", params.experiment)
    final = Path("runs") / params.experiment / "final"
    done = register(final, params.name, alias=params.alias, kept=kept, workspace=Path())
    write_json(Path("registry.json"), dataclasses.asdict(done))
    logging.getLogger(__name__).info(
        "register: %s version %s is now %s", done.name, done.version, done.alias
    )
    if left := send_kept(Path()):
        logging.getLogger(__name__).warning(
            "register: runs of %d trainings wait in mlflow-outbox to be sent", left
        )


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
