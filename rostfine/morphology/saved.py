"""A trained network of heads as two files, by its own settings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rostfine.errors import InputError
from rostfine.files import read_json
from rostfine.models.anchors import Anchors
from rostfine.models.mask_rcnn import HeadNet, build_head_net
from rostfine.morphology.params import ClassParams, ExperimentParams
from rostfine.parsing import parse
from rostfine.training.saved import SETTINGS, load_weights


@dataclass(frozen=True)
class HeadSettings:
    """All that is needed to find heads in a picture with the weights beside it."""

    kind: Literal["heads"]
    experiment_name: str
    trained_on: str
    epoch_by: str  # what chose the epoch whose weights these are
    experiment: ExperimentParams
    outputs: tuple[str, ...]  # the classes in the order of the network's outputs
    classes: Mapping[str, ClassParams]  # a file does not keep their order
    anchors: Anchors
    um_per_px: float | None

    @property
    def variant(self) -> str:
        """Whether it is the paper's method or the published one."""
        return self.experiment.variant


def load_heads(folder: Path) -> tuple[HeadNet, HeadSettings]:
    """Rebuild the network of `folder`, in evaluation mode, on the CPU.

    Raises InputError naming the file that is none.
    """
    try:
        settings = parse(HeadSettings, read_json(folder / SETTINGS))
    except (OSError, ValueError, InputError) as error:
        raise InputError(f"{folder}: not a saved model of heads: {error}") from error
    classes = {name: settings.classes[name] for name in settings.outputs}
    settings = replace(settings, classes=classes)
    model = build_head_net(settings.experiment.model, len(settings.classes), settings.anchors)
    load_weights(model, folder)
    model.eval()
    return model, settings
