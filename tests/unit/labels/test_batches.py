import os
import re
import subprocess
import sys
import threading
import time

import pandas as pd
import pytest

from rostfine.errors import VoteError
from rostfine.labels.batches import collect_batches
from rostfine.labels.ledger import has_new, read_ledger
from rostfine.labels.votes import read_votes


def names(batches):
    return [batch.name for batch in batches]


def collect(lab, **more):
    return collect_batches(lab.workspace, settled_s=30.0, **more)


def test_new_files_are_accepted_in_the_order_of_names_and_then_known(lab):
    lab.drop("b.csv", "s1,e1,A", "s1,e2,B")
    lab.drop("a.csv", "s2,e1,C")
    lab.drop(".c.csv", "s1,e3,A")
    first = collect(lab, now_s=time.time())
    assert names(first.accepted) == ["a.csv", "b.csv"]
    assert (first.new_votes, len(first.experts), len(first.samples)) == (3, 2, 2)
    assert str(first) == (
        "new votes: 3 of 2 experts on 2 samples; "
        "batches: 2 accepted, 0 rejected, 0 known, 0 still arriving"
    )
    before = lab.ledger.read_bytes()
    again = collect(lab)
    assert (again.known, again.accepted, again.new_votes) == (("a.csv", "b.csv"), (), 0)
    assert lab.ledger.read_bytes() == before
    row = read_ledger(lab.workspace)["b.csv"]
    assert (row.rows, row.n_bytes) == (2, (lab.votes / "b.csv").stat().st_size)


def test_a_folder_without_votes_is_no_failure(lab):
    assert str(collect(lab)).startswith("new votes: none; batches: 0 accepted")
    assert not lab.ledger.exists()


def test_a_file_that_is_written_slowly_waits_until_it_is_whole(lab):
    path = lab.votes / "slow.csv"

    def write() -> None:
        with path.open("w") as file:
            for text in ["sample_id,expert_id,", "grade,voted_at\n"] + ["s1,e1,A,", "2026\n"] * 10:
                file.write(text)
                file.flush()
                time.sleep(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while writer.is_alive():
        seen.add(collect(lab).waiting)
    writer.join()
    assert seen <= {(), ("slow.csv",)}
    assert ("slow.csv",) in seen
    assert names(collect(lab, now_s=time.time() + 31).accepted) == ["slow.csv"]
    assert read_ledger(lab.workspace)["slow.csv"].rows == 10


def test_a_file_that_is_written_to_while_it_is_read_waits(lab):
    # A tag file that blocks its reader stops the collecting between the first look and the last.
    path = lab.drop("a.csv", "s1,e1,A")
    tags = lab.workspace / "data" / "tags.csv"
    text = tags.read_text()
    tags.unlink()
    os.mkfifo(tags)

    def write() -> None:
        with tags.open("w") as pipe:
            with path.open("a") as file:
                file.write("s2,e1,")
            pipe.write(text)

    writer = threading.Thread(target=write)
    writer.start()
    done = collect(lab)
    writer.join()
    assert (done.accepted, done.rejected, done.waiting) == ((), (), ("a.csv",))


def test_a_file_that_is_named_as_whole_does_not_wait(lab):
    lab.drop("a.csv", "s1,e1,A", age_s=0)
    assert collect(lab).waiting == ("a.csv",)
    assert names(collect(lab, whole=["a.csv"]).accepted) == ["a.csv"]


def test_a_file_that_was_renamed_into_place_is_whole_whatever_lay_beside_it(lab):
    beside = lab.drop(".a.csv", "s1,e1,A")
    beside.rename(lab.votes / "a.csv")
    assert names(collect(lab).accepted) == ["a.csv"]


def test_one_bad_row_sets_its_batch_aside_with_every_fault_and_the_others_go_on(lab):
    lab.drop("a.csv", "s1,e1,A")
    lab.drop("bad.csv", *["s1,e1,F"] * 30, "s9,e1,A", "s1,e2,B,yesterday", "s1,e3,C")
    bad = (lab.votes / "bad.csv").read_bytes()
    lab.drop("c.csv", "s1,e2,B")
    done = collect(lab)
    assert names(done.accepted) == ["a.csv", "c.csv"]
    assert names(done.rejected) == ["bad.csv"]
    assert len(done.rejected[0].faults) == 32
    faults = (lab.rejected / "bad.csv.faults.txt").read_text()
    assert tuple(faults.splitlines()) == done.rejected[0].faults
    for fault in ("row 2: unknown grade 'F'", "row 32: vote for unknown", "row 33, column voted"):
        assert fault in faults
    assert (lab.rejected / "bad.csv").read_bytes() == bad
    assert sorted(path.name for path in lab.votes.glob("[a-z]*.csv")) == ["a.csv", "c.csv"]
    read_votes(lab.votes, {"s1", "s2", "s3"})


def test_what_was_rejected_before_is_never_overwritten(lab):
    for grade in "FGH":
        lab.drop("bad.csv", f"s1,e1,{grade}")
        collect(lab)
    held = [(lab.rejected / f"{name}.csv").read_text()[-13] for name in ("bad", "bad-2", "bad-3")]
    assert held == ["F", "G", "H"]
    assert (lab.rejected / "bad-3.csv.faults.txt").exists()


def test_the_same_votes_by_another_name_or_in_another_format_are_set_aside(lab):
    path = lab.drop("a.csv", "s1,e1,A", "s1,e2,B")
    table = pd.read_csv(path, dtype=str)
    table["voted_at"] = pd.to_datetime(table["voted_at"], utc=True)
    table[::-1].to_parquet(lab.votes / "b.parquet")
    lab.age(lab.votes / "b.parquet", 100)
    lab.drop("c.csv", "s1,e2,B")
    labels = read_votes(lab.votes, {"s1"}).drop_duplicates()
    done = collect(lab)
    assert names(done.accepted) == ["a.csv"]
    assert [it.faults[0].partition(": ")[2] for it in done.rejected] == [
        "all 2 votes are known from a.csv",
        "all 1 votes are known from a.csv",
    ]
    pd.testing.assert_frame_equal(read_votes(lab.votes, {"s1"}), labels)


def test_of_a_batch_that_repeats_some_votes_only_the_others_are_new(lab):
    lab.drop("a.csv", "s1,e1,A")
    collect(lab)
    lab.drop("b.csv", "s1,e1,A", "s2,e2,B", "s2,e2,B")
    done = collect(lab)
    assert (done.new_votes, done.experts, done.samples) == (1, {"e2"}, {"s2"})
    assert done.accepted[0].votes == 3


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_votes_appended_to_an_accepted_csv_are_accepted(lab, end):
    path = lab.drop("a.csv", "s1,e1,A")
    path.write_bytes(path.read_bytes().rstrip(b"\n") + end.encode())
    lab.age(path, 100)
    collect(lab)
    lab.append("a.csv", "s2,e2,B,2026-01-02\n" if end else "\ns2,e2,B,2026-01-02\n")
    done = collect(lab)
    assert (names(done.accepted), done.new_votes, done.experts) == (["a.csv"], 1, {"e2"})
    assert read_ledger(lab.workspace)["a.csv"].rows == 2
    assert collect(lab).known == ("a.csv",)


def edited(lab):
    lab.drop("a.csv", "s1,e1,B")


def longer_but_edited(lab):
    lab.drop("a.csv", "s1,e1,B", "s2,e1,B")


def last_vote_continued(lab):
    path = lab.votes / "a.csv"
    path.write_text(path.read_text().rstrip("\n") + "T12:00\n")
    lab.age(path, 100)


def deleted(lab):
    (lab.votes / "a.csv").unlink()


@pytest.mark.parametrize("change", [edited, longer_but_edited, last_vote_continued, deleted])
def test_an_accepted_batch_that_was_edited_or_deleted_stops_everything_untouched(lab, change):
    path = lab.drop("a.csv", "s1,e1,A")
    path.write_text(path.read_text().rstrip("\n"))
    lab.age(path, 100)
    collect(lab)
    change(lab)
    lab.drop("b.csv", "s1,e1,F")
    before = lab.everything()
    with pytest.raises(VoteError, match=r"^\S+/a.csv: wanted the 1 votes accepted at \S+, got "):
        collect(lab)
    assert lab.everything() == before


def test_faults_in_appended_rows_stop_everything_and_the_file_stays(lab):
    lab.drop("a.csv", "s1,e1,A")
    collect(lab)
    lab.append("a.csv", "s1,e2,F,2026-01-01\n")
    lab.drop("b.csv", "s1,e2,A")
    before = lab.everything()
    with pytest.raises(VoteError, match=re.escape("a.csv: row 3: unknown grade 'F'")):
        collect(lab)
    assert lab.everything() == before


def test_has_new_tells_settled_files_that_are_not_accepted_by_one_digest_for_the_same(lab):
    assert has_new(lab.workspace, 30.0) == ""
    lab.drop("a.csv", "s1,e1,A", age_s=0)
    assert has_new(lab.workspace, 30.0) == ""
    later = {"now_s": time.time() + 31}
    found = has_new(lab.workspace, 30.0, **later)
    assert found
    assert has_new(lab.workspace, 30.0, **later) == found
    collect(lab, **later)
    assert has_new(lab.workspace, 30.0, **later) == ""
    lab.append("a.csv", "s2,e1,A,2026-01-01\n")
    assert has_new(lab.workspace, 30.0, **later) not in ("", found)


# Ends itself by SIGKILL at the n-th step on a file of the workspace, for each n, in a process each.
KILLED_AT_EVERY_STEP = """
import os, signal, sys
from pathlib import Path
from rostfine.labels.batches import collect_batches

def die_at(step, root):
    left = [step]
    def count(event, args):
        if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.chmod"):
            if any(isinstance(arg, (str, Path)) and str(arg).startswith(root) for arg in args):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)

for step, root in enumerate(sys.argv[1:]):
    child = os.fork()
    if not child:
        die_at(step, root)
        collect_batches(Path(root), settled_s=30.0)
        os._exit(0)
    print(os.waitpid(child, 0)[1])
"""


def test_killed_at_any_step_it_ends_the_same_when_run_again(tmp_path):
    from tests.unit.labels.conftest import Lab

    labs = [Lab(tmp_path / f"{number:02d}" / "lab") for number in range(34)]
    for lab in labs:
        lab.drop("a.csv", "s1,e1,A")
        lab.drop("b.csv", "s1,e1,F")
        lab.drop("c.csv", "s1,e1,A")
    command = [sys.executable, "-c", KILLED_AT_EVERY_STEP, *(str(lab.workspace) for lab in labs)]
    ends = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert ends[0] == "9"
    assert ends[-1] == "0"
    undisturbed = labs[-1].everything()
    faults = "data/votes/rejected/b.csv.faults.txt"
    assert faults in undisturbed
    for lab in labs:
        collect(lab)
        held = lab.everything()
        assert held.keys() == undisturbed.keys()
        assert [k for k in held if held[k] != undisturbed[k] and "faults" not in k] == []
