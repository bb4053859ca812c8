import pandas as pd
import pytest

from rostfine.errors import TableError
from rostfine.evaluation.ranks import average_ranks

METRICS = {"emd": "EMD", "hi": "HI"}
TABLE = pd.DataFrame(
    [
        ("R", "mse", 0.3, 0.80),
        ("R", "ce", 0.5, 0.70),
        ("S", "mse", 0.2, 0.80),
        ("S", "ce", 0.4, 0.60),
        ("T", "mse", 0.1, 0.90),
        ("T", "ce", 0.6, 0.75),
    ],
    columns=["backbone", "loss", "emd", "hi"],
)


def test_backbones_are_ranked_within_each_loss_ties_by_their_mean_rank() -> None:
    found = average_ranks(TABLE, METRICS, of="backbone", within="loss", smaller_is_better={"emd"})
    # EMD: mse R3 S2 T1, ce R2 S1 T3. HI: mse R2.5 S2.5 T1, ce R2 S3 T1.
    assert found.loc["EMD"].to_dict() == {"R": 2.5, "S": 1.5, "T": 2.0}
    assert found.loc["HI"].to_dict() == {"R": 2.25, "S": 2.75, "T": 1.0}
    assert found.loc["Average"].to_dict() == {"R": 2.375, "S": 2.125, "T": 1.5}
    assert found.sum(axis=1).tolist() == [6, 6, 6]


def test_losses_are_ranked_within_each_backbone() -> None:
    found = average_ranks(TABLE, METRICS, of="loss", within="backbone", smaller_is_better={"emd"})
    assert found.loc["EMD"].to_dict() == {"mse": 1.0, "ce": 2.0}
    assert found.columns.to_list() == ["mse", "ce"]


def test_the_average_of_the_seven_printed_ranks_of_resnet_is_the_printed_one() -> None:
    # Table 2 of the EMD paper, made of four losses each of which ranks four backbones.
    printed = pd.DataFrame(
        {"ResNet": [2.5, 2.5, 4, 4, 3, 3, 3.25], "T": [1.5, 1.5, 1, 1, 1.5, 1, 1]}
    )
    assert printed.mean().round(2).tolist() == [3.18, 1.21]


def test_a_missing_a_doubled_and_an_empty_cell_are_named() -> None:
    def rank(table: pd.DataFrame) -> pd.DataFrame:
        return average_ranks(table, METRICS, of="backbone", within="loss", smaller_is_better=())

    with pytest.raises(TableError, match=r"one row for loss, backbone = \('ce', 'T'\), got 0"):
        rank(TABLE[:5])
    with pytest.raises(TableError, match=r"got 2"):
        rank(pd.concat([TABLE, TABLE[:1]]))
    with pytest.raises(TableError, match=r"no value of some metric for .* \('mse', 'R'\)"):
        rank(TABLE.assign(hi=TABLE["hi"].mask(TABLE["hi"] == 0.80)))
