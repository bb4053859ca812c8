"""One clip through one model, with everything that a picture of its attention needs."""

from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from torch import nn

from rostfine.clips.transforms import frame_indices, to_input
from rostfine.explain.rollout import rollout_of, selection_map
from rostfine.models import ModelOutput
from rostfine.params import ExperimentParams
from rostfine.variants import named_variant

ROLLOUT: Final = "attention rollout"
LAST_MAP: Final = "last attention"


@dataclass(frozen=True)
class Look:
    """Where a model looked in the frames that it was given, `frame_numbers` of the stored clip.

    `class_token` is the share that a rollout leaves on the class token; None for raw maps.
    """

    method: str
    heat: Float[ndarray, "frame patch"]
    class_token: float | None
    frame_numbers: tuple[int, ...]
    selected: Int[ndarray, "frame k"] | None
    predicted: Float[ndarray, " grade"]


@torch.inference_mode()
def look_at(
    clip: UInt8[ndarray, "frame row col chan"],
    model: nn.Module,
    experiment: ExperimentParams,
    *,
    speed: float | None = None,
) -> Look:
    """Predict the grade of a clip, in evaluation mode, and find where that came from.

    By rollout, or as published where the experiment's variant says so.
    """
    frames = torch.tensor(clip)[None]
    speeds = None if speed is None else torch.tensor([speed])
    output: ModelOutput = model.eval()(to_input(frames, experiment.input), speeds, maps=True)
    method, heat, class_token = _heat(output, experiment)
    selected = output.selected
    return Look(
        method=method,
        heat=heat,
        class_token=class_token,
        frame_numbers=tuple(frame_indices(len(clip), experiment.input.frames).tolist()),
        selected=None if selected is None else selected[0].numpy(),
        predicted=output.distribution[0].numpy(),
    )


def _heat(
    output: ModelOutput, experiment: ExperimentParams
) -> tuple[str, Float[ndarray, "frame patch"], float | None]:
    variant = named_variant(experiment.variant)
    if variant.raw_attention_maps:
        return LAST_MAP, selection_map(output)[0].numpy(), None
    rollout = rollout_of(output, variant=variant)
    return ROLLOUT, rollout.patches[0].numpy(), float(rollout.cls[0])
