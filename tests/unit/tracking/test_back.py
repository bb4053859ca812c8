import numpy as np

from rostfine.tracking.back import find_loss
from rostfine.video.crop import cut_square

FRAMES = 10


def squares_along(frames, way) -> list[np.ndarray]:
    return [
        cut_square(frame, *map(float, place), cells=81)
        for frame, place in zip(frames, way, strict=True)
    ]


def test_a_track_that_keeps_its_sperm_leads_back(draw, params):
    way = np.stack([60 + 4.0 * np.arange(FRAMES), np.full(FRAMES, 100.0)], axis=1)
    other = np.stack([np.full(FRAMES, 110.0), 120 + 3.0 * np.arange(FRAMES)], axis=1)
    assert find_loss(squares_along(draw(way, other), way), way, params) is None


def test_a_track_that_went_over_to_a_neighbour_tells_from_which_frame_on(draw, params):
    steps = np.arange(FRAMES)
    tagged = np.stack([100 - 4.0 * steps, np.full(FRAMES, 90.0)], axis=1)
    # They are nearest in frame 4; from there on the other one was followed.
    other = np.stack([72 + 3.0 * steps, 102 + 0.5 * steps], axis=1)
    frames = draw(tagged, other)
    followed = np.where(steps[:, None] < 4, tagged, other)
    found = find_loss(squares_along(frames, followed), followed, params)
    assert found is not None
    assert 3 <= found <= 5
