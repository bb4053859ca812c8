"""What the gate said, with its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rostfine.parsing import parse, plain

PASSED: Final = "passed"
REFUSED: Final = "refused"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: `value` was wanted to be within `limit`, as `says` has it."""

    name: str
    passed: bool
    value: float
    limit: float
    says: str


@dataclass(frozen=True)
class Decision:
    """Whether `challenger` may take the place of `champion`, versions of the model `name`.

    `champion` is null if there was none. `metrics` are of both and of ZeroR on the same clips, none
    of which the model that is judged by it was trained on.
    """

    name: str
    challenger: int
    champion: int | None
    decided_at: str
    approval: str  # auto, manual: a person is asked too
    clips: int
    patients: int
    checks: tuple[Check, ...]
    metrics: Mapping[str, Mapping[str, float]]

    @property
    def verdict(self) -> str:
        """PASSED if every check was, else REFUSED."""
        return PASSED if all(check.passed for check in self.checks) else REFUSED

    @property
    def promotes(self) -> bool:
        """Whether the challenger takes the champion's place without anybody being asked."""
        return self.verdict == PASSED and self.approval == "auto"

    def __str__(self) -> str:
        """Say in a line what was decided, and why."""
        against = f"version {self.champion}" if self.champion else "no champion"
        what = f"{self.name}: version {self.challenger} against {against}: {self.verdict}"
        why = [check.says for check in self.checks if not check.passed]
        return f"{what}: {'; '.join(why)}" if why else what

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` takes, with the verdict for people and other programs."""
        return {**plain(self), "verdict": self.verdict}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Decision":
        """Return the decision that was written."""
        return parse(cls, {key: value for key, value in content.items() if key != "verdict"})
