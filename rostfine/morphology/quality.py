"""Whether found heads are rightly called good or bad; to be bad is what is looked for (positive).

Heads are matched whatever their class, and rates are of matched heads: how many are missed stands
beside them. Wilson's intervals take heads for independent; those over pictures do not.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float64
from numpy import ndarray
from scipy.stats import binomtest

from rostfine.evaluation.scores import Statistic
from rostfine.evaluation.statistics import COVERAGE, Interval, draw_patients, percentiles
from rostfine.morphology.heads import Picture
from rostfine.morphology.matching import Pair, match_heads, paired
from rostfine.morphology.params import HEADS, DataParams, EvaluateParams, Role

MISSED: Final = "missed"
SPURIOUS: Final = "spurious"
PAIR_COLUMNS: Final = ("picture_id", "truth", "found", "score", "iou")


@dataclass(frozen=True)
class Rate:
    """A share of heads; NaN where none counts."""

    wilson: Interval
    pictures: Interval  # by the bootstrap over pictures


@dataclass(frozen=True)
class Quality:
    """Good against bad. Rows of a confusion are truth and spurious, columns found and missed.

    Heads of which a side does not know the quality stand in `roles`, and count in no rate.
    """

    roles: pd.DataFrame
    classes: pd.DataFrame
    sensitivity: Rate
    specificity: Rate
    accuracy: Rate
    balanced_accuracy: Interval  # over pictures


@dataclass(frozen=True)
class MeanShare(Statistic):
    """The mean over parts of the share of hits in what each counts; NaN if one counts nothing."""

    hits: Float64[ndarray, "part sample"]
    counted: Float64[ndarray, "part sample"]

    def resampled(self, weights: Float64[ndarray, "round sample"]) -> Float64[ndarray, " round"]:
        """Return the metric in each round, where sample i counts `weights[round, i]` times."""
        hits, counts = weights @ self.hits.T, weights @ self.counted.T
        shares = np.divide(hits, counts, out=np.full_like(hits, np.nan), where=counts > 0)
        return np.asarray(shares.mean(axis=1))


def pair_heads(
    truth: Sequence[Picture], found: Sequence[Picture], data: DataParams, iou: float
) -> pd.DataFrame:
    """List every head of either side, a row each: PAIR_COLUMNS.

    `truth` and `found` are its classes, or SPURIOUS and MISSED; `score` and `iou` are NaN where
    there is none. Raises InputError if a picture is on one side only.
    """
    roles = {name: one.role for name, one in data.classes.items()}
    rows = [row for pair in paired(truth, found) for row in _rows(pair, roles, iou)]
    table = pd.DataFrame(rows, columns=list(PAIR_COLUMNS))
    return table.astype({"score": np.float64, "iou": np.float64})


def judge_quality(
    heads: pd.DataFrame, pictures: Sequence[str], data: DataParams, params: EvaluateParams
) -> Quality:
    """Judge what `pair_heads` lists; `pictures` are the ids of all, also of those without heads."""
    roles = {name: one.role for name, one in data.classes.items() if one.role in HEADS}
    as_roles = heads.assign(**{side: heads[side].replace(roles) for side in ("truth", "found")})
    known = as_roles[as_roles[["truth", "found"]].isin(["good", "bad"]).all(axis=1)]
    is_bad, is_right = known["truth"] == "bad", known["truth"] == known["found"]
    bad, right = is_bad.to_numpy(np.float64), is_right.to_numpy(np.float64)
    weights = _draw(pictures, known["picture_id"].tolist(), params)
    of_both = np.stack([bad, 1 - bad])
    return Quality(
        roles=_confusion(as_roles, [role for role in HEADS if role in roles.values()]),
        classes=_confusion(heads, list(roles)),
        sensitivity=_rate(right, bad, weights),
        specificity=_rate(right, 1 - bad, weights),
        accuracy=_rate(right, np.ones_like(right), weights),
        balanced_accuracy=_over_pictures(MeanShare(right * of_both, of_both), weights),
    )


def _rows(pair: Pair, roles: Mapping[str, Role], iou: float) -> list[tuple[object, ...]]:
    true, said = ([one for one in p.instances if roles.get(one.class_name) in HEADS] for p in pair)
    matches, where = match_heads(true, said, iou), pair[0].picture_id
    met = [
        (where, true[i].class_name, said[j].class_name, said[j].score, overlap)
        for i, j, overlap in matches.pairs
    ]
    missed = [(where, true[i].class_name, MISSED, None, None) for i in matches.missed]
    extra = [(where, SPURIOUS, said[j].class_name, said[j].score, None) for j in matches.spurious]
    return [*met, *missed, *extra]


def _confusion(heads: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    counted = Counter(zip(heads["truth"], heads["found"], strict=True))
    rows, columns = [*names, SPURIOUS], [*names, MISSED]
    cells = [[counted[row, column] for column in columns] for row in rows]
    return pd.DataFrame(cells, pd.Index(rows, name="truth"), pd.Index(columns, name="found"))


def _draw(
    pictures: Sequence[str], of_head: list[str], params: EvaluateParams
) -> Float64[ndarray, "round head"] | None:
    if len(set(pictures)) < 2:
        return None  # nothing can be drawn
    drawn = draw_patients(pictures, params.bootstrap, np.random.default_rng(params.seed))
    place = {picture: i for i, picture in enumerate(pictures)}
    return drawn[:, np.array([place[picture] for picture in of_head], dtype=np.int64)]


def _rate(
    right: Float64[ndarray, " head"],
    counted: Float64[ndarray, " head"],
    weights: Float64[ndarray, "round head"] | None,
) -> Rate:
    hits = right * counted
    return Rate(
        wilson=_wilson(int(hits.sum()), int(counted.sum())),
        pictures=_over_pictures(MeanShare(hits[None], counted[None]), weights),
    )


def _wilson(hits: int, counted: int) -> Interval:
    if not counted:
        return Interval(np.nan, np.nan, np.nan)
    limits = binomtest(hits, counted).proportion_ci(COVERAGE, method="wilson")
    return Interval(hits / counted, float(limits.low), float(limits.high))


def _over_pictures(score: MeanShare, weights: Float64[ndarray, "round head"] | None) -> Interval:
    """Rounds that drew nothing that counts say nothing of the limits."""
    drawn = np.array([]) if weights is None else score.resampled(weights)
    drawn = drawn[~np.isnan(drawn)]
    return (
        percentiles(score.value(), drawn) if len(drawn) else Interval(score.value(), np.nan, np.nan)
    )
