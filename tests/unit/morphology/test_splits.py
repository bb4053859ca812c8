from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rostfine.morphology.heads import Instance, Picture, encode
from rostfine.morphology.params import SplitParams
from rostfine.morphology.splits import split_pictures

MASK = encode(np.ones((4, 4), bool))
RANDOM = SplitParams("random", None, test=0.2, validation=0.25, seed=1)


def picture(name: str, *classes: str) -> Picture:
    instances = tuple(Instance(one, (0.0, 0.0, 4.0, 4.0), MASK) for one in classes)
    return Picture(name, Path(f"{name}.png"), Path(f"{name}.json"), 4, 4, instances)


def many(count: int, *classes: str, prefix: str = "") -> list[Picture]:
    return [picture(f"{prefix}{classes[0]}{number:03}", *classes) for number in range(count)]


@pytest.fixture
def split(data_params):
    def run(pictures, params=RANDOM, contents=None, **more):
        own = contents or {one.picture_id: one.picture_id for one in pictures}
        return split_pictures(pictures, own, params, classes=data_params().classes, **more)

    return run


def test_every_class_has_its_share_on_each_side(split):
    pictures = [*many(40, "good", "acrosome", "acrosome"), *many(10, "bad", "good", "bad")]
    sides = split(pictures).sides
    found = Counter((name[:3], side) for name, side in sides.items())
    assert found == {
        ("goo", "test"): 8,
        ("bad", "test"): 2,
        ("goo", "validation"): 8,
        ("bad", "validation"): 2,
        ("goo", "train"): 24,
        ("bad", "train"): 6,
    }


def test_the_order_of_pictures_does_not_matter_but_the_seed_does(split):
    pictures = many(40, "good")
    sides = split(pictures).sides
    assert split(pictures[::-1]).sides == sides
    assert split(pictures, SplitParams("random", None, 0.2, 0.25, seed=2)).sides != sides


def test_a_new_picture_moves_hardly_any_other(split):
    before, after = split(many(99, "good")).sides, split(many(100, "good")).sides
    assert sum(before[one] != after[one] for one in before) <= 3


def test_pictures_of_equal_content_are_always_together(split):
    pictures = many(60, "good")
    contents = {one.picture_id: str(int(one.picture_id[4:]) % 12) for one in pictures}
    sides = split(pictures, contents=contents).sides
    assert set(sides.values()) == {"train", "validation", "test"}
    for content in set(contents.values()):
        assert len({sides[one] for one in sides if contents[one] == content}) == 1


@pytest.mark.parametrize(("count", "wanted"), [(1, "r"), (2, "rt"), (3, "rtv"), (6, "rrrrtv")])
def test_few_pictures_are_spread_over_as_many_sides_as_there_are(split, count, wanted):
    short = {"train": "r", "test": "t", "validation": "v"}
    sides = split(many(count, "good")).sides.values()
    assert "".join(sorted(short[side] for side in sides)) == wanted


def test_folders_say_the_side_and_a_picture_outside_of_them_is_a_fault(split):
    names = ["train/a", "val/b", "Test/sub/c", "d", "other/e"]
    found = split([picture(n, "good") for n in names], SplitParams("folders", None, 0.2, 0.2, 0))
    assert found.sides == {"train/a": "train", "val/b": "validation", "Test/sub/c": "test"}
    wanted = "wanted it below train, validation, val, test, or data.split.method: random"
    assert [(one.where, one.line) for one in found.faults] == [
        ("d.png", f"{wanted}; got d"),
        ("other/e.png", f"{wanted}; got other/e"),
    ]


def test_without_a_folder_for_it_validation_is_a_share_of_train(split):
    pictures = [*many(20, "good", prefix="train/"), *many(20, "good", prefix="test/")]
    sides = split(pictures, SplitParams("folders", None, 0.2, 0.25, 0)).sides
    assert Counter(sides.values()) == {"train": 15, "validation": 5, "test": 20}
    assert all(sides[one] == "test" for one in sides if one.startswith("test/"))


def test_a_file_says_the_side_and_every_wrong_line_of_it_is_told(split, tmp_path):
    path = tmp_path / "splits.csv"
    path.write_text(
        "picture,split\na,train\nb.png,test\no.ut,test\nc,train\na,test\nnone,train\nd,tset\n"
    )
    params = SplitParams("file", str(path), 0.2, 0.2, 0)
    found = split([picture(name, "good") for name in "abcde"], params, left_out=["o.ut"])
    assert found.sides == {"a": "train", "b": "test", "c": "train"}
    assert [one.line for one in found.faults] == [
        "row 6: wanted each picture once, got 'a' again",
        "row 7: wanted a picture below the data, got 'none'",
        "row 8: wanted train, validation, test; got 'tset'",
        "wanted a split for picture 'e', got none",
    ]
    assert {(one.where, one.kind, one.stops) for one in found.faults} == {
        (str(path), "split", True)
    }


@pytest.mark.parametrize("name", [".", "/", ".."])
def test_a_row_of_a_file_that_names_no_picture_is_told(split, tmp_path, name):
    path = tmp_path / "splits.csv"
    path.write_text(f"picture,split\na,train\n{name},test\n")
    found = split([picture("a", "good")], SplitParams("file", str(path), 0.2, 0.2, 0))
    line = f"row 3: wanted a picture below the data, got {name!r}"
    assert [one.line for one in found.faults] == [line]


def test_a_file_of_splits_that_is_not_there_is_told(split, tmp_path):
    params = SplitParams("file", str(tmp_path / "no.csv"), 0.2, 0.2, 0)
    (fault,) = split([picture("a", "good")], params).faults
    assert fault.line.endswith("no such file; wanted a table with picture, split")
