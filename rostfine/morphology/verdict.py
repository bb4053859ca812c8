"""One verdict on each sperm of a video, from what was found of it in each frame."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from rostfine.morphology.heads import Instance
from rostfine.morphology.params import Role, Roles

Quality = Literal["good", "bad", "unknown"]
QUALITIES: Final[Mapping[Role, Quality]] = {"good": "good", "bad": "bad", "head": "unknown"}
"""By the role of a whole head; parts have none."""
Name = TypeVar("Name", bound=str)


@dataclass(frozen=True)
class Verdict:
    """What a track is, by the sum of its scores in all frames, and how sure that is.

    First its quality is decided, then the class among those of that quality. Where qualities weigh
    alike, `quality` is unknown; where classes do, `class_name` is the first of them in the order of
    the model's outputs; both are `tied`. `votes` are frames; `share` is of all its scores those of
    the quality; `mean_score` is that of the frames which voted for `class_name`.
    """

    track_id: int
    class_name: str
    quality: Quality
    tied: bool
    votes: Mapping[str, int]
    share: float
    mean_score: float
    first_frame: int
    last_frame: int


class Tally:
    """The votes of the frames on one track."""

    def __init__(self, track_id: int, classes: Roles) -> None:
        self._track_id, self._classes = track_id, classes
        self._votes: Counter[str] = Counter()
        self._scores: defaultdict[str, float] = defaultdict(float)
        self._frames: list[int] = []  # the first and the last

    def add(self, frame: int, head: Instance) -> None:
        """Take what was found in a frame; frames come in their order."""
        self._votes[head.class_name] += 1
        self._scores[head.class_name] += head.score
        self._frames = [*self._frames[:1], frame]

    def decide(self) -> Verdict:
        """Return the verdict on all frames so far, of which there is one at least."""
        by_quality: defaultdict[Quality, float] = defaultdict(float)
        for name, score in self._scores.items():
            by_quality[QUALITIES[self._classes[name]]] += score
        leading = _heaviest(by_quality)
        among = {
            name: self._scores[name]
            for name in self._classes
            if name in self._votes and QUALITIES[self._classes[name]] in leading
        }
        best = _heaviest(among)
        whole = sum(by_quality.values())
        return Verdict(
            track_id=self._track_id,
            class_name=best[0],
            quality=leading[0] if len(leading) == 1 else "unknown",
            tied=len(leading) > 1 or len(best) > 1,
            votes={name: self._votes[name] for name in self._classes if name in self._votes},
            share=by_quality[leading[0]] / whole if whole else math.nan,
            mean_score=self._scores[best[0]] / self._votes[best[0]],
            first_frame=self._frames[0],
            last_frame=self._frames[-1],
        )


def _heaviest(weights: Mapping[Name, float]) -> list[Name]:
    """Return those that weigh most, in their order; rounding makes no difference."""
    most = max(weights.values())
    return [name for name, weight in weights.items() if math.isclose(weight, most)]
