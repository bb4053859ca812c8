"""Votes to soft labels: data/votes -> data/votes.parquet, data/labels.parquet."""

import logging
from pathlib import Path

from rostfine.labels.aggregate import aggregate_votes
from rostfine.labels.votes import read_votes
from rostfine.params import load_params
from rostfine.schemas import CLIPS, LABELS, OK, TAGS, VOTES, read_table, write_table
from stages import run

DATA = Path("data")


def main() -> None:
    """Label every clip that can be used."""
    params = load_params(Path("params.yaml")).labels
    tagged = read_table(DATA / "tags.csv", TAGS)["sample_id"]
    clips = read_table(DATA / "clips.parquet", CLIPS)
    usable = clips.loc[clips["status"] == OK, "sample_id"].to_list()
    votes = read_votes(DATA / "votes", set(tagged))
    labels = aggregate_votes(votes, usable, params)
    write_table(DATA / "votes.parquet", votes, VOTES)
    write_table(DATA / "labels.parquet", labels, LABELS)
    logging.getLogger(__name__).info(
        "aggregate_votes: %d votes of %d experts label %d of %d clips",
        labels["n_votes"].sum(),
        votes["expert_id"].nunique(),
        len(labels),
        len(usable),
    )


if __name__ == "__main__":
    run(main)
