"""Backbones by losses: where each experiment stands, read from its params."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from rostfine.evaluation.definitions import METRIC_NAMES
from rostfine.studies.parts import MODEL_TITLES
from rostfine.studies.settings import Study

BACKBONES: Final = ("resnet", "r2plus1d", "slowfast", "timesformer")
LOSSES: Final = ("emd", "mse", "js", "ce")
"""In the order of the EMD paper; other backbones come behind."""


@dataclass(frozen=True)
class Place:
    """Where an experiment stands: `backbone` is the name of its model.

    Where that has the place already, it is the experiment's own name, a backbone of its own.
    """

    experiment: str
    backbone: str
    title: str
    loss: str

    @property
    def label(self) -> str:
        """What it is called in a row."""
        return f"{self.title}, {loss_title(self.loss)}"


def loss_title(loss: str) -> str:
    """Return a loss as people write it."""
    return METRIC_NAMES[loss]


def grid_of(study: Study) -> tuple[Place, ...]:
    """Find the place of every experiment, ordered by backbone and then by loss."""
    places = dict[tuple[str, str], Place]()
    for name, experiment in study.experiments.items():
        backbone, loss = str(experiment.model.name), experiment.loss.name
        title = MODEL_TITLES[backbone]
        if (backbone, loss) in places:
            title, backbone = f"{title} ({name})", name
        places[backbone, loss] = Place(name, backbone, title, loss)
    return tuple(sorted(places.values(), key=_order))


def full_grid(places: Iterable[Place]) -> tuple[Place, ...]:
    """Return the most places that are all pairs of some backbones and some losses."""
    places = tuple(places)
    found = {(place.backbone, place.loss) for place in places}
    backbones, losses = backbones_of(places), [loss for loss in LOSSES if loss in _losses(places)]
    best: tuple[list[str], tuple[str, ...]] = ([], ())
    for count in range(len(losses), 0, -1):
        for some in combinations(losses, count):
            whole = [name for name in backbones if all((name, loss) in found for loss in some)]
            if len(whole) * count > len(best[0]) * len(best[1]):
                best = whole, some
    return tuple(place for place in places if place.backbone in best[0] and place.loss in best[1])


def backbones_of(places: Iterable[Place]) -> dict[str, str]:
    """Return the titles of all backbones, in order."""
    return {place.backbone: place.title for place in places}


def _losses(places: Iterable[Place]) -> set[str]:
    return {place.loss for place in places}


def _order(place: Place) -> tuple[int, int]:
    known = place.backbone in BACKBONES
    rank = BACKBONES.index(place.backbone) if known else len(BACKBONES)
    return rank, LOSSES.index(place.loss)
