"""The fits of an experiment: one for each fold, and one on all data."""

from dataclasses import dataclass
from typing import Final

FOLDER: Final = "checkpoints"
"""Of a workspace: where its experiments are at work, each in a folder of its name."""
PROGRESS: Final = "progress.json"
"""How far the fits of an experiment are, in its folder."""


@dataclass(frozen=True)
class Fit:
    """One fit to be done: the fold that is held out, or none."""

    held_out: int | None

    @property
    def folder(self) -> str:
        """The name of its folder in the experiment's run."""
        return "final" if self.held_out is None else f"fold_{self.held_out}"

    @property
    def trained_on(self) -> str:
        """What it saw, in words."""
        return "all data" if self.held_out is None else f"all data but fold {self.held_out}"

    @property
    def label(self) -> str:
        """What its curves are numbered by."""
        return "final" if self.held_out is None else str(self.held_out)
