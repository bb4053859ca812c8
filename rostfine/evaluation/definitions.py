"""Every metric of the tables: what it is called, which way is better, how it is made.

`docs/metrics.md` defines each in words.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from rostfine.evaluation.calibration import mode_calibration, vote_calibration
from rostfine.evaluation.scores import MacroF1, MacroMean, MacroQuantile, Statistic, macro_mean
from rostfine.evaluation.scores import plain_mean as plain
from rostfine.metrics import METRICS, grade_error, grades_by_share, hi
from rostfine.schemas import GRADES

RANKS: Final = tuple(range(1, len(GRADES) + 1))
TOPS: Final = (25, 50, 75)
_ORDINALS: Final = dict(zip(RANKS, ("1st", "2nd", "3rd", "4th", "5th"), strict=True))

DISTANCES: Final[Mapping[str, str]] = {
    "mse": "MSE",
    "js": "JS",
    "emd": "EMD",
    "ce": "CE",
    "grade_error": "Grade error",
}
CALIBRATION: Final[Mapping[str, str]] = {"ece": "ECE of mode", "vote_ece": "ECE of votes"}
AGREEMENTS: Final[Mapping[str, str]] = {
    "hi": "HI",
    "macro_hi": "Macro HI",
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
}
SEGMENTS: Final[Mapping[str, str]] = {
    **{f"hi_top{top}": f"Top{top}% HI" for top in TOPS},
    **{f"macro_hi_top{top}": f"Top{top}% Macro HI" for top in TOPS},
}
BALANCED: Final[Mapping[str, str]] = {
    **{f"bacc_{rank}": f"BAcc {_ORDINALS[rank]}" for rank in RANKS},
    "bacc_mean": "BAcc mean",
}
PUBLISHED_ORDER: Final[Mapping[str, str]] = {
    f"published_{metric}": f"published {name}" for metric, name in BALANCED.items()
}

GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "Distance from the experts, smaller is better": DISTANCES,
    "Agreement with the experts, larger is better": AGREEMENTS,
    "Balanced accuracy of the grade chosen most (1st), second most and so on, "
    "larger is better": BALANCED,
    "Calibration of the most probable grade, smaller is better": CALIBRATION,
    "Histogram intersection that the best 25, 50 and 75 % of clips reach, "
    "larger is better": SEGMENTS,
    "Balanced accuracy in the published order (1st is the grade chosen least), "
    "larger is better": PUBLISHED_ORDER,
}
"""What a table is headed with, and what stands in it; the main ones first."""

METRIC_NAMES: Final[Mapping[str, str]] = {
    metric: name for group in GROUPS.values() for metric, name in group.items()
}
"""Every metric in the order of the tables, and as people write it."""

MAIN_METRICS: Final = (*DISTANCES, *AGREEMENTS, *CALIBRATION, "bacc_mean")

SMALLER_IS_BETTER: Final = frozenset({*DISTANCES, *CALIBRATION})


def compute_scores(
    predicted: Float[ndarray, "sample grade"], true: Float[ndarray, "sample grade"]
) -> dict[str, Statistic]:
    """Return every metric of METRIC_NAMES."""
    guess, mode = grades_by_share(predicted)[:, 0], grades_by_share(true)[:, 0]
    found: dict[str, Statistic] = {
        **{name: plain(metric(predicted, true)) for name, metric in METRICS.items()},
        "grade_error": plain(grade_error(predicted, true)),
        "ece": mode_calibration(predicted, true),
        "vote_ece": vote_calibration(predicted, true),
        "accuracy": plain(guess == mode),
        "macro_f1": MacroF1(guess, mode),
        **_intersections(hi(predicted, true), mode),
        **_balanced(predicted, true, ""),
        # Ascending is descending by the negative: of equals the better grade is first in both.
        **_balanced(-predicted, -true, "published_"),
    }
    return {name: found[name] for name in METRIC_NAMES}


def _intersections(
    shared: Float[ndarray, " sample"], mode: Int[ndarray, " sample"]
) -> dict[str, Statistic]:
    """HI, its mean over modal grades, and what its best 25, 50 and 75 % reach at least."""
    nowhere = np.zeros_like(mode)
    return {
        "hi": plain(shared),
        "macro_hi": macro_mean(shared, mode),
        **{f"hi_top{top}": MacroQuantile(shared, nowhere, 1 - top / 100) for top in TOPS},
        **{f"macro_hi_top{top}": MacroQuantile(shared, mode, 1 - top / 100) for top in TOPS},
    }


def _balanced(
    predicted: Float[ndarray, "sample grade"], true: Float[ndarray, "sample grade"], prefix: str
) -> dict[str, Statistic]:
    guess, truth = grades_by_share(predicted).T, grades_by_share(true).T
    hits = guess == truth
    ranked = {f"{prefix}bacc_{rank}": macro_mean(hits[rank - 1], truth[rank - 1]) for rank in RANKS}
    return {**ranked, f"{prefix}bacc_mean": MacroMean(hits.astype(np.float64), truth)}
