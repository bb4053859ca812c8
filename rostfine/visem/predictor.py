"""From a video of a whole field to three percentages, by a model that was trained before."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from numpy import ndarray
from torch import nn

from rostfine.errors import ClipError
from rostfine.progress import Advance, silent
from rostfine.registry import Form, grey, opened_kind
from rostfine.visem.answer import SemenAnswer, answer_of
from rostfine.visem.frames import read_stacks
from rostfine.visem.params import INPUTS, STACK_FRAMES
from rostfine.visem.saved import SemenSettings, load_regressor
from rostfine.visem.stacks import to_stack
from rostfine.visem.targets import TARGETS

LOADER: Final = "rostfine.visem.pyfunc_model"
BATCH: Final = 16
WANTED: Final = "a model of semen samples, such as models:/visem-motility@champion"


class SemenPredictor:
    """A model of step 2, with the settings that lead from a video to what it sees.

    `name` is what answers call it.
    """

    def __init__(self, model: nn.Module, settings: SemenSettings, *, name: str = "") -> None:
        self.model, self.settings = model.eval(), settings
        self.name = name or settings.experiment_name

    def predict_stacks(
        self, frames: UInt8[ndarray, "stack frame row col"], *, advance: Advance = silent
    ) -> Float32[ndarray, "stack 3"]:
        """Predict the percentages of each stack; `advance` is called for each batch.

        Raises ClipError if stacks are not as the model's own settings read them.
        """
        wanted = _stack_shape(self.settings)
        if frames.shape[1:] != wanted:
            raise ClipError(f"stack: wanted {wanted} (frame, row, col), got {frames.shape[1:]}")
        found = np.empty((len(frames), len(TARGETS[self.settings.target])), np.float32)
        for first in range(0, len(frames), BATCH):
            rows = slice(first, first + BATCH)
            found[rows] = self._predict(frames[rows])
            advance(len(frames[rows]))
        return found

    def predict_video(self, path: Path | str, *, advance: Advance = silent) -> SemenAnswer:
        """Read a video's stacks as those that were trained on, and predict their mean.

        `advance` counts stacks up to `settings.frames.positions`, also in a video of fewer. Raises
        VideoError if the video cannot be read, breaks off early, or is shorter than a stack.
        """
        path = Path(path)
        positions = self.settings.frames.positions
        with TemporaryDirectory(prefix="rostfine-") as made:
            array = Path(made) / "stacks.npy"
            stacks = len(read_stacks(path, array, self.settings.frames))
            # The time that is left is judged by what comes after reading.
            advance(positions - stacks, note=f"{stacks} stacks read")
            # Not all at once in memory: those of the paper are 300 MB.
            predicted = self.predict_stacks(np.load(array, mmap_mode="r"), advance=advance)
        return answer_of(predicted, video=path, model=self.name, target=self.settings.target)

    @torch.inference_mode()
    def _predict(
        self, frames: UInt8[ndarray, "stack frame row col"]
    ) -> Float32[ndarray, "stack 3"]:
        device = next(self.model.parameters()).device
        # A copy, because torch warns of arrays that it may not write to.
        stored = torch.from_numpy(np.array(frames)).to(device)[..., None]
        seen = to_stack(stored, INPUTS[self.settings.input])
        said: Float32[ndarray, "stack 3"] = self.model(seen).float().cpu().numpy()
        return said


def load_semen(reference: str, workspace: Path | None = None) -> SemenPredictor:
    """Load a model of semen samples: `models:/name@alias`, `models:/name/version`, or a folder.

    Raises RegistryError if there is no such model, InputError if it is one of another kind.
    """
    with opened_kind(reference, "semen", wanted=WANTED, workspace=workspace) as (folder, exact):
        return SemenPredictor(*load_regressor(folder), name=exact)


def semen_form(settings: SemenSettings) -> Form:
    """Stacks (stack, frame, row, col) uint8 in, percentages (stack, output) out."""
    axes = _stack_shape(settings)
    frames = ("uint8", (-1, *axes), "frames")
    output = (-1, len(TARGETS[settings.target]))
    return Form(LOADER, (frames,), output, f'{{"frames":{grey((1, *axes))}}}')


def _stack_shape(settings: SemenSettings) -> tuple[int, int, int]:
    return STACK_FRAMES, settings.frames.image_px, settings.frames.image_px
