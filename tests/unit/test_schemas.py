import re

import pandas as pd
import pytest

from rostfine.errors import TableError
from rostfine.schemas import FOLDS, TAGS, VIDEOS, VOTES, read_table, write_table

HEADER = "sample_id,video_id,frame,x_px,y_px\n"


def test_a_good_table_has_its_types_and_keeps_other_columns(tmp_path):
    path = tmp_path / "tags.csv"
    path.write_text("sample_id,video_id,frame,x_px,y_px,note\n001,v,3, 1.5 ,2,mine\n")
    row = read_table(path, TAGS).iloc[0]
    assert row["sample_id"] == "001"
    assert (row["frame"], row["x_px"], row["y_px"], row["note"]) == (3, 1.5, 2.0, "mine")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "a,v,0,1,2\n,v,0,1,2\n", "row 3, column sample_id: wanted a text, got ''"),
        (HEADER + "a,v,1.5,1,2\n", "row 2, column frame: wanted a whole number, got '1.5'"),
        (HEADER + "a,v,0,x,2\n", "row 2, column x_px: wanted a number, got 'x'"),
        (HEADER + "a,v,0,inf,2\n", "row 2, column x_px: wanted a number, got 'inf'"),
        (HEADER + "a,v,0,1,2\na,v,1,1,2\n", "row 3: sample_id 'a' occurs twice"),
        (HEADER + "a,v,0,1,2\nb,v,1,1,2,3,4\n", "not a readable table"),
        (HEADER + "a,v,0,1,2,9\nb,v,1,1,2,9\n", "not a readable table"),
        ("sample_id,video_id,frame,x_px\na,v,0,1\n", "no column y_px; wanted sample_id, video_id"),
        ("", "not a readable table"),
    ],
)
def test_a_wrong_table_is_refused_with_file_row_and_column(tmp_path, text, message):
    path = tmp_path / "tags.csv"
    path.write_text(text)
    with pytest.raises(TableError, match=re.escape(message)) as caught:
        read_table(path, TAGS)
    assert str(caught.value).startswith(str(path))


def test_all_faults_are_named_but_at_most_twenty_in_full(tmp_path):
    path = tmp_path / "tags.csv"
    path.write_text(HEADER + "".join(f"s{i},v,0,bad,2\n" for i in range(25)))
    with pytest.raises(TableError) as caught:
        read_table(path, TAGS)
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "... and 5 more"


def test_optional_columns_may_be_absent_or_have_empty_cells(tmp_path):
    path = tmp_path / "videos.csv"
    path.write_text("video_id,patient_id,um_per_px\nv1,p1,\nv2,p2,0.2\n")
    table = read_table(path, VIDEOS)
    assert table["um_per_px"].isna().tolist() == [True, False]
    assert "acquired_at" not in table


def test_times_of_other_zones_are_compared_in_utc(tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text(
        "sample_id,expert_id,grade,voted_at\na,e,A,2026-01-01T10:00:00+02:00\na,e,B,2026-01-01T09:00:00\n"
    )
    times = read_table(path, VOTES)["voted_at"]
    assert times.iloc[0] == pd.Timestamp("2026-01-01T08:00:00Z")
    assert times.iloc[1] == pd.Timestamp("2026-01-01T09:00:00Z")


def test_a_written_table_reads_back_the_same(tmp_path):
    folds = pd.DataFrame({"sample_id": ["a", "b"], "fold": [0, 1], "extra": [1, 2]})
    write_table(tmp_path / "folds.parquet", folds, FOLDS)
    back = read_table(tmp_path / "folds.parquet", FOLDS)
    assert back.columns.tolist() == ["sample_id", "fold"]
    assert back["fold"].tolist() == [0, 1]


def test_a_table_with_semicolons_is_told_what_separates_columns(tmp_path):
    (tmp_path / "votes.csv").write_text("sample_id;expert_id;grade;voted_at\ns;e;A;2026-01-01\n")
    with pytest.raises(TableError, match="columns are separated by commas here"):
        read_table(tmp_path / "votes.csv", VOTES)
