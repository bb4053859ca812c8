"""All that is measured of found heads, at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float64
from numpy import ndarray

from rostfine.evaluation.calibration import BINS, CalibrationError, bin_of
from rostfine.morphology.average_precision import AveragePrecision, average_precision
from rostfine.morphology.counting import in_use, surer
from rostfine.morphology.heads import Picture
from rostfine.morphology.matching import match_heads, paired
from rostfine.morphology.params import HEADS, DataParams, EvaluateParams
from rostfine.morphology.published_map import published_aps
from rostfine.morphology.quality import MISSED, SPURIOUS, Quality, Rate, judge_quality, pair_heads

RELIABILITY_COLUMNS: Final = ("low", "high", "heads", "confidence", "accuracy")


@dataclass(frozen=True)
class Evaluation:
    """What is measured of found heads; what is not defined is NaN.

    `published` is the AP of each picture as published; `heads` lists every head, as `pair_heads`
    does. `ece` and `reliability` say whether a found head is one of its class as often as its score
    says.
    """

    boxes: AveragePrecision
    masks: AveragePrecision
    published: pd.Series
    heads: pd.DataFrame
    quality: Quality
    ece: float
    reliability: pd.DataFrame

    @property
    def published_map(self) -> float:
        """The mean of `published`."""
        return float(self.published.mean())

    def flat(self) -> dict[str, float]:
        """Return its numbers by name: `metric`, `metric.class` or `metric.limit`."""
        quality = self.quality
        return {
            **_of_classes("box", self.boxes),
            **_of_classes("mask", self.masks),
            "published_map": self.published_map,
            **_counts(self.heads),
            **_of_rate("sensitivity", quality.sensitivity),
            **_of_rate("specificity", quality.specificity),
            **_of_rate("accuracy", quality.accuracy),
            "balanced_accuracy": quality.balanced_accuracy.mean,
            "balanced_accuracy.pictures_low": quality.balanced_accuracy.low,
            "balanced_accuracy.pictures_high": quality.balanced_accuracy.high,
            "ece": self.ece,
        }


def evaluate(
    truth: Sequence[Picture],
    found: Sequence[Picture],
    data: DataParams,
    params: EvaluateParams,
    *,
    least_score: float = 0.0,
) -> Evaluation:
    """Evaluate what was found in the pictures of `truth`.

    COCO's AP is of all that was found; the published mAP of what has at least `least_score`; the
    rest, of what is in use then: one instance for each head.
    Raises InputError if a picture is on one side only.
    """
    sure = [surer(picture, least_score) for picture in found]
    roles = {name: one.role for name, one in data.classes.items()}
    used = [in_use(picture, roles, least_score) for picture in found]
    heads = pair_heads(truth, used, data, params.iou)
    score = score_calibration(truth, used, data, params.iou)
    return Evaluation(
        boxes=average_precision(truth, found, data.classes, "boxes"),
        masks=average_precision(truth, found, data.classes, "masks"),
        published=published_aps(truth, sure, data.classes),
        heads=heads,
        quality=judge_quality(heads, [one.picture_id for one in truth], data, params),
        ece=score.value() if len(score.confidence) else float("nan"),
        reliability=reliability(score),
    )


def score_calibration(
    truth: Sequence[Picture], found: Sequence[Picture], data: DataParams, iou: float
) -> CalibrationError:
    """Call a found head right that is matched with a true one of its class; classes by themselves.

    Raises InputError if a picture is on one side only.
    """
    rows: list[tuple[float, bool]] = []
    names = [name for name, one in data.classes.items() if one.role in HEADS]
    for pair in paired(truth, found):
        for name in names:
            true, said = ([one for one in p.instances if one.class_name == name] for p in pair)
            spurious = match_heads(true, said, iou).spurious
            rows += [(one.score, j not in spurious) for j, one in enumerate(said)]
    columns: Float64[ndarray, "2 head"] = np.array(rows, dtype=np.float64).reshape(-1, 2).T
    return CalibrationError(confidence=columns[0], right=columns[1])


def reliability(score: CalibrationError) -> pd.DataFrame:
    """Tabulate the reliability curve, a row per bin that has heads: RELIABILITY_COLUMNS."""
    place = bin_of(score.confidence, BINS)
    rows = []
    for one in np.unique(place):
        inside = place == one
        means = [values[inside].mean() for values in (score.confidence, score.right)]
        rows.append((one / BINS, (one + 1) / BINS, int(inside.sum()), *means))
    return pd.DataFrame(rows, columns=list(RELIABILITY_COLUMNS))


def _of_classes(kind: str, found: AveragePrecision) -> dict[str, float]:
    of_class = {"ap": found.ap, "ap50": found.ap50, "ap75": found.ap75}
    return {f"{kind}_{name}": value for name, value in found.means().items()} | {
        f"{kind}_{name}.{one}": float(value)
        for name, values in of_class.items()
        for one, value in zip(found.classes, values, strict=True)
    }


def _of_rate(name: str, rate: Rate) -> dict[str, float]:
    return {
        name: rate.wilson.mean,
        f"{name}.low": rate.wilson.low,
        f"{name}.high": rate.wilson.high,
        f"{name}.pictures_low": rate.pictures.low,
        f"{name}.pictures_high": rate.pictures.high,
    }


def _counts(heads: pd.DataFrame) -> dict[str, float]:
    spurious, missed = (heads["truth"] == SPURIOUS).sum(), (heads["found"] == MISSED).sum()
    true = len(heads) - int(spurious)
    return {
        "heads": float(true),
        "missed": float(missed),
        "spurious": float(spurious),
        "found_share": 1 - float(missed) / true if true else float("nan"),
    }
