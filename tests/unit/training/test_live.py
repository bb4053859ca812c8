import io
import math
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from rostfine.files import read_json
from rostfine.training import live as live_module
from rostfine.training.epoch import Epoch, Terms
from rostfine.training.live import FitState, Live, estimate_left_s


def make_epoch(number: int, *, total: float = 0.1234, seconds: float = 10.0) -> Epoch:
    terms = Terms(total, 0.11, 0.12, 0.03, {"g": 0.12, "s": 0.12}, {"gs": 0.03})
    valid = Terms(0.13, 0.11, 0.12, 0.03, {"g": 0.12, "s": 0.12}, {"gs": 0.03})
    return Epoch(number, 1e-3, terms, valid, best=max(0, number - 1), seconds=seconds)


def make_terminal() -> tuple[Console, io.StringIO]:
    written = io.StringIO()
    return Console(force_terminal=True, file=written, width=120), written


@pytest.fixture
def every_line(monkeypatch):
    monkeypatch.setattr(live_module, "SECONDS_BETWEEN_LINES", 0.0)


def test_a_line_tells_of_the_newest_epoch_and_of_all(capsys, every_line):
    with Live("rostfine", {"fold_0": 22, "fold_1": 22}, done={"fold_0": 22}) as live:
        live.epoch("fold_1", make_epoch(4))
    first, middle, last = capsys.readouterr().err.splitlines()
    told = "fold_1 epoch 5/22 loss 0.1234 (fit 0.1200, diversity 0.0300) valid 0.1300"
    assert first == "rostfine, epochs: 22/44"
    assert middle == f"rostfine, epochs: 27/44, {told}, 170 s left"
    assert last.startswith(f"rostfine, epochs: 27/44, {told}, 0.")
    assert last.endswith(" s")


def test_lines_are_5_seconds_apart_and_count_what_passes_between_epochs(capsys, monkeypatch):
    now_s = 0.0
    monkeypatch.setattr("rostfine.training.live.time.monotonic", lambda: now_s)
    with Live("rostfine", {"fold_0": 12}) as live:
        for number in range(12):
            now_s += 1.0
            live.epoch("fold_0", make_epoch(number, seconds=0.5))
    lines = [line.split(", ") for line in capsys.readouterr().err.splitlines()]
    assert [line[1] for line in lines] == [f"epochs: {done}/12" for done in (0, 5, 10, 12)]
    assert [line[-1] for line in lines[1:]] == ["7 s left", "2 s left", "12.0 s"]


def test_a_mishap_is_told_at_once(capsys):
    with Live("rostfine", {"fold_0": 2, "fold_1": 2}) as live:
        live.status("fold_0", "training")
        live.status("fold_0", "failed", "the loss is nan")
        live.status("fold_1", "went on", "from epoch 7")
    assert capsys.readouterr().err.splitlines()[1:-1] == [
        "rostfine, fold_0 failed: the loss is nan",
        "rostfine, fold_1 went on: from epoch 7",
    ]


def test_a_model_without_pairs_of_features_shows_no_diversity(capsys, every_line):
    terms = Terms(0.5, 0.5, 0.5, 0.0, {"g": 0.5}, {})
    with Live("timesformer", {"fold_0": 2}) as live:
        live.epoch("fold_0", Epoch(0, 1e-3, terms, None, best=0, seconds=1.0))
    assert "fold_0 epoch 1/2 loss 0.5000, 1 s left" in capsys.readouterr().err


def test_the_table_ends_with_a_row_per_fit_its_notes_and_a_line_for_all():
    console, written = make_terminal()
    with Live("rostfine", {"fold_0": 22, "fold_1": 22, "fold_2": 3}, console=console) as live:
        live.epoch("fold_0", make_epoch(4))
        live.status("fold_1", "failed", "not finite for clips [/3] [bold]")
    plain = Console(no_color=True, width=120, file=io.StringIO(), force_terminal=False)
    plain.print(live_module.draw_table("rostfine", list(live._fits.values()), "7 s left"))
    rows = [line.split() for line in plain.file.getvalue().splitlines()]
    assert [word for word in rows[1] if "━" not in word] == (
        ["fold_0", "training", "5/22", "0.001", "0.1234", "0.1200", "0.0300", "0.1300", "4", "10.0"]
    )
    assert rows[2][:3] == ["fold_1", "failed", "0/22"]
    assert rows[3][:3] == ["fold_2", "waiting", "0/3"]
    assert " ".join(rows[4]) == "fold_1 failed: not finite for clips [/3] [bold]"
    assert " ".join(rows[5]) == "rostfine, epochs: 5/47, 7 s left"
    shown = written.getvalue()
    assert "5/22" in shown
    assert "clips [/3] [bold]" in shown
    assert shown.rstrip().endswith("\x1b[?25h")


def test_the_table_follows_an_epoch_within_a_second_or_so(monkeypatch):
    monkeypatch.setattr(live_module, "SECONDS_BETWEEN_LOOKS", 0.02)
    console, written = make_terminal()
    with Live("rostfine", {"fold_0": 22}, console=console) as live:
        live.epoch("fold_0", make_epoch(4))
        wait_until(lambda: "5/22" in written.getvalue())
        assert "5/22" in written.getvalue()


def test_the_file_follows_each_fit_and_holds_no_nan(tmp_path, monkeypatch):
    monkeypatch.setattr(live_module, "SECONDS_BETWEEN_LOOKS", 0.02)
    told = tmp_path / "progress.json"
    with Live("rostfine", {"fold_0": 5, "fold_1": 5}, done={"fold_0": 5}, told=told) as live:
        assert read_json(told)["eta_s"] is None
        live.epoch("fold_1", make_epoch(1))
        wait_until(lambda: read_json(told)["fits"]["fold_1"]["loss"] == 0.1234)
        assert read_json(told)["eta_s"] == pytest.approx(30, abs=1)
        written_at = told.stat().st_mtime_ns
        time.sleep(0.1)
        assert told.stat().st_mtime_ns == written_at
        live.epoch("fold_1", make_epoch(2, total=math.nan))
        live.status("fold_1", "failed")
    assert read_json(told)["experiment"] == "rostfine"
    assert read_json(told)["fits"] == {
        "fold_0": {"done": 5, "epochs": 5, "status": "done", "loss": None},
        "fold_1": {"done": 3, "epochs": 5, "status": "failed", "loss": None},
    }


def test_the_file_is_not_written_between_two_looks_however_many_epochs_pass(tmp_path, monkeypatch):
    monkeypatch.setattr(live_module, "SECONDS_BETWEEN_LOOKS", 60.0)
    told = tmp_path / "progress.json"
    with Live("rostfine", {"fold_0": 50}, told=told) as live:
        before = told.stat().st_ino, told.stat().st_mtime_ns
        for number in range(50):
            live.epoch("fold_0", make_epoch(number))
        assert (told.stat().st_ino, told.stat().st_mtime_ns) == before
    assert read_json(told)["fits"]["fold_0"]["done"] == 50


def test_what_cannot_be_shown_or_written_stops_nothing(tmp_path, monkeypatch, every_line):
    (tmp_path / "file").write_text("")
    console, written = make_terminal()
    gone = io.StringIO()
    gone.close()
    monkeypatch.setattr(sys, "stderr", gone)
    for shown_on in (console, None):
        with Live(
            "rostfine", {"fold_0": 2}, told=tmp_path / "file" / "told.json", console=shown_on
        ) as live:
            written.close()
            live.epoch("fold_0", make_epoch(0))
            live.status("fold_0", "failed", "no")
        assert (tmp_path / "file").read_text() == ""
        assert not live._looks.is_alive()


def make_fits(*parts: tuple[str, int]) -> list[FitState]:
    return [FitState(f"f{i}", 10 - left, 10, status=how) for i, (how, left) in enumerate(parts)]


@pytest.mark.parametrize(
    ("fits", "pace_s", "wanted_s"),
    [
        (make_fits(("training", 4)), {}, None),
        (make_fits(("training", 4)), {"f0": 2.0}, 8.0),
        (make_fits(("training", 4), ("training", 9)), {"f0": 2.0, "f1": 2.0}, 18.0),
        (make_fits(("training", 4), ("went on", 9), ("waiting", 3)), {"f0": 2.0}, 18.0),
        (make_fits(("done", 0), ("waiting", 10), ("waiting", 10)), {"f0": 2.0}, 40.0),
        (make_fits(("done", 0), ("failed", 5)), {"f0": 2.0}, 0.0),
    ],
)
def test_those_that_wait_follow_on_the_first_place_that_is_free(fits, pace_s, wanted_s):
    assert estimate_left_s(fits, pace_s) == wanted_s


def test_epochs_heard_of_at_once_count_with_the_seconds_that_each_took(capsys, every_line):
    with Live("rostfine", {"fold_0": 10}) as live:
        for number in range(4):
            live.epoch("fold_0", make_epoch(number, seconds=3.0))
    assert "fold_0 epoch 4/10 loss 0.1234 (fit 0.1200, diversity 0.0300) valid 0.1300, 18 s" in (
        capsys.readouterr().err
    )


def test_it_needs_no_torch():
    program = "import sys, rostfine.training.live; sys.exit('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3]).returncode
        == 0
    )


def wait_until(holds) -> None:
    latest = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < latest
        time.sleep(0.01)
