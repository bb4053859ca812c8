"""The published tables, with stand-ins for the videos: what the folds of participants give."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rostfine.visem.dataset import Dataset, read_dataset
from rostfine.visem.folds import make_participant_folds
from rostfine.visem.params import FoldsParams
from rostfine.visem.targets import ALL_TARGETS, TARGETS
from rostfine.visem.zero_r import zero_r_mae

pytestmark = pytest.mark.data

SPLITS = 1000
NEAR_PCT = (0.01, 0.02, 0.08)
"""Of median, 2.5 % and 97.5 %: three standard deviations of what this many splits can tell.

Of 60,000 splits they are 12.917, 12.773 and 13.376, and 5.949, 5.883 and 6.104.
"""


@pytest.fixture(scope="module")
def dataset(real_data, tmp_path_factory) -> Dataset:
    tables = sorted((real_data / "semen").glob("*.csv"))
    if not tables:
        pytest.skip(f"no tables in {real_data / 'semen'}")
    folder = tmp_path_factory.mktemp("semen")
    for table in tables:
        shutil.copy(table, folder)
    for number in range(1, 86):
        Path(folder, f"{number}_09.09.02_SSW.avi").touch()
    return read_dataset(folder)


@pytest.fixture(scope="module")
def participants(dataset) -> pd.DataFrame:
    return dataset.participants


def test_all_85_participants_are_usable_and_nothing_is_wrong(dataset):
    assert dataset.faults == ()
    assert len(dataset.participants) == 85
    assert dataset.rows["semen_analysis_data.csv"] == 85


def test_motility_sums_to_100_and_means_and_sds_are_those_known(participants):
    sums = participants[list(TARGETS["motility"])].sum(axis=1)
    assert (sums == 100).all()
    values = participants[list(ALL_TARGETS)].to_numpy()
    means, sds = values.mean(axis=0), values.std(axis=0)
    np.testing.assert_allclose(means, [42.67, 27.68, 29.65, 95.72, 23.76, 15.06], atol=0.005)
    np.testing.assert_allclose(sds, [20.06, 9.48, 17.75, 2.86, 9.96, 9.26], atol=0.005)


@pytest.fixture(scope="module")
def splits(participants) -> list[dict[str, int]]:
    ids = participants["participant_id"].tolist()
    return [
        make_participant_folds(ids, FoldsParams("random", None, 3, seed), base=Path())
        for seed in range(SPLITS)
    ]


@pytest.mark.parametrize(
    ("target", "known"), [("motility", (12.92, 12.78, 13.39)), ("morphology", (5.95, 5.88, 6.11))]
)
def test_zero_r_over_random_folds_is_where_it_is_known_to_be(participants, splits, target, known):
    errors = [zero_r_mae(participants, target, folds) for folds in splits]
    found = np.quantile(errors, [0.5, 0.025, 0.975])
    assert (np.abs(found - known) <= NEAR_PCT).all(), found
