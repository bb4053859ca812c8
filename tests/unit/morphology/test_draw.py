import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from rostfine.morphology.draw import Look, annotate, colours_of
from rostfine.morphology.heads import Instance, encode

CLASSES = {"good": "good", "bad": "bad", "cap": "acrosome"}
BARE = Look(labels=False, boxes=False, enlarge_to_px=0)


def instance(
    box: tuple[int, int, int, int], name: str = "good", shape: tuple[int, int] = (100, 140)
) -> Instance:
    left, top, right, bottom = box
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return Instance(name, (float(left), float(top), float(right), float(bottom)), encode(mask))


def grey(high: int = 100, wide: int = 140) -> np.ndarray:
    return np.full((high, wide, 3), 200, np.uint8)


def rgb(colour: str) -> np.ndarray:
    return np.round(255 * np.array(to_rgb(colour)))


def test_each_class_has_a_colour_of_its_own_and_that_of_its_role_if_it_is_the_first():
    names = {"normal": "good", "tapered": "bad", "pyriform": "bad", "amorphous": "bad"}
    found = colours_of({**names, "cap": "acrosome", "hole": "vacuole"})
    assert (found["normal"], found["tapered"]) == ("#009e73", "#d55e00")
    assert len(set(found.values())) == 6


def test_a_mask_is_mixed_in_by_its_opacity_and_nothing_outside_of_it_changes():
    image = grey()
    before = image.copy()
    look = dataclasses.replace(BARE, opacity=0.25)
    drawn = annotate(image, [instance((40, 30, 70, 60), "bad")], CLASSES, look=look)
    np.testing.assert_array_equal(image, before)
    mixed = np.rint(0.75 * 200 + 0.25 * rgb("#d55e00"))
    np.testing.assert_array_equal(drawn[35:55, 45:65], np.broadcast_to(mixed, (20, 20, 3)))
    np.testing.assert_array_equal(drawn[30, 40], rgb("#d55e00"))
    changed = np.argwhere((drawn != 200).any(axis=2))
    assert changed.min(axis=0).tolist() == [30, 40]
    assert changed.max(axis=0).tolist() == [59, 69]


def test_a_part_lies_over_its_head_whichever_comes_first():
    head, part = instance((40, 30, 70, 60), "bad"), instance((45, 35, 65, 55), "cap")
    solid = dataclasses.replace(BARE, opacity=1.0)
    for both in ([head, part], [part, head]):
        drawn = annotate(grey(), both, CLASSES, look=solid)
        np.testing.assert_array_equal(drawn[45, 55], rgb(colours_of(CLASSES)["cap"]))


def test_only_heads_have_boxes_and_words():
    plain = dataclasses.replace(BARE, opacity=0.0)
    part = [instance((45, 35, 65, 55), "cap")]
    marked = dataclasses.replace(plain, boxes=True, labels=True)
    expected = annotate(grey(), part, CLASSES, look=plain)
    np.testing.assert_array_equal(annotate(grey(), part, CLASSES, look=marked), expected)


@pytest.mark.parametrize(
    ("high", "wide", "expected"),
    [(131, 100, (655, 500)), (700, 200, (700, 200)), (320, 640, (320, 640)), (639, 3, (1278, 6))],
)
def test_small_pictures_are_enlarged_by_a_whole_number_and_others_are_not(high, wide, expected):
    assert annotate(grey(high, wide), [], CLASSES).shape == (*expected, 3)


def test_masks_of_an_enlarged_picture_are_where_its_heads_are():
    look = Look(opacity=1.0, labels=False, boxes=False, enlarge_to_px=420)
    drawn = annotate(grey(), [instance((40, 30, 70, 60))], CLASSES, look=look)
    changed = np.argwhere((drawn != 200).any(axis=2))
    assert changed.min(axis=0).tolist() == [90, 120]
    assert changed.max(axis=0).tolist() == [179, 209]


@pytest.mark.parametrize(
    "box",
    [
        (0, 0, 12, 8),
        (128, 0, 140, 8),
        (0, 92, 12, 100),
        (128, 92, 140, 100),
        (0, 0, 140, 100),
    ],
)
def test_words_stand_whole_within_the_picture_wherever_their_head_is(box):
    words = dataclasses.replace(BARE, opacity=0.0, labels=True)
    corner, middle = (
        annotate(grey(), [instance(at)], CLASSES, look=words) for at in (box, (64, 46, 76, 54))
    )
    colour = rgb(colours_of(CLASSES)["good"])
    bare = [
        annotate(grey(), [instance(at)], CLASSES, look=dataclasses.replace(words, labels=False))
        for at in (box, (64, 46, 76, 54))
    ]
    plates = [
        (drawn != below).any(axis=2) for drawn, below in zip((corner, middle), bare, strict=True)
    ]
    sizes = [np.ptp(np.argwhere(plate), axis=0).tolist() for plate in plates]
    assert sizes[0] == pytest.approx(sizes[1], abs=1)
    assert (corner[plates[0]] == colour).all(axis=1).mean() > 0.4


def test_words_of_heads_side_by_side_do_not_cover_each_other():
    words = dataclasses.replace(BARE, opacity=0.0, labels=True)
    heads = [instance((50, 40, 62, 52)), instance((66, 40, 78, 52), "bad")]
    drawn = annotate(grey(), heads, CLASSES, look=words)
    alone = [annotate(grey(), [one], CLASSES, look=words) for one in heads]
    for name, picture in zip(("good", "bad"), alone, strict=True):
        colour = rgb(colours_of(CLASSES)[name])
        count = [(each == colour).all(axis=2).sum() for each in (drawn, picture)]
        assert count[0] == pytest.approx(count[1], abs=12)


def test_words_wider_than_the_picture_are_set_smaller():
    long = {"a name of a class that is far too long": "good"}
    head = instance((40, 30, 70, 60), next(iter(long)))
    drawn = annotate(grey(), [head], long, look=dataclasses.replace(BARE, labels=True))
    changed = np.argwhere((drawn != 200).any(axis=2))
    assert 60 < changed[:, 1].max() < 139


def test_the_number_of_a_track_is_told():
    head = [instance((40, 30, 70, 60))]
    without = annotate(grey(), head, CLASSES)
    assert (annotate(grey(), head, CLASSES, track_ids=[None]) == without).all()
    assert (annotate(grey(), head, CLASSES, track_ids=[12]) != without).any()
    # An empty mask is no reason to stop.
    annotate(
        grey(), [dataclasses.replace(head[0], mask=encode(np.zeros((100, 140), bool)))], CLASSES
    )
