"""A network that makes features of a clip, and one linear head on their mean."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rostfine.errors import ParamsError
from rostfine.models.layers import Head
from rostfine.models.outputs import ModelOutput


class Averaged(nn.Module):
    """Features of a clip's frames or windows, their mean, and one linear head on it.

    `encoder` maps a clip to Float[Tensor, "batch token dim"]. What is dropped out is dropped
    before the mean; `hidden` stands between the mean and the head. With `softmax_inside`, the
    published fault, what is called logits is the mean of what each token predicts, softmaxed.
    """

    def __init__(
        self,
        encoder: nn.Module,
        dim: int,
        *,
        with_speed: bool,
        dropout: float = 0.0,
        hidden: nn.Module | None = None,
        softmax_inside: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.hidden = hidden or nn.Identity()
        self.head = Head(dim, with_speed=with_speed)
        self.softmax_inside = softmax_inside

    def forward(
        self,
        clip: Float[Tensor, "batch 3 frame row col"],
        speed: Float[Tensor, " batch"] | None = None,
        *,
        maps: bool = False,
    ) -> ModelOutput:
        """Predict from the mean feature, as the one branch "g".

        Raises ParamsError if asked for attention maps, which this model does not have.
        """
        if maps:
            raise ParamsError(
                "explain.experiments: wanted models with attention maps (timesformer, rostfine), "
                f"got one of {type(self.encoder).__name__}"
            )
        return self.predict_from(self.condense(clip), speed)

    def condense(
        self, clip: Float[Tensor, "batch 3 frame row col"]
    ) -> Float[Tensor, "batch token dim"]:
        """Return all that is averaged."""
        # Laid out as it would be kept, so that every mean of it gives the same bits.
        tokens: Tensor = self.encoder(clip).contiguous()
        return tokens

    def predict_from(
        self,
        condensed: Float[Tensor, "batch token dim"],
        speed: Float[Tensor, " batch"] | None = None,
    ) -> ModelOutput:
        """Predict from what `condense` returned."""
        tokens = self.dropout(condensed)
        feature = self.hidden(tokens.mean(dim=1))
        logits = (
            self._softmaxed(tokens, speed) if self.softmax_inside else self.head(feature, speed)
        )
        return ModelOutput(logits[None], branches=("g",), features={"g": feature})

    def _softmaxed(
        self, tokens: Float[Tensor, "batch token dim"], speed: Float[Tensor, " batch"] | None
    ) -> Float[Tensor, "batch grade"]:
        shares = [self.head(token, speed).softmax(dim=-1) for token in tokens.unbind(dim=1)]
        return torch.stack(shares).mean(dim=0)
