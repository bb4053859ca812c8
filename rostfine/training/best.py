"""What the published code does to choose its weights: it looks at the fold that it is tested on."""

import copy
from typing import Any

import numpy as np
import torch
from torch import nn

from rostfine.evaluation.predict import predict
from rostfine.losses import losses_of
from rostfine.params import ExperimentParams
from rostfine.training.data import Samples
from rostfine.variants import named_variant


class BestOnHeldOut:
    """Keeps the weights with the lowest loss on the held-out fold (`selects_on_test_fold`).

    As published it looks before each epoch, so that the weights of the last are never a candidate,
    and means over batches without regard to their sizes.
    """

    def __init__(self, held_out: Samples, experiment: ExperimentParams) -> None:
        self.held_out, self.experiment = held_out, experiment
        self.loss = losses_of(named_variant(experiment.variant))[experiment.loss.name]
        self.lowest = np.inf
        self.weights: dict[str, Any] = {}

    def look_at(self, model: nn.Module) -> float:
        """Return the loss of the averaged prediction; keep the weights if it is the lowest."""
        held_out, batch = self.held_out, self.experiment.fit.batch
        found = predict(model, held_out.frames, self.experiment.input, speeds=held_out.speeds)
        predicted = torch.from_numpy(found).to(held_out.labels)
        parts = zip(torch.split(predicted, batch), torch.split(held_out.labels, batch), strict=True)
        mean = float(np.mean([self.loss(ours, wanted).item() for ours, wanted in parts]))
        if mean < self.lowest:
            self.lowest = mean
            self.weights = copy.deepcopy(model.state_dict())
        return mean

    def restore(self, model: nn.Module) -> None:
        """Give the model the weights that were kept."""
        model.load_state_dict(self.weights)
