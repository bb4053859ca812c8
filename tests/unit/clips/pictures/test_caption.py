import numpy as np

from rostfine.clips.pictures.caption import Captions, choose_corner

NOTHING = np.zeros(4)
NO_TRAILS = np.empty((0, 2))


def overlaps(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((np.minimum(one[2:], other[2:]) > np.maximum(one[:2], other[:2])).all())


def heads_at(*middles: tuple[float, float], side_px: float = 30) -> np.ndarray:
    middle = np.array(middles, dtype=float)
    return np.concatenate([middle - side_px / 2, middle + side_px / 2], axis=1)


def place(captions: Captions, heads: np.ndarray, trails: np.ndarray = NO_TRAILS) -> np.ndarray:
    names = [f"S{i}" for i in range(len(heads))]
    sizes_px = np.tile([80.0, 15.0], (len(heads), 1))
    return captions.place(names, heads=heads, sizes_px=sizes_px, trails=trails)


def test_captions_of_a_crowd_cover_no_head_and_no_other_caption():
    heads = heads_at((300, 300), (340, 305), (380, 300), (300, 345), (342, 350), (381, 344))
    rects = place(Captions((800, 600), NOTHING), heads)
    for at, rect in enumerate(rects):
        assert not any(overlaps(rect, head) for head in heads)
        assert not any(overlaps(rect, other) for other in rects[:at])


def test_captions_stay_in_the_picture_at_each_border_and_corner():
    heads = heads_at(*[(x, y) for x in (5, 400, 795) for y in (5, 595)])
    rects = place(Captions((800, 600), NOTHING), heads)
    assert (rects[:, :2] >= 0).all()
    assert (rects[:, 2:] <= [800, 600]).all()


def test_a_caption_leaves_its_place_to_a_trail_that_comes_from_above():
    heads = heads_at((400, 300))
    trail = np.array([(400.0, 200.0 + 10 * i) for i in range(11)])
    assert place(Captions((800, 600), NOTHING), heads)[0, 3] < 300
    assert place(Captions((800, 600), NOTHING), heads, trail)[0, 1] > 300


def test_a_caption_does_not_hop_back_once_its_first_place_is_free_again():
    captions = Captions((800, 600), NOTHING)
    trail = np.array([(400.0, 270.0)])
    below = place(captions, heads_at((400, 300)), trail)
    again = place(captions, heads_at((402, 300)))
    np.testing.assert_allclose(again - below, [[2, 0, 2, 0]])


def test_a_caption_keeps_off_what_is_reserved():
    reserved = np.array([300.0, 200.0, 500.0, 284.0])
    (rect,) = place(Captions((800, 600), reserved), heads_at((400, 300)))
    assert not overlaps(rect, reserved)


def test_the_corner_is_the_lower_left_one_unless_something_swims_there():
    points = np.array([(20.0, 590.0), (400.0, 300.0)])
    free = choose_corner((800, 600), (100.0, 50.0), points[1:])
    np.testing.assert_array_equal(free, [0, 550, 100, 600])
    other = choose_corner((800, 600), (100.0, 50.0), points)
    np.testing.assert_array_equal(other, [700, 550, 800, 600])
