from dataclasses import replace

import pytest
from PIL import Image

from rostfine.errors import InputError
from rostfine.morphology.dataset import check_usable, read_dataset
from tests.unit.morphology.conftest import box, write_labelme


@pytest.fixture
def by_folders(data_params):
    return data_params(split=replace(data_params().split, method="folders"))


def told(dataset):
    return [(one.where, one.kind, one.line, one.stops) for one in dataset.faults]


def test_pictures_of_all_formats_are_read_with_ids_by_their_place(tmp_path, data_params):
    write_labelme(tmp_path / "x.y.json", [box(1, 1, 9, 9)])
    write_labelme(tmp_path / "sub" / "b.json", [box(1, 1, 9, 9, "Bad")], seed=1)
    write_labelme(tmp_path / "c.json", [], seed=2)
    write_labelme(tmp_path / ".hidden" / "d.json", [box(1, 1, 9, 9)], seed=3)
    (tmp_path / "c.json").write_text(
        '{"images": [{"id": 1, "file_name": "c.png"}], "annotations": [], "categories": []}'
    )
    dataset = read_dataset(tmp_path, data_params())
    assert [one.picture_id for one in dataset.pictures] == ["c", "sub/b", "x.y"]
    assert {one.split for one in dataset.pictures} == {"train", "validation", "test"}


def test_equal_pictures_in_two_splits_are_a_fault_of_the_side_that_learns(tmp_path, by_folders):
    for name in ("train/a", "train/b", "val/c", "test/d", "test/e"):
        write_labelme(tmp_path / f"{name}.json", [box(1, 1, 9, 9)], seed=name[-1] == "b")
    dataset = read_dataset(tmp_path, by_folders)
    assert [one.picture_id for one in dataset.pictures] == ["test/d", "test/e", "train/b"]
    last = tmp_path / "test" / "d.png"
    line = "wanted each picture in one split, got it in {} and, as {}, in test"
    assert told(dataset) == [
        (str(tmp_path / "train/a.png"), "duplicate", line.format("train", last), True),
        (str(tmp_path / "val/c.png"), "duplicate", line.format("validation", last), True),
        (str(tmp_path / "test/e.png"), "duplicate", f"the same picture as {last}", False),
        (str(tmp_path), "split", "wanted pictures to validation, got none", False),
    ]


@pytest.mark.parametrize(
    ("shapes", "line"),
    [
        (
            [box(2, 2, 12, 12, group_id=4), box(30, 20, 40, 30, "Bad", group_id=4)],
            "good at 2, 2 px and bad at 30, 20 px: wanted each head once, got both of group 4",
        ),
        (
            [box(2, 2, 22, 12, group_id=4), box(2, 2, 21, 12, "Nucleus", group_id=5)],
            "good at 2, 2 px and head at 2, 2 px: wanted each head once, got an overlap of 0.95",
        ),
        (
            [box(2, 2, 22, 12, "Bad"), box(2, 2, 22, 12, "Bad", shape_type="rectangle")],
            "bad at 2, 2 px and bad at 2, 2 px: wanted each head once, got an overlap of 1.00",
        ),
    ],
)
def test_a_head_that_is_drawn_again_leaves_its_picture_out(tmp_path, data_params, shapes, line):
    where = write_labelme(tmp_path / "a.json", shapes)
    dataset = read_dataset(tmp_path, data_params())
    assert dataset.pictures == ()
    assert told(dataset) == [(str(where), "duplicate", line, True)]


def test_parts_of_a_head_and_heads_that_overlap_less_are_not_drawn_again(tmp_path, data_params):
    nucleus = box(2, 2, 12, 12, "Nucleus", group_id=4)
    cap = box(2, 2, 12, 12, "Cap", group_id=4)
    beside = [box(20, 20, 40, 30), box(20, 20, 38, 30, "Bad")]
    write_labelme(tmp_path / "a.json", [nucleus, cap, *beside])
    (one,) = read_dataset(tmp_path, data_params()).pictures
    assert len(one.instances) == 4


def test_a_picture_is_at_most_a_hundred_times_as_long_as_wide(tmp_path, data_params):
    for name, size in {"a": (400, 4), "b": (4, 401)}.items():
        Image.new("RGB", size).save(tmp_path / f"{name}.png")
        own = {"imageWidth": size[0], "imageHeight": size[1]}
        write_labelme(tmp_path / f"{name}.json", [box(1, 1, 3, 3)], write_image=False, **own)
    dataset = read_dataset(tmp_path, data_params())
    assert [one.picture_id for one in dataset.pictures] == ["a"]
    line = "wanted a picture of sides up to 1:100, got 4x401 px"
    assert (str(tmp_path / "b.json"), "size", line, True) in told(dataset)


def test_an_empty_picture_and_images_without_annotation_are_notices(tmp_path, data_params):
    for number in range(3):
        shapes = [box(1, 1, 9, 9)] if number else []
        write_labelme(tmp_path / f"{number}.json", shapes, seed=number)
    write_labelme(tmp_path / "x.json", [], seed=9).unlink()
    dataset = read_dataset(tmp_path, data_params())
    assert len(dataset.pictures) == 3
    first = f"1 pictures without an annotation, the first {tmp_path / 'x.png'}"
    assert told(dataset) == [
        (str(tmp_path / "0.json"), "empty", "wanted a head or more, got none", False),
        (str(tmp_path), "empty", first, False),
    ]


def test_a_folder_without_annotations_is_a_fault(tmp_path, data_params):
    line = "wanted annotations of labelme, Pascal VOC or COCO, got no JSON or XML file"
    assert told(read_dataset(tmp_path, data_params())) == [
        (str(tmp_path), "unreadable", line, True)
    ]


def test_labels_that_never_share_a_group_are_names_of_one_thing(tmp_path, data_params):
    shapes = [box(1, 1, 9, 9, "Cap", group_id=1), box(20, 20, 29, 29, "Nucleus", group_id=2)]
    write_labelme(tmp_path / "a.json", shapes)
    assert "part" not in {one.kind for one in read_dataset(tmp_path, data_params()).faults}


def test_faults_stop_or_are_skipped_but_never_leave_a_split_empty(tmp_path, data_params):
    for number in range(4):
        shapes = [box(1, 1, 9, 9, "Odd" if number == 3 else "Good")]
        write_labelme(tmp_path / f"{number}.json", shapes, seed=number)
    dataset = read_dataset(tmp_path, data_params())
    assert [one.picture_id for one in dataset.pictures] == ["0", "1", "2"]
    check_usable(dataset, "skip")
    line = f"{tmp_path / '3.json'}: shape 1 (Odd): wanted one of Good, Bad, Nucleus, Cap, Tail"
    with pytest.raises(InputError, match=r"^" + line.replace("(", r"\(").replace(")", r"\)")):
        check_usable(dataset, "stop")
    with pytest.raises(InputError, match="shape 1"):
        check_usable(replace(dataset, pictures=dataset.pictures[:2]), "skip")
    with pytest.raises(InputError, match=r"wanted pictures to train, validation, test, got none"):
        check_usable(replace(dataset, pictures=(), faults=()), "stop")


def test_each_file_is_an_advance(tmp_path, data_params):
    write_labelme(tmp_path / "a.json", [box(1, 1, 9, 9)])
    (tmp_path / "b.json").write_text("{}")
    done = []
    read_dataset(tmp_path, data_params(), advance=lambda steps=1, note="": done.append(steps))
    assert sum(done) == 2
