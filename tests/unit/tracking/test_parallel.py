"""Each test that needs Ray starts a real one on this machine."""

import os
import signal
import time
from pathlib import Path

import pytest

from rostfine.errors import ClusterError, VideoError
from rostfine.tracking import parallel
from rostfine.tracking.parallel import work_through

HERE = os.getpid()


def process_of(item: float) -> int:
    time.sleep(item)
    return os.getpid()


def dies_of(item: Path) -> str:
    """Die of this item in every process but the one of the test."""
    if item.name == "deadly":
        if os.getpid() == int(item.parent.name):
            raise AssertionError("the process of the test must not do this item")
        os.kill(os.getpid(), signal.SIGKILL)
    return item.name


def refuses(item: int) -> int:
    raise VideoError(f"video {item}: unusable")


def refuses_all_but_0(item: int) -> int:
    return refuses(item) if item else item


def test_one_at_a_time_is_this_process_alone_and_in_order():
    done = list(work_through(process_of, [0.0, 0.01, 0.02], at_once=1))
    assert done == [(0.0, HERE), (0.01, HERE), (0.02, HERE)]


def test_a_little_work_is_not_worth_starting_ray():
    done = dict(work_through(process_of, [0.01, 0.02, 0.03], at_once=None))
    assert set(done.values()) == {HERE}


def test_an_error_of_the_work_is_raised_as_it_is():
    with pytest.raises(VideoError, match="video 1: unusable"):
        list(work_through(refuses, [1], at_once=1))


def test_an_error_of_a_worker_is_the_one_line_that_it_was(monkeypatch):
    monkeypatch.setattr(parallel, "START_S", -1.0)
    with pytest.raises(VideoError) as raised:
        list(work_through(refuses_all_but_0, [0, 1], at_once=2))
    assert str(raised.value) == "video 1: unusable"


def test_what_would_take_long_is_shared_by_processes_after_the_first_item(monkeypatch):
    monkeypatch.setattr(parallel, "START_S", 0.3)
    items = [0.4, 0.41, 0.42, 0.43, 0.44]
    done = dict(work_through(process_of, items, at_once=2))
    assert done.keys() == set(items)
    assert done.pop(0.4) == HERE
    assert HERE not in done.values()
    assert len(set(done.values())) == 2


def test_an_item_that_kills_every_process_costs_no_other_item(monkeypatch):
    monkeypatch.setattr(parallel, "START_S", -1.0)
    folder = Path(str(HERE))
    names = ["first", "a", "deadly", "b"]
    done = dict(work_through(dies_of, [folder / name for name in names], at_once=2))
    died = done.pop(folder / "deadly")
    assert isinstance(died, ClusterError)
    assert str(died).startswith("a process died while at work on it")
    assert sorted(done.values()) == ["a", "b", "first"]
