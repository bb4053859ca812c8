"""Writing an exported model, once its predictions are those of the model it came from."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray
from torch import Tensor, nn

from rostfine.errors import InputError, RostfineError
from rostfine.export.exported import ExportedModel, compile_graph, feed
from rostfine.export.graph import to_graph
from rostfine.export.quantize import quantize
from rostfine.export.settings import GRAPH, REPORT, WEIGHTS, ExportReport
from rostfine.export.toolkit import import_openvino
from rostfine.files import sha256_of, write_json
from rostfine.params import InputParams
from rostfine.parsing import plain
from rostfine.progress import Advance, silent

Precision = Literal["fp32", "int8"]

LARGEST_DIFFERENCE: Final[dict[Precision, float]] = {"fp32": 1e-4, "int8": 0.01}
"""Of any probability from that of the torch model."""

HELD_OUT: Final = 4
"""One in so many clips is compared only, and never calibrated on."""

SPEED_OF_CALIBRATION: Final = 50.0
"""Speeds enter at the last layer, which is linear in their logarithm: any will do."""


def export_model(
    model: nn.Module,
    input: InputParams,
    folder: Path,
    *,
    calibration: UInt8[Tensor, "clip frame row col chan"] | None,
    largest_difference: float | None = None,
    advance: Advance = silent,
) -> ExportReport:
    """Write `model` as an OpenVINO graph into the new or empty `folder`, whole or not at all.

    In 8-bit integers if there are clips to calibrate on, else in float32. `advance` counts three
    steps: converted, calibrated, compared.

    Raises InputError if the folder is not empty; RostfineError if any probability of any clip is
    further than `largest_difference` (None: that of LARGEST_DIFFERENCE) from the model's own.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: wanted a new or an empty folder for the exported model")
    precision: Precision = "fp32" if calibration is None else "int8"
    allowed = LARGEST_DIFFERENCE[precision] if largest_difference is None else largest_difference
    graph = to_graph(model, input)
    advance(note="converted")
    used: list[int] = []
    if calibration is not None:
        used = [row for row in range(len(calibration)) if (row + 1) % HELD_OUT]
        graph = quantize(graph, [_feed(calibration[row : row + 1], input) for row in used])
    advance(note="calibrated" if used else "")
    clips = _noise(input) if calibration is None else calibration
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        beside = Path(scratch) / folder.name
        import_openvino().save_model(graph, beside / GRAPH, compress_to_fp16=False)
        difference, same = _compare(compile_graph(beside / GRAPH, input), model, clips)
        if not difference <= allowed:
            raise RostfineError(
                f"{folder}: not written, because the {precision} model differs: wanted each "
                f"probability within {allowed:g} of the original's, got {difference:.2g}"
            )
        report = ExportReport(
            precision=precision,
            input=input,
            openvino=import_openvino().__version__,
            clips_calibrated=len(used),
            clips_compared=len(clips),
            largest_difference=difference,
            largest_allowed=allowed,
            same_patches=same,
            sha256_graph=sha256_of(beside / GRAPH),
            sha256_weights=sha256_of(beside / WEIGHTS),
        )
        write_json(beside / REPORT, plain(report))
        beside.replace(folder)
    advance(note="compared")
    return report


@torch.inference_mode()
def _compare(
    exported: ExportedModel, model: nn.Module, clips: UInt8[Tensor, "clip frame row col chan"]
) -> tuple[float, float | None]:
    """Return the largest difference of a probability, and the share of frames with same patches."""
    model.eval()
    differences, same = [], []
    for clip in torch.split(clips, 1):
        inputs = [torch.from_numpy(array) for array in _feed(clip, exported.input).values()]
        wanted = model(*inputs)
        found = exported.predict(clip, speeds=_speeds(exported.input))
        differences.append(np.abs(found.distribution - wanted.distribution.numpy()).max())
        if wanted.selected is not None and found.selected is not None:
            wanted_patches = np.sort(wanted.selected.numpy())
            same.append((np.sort(found.selected) == wanted_patches).all(axis=-1).mean())
    # A difference that is no number is kept as one: max() would hide it.
    return float(np.max(differences)), float(np.mean(same)) if same else None


def _feed(clip: UInt8[Tensor, "1 frame row col chan"], input: InputParams) -> dict[str, ndarray]:
    return feed(clip, input, _speeds(input))


def _speeds(input: InputParams) -> Tensor | None:
    return None if input.speed is None else torch.tensor([SPEED_OF_CALIBRATION])


def _noise(input: InputParams) -> UInt8[Tensor, "clip frame row col chan"]:
    """Clips to compare on where there are none: float32 is as exact on them as on any."""
    shape = (2, input.frames, input.image_px, input.image_px, 3)
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
