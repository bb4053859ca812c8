"""What is wrong with a data set, a line each."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Fault:
    """A line for people: what, where, wanted, got. `participant_id` is "" if it is of no one.

    A participant with a fault is not used; a notice only tells.
    """

    participant_id: str
    line: str
    is_notice: bool = False


def as_notices(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """Return the same lines as notices: of tables that nothing is predicted from."""
    return tuple(replace(fault, is_notice=True) for fault in faults)


def ids_at_fault(faults: tuple[Fault, ...]) -> frozenset[str]:
    """Return the participants that cannot be used."""
    return frozenset(fault.participant_id for fault in faults if not fault.is_notice) - {""}
