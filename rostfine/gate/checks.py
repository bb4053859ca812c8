"""Each thing that the gate looks at, as a function of tables and numbers."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from rostfine.clips.images import STATISTICS
from rostfine.evaluation.scores import plain_mean
from rostfine.evaluation.statistics import Interval, draw_patients, interval
from rostfine.evaluation.tables import Truth, zero_r
from rostfine.gate.decision import Check
from rostfine.metrics import METRICS, emd, grades_by_share, hi
from rostfine.params import GateParams
from rostfine.schemas import GRADE_COLUMNS, GRADES

Predictions = Float[ndarray, "sample grade"]


def check_models(
    challenger: Predictions, champion: Predictions | None, truth: Truth, params: GateParams
) -> Iterator[Check]:
    """Compare predictions on the same clips, by draws of whole patients.

    Raises InputError if there are fewer than two patients.
    """
    weights = draw_patients(truth.patients, params.bootstrap, np.random.default_rng(params.seed))

    def difference(other: Predictions) -> Interval:
        metric = METRICS[params.metric]
        gap = metric(challenger, truth.labels) - metric(other, truth.labels)
        return interval(plain_mean(gap), weights)

    if params.beat_zero_r:
        yield _beats_zero_r(difference(zero_r(truth.labels, truth.folds)), params)
    if champion is not None:
        yield _not_worse(difference(champion), params)
        yield _keeps_grades(challenger, champion, truth, params)


def check_labels(
    labels: pd.DataFrame, before: pd.DataFrame | None, params: GateParams
) -> Iterator[Check]:
    """Look at labels, and at what changed since those `before`, that the champion learnt."""
    votes = float(labels["n_votes"].mean())
    yield Check(
        "votes per clip",
        votes >= params.votes_per_clip,
        votes,
        params.votes_per_clip,
        f"{votes:.1f} votes per clip, wanted {params.votes_per_clip:g} at least",
    )
    if before is None:
        return
    fall = _agreement(before) - _agreement(labels)
    if not np.isnan(fall):
        yield _falls("agreement", fall, params.agreement_fall, "agreement of experts")
    drift = float(emd(_mean_label(labels), _mean_label(before))[0])
    yield _at_most("drift of labels", drift, params.label_drift, "EMD between the mean labels is")


def check_images(
    images: pd.DataFrame, before: pd.DataFrame | None, params: GateParams
) -> Iterator[Check]:
    """Hold the pictures of new clips against those that the champion learnt from.

    The difference of means is in standard deviations of the champion's clips.
    """
    if before is None or before.empty:
        return
    new = images[~images["sample_id"].isin(set(before["sample_id"]))]
    for name in STATISTICS if len(new) else ():
        spread = float(before[name].std(ddof=0)) or 1e-6
        drift = float(abs(new[name].mean() - before[name].mean())) / spread
        words = f"{name} of {len(new)} new clips is off by"
        yield _at_most(f"drift of {name}", drift, params.image_drift, words, unit=" sd")


def _agreement(labels: pd.DataFrame) -> float:
    """Return the mean share of pairs of experts who agree; NaN if no clip has two votes."""
    return float(labels.loc[labels["n_votes"] > 1, "agreement"].mean())


def _mean_label(labels: pd.DataFrame) -> Predictions:
    return np.asarray(labels[list(GRADE_COLUMNS)].mean(), dtype=np.float64)[None]


def _beats_zero_r(gap: Interval, params: GateParams) -> Check:
    says = f"{params.metric} minus ZeroR's {_words(gap)}, wanted below 0"
    return Check("beats ZeroR", gap.high < 0, gap.high, 0.0, says)


def _not_worse(gap: Interval, params: GateParams) -> Check:
    says = f"{params.metric} minus the champion's {_words(gap)}, wanted below {params.margin:g}"
    return Check(
        "not worse than the champion", gap.high < params.margin, gap.high, params.margin, says
    )


def _keeps_grades(
    challenger: Predictions, champion: Predictions, truth: Truth, params: GateParams
) -> Check:
    """Compare the mean histogram intersection of the clips whose mode is each grade."""
    mode = grades_by_share(truth.labels)[:, 0]
    gained = hi(challenger, truth.labels) - hi(champion, truth.labels)
    falls = {
        grade: -float(gained[mode == number].mean())
        for number, grade in enumerate(GRADES)
        if (mode == number).sum() >= params.grade_clips
    }
    worst = max(falls, key=falls.__getitem__, default="")
    fall = falls.get(worst, 0.0)
    return _falls("HI of each grade", fall, params.grade_hi_fall, f"HI of grade {worst or '-'}")


def _falls(name: str, fall: float, limit: float, what: str) -> Check:
    says = f"{what} changed by {-fall:+.3f}, wanted {-limit:g} at least"
    return Check(name, fall <= limit, fall, limit, says)


def _at_most(name: str, value: float, limit: float, words: str, *, unit: str = "") -> Check:
    says = f"{words} {value:.3f}{unit}, wanted {limit:g}{unit} at most"
    return Check(name, value <= limit, value, limit, says)


def _words(gap: Interval) -> str:
    return f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"
