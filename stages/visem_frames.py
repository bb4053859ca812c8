"""Stacks of frames from each semen video -> visem/frames, visem/frames.parquet."""

import logging

from rostfine.progress import progress
from rostfine.schemas import read_table
from rostfine.visem.frames import WHO, stop_at_faults, update_frames
from rostfine.visem.params import PARAMS, load_visem_params
from rostfine.visem.tables import PARTICIPANTS
from stages import run


def main() -> None:
    """Read what is new or changed."""
    params = load_visem_params(PARAMS)
    with progress("reading semen videos", len(read_table(WHO, PARTICIPANTS))) as advance:
        update = update_frames(params, advance=advance)
    logging.getLogger(__name__).info("visem_frames: %s", update)
    stop_at_faults(update, params)


if __name__ == "__main__":
    run(main)
