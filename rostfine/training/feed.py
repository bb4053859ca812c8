"""What a model is fed, batch by batch: kept on its device, or read while it is at work."""

from collections.abc import Iterator, Sequence
from contextlib import closing

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from rostfine.clips.dataset import ClipFiles
from rostfine.clips.transforms import to_input
from rostfine.params import InputParams
from rostfine.training.data import Samples
from rostfine.video.ahead import read_ahead

AT_ONCE = 64
"""Clips whose input is made at once."""


class Feed:
    """The input of samples on a device, in the order in which it is asked for.

    Clips that are kept are kept in their smaller form: as stored, one byte a value, or, where a
    model sees few pixels, as the input that is made of them. Features of an encoder are input
    already (`condensed`).
    """

    def __init__(self, samples: Samples, params: InputParams, device: torch.device) -> None:
        self.params, self.device = params, device
        frames = samples.frames
        self.condensed = isinstance(frames, Tensor) and frames.is_floating_point()
        self.is_input = self.condensed or _is_smaller(samples, params)
        if isinstance(frames, Tensor) and self.is_input and not self.condensed:
            parts = [to_input(part.to(device), params) for part in torch.split(frames, AT_ONCE)]
            self.clips: Tensor | ClipFiles = torch.cat(parts)
        else:
            self.clips = frames if isinstance(frames, ClipFiles) else frames.to(device)

    def batches(self, parts: Sequence[Int64[Tensor, " _row"]]) -> Iterator[Float[Tensor, "..."]]:
        """Yield the input of each part: (batch, chan, frame, row, col) or (batch, token, dim)."""
        clips = self.clips
        if isinstance(clips, ClipFiles):
            with closing(read_ahead(clips.read(rows) for rows in parts)) as read:
                for frames in read:
                    yield to_input(frames.to(self.device, non_blocking=True), self.params)
            return
        for rows in parts:
            taken = clips[rows.to(self.device)]
            yield taken if self.is_input else to_input(taken, self.params)


def _is_smaller(samples: Samples, params: InputParams) -> bool:
    if isinstance(samples.frames, ClipFiles) or not len(samples.frames):
        return False
    first = samples.frames[:1]
    made = to_input(first, params)
    return made.nbytes <= first.nbytes
