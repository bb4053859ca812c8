"""What the experiments of a study left, read for its tables and figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from rostfine.errors import InputError
from rostfine.evaluation.ceiling import experts_ceiling
from rostfine.evaluation.comparison import compare, evaluate
from rostfine.evaluation.tables import Truth, align, gather_truth
from rostfine.files import read_json
from rostfine.labels.votes import last_votes, read_votes
from rostfine.parsing import flatten
from rostfine.schemas import CLIPS, FOLDS, LABELS, PREDICTIONS, read_table
from rostfine.studies.settings import Study
from rostfine.training.fits import Fit
from rostfine.training.folds import HISTORY

DATA = Path("data")


@dataclass(frozen=True)
class Results:
    """The out-of-fold predictions of every experiment, and the truth, in the order of samples."""

    study: Study
    labels: pd.DataFrame
    clips: pd.DataFrame
    truth: Truth
    votes: pd.DataFrame
    predictions: Mapping[str, Float[ndarray, "sample grade"]]

    @cached_property
    def by_fold(self) -> pd.DataFrame:
        """Every metric of every experiment and ZeroR in every fold."""
        return evaluate(self.predictions, self.truth)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Every metric summed up over folds and out of fold, with intervals over patients."""
        ceiling = experts_ceiling(self.votes, self.truth, self.rng())
        rounds = self.study.bootstrap
        return compare(self.predictions, self.truth, self.rng(), rounds=rounds, ceiling=ceiling)

    def rng(self) -> np.random.Generator:
        """Return a fresh generator of the study's seed."""
        return np.random.default_rng(self.study.seed)

    def history(self, experiment: str) -> pd.DataFrame:
        """Return what was told of each epoch: `fold`, `epoch`, `train.total`, `train.pairs.gs`.

        Raises InputError for a fold that told nothing.
        """
        rows = []
        for fold in np.unique(self.truth.folds).tolist():
            path = self.study.run_folder(experiment) / Fit(fold).folder / HISTORY
            if not path.exists():
                raise InputError(f"{path}: wanted the losses of a trained fold, found no such file")
            for told in read_json(path):
                numbers = {k: float(v) for k, v in flatten(told).items() if v != "null"}
                rows.append({**numbers, "fold": fold})
        return pd.DataFrame(rows)


def read_results(study: Study) -> Results:
    """Read what a study left, standing in its workspace.

    Raises TableError if a sample was not predicted, or in another fold than it is in now.
    """
    labels = read_table(DATA / "labels.parquet", LABELS)
    clips = read_table(DATA / "clips.parquet", CLIPS)
    truth = gather_truth(labels, read_table(DATA / "folds.parquet", FOLDS), clips)
    predictions = {
        name: align(
            read_table(study.run_folder(name) / "predictions.parquet", PREDICTIONS), truth, name
        )
        for name in study.experiments
    }
    votes = last_votes(read_votes(DATA / "votes", set(clips["sample_id"])))
    return Results(study, labels, clips, truth, votes, predictions)
