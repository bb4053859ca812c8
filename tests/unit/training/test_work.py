import multiprocessing
import os

import pytest

from rostfine.errors import BusyError
from rostfine.training.fits import Fit
from rostfine.training.work import Work, only_one, shared_work


def hold(folder, holds, ends):
    with only_one(folder, "rostfine"):
        holds.set()
        ends.wait(60)


def test_a_second_process_is_refused_and_told_of_the_first(tmp_path):
    context = multiprocessing.get_context("fork")
    holds, ends = context.Event(), context.Event()
    first = context.Process(target=hold, args=(tmp_path, holds, ends))
    first.start()
    try:
        assert holds.wait(60)
        with (
            pytest.raises(BusyError, match=rf"trained in by process {first.pid} on .*\(rostfine,"),
            only_one(tmp_path, "timesformer"),
        ):
            pass
    finally:
        ends.set()
        first.join()
    with only_one(tmp_path, "timesformer"):
        assert str(os.getpid()) in (tmp_path / "checkpoints" / "lock").read_text()


def test_a_process_that_was_killed_holds_nothing(tmp_path):
    context = multiprocessing.get_context("fork")
    holds, ends = context.Event(), context.Event()
    first = context.Process(target=hold, args=(tmp_path, holds, ends))
    first.start()
    assert holds.wait(60)
    first.kill()
    first.join()
    with only_one(tmp_path, "rostfine"):
        pass


def leave(work: Work) -> None:
    folder = work.of(Fit(0))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights.safetensors").write_text("weights")
    work.mark_done(Fit(0), ["weights.safetensors"])


def test_what_is_done_stays_as_long_as_the_training_is_the_same(tmp_path):
    work = Work(tmp_path / "rostfine", {"experiment.fit.lr": "0.1"})
    work.prepare()
    leave(work)
    work.prepare()
    assert work.is_done(Fit(0))


def test_another_training_begins_anew_says_which_key_differs_and_spoils_nothing(tmp_path, caplog):
    work = Work(tmp_path / "rostfine", {"experiment.fit.lr": "0.1", "data.folds": "aa"})
    work.prepare()
    leave(work)
    other = Work(tmp_path / "rostfine", {"experiment.fit.lr": "0.2", "data.folds": "aa"})
    other.prepare()
    assert "set aside: experiment.fit.lr: wanted 0.2, found 0.1" in caplog.text
    assert not other.is_done(Fit(0))
    assert other.key != work.key
    third = Work(tmp_path / "rostfine", {"experiment.fit.lr": "0.1", "data.folds": "aa"})
    third.prepare()
    assert third.is_done(Fit(0))


def test_what_a_named_experiment_trained_alike_is_found_and_the_rest_is_known_by_its_key(tmp_path):
    """A study whose settings were exchanged must not take one experiment's fits for another's."""
    first = Work(tmp_path / "study.a", {"experiment.fit.lr": "0.1", "data.folds": "aa"})
    second = Work(tmp_path / "study.b", {**first.identity, "experiment.fit.lr": "0.2"})
    for work in (first, second):
        shared_work(work, ["rostfine"]).prepare()
        leave(shared_work(work, ["rostfine"]))
    exchanged = Work(tmp_path / "study.a", second.identity)
    fresh = Work(tmp_path / "study.b", {**first.identity, "experiment.fit.lr": "0.3"})
    assert shared_work(exchanged, ["rostfine"]) == shared_work(second, ["rostfine"])
    assert shared_work(exchanged, ["rostfine"]).is_done(Fit(0))
    assert not shared_work(fresh, ["rostfine"]).is_done(Fit(0))
    named = Work(tmp_path / "rostfine", second.identity)
    named.prepare()
    assert shared_work(exchanged, ["rostfine"]) == named
    Work(tmp_path / "rostfine", first.identity).prepare()  # sets it aside
    assert shared_work(exchanged, ["rostfine"]) == shared_work(second, [])


def test_sums_are_made_on_as_many_threads_as_at_first(tmp_path):
    work = Work(tmp_path, {})
    assert work.threads(4) == 4
    assert Work(tmp_path, {}).threads(2) == 4


def test_results_are_handed_over_and_stay_where_they_were(tmp_path):
    work = Work(tmp_path / "work", {})
    leave(work)
    work.hand_over(Fit(0), tmp_path / "run")
    assert (tmp_path / "run/fold_0/weights.safetensors").read_text() == "weights"
    assert work.is_done(Fit(0))
    work.hand_over(Fit(0), tmp_path / "run")  # a second time
    assert (tmp_path / "run/fold_0/weights.safetensors").read_text() == "weights"
