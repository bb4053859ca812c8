"""Heads outlined by two annotators of the same pictures, and boxes around whole sperm."""

from collections import Counter

import pytest

from rostfine.morphology.agreement import agree
from rostfine.morphology.dataset import Dataset, read_dataset
from rostfine.morphology.params import ClassParams, DataParams, SplitParams

pytestmark = pytest.mark.data

SPLIT = SplitParams("random", None, test=0.2, validation=0.2, seed=0)
PARTS = DataParams(
    "head_labelme",
    {
        "head": ClassParams(("Acrosome", "Nucleus"), "head"),
        "acrosome": ClassParams(("Acrosome",), "acrosome"),
        "vacuole": ClassParams(("Vacuole",), "vacuole"),
    },
    ("Midpiece", "Tail"),
    "ellipse",
    None,
    "stop",
    SPLIT,
)
QUALITY = DataParams(
    "head_boxes",
    {"good": ClassParams(("Normal",), "good"), "bad": ClassParams(("Abnormal",), "bad")},
    (),
    "ellipse",
    None,
    "stop",
    SPLIT,
)


@pytest.fixture(scope="module")
def annotated(real_data) -> list[Dataset]:
    folder = real_data / "head_labelme"
    if not folder.is_dir():
        pytest.skip(f"no annotated heads in {folder}")
    return [read_dataset(folder / name, PARTS) for name in ("annotator2", "annotator3")]


def counts(dataset: Dataset) -> Counter[str]:
    return Counter(one.class_name for picture in dataset.pictures for one in picture.instances)


def test_both_annotators_are_read_without_a_fault(annotated):
    for dataset in annotated:
        assert not [fault.text for fault in dataset.faults if fault.stops]
        assert len(dataset.pictures) == 6
    assert counts(annotated[0]) == {"head": 51, "acrosome": 49, "vacuole": 34}
    assert counts(annotated[1]) == {"head": 51, "acrosome": 48, "vacuole": 35}


def test_what_is_odd_is_told(annotated):
    kinds = [Counter(fault.kind for fault in dataset.faults) for dataset in annotated]
    # Slips of less than a pixel beside an acrosome, and heads without one.
    assert kinds == [{"part": 2}, {"part": 3, "zero area": 2}]


def test_the_annotators_outlined_the_same_heads_and_overlap_by_0_907(annotated):
    found = agree(annotated[0].pictures, annotated[1].pictures, PARTS.classes)
    assert (found.matched, found.only_first, found.only_second) == (51, 0, 0)
    assert found.mean_iou == pytest.approx(0.907, abs=0.001)
    assert found.mean_dice == pytest.approx(0.951, abs=0.001)


def test_of_62_boxes_in_40_pictures_20_are_of_normal_sperm(real_data):
    folder = real_data / "head_boxes"
    if not folder.is_dir():
        pytest.skip(f"no boxes in {folder}")
    dataset = read_dataset(folder, QUALITY)
    # One box begins a pixel above its picture.
    assert [(fault.kind, fault.stops) for fault in dataset.faults] == [("outside", False)]
    assert len(dataset.pictures) == 40
    assert counts(dataset) == {"good": 20, "bad": 42}
    assert not any(one.outlined for picture in dataset.pictures for one in picture.instances)
