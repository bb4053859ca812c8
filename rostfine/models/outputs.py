"""What every model of grade distributions returns."""

from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True)
class ModelOutput:
    """Logits and features of each branch, in training and in evaluation alike.

    `branches` names the first axis. `selected` holds the patches chosen in each frame, the one
    with most attention first, counted along the rows of the grid; None where a model chooses none.
    """

    logits: Float[Tensor, "branch batch grade"]
    features: Float[Tensor, "branch batch dim"]
    branches: tuple[str, ...]
    selected: Int64[Tensor, "batch frame k"] | None = None

    @property
    def distributions(self) -> Float[Tensor, "branch batch grade"]:
        """The grade distribution of each branch, in float32 at least."""
        precise = self.logits.float() if self.logits.element_size() < 4 else self.logits
        return precise.softmax(dim=-1)

    @property
    def distribution(self) -> Float[Tensor, "batch grade"]:
        """The predicted grade distribution: the mean of all branches (eq. 20)."""
        return self.distributions.mean(dim=0)
