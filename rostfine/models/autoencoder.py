"""The autoencoder that turns frames into one picture of three channels: a feature image.

Thambawita et al. 2019 (see `rostfine.visem`), section 2.1; its layers are those of the published
code. Frames are channels, and sides a multiple of 4 come out as they went in.
"""

import math
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

FEATURE_CHANNELS: Final = 3
FEATURE_LEVEL: Final = 0.5
"""Of a feature image before anything is learnt."""
WIDER: Final = 3.0
EVEN: Final = 0.01


class Autoencoder(nn.Module):
    """Frames to a feature image, and back."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.encoder = hourglass(frames, FEATURE_CHANNELS)
        self.decoder = hourglass(FEATURE_CHANNELS, frames)

    def forward(
        self, stack: Float[Tensor, "batch 1 frame row col"], speed: None = None
    ) -> Float[Tensor, "batch 1 frame row col"]:
        """Return what is left of a stack after it was a feature image."""
        made: Tensor = self.decoder(self.encoder(stack.squeeze(1)))
        return made.unsqueeze(1)

    @torch.no_grad()
    def start_at(self, intensity: float) -> None:
        """Let the untrained model say about this everywhere, and be ready to say more.

        With torch's own start all pixels of an output may be below zero, where a ReLU passes no
        gradient on; else thousands of steps go by in which only the mean of all pixels is learnt.
        So each half begins with what differs from its mean (WIDER, as frames differ little), keeps
        that through its layers (He et al. 2015, arXiv:1502.01852), and ends above zero; what comes
        out at the very end is nearly even, so that there is no noise to be unlearnt.
        """
        for half, before, after in (
            (self.encoder, intensity, FEATURE_LEVEL),
            (self.decoder, FEATURE_LEVEL, intensity),
        ):
            layers = [m for m in half if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
            for layer in layers:
                # Squares of stride 2 do not overlap: a pixel comes of one pixel.
                each = 1 if isinstance(layer, nn.ConvTranspose2d) else layer.weight[0, 0].numel()
                layer.weight.normal_(0, math.sqrt(2 / (layer.in_channels * each)))
                _bias(layer).zero_()
            first, last = layers[0], layers[-1]
            first.weight.mul_(WIDER if half is self.encoder else 1)
            _bias(first).copy_(-before * first.weight.sum(dim=(1, 2, 3)))
            last.weight.mul_(EVEN if half is self.decoder else 1)
            _bias(last).fill_(after)


def _bias(layer: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def hourglass(before: int, after: int) -> nn.Sequential:
    """Halve the sides twice and double them again; what comes out is never negative."""
    return nn.Sequential(
        nn.Conv2d(before, 16, kernel_size=3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.ConvTranspose2d(32, 16, kernel_size=2, stride=2),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(16, after, kernel_size=2, stride=2),
        nn.ReLU(inplace=True),
    )
