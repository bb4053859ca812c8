import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from rostfine.morphology.dataset import read_dataset
from rostfine.morphology.heads import decode
from tests.unit.morphology.conftest import HIGH_PX, WIDE_PX, box, picture, write_labelme


@pytest.fixture
def read(tmp_path, data_params):
    """Write one labelme file and return its pictures, and lines of what is wrong or odd."""

    def run(*shapes, params=None, **how):
        write_labelme(tmp_path / "a.json", shapes, **how)
        dataset = read_dataset(tmp_path, params or data_params())
        own = [fault for fault in dataset.faults if fault.kind != "split"]
        return dataset.pictures, [(one.kind, one.line, one.stops) for one in own]

    return run


def test_shapes_of_one_group_and_class_make_one_instance_and_a_label_serves_every_class(read):
    shapes = [
        box(2, 2, 8, 8, "Nucleus", group_id=1),
        box(8, 2, 12, 8, "Cap", group_id=1),
        box(20, 20, 24, 24, "Nucleus", group_id=2),
        box(30, 20, 34, 24, "Cap"),
        box(1, 30, 50, 32, "Tail", group_id=1),
    ]
    (one,), told = read(*shapes)
    found = [(i.class_name, i.box_px, i.area_px, i.group) for i in one.instances]
    assert found == [
        ("head", (2, 2, 12, 8), 60, "1"),
        ("head", (20, 20, 24, 24), 16, "2"),
        ("head", (30, 20, 34, 24), 16, ""),
        ("acrosome", (8, 2, 12, 8), 24, "1"),
        ("acrosome", (30, 20, 34, 24), 16, ""),
    ]
    assert told == [
        ("part", "head of group 2: wanted Nucleus, Cap, got Nucleus only", False),
        ("part", "head of no group: wanted Nucleus, Cap, got Cap only", False),
    ]


def test_several_polygons_of_a_head_are_not_counted_again(read):
    (one,), _ = read(box(2, 2, 8, 8, group_id=4), box(8, 2, 12, 8, group_id=4))
    assert [i.area_px for i in one.instances] == [60]


def test_a_circle_is_an_outline_and_a_rectangle_is_a_box(read):
    circle = box(0, 0, 0, 0) | {"shape_type": "circle", "points": [[20, 20], [20, 28]]}
    rectangle = box(0, 0, 0, 0) | {"shape_type": "rectangle", "points": [[50, 30], [40, 10]]}
    (one,), told = read(circle, rectangle)
    assert not told
    assert [i.outlined for i in one.instances] == [True, False]
    assert [i.area_px for i in one.instances] == [
        pytest.approx(np.pi * 64, rel=0.03),
        pytest.approx(np.pi / 4 * 200, rel=0.03),
    ]
    assert one.instances[1].box_px == (40, 10, 50, 30)


@pytest.mark.parametrize("kind", ["rectangle", "oriented_rectangle"])
@pytest.mark.parametrize(
    ("points", "area_px"),
    [
        ([[10, 2], [18, 6], [14, 14], [6, 10]], 80),
        ([[10, 5], [30, 5], [30, 15], [30, 15]], 100),  # three corners of a box
    ],
)
def test_a_rectangle_that_is_turned_or_has_slanting_sides_is_an_outline(
    read, kind, points, area_px
):
    (one,), told = read(box(0, 0, 0, 0) | {"shape_type": kind, "points": points})
    assert not told
    (head,) = one.instances
    assert (head.outlined, head.area_px) == (True, pytest.approx(area_px, rel=0.1))


def test_a_rectangle_of_four_points_along_the_axes_is_a_box_like_that_of_two(read):
    upright = box(10, 5, 30, 15, shape_type="rectangle")
    upright["points"][0] = [10.000001, 5.000001]
    (one,), _ = read(upright)
    (head,) = one.instances
    assert head.box_px == pytest.approx((10, 5, 30, 15))
    assert not head.outlined
    assert head.area_px == pytest.approx(np.pi / 4 * 200, rel=0.03)
    (one,), _ = read(upright | {"shape_type": "oriented_rectangle"})
    assert [i.outlined for i in one.instances] == [True]


def mask_shape(pixels: np.ndarray, left: int, top: int, **changes):
    file = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    rows, cols = pixels.shape
    points = [[left, top], [left + cols - 1, top + rows - 1]]
    held = base64.b64encode(file.getvalue()).decode()
    return box(0, 0, 0, 0) | {"shape_type": "mask", "points": points, "mask": held} | changes


def test_a_mask_lies_where_its_box_says(read):
    pixels = np.array([[1, 0, 0], [1, 1, 1]], bool)
    (one,), _ = read(mask_shape(pixels, 10, 20))
    wanted = np.zeros((HIGH_PX, WIDE_PX), bool)
    wanted[20:22, 10:13] = pixels
    np.testing.assert_array_equal(decode(one.instances[0].mask), wanted)


def test_a_mask_over_the_edge_is_cut_there(read):
    (one,), told = read(mask_shape(np.ones((4, 4), bool), -2, 38))
    assert one.instances[0].box_px == (0, 38, 2, 40)
    assert told == [("outside", "shape 1 (Good): reaches 2 px out of 60x40 px; cut there", False)]


SHAPES = {
    "a point": (box(1, 1, 2, 2) | {"shape_type": "point"}, "shape", "got a point"),
    "a line": (box(1, 1, 2, 2) | {"shape_type": "line"}, "shape", "got a line"),
    "a linestrip": (
        box(1, 1, 2, 2) | {"shape_type": "linestrip"},
        "shape",
        "with an area (polygon, rectangle, oriented_rectangle, circle, mask), got a linestrip",
    ),
    "a type that is a list": (box(1, 1, 9, 9) | {"shape_type": ["x"]}, "shape", "got a ['x']"),
    "half a turned rectangle": (
        box(1, 1, 2, 2) | {"shape_type": "oriented_rectangle", "points": [[1, 5], [9, 5]]},
        "unreadable",
        "wanted four points, got 2",
    ),
    "an endless number": (
        box(1, 1, 9, 9) | {"points": [[10**400, 1], [2, 3], [4, 5]]},
        "unreadable",
        "wanted points of two numbers each, got others",
    ),
    "a mask far outside": (
        mask_shape(np.ones((1, 1)), 0, 0, points=[[1e300, 5], [1e300, 5]]),
        "outside",
        "got 0% of its area there",
    ),
    "an unknown label": (
        box(1, 1, 9, 9, "Goood"),
        "unknown label",
        "wanted one of Good, Bad, Nucleus, Cap, Tail; got 'Goood'",
    ),
    "two points": (
        box(1, 1, 9, 9) | {"points": [[1, 1], [9, 9]]},
        "zero area",
        "wanted an area of a pixel or more, got none",
    ),
    "points on a line": (
        box(1, 5, 9, 5),
        "zero area",
        "wanted an area of a pixel or more, got none",
    ),
    "no points": (box(1, 5, 9, 5) | {"points": []}, "zero area", "wanted an area of a pixel"),
    "a flat rectangle": (
        box(1, 1, 2, 2) | {"shape_type": "rectangle", "points": [[1, 5], [9, 5]]},
        "zero area",
        "wanted right > left and bottom > top, got left, top, right, bottom 1, 5, 9, 5",
    ),
    "mostly outside": (
        box(50, 10, 80, 20),
        "outside",
        "wanted it inside 60x40 px, got 33% of its area there",
    ),
    "far outside": (box(5e8, 10, 8e8, 20), "outside", "got 0% of its area there"),
    "no numbers": (
        box(1, 1, 9, 9) | {"points": [["a", 1], [2, 3], [4, 5]]},
        "unreadable",
        "wanted points of two numbers each, got others",
    ),
    "no label": ({"points": []}, "unreadable", "wanted a label and points, got neither"),
    "a mask of another size": (
        mask_shape(np.ones((3, 3)), 5, 5, points=[[5, 5], [8, 7]]),
        "size",
        "wanted a mask of 4x3 px, got 3x3",
    ),
    "a damaged mask": (
        mask_shape(np.ones((3, 3)), 5, 5, mask="AAAA"),
        "unreadable",
        "its mask: mask: not a readable picture: its format is not known",
    ),
}


@pytest.mark.parametrize("case", SHAPES)
def test_a_shape_that_cannot_be_used_leaves_its_picture_out(read, case):
    shape, kind, line = SHAPES[case]
    pictures, told = read(box(30, 30, 38, 38), shape)
    assert pictures == ()
    ((found, said, stops),) = told
    assert (found, stops) == (kind, True)
    assert said.startswith("shape 2")
    assert said.endswith(line) or line in said


def test_every_fault_of_a_picture_is_told(read):
    _, told = read(*(shape for shape, _, _ in SHAPES.values()))
    assert len(told) == len(SHAPES)


def test_shapes_of_ignored_labels_may_be_anything(read):
    pictures, told = read(box(1, 1, 9, 9), box(1, 1, 2, 2, "Tail") | {"shape_type": "linestrip"})
    assert len(pictures) == 1
    assert not told


def test_half_of_a_polygon_outside_is_cut_and_told(read):
    (one,), told = read(box(50, 10, 69, 20))
    assert one.instances[0].box_px == (50, 10, 60, 20)
    assert told == [("outside", "shape 1 (Good): reaches 9 px out of 60x40 px; cut there", False)]


def test_a_slip_beside_the_true_shape_of_a_part_is_a_notice(read):
    slip = box(1, 5, 9, 5, "Cap", group_id=3)
    (one,), told = read(slip, box(1, 5, 9, 15, "Cap", group_id=3))
    assert [(kind, stops) for kind, _, stops in told] == [("zero area", False)]
    pictures, told = read(slip, box(1, 5, 9, 15, "Cap", group_id=4))
    assert pictures == ()
    assert [stops for _, _, stops in told] == [True]


def test_a_rectangle_is_refused_where_boxes_are(read, data_params):
    rectangle = box(0, 0, 0, 0) | {"shape_type": "rectangle", "points": [[50, 30], [40, 10]]}
    pictures, told = read(rectangle, params=data_params(boxes="refuse"))
    assert pictures == ()
    line = "shape 1 (Good): wanted an outline (data.boxes is refuse), got a box"
    assert told == [("box", line, True)]


@pytest.mark.parametrize("said", ["sub\\b.png", "sub/b.png", "C:\\Users\\me\\b.png", "lost.jpg"])
def test_the_image_is_found_by_paths_of_any_system_or_by_the_stem(tmp_path, read, said):
    where = {"sub": "sub/b.png", "C:\\": "b.png"}.get(said[:3], "a.png")
    (tmp_path / "sub").mkdir()
    Image.fromarray(picture()).save(tmp_path / where)
    (one,), _ = read(box(1, 1, 9, 9), write_image=False, imagePath=said)
    assert one.path == tmp_path / where


def test_the_image_may_be_inside_or_in_the_folder_above(tmp_path, read, data_params):
    (one,), told = read(box(1, 1, 9, 9), inside=True)
    assert not told
    assert one.path == one.source == tmp_path / "a.json"
    write_labelme(tmp_path / "other" / "b.json", [], write_image=False, imagePath="lost\\b.png")
    Image.fromarray(picture(1)).save(tmp_path / "b.png")
    assert len(read_dataset(tmp_path, data_params()).pictures) == 2


def test_a_missing_a_damaged_and_an_image_of_another_size_are_told(tmp_path, read):
    _, told = read(box(1, 1, 9, 9), write_image=False)
    assert told == [("missing image", "wanted its image 'a.png' there or beside, got none", True)]
    (tmp_path / "a.png").write_bytes(b"damaged")
    _, told = read(box(1, 1, 9, 9), write_image=False)
    line = f"{tmp_path / 'a.png'}: not a readable picture: its format is not known"
    assert told == [("unreadable", line, True)]
    _, told = read(box(1, 1, 9, 9), imageWidth=HIGH_PX, imageHeight=WIDE_PX)
    line = "wanted an image of 40x60 px as annotated, got 60x40 (turned as its EXIF says)"
    assert told == [("size", line, True)]
    _, told = read(box(1, 1, 9, 9), imageData="AAAA")
    line = f"{tmp_path / 'a.json'}: imageData: not a readable picture: its format is not known"
    assert told == [("unreadable", line, True)]


def test_an_image_that_its_exif_turns_has_the_size_that_was_annotated(tmp_path, read):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture()).save(tmp_path / "a.png", exif=exif)
    size = {"imageWidth": HIGH_PX, "imageHeight": WIDE_PX}
    (one,), told = read(box(1, 45, 9, 55), write_image=False, **size)
    assert not told
    assert (one.width_px, one.height_px) == (HIGH_PX, WIDE_PX)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"{", "wanted annotations of labelme, Pascal VOC or COCO, got what cannot be read: "),
        (b"\xff\xff\xff", "wanted annotations of labelme, Pascal VOC or COCO, got what cannot be"),
        (b'{"a": 1}', "wanted annotations of labelme, Pascal VOC or COCO, got an object with a"),
        (b"[]", "wanted annotations of labelme, Pascal VOC or COCO, got a list"),
    ],
)
def test_a_json_that_is_no_annotation_is_told(tmp_path, data_params, content, line):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    fault, *_ = read_dataset(tmp_path, data_params()).faults
    assert (fault.where, fault.kind, fault.stops) == (str(path), "unreadable", True)
    assert fault.line.startswith(line)
