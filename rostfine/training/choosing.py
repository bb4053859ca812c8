"""Whose weights are kept: those of the epoch that does best on clips that are not trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool
from numpy import ndarray
from torch import Tensor, nn

from rostfine.errors import FoldError
from rostfine.labels.folds import make_folds
from rostfine.params import FoldParams


@dataclass
class Best:
    """The lowest loss so far, after which epoch, and the weights that had it."""

    loss: float = np.inf
    epoch: int = -1
    weights: dict[str, Tensor] = field(default_factory=dict)

    def look(self, loss: float, epoch: int, model: nn.Module) -> None:
        """Keep a copy of the weights if their loss is the lowest; the first of equals stays."""
        if loss < self.loss:
            self.loss, self.epoch = loss, epoch
            self.weights = copy_of(model.state_dict())


def copy_of(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights that later steps do not change."""
    return {name: weight.detach().clone() for name, weight in weights.items()}


def choose_validation(
    modes: Sequence[str], patients: Sequence[str], share: float, seed: int
) -> Bool[ndarray, " clip"]:
    """Tell which of the training clips choose the epoch: about `share` of them, by patient.

    They are stratified by modal grade, and none of their patients is trained on.

    Raises FoldError if there are not two patients.
    """
    patient_count = len(set(patients))
    if patient_count < 2:
        raise FoldError(
            "fit.choose_epoch: validation needs clips of two patients or more to train on, "
            f"got {patient_count}; 'last' needs none"
        )
    k = min(max(2, round(1 / share)), patient_count)
    parts = make_folds(
        list(map(str, range(len(modes)))), modes, patients, FoldParams("by_patient", k, seed)
    )
    # Where patients differ in clips, so do parts.
    sizes = parts["fold"].value_counts(normalize=True).sort_index()
    chosen: Bool[ndarray, " clip"] = (parts["fold"] == (sizes - share).abs().idxmin()).to_numpy()
    return chosen
