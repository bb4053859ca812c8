import json

import numpy as np
import pytest
from PIL import Image

from rostfine.morphology.dataset import read_dataset
from rostfine.morphology.heads import decode, encode
from tests.unit.morphology.conftest import HIGH_PX, WIDE_PX, picture

SQUARE = [[2, 2, 8, 2, 8, 8, 2, 8]]
MASK = np.random.default_rng(1).random((HIGH_PX, WIDE_PX)) < 0.5
COUNTS = encode(MASK)["counts"].decode()


def one(number: int = 1, image: int = 7, category: int = 3, **more) -> dict[str, object]:
    return {"id": number, "image_id": image, "category_id": category, **more}


def image(number: int = 7, name: str = "a.png", **more) -> dict[str, object]:
    return {"id": number, "file_name": name, "width": WIDE_PX, "height": HIGH_PX, **more}


@pytest.fixture
def read(tmp_path, data_params):
    def run(*annotations, images=None, categories=(), also=None, **changes):
        for number, name in enumerate(("a.png", "c.png")):
            Image.fromarray(picture(number)).save(tmp_path / name)
        content = {
            "images": images or [image()],
            "annotations": annotations,
            "categories": [
                {"id": 3, "name": "Good"},
                {"id": 4, "name": "Tail"},
                {"id": 5, "name": "Odd"},
                *categories,
            ],
        }
        (tmp_path / "one.json").write_text(json.dumps(content))
        if also:
            (tmp_path / "two.json").write_text(json.dumps(content | also))
        dataset = read_dataset(tmp_path, data_params(**changes))
        about = f"1 pictures without an annotation, the first {tmp_path / 'c.png'}"
        own = [f for f in dataset.faults if f.kind != "split" and f.line != about]
        return dataset.pictures, [(f.kind, f.line, f.stops) for f in own]

    return run


def test_polygons_boxes_and_run_lengths_of_both_kinds_are_read(read):
    runs, last = [], False
    for value in ~MASK.T.ravel():
        if not runs or value != last:
            runs += [0, 0] if not runs and value else [0]
        runs[-1] += 1
        last = value
    size = [HIGH_PX, WIDE_PX]
    (found,), told = read(
        one(1, segmentation=[*SQUARE, [8, 2, 12, 2, 12, 8, 8, 8]]),
        one(2, segmentation={"size": size, "counts": COUNTS}),
        one(3, segmentation={"size": size, "counts": runs}),
        one(4, segmentation=[], bbox=[10, 20, 8, 6]),
        one(5, category=4, segmentation=[[1, 2]]),
    )
    assert not told
    joined, packed, plain, boxed = found.instances
    assert (joined.area_px, joined.box_px) == (60, (2, 2, 12, 8))
    np.testing.assert_array_equal(decode(packed.mask), MASK)
    np.testing.assert_array_equal(decode(plain.mask), ~MASK)
    assert (boxed.box_px, boxed.outlined) == ((10, 20, 18, 26), False)
    assert found.picture_id == "a"


def test_a_crowd_is_left_out_with_a_notice(read):
    (found,), told = read(one(1, segmentation=SQUARE), one(2, iscrowd=1, segmentation=SQUARE))
    assert len(found.instances) == 1
    assert told == [("shape", "annotation 2 (Good): a crowd; left out", False)]


SIZE = [HIGH_PX, WIDE_PX]
BAD = {
    "odd label": (one(category=5, segmentation=SQUARE), "unknown label", "got 'Odd'"),
    "no category": (one(category=9, segmentation=SQUARE), "unknown label", "3 Good, 4 Tail, 5 Odd"),
    "two points": (one(segmentation=[[2, 2, 8, 8]]), "zero area", "wanted an area of a pixel"),
    "an empty part": (one(segmentation=[[]]), "zero area", "wanted an area of a pixel"),
    "odd numbers": (one(segmentation=[[2, 2, 8]]), "unreadable", "wanted polygons, run lengths or"),
    "outside": (one(segmentation=[[90, 2, 99, 2, 99, 9]]), "outside", "got 0% of its area there"),
    "flat box": (one(bbox=[1, 1, 0, 4]), "zero area", "wanted right > left and bottom > top"),
    "nothing": (one(), "unreadable", "wanted polygons, run lengths or a bbox; got what"),
    "short runs": (
        one(segmentation={"size": SIZE, "counts": [5, 9]}),
        "unreadable",
        "wanted runs over 2400 pixels, got 14",
    ),
    "runs of less than 0": (
        one(segmentation={"size": SIZE, "counts": [2410, -10]}),
        "unreadable",
        "wanted runs over 2400 pixels",
    ),
    "cut runs": (
        one(segmentation={"size": SIZE, "counts": COUNTS[:-1] + "o"}),
        "unreadable",
        "wanted whole runs, got a text that is cut off",
    ),
    "strange letters": (
        one(segmentation={"size": SIZE, "counts": "\x7f"}),
        "unreadable",
        "wanted letters from '0' to 'o'",
    ),
    "points of endless numbers": (
        one(segmentation=[[10**400, 2, 8, 2, 8, 8]]),
        "unreadable",
        "wanted polygons, run lengths or a bbox",
    ),
    "a box of endless numbers": (
        one(bbox=[1, 1, 10**400, 2]),
        "unreadable",
        "wanted polygons, run",
    ),
    "an endless size": (
        one(segmentation={"size": [float("inf"), 40], "counts": COUNTS}),
        "unreadable",
        "wanted polygons, run lengths or a bbox",
    ),
    "endless runs": (
        one(segmentation={"size": SIZE, "counts": [10**30, 5]}),
        "unreadable",
        "wanted polygons, run lengths or a bbox",
    ),
    "runs that 64 bits add to the right number": (
        one(segmentation={"size": SIZE, "counts": [2**62, 2**62, 2**62, 2**62, 2400]}),
        "unreadable",
        f"wanted runs over 2400 pixels, got {2**64 + 2400}",
    ),
    "another size": (
        one(segmentation={"size": [9, 9], "counts": COUNTS}),
        "size",
        "wanted a mask of 60x40 px, got 9x9",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_annotation_leaves_its_picture_out(read, case):
    annotation, kind, line = BAD[case]
    pictures, ((found, said, stops),) = read(annotation)
    assert pictures == ()
    assert (found, stops) == (kind, True)
    assert line in said


def test_an_annotation_of_no_picture_and_a_picture_without_a_name_are_told(read):
    _, told = read(one(1, image=8, segmentation=SQUARE), images=[image(), {"id": 8}])
    assert told == [
        ("unreadable", "images[1]: wanted id and file_name, got others", True),
        ("unreadable", "annotation 1: wanted an image that is listed, got 8", True),
        ("empty", "wanted a head or more, got none", False),
    ]


TWO = [image(), image(8, "c.png")]


def ids(pictures):
    return [one.picture_id for one in pictures]


@pytest.mark.parametrize("category", [{"category_id": None}, {"category_id": [3]}, {}])
def test_a_damaged_annotation_leaves_its_picture_out_and_no_other(read, category):
    good, other = one(1, segmentation=SQUARE), one(3, image=8, segmentation=SQUARE)
    pictures, told = read(good, {"id": 2, "image_id": 7} | category, other, images=TWO)
    assert ids(pictures) == ["c"]
    line = "annotation 2: wanted image_id and category_id, got others"
    assert told == [("unreadable", line, True)]


@pytest.mark.parametrize(
    ("astray", "line"),
    [
        ({"id": 2, "category_id": 3}, "annotations[1]: wanted image_id and category_id, got"),
        (one(2, image=[7]), "annotations[1]: wanted image_id and category_id, got others"),
        (one(2, image=9), "annotation 2: wanted an image that is listed, got 9"),
        (5, "annotations[1]: wanted image_id and category_id, got others"),
    ],
)
def test_an_annotation_that_may_be_of_any_picture_leaves_all_of_its_file_out(read, astray, line):
    pictures, told = read(one(segmentation=SQUARE), astray, images=TWO)
    assert pictures == ()
    assert [said for _, said, stops in told if stops and said.startswith(line)]


def test_pictures_of_one_id_are_left_out_for_nothing_tells_whose_its_annotations_are(read):
    pictures, told = read(one(segmentation=SQUARE), images=[image(), image(7, "c.png")])
    assert pictures == ()
    assert told == [("duplicate", "image id 7: wanted it once, got it 2 times", True)] * 2
    pictures, _ = read(one(segmentation=SQUARE), images=[*TWO, image(8, "no.png")])
    assert ids(pictures) == ["a"]


def test_two_categories_of_one_id_are_a_fault_of_the_file(read):
    pictures, told = read(one(segmentation=SQUARE), categories=[{"id": 3, "name": "Bad"}])
    assert pictures == ()
    assert told == [("duplicate", "category id 3: wanted it once, got it 2 times", True)]


def test_a_picture_without_a_name_is_told(read):
    pictures, told = read(one(segmentation=SQUARE), images=[image(), image(8, "/")])
    assert ids(pictures) == ["a"]
    assert ("missing image", "wanted its image '/' there or beside, got none", True) in told


def test_a_picture_in_two_files_is_annotated_twice_and_used_by_neither(read):
    pictures, told = read(one(segmentation=SQUARE), also={"annotations": []})
    assert pictures == ()
    line = "wanted one annotation of a, got 2"
    assert [t for t in told if t[0] == "duplicate"] == [("duplicate", line, True)] * 2


def test_a_missing_image_and_one_of_another_size_are_told(read):
    _, told = read(images=[image(name="b.png"), image(8, width=9)])
    assert [(kind, line) for kind, line, stops in told if stops] == [
        ("missing image", "wanted its image 'b.png' there or beside, got none"),
        ("size", "wanted an image of 9x40 px as annotated, got 60x40 (turned as its EXIF says)"),
    ]
