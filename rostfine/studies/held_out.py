"""The clips of each fold beside the model that was not trained on them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor, nn

from rostfine.clips.dataset import ClipFiles
from rostfine.clips.transforms import to_input
from rostfine.evaluation.tables import Truth
from rostfine.params import InputParams
from rostfine.training.fits import Fit
from rostfine.training.saved import load_model

BATCH: Final = 8
DATA: Final = Path("data")
Clips = Float[Tensor, "batch chan frame row col"]


@dataclass(frozen=True)
class HeldOut:
    """A fold: the places of its samples, the model not trained on them, and what it is given."""

    rows: Int[ndarray, " sample"]
    model: nn.Module
    input: InputParams
    clips: ClipFiles
    speeds: Float[Tensor, " sample"] | None

    def batches(
        self, change: Callable[[Clips], Clips] = lambda clips: clips, *, batch: int = BATCH
    ) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Yield the input of the model, changed, and the speeds if it takes any."""
        for places in torch.split(torch.arange(len(self.rows)), batch):
            clips = change(to_input(self.clips.read(places), self.input))
            yield clips, None if self.speeds is None else self.speeds[places]


def held_out(run_folder: Path, clips: pd.DataFrame, truth: Truth) -> Iterator[HeldOut]:
    """Yield the folds of a run, in their order, standing in the workspace of the clips.

    Raises InputError if a fold has no model.
    """
    by_sample = clips.set_index("sample_id").loc[list(truth.sample_ids)]
    for fold in np.unique(truth.folds).tolist():
        rows = np.flatnonzero(truth.folds == fold)
        model, settings = load_model(run_folder / Fit(fold).folder)
        wanted = settings.experiment.input
        speeds = None
        if wanted.speed is not None:
            speeds = torch.from_numpy(by_sample[wanted.speed].to_numpy(np.float32)[rows])
        paths = tuple(DATA / "clips" / f"{truth.sample_ids[row]}.npz" for row in rows)
        yield HeldOut(rows, model, wanted, ClipFiles(paths), speeds)
