import numpy as np
import pytest

from rostfine.morphology.heads import Instance, encode
from rostfine.morphology.linking import Linker

CLASSES = {"good": "good", "bad": "bad", "cap": "acrosome"}
EMPTY = encode(np.zeros((200, 300), bool))
GONE = None


def head(x: float, y: float, name: str = "good", size: tuple[int, int] = (20, 14)) -> Instance:
    wide, high = size
    return Instance(name, (float(x), float(y), float(x + wide), float(y + high)), EMPTY)


def tracks_of(*paths: list[tuple[float, float] | None]) -> list[list[int | None]]:
    """Return for each path the track in each frame; heads come in another order each time."""
    rng, linker = np.random.default_rng(3), Linker(CLASSES)
    found: list[list[int | None]] = [[] for _ in paths]
    for places in zip(*paths, strict=True):
        order = [at for at in rng.permutation(len(paths)).tolist() if places[at] is not None]
        ids = dict(zip(order, linker.add([head(*places[at]) for at in order]), strict=True))
        for at, track in enumerate(found):
            track.append(ids.get(at))
    return found


def way(x: float, y: float, dx: float, dy: float, frames: int = 20) -> list[tuple[float, float]]:
    return [(x + t * dx, y + t * dy) for t in range(frames)]


def test_heads_that_move_with_the_stage_keep_who_they_are():
    field = [(10, 10), (60, 12), (40, 60), (90, 90), (62, 40)]
    found = tracks_of(*(way(x, y, 4, 2.5) for x, y in field))
    assert all(len(set(track)) == 1 for track in found)
    assert {track[0] for track in found} == {1, 2, 3, 4, 5}


def test_two_heads_that_cross_go_on_as_they_went():
    right, left = tracks_of(way(10, 20, 6, 0.4, 30), way(184, 26, -6, -0.4, 30))
    assert len(set(right)) == len(set(left)) == 1
    assert right != left


@pytest.mark.parametrize(("missed", "tracks"), [(2, 1), (3, 1), (4, 2)])
def test_a_head_away_for_up_to_3_frames_is_the_same_when_it_is_back(missed, tracks):
    path = way(10, 10, 7, 0, 30)
    path[12 : 12 + missed] = [GONE] * missed
    (found,) = tracks_of(path)
    assert len(set(found) - {None}) == tracks


def test_a_head_that_enters_begins_a_track_and_one_that_leaves_ends_it():
    stays = way(100, 50, 0, 0)
    leaves = [*way(10, 10, 2, 0, 8), *[GONE] * 12]
    enters = [*[GONE] * 14, *way(250, 150, -2, 0, 6)]
    found = tracks_of(stays, leaves, enters)
    assert sorted(set(found[0] + found[1]) - {None}) == [1, 2]
    assert found[2] == [None] * 14 + [3] * 6


def test_a_head_that_comes_in_over_the_border_is_one_though_its_box_grows():
    frames = [[head(0, 50, size=(wide, 14))] for wide in range(2, 40, 4)]
    assert set(sum(map(Linker(CLASSES).add, frames), [])) == {1}


def test_a_head_far_from_all_that_are_expected_is_another():
    (found,) = tracks_of([*way(10, 10, 0, 0, 3), *way(40, 10, 0, 0, 3)])
    assert found == [1, 1, 1, 2, 2, 2]


def test_where_heads_have_a_choice_the_overlaps_are_the_most_together():
    linker = Linker(CLASSES)
    assert linker.add([head(0, 0), head(12, 0)]) == [1, 2]
    # The nearest of the first track is the only one of the second.
    assert linker.add([head(9, 0), head(-9, 0)]) == [2, 1]


def test_a_class_that_changes_does_not_break_a_track_and_parts_are_of_none():
    frames = [[head(10, 10, "good"), head(10, 10, "cap")], [head(12, 10, "cap")], []]
    frames += [[head(14, 10, "cap"), head(14, 10, "bad")]]
    assert list(map(Linker(CLASSES).add, frames)) == [[1, None], [None], [], [None, 1]]
