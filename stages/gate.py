"""The challenger against the champion, whose place it may take -> decision.json."""

import logging
from pathlib import Path

from rostfine.files import write_json
from rostfine.gate.run import decide
from rostfine.params import load_params
from rostfine.registry import promote
from stages import run


def main() -> None:
    """Judge, and promote if nobody else has to be asked."""
    params = load_params(Path("params.yaml"))
    decision = decide(Path(), params.register.experiment, params.gate)
    if decision.promotes:
        promote(decision.name, decision.challenger, workspace=Path())
    write_json(Path("decision.json"), decision.to_json())
    logging.getLogger(__name__).info("gate: %s", decision)


if __name__ == "__main__":
    run(main)
