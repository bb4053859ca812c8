"""From a picture to the heads in it, by a model that was trained before."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from jaxtyping import UInt8
from numpy import ndarray

from rostfine.errors import InputError
from rostfine.models.mask_rcnn import HeadBatch, HeadNet
from rostfine.morphology.counting import counted
from rostfine.morphology.detect import detect
from rostfine.morphology.heads import Instance
from rostfine.morphology.params import Role
from rostfine.morphology.pool import to_image
from rostfine.morphology.saved import HeadSettings, load_heads
from rostfine.registry import Form, grey, opened_kind

IN_USE: Final = "models:/head-morphology@champion"
WANTED: Final = f"a model of sperm heads, such as {IN_USE}"
LOADER: Final = "rostfine.morphology.pyfunc_model"
EXAMPLE_PX: Final = 32
COLUMNS: Final = ("picture", "left_px", "top_px", "right_px", "bottom_px", "class", "score")
"""Of what MLflow is told: a row for each instance, by the numbers of pictures and classes."""


class HeadPredictor:
    """A network of heads, with the settings that say what its classes are.

    `name` is what answers call it.
    """

    def __init__(self, model: HeadNet, settings: HeadSettings, *, name: str = "") -> None:
        self.model, self.settings = model.eval(), settings
        self.name = name or settings.experiment_name

    @property
    def roles(self) -> Mapping[str, Role]:
        """What each class is: a good head, a bad one, or a part of one."""
        return {name: one.role for name, one in self.settings.classes.items()}

    def find(
        self, pixels: UInt8[ndarray, "row col 3"], *, least_score: float | None = None
    ) -> list[Instance]:
        """Find the instances in an RGB picture, the surest first.

        `least_score` is by default that of the model's own settings. Raises InputError for a strip
        of which nothing would be left.
        """
        rows, cols = pixels.shape[:2]
        seen_px = self.settings.experiment.model.image_px
        if min(rows, cols) * seen_px < max(rows, cols):
            raise InputError(f"wanted a picture whose sides are alike, got {cols}x{rows} px")
        device = next(self.model.parameters()).device
        batch = HeadBatch((to_image(pixels).to(device),))
        (found,) = detect(self.model, batch, tuple(self.settings.classes))
        least = self.settings.experiment.model.score if least_score is None else least_score
        return counted(found, self.roles, least)


def load_head_model(reference: str = IN_USE, workspace: Path | None = None) -> HeadPredictor:
    """Load a model of heads: `models:/name@alias`, `models:/name/version`, or a folder.

    It computes on a GPU if there is one. Raises RegistryError if there is no such model, InputError
    if it is one of another kind.
    """
    with opened_kind(reference, "heads", wanted=WANTED, workspace=workspace) as (folder, exact):
        model, settings = load_heads(folder)
    if torch.cuda.is_available():
        model = model.cuda()
    return HeadPredictor(model, settings, name=exact)


def head_form() -> Form:
    """Pictures (picture, row, col, chan) uint8 in, rows of COLUMNS out."""
    pictures = ("uint8", (-1, -1, -1, 3), "pictures")
    example = f'{{"pictures":{grey((1, EXAMPLE_PX, EXAMPLE_PX, 3))}}}'
    return Form(LOADER, (pictures,), (-1, len(COLUMNS)), example)
