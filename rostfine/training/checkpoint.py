"""What a fit goes on from: after each epoch a file of tensors and one of facts, the last two kept.

The facts are written last and hold the checksum of the tensors, so that half a checkpoint, or a
damaged one, is known as such and the one before is used. Nothing is pickled.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from rostfine.errors import CheckpointError, TrainingError
from rostfine.files import drop_half_written, read_json, sha256_of, write_json, written_whole

logger = logging.getLogger(__name__)

KEPT: Final = 2
SHOWN: Final = 5


@dataclass(frozen=True)
class Checkpoint:
    """The state of a fit after epoch `epoch`: tensors by name, and all else as plain JSON."""

    epoch: int
    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


class Checkpoints:
    """The checkpoints of one fit, in a folder of their own.

    `identity` says by dotted keys what the fit is of: settings, data, code.
    """

    def __init__(self, folder: Path, identity: Mapping[str, str]) -> None:
        self.folder, self.identity = folder, dict(identity)

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, then drop all but the last two.

        Raises TrainingError if it cannot be written; those before are left as they are.
        """
        path = self._tensors(checkpoint.epoch)
        try:
            with written_whole(path, durable=True) as beside:
                save_file(dict(checkpoint.tensors), beside)
                checksum = sha256_of(beside)
            facts = {
                "epoch": checkpoint.epoch,
                "sha256": checksum,
                "identity": self.identity,
                "facts": dict(checkpoint.facts),
            }
            write_json(path.with_suffix(".json"), facts, durable=True)
        except (OSError, SafetensorError) as error:
            self._drop_half(path)
            said = getattr(error, "strerror", None) or error
            raise TrainingError(f"{path}: cannot be written: {said}") from error
        for old in self._numbers()[KEPT:]:
            self._tensors(old).with_suffix(".json").unlink(missing_ok=True)
            self._tensors(old).unlink(missing_ok=True)

    def load(self, epoch: int | None = None) -> Checkpoint | None:
        """Return the newest checkpoint that is whole, or that of `epoch`; None if there is none.

        Raises CheckpointError naming the keys that differ if it belongs to another fit.
        """
        for number in self._numbers() if epoch is None else [epoch]:
            path = self._tensors(number)
            try:
                facts = read_json(path.with_suffix(".json"))
                known = facts["sha256"] == sha256_of(path)
                tensors = load_file(path) if known else {}
            except (OSError, ValueError, KeyError, TypeError, SafetensorError):
                known = False
            if not known:
                logger.warning("%s: damaged; the checkpoint before it is used", path)
                continue
            self._check(path, facts["identity"])
            return Checkpoint(number, tensors, facts["facts"])
        return None

    def _check(self, path: Path, found: Mapping[str, str]) -> None:
        other = differences(self.identity, found)
        if other:
            raise CheckpointError(f"{path}: a checkpoint of another fit: {other}")

    def _numbers(self) -> list[int]:
        """List the epochs of whose checkpoints there are facts, the newest first."""
        found = self.folder.glob("epoch_*.json")
        return sorted((int(path.stem.removeprefix("epoch_")) for path in found), reverse=True)

    def _tensors(self, epoch: int) -> Path:
        return self.folder / f"epoch_{epoch:06d}.safetensors"

    def _drop_half(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        drop_half_written(path)
        drop_half_written(path.with_suffix(".json"))


def differences(wanted: Mapping[str, str], found: Mapping[str, Any]) -> str:
    """Say which keys differ, the first five of them in full; nothing if none does."""
    other = [
        f"{key}: wanted {wanted.get(key, 'nothing')}, found {found.get(key, 'nothing')}"
        for key in sorted(wanted.keys() | found.keys())
        if wanted.get(key) != found.get(key)
    ]
    more = [f"and {len(other) - SHOWN} more"] if len(other) > SHOWN else []
    return "; ".join(other[:SHOWN] + more)
