from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rostfine.errors import InputError, TableError
from rostfine.evaluation.comparison import BETTER, UNDECIDED
from rostfine.evaluation.tables import ZERO_R
from rostfine.schemas import write_table
from rostfine.visem.compare import Comparison, compare, flatten
from rostfine.visem.metrics import ALL, PARTICIPANT, STACK
from rostfine.visem.params import CompareParams
from rostfine.visem.tables import MORPHOLOGY_COLUMNS, MOTILITY_COLUMNS, PARTICIPANTS
from rostfine.visem.targets import TARGETS

COUNT, STACKS = 30, 6
SKILL = {"I1": 0.0, "I4": 0.8}
PARAMS = CompareParams(bootstrap=300, seed=3)
MAE = (PARTICIPANT, "mae", ALL)


def make_workspace(folder: Path, *, skill: Mapping[str, float] = SKILL) -> Path:
    """Write participants, and predictions that lie so far from their mean towards the truth."""
    rng = np.random.default_rng(1)
    ids = [f"{i + 1}" for i in range(COUNT)]
    table = pd.DataFrame({"participant_id": ids, "video": [f"{one}.avi" for one in ids]})
    table["fold"] = np.arange(COUNT) % 3
    table[list(MOTILITY_COLUMNS)] = 100 * rng.dirichlet([2, 2, 2], COUNT)
    table[list(MORPHOLOGY_COLUMNS)] = rng.normal([95, 24, 15], [2, 8, 5], (COUNT, 3)).clip(0, 100)
    table.loc[0, "tail_pct"] = 0.0
    table.loc[4, "head_pct"] = np.nan
    write_table(folder / "visem/participants.parquet", table, PARTICIPANTS)
    for target, columns in TARGETS.items():
        for name, share in skill.items():
            true = table[list(columns)]
            centres = true.mean() + share * (true - true.mean())
            rows = table[["participant_id", "fold"]].join(centres.fillna(true.mean()))
            rows = rows.loc[rows.index.repeat(STACKS)].assign(stack=list(range(STACKS)) * COUNT)
            rows[list(columns)] += rng.normal(0, 3, (len(rows), 3))
            path = folder / f"visem/runs/{name}_{target}/predictions.parquet"
            path.parent.mkdir(parents=True)
            rows.to_parquet(path, index=False)
    return folder


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return compare(make_workspace(tmp_path_factory.mktemp("semen")), PARAMS)


def test_an_input_that_knows_something_is_better_than_zero_r_and_one_that_does_not_is_undecided(
    comparison,
):
    wanted = {"target": "motility", "other": ZERO_R, "level": PARTICIPANT, "metric": "mae"}
    rows = comparison.differences[comparison.differences["output"] == ALL]
    rows = rows[(rows[list(wanted)] == list(wanted.values())).all(axis=1)]
    verdicts = dict(zip(rows["input"], rows["verdict"], strict=True))
    assert verdicts == {"I1": UNDECIDED, "I4": BETTER}


def test_a_difference_is_that_of_two_errors_and_paired_it_is_surer_than_they_are(comparison):
    one, other = (comparison.metric("motility", name, MAE) for name in ("I1", ZERO_R))
    gap = comparison.difference("motility", "I1", ZERO_R, MAE)
    assert gap.mean == pytest.approx(one.mean - other.mean)
    assert gap.low < gap.mean < gap.high
    assert gap.high - gap.low < (one.high - one.low) / 2


def test_who_is_not_reported_is_left_out_of_that_target_only(comparison):
    counts = comparison.folds[comparison.folds["input"] == "I4"].groupby("target")
    assert counts["participants"].sum().to_dict() == {"motility": COUNT, "morphology": COUNT - 1}
    assert counts["stacks"].sum()["morphology"] == (COUNT - 1) * STACKS
    assert "morphology: not reported, participants left out: 5" in comparison.notices
    assert "tail defects: MAPE leaves out 1 measured as 0" in comparison.notices
    assert "I2_motility: no predictions" in comparison.notices


def test_who_was_not_predicted_from_one_input_is_left_out_of_all(tmp_path):
    workspace = make_workspace(tmp_path)
    path = workspace / "visem/runs/I4_motility/predictions.parquet"
    rows = pd.read_parquet(path)
    rows[rows["participant_id"] != "9"].to_parquet(path)
    found = compare(workspace, PARAMS)
    assert "motility: not predicted from I4, participants left out: 9" in found.notices
    sizes = {len(outcome.participant_ids) for outcome in found.outcomes["motility"].values()}
    assert sizes == {COUNT - 1}


def test_predictions_of_other_folds_are_refused_by_name(tmp_path):
    workspace = make_workspace(tmp_path)
    table = pd.read_parquet(workspace / "visem/participants.parquet")
    table.loc[7, "fold"] = (table.loc[7, "fold"] + 1) % 3
    table.to_parquet(workspace / "visem/participants.parquet")
    with pytest.raises(TableError, match=r"I1_motility/predictions.parquet: 1 participants.*: 8;"):
        compare(workspace, PARAMS)


def test_without_any_predictions_there_is_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="no predictions of any input; run visem_regress first"):
        compare(make_workspace(tmp_path, skill={}), PARAMS)


def test_flat_numbers_hold_errors_and_their_spread_over_folds(comparison):
    numbers = flatten(comparison)
    folds = comparison.folds.groupby(["target", "input"])["mae"].get_group(("motility", "I4"))
    spread = numbers["motility.I4.stack_mae.fold_spread"]
    assert spread == pytest.approx(folds.max() - folds.min())
    assert numbers["motility.I4.stack_mae.value"] == pytest.approx(folds.mean())
    mape = comparison.metric("morphology", ZERO_R, (PARTICIPANT, "mape", ALL))
    assert numbers[f"morphology.{ZERO_R}.participant_mape.high"] == mape.high


def test_the_same_seed_gives_the_same_intervals(comparison, tmp_path):
    again = compare(make_workspace(tmp_path), PARAMS)
    pd.testing.assert_frame_equal(again.metrics, comparison.metrics)
    assert again.metric("motility", "I4", (STACK, "mae", ALL)).low > 0
