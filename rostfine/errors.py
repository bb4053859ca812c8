"""Every failure that a user of rostfine can meet.

RostfineError
├── InputError          what the lab gave cannot be used as it is
│   ├── TableError      a table: malformed, a wrong type, a missing column, a doubled key
│   ├── TagError        a tag on a missing video or outside its frame
│   ├── VideoError      a video that cannot be opened, or breaks off before the frames wanted
│   ├── VoteError       an unknown grade, a vote for an unknown sample, a clip without votes
│   ├── FoldError       samples that cannot be split as asked
│   ├── ClipError       a clip file that is missing, damaged or of another shape
│   └── ParamsError     a key of params.yaml that is unknown, missing or of the wrong type
├── TrainingError       a fit that cannot go on
│   └── CheckpointError a checkpoint that belongs to another fit
├── BusyError           another process trains in this workspace; may pass later
├── FetchError          a batch of votes did not come over the network; may pass the second time
├── ClusterError        Ray lost what the fits ran on; may pass the second time
└── RegistryError       no such model, version, or file kept with it
    └── RegistryDownError  a registry that does not answer; may pass the second time

A message says what is wrong, where, what was wanted and what was found, in one line. Several
faults of one input are collected and raised together, one line each.
"""

from collections.abc import Sequence

MOST_FAULTS_SHOWN = 20

TEMPORARY = 75
"""Exit code of a failure that may pass the second time (EX_TEMPFAIL of sysexits.h)."""


class RostfineError(Exception):
    """Anything that rostfine itself has to say about a failure; its text is meant for people."""

    exit_code = 1
    _faults: tuple[str, ...] = ()

    @classmethod
    def of_faults(cls, faults: Sequence[str]) -> "RostfineError":
        """Join the lines of several faults into one error, the first twenty in full."""
        more = len(faults) - MOST_FAULTS_SHOWN
        shown = list(faults[:MOST_FAULTS_SHOWN]) + ([f"... and {more} more"] if more > 0 else [])
        error = cls("\n".join(shown))
        error._faults = tuple(faults)
        return error

    @property
    def faults(self) -> list[str]:
        """Every fault, a line each, also those that the text only counts."""
        return list(self._faults) or str(self).splitlines()


class InputError(RostfineError):
    """What the lab gave cannot be used as it is."""


class TableError(InputError):
    """A table is malformed, has a wrong type or column, or a doubled key."""


class TagError(InputError):
    """A tag names a missing video or lies outside its frame."""


class VideoError(InputError):
    """A video cannot be opened, or breaks off before the frames that are needed."""


class VoteError(InputError):
    """A vote is unusable, or a clip has none."""


class FoldError(InputError):
    """Samples cannot be split into folds as asked."""


class ClipError(InputError):
    """A clip file is missing, damaged or of another shape than wanted."""


class ParamsError(InputError):
    """A key of params.yaml is unknown, missing or of the wrong type."""


class TrainingError(RostfineError):
    """A fit cannot go on."""


class CheckpointError(TrainingError):
    """A checkpoint belongs to another model, other data or another setting."""


class BusyError(RostfineError):
    """Another process trains in this workspace."""

    exit_code = TEMPORARY


class FetchError(RostfineError):
    """A batch of votes did not come over the network."""

    exit_code = TEMPORARY


class ClusterError(RostfineError):
    """Ray lost what the fits ran on."""

    exit_code = TEMPORARY


class RegistryError(RostfineError):
    """A model, a version or what was kept with it is not in the registry."""


class RegistryDownError(RegistryError):
    """The registry does not answer."""

    exit_code = TEMPORARY
