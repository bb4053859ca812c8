import re

import pandas as pd
import pytest

from rostfine.errors import VoteError
from rostfine.labels.votes import last_votes, read_votes

HEADER = "sample_id,expert_id,grade,voted_at\n"


def test_all_files_of_the_folder_are_read_in_the_order_of_their_names(tmp_path):
    (tmp_path / "b.csv").write_text(HEADER + "s1,e1,B,2026-01-02\n")
    (tmp_path / "a.csv").write_text(HEADER + "s1,e1,A,2026-01-01\n")
    later = pd.DataFrame(
        {
            "sample_id": ["s2"],
            "expert_id": ["e1"],
            "grade": ["C"],
            "voted_at": [pd.Timestamp("2026-01-03", tz="UTC")],
        }
    )
    later.to_parquet(tmp_path / "c.parquet")
    (tmp_path / "notes.txt").write_text("not votes")
    votes = read_votes(tmp_path, {"s1", "s2"})
    assert votes["grade"].tolist() == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("s1,e1,F,2026-01-01", "v.csv: row 3: unknown grade 'F'; wanted one of A to E"),
        ("s1,e1,a,2026-01-01", "v.csv: row 3: unknown grade 'a'; wanted one of A to E"),
        ("s9,e1,A,2026-01-01", "v.csv: row 3: vote for unknown sample 's9'"),
        ("s1,e1,A,yesterday", "v.csv: row 3, column voted_at: wanted a time like"),
    ],
)
def test_a_bad_vote_is_named_with_its_file_and_row(tmp_path, row, message):
    (tmp_path / "v.csv").write_text(HEADER + "s1,e1,A,2026-01-01\n" + row + "\n")
    with pytest.raises(VoteError, match=re.escape(message)):
        read_votes(tmp_path, {"s1"})


def test_faults_of_several_files_come_together(tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + "s1,e1,F,2026-01-01\n")
    (tmp_path / "b.csv").write_text("sample_id,grade\ns1,A\n")
    with pytest.raises(VoteError) as caught:
        read_votes(tmp_path, {"s1"})
    assert len(str(caught.value).splitlines()) == 2


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(VoteError, match="no votes"):
        read_votes(tmp_path, {"s1"})


def test_the_last_vote_of_an_expert_counts_whatever_the_order_of_rows():
    votes = pd.DataFrame(
        [
            ("s1", "e1", "B", "2026-01-02"),
            ("s1", "e1", "A", "2026-01-01"),
            ("s1", "e2", "C", "2026-01-01"),
        ],
        columns=["sample_id", "expert_id", "grade", "voted_at"],
    )
    kept = last_votes(votes.assign(voted_at=pd.to_datetime(votes["voted_at"])))
    assert sorted(kept["grade"]) == ["B", "C"]


def test_of_equal_times_the_row_read_last_counts():
    votes = pd.DataFrame({"sample_id": "s", "expert_id": "e", "grade": list("AB"), "voted_at": 0})
    assert last_votes(votes)["grade"].tolist() == ["B"]


def test_where_batches_are_collected_only_what_was_accepted_is_read(tmp_path, caplog):
    first = HEADER + "s1,e1,A,2026-01-01\n"
    (tmp_path / "grown.csv").write_text(first + "s1,e2,B,2026-01-0")
    (tmp_path / "arriving.csv").write_text(HEADER + "s1,e3,C,2026-01-01\n")
    (tmp_path / ".batches.csv").write_text(
        f"file,rows,bytes,sha256,accepted_at\ngrown.csv,1,{len(first)},00,2026-01-01\n"
    )
    assert read_votes(tmp_path, {"s1"})["expert_id"].to_list() == ["e1"]
    assert "arriving.csv: left out until it is collected" in caplog.text
