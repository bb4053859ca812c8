"""A trained model as two files: `weights.safetensors`, and `settings.json` that rebuilds it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from rostfine.errors import InputError
from rostfine.files import read_json, write_json, written_whole
from rostfine.models import build_experiment
from rostfine.params import ClipParams, ExperimentParams, TrackingParams
from rostfine.parsing import parse, plain

WEIGHTS = "weights.safetensors"
SETTINGS = "settings.json"


@dataclass(frozen=True)
class ModelSettings:
    """All that is needed to go from a video to a prediction with the weights beside it."""

    experiment_name: str
    trained_on: str  # "all data", or which fold was held out
    epoch_by: str  # what chose the epoch whose weights these are
    experiment: ExperimentParams
    tracking: TrackingParams
    clips: ClipParams


def save_model(folder: Path, model: nn.Module, settings: ModelSettings) -> None:
    """Write the weights and settings of `model` into `folder`."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in _state(model)}
    with written_whole(folder / WEIGHTS, durable=True) as beside:
        save_file(weights, beside)
    write_json(folder / SETTINGS, plain(settings), durable=True)


def load_model(folder: Path) -> tuple[nn.Module, ModelSettings]:
    """Rebuild the model of `folder`, in evaluation mode, on the CPU.

    Raises InputError naming the file, and the keys that differ where weights and settings disagree.
    """
    settings = read_settings(folder)
    try:
        weights = load_file(folder / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(f"{folder}: not a saved model: {error}") from error
    model = build_experiment(settings.experiment)
    missing, unexpected = model.load_state_dict(weights, strict=False)
    if missing or unexpected:
        raise InputError(
            f"{folder / WEIGHTS}: other weights than {SETTINGS} asks for: "
            f"missing {missing[:5]}, unexpected {unexpected[:5]}"
        )
    return model.eval(), settings


def read_settings(folder: Path) -> ModelSettings:
    """Read the settings of a saved model. Raises InputError if there are none that can be read."""
    try:
        return parse(ModelSettings, read_json(folder / SETTINGS))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: not a saved model: {error}") from error


def _state(model: nn.Module) -> list[tuple[str, Any]]:
    return list(model.state_dict().items())
