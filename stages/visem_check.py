"""The published tables and videos of semen samples, checked -> visem/participants.parquet."""

import logging

from rostfine.schemas import write_table
from rostfine.visem.frames import WHO
from rostfine.visem.params import PARAMS, load_visem_params
from rostfine.visem.participants import list_participants
from rostfine.visem.tables import PARTICIPANTS
from stages import run


def main() -> None:
    """Write who can be used, with the fold and the percentages of each."""
    table = list_participants(load_visem_params(PARAMS))
    write_table(WHO, table, PARTICIPANTS)
    logging.getLogger(__name__).info("visem_check: %d participants", len(table))


if __name__ == "__main__":
    run(main)
