from pathlib import Path

import numpy as np

from rostfine.clips.pictures.field import COLOURS, draw_field
from rostfine.tracking.field import FieldCount
from rostfine.tracking.shares import CountedTrack, Share


def count_of(*tracks: CountedTrack) -> FieldCount:
    shares = dict.fromkeys(COLOURS, Share(33.0, 20.0, 40.0))
    return FieldCount(Path("a.avi"), 10.0, 0.5, True, 2, 2.0, shares, tracks)


def straight(motility: str, y_px: float, window: int) -> CountedTrack:
    place_px = np.stack([np.linspace(20, 80, 30), np.full(30, y_px)], axis=1)
    return CountedTrack(window, motility, 9.0, np.arange(30), place_px)


def test_tracks_of_the_window_are_drawn_in_the_colour_of_their_class():
    luma = np.full((100, 160), 90, np.uint8)
    count = count_of(
        straight("progressive", 20.0, 0),
        straight("immotile", 40.0, 0),
        straight("immotile", 60.0, 1),
    )
    picture = draw_field(count, luma, window=0)
    assert picture.shape == (800, 1280, 3)
    for y_px, motility in ((20, "progressive"), (40, "immotile")):
        wanted = [int(COLOURS[motility][at : at + 2], 16) for at in (1, 3, 5)]
        column = picture[y_px * 8 - 4 : y_px * 8 + 12, 50 * 8].astype(int)
        assert np.abs(column - wanted).sum(axis=1).min() < 30
    assert (picture[60 * 8 - 20 : 60 * 8 + 20, 200:600] == 90).all()
