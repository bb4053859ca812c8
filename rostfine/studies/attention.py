"""Figures 4, 6 and 10 of the RoSTFine paper: where models look in clips of other folds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from rostfine.clips.store import read_frames
from rostfine.evaluation.definitions import METRIC_NAMES
from rostfine.explain.look import Look, look_at
from rostfine.explain.mass import mass_ratio, middle_of
from rostfine.metrics import METRICS
from rostfine.model_params import ModelParams, RoSTFineParams, TimeSformerParams
from rostfine.report.page import pick_evenly
from rostfine.studies.attention_picture import LookedAt, draw_looks
from rostfine.studies.output import Output, Picture
from rostfine.studies.results import DATA, Results
from rostfine.studies.tables import PaperTable, cell, make_table
from rostfine.training.fits import Fit
from rostfine.training.saved import load_model

TITLE: Final = "Where models look (RoSTFine paper, Figures 4, 6 and 10)"
SAMPLES: Final = 3
CHOOSES_SAMPLES: Final = "emd"
DENSITY_NOTES: Final = (
    "How many times as dense attention is in the middle of a clip, where the head of its sperm is, "
    "as on average",
    "Clips from the best to the worst predicted, each looked at by models that were not trained "
    "on it",
)


@dataclass(frozen=True)
class PaperFigure:
    """A figure of the paper: frames of its clips of 16, counted from 0, and what it leaves out.

    It leaves out RoSTFine of the values of K in `without`, and TimeSformer unless it `compares`.
    """

    name: str
    title: str
    frames: Sequence[int]
    without: frozenset[int]
    compares: bool

    def shows(self, model: ModelParams) -> bool:
        """Whether it has a row of `model`."""
        if isinstance(model, RoSTFineParams):
            return model.top_k not in self.without
        return self.compares and isinstance(model, TimeSformerParams)


FIGURES: Final = (
    PaperFigure("figure_4", "Figure 4", range(0, 16, 2), frozenset({3, 20}), compares=True),
    PaperFigure("figure_6", "Figure 6", (8,), frozenset(), compares=False),
    PaperFigure("figure_10", "Figure 10", (0, 4, 8), frozenset({3}), compares=True),
)


def tabulate(results: Results) -> Output:
    """Draw the figures, and tell how dense attention is in the middle."""
    names = [name for name in results.predictions if _has_attention(_model(results, name))]
    if not names:
        return Output(TITLE)
    seen = list(_look(results, names))
    drawn = (_draw(results, figure, seen) for figure in FIGURES)
    pictures = tuple(picture for picture in drawn if picture is not None)
    return Output(TITLE, (_densities(results, seen),), pictures=pictures)


def _model(results: Results, name: str) -> ModelParams:
    return results.study.experiments[name].model


def _has_attention(model: ModelParams) -> bool:
    return isinstance(model, RoSTFineParams | TimeSformerParams)


def _label(results: Results, name: str) -> str:
    model = _model(results, name)
    label = f"RoSTFine\nK = {model.top_k}" if isinstance(model, RoSTFineParams) else "TimeSformer"
    same = [other for other in results.predictions if _model(results, other) == model]
    return label if len(same) == 1 else f"{label}\n{name}"


def _look(results: Results, names: Sequence[str]) -> Iterator[LookedAt]:
    """Look at clips from the best to the worst predicted, on average over models."""
    truth, distance = results.truth, METRICS[CHOOSES_SAMPLES]
    off = np.mean([distance(results.predictions[name], truth.labels) for name in names], axis=0)
    for row in pick_evenly(off, SAMPLES):
        sample_id = truth.sample_ids[row]
        looks = {name: _look_by(results, name, row) for name in names}
        clip = read_frames(DATA / "clips" / f"{sample_id}.npz")
        fact = f"{METRIC_NAMES[CHOOSES_SAMPLES]} {off[row]:.3f}"
        yield LookedAt(sample_id, fact, clip, looks)


def _look_by(results: Results, name: str, row: int) -> Look:
    """Look at a sample by the model of the fold that held it out."""
    sample_id, fold = results.truth.sample_ids[row], Fit(int(results.truth.folds[row]))
    model, settings = load_model(results.study.run_folder(name) / fold.folder)
    by_id: Any = results.clips.set_index("sample_id")
    column = settings.experiment.input.speed
    speed = None if column is None else float(by_id.loc[sample_id, column])
    clip = read_frames(DATA / "clips" / f"{sample_id}.npz")
    return look_at(clip, model, settings.experiment, speed=speed)


def _draw(results: Results, figure: PaperFigure, seen: Sequence[LookedAt]) -> Picture | None:
    rows = {
        name: _label(results, name) for name in seen[0].looks if figure.shows(_model(results, name))
    }
    if not rows:
        return None
    columns = choose_frames(
        figure.frames, [seen[0].looks[name] for name in rows], len(seen[0].clip)
    )
    methods = " and ".join(dict.fromkeys(seen[0].looks[name].method for name in rows))
    numbers = f"frame{'s' * (len(columns) > 1)} {', '.join(map(str, columns))}"
    says = (
        f"{figure.title}: {methods} of {'; '.join(_flat(label) for label in rows.values())} in "
        f"{numbers} of {len(seen[0].clip)} (counted from 0) of "
        f"{', '.join(one.sample_id for one in seen)}, from the best to the worst predicted, by "
        "models that were not trained on them. Each row of a clip has its own scale, from its "
        "least to its most, so that even attention is not dark."
    )
    return Picture(figure.name, says, draw_looks(seen, rows, columns))


def choose_frames(wanted: Sequence[int], looks: Sequence[Look], count: int) -> list[int]:
    """Choose those of the frames that all models were given that are nearest to the paper's."""
    given = sorted(set.intersection(*(set(look.frame_numbers) for look in looks)))
    places = [place * count / 16 for place in wanted]
    return sorted({min(given, key=lambda frame: abs(frame - place)) for place in places})


def _densities(results: Results, seen: Sequence[LookedAt]) -> PaperTable:
    cells = []
    for one in seen:
        for name, look in one.looks.items():
            middle = middle_of(len(look.heat), one.clip.shape[1])
            row = _flat(_label(results, name))
            cells.append(cell(row, one.sample_id, mass_ratio(look.heat, middle)))
    digits = {one.sample_id: 2 for one in seen}
    title = "Density of attention in the middle of the clips shown"
    return make_table("density", title, cells, digits, notes=DENSITY_NOTES, corner="Model")


def _flat(label: str) -> str:
    return label.replace("\n", ", ")
