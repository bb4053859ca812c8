"""What MLflow is told in numbers: the curves of an epoch, and how metrics spread over folds."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from rostfine.evaluation.statistics import over_folds
from rostfine.training.epoch import Epoch, Terms


def epoch_metrics(epoch: Epoch) -> dict[str, float]:
    """Return the numbers of an epoch as `train.total`, `valid.branch.g`, `lr` and so on."""
    parts = {"train": epoch.train, "valid": epoch.valid}
    terms = {
        f"{part}.{name}": value
        for part, terms in parts.items()
        if terms is not None
        for name, value in _term_metrics(terms).items()
    }
    return {**terms, "lr": float(epoch.lr), "seconds": float(epoch.seconds)}


def fold_spread(metrics_by_fold: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return `<metric>_mean` and `<metric>_sd` over folds; the sd divides by their number."""
    names = dict.fromkeys(name for metrics in metrics_by_fold.values() for name in metrics)
    spread = {}
    for name in names:
        values = [metrics[name] for metrics in metrics_by_fold.values() if name in metrics]
        spread[f"{name}_mean"], spread[f"{name}_sd"] = dataclasses.astuple(
            over_folds(np.array(values, dtype=np.float64))
        )
    return spread


def _term_metrics(terms: Terms) -> dict[str, float]:
    named = {
        "total": terms.total,
        "averaged": terms.averaged,
        "fit": terms.fit,
        "diversity": terms.diversity,
        **{f"branch.{name}": value for name, value in terms.branches.items()},
        **{f"pair.{name}": value for name, value in terms.pairs.items()},
    }
    return {name: float(value) for name, value in named.items()}
