"""An experiment with heads -> morphology/runs/<experiment>."""

import argparse
import logging
from pathlib import Path

from rostfine.morphology.params import PARAMS, load_morphology_params
from rostfine.morphology.training import train_heads
from rostfine.training.work import only_one
from stages import run


def main() -> None:
    """Train the experiment that the command line names."""
    params = load_morphology_params(PARAMS)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", choices=list(params.experiments))
    name = parser.parse_args().experiment
    logging.getLogger(__name__).info("morphology_train: %s; Ray takes some 25 s to start", name)
    with only_one(Path(), f"morphology, {name}"):
        train_heads(params, [name])


if __name__ == "__main__":
    run(main)
