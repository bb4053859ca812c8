"""The page of the head pipeline: what a clinic asks first, then each experiment by itself."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from markupsafe import Markup

from rostfine.evaluation.statistics import Interval
from rostfine.morphology.cases import draw_cases
from rostfine.morphology.draw import Pixels
from rostfine.morphology.evaluating import over_pictures
from rostfine.morphology.figures import (
    draw_confusion,
    draw_losses,
    draw_precision_recall,
    draw_reliability,
    draw_scores,
)
from rostfine.morphology.heads import VALIDATION, Picture
from rostfine.morphology.measure_figures import draw_measures
from rostfine.morphology.measured import measure_heads
from rostfine.morphology.metrics import Evaluation
from rostfine.morphology.metrics_table import RATES, Evaluations
from rostfine.morphology.params import EvaluateParams, MorphologyParams
from rostfine.morphology.quality import Rate
from rostfine.morphology.runs import Run
from rostfine.report.figures import Figure, embed_picture
from rostfine.report.templates import fill
from rostfine.studies.tables import PaperTable

CALLED: Final[Mapping[str, tuple[str, str]]] = {
    "sensitivity": ("bad", "bad are called bad"),
    "specificity": ("good", "good are called good"),
}
PLURAL: Final = {"mask": "masks", "box": "boxes"}
CASES: Final[tuple[Literal["worst", "right"], ...]] = ("worst", "right")
NARROW: Final = ("confusion", "precision_recall", "reliability")
"""Figures of which several stand in a row."""


def draw_all(
    runs: Mapping[str, Run],
    evaluations: Evaluations,
    params: MorphologyParams,
    read_image: Callable[[Picture], Pixels],
) -> dict[str, list[Figure]]:
    """Draw the figures of each experiment: how it learnt, and what it finds in test pictures."""
    return {
        name: list(_draw(run, evaluations[name], params, read_image)) for name, run in runs.items()
    }


def render(
    evaluations: Evaluations,
    runs: Mapping[str, Run],
    figures: Mapping[str, Sequence[Figure]],
    *,
    table: PaperTable,
    params: MorphologyParams,
    notices: Sequence[str],
) -> str:
    """Fill the page; the experiment that is to be registered opens it, or else the first."""
    names = sorted(evaluations, key=lambda name: name != params.register.experiment)
    split, first = _reported(evaluations[names[0]])
    return fill(
        "heads.html.j2",
        "rostfine.morphology",
        speaker=names[0],
        split=split,
        chose=split == VALIDATION,
        cards=list(_cards(first, params.evaluate)),
        notices=notices,
        table={"title": table.title, "texts": _turned(table), "notes": table.all_notes},
        experiments=[_experiment(runs[name], evaluations[name], figures[name]) for name in names],
        iou=params.evaluate.iou,
    )


def _reported(of_split: Mapping[str, Evaluation]) -> tuple[str, Evaluation]:
    """Return the split that is reported: test, or without one that which chose the epoch."""
    return next(iter(of_split.items()))


def _draw(
    run: Run,
    of_split: Mapping[str, Evaluation],
    params: MorphologyParams,
    read_image: Callable[[Picture], Pixels],
) -> Iterator[Figure]:
    classes = {name: one.role for name, one in params.data.classes.items()}
    split, one = _reported(of_split)
    measured = measure_heads(run.truth[split], run.sure(split), params.data, params.evaluate.iou)
    unit = "px" if params.data.um_per_px is None else "µm"
    quality = one.quality
    yield draw_confusion(run.name, quality.roles, "quality")
    if len(quality.classes) > len(quality.roles):
        yield draw_confusion(run.name, quality.classes, "class")
    yield draw_precision_recall(run.name, one, classes)
    yield draw_reliability(run.name, one)
    for kind in CASES:
        drawn = draw_cases(run, split, kind, evaluation=one, classes=classes, read_image=read_image)
        yield from [drawn] if drawn else []
    yield draw_measures(run.name, measured, classes, unit)
    yield draw_losses(run)
    yield draw_scores(run)


def _cards(one: Evaluation, params: EvaluateParams) -> Iterator[dict[str, str]]:
    flat, (_, found) = one.flat(), over_pictures(one, params)
    true = int(flat["heads"])
    if true:
        met = true - int(flat["missed"])
        spurious = int(flat["spurious"])
        yield {
            "head": "Heads found",
            "number": _percent(found or Interval(flat["found_share"], math.nan, math.nan)),
            "says": f"{met} of {true} annotated heads; {spurious} were found where none is.",
        }
    for name, (role, says) in CALLED.items():
        rate: Rate = getattr(one.quality, name)
        hits, counted = _counted(one, role)
        if counted:
            yield {
                "head": name.capitalize(),
                "number": _percent(rate.wilson),
                "says": f"{hits} of {counted} found heads that are {says}.",
            }
    kind = "mask" if math.isfinite(flat["mask_ap50"]) else "box"
    if math.isfinite(flat[f"{kind}_ap50"]):
        yield {
            "head": f"AP50 of {PLURAL[kind]}",
            "number": f"{flat[f'{kind}_ap50']:.3f}",
            "says": f"AP over IoU 0.50 to 0.95: {flat[f'{kind}_ap']:.3f}. Each is 1 at best.",
        }


def _counted(one: Evaluation, role: str) -> tuple[int, int]:
    """How many heads of a quality are called so, of those whose quality was told."""
    roles = one.quality.roles
    if role not in roles.index:
        return 0, 0
    told = {name: int(str(roles.loc[role, name])) for name in ("good", "bad") if name in roles}
    return told[role], sum(told.values())


def _experiment(
    run: Run, of_split: Mapping[str, Evaluation], figures: Sequence[Figure]
) -> dict[str, Any]:
    split, one = _reported(of_split)
    return {
        "name": run.name,
        "split": split,
        "variant": run.variant,
        "epoch": run.chosen["epoch"] + 1,
        "epochs": len(run.history),
        "least": run.least_score,
        "rates": list(_rates(one)),
        "figures": [_embed(figure) for figure in figures],
    }


def _rates(one: Evaluation) -> Iterator[dict[str, str]]:
    """The rates that are known, each with its limits by heads and by pictures."""
    for name in RATES:
        rate: Rate = getattr(one.quality, name)
        if math.isfinite(rate.wilson.mean):
            yield {
                "name": name.capitalize(),
                "value": f"{rate.wilson.mean:.1%}",
                "heads": _limits(rate.wilson),
                "pictures": _limits(rate.pictures),
            }
    both = one.quality.balanced_accuracy
    if math.isfinite(both.mean):
        value, limits = f"{both.mean:.1%}", _limits(both)
        yield {"name": "Balanced accuracy", "value": value, "heads": "", "pictures": limits}


def _turned(table: PaperTable) -> list[list[str]]:
    """Return a table with its columns as rows: there are few experiments, and many numbers."""
    return [list(row) for row in zip(*table.texts(), strict=True)]


def _embed(figure: Figure) -> dict[str, Any]:
    """Pictures of heads as such, all else as lines."""
    is_picture = figure.name.split("_")[0] in CASES
    return {
        "svg": "" if is_picture else Markup(figure.svg),
        "picture": embed_picture(figure.png) if is_picture else "",
        "says": figure.says,
        "narrow": figure.name.startswith(NARROW),
    }


def _percent(found: Interval) -> str:
    return f"{found.mean:.0%}" + (
        f" [{100 * found.low:.0f}, {100 * found.high:.0f}]" if math.isfinite(found.low) else ""
    )


def _limits(found: Interval) -> str:
    return f"[{found.low:.1%}, {found.high:.1%}]" if math.isfinite(found.low) else ""
