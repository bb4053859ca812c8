"""Who can be used of a data set, and what is told of the others."""

import dataclasses
from pathlib import Path

import pytest

from rostfine.errors import FoldError, TableError
from rostfine.schemas import read_table, write_table
from rostfine.visem.params import DataParams, FoldsParams, load_visem_params
from rostfine.visem.participants import list_participants
from rostfine.visem.tables import PARTICIPANTS

ROOT = Path(__file__).parents[3]


def params_of(folder: Path, *, on_bad_input="stop", k=2, file=None):
    params = load_visem_params(ROOT / "visem" / "params.small.yaml")
    method = "file" if file else "random"
    return dataclasses.replace(
        params,
        data=DataParams(str(folder), on_bad_input),
        folds=FoldsParams(method, file and str(file), k, seed=1),
    )


def test_everyone_with_a_video_is_listed_with_fold_and_percentages(make_dataset, tmp_path):
    folder = make_dataset()
    table = list_participants(params_of(folder))
    assert table["participant_id"].tolist() == ["1", "2", "3", "4"]
    assert sorted(table["fold"]) == [0, 0, 1, 1]
    assert table["progressive_pct"].tolist() == [51, 22, 18, 48]
    assert all((folder / video).is_file() for video in table["video"])
    # It is what the table of participants is to be.
    write_table(tmp_path / "p.parquet", table, PARTICIPANTS)
    assert len(read_table(tmp_path / "p.parquet", PARTICIPANTS)) == 4


def test_what_is_alike_is_told_once_with_how_often_and_where_first(make_dataset, caplog):
    folder = make_dataset()
    list_participants(params_of(folder))
    first = folder / "videos" / "1_09.09.02_SSW.avi"
    line = f"wanted 640x480 px, got 64x48 (4 times, first in {first})"
    assert [record.getMessage() for record in caplog.records] == [line]


def test_a_notice_of_one_video_names_it(make_dataset, caplog):
    folder = make_dataset(size_px=(480, 640))
    path = folder / "videos" / "2_09.10.14_drift_SSW.avi"
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    list_participants(params_of(folder))
    (line,) = [record.getMessage() for record in caplog.records]
    wanted = f"{path}: wanted {len(whole)} bytes as its header says, got {len(whole) - 10}"
    assert line == f"{wanted}: it is cut off"


def test_a_fault_stops_or_leaves_its_participant_out_as_is_wanted(make_dataset, caplog):
    folder = make_dataset(size_px=(480, 640))
    first, second, *_ = sorted((folder / "videos").iterdir())
    first.write_bytes(b"no video")
    second.unlink()
    with pytest.raises(TableError) as caught:
        list_participants(params_of(folder))
    assert len(caught.value.faults) == 2
    assert any(str(first) in line for line in caught.value.faults)
    table = list_participants(params_of(folder, on_bad_input="skip"))
    assert table["participant_id"].tolist() == ["3", "4"]
    assert sorted(table["fold"]) == [0, 1]
    told = [record.getMessage() for record in caplog.records]
    assert sorted(told) == sorted(caught.value.faults)


def test_where_nobody_is_left_every_fault_is_told_though_they_are_to_be_skipped(make_dataset):
    folder = make_dataset(videos=["1_x.avi"])
    (folder / "videos" / "1_x.avi").write_bytes(b"no video")
    with pytest.raises(TableError) as caught:
        list_participants(params_of(folder, on_bad_input="skip"))
    assert len(caught.value.faults) == 4


def test_folds_of_ones_own_are_taken_and_may_name_who_is_left_out(make_dataset, tmp_path):
    folder = make_dataset()
    min((folder / "videos").iterdir()).write_bytes(b"no video")
    file = tmp_path / "folds.csv"
    file.write_text("participant_id,fold\n1,0\n2,1\n3,0\n4,1\n")
    table = list_participants(params_of(folder, on_bad_input="skip", file=file))
    assert dict(zip(table["participant_id"], table["fold"], strict=True)) == {
        "2": 1,
        "3": 0,
        "4": 1,
    }


def test_more_folds_than_participants_are_told(make_dataset):
    with pytest.raises(FoldError, match=r"folds\.k: wanted from 2 folds to .* \(4\), got 5"):
        list_participants(params_of(make_dataset(), k=5))
