"""Telling a real MLflow store of an experiment while it trains."""

import dataclasses
import logging
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rostfine.files import write_json
from rostfine.parsing import plain
from rostfine.registry.outbox import Outbox
from rostfine.registry.run_journal import open_journal
from rostfine.registry.run_kept import send_kept
from rostfine.registry.run_metrics import epoch_metrics
from rostfine.registry.runs import RunLog
from rostfine.registry.store import find_store, open_client
from rostfine.training.epoch import Epoch, Terms
from rostfine.training.saved import ModelSettings, load_model

# MLflow and its migrations warn of their own affairs.
pytestmark = [
    pytest.mark.filterwarnings("ignore:::mlflow"),
    pytest.mark.filterwarnings("ignore:::alembic"),
]
METRICS = {"fold_0": {"emd": 0.2, "js": 0.1}, "fold_1": {"emd": 0.4, "js": 0.1}}
LONG_ENOUGH_S = 120.0


def an_epoch(number: int, *, valid: bool = True) -> Epoch:
    terms = Terms(1 / (number + 1), 0.5, 0.25, 0.125, {"g": 0.1, "s": 0.2}, {"gs": 0.3})
    return Epoch(number, 0.001, terms, terms if valid else None, number, 1.5)


@pytest.fixture
def settings(saved: Callable[[int], Path]) -> ModelSettings:
    return load_model(saved(1))[1]


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables, which take seconds to make."""
    folder = tmp_path_factory.mktemp("store")
    for name in ("params.yaml", "dvc.yaml"):
        (folder / name).write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        open_client(find_store(folder))
    return folder / "mlflow.db"


@pytest.fixture
def study(workspace: Path, empty_store: Path) -> Path:
    """A workspace whose registry is empty."""
    shutil.copy(empty_store, workspace / "mlflow.db")
    return workspace


@pytest.fixture
def run_folder(workspace: Path, saved: Callable[[int], Path]) -> Path:
    """Where two folds and a final model were trained."""
    for number, fit in enumerate(("fold_0", "fold_1", "final"), start=1):
        shutil.copytree(saved(number), workspace / "runs" / "tiny" / fit)
    return workspace / "runs" / "tiny"


def open_log(workspace: Path, settings: ModelSettings) -> RunLog:
    return RunLog(workspace, settings, key="tiny-1", tags={"git.code": "abc123"})


def runs_of(workspace: Path, experiment: str = "tiny") -> dict[str, list[Any]]:
    """Return the runs of an experiment by name."""
    client = open_client(find_store(workspace))
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    by_name: dict[str, list[Any]] = {}
    for run in found:
        by_name.setdefault(run.info.run_name, []).append(run)
    return by_name


def curve(workspace: Path, run: Any, key: str) -> list[tuple[int, float]]:
    history = open_client(find_store(workspace)).get_metric_history(run.info.run_id, key)
    return sorted((point.step, point.value) for point in history)


def test_an_epoch_is_told_by_the_names_of_its_terms() -> None:
    assert epoch_metrics(an_epoch(0, valid=False)) == {
        "train.total": 1.0,
        "train.averaged": 0.5,
        "train.fit": 0.25,
        "train.diversity": 0.125,
        "train.branch.g": 0.1,
        "train.branch.s": 0.2,
        "train.pair.gs": 0.3,
        "lr": 0.001,
        "seconds": 1.5,
    }
    assert epoch_metrics(an_epoch(3))["valid.total"] == 0.25


def test_mlflow_has_a_parent_run_with_the_spread_and_a_child_run_for_each_fit(
    study: Path, settings: ModelSettings, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.1")
    with open_log(study, settings) as log:
        for fit in ("fold_0", "fold_1", "final"):
            for number in range(3):
                log.epoch(fit, an_epoch(number, valid=fit != "final"))
        wait_for(lambda: any(key.startswith("system/") for key in parent(study).data.metrics))
        assert send_kept(study) == 0
        assert parent(study).info.status == "RUNNING"
        run_id = log.finish(run_folder, METRICS, wait_s=LONG_ENOUGH_S)
    runs = runs_of(study)
    assert sorted(runs) == ["cross_validate tiny", "final", "fold_0", "fold_1"]
    assert {run.info.status for (run,) in runs.values()} == {"FINISHED"}
    whole = parent(study)
    assert whole.info.run_id == run_id
    assert whole.data.metrics["emd_mean"] == pytest.approx(0.3)
    assert whole.data.metrics["emd_sd"] == pytest.approx(0.1)
    assert whole.data.params["experiment.input.image_px"] == "32"
    assert (whole.data.tags["git.code"], whole.data.tags["variant"]) == ("abc123", "paper")
    (fold,) = runs["fold_1"]
    assert fold.data.tags["mlflow.parentRunId"] == run_id
    assert fold.data.metrics["emd"] == 0.4
    assert curve(study, fold, "valid.total") == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert curve(study, runs["final"][0], "valid.total") == []
    for fit in ("fold_0", "fold_1", "final"):
        assert files_of(runs[fit][0]) == {
            path.name: path.read_bytes() for path in (run_folder / fit).iterdir()
        }
    assert not (study / "mlflow-outbox").exists()


def test_an_unreachable_server_holds_nothing_up_and_the_next_run_sends_what_was_kept(
    study: Path,
    settings: ModelSettings,
    run_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    log = open_log(study, settings)
    longest_s = max(seconds(log.epoch, "fold_0", an_epoch(number)) for number in range(50))
    wait_for(lambda: caplog.messages)
    before = {path.name: path.read_bytes() for path in (run_folder / "fold_0").iterdir()}
    finish_s = seconds(lambda: log.finish(run_folder, METRICS, wait_s=1.0))
    assert (longest_s < 0.1, finish_s < 4) == (True, True)
    first, last = (r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING)
    assert "the registry does not answer" in first
    assert "training goes on" in first
    assert last.endswith(
        " does not answer: the runs of tiny are kept in mlflow-outbox/tiny-1, "
        "the next run sends them"
    )
    assert send_kept(study) == 1
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    shutil.rmtree(run_folder)
    other = dataclasses.replace(settings, experiment_name="other")
    with RunLog(study, other, key="other-1", tags={}):
        wait_for(lambda: not (study / "mlflow-outbox" / "tiny-1").exists())
    runs = runs_of(study)
    assert curve(study, runs["fold_0"][0], "lr") == [(n, 0.001) for n in range(50)]
    assert runs["cross_validate tiny"][0].data.metrics["emd_mean"] == pytest.approx(0.3)
    assert files_of(runs["fold_0"][0]) == before


def test_an_outbox_that_mlflow_refuses_holds_no_other_back(study: Path) -> None:
    for key, experiment in (("first", ""), ("second", "tiny")):
        journal = open_journal(study, key)
        run = {"experiment": experiment, "run_name": key, "tags": {}}
        journal.append("open", log=key, **run)
        journal.append("finish", fits=[], metrics_by_fold={"fold_0": {"emd": 0.2}})
        journal.close()
    assert send_kept(study) == 1
    assert [path.name for path in (study / "mlflow-outbox").iterdir()] == ["first"]
    assert runs_of(study)["second"][0].data.metrics["emd_mean"] == 0.2


KILLED = """
import os, signal, sys, time
from pathlib import Path
from rostfine.registry import RunLog
from rostfine.training.saved import ModelSettings, SETTINGS
from rostfine.files import read_json
from rostfine.parsing import parse
from rostfine.training.epoch import Epoch, Terms
workspace = Path(sys.argv[1])
log = RunLog(workspace, parse(ModelSettings, read_json(Path(sys.argv[2]))), key="tiny-1", tags={})
def tell(number):
    terms = Terms(1 / (number + 1), 0.5, 0.25, 0.125, {"g": 0.1, "s": 0.2}, {"gs": 0.3})
    log.epoch("fold_0", Epoch(number, 0.001, terms, None, number, 1.5))
for number in range(3):
    tell(number)
sent = workspace / "mlflow-outbox" / "tiny-1" / "sent.json"
while not (sent.exists() and "fold_0" in sent.read_text()):
    time.sleep(0.05)
for number in range(3, 5):
    tell(number)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_that_goes_on_is_one_run_with_each_epoch_once(
    study: Path, settings: ModelSettings, run_folder: Path, tmp_path: Path
) -> None:
    write_json(tmp_path / "settings.json", plain(settings))
    command = [sys.executable, "-c", KILLED, str(study), str(tmp_path / "settings.json")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert send_kept(study) == 0
    assert parent(study).info.status == "KILLED"
    with open_log(study, settings) as log:
        for number in range(4, 7):
            log.epoch("fold_0", an_epoch(number))
        wait_for(lambda: parent(study).info.status == "RUNNING")
        assert log.finish(run_folder, METRICS, wait_s=LONG_ENOUGH_S) is not None
    (fold,) = runs_of(study)["fold_0"]
    assert curve(study, fold, "train.total") == [(n, 1 / (n + 1)) for n in range(7)]
    assert parent(study).info.status == "FINISHED"


def test_a_run_that_fails_is_told_as_failed_and_may_go_on(
    study: Path, settings: ModelSettings, run_folder: Path
) -> None:
    with suppress(ZeroDivisionError), open_log(study, settings) as log:
        log.epoch("fold_0", an_epoch(0))
        raise ZeroDivisionError
    wait_until_sent(study)
    assert {run.info.status for (run,) in runs_of(study).values()} == {"FAILED"}
    with open_log(study, settings) as log:
        log.epoch("fold_0", an_epoch(1))
        log.finish(run_folder, METRICS, wait_s=LONG_ENOUGH_S)
    (fold,) = runs_of(study)["fold_0"]
    assert [step for step, _ in curve(study, fold, "lr")] == [0, 1]
    assert parent(study).info.status == "FINISHED"


def test_what_was_sent_already_is_told_again_to_a_store_that_lost_it(
    study: Path, settings: ModelSettings, run_folder: Path, empty_store: Path
) -> None:
    with open_log(study, settings) as log:
        log.epoch("fold_0", an_epoch(0))
    wait_until_sent(study)
    shutil.copy(empty_store, study / "mlflow.db")
    log = open_log(study, settings)
    log.epoch("fold_0", an_epoch(1))
    assert log.finish(run_folder, METRICS, wait_s=LONG_ENOUGH_S) is not None
    (fold,) = runs_of(study)["fold_0"]
    assert [step for step, _ in curve(study, fold, "lr")] == [0, 1]


def test_sending_again_what_was_not_noted_as_sent_doubles_nothing(
    study: Path, settings: ModelSettings, run_folder: Path
) -> None:
    with open_log(study, settings) as log:
        for number in range(50):
            log.epoch("fold_0", an_epoch(number))
    wait_until_sent(study)
    Outbox(study / "mlflow-outbox" / "tiny-1").folder.joinpath("sent.json").unlink()
    wait_until_sent(study)
    (fold,) = runs_of(study)["fold_0"]
    assert curve(study, fold, "lr") == [(number, 0.001) for number in range(50)]
    assert parent(study).info.status == "FAILED"


TEN = """
import dataclasses, sys
from pathlib import Path
from rostfine.registry import RunLog
from rostfine.training.saved import ModelSettings
from rostfine.files import read_json
from rostfine.parsing import parse
from rostfine.training.epoch import Epoch, Terms
workspace, name = Path(sys.argv[1]), sys.argv[3]
settings = parse(ModelSettings, read_json(Path(sys.argv[2])))
log = RunLog(workspace, settings, key=name, tags={"name": name})
terms = Terms(1.0, 0.5, 0.25, 0.125, {"g": 0.1}, {"gs": 0.3})
for fit in ("fold_0", "fold_1"):
    for number in range(20):
        log.epoch(fit, Epoch(number, 0.001, terms, None, number, 1.5))
metrics = {"fold_0": {"emd": 0.2}, "fold_1": {"emd": 0.4}}
print(log.finish(workspace / "runs" / "tiny", metrics, wait_s=300))
"""


@pytest.mark.slow
def test_ten_processes_that_tell_one_fresh_database_at_once_lose_nothing(
    workspace: Path, settings: ModelSettings, run_folder: Path, tmp_path: Path
) -> None:
    write_json(tmp_path / "settings.json", plain(settings))
    command = [sys.executable, "-c", TEN, str(workspace), str(tmp_path / "settings.json")]
    started = [
        subprocess.Popen([*command, f"tiny-{n}"], stdout=subprocess.PIPE, text=True)
        for n in range(10)
    ]
    said = [process.communicate()[0].strip() for process in started]
    runs = runs_of(workspace)
    assert {run.info.run_id for run in runs["cross_validate tiny"]} == set(said)
    assert {run.data.tags["name"] for run in runs["cross_validate tiny"]} == {
        f"tiny-{n}" for n in range(10)
    }
    for fit in ("fold_0", "fold_1"):
        assert len({run.data.tags["mlflow.parentRunId"] for run in runs[fit]}) == 10
        for run in runs[fit]:
            assert curve(workspace, run, "lr") == [(n, 0.001) for n in range(20)]
            assert set(files_of(run)) == {"settings.json", "weights.safetensors"}
    assert not (workspace / "mlflow-outbox").exists()


def parent(workspace: Path) -> Any:
    (run,) = runs_of(workspace)["cross_validate tiny"]
    return run


def files_of(run: Any) -> dict[str, bytes]:
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def seconds(act: Callable[..., Any], *arguments: Any) -> float:
    begun = time.monotonic()
    act(*arguments)
    return time.monotonic() - begun


def wait_for(happens: Callable[[], Any]) -> None:
    until = time.monotonic() + LONG_ENOUGH_S
    while time.monotonic() < until:
        # Until the sender came so far, there is no experiment and no run to ask.
        with suppress(AttributeError, KeyError):
            if happens():
                return
        time.sleep(0.1)
    pytest.fail(f"not within {LONG_ENOUGH_S} s")


def wait_until_sent(workspace: Path) -> None:
    """Wait until all is sent: on a slow machine a closed log's own sender may still be at it."""
    wait_for(lambda: send_kept(workspace) == 0)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
