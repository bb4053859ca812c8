"""What every model of grade distributions returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True)
class Maps:
    """Every attention map of a forward pass; each row sums to 1.

    In space, token 0 is the frame's copy of the class token and token 1 + p is patch p. In the
    branches token 0 is the class token, and then come the patches selected in the frame (FGS) or
    in all frames, frame by frame (FGT); None where a model has no such branch.
    """

    time: Float[Tensor, "batch layer patch head frame other_frame"]
    space: Float[Tensor, "batch layer frame head token other_token"]
    fgs: Float[Tensor, "batch block frame branch_head chosen other_chosen"] | None = None
    fgt: Float[Tensor, "batch block branch_head all_chosen other_all_chosen"] | None = None


@dataclass(frozen=True)
class ModelOutput:
    """Logits and features, in training and in evaluation alike.

    `branches` names the first axis of the logits. `features` are what heads and the diversity loss
    work on, by name. `selected` holds the patches chosen in each frame, the one with most attention
    first, counted along the rows of the grid; None where a model chooses none, or was not there to
    see it. `maps` are there only if asked for.
    """

    logits: Float[Tensor, "branch batch grade"]
    branches: tuple[str, ...]
    features: Mapping[str, Float[Tensor, "batch dim"]]
    selected: Int64[Tensor, "batch frame k"] | None = None
    maps: Maps | None = None

    @property
    def distributions(self) -> Float[Tensor, "branch batch grade"]:
        """The grade distribution of each branch, in float32 at least."""
        precise = self.logits.float() if self.logits.element_size() < 4 else self.logits
        return precise.softmax(dim=-1)

    @property
    def distribution(self) -> Float[Tensor, "batch grade"]:
        """The predicted grade distribution: the mean of all branches (eq. 20)."""
        return self.distributions.mean(dim=0)


@runtime_checkable
class Condensing(Protocol):
    """A model in two steps: an encoder, and all that stands behind it."""

    def condense(
        self, clip: Float[Tensor, "batch 3 frame row col"]
    ) -> Float[Tensor, "batch token dim"]:
        """Return all that the parts behind the encoder read, the class token first."""

    def predict_from(
        self,
        condensed: Float[Tensor, "batch token dim"],
        speed: Float[Tensor, " batch"] | None = None,
    ) -> ModelOutput:
        """Predict what the whole model would from the clip."""
