"""What predictions are held against, in one order: labels, folds and patients of each sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray

from rostfine.errors import FoldError, TableError
from rostfine.schemas import GRADE_COLUMNS

ZERO_R: Final = "ZeroR"
"""What the mean label of the training folds is called where it stands beside experiments."""


@dataclass(frozen=True)
class Truth:
    """What predictions are held against, sample by sample."""

    sample_ids: tuple[str, ...]
    labels: Float[ndarray, "sample grade"]
    folds: Int[ndarray, " sample"]
    patients: tuple[str, ...]


def gather_truth(labels: pd.DataFrame, folds: pd.DataFrame, clips: pd.DataFrame) -> Truth:
    """Join labels, folds and patients in the order of the fold table.

    Raises TableError naming the samples that have a fold but no label or clip.
    """
    sample_ids = folds["sample_id"].to_list()
    by_id = {"labels": labels.set_index("sample_id"), "clips": clips.set_index("sample_id")}
    for name, table in by_id.items():
        _refuse_absent(f"{name}.parquet", sorted(set(sample_ids) - set(table.index)))
    wanted = by_id["labels"].loc[sample_ids, list(GRADE_COLUMNS)].to_numpy(np.float64)
    patients = by_id["clips"].loc[sample_ids, "patient_id"].astype(str)
    return Truth(tuple(sample_ids), wanted, folds["fold"].to_numpy(np.int64), tuple(patients))


def align(predictions: pd.DataFrame, truth: Truth, name: str) -> Float[ndarray, "sample grade"]:
    """Return the predictions of experiment `name` in the order of `truth`.

    Raises TableError if a sample was not predicted, or was in another fold when it was: then the
    predictions are older than the folds.
    """
    table = predictions.set_index("sample_id")
    where = f"runs/{name}/predictions.parquet"
    _refuse_absent(where, sorted(set(truth.sample_ids) - set(table.index)))
    table = table.loc[list(truth.sample_ids)]
    moved = table["fold"].to_numpy() != truth.folds
    if moved.any():
        first = truth.sample_ids[int(np.argmax(moved))]
        raise TableError(
            f"{where}: {int(moved.sum())} samples were predicted in another fold than "
            f"data/folds.parquet gives, first {first!r}; run cross_validate again"
        )
    return table[list(GRADE_COLUMNS)].to_numpy(np.float64)


def zero_r(
    labels: Float[ndarray, "sample grade"], folds: Int[ndarray, " sample"]
) -> Float[ndarray, "sample grade"]:
    """Predict for every sample the mean label of the other folds: what a model must beat.

    Raises FoldError if there is only one fold, because then nothing was trained on.
    """
    numbers = np.unique(folds)
    if len(numbers) < 2:
        raise FoldError(f"ZeroR: wanted at least two folds, got {len(numbers)}")
    predicted = np.empty(labels.shape, dtype=np.float64)
    for fold in numbers:
        predicted[folds == fold] = labels[folds != fold].mean(axis=0)
    return predicted


def beside_zero_r(
    predictions: Mapping[str, Float[ndarray, "sample grade"]], truth: Truth
) -> dict[str, Float[ndarray, "sample grade"]]:
    """Return the predictions of every experiment by name, those of ZeroR last."""
    return {**predictions, ZERO_R: zero_r(truth.labels, truth.folds)}


def by_patient(
    predictions: Mapping[str, Float[ndarray, "sample grade"]], truth: Truth
) -> tuple[dict[str, Float[ndarray, "patient grade"]], Truth]:
    """Average predictions and labels over the clips of each patient; a patient is then a sample.

    Folds that split a patient leave it one row in each: its clips were predicted by other models.
    """
    keys = [np.array(truth.patients, dtype=object), truth.folds]

    def averaged(values: Float[ndarray, "sample grade"]) -> pd.DataFrame:
        return pd.DataFrame(values).groupby(keys).mean()

    labels = averaged(truth.labels)
    names = tuple(str(name) for name in labels.index.get_level_values(0))
    folds = labels.index.get_level_values(1).to_numpy(np.int64)
    found = {name: averaged(values).to_numpy() for name, values in predictions.items()}
    return found, Truth(names, labels.to_numpy(), folds, names)


def _refuse_absent(where: str, sample_ids: Sequence[str]) -> None:
    if sample_ids:
        shown = ", ".join(sample_ids[:5]) + (", ..." if len(sample_ids) > 5 else "")
        raise TableError(f"{where}: no row for {len(sample_ids)} samples: {shown}")
