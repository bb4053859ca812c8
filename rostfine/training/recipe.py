"""What the training loop asks of whatever it trains."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Float32
from torch import Tensor, device, nn

from rostfine.params import FitParams
from rostfine.training.data import Samples
from rostfine.training.epoch import Terms
from rostfine.training.feed import Feed

Vector = Float[Tensor, " term"]


@runtime_checkable
class Recipe(Protocol):
    """What a fit trains: how its model begins, what that is fed, and by which loss it learns.

    The terms of a loss travel as one vector, the total first, because they are summed and fetched
    at once.
    """

    @property
    def fit(self) -> FitParams:
        """How long it is trained, and how."""

    @property
    def looks_first(self) -> bool:
        """Whether who chooses the epoch is looked at before each epoch, not after it."""

    @property
    def at_most(self) -> int | None:
        """How many samples an epoch goes through at most; None: all."""

    def start(self) -> nn.Module:
        """Build the model as its training starts, on the CPU; what is frozen takes no gradient."""

    def feed(self, samples: Samples, device: device) -> Feed:
        """Return what the model is fed of samples."""

    def reader(self, model: nn.Module, feed: Feed) -> nn.Module:
        """Return the model, or the part of it, that reads what `feed` gives."""

    def objective(
        self,
        output: Any,
        inputs: Any,
        labels: Float32[Tensor, "batch label"],
        weights: Float32[Tensor, " batch"] | None,
    ) -> tuple[Float[Tensor, ""], Vector]:
        """Return the loss of what the model said of a batch, and its terms, detached."""

    def measure(self, model: nn.Module, feed: Feed, samples: Samples) -> Terms:
        """Measure a model in evaluation mode on samples that it is not trained on."""

    def terms(self, vector: Sequence[float]) -> Terms:
        """Name the terms of a vector."""
