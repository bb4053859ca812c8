"""A new version beside the one in use: champion at once, unless the one in use does better."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

from rostfine.files import sha256_of, written_whole
from rostfine.registry.aliases import CHALLENGER, CHAMPION, promote
from rostfine.registry.origin import describe_origin
from rostfine.registry.pyfunc_files import Form
from rostfine.registry.registration import MODEL_CARD, Registration, register
from rostfine.registry.versions import find_version
from rostfine.training.saved import WEIGHTS


class Score(NamedTuple):
    """By what two versions of a model are compared: a metric, which is kept as a tag."""

    name: str
    value: float
    better: Literal["lower", "higher"]
    useless: float | None = None  # what is no better than this is never in use


class Offered(NamedTuple):
    """A version that was registered, by what it was judged, and whether it is in use now."""

    name: str
    version: str
    score: str
    value: float
    champion: bool

    def __str__(self) -> str:
        """Say it in a line."""
        why = f"{CHALLENGER}: it is useless, or the {CHAMPION}'s is better"
        now = CHAMPION if self.champion else why
        return f"{self.name} version {self.version}, {self.score} {self.value:.3f}, is now {now}"


@dataclass(frozen=True)
class Offer:
    """What is registered with a model: its score, also `said` in words, its card, and files."""

    form: Form
    score: Score
    said: str
    metrics: Mapping[str, float]
    card: str
    files: tuple[Path, ...]


def offer(folder: Path, name: str, what: Offer) -> Offered:
    """Register the saved model of `folder`, standing in its workspace.

    It is in use from then on unless the one in use is better, by the same score. Raises
    RegistryError if the registry does not answer.
    """
    score, champion = what.score, find_version(name, CHAMPION, Path())
    with TemporaryDirectory(prefix="rostfine-") as made:
        told = Path(made) / MODEL_CARD
        with written_whole(told) as beside:
            beside.write_text(what.card)
        kept = Registration(
            metrics=what.metrics,
            tags={
                **describe_origin(Path()),
                score.name: repr(score.value),
                "score": what.said,
                "sha256.weights": sha256_of(folder / WEIGHTS),
            },
            files={path.name: path for path in (*what.files, told)},
        )
        done = register(folder, name, alias=CHALLENGER, kept=kept, workspace=Path(), form=what.form)
    # One that was judged by another score, or promoted by hand, cannot be compared.
    old = champion.tags.get(score.name) if champion else None
    takes = not _is_useless(score) and (old is None or not _is_better(float(old), score))
    if takes:
        promote(name, int(done.version), workspace=Path())
    return Offered(name, done.version, score.name, score.value, takes)


def _is_better(old: float, new: Score) -> bool:
    return old < new.value if new.better == "lower" else old > new.value


def _is_useless(score: Score) -> bool:
    bound = score.useless
    return bound is not None and (score.value == bound or _is_better(bound, score))
