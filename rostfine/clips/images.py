"""What the pictures of each clip are like: to notice that a microscope or its light changed."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from rostfine.clips.store import read_frames
from rostfine.schemas import IMAGES, OK, typed

STATISTICS: Final = ("brightness", "contrast", "sharpness")


def tabulate_images(folder: Path, clips: pd.DataFrame) -> pd.DataFrame:
    """Return the statistics of every usable clip of `folder`: IMAGES.

    Raises ClipError if a clip is missing or damaged.
    """
    usable = clips.loc[clips["status"] == OK, ["sample_id", "patient_id"]].astype(str)
    rows = [
        {
            "sample_id": sample_id,
            "patient_id": patient_id,
            **describe_frames(read_frames(folder / f"{sample_id}.npz")),
        }
        for sample_id, patient_id in usable.itertuples(index=False)
    ]
    return typed(pd.DataFrame(rows, columns=list(IMAGES.columns)), IMAGES)


def describe_frames(frames: UInt8[np.ndarray, "frame row col chan"]) -> dict[str, float]:
    """Return STATISTICS of a clip, as shares of the full range of intensities.

    Brightness is the mean, contrast the standard deviation, sharpness the mean step from a pixel to
    the next, down and to the right.
    """
    grey = frames.mean(axis=3, dtype=np.float32) / 255
    steps = [np.abs(np.diff(grey, axis=axis)).mean() for axis in (1, 2)]
    values = (grey.mean(), grey.std(), np.mean(steps))
    return dict(zip(STATISTICS, map(float, values), strict=True))
