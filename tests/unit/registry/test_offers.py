"""A new version beside the one in use, on a real MLflow store."""

import pytest

from rostfine.errors import InputError
from rostfine.registry import CHALLENGER, CHAMPION, Offer, Score, find_version, offer, opened_kind
from rostfine.registry.pyfunc_files import grade_form
from rostfine.training.saved import read_settings

pytestmark = [
    pytest.mark.filterwarnings("ignore:::mlflow"),
    pytest.mark.filterwarnings("ignore:::alembic"),
]


def test_a_version_is_champion_unless_the_one_in_use_has_the_better_score(
    workspace, saved, monkeypatch
):
    monkeypatch.chdir(workspace)
    folder = saved(0)
    taken = []
    for better, value in (
        ("lower", 5.0), ("lower", 6.0), ("lower", 4.0), ("higher", 3.0), ("higher", 4.0),
        ("higher", 4.5),
    ):  # fmt: skip
        what = Offer(
            form=grade_form(read_settings(folder)),
            score=Score("mae", value, better, useless=4.5 if value == 4.5 else None),
            said=f"mae {value}",
            metrics={"mae": value},
            card="# A model\n",
            files=(),
        )
        done = offer(folder, "one", what)
        challenger = find_version("one", CHALLENGER, workspace)
        taken.append((done.champion, challenger is not None))
    # An equal one takes over: it has seen what is new. The last is better, and useless.
    takes, waits = (True, False), (False, True)
    assert taken == [takes, waits, takes, waits, takes, waits]
    assert find_version("one", CHAMPION, workspace).version == 5
    with (
        pytest.raises(InputError, match="wanted a model of heads; got one of kind 'clips'"),
        opened_kind("models:/one@champion", "heads", wanted="a model of heads"),
    ):
        pass
    with opened_kind("models:/one@champion", "clips", wanted="", workspace=workspace) as (_, name):
        assert name == "models:/one/5"
