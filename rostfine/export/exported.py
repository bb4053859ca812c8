"""Predictions of an exported model."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from numpy import ndarray
from torch import Tensor

from rostfine.clips.transforms import to_input
from rostfine.errors import ClipError
from rostfine.export.convolutions import use_convolutions
from rostfine.export.graph import CLIP, DISTRIBUTION, SELECTED, SPEED
from rostfine.export.settings import GRAPH, read_report
from rostfine.export.toolkit import import_openvino
from rostfine.params import InputParams

WITHOUT_VNNI = ("NO AVX", "AVX2")
"""CPUs by the names that torch gives them. A few AVX2 ones have VNNI, and lose nothing."""


@dataclass(frozen=True)
class Prediction:
    """The grade distribution of each clip, and the patches it was made of where some are chosen."""

    distribution: Float32[ndarray, "clip grade"]
    selected: Int64[ndarray, "clip frame k"] | None


class ExportedModel:
    """A model that OpenVINO has compiled for this CPU; called, it predicts like `predict`."""

    def __init__(self, compiled: Any, input: InputParams) -> None:
        self.input = input
        self.request = compiled.create_infer_request()
        self._selects = len(compiled.outputs) > 1

    def __call__(
        self,
        frames: UInt8[Tensor, "clip frame row col chan"],
        *,
        speeds: Float32[Tensor, " clip"] | None = None,
    ) -> Float32[ndarray, "clip grade"]:
        """Predict the grade distribution of each clip; each row sums to 1."""
        return self.predict(frames, speeds=speeds).distribution

    def predict(
        self,
        frames: UInt8[Tensor, "clip frame row col chan"],
        *,
        speeds: Float32[Tensor, " clip"] | None = None,
    ) -> Prediction:
        """Predict, and tell the selected patches.

        One clip after the other, whose thousand tokens fill a CPU already. Raises ClipError if
        there is no clip, frames are not square, or a model that takes speeds gets none.
        """
        if not len(frames) or frames.shape[2] != frames.shape[3]:
            raise ClipError(f"clips: wanted some, of square frames, got {tuple(frames.shape)}")
        if self.input.speed is not None and speeds is None:
            raise ClipError(f"this model also takes the {self.input.speed} of each clip")
        found = []
        for row in range(len(frames)):
            speed = None if speeds is None else speeds[row : row + 1]
            self.request.infer(feed(frames[row : row + 1], self.input, speed))
            found.append({name: self._result(name) for name in self._names()})
        rows = {name: np.concatenate([one[name] for one in found]) for name in self._names()}
        return Prediction(rows[DISTRIBUTION], rows.get(SELECTED))

    def _names(self) -> tuple[str, ...]:
        return (DISTRIBUTION, SELECTED) if self._selects else (DISTRIBUTION,)

    def _result(self, name: str) -> ndarray:
        # A copy: the request writes the next clip into the same memory.
        return np.array(self.request.get_tensor(name).data)


def load_exported(folder: Path, threads: int | None = None) -> ExportedModel:
    """Load what `export_model` wrote and compile it for this CPU, in seconds.

    `threads` None takes every core that this process may use. Raises InputError naming the file
    that is missing or was changed.
    """
    report = read_report(folder)
    return compile_graph(folder / GRAPH, report.input, threads)


def compile_graph(
    path: Path, input: InputParams, threads: int | None = None, **properties: Any
) -> ExportedModel:
    """Compile the graph of one file, for one clip at a time, with more OpenVINO properties."""
    core = import_openvino().Core()
    graph = core.read_model(path)
    threads = threads or len(os.sched_getaffinity(0))
    # A little faster than any number of clips. With one thread OpenVINO 2026.4.1 dies of it
    # (SIGSEGV in compile_model, seen with a small model).
    if threads > 1:
        graph.reshape({port.any_name: [1, *list(port.partial_shape)[1:]] for port in graph.inputs})
    if torch.backends.cpu.get_cpu_capability() in WITHOUT_VNNI:
        use_convolutions(graph)
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        # Otherwise CPUs with bfloat16 units would round to it what is float32.
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        **properties,
    }
    return ExportedModel(core.compile_model(graph, "CPU", settings), input)


def feed(
    frames: UInt8[Tensor, "clip frame row col chan"],
    input: InputParams,
    speeds: Float32[Tensor, " clip"] | None = None,
) -> dict[str, ndarray]:
    """Return the named inputs of a graph for some clips."""
    inputs = {CLIP: to_input(frames, input).contiguous().numpy()}
    if input.speed is not None and speeds is not None:
        inputs[SPEED] = speeds.float().numpy()
    return inputs
