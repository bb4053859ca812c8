"""One experiment: every fold trained and predicted, and a final model -> runs/<experiment>."""

import argparse
import logging
from pathlib import Path

from rostfine.params import load_params
from rostfine.progress import progress
from rostfine.training.cross_validate import cross_validate, plan
from stages import run


def main() -> None:
    """Train the experiment that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment")
    name = parser.parse_args().experiment
    params = load_params(Path("params.yaml"))
    todo = plan(Path(), params, name)
    log = logging.getLogger(__name__)
    log.info("cross_validate: %s, %d fits; Ray takes some 25 s to start", name, len(todo))
    with progress(f"{name}, epochs", len(todo) * params.experiments[name].fit.epochs) as advance:
        cross_validate(Path(), params, name, todo, advance=advance)
    log.info("cross_validate: %s, %d fits done", name, len(todo))


if __name__ == "__main__":
    run(main)
