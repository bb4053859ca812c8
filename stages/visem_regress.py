"""Step 2 of one input and target -> visem/runs/<input>_<target>."""

import argparse
import logging
from pathlib import Path

from rostfine.training.work import only_one
from rostfine.visem.params import INPUTS, PARAMS, load_visem_params
from rostfine.visem.targets import TARGETS
from rostfine.visem.training import train_regressors
from stages import run


def main() -> None:
    """Train by fold and on all data what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", choices=INPUTS)
    parser.add_argument("target", choices=TARGETS)
    said = parser.parse_args()
    params = load_visem_params(PARAMS)
    log = logging.getLogger(__name__)
    log.info("visem_regress: %s, %s; Ray takes some 25 s to start", said.target, said.input)
    with only_one(Path(), f"visem, {said.target} by {said.input}"):
        train_regressors(params, [(said.input, said.target)])


if __name__ == "__main__":
    run(main)
