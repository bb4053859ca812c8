import numpy as np

from rostfine.tracking.link import link


def frames_of(*paths: np.ndarray) -> list[np.ndarray]:
    """Mix the heads of each frame; a NaN is a head that was not found."""
    rng = np.random.default_rng(1)
    rows = [rng.permutation(np.stack(heads)) for heads in zip(*paths, strict=True)]
    return [row[~np.isnan(row).any(axis=1)] for row in rows]


def line(start: tuple[float, float], step: tuple[float, float], frames: int = 30) -> np.ndarray:
    return np.array(start, float) + np.arange(frames)[:, None] * np.array(step, float)


def test_two_heads_that_cross_keep_who_they_are():
    right, left = line((0, 0), (3, 1)), line((87, 0), (-3, 1))
    tracks = link(frames_of(right, left), max_step_px=6.0)
    assert len(tracks) == 2
    for track in tracks:
        places = np.stack(track.places_px)
        way = right if places[0, 0] == 0 else left
        np.testing.assert_array_equal(places, way)


def test_a_head_unseen_for_3_frames_is_the_same_and_for_4_another():
    for missed, expected in ((3, 1), (4, 2)):
        path = line((10, 10), (2, 0))
        path[10 : 10 + missed] = np.nan
        tracks = link(frames_of(path), max_step_px=5.0)
        assert len(tracks) == expected
    assert tracks[1].frames[0] == 14


def test_a_head_beyond_the_reach_begins_a_track():
    path = line((10, 10), (0, 0), 10)
    path[5:] += (7.0, 0)
    assert len(link(frames_of(path), max_step_px=8.0)) == 1
    assert len(link(frames_of(path), max_step_px=6.0)) == 2


def test_where_heads_have_a_choice_no_track_is_left_without():
    # The nearest of the first is the only one of the second.
    heads = [np.array([(0.0, 0.0), (4.0, 0.0)]), np.array([(3.0, 0.0), (-4.0, 0.0)])]
    tracks = link(heads, max_step_px=5.0)
    assert [len(track.frames) for track in tracks] == [2, 2]
    assert [place[0] for place in (tracks[0].places_px[1], tracks[1].places_px[1])] == [-4.0, 3.0]


def test_a_frame_without_heads_is_passed_over():
    path = line((5, 5), (1, 0), 6)
    path[3] = np.nan
    (track,) = link(frames_of(path), max_step_px=3.0)
    assert track.frames == [0, 1, 2, 4, 5]
