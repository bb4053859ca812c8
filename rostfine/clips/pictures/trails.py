"""The tracks of one video, sample by sample, as they are looked at."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64, Int64
from numpy import ndarray

from rostfine.errors import VideoError
from rostfine.schemas import DOUBTFUL, UNSEEN
from rostfine.video.reader import Frame, Video

VIEW_BOXES: Final = 4.0
"""So many boxes across is what is shown around a head: also who might be taken for it."""

BEYOND: Final = 232
"""Grey of what lies beyond the border of the video."""


@dataclass(frozen=True)
class Trail:
    """Where one sperm was; frames rise, and `is_presumed` where it was not recognised."""

    sample_id: str
    frame: Int64[ndarray, " tracked"]
    place_px: Float64[ndarray, "tracked 2"]
    score: Float64[ndarray, " tracked"]
    is_presumed: Bool[ndarray, " tracked"]

    @property
    def lowest(self) -> int:
        """Which of its frames has the lowest score; the first is the tag's own."""
        return int(self.score[1:].argmin()) + 1 if len(self.score) > 1 else 0

    @property
    def longest_step_px(self) -> float:
        """The farthest that the head went from one frame to the next."""
        return float(np.linalg.norm(np.diff(self.place_px, axis=0), axis=1).max(initial=0))

    def until(self, frame: int) -> int:
        """Return how many of its frames have come, once `frame` has."""
        return int(np.searchsorted(self.frame, frame, side="right"))


def frames_to(last: int, video: Video) -> Iterator[Frame]:
    """Read a video from its first frame to `last`; raises VideoError if it ends before."""
    count = 0
    for frame in video.frames():
        yield frame
        count = frame.index + 1
        if count > last:
            return
    raise VideoError(
        f"{video.info.path}: wanted frames up to {last}, the last tracked; found {count} frames"
    )


def trails_of(tracks: pd.DataFrame) -> list[Trail]:
    """Return a trail for each sample of a table of tracks, in the table's order."""
    return [
        _trail(str(sample_id), rows.sort_values("frame"))
        for sample_id, rows in tracks.groupby("sample_id", sort=False)
    ]


def _trail(sample_id: str, rows: pd.DataFrame) -> Trail:
    return Trail(
        sample_id,
        frame=rows["frame"].to_numpy(np.int64),
        place_px=rows[["x_px", "y_px"]].to_numpy(np.float64),
        score=rows["score"].to_numpy(np.float64),
        is_presumed=rows["status"].isin([UNSEEN, DOUBTFUL]).to_numpy(np.bool_),
    )
