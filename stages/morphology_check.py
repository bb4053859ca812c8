"""Annotated heads, checked and split -> morphology/{pictures,instances,faults}.parquet."""

import logging
from collections import Counter
from pathlib import Path

from rostfine.morphology.check import read_told
from rostfine.morphology.dataset import check_usable
from rostfine.morphology.params import PARAMS, load_morphology_params
from rostfine.morphology.stored import write_faults, write_pictures
from stages import run


def main() -> None:
    """Write which pictures are used, with their heads and splits, and all that is wrong."""
    params = load_morphology_params(PARAMS).data
    dataset = read_told(Path(params.folder), params)
    write_faults(dataset.faults)
    check_usable(dataset, params.on_bad_input)
    write_pictures(dataset)
    counts = Counter(one.split for one in dataset.pictures)
    told = ", ".join(f"{count} to {split}" for split, count in sorted(counts.items()))
    logger = logging.getLogger(__name__)
    logger.info("morphology_check: pictures: %s; %d faults and notices", told, len(dataset.faults))


if __name__ == "__main__":
    run(main)
