from collections import Counter

import numpy as np
import pandas as pd
import pytest

from rostfine.errors import FoldError
from rostfine.visem.folds import make_participant_folds
from rostfine.visem.params import FoldsParams
from rostfine.visem.targets import TARGETS
from rostfine.visem.zero_r import zero_r_mae

EVERYONE = [str(number) for number in range(1, 86)]


def drawn(k: int, seed: int) -> FoldsParams:
    return FoldsParams(method="random", file=None, k=k, seed=seed)


@pytest.mark.parametrize(("k", "sizes"), [(3, [28, 28, 29]), (4, [21, 21, 21, 22])])
def test_85_participants_are_split_as_evenly_as_can_be(tmp_path, k, sizes):
    folds = make_participant_folds(EVERYONE, drawn(k, 1), base=tmp_path)
    assert sorted(folds) == sorted(EVERYONE)
    assert sorted(Counter(folds.values()).values()) == sizes
    assert set(folds.values()) == set(range(k))


def test_a_seed_gives_one_list_whatever_the_order_of_rows(tmp_path):
    folds = make_participant_folds(EVERYONE, drawn(3, 1), base=tmp_path)
    assert make_participant_folds(EVERYONE[::-1], drawn(3, 1), base=tmp_path) == folds
    assert make_participant_folds(EVERYONE, drawn(3, 2), base=tmp_path) != folds


def test_the_list_of_seed_7_is_frozen(tmp_path):
    folds = make_participant_folds([*EVERYONE[:7], "x"], drawn(3, 7), base=tmp_path)
    assert folds == {"1": 0, "2": 2, "3": 1, "4": 2, "5": 1, "6": 1, "7": 0, "x": 0}


def test_more_folds_than_participants_and_a_doubled_one_are_refused(tmp_path):
    with pytest.raises(FoldError, match=r"folds.k: wanted .* participants \(2\), got 3"):
        make_participant_folds(["1", "2"], drawn(3, 1), base=tmp_path)
    with pytest.raises(FoldError, match="participant 2: wanted once, got twice"):
        make_participant_folds(["1", "2", "2"], drawn(3, 1), base=tmp_path)


def from_file(tmp_path, text, **options):
    (tmp_path / "folds.csv").write_text("participant_id,fold\n" + text)
    params = FoldsParams(method="file", file="folds.csv", k=2, seed=0)
    return make_participant_folds(["1", "2", "3"], params, base=tmp_path, **options)


def test_folds_of_a_file_are_taken_as_they_are(tmp_path):
    assert from_file(tmp_path, "2,1\n1,0\n3,0\n") == {"1": 0, "2": 1, "3": 0}
    assert from_file(tmp_path, "2,1\n1,0\n3,0\n4,1\n", left_out={"4"}) == {"1": 0, "2": 1, "3": 0}


def test_every_fault_of_a_file_of_folds_is_a_line(tmp_path):
    with pytest.raises(FoldError) as raised:
        from_file(tmp_path, "1,0\n1,1\n9,0\n2,2\n")
    path = tmp_path / "folds.csv"
    assert raised.value.faults == [
        f"{path}: row 3, column participant_id: wanted each once, got '1' again",
        f"{path}: row 4, column participant_id: wanted a participant, got '9'",
        f"{path}: row 5, column fold: wanted 0 to 1, got 2",
        f"{path}: wanted a fold for participant '3', got none",
        f"{path}: wanted participants in fold 1, got none",
    ]


def test_a_file_of_folds_that_is_no_such_table_is_refused(tmp_path):
    with pytest.raises(FoldError, match="row 2, column fold: wanted a whole number, got 'one'"):
        from_file(tmp_path, "1,one\n")


def motility(*rows):
    return pd.DataFrame(
        [{"participant_id": str(i), **dict(zip(TARGETS["motility"], row, strict=True))}
         for i, row in enumerate(rows)]
    )  # fmt: skip


def test_zero_r_predicts_the_training_mean_and_folds_count_alike():
    table = motility((10, 20, 70), (20, 20, 60), (30, 20, 50), (60, 20, 20))
    # Of fold 0 the mean of the rest is 110/3, 20, 130/3; of fold 1 it is 10, 20, 70.
    folds = {"0": 0, "1": 1, "2": 1, "3": 1}
    fold_0 = (110 / 3 - 10 + 70 - 130 / 3) / 3
    fold_1 = (10 + 20 + 50) * 2 / 9
    assert zero_r_mae(table, "motility", folds) == pytest.approx((fold_0 + fold_1) / 2)


def test_zero_r_leaves_out_who_has_no_target_or_no_fold():
    rows = [(10, 20, 70), (20, 20, 60)]
    folds = {"0": 0, "1": 1, "2": 1}
    with_more = motility(*rows, (np.nan,) * 3, (90, 5, 5))
    assert zero_r_mae(with_more, "motility", folds) == zero_r_mae(
        motility(*rows), "motility", folds
    )
    with pytest.raises(
        FoldError, match="motility: wanted participants in two folds or more, got 1"
    ):
        zero_r_mae(motility(*rows), "motility", {"0": 0, "1": 0})
