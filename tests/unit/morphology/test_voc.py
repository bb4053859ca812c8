import pytest
from PIL import Image

from rostfine.morphology.dataset import read_dataset
from tests.unit.morphology.conftest import picture


def object_of(label: str, *sides: object) -> str:
    names = ("xmin", "ymin", "xmax", "ymax")
    inner = "".join(f"<{n}>{v}</{n}>" for n, v in zip(names, sides, strict=False))
    return f"<object><name>{label}</name><bndbox>{inner}</bndbox></object>"


@pytest.fixture
def read(tmp_path, data_params):
    def run(*objects, size=(60, 40), name="a.png", **changes):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "xml").mkdir(exist_ok=True)
        Image.fromarray(picture()).save(tmp_path / "images" / "a.png")
        said = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
        text = f"<annotation><filename>{name}</filename>{said}{''.join(objects)}</annotation>"
        (tmp_path / "xml" / "a.xml").write_text(text)
        dataset = read_dataset(tmp_path, data_params(**changes))
        own = [fault for fault in dataset.faults if fault.kind not in {"split"}]
        return dataset.pictures, [(one.kind, one.line, one.stops) for one in own]

    return run


def test_a_box_counts_its_pixels_from_1_both_ends_included(read):
    (one,), told = read(object_of("Good", 1, 11, 10, 30), object_of("Tail", 1, 1, 2, 2))
    assert not told
    (head,) = one.instances
    assert head.box_px == (0, 10, 10, 30)
    assert not head.outlined
    assert head.area_px == pytest.approx(3.1416 / 4 * 200, rel=0.03)
    assert one.picture_id == "xml/a"


def test_a_size_of_0_says_nothing_and_another_one_is_a_fault(read):
    assert len(read(object_of("Good", 1, 1, 9, 9), size=(0, 0))[0]) == 1
    _, told = read(object_of("Good", 1, 1, 9, 9), size=(40, 60))
    line = "wanted an image of 40x60 px as annotated, got 60x40 (turned as its EXIF says)"
    assert told == [("size", line, True)]


@pytest.mark.parametrize(
    ("bad", "kind", "line"),
    [
        (object_of("Odd", 1, 1, 9, 9), "unknown label", "wanted one of Good, Bad, Nucleus, Cap,"),
        (object_of("Bad", 9, 1, 8, 9), "zero area", "wanted right > left and bottom > top, got"),
        (object_of("Bad", 1, 1, 9), "shape", "wanted a bndbox with xmin, ymin, xmax, ymax, got"),
        (object_of("Bad", 1, 1, "x", 9), "shape", "wanted a bndbox with xmin, ymin, xmax, ymax"),
        (object_of("Bad", 55, 1, 90, 9), "outside", "wanted it inside 60x40 px, got"),
    ],
)
def test_a_bad_box_leaves_its_picture_out(read, bad, kind, line):
    pictures, ((found, said, stops),) = read(object_of("Good", 1, 1, 9, 9), bad)
    assert pictures == ()
    assert (found, stops) == (kind, True)
    assert line in said
    assert said.startswith("object 2 (")


def test_boxes_are_refused_where_the_params_say_so(read):
    pictures, told = read(object_of("Good", 1, 1, 9, 9), boxes="refuse")
    assert pictures == ()
    line = "object 1 (Good): wanted an outline (data.boxes is refuse), got a box"
    assert told == [("box", line, True)]


def test_other_and_damaged_xml_is_told(tmp_path, data_params):
    (tmp_path / "a.xml").write_text("<html/>")
    (tmp_path / "b.xml").write_text("<annotation>")
    first, second, *_ = read_dataset(tmp_path, data_params()).faults
    wanted = "wanted annotations of labelme, Pascal VOC or COCO, got "
    assert first.line == f"{wanted}the element 'html'"
    assert second.line.startswith(f"{wanted}what cannot be read: no element found")
