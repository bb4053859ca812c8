"""Step 1 of one input: an autoencoder for each fold -> visem/runs/autoencoder_<input>."""

import argparse
import logging
from pathlib import Path

from rostfine.training.work import only_one
from rostfine.visem.params import INPUTS, PARAMS, load_visem_params
from rostfine.visem.training import train_autoencoders
from stages import run


def main() -> None:
    """Train the autoencoders of the input that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", choices=INPUTS)
    given = parser.parse_args().input
    params = load_visem_params(PARAMS)
    logging.getLogger(__name__).info("visem_autoencoder: %s; Ray takes some 25 s to start", given)
    with only_one(Path(), f"visem, the autoencoder of {given}"):
        train_autoencoders(params, [given])


if __name__ == "__main__":
    run(main)
