"""The models of motility and morphology into the registry -> visem/registry.json."""

import logging

from rostfine.files import write_json
from rostfine.visem.frames import FOLDER
from rostfine.visem.params import PARAMS, load_visem_params
from rostfine.visem.registration import register_all
from stages import run


def main() -> None:
    """Register both, each as champion unless the one in use errs less."""
    done = register_all(load_visem_params(PARAMS))
    write_json(FOLDER / "registry.json", [one._asdict() for one in done])
    for one in done:
        logging.getLogger(__name__).info("visem_register: %s", one)


if __name__ == "__main__":
    run(main)
