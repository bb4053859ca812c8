"""The model of heads into the registry -> morphology/registry.json."""

import logging

from rostfine.files import write_json
from rostfine.morphology.params import FOLDER, PARAMS, load_morphology_params
from rostfine.morphology.registration import register_heads
from stages import run


def main() -> None:
    """Register it, as champion unless the one in use is better."""
    done = register_heads(load_morphology_params(PARAMS))
    write_json(FOLDER / "registry.json", [done._asdict()])
    logging.getLogger(__name__).info("morphology_register: %s", done)


if __name__ == "__main__":
    run(main)
