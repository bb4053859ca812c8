import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from rostfine.cli import app
from rostfine.errors import RegistryError, RostfineError
from rostfine.registry import Registration, register
from rostfine.video.write import CODECS, write_video
from rostfine.visem.predictor import load_semen, semen_form
from tests.unit.visem.test_predictor import make_workspace, save, settings_of, simulate

# MLflow and its migrations warn of their own affairs.
pytestmark = [
    pytest.mark.filterwarnings("ignore:::mlflow"),
    pytest.mark.filterwarnings("ignore:::alembic"),
]
MODEL = "models:/visem-motility@champion"


@pytest.fixture(autouse=True)
def no_registry_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a model of motility in its registry, and one of morphology in a folder."""
    folder = make_workspace(tmp_path_factory.mktemp("lab") / "study")
    save(folder / "model", "motility")
    save(folder / "morphology", "morphology", "I1")
    shutil.copy(simulate(folder / "semen"), folder / "a.avi")
    form = semen_form(settings_of("motility"))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        register(
            folder / "model",
            "visem-motility",
            alias="champion",
            kept=Registration(),
            workspace=folder,
            form=form,
        )
    return folder


@pytest.fixture
def say(lab: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run `rostfine` in the workspace; returns what it prints."""
    monkeypatch.chdir(lab)

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, arguments)
        if done.exception:
            raise done.exception
        return done.stdout

    return run


def test_a_registered_model_answers_under_its_version_as_the_saved_one_does(lab: Path) -> None:
    by_alias = load_semen(MODEL, lab).predict_video(lab / "a.avi")
    by_folder = load_semen(str(lab / "model")).predict_video(lab / "a.avi")
    assert by_alias.model == "models:/visem-motility/1"
    assert by_alias.shares == by_folder.shares
    assert (
        load_semen("visem-motility/1", lab).predict_video(lab / "a.avi").shares == by_alias.shares
    )
    with pytest.raises(RegistryError, match="no alias 'best' of model 'visem-motility'"):
        load_semen("models:/visem-motility@best", lab)


def test_text_json_and_picture_tell_the_model_and_beside_it_the_count(
    say: Callable[..., str], lab: Path
) -> None:
    told = json.loads(say("semen", "a.avi", "--um-per-px", "1", "--json", "--picture", "a.png"))
    assert told["model"] == "models:/visem-motility/1"
    for shares in (told["shares"], told["count"]["shares"]):
        assert list(shares) == ["progressive_pct", "non_progressive_pct", "immotile_pct"]
        assert sum(share["percent"] for share in shares.values()) == pytest.approx(100, abs=1e-3)
    assert told["count"]["is_scale_known"]
    assert len(np.unique(imread(lab / "a.png").reshape(-1, 4), axis=0)) > 50
    text = say("semen", "a.avi")
    assert text.startswith("a.avi: motility by models:/visem-motility/1, 6 stacks\n")
    assert f"progressive               {told['shares']['progressive_pct']['percent']:.1f} %" in text
    assert "classical count, an independent second opinion" in text
    assert "um/px not given" in text
    assert "classical" not in say("semen", "a.avi", "--no-count")


def test_a_model_of_morphology_is_not_compared_with_a_count_of_what_moves(
    say: Callable[..., str],
) -> None:
    told = json.loads(say("semen", "a.avi", "--model", "morphology", "--json"))
    assert list(told["shares"]) == ["head_pct", "midpiece_pct", "tail_pct"]
    assert told["count"] is None


def test_a_video_too_short_for_a_count_alone_keeps_its_answer(
    say: Callable[..., str], lab: Path
) -> None:
    frames = list(np.random.default_rng(0).integers(0, 256, (20, 48, 64), dtype=np.uint8))
    write_video(lab / "short.avi", frames, codec=CODECS["mjpeg"], frame_rate_hz=50.0)
    text = say("semen", "short.avi")
    assert "3 stacks" in text
    assert "no classical count: short.avi: wanted 25 frames" in text


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["none.avi"], "none.avi: no such file"),
        (["params.yaml"], "params.yaml"),
        (["tiny.avi"], "tiny.avi: wanted 18 frames or more, got 5"),
        (["a.avi", "--model", "models:/none@champion"], "no model 'none'; known: visem-motility"),
        (["a.avi", "--model", "other"], "got one of kind 'clips'"),
        (["a.avi", "--um-per-px", "0"], "--um-per-px: wanted a length of more than 0, got 0"),
        (["a.avi", "--picture", "model"], "--picture model: wanted a file to write, got a folder"),
        (["a.avi", "--picture", "a.jpg"], "wanted a name that ends in .png"),
        (["a.avi", "--no-count", "--picture", "a.avi/b.png"], "--picture a.avi/b.png: "),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(
    say: Callable[..., str], lab: Path, arguments: list[str], line: str
) -> None:
    if not (lab / "tiny.avi").exists():
        frames = [np.zeros((48, 64), np.uint8)] * 5
        write_video(lab / "tiny.avi", frames, codec=CODECS["mjpeg"], frame_rate_hz=50.0)
        (lab / "other").mkdir()
        (lab / "other" / "settings.json").write_text('{"experiment": {}}')
    with pytest.raises(RostfineError) as caught:
        say("semen", *arguments)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 1


def test_a_simulated_data_set_passes_the_check_and_is_never_written_over(
    say: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    say("visem", "simulate", str(folder), "--participants", "1", "--differs", "motion")
    told = json.loads(say("visem", "check", str(folder), "--json"))
    assert told["participants"] == 1
    truth = pd.read_parquet(folder / "truth" / "participants.parquet")
    assert len(truth) == 1
    with pytest.raises(RostfineError, match="wanted a new or empty folder; nothing was changed"):
        say("visem", "simulate", str(folder))
