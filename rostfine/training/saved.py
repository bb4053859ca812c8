"""A trained model as two files: `weights.safetensors`, and `settings.json` that rebuilds it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

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

    @property
    def variant(self) -> str:
        """The variant of its experiment, by name or by its switches."""
        variant = self.experiment.variant
        return variant if isinstance(variant, str) else ", ".join(variant)


@runtime_checkable
class Settings(Protocol):
    """What the settings of every kind of model say: those of grades, and of the sibling systems."""

    @property
    def experiment_name(self) -> str:
        """What it is called."""

    @property
    def trained_on(self) -> str:
        """What it saw, in words."""

    @property
    def variant(self) -> str:
        """Whether it is the paper's method or the published one."""


def save_model(folder: Path, model: nn.Module, settings: Settings) -> None:
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
    model = build_experiment(settings.experiment)
    load_weights(model, folder)
    return model.eval(), settings


def load_weights(model: nn.Module, folder: Path) -> None:
    """Load the weights of `folder` into a model that was built by its settings.

    Raises InputError naming the file, and the keys that differ where weights and settings disagree.
    """
    try:
        weights = load_file(folder / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(f"{folder}: not a saved model: {error}") from error
    missing, unexpected = model.load_state_dict(weights, strict=False)
    if missing or unexpected:
        raise InputError(
            f"{folder / WEIGHTS}: other weights than {SETTINGS} asks for: "
            f"missing {missing[:5]}, unexpected {unexpected[:5]}"
        )


def read_settings(folder: Path) -> ModelSettings:
    """Read the settings of a saved model. Raises InputError if there are none that can be read."""
    try:
        return parse(ModelSettings, read_json(folder / SETTINGS))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: not a saved model: {error}") from error


def _state(model: nn.Module) -> list[tuple[str, Any]]:
    return list(model.state_dict().items())
