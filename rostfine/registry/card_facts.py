"""What a workspace knows of a model, for its card."""

from pathlib import Path
from typing import Any, Final

import pandas as pd

from rostfine.evaluation.comparison import SAMPLE
from rostfine.evaluation.definitions import METRIC_NAMES
from rostfine.evaluation.tables import ZERO_R
from rostfine.labels.votes import last_votes
from rostfine.registry.model_card import CardFacts, Score
from rostfine.schemas import CLIPS, FOLDS, GRADE_COLUMNS, GRADES, LABELS, VOTES, read_table
from rostfine.training.saved import read_settings

SHOWN: Final = ("emd", "js", "mse", "hi", "macro_hi", "accuracy", "bacc_mean", "ece")


def card_facts(workspace: Path, experiment: str, name: str) -> CardFacts:
    """Gather the facts of the final model of `experiment`, to be registered as `name`.

    Raises InputError if a table of the workspace is missing or malformed.
    """
    data = workspace / "data"
    clips = read_table(data / "clips.parquet", CLIPS)
    votes = last_votes(read_table(data / "votes.parquet", VOTES))
    used = read_table(data / "folds.parquet", FOLDS)["sample_id"]
    clips, votes = clips[clips["sample_id"].isin(used)], votes[votes["sample_id"].isin(used)]
    labels = read_table(data / "labels.parquet", LABELS)
    shares = labels.loc[labels["sample_id"].isin(used), list(GRADE_COLUMNS)].mean()
    settings = read_settings(workspace / "runs" / experiment / "final")
    return CardFacts(
        name=name,
        experiment=experiment,
        model=settings.experiment.model.name,
        trained_on=settings.trained_on,
        frames=settings.clips.frames,
        size_px=settings.clips.size_px,
        speed=settings.experiment.input.speed is not None,
        clips=len(clips),
        patients=clips["patient_id"].nunique(),
        experts=votes["expert_id"].nunique(),
        votes=len(votes),
        first_vote=f"{votes['voted_at'].min():%Y-%m-%d}",
        last_vote=f"{votes['voted_at'].max():%Y-%m-%d}",
        mean_label={g: float(shares[c]) for g, c in zip(GRADES, GRADE_COLUMNS, strict=True)},
        scores=read_scores(workspace, experiment),
    )


def read_scores(
    workspace: Path, experiment: str, metrics: tuple[str, ...] = SHOWN
) -> tuple[Score, ...]:
    """Return metrics of clips, out of fold, from the comparison of the workspace."""
    summary = pd.read_parquet(workspace / "reports/compare/summary.parquet")
    rows = summary[summary["level"] == SAMPLE].set_index(["experiment", "metric"])
    return tuple(
        _score(METRIC_NAMES[metric], rows.loc[(experiment, metric)], rows.loc[(ZERO_R, metric)])
        for metric in metrics
    )


def _score(metric: str, row: Any, zero_r: Any) -> Score:
    return Score(
        metric=metric,
        value=float(row["out_of_fold"]),
        low=float(row["low"]),
        high=float(row["high"]),
        zero_r=float(zero_r["out_of_fold"]),
        verdict=str(row["verdict"]),
        ceiling=None if pd.isna(row["ceiling"]) else float(row["ceiling"]),
    )
