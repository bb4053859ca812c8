"""What a model is fed, batch by batch: kept on its device, or read while it is at work."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor

from rostfine.training.data import Samples, Stored
from rostfine.video.ahead import read_ahead

AT_ONCE = 64
"""Clips whose input is made at once."""


ToInput = Callable[[Any], Any]
"""Makes of stored clips what a model sees; of pictures with targets that is no one tensor."""


class Feed:
    """The input of samples on a device, in the order in which it is asked for.

    Clips that are kept are kept in their smaller form: as stored, one byte a value, or, where a
    model sees few pixels, as the input that is made of them. Features of an encoder are input
    already (`condensed`).
    """

    def __init__(self, samples: Samples, to_input: ToInput, device: torch.device) -> None:
        self.to_input, self.device = to_input, device
        frames = samples.frames
        self.condensed = isinstance(frames, Tensor) and frames.is_floating_point()
        self.is_input = self.condensed or _is_smaller(samples, to_input)
        if isinstance(frames, Tensor) and self.is_input and not self.condensed:
            parts = [to_input(part.to(device)) for part in torch.split(frames, AT_ONCE)]
            self.clips: Tensor | Stored = torch.cat(parts)
        else:
            self.clips = frames.to(device) if isinstance(frames, Tensor) else frames

    def batches(self, parts: Sequence[Int64[Tensor, " _row"]]) -> Iterator[Any]:
        """Yield the input of each part: (batch, chan, frame, row, col) or (batch, token, dim)."""
        clips = self.clips
        if not isinstance(clips, Tensor):
            with closing(read_ahead(clips.read(rows) for rows in parts)) as read:
                for frames in read:
                    yield self.to_input(frames.to(self.device, non_blocking=True))
            return
        for rows in parts:
            taken = clips[rows.to(self.device)]
            yield taken if self.is_input else self.to_input(taken)


def _is_smaller(samples: Samples, to_input: ToInput) -> bool:
    if not isinstance(samples.frames, Tensor) or not len(samples.frames):
        return False
    first = samples.frames[:1]
    made = to_input(first)
    return bool(made.nbytes <= first.nbytes)
