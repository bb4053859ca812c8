import dataclasses

import numpy as np
import pandas as pd
import pytest

from rostfine.errors import InputError, TableError
from rostfine.morphology.dataset import read_dataset
from rostfine.morphology.params import PARAMS
from rostfine.morphology.stored import read_image, read_pictures, write_faults, write_pictures
from rostfine.morphology.tables import FAULTS_FILE
from stages import morphology_check
from tests.unit.morphology.conftest import box, picture, write_labelme


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A workspace with three pictures; one holds its image, one has a box and no group."""
    monkeypatch.chdir(tmp_path)
    box_only = box(0, 0, 0, 0) | {"shape_type": "rectangle", "points": [[3, 4], [9.5, 12.25]]}
    tied = [box(1, 1, 9, 9, "Nucleus", group_id=2), box(9, 1, 12, 9, "Cap", group_id=2)]
    write_labelme(tmp_path / "data" / "a.json", [box_only])
    write_labelme(tmp_path / "data" / "sub" / "b.json", tied, seed=1, inside=True)
    write_labelme(tmp_path / "data" / "c.json", [], seed=2)
    return tmp_path


def test_pictures_come_back_as_they_were_written(workspace, data_params):
    dataset = read_dataset(workspace / "data", data_params())
    write_pictures(dataset)
    assert tuple(read_pictures()) == dataset.pictures
    (one,) = read_pictures("test")
    assert one.split == "test"
    assert sorted(len(p.instances) for p in dataset.pictures) == [0, 1, 2]


def test_images_are_read_from_beside_and_from_inside(workspace, data_params):
    for one in read_dataset(workspace / "data", data_params()).pictures:
        seed = {"a": 0, "sub/b": 1, "c": 2}[one.picture_id]
        np.testing.assert_array_equal(read_image(one), picture(seed))
        assert (one.path.suffix == ".json") == (one.picture_id == "sub/b")


def test_without_instances_and_faults_the_tables_are_empty(workspace, data_params):
    dataset = read_dataset(workspace / "data", data_params())
    write_pictures(dataclasses.replace(dataset, pictures=()))
    write_faults([])
    assert read_pictures() == []
    assert len(pd.read_parquet(FAULTS_FILE)) == 0


def test_without_tables_the_missing_one_is_named(workspace):
    with pytest.raises(TableError, match=r"morphology/pictures.parquet: no such file"):
        read_pictures()


def test_the_stage_writes_the_tables(workspace, data_params, write_params):
    write_params(PARAMS, data_params())
    morphology_check.main()
    assert [one.picture_id for one in read_pictures()] == ["a", "c", "sub/b"]
    (fault,) = pd.read_parquet(FAULTS_FILE).to_dict("records")
    line = "notice: wanted a head or more, got none"
    assert fault == {"where": "data/c.json", "kind": "empty", "line": line}


def test_the_stage_stops_after_all_faults_are_written(workspace, data_params, write_params):
    write_params(PARAMS, data_params())
    for name in "de":
        write_labelme(workspace / "data" / f"{name}.json", [box(1, 1, 9, 9, "Odd")], seed=ord(name))
    with pytest.raises(InputError) as caught:
        morphology_check.main()
    assert [line.partition(":")[0] for line in caught.value.faults] == [
        "data/d.json",
        "data/e.json",
    ]
    assert (pd.read_parquet(FAULTS_FILE)["kind"] == "unknown label").sum() == 2
    write_params(PARAMS, data_params(on_bad_input="skip"))
    morphology_check.main()
    assert len(read_pictures()) == 3
