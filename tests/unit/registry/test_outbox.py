"""What is kept for MLflow, on disk."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rostfine.errors import RegistryError
from rostfine.registry import run_journal
from rostfine.registry.outbox import Outbox, Sent, list_outboxes
from rostfine.registry.run_journal import open_journal, try_journal


def told(outbox: Outbox) -> list[str]:
    return [line["kind"] for line, _ in outbox.read()]


def test_a_line_that_was_not_written_to_its_end_is_dropped_and_the_next_is_whole(
    tmp_path: Path,
) -> None:
    journal = open_journal(tmp_path, "tiny")
    journal.append("open", log="a")
    journal.append("epoch", step=0)
    journal.close()
    with journal.outbox.journal.open("ab") as file:
        file.write(b'{"kind": "epoch", "st')
    assert told(journal.outbox) == ["open", "epoch"]
    again = open_journal(tmp_path, "tiny")
    again.append("end")
    again.close()
    assert [line["kind"] for line in again.lines] == ["open", "epoch"]
    assert told(journal.outbox) == ["open", "epoch", "end"]


def test_a_damaged_line_costs_no_other(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, "tiny")
    journal.append("open", log="a")
    journal.outbox.journal.write_bytes(journal.outbox.journal.read_bytes() + b"\0\0\n")
    journal.append("end")
    assert told(journal.outbox) == ["open", "damaged", "end"]
    journal.close()


def test_reading_goes_on_from_where_it_was(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, "tiny")
    journal.append("open", log="a")
    ((_, offset),) = journal.outbox.read()
    journal.append("epoch", step=7)
    ((line, end),) = journal.outbox.read(offset)
    assert (line["step"], end) == (7, journal.outbox.journal.stat().st_size)
    journal.close()


def test_one_process_at_a_time_has_a_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_journal, "WRITER_LEAVES_WITHIN_S", 0.2)
    journal = open_journal(tmp_path, "tiny")
    with pytest.raises(RegistryError, match="mlflow-outbox/tiny: another process tells MLflow"):
        open_journal(tmp_path, "tiny")
    journal.close()
    open_journal(tmp_path, "tiny").close()


KILLED = """
import os, signal, sys
from pathlib import Path
from rostfine.registry.run_journal import open_journal
open_journal(Path(sys.argv[1]), "tiny").append("open", log="a")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_its_journal_free(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    journal = open_journal(tmp_path, "tiny")
    assert [line["log"] for line in journal.lines] == ["a"]
    journal.close()


def test_a_finished_journal_stays_as_it_is_beside_the_next_of_its_key(tmp_path: Path) -> None:
    first = open_journal(tmp_path, "tiny")
    first.append("open", at_ms=1, log="a")
    first.append("finish")
    first.close()
    second = open_journal(tmp_path, "tiny")
    second.append("open", at_ms=2, log="b")
    second.close()
    assert second.outbox.folder.name == "tiny~1"
    assert [told(box) for box in list_outboxes(tmp_path)] == [["open", "finish"], ["open"]]


def test_a_journal_that_another_removes_meanwhile_is_made_anew(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "mlflow-outbox" / "tiny")

    def open_and_remove() -> int:
        had = 0
        for _ in range(300):
            if journal := try_journal(outbox):
                had += 1
                journal.append("open", log="a")
                assert told(outbox) == ["open"]
                outbox.remove()
                journal.close()
        return had

    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(open_and_remove) for _ in range(4)]
        assert sum(future.result() for future in found) > 20


def test_kept_files_outlast_the_run_folder_and_cost_no_space(tmp_path: Path) -> None:
    outbox, weights = Outbox(tmp_path / "tiny"), tmp_path / "weights.safetensors"
    weights.write_bytes(b"first")
    outbox.keep("fold_0", [weights])
    kept = outbox.artifacts / "fold_0" / weights.name
    assert kept.samefile(weights)
    weights.unlink()
    weights.write_bytes(b"other")
    assert kept.read_bytes() == b"first"
    outbox.keep("fold_0", [weights])
    assert kept.read_bytes() == b"other"


def test_what_was_sent_to_another_store_or_of_another_journal_does_not_count(
    tmp_path: Path,
) -> None:
    outbox = Outbox(tmp_path / "tiny")
    sent = Sent("http://lab", "a", 7, {"fold_0": "r"}, ("fold_0",))
    outbox.save_sent(sent)
    assert outbox.load_sent("http://lab", "a") == sent
    assert outbox.load_sent("http://other", "a") == Sent("http://other", "a")
    assert outbox.load_sent("http://lab", "b") == Sent("http://lab", "b")
    (outbox.folder / "sent.json").write_text("{")
    assert outbox.load_sent("http://lab", "a").offset == 0
