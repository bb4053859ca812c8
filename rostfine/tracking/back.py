"""The way back: a track that has gone over to a neighbour does not lead back to its tag.

The squares of a clip are enough for it, and where in the video their middles are.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float, UInt8

from rostfine.params import TrackingParams
from rostfine.tracking.tracker import Follower

SURE: Final = 0.7
"""Whoever was recognised better than that in every frame is believed."""
CLEAR: Final = 0.55
"""Where the way back is recognised worse than that in some frame, it tells nothing."""
ASTRAY_HEADS: Final = 0.5
"""How far from the middle of the first square the way back may end."""


def find_loss(
    squares: Sequence[UInt8[np.ndarray, "row col"]],
    centre_px: Float[np.ndarray, "frame 2"],
    params: TrackingParams,
) -> int | None:
    """Follow from the middle of the last square back to the first.

    Returns the first square that shows another sperm than the first square does, or None, also
    where the way back is itself in doubt.
    """
    middle_px = (squares[0].shape[0] - 1) / 2
    follower = Follower(squares[-1], middle_px, middle_px, params)
    off_px = [0.0]
    for frame in range(len(squares) - 2, -1, -1):
        follower.pan(*map(float, centre_px[frame] - centre_px[frame + 1]))
        place = follower.step(squares[frame])
        if place.score < CLEAR:
            return None
        off_px.insert(0, float(np.hypot(place.x_px - middle_px, place.y_px - middle_px)))
    astray = np.array(off_px) > ASTRAY_HEADS * follower.head.length_px
    # The last square is its own start, and never astray.
    return int(astray.argmin()) if astray[0] else None
