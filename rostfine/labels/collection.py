"""What became of the batches of votes that were found, for a table and for a line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Batch:
    """An accepted file; `experts` and `samples` are those of its new votes."""

    name: str
    votes: int
    new_votes: int
    experts: frozenset[str]
    samples: frozenset[str]


@dataclass(frozen=True)
class Rejected:
    """A file that was set aside as `kept_as`."""

    name: str
    kept_as: str
    faults: tuple[str, ...]


@dataclass(frozen=True)
class Collection:
    """What became of the files in the folder of votes."""

    accepted: tuple[Batch, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    known: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()

    @property
    def new_votes(self) -> int:
        """Count the votes that no accepted batch held before."""
        return sum(batch.new_votes for batch in self.accepted)

    @property
    def experts(self) -> frozenset[str]:
        """Name those who gave new votes."""
        return frozenset().union(*(batch.experts for batch in self.accepted))

    @property
    def samples(self) -> frozenset[str]:
        """Name the samples with new votes."""
        return frozenset().union(*(batch.samples for batch in self.accepted))

    def __str__(self) -> str:
        """Tell it in a line."""
        votes = f"{self.new_votes} of {len(self.experts)} experts on {len(self.samples)} samples"
        return (
            f"new votes: {votes if self.new_votes else 'none'}; batches: {len(self.accepted)} "
            f"accepted, {len(self.rejected)} rejected, {len(self.known)} known, "
            f"{len(self.waiting)} still arriving"
        )
