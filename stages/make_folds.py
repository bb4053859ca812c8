"""Labelled clips to folds: data/labels.parquet -> data/folds.parquet."""

import logging
from pathlib import Path

from rostfine.labels.folds import make_folds
from rostfine.params import load_params
from rostfine.schemas import CLIPS, FOLDS, LABELS, read_table, write_table
from stages import run

DATA = Path("data")


def main() -> None:
    """Split the labelled clips by modal grade and patient."""
    params = load_params(Path("params.yaml")).folds
    labels = read_table(DATA / "labels.parquet", LABELS)
    clips = read_table(DATA / "clips.parquet", CLIPS).set_index("sample_id")
    patients = clips.loc[labels["sample_id"], "patient_id"].to_list()
    folds = make_folds(labels["sample_id"].to_list(), labels["mode"].to_list(), patients, params)
    write_table(DATA / "folds.parquet", folds, FOLDS)
    sizes = folds["fold"].value_counts().sort_index().to_list()
    logging.getLogger(__name__).info(
        "make_folds: %d clips of %d patients in folds of %s", len(folds), len(set(patients)), sizes
    )


if __name__ == "__main__":
    run(main)
