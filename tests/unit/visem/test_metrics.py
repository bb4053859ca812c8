import numpy as np
import pandas as pd
import pytest

from rostfine.errors import FoldError
from rostfine.visem.metrics import (
    ALL,
    AgreementLimit,
    Outcome,
    as_published,
    by_participant,
    gather,
    zero_r_predictions,
    zeros,
)
from rostfine.visem.tables import MORPHOLOGY_COLUMNS, MOTILITY_COLUMNS
from rostfine.visem.zero_r import zero_r_mae

FIRST = MOTILITY_COLUMNS[0]


def make_participants(motility: list[list[float]], folds: list[int]) -> pd.DataFrame:
    table = pd.DataFrame({"participant_id": [f"P{i}" for i in range(len(folds))], "fold": folds})
    return table.assign(**dict(zip(MOTILITY_COLUMNS, np.transpose(motility), strict=True)))


def make_outcome() -> Outcome:
    """P0 has two stacks, off by +10 and -10; P1 has one, off by +4; P2 is measured as 0."""
    participants = make_participants([[50.0] * 3, [20.0] * 3, [0.0] * 3], [0, 0, 1])
    rows = [("P2", 0, 1, 2.0), ("P0", 0, 0, 60.0), ("P0", 1, 0, 40.0), ("P1", 0, 0, 24.0)]
    predictions = pd.DataFrame(rows, columns=["participant_id", "stack", "fold", FIRST])
    same = {column: predictions[FIRST] for column in MOTILITY_COLUMNS}
    return gather(predictions.assign(**same), participants, "motility")


def test_the_published_error_counts_stacks_and_averages_folds():
    assert as_published(make_outcome()).value() == pytest.approx(((10 + 10 + 4) / 3 + 2) / 2)


def test_a_round_that_draws_no_one_of_a_fold_averages_the_other():
    drawn = as_published(make_outcome()).resampled(np.array([[2.0, 1, 0], [0, 1, 1]]))
    assert drawn == pytest.approx([(2 * 20 + 4) / 5, (4 + 2) / 2])


def test_by_participant_stacks_are_averaged_before_the_error_is_taken():
    found = by_participant(make_outcome(), "motility")
    assert found[("mae", ALL)].value() == pytest.approx((0 + 4 + 2) / 3)
    assert found[("rmse", FIRST)].value() == pytest.approx(np.sqrt((0 + 16 + 4) / 3))
    assert found[("bias", FIRST)].value() == pytest.approx(2)


def test_mape_leaves_out_what_was_measured_as_0_and_it_is_counted():
    outcome = make_outcome()
    assert by_participant(outcome, "motility")[("mape", ALL)].value() == pytest.approx(10)
    assert zeros(outcome, "motility") == {ALL: 3, **dict.fromkeys(MOTILITY_COLUMNS, 1)}


def test_limits_of_agreement_are_1_96_standard_deviations_from_the_bias():
    off = np.array([1.0, -2, 4, 7])
    found = by_participant(make_outcome(), "motility")
    assert found[("agreement_low", FIRST)].value() == pytest.approx(2 - 1.96 * 2)
    assert found[("agreement_high", FIRST)].value() == pytest.approx(2 + 1.96 * 2)
    twice = AgreementLimit(off, 1.96).resampled(np.array([[2.0, 0, 1, 1]]))[0]
    drawn = off[[0, 0, 2, 3]]
    assert twice == pytest.approx(drawn.mean() + 1.96 * drawn.std(ddof=1))


def test_zero_r_predicts_the_mean_of_the_other_folds_and_agrees_with_its_own_error():
    rng = np.random.default_rng(0)
    folds = [0, 1, 2] * 5
    participants = make_participants(rng.dirichlet([2, 2, 2], 15).tolist(), folds)
    predictions = zero_r_predictions(participants, "motility")
    others = participants.loc[participants["fold"] != 0, FIRST].mean()
    assert predictions[FIRST][0] == pytest.approx(others)
    by_name = dict(zip(participants["participant_id"], folds, strict=True))
    mae = as_published(gather(predictions, participants, "motility")).value()
    assert mae == pytest.approx(zero_r_mae(participants, "motility", by_name))


def test_zero_r_leaves_out_who_is_not_reported_and_wants_two_folds():
    table = make_participants([[1.0] * 3, [2.0] * 3, [3.0] * 3], [0, 1, 1])
    table = table.assign(**dict.fromkeys(MORPHOLOGY_COLUMNS, [np.nan, 10.0, 20.0]))
    assert len(zero_r_predictions(table, "motility")) == 3
    with pytest.raises(FoldError, match="wanted at least two folds, got 1"):
        zero_r_predictions(table, "morphology")
