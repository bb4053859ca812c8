"""From a torch model to an OpenVINO graph, for any number of clips."""

from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export

from rostfine.export.toolkit import import_openvino, quiet
from rostfine.models.inference import fold_time
from rostfine.params import InputParams

CLIP: Final = "clip"
SPEED: Final = "speed"
DISTRIBUTION: Final = "distribution"
SELECTED: Final = "selected"
"""Names of inputs and outputs: (batch, 3, frame, row, col), (batch), (batch, grade), and the
patches (batch, frame, k) of models that select some."""

MOST_CLIPS: Final = 4096
"""The largest batch that a graph promises to take."""


def to_graph(model: nn.Module, input: InputParams) -> Any:
    """Convert `model` to a graph (openvino.Model) that does exactly the same, in float32."""
    openvino = import_openvino()
    with quiet():
        program, names = _capture(fold_time(model), input)
        graph = openvino.convert_model(program)
    shapes = {CLIP: [-1, 3, input.frames, input.image_px, input.image_px], SPEED: [-1]}
    inputs = [CLIP] if input.speed is None else [CLIP, SPEED]
    for port, name in zip(graph.inputs, inputs, strict=True):
        port.set_names({name})
    for port, name in zip(graph.outputs, names, strict=True):
        port.set_names({name})
    graph.reshape({name: openvino.PartialShape(shapes[name]) for name in inputs})
    return graph


class _Outputs(nn.Module):
    """The model with nothing but tensors as its output."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, clip: Tensor, speed: Tensor | None = None) -> dict[str, Tensor]:
        output = self.model(clip, speed)
        found = {DISTRIBUTION: output.distribution, SELECTED: output.selected}
        return {name: value for name, value in found.items() if value is not None}


@torch.no_grad()
def _capture(model: nn.Module, input: InputParams) -> tuple[ExportedProgram, list[str]]:
    outputs = _Outputs(model)
    # Two of them, because a batch of one would be taken for an axis that is always one.
    clip = torch.zeros(2, 3, input.frames, input.image_px, input.image_px)
    given = (clip,) if input.speed is None else (clip, torch.zeros(2))
    batch = Dim("batch", min=1, max=MOST_CLIPS)
    axes = {CLIP: {0: batch}, SPEED: None if input.speed is None else {0: batch}}
    shapes = {name: axes[name] for name, _ in zip(axes, given, strict=False)}
    program = export(outputs, given, dynamic_shapes=shapes, strict=False)
    return program, list(outputs(*given))
