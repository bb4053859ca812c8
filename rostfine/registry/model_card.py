"""The model card: what a version is for, what it was made of, how good it is, where it ends."""

from collections.abc import Mapping
from dataclasses import dataclass

from rostfine.schemas import GRADES


@dataclass(frozen=True)
class Score:
    """A metric out of fold, its 95 % interval, and what it is held against."""

    metric: str
    value: float
    low: float
    high: float
    zero_r: float
    verdict: str
    ceiling: float | None  # of the experts

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.metric} {self.value:.4f} ({self.low:.4f} to {self.high:.4f})"


@dataclass(frozen=True)
class CardFacts:
    """All that a model card says of one model; dates as 2026-05-01."""

    name: str
    experiment: str
    model: str
    trained_on: str
    frames: int
    size_px: int
    speed: bool  # whether it is given that of the sperm, too
    clips: int
    patients: int
    experts: int
    votes: int
    first_vote: str
    last_vote: str
    mean_label: Mapping[str, float]
    scores: tuple[Score, ...]


def render_card(facts: CardFacts) -> str:
    """Write the model card in Markdown, short enough to describe a version in MLflow."""
    # Predicting needs no templates.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("rostfine.registry", ""),
        autoescape=False,  # it is Markdown
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("model_card.md.j2").render(
        facts=facts,
        grades=GRADES,
        speed=", with the speed of the sperm" if facts.speed else "",
        ceiling=any(score.ceiling is not None for score in facts.scores),
    )
