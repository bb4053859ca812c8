"""What the paper says of its four inputs, on samples of which all is known."""

import contextlib
import dataclasses

import pytest

from rostfine.schemas import write_table
from rostfine.simulate.semen import SemenSettings, simulate_semen
from rostfine.visem.compare import compare
from rostfine.visem.frames import WHO, update_frames
from rostfine.visem.metrics import ALL, PARTICIPANT
from rostfine.visem.params import CompareParams, load_visem_params
from rostfine.visem.participants import list_participants
from rostfine.visem.tables import PARTICIPANTS
from rostfine.visem.training import train_autoencoders, train_regressors
from tests.integration.servers import ROOT

# Ray sets a default of its own that it has deprecated.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data")]

ERROR = (PARTICIPANT, "mae", ALL)
END_TO_END = {"freeze": "none", "optimizer": "adam", "weight_decay": 1e-5, "schedule": "constant"}


def trained(folder, differs, target, inputs, *, participants, **fit):
    """Simulate samples that differ in one thing; train inputs on it, and compare them."""
    (folder / "visem").mkdir(parents=True)
    small = load_visem_params(ROOT / "visem" / "params.small.yaml")
    regressor = dataclasses.replace(
        small.regressor, fit=dataclasses.replace(small.regressor.fit, **fit)
    )
    params = dataclasses.replace(
        small, frames=dataclasses.replace(small.frames, positions=2), regressor=regressor
    )
    settings = SemenSettings(participants=participants, frames=40, differs=differs, seed=3)
    simulate_semen(folder / "visem" / "data", settings)
    with contextlib.chdir(folder):
        write_table(WHO, list_participants(params), PARTICIPANTS)
        update_frames(params)
        train_autoencoders(params, inputs, final=False)
        train_regressors(params, [(name, target) for name in inputs], final=False)
        return compare(folder, CompareParams(bootstrap=2000, seed=7))


@pytest.fixture(scope="module")
def motility(tmp_path_factory):
    inputs = ("I1", "I2", "I3", "I4")
    return trained(
        tmp_path_factory.mktemp("motion") / "w", "motion", "motility", inputs, participants=110
    )


@pytest.mark.parametrize("many", ["I3", "I4"])
@pytest.mark.parametrize("one", ["I1", "I2"])
def test_many_frames_tell_motility_better_than_one(motility, many, one):
    assert motility.difference("motility", one, many, ERROR).low > 0


@pytest.mark.parametrize("one", ["I1", "I2"])
def test_one_frame_tells_no_motility_where_samples_differ_in_nothing_else(motility, one):
    assert motility.difference("motility", one, "ZeroR", ERROR).high > 0


def test_morphology_is_told_by_one_frame_as_well_as_by_many(tmp_path):
    found = trained(
        tmp_path / "w", "form", "morphology", ("I1", "I4"), participants=90, **END_TO_END
    )
    assert found.difference("morphology", "I1", "ZeroR", ERROR).high < 0
    gap = found.difference("morphology", "I1", "I4", ERROR)
    assert gap.low < 0 < gap.high
