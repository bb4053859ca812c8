import json
import logging
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rostfine.cli_votes import app
from rostfine.errors import InputError, VoteError
from rostfine.labels.batches import collect_batches
from rostfine.labels.history import vote_history

PARAMS = Path(__file__).parents[3] / "params.small.yaml"


@pytest.fixture
def voted(lab):
    lab.drop("a.csv", "s1,e2,B,2026-01-02", "s1,e1,A,2026-01-01", "s2,e1,E,2026-01-01")
    collect_batches(lab.workspace, settled_s=30.0)
    lab.drop("b.csv", "s1,e1,C,2026-01-03", "s1,e3,C,2026-01-04", age_s=0)
    (lab.workspace / "dvc.yaml").touch()
    (lab.workspace / "params.yaml").write_text(PARAMS.read_text())
    return lab


def test_votes_come_in_time_with_their_files_and_the_last_of_each_expert_counts(voted):
    votes = vote_history(voted.workspace, "s1")
    assert votes[["expert_id", "grade", "batch", "counts"]].to_numpy().tolist() == [
        ["e1", "A", "a.csv", False],
        ["e2", "B", "a.csv", True],
        ["e1", "C", "b.csv", True],
        ["e3", "C", "b.csv", True],
    ]
    assert votes["voted_at"].is_monotonic_increasing


def test_a_sample_without_votes_has_an_empty_history_and_an_unknown_one_none(voted):
    assert vote_history(voted.workspace, "s3").empty
    with pytest.raises(VoteError, match=r"tags.csv: no sample 's11'; similar: s1"):
        vote_history(voted.workspace, "s11")


def test_a_file_that_would_be_rejected_is_left_out_and_named(voted, caplog):
    voted.drop("c.csv", "s1,e4,F")
    with caplog.at_level(logging.WARNING):
        assert len(vote_history(voted.workspace, "s1")) == 4
    assert "c.csv: row 2: unknown grade 'F'" in caplog.text


def test_the_command_prints_votes_and_the_label_that_they_make(voted):
    where = ["--workspace", str(voted.workspace)]
    shown = CliRunner().invoke(app, ["history", "s1", *where], env={"COLUMNS": "100"})
    assert shown.exit_code == 0
    assert "s1: 3 of 4 votes count" in shown.output
    assert shown.output.count("superseded") == 1
    assert "B 0.333  C 0.667" in shown.output
    held = json.loads(CliRunner().invoke(app, ["history", "s1", *where, "--json"]).output)
    assert held["label"]["C"] == pytest.approx(2 / 3)
    assert held["votes"][0] == {
        "voted_at": "2026-01-01T00:00:00+00:00",
        "expert_id": "e1",
        "grade": "A",
        "batch": "a.csv",
        "counts": False,
    }
    assert json.loads(CliRunner().invoke(app, ["history", "s3", *where, "--json"]).output) == {
        "sample_id": "s3",
        "votes": [],
        "label": {},
    }


def test_collecting_by_hand_ends_with_1_if_a_batch_was_rejected(voted):
    voted.drop("b.csv", "s1,e1,C,2026-01-03")
    good = CliRunner().invoke(app, ["collect", str(voted.workspace)])
    assert (good.exit_code, "new votes: 1 of 1 experts" in good.output) == (0, True)
    voted.drop("[red].csv", "s1,e1,F")
    bad = CliRunner().invoke(app, ["collect", str(voted.workspace)])
    assert bad.exit_code == 1
    assert "[red].csv" in bad.output
    assert "row 2: unknown grade 'F'" in bad.output.replace("\n", "")


def test_a_folder_that_is_no_workspace_is_refused(tmp_path):
    result = CliRunner().invoke(app, ["collect", str(tmp_path)])
    assert isinstance(result.exception, InputError)
