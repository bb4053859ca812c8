"""Features of held-out clips, each by the model that was not trained on it."""

from collections.abc import Sequence
from typing import Final

import torch
from jaxtyping import Float32
from numpy import ndarray

from rostfine.studies.backbone_grid import Place
from rostfine.studies.held_out import HeldOut, held_out
from rostfine.studies.results import Results

BACKBONE, LOSS = "timesformer", "emd"
"""Whose features the paper shows."""
FEATURE: Final = "g"


def shown_place(places: Sequence[Place]) -> Place | None:
    """Return the experiment whose features are shown; None where it was not trained."""
    shown = [p for p in places if (p.backbone, p.loss) == (BACKBONE, LOSS)]
    return shown[0] if shown else None


def read_features(results: Results, experiment: str) -> list[Float32[ndarray, "clip dim"]]:
    """Compute the features of the clips that each fold held out, standing in the workspace.

    Folds in order, and clips in the order of the truth.
    """
    folder = results.study.run_folder(experiment)
    return [features_of(fold) for fold in held_out(folder, results.clips, results.truth)]


@torch.inference_mode()
def features_of(fold: HeldOut) -> Float32[ndarray, "clip dim"]:
    """Compute the features of the clips of a fold, on a GPU where there is one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, parts = fold.model.to(device), []
    for clips, speeds in fold.batches():
        output = model(clips.to(device), None if speeds is None else speeds.to(device))
        parts.append(output.features[FEATURE].float().cpu())
    return torch.cat(parts).numpy()
