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
    speeds: Float32[Tensor, " clip"] | None = None,
    batch: int = 8,
) -> Float32[ndarray, "clip grade"]:
    """Predict the grade distribution of each clip; each row sums to 1."""
    model.eval()
    device = next(model.parameters()).device
    parts = []
    for rows in torch.split(torch.arange(len(frames)), batch):
        speed = None if speeds is None else speeds[rows].to(device)
        output = model(to_input(frames[rows].to(device), wanted), speed)
        parts.append(output.distribution.float().cpu())
    return torch.cat(parts).numpy()
