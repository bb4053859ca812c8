"""Every experiment of a study, trained and predicted out of fold -> studies/<study>/runs."""

import argparse
import logging
from pathlib import Path

from rostfine.params import load_params
from rostfine.studies.settings import load_study
from rostfine.studies.training import train_study
from rostfine.training.work import only_one
from stages import run


def main() -> None:
    """Train the study that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study")
    params = load_params(Path("params.yaml"))
    study = load_study(Path(), parser.parse_args().study, params)
    logging.getLogger(__name__).info(
        "train_study: %s, %d experiments, setting %s",
        study.name,
        len(study.experiments),
        study.setting,
    )
    with only_one(Path(), f"study {study.name}"):
        train_study(params, study)


if __name__ == "__main__":
    run(main)
