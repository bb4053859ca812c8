"""Three nights of a lab: a first model, votes that improve it, and votes of vandals."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rostfine.gate import PASSED, REFUSED
from rostfine.registry import CHAMPION, find_version, list_versions
from rostfine.schemas import GRADES
from rostfine.simulate.study import StudySettings, simulate_study

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:::mlflow"),
    pytest.mark.filterwarnings("ignore:::alembic"),
]

VIDEOS, EXPERTS = 20, 10
HASTY = 0.6
"""Share of the first votes that were given without looking."""


def hasty(votes: pd.DataFrame) -> pd.DataFrame:
    """The experts' first impression, a week before they took their time."""
    rng = np.random.default_rng(1)
    at_random = rng.choice(list(GRADES), len(votes))
    blind = rng.random(len(votes)) < HASTY
    return votes.assign(
        grade=np.where(blind, at_random, votes["grade"]), voted_at=at(votes, days=-7)
    )


def vandalised(votes: pd.DataFrame) -> pd.DataFrame:
    """Somebody votes at random under every expert's name, a week later."""
    rng = np.random.default_rng(2)
    return votes.assign(grade=rng.choice(list(GRADES), len(votes)), voted_at=at(votes, days=7))


def at(votes: pd.DataFrame, *, days: int) -> pd.Series:
    moved = pd.to_datetime(votes["voted_at"]) + pd.Timedelta(days=days)
    return moved.dt.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="module")
def lab(new_workspace):
    """A workspace of 20 videos, the votes of 10 experts, and a night's work as a function."""
    workspace = new_workspace("nights")
    simulate_study(workspace.folder, replace(StudySettings(), patients=VIDEOS, experts=EXPERTS))
    votes = workspace.folder / "data" / "votes" / "votes.csv"
    careful = pd.read_csv(votes)
    votes.unlink()
    workspace.set_params(
        experiments__rostfine__fit__epochs=14,
        experiments__rostfine__model__pretrained=None,
        folds__k=3,
        compare__bootstrap=500,
        gate__beat_zero_r=True,
        gate__margin=0.02,
        gate__grade_hi_fall=0.1,
        gate__bootstrap=1000,
    )

    def night(name: str, batch: pd.DataFrame, *, posted: bool = False) -> str:
        folder = workspace.folder.parent if posted else votes.parent
        path = folder / f"{name}.csv"
        batch.to_csv(path, index=False)
        more = ["--batch", str(path)] if posted else []
        return workspace.run("python", "-m", "flows.retrain", ".", *more)

    return workspace, careful, night


def decision(lab) -> dict:
    return json.loads((lab[0].folder / "decision.json").read_text())


def champion(lab):
    found = find_version("rostfine", CHAMPION, lab[0].folder)
    return found and found.version


def report(lab) -> str:
    return (lab[0].folder / "reports" / "index.html").read_text()


def test_the_first_night_makes_a_champion(lab):
    _, careful, night = lab
    night("1-hasty", hasty(careful))
    said = decision(lab)
    assert (said["challenger"], said["champion"], said["verdict"]) == (1, None, PASSED)
    assert champion(lab) == 1


def test_the_second_night_brings_better_labels_and_a_better_champion(lab):
    _, careful, night = lab
    printed = night("2-careful", careful, posted=True)
    said = decision(lab)
    assert (said["challenger"], said["champion"], said["verdict"]) == (2, 1, PASSED)
    assert said["metrics"]["challenger"]["emd"] < said["metrics"]["champion"]["emd"]
    assert said["metrics"]["challenger"]["emd"] < said["metrics"]["ZeroR"]["emd"]
    assert said["patients"] == VIDEOS
    assert champion(lab) == 2
    assert "version 2 against version 1: passed" in printed
    assert "Running stage 'cut_clips'" not in printed


def test_the_third_night_brings_vandals_and_the_gate_refuses(lab):
    _, careful, night = lab
    printed = night("3-vandals", vandalised(careful))
    said = decision(lab)
    failed = {check["name"]: check["says"] for check in said["checks"] if not check["passed"]}
    assert (said["challenger"], said["champion"], said["verdict"]) == (3, 2, REFUSED)
    assert {"agreement", "beats ZeroR"} <= set(failed)
    assert champion(lab) == 2
    for says in failed.values():
        assert says in printed
        assert says in report(lab).replace("&#39;", "'")


def test_nothing_new_takes_seconds_and_both_versions_know_what_was_said(lab):
    workspace = lab[0]
    assert "nothing new" in workspace.run("python", "-m", "flows.retrain", ".")
    kept = {version.version: version for version in list_versions("rostfine", workspace.folder)}
    assert sorted(kept) == [1, 2, 3]
    assert kept[3].tags["decision"] == "decisions/3-against-2.json"


def test_the_way_back_is_one_command(lab):
    workspace = lab[0]
    assert "champion version 2 -> version 1" in workspace.run("rostfine", "rollback")
    assert champion(lab) == 1
