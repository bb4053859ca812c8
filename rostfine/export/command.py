"""What `rostfine export` does."""

from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from rostfine.clips.dataset import load_bank
from rostfine.errors import InputError
from rostfine.export.settings import ExportReport
from rostfine.export.write import export_model
from rostfine.progress import progress
from rostfine.training.saved import ModelSettings

CLIPS = 32
"""Spread over the folder; enough to calibrate on, and minutes of work at the paper's size."""


def export_command(
    model: nn.Module, settings: ModelSettings, out: Path, *, int8: bool, clips: Path | None
) -> str:
    """Export a trained model to the folder `out` and return what to tell about it, in one line.

    Raises InputError if `int8` comes without `clips`, a folder of clips of the model's own kind.
    """
    if int8 != (clips is not None):
        raise InputError(
            "wanted both --int8 and --clips DIR, the clips to calibrate on, or neither"
        )
    calibration = None if clips is None else _some_of(clips, settings)
    with progress("exporting", 3) as advance:
        report = export_model(
            model, settings.experiment.input, out, calibration=calibration, advance=advance
        )
    return _tell(out, report)


def _some_of(folder: Path, settings: ModelSettings) -> UInt8[Tensor, "clip frame row col chan"]:
    names = sorted(path.stem for path in folder.glob("*.npz"))
    if not names:
        raise InputError(f"{folder}: wanted clips (.npz) to calibrate on, found none")
    picked = torch.linspace(0, len(names) - 1, min(CLIPS, len(names))).round().long()
    frames = load_bank(folder, [names[i] for i in picked.tolist()]).frames
    wanted = (settings.clips.frames, settings.clips.size_px, settings.clips.size_px, 3)
    if tuple(frames.shape[1:]) != wanted:
        raise InputError(
            f"{folder}: wanted clips of {wanted} (frame, row, col, chan), as the model was trained "
            f"on, got {tuple(frames.shape[1:])}"
        )
    return frames


def _tell(out: Path, report: ExportReport) -> str:
    return (
        f"{out}: {report.precision}, at most {report.largest_difference:.1e} from the original's "
        f"probabilities on {report.clips_compared} clips"
    )
