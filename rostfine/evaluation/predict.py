"""Grade distributions of clips, in batches."""

import torch
from jaxtyping import Float32, UInt8
from numpy import ndarray
from torch import Tensor, nn

from rostfine.clips.transforms import to_input
from rostfine.params import InputParams


@torch.inference_mode()
def predict(
    model: nn.Module,
    frames: UInt8[Tensor, "clip frame row col chan"],
    wanted: InputParams,
    *,
    batch: int = 32,
) -> Float32[ndarray, "clip grade"]:
    """Predict the grade distribution of each clip; each row sums to 1."""
    model.eval()
    device = next(model.parameters()).device
    parts = [
        model(to_input(part.to(device), wanted)).distribution.float().cpu()
        for part in torch.split(frames, batch)
    ]
    return torch.cat(parts).numpy()
