"""The final model of one experiment into the registry, under its alias -> registry.json."""

import dataclasses
import logging
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

import rostfine
from rostfine.files import read_json, sha256_of, write_json
from rostfine.params import load_params
from rostfine.registry import Registration, register
from stages import run

COMPARED = Path("reports/compare")
HASHED = {
    "clips": Path("data/clips.parquet"),
    "labels": Path("data/labels.parquet"),
    "folds": Path("data/folds.parquet"),
}


def main() -> None:
    """Register with metrics by fold, hashes of the data, and the commit of the code."""
    params = load_params(Path("params.yaml")).register
    kept = Registration(_fold_metrics(params.experiment), _metrics(params.experiment), _tags())
    logging.getLogger(__name__).info("register: %s into the registry", params.experiment)
    final = Path("runs") / params.experiment / "final"
    done = register(final, params.name, alias=params.alias, kept=kept, workspace=Path())
    write_json(Path("registry.json"), dataclasses.asdict(done))
    logging.getLogger(__name__).info(
        "register: %s version %s is now %s", done.name, done.version, done.alias
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


def _tags() -> dict[str, str]:
    hashes = {f"sha256.{name}": sha256_of(path) for name, path in HASHED.items()}
    return {
        **hashes,
        **_commit("workspace", Path()),
        **_commit("code", Path(rostfine.__file__).parent),
    }


def _commit(what: str, folder: Path) -> dict[str, str]:
    """Return the Git commit of a folder, and whether files differ from it; nothing without Git."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return {}
    changed = _git(folder, "status", "--porcelain", ".")
    return {f"git.{what}": commit, f"git.{what}.dirty": str(bool(changed)).lower()}


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    run(main)
