"""What the champion was judged by when it was registered, and what it says of clips since then."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from rostfine.clips.store import read_frames
from rostfine.errors import ClipError
from rostfine.evaluation.tables import Truth
from rostfine.registry import Predictor, Version, fetch_kept, load
from rostfine.schemas import GRADE_COLUMNS, IMAGES, LABELS, PREDICTIONS, Table, read_table


@dataclass(frozen=True)
class Standing:
    """A registered version with the tables kept with it; one that was not kept is None."""

    version: Version
    predictions: pd.DataFrame | None
    labels: pd.DataFrame | None
    images: pd.DataFrame | None


def read_standing(version: Version, workspace: Path) -> Standing:
    """Read what was kept with a version."""

    def kept(name: str, table: Table, scratch: Path) -> pd.DataFrame | None:
        path = fetch_kept(version, f"{name}.parquet", scratch, workspace)
        return read_table(path, table) if path else None

    with TemporaryDirectory(prefix="rostfine-") as made:
        return Standing(
            version,
            kept("predictions", PREDICTIONS, Path(made)),
            kept("labels", LABELS, Path(made)),
            kept("images", IMAGES, Path(made)),
        )


def predict_as(
    champion: Standing, truth: Truth, clips: pd.DataFrame, workspace: Path
) -> Float[ndarray, "sample grade"]:
    """Return what the champion says of each sample of `truth`, as one that was not trained on it.

    Of clips that it was trained on these are its predictions out of fold; of others those of the
    registered model itself. NaN where neither is to be had: no such predictions were kept, or its
    clips are of another shape.
    """
    if champion.predictions is None:
        return np.full((len(truth.sample_ids), len(GRADE_COLUMNS)), np.nan)
    known = champion.predictions.set_index("sample_id")[list(GRADE_COLUMNS)]
    found = known.reindex(list(truth.sample_ids)).to_numpy(np.float64).copy()
    unseen = np.flatnonzero(np.isnan(found).any(axis=1))
    if len(unseen):
        _predict_unseen(champion.version, found, unseen, truth.sample_ids, clips, workspace)
    return found


def _predict_unseen(
    version: Version,
    found: Float[ndarray, "sample grade"],
    rows: ndarray,
    sample_ids: tuple[str, ...],
    clips: pd.DataFrame,
    workspace: Path,
) -> None:
    model = load(f"models:/{version.name}/{version.version}", workspace)
    by_id = clips.set_index("sample_id")
    for row in rows:
        frames = read_frames(workspace / "data" / "clips" / f"{sample_ids[row]}.npz")
        try:
            found[row] = model.predict_clips(frames[None], _speed(model, by_id, sample_ids[row]))[0]
        except ClipError:
            continue  # of another shape, or without the speed that it wants


def _speed(model: Predictor, clips: pd.DataFrame, sample_id: str) -> ndarray | None:
    unit = model.settings.experiment.input.speed
    return None if unit is None else np.array([clips.at[sample_id, unit]], dtype=np.float64)
