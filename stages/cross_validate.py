"""One experiment: every fold trained and predicted, and a final model -> runs/<experiment>."""

import argparse
import logging
from pathlib import Path

from rostfine.params import load_params
from rostfine.registry import RunLog
from rostfine.registry.origin import describe_origin
from rostfine.training.cross_validate import cross_validate, job_of, plan, prepare
from rostfine.training.epoch import Watchers
from rostfine.training.fits import PROGRESS
from rostfine.training.live import Live
from rostfine.training.work import only_one
from stages import run


def main() -> None:
    """Train the experiment that the command line names; MLflow is told as it goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment")
    name = parser.parse_args().experiment
    params = load_params(Path("params.yaml"))
    todo = plan(Path(), params, name)
    log = logging.getLogger(__name__)
    with only_one(Path(), name):
        job = job_of(Path(), params, name)
        prepare(job, todo)
        fits = {fit.folder: params.experiments[name].fit.epochs for fit in todo}
        log.info("cross_validate: %s, %d fits; Ray takes some 25 s to start", name, len(todo))
        with (
            RunLog(Path(), job.settings, key=job.work.key, tags=describe_origin(Path())) as runs,
            Live(name, fits, done=job.epochs_done(todo), told=job.work.folder / PROGRESS) as live,
        ):
            for fit, epoch in job.history(todo):
                runs.epoch(fit, epoch)
            run_folder = Path("runs") / name
            by_fold = cross_validate(job, todo, run_folder, watcher=Watchers(live, runs))
            runs.finish(run_folder, by_fold)
    log.info("cross_validate: %s, %d fits done", name, len(todo))


if __name__ == "__main__":
    run(main)
