"""Grade distributions of clips, in batches."""

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float32, UInt8
from numpy import ndarray
from torch import Tensor, nn

from rostfine.clips.transforms import to_input
from rostfine.models.outputs import ModelOutput
from rostfine.params import InputParams


def predict(
    model: nn.Module,
    frames: UInt8[Tensor, "clip frame row col chan"],
    wanted: InputParams,
    *,
    speeds: Float32[Tensor, " clip"] | None = None,
    batch: int = 8,
) -> Float32[ndarray, "clip grade"]:
    """Predict the grade distribution of each clip; each row sums to 1."""
    model.eval()
    device = next(model.parameters()).device
    parts = torch.split(torch.arange(len(frames)), batch)
    inputs = (to_input(frames[rows].to(device), wanted) for rows in parts)
    given = [None if speeds is None else speeds[rows].to(device) for rows in parts]
    return predict_inputs(model, zip(inputs, given, strict=True))


@torch.inference_mode()
def predict_inputs(
    forward: Callable[[Tensor, Tensor | None], ModelOutput],
    batches: Iterable[tuple[Tensor, Tensor | None]],
) -> Float32[ndarray, "clip grade"]:
    """Predict the grade distribution of each clip from batches of input and speed."""
    parts = [forward(clips, speed).distribution.float().cpu() for clips, speed in batches]
    return torch.cat(parts).numpy()
