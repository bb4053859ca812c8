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
    yield _changes(labels, before, params)
    drift = float(emd(_mean_label(labels), _mean_label(before))[0])
    yield _at_most("drift of labels", drift, params.label_drift, "EMD between the mean labels is")


def check_images(
    images: pd.DataFrame, before: pd.DataFrame | None, params: GateParams
) -> Iterator[Check]:
    """Hold the pictures of new patients against those that the champion learnt from.

    Clips of one patient are alike, so means of patients are compared: the difference of the two
    groups' means, in standard deviations of the champion's patients.
    """
    if before is None:
        return
    old = _by_patient(before)
    new = _by_patient(images[~images["patient_id"].isin(set(before["patient_id"]))])
    if len(old) < 2 or new.empty:
        return
    for name in STATISTICS:
        drift = float(abs(new[name].mean() - old[name].mean()) / max(old[name].std(), 1e-6))
        words = f"{name} of {len(new)} new patients is off by"
        yield _at_most(f"drift of {name}", drift, params.image_drift, words, unit=" sd")


def _changes(labels: pd.DataFrame, before: pd.DataFrame, params: GateParams) -> Check:
    """Compare labels clip by clip: those turned round may have the mean and the agreement kept."""
    both = labels.merge(before, on="sample_id", suffixes=("", "_before"))
    now = both[list(GRADE_COLUMNS)].to_numpy(np.float64)
    then = both[[f"{name}_before" for name in GRADE_COLUMNS]].to_numpy(np.float64)
    change = float(emd(now, then).mean()) if len(both) else 0.0
    words = f"EMD between the labels then and now of {len(both)} clips is"
    return _at_most("change of labels", change, params.label_change, words)


def _by_patient(images: pd.DataFrame) -> pd.DataFrame:
    return images.groupby("patient_id")[list(STATISTICS)].mean()


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
