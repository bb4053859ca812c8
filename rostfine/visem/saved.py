"""Trained models of both steps as two files each, by their own settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from torch import nn

from rostfine.errors import InputError
from rostfine.files import read_json
from rostfine.models.autoencoder import Autoencoder
from rostfine.params import FitParams
from rostfine.parsing import parse
from rostfine.training.saved import SETTINGS, load_weights
from rostfine.visem.params import INPUTS, FramesParams, InputName, RegressorParams
from rostfine.visem.recipes import build
from rostfine.visem.targets import TargetName

T = TypeVar("T")


@dataclass(frozen=True)
class AutoencoderSettings:
    """All that is needed to make feature images with the weights beside it."""

    kind: Literal["autoencoder"]
    experiment_name: str
    trained_on: str  # "all data", or which fold was held out
    epoch_by: str  # what chose the epoch whose weights these are
    variant: Literal["paper", "published"]
    input: InputName
    frames: FramesParams
    fit: FitParams


@dataclass(frozen=True)
class SemenSettings:
    """All that is needed to go from a video to three percentages with the weights beside it."""

    kind: Literal["semen"]
    experiment_name: str
    trained_on: str
    epoch_by: str
    variant: Literal["paper", "published"]
    target: TargetName
    input: InputName
    frames: FramesParams
    regressor: RegressorParams


def load_autoencoder(folder: Path) -> tuple[Autoencoder, AutoencoderSettings]:
    """Rebuild the autoencoder of `folder`. Raises InputError naming the file that is none."""
    settings = _read(folder, AutoencoderSettings)
    model = Autoencoder(INPUTS[settings.input].frames)
    load_weights(model, folder)
    return model.eval(), settings


def load_regressor(folder: Path) -> tuple[nn.Module, SemenSettings]:
    """Rebuild the model of step 2 in `folder`. Raises InputError naming the file that is none."""
    settings = _read(folder, SemenSettings)
    model = build(settings.regressor, settings.target, INPUTS[settings.input])
    load_weights(model, folder)
    return model.eval(), settings


def _read(folder: Path, kind: type[T]) -> T:
    try:
        return parse(kind, read_json(folder / SETTINGS))
    except (OSError, ValueError, InputError) as error:
        raise InputError(f"{folder}: not a saved model of semen: {error}") from error
