"""The gate's checks on predictions and labels whose answer is known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rostfine.evaluation.tables import Truth
from rostfine.gate.checks import check_images, check_labels, check_models
from rostfine.gate.decision import Check
from rostfine.params import load_params
from rostfine.schemas import GRADE_COLUMNS

ROOT = Path(__file__).parents[3]
PARAMS = load_params(ROOT / "params.yaml").gate


def truth(clips: int = 120, patients: int = 20) -> Truth:
    rng = np.random.default_rng(3)
    labels = rng.dirichlet(np.full(5, 0.4), clips)
    names = tuple(f"P{row % patients:02}" for row in range(clips))
    folds = np.arange(clips) % patients % 5
    return Truth(tuple(f"S{row:03}" for row in range(clips)), labels, folds, names)


def off(known: Truth, share: float) -> np.ndarray:
    """Predict the truth, with so much of each distribution replaced by the mean one."""
    mean = known.labels.mean(axis=0, keepdims=True)
    return (1 - share) * known.labels + share * mean


def failed(checks: object) -> list[str]:
    return [check.name for check in checks if not check.passed]  # type: ignore[attr-defined]


def by_name(checks: object) -> dict[str, Check]:
    return {check.name: check for check in checks}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("challenger", "champion", "wanted"),
    [
        (0.2, 0.3, []),
        (0.3, 0.3, []),
        (0.6, 0.3, ["not worse than the champion", "HI of each grade"]),
        (1.2, None, ["beats ZeroR"]),
        (0.6, None, []),
    ],
)
def test_a_challenger_passes_if_it_is_better_or_as_good_and_beats_zero_r(
    challenger: float, champion: float | None, wanted: list[str]
) -> None:
    known = truth()
    old = None if champion is None else off(known, champion)
    assert failed(check_models(off(known, challenger), old, known, PARAMS)) == wanted


def test_a_challenger_a_little_worse_passes_by_the_margin_and_not_without() -> None:
    known = truth()
    models = off(known, 0.32), off(known, 0.30)
    name = "not worse than the champion"
    loose = by_name(check_models(*models, known, PARAMS))[name]
    strict = by_name(check_models(*models, known, replace(PARAMS, margin=0.0)))[name]
    assert (loose.passed, strict.passed) == (True, False)
    assert loose.value == strict.value > 0


def test_few_patients_make_the_interval_wide_and_the_gate_careful() -> None:
    """The same clips of the same models, but drawn as 3 patients instead of 40."""
    rng = np.random.default_rng(5)
    many, few = truth(patients=40), truth(patients=3)
    old = off(many, 0.3)
    hurt = rng.random(3)[np.arange(120) % 3, None]
    new = off(many, 0.2) * (1 - 0.3 * hurt) + 0.06 * hurt
    name = "not worse than the champion"
    of_many = by_name(check_models(new, old, many, PARAMS))[name]
    of_few = by_name(check_models(new, old, few, PARAMS))[name]
    assert of_few.value > of_many.value


def test_one_grade_that_falls_behind_is_enough_to_refuse() -> None:
    known = truth()
    old = off(known, 0.3)
    new = off(known, 0.1)
    of_e = known.labels.argmax(axis=1) == 4
    new[of_e] = 0.5 * old[of_e] + 0.5 * np.eye(5)[0]
    check = by_name(check_models(new, old, known, PARAMS))["HI of each grade"]
    assert not check.passed
    assert "HI of grade E changed by -0.3" in check.says
    rare = replace(PARAMS, grade_clips=int(of_e.sum()) + 1)
    assert by_name(check_models(new, old, known, rare))["HI of each grade"].passed


def labels(distribution: list[float], *, n_votes: int = 10, agreement: float = 0.5) -> pd.DataFrame:
    table = pd.DataFrame([distribution] * 8, columns=list(GRADE_COLUMNS))
    ids = [f"S{row}" for row in range(len(table))]
    return table.assign(sample_id=ids, n_votes=n_votes, agreement=agreement)


EVEN = [0.2] * 5
ALL_E = [0.05, 0.05, 0.05, 0.05, 0.8]


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        (labels(EVEN), []),
        (labels(EVEN, n_votes=2), ["votes per clip"]),
        (labels(EVEN, agreement=0.35), ["agreement"]),
        (labels(EVEN, agreement=0.45), []),
        (labels(ALL_E), ["change of labels", "drift of labels"]),
    ],
)
def test_labels_that_lost_votes_agreement_or_their_distribution_are_refused(
    now: pd.DataFrame, wanted: list[str]
) -> None:
    assert failed(check_labels(now, labels(EVEN), PARAMS)) == wanted


def test_single_votes_agree_with_nobody_and_hide_no_fall() -> None:
    single = labels(EVEN, n_votes=1, agreement=1.0)
    before = pd.concat([labels(EVEN, agreement=0.5), single])
    check = by_name(check_labels(labels(EVEN, agreement=0.5), before, PARAMS))["agreement"]
    assert check.value == 0
    # Of labels that are all single votes nothing is known.
    assert "agreement" not in by_name(check_labels(labels(EVEN), single, PARAMS))


def test_the_first_model_is_held_against_votes_alone() -> None:
    assert [check.name for check in check_labels(labels(EVEN), None, PARAMS)] == ["votes per clip"]


def test_labels_turned_round_keep_mean_and_agreement_and_are_refused() -> None:
    before = labels(ALL_E)
    before.iloc[::2, :5] = ALL_E[::-1]
    turned = before.copy()
    turned[list(GRADE_COLUMNS)] = before[list(GRADE_COLUMNS)].to_numpy()[:, ::-1]
    assert failed(check_labels(turned, before, PARAMS)) == ["change of labels"]


def images(patients: str, brightness: float) -> pd.DataFrame:
    """Eight clips of each patient, alike but for a little noise."""
    rng = np.random.default_rng(len(patients))
    of_patient = rng.normal([brightness, 0.1, 0.02], [0.02, 0.01, 0.005], (len(patients), 3))
    values = np.repeat(of_patient, 8, axis=0) + rng.normal(0, 1e-4, (8 * len(patients), 3))
    table = pd.DataFrame(values, columns=["brightness", "contrast", "sharpness"])
    names = np.repeat(list(patients), 8)
    return table.assign(patient_id=names, sample_id=[f"S{row}" for row in range(len(names))])


def test_only_new_patients_are_held_against_the_old_pictures() -> None:
    before = images("abcdefgh", 0.5)
    darker = pd.concat([before, images("ijkl", 0.3)])
    found = by_name(check_images(darker, before, PARAMS))
    assert not found["drift of brightness"].passed
    assert "brightness of 4 new patients is off by" in found["drift of brightness"].says
    assert list(check_images(before, before, PARAMS)) == []


def test_a_new_patient_like_the_others_is_seldom_refused() -> None:
    before = images("abcdefgh", 0.5)
    rng = np.random.default_rng(0)
    old = before.groupby("patient_id")[["brightness", "contrast", "sharpness"]].mean()
    refused = 0
    for _ in range(100):
        one = rng.normal(old.mean(), old.std())
        new = pd.DataFrame([one] * 8, columns=old.columns).assign(patient_id="z", sample_id="Z")
        refused += bool(failed(check_images(pd.concat([before, new]), before, PARAMS)))
    assert refused <= 5
