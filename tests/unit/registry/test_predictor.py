"""Looking models up in a real MLflow store, and using them."""

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from rostfine.clips.cut import cut_video
from rostfine.errors import ClipError, RegistryError
from rostfine.models import build_experiment
from rostfine.params import load_params
from rostfine.registry import RegisteredVersion, Registration, load, register
from rostfine.registry.predictor import load_folder
from rostfine.registry.store import find_store
from rostfine.simulate.study import StudySettings, simulate_study
from rostfine.tracking.tags import read_tags
from rostfine.training.saved import load_model, save_model

# MLflow and its migrations warn of their own affairs.
pytestmark = [
    pytest.mark.filterwarnings("ignore:::mlflow"),
    pytest.mark.filterwarnings("ignore:::alembic"),
]
PARAMS = load_params(Path(__file__).parents[3] / "params.small.yaml")
Saved = Callable[[int], Path]
Registered = tuple[Path, RegisteredVersion, RegisteredVersion]


def test_alias_and_version_predict_the_same_as_the_models_in_memory(
    registered: Registered, saved: Saved, clips: np.ndarray
) -> None:
    by_alias = load("models:/rostfine@champion", registered[0]).predict_clips(clips)
    by_version = load("rostfine/1", registered[0]).predict_clips(clips)
    assert (by_alias == load_folder(saved(2)).predict_clips(clips)).all()
    assert (by_version == load(str(saved(1))).predict_clips(clips)).all()
    assert np.abs(by_alias - by_version).max() > 1e-4


def test_a_clip_file_and_its_frames_give_five_probabilities_that_sum_to_1(
    saved: Saved, tmp_path: Path, clips: np.ndarray
) -> None:
    model = load_folder(saved(1))
    path = tmp_path / "S001.npz"
    np.savez(path, frames=clips[0])
    found = model.predict_clip(path)
    assert list(found) == ["A", "B", "C", "D", "E"]
    assert sum(found.values()) == pytest.approx(1, abs=1e-12)
    assert found == model.predict_clip(clips[0])
    assert list(found.values()) == pytest.approx(model.predict_clips(clips[:1])[0].tolist(), 1e-6)


def test_clips_of_another_size_are_refused(saved: Saved, clips: np.ndarray) -> None:
    with pytest.raises(ClipError, match=r"wanted \(16, 150, 150, 3\) .* got \(8, 150, 150, 3\)"):
        load_folder(saved(1)).predict_clips(clips[:, :8])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One simulated video with one tagged sperm."""
    folder = tmp_path_factory.mktemp("simulated")
    settings = StudySettings(
        patients=1, sperm_per_video=1, others_per_video=0, frames=17, width_px=520, height_px=520
    )
    simulate_study(folder, settings, processes=1)
    return folder


def test_a_video_is_predicted_from_the_clip_that_the_pipeline_would_cut(
    study: Path, saved: Saved
) -> None:
    model = load_folder(saved(1))
    (tag,) = read_tags(study / "data" / "tags.csv")
    (video,) = (study / "data" / "raw").iterdir()
    (cut,) = cut_video(video, [tag], tracking=PARAMS.tracking, clips=PARAMS.clips)
    assert cut.frames is not None
    found = model.predict_video(video, (tag.x_px, tag.y_px), tag.frame)
    assert found == model.predict_clip(cut.frames)


def test_a_tag_outside_of_the_video_is_refused_with_its_place(study: Path, saved: Saved) -> None:
    (video,) = (study / "data" / "raw").iterdir()
    with pytest.raises(ClipError, match=r"avi: the tag at x 520, y 3 lies outside"):
        load_folder(saved(1)).predict_video(video, (520.0, 3.0))


def test_a_workspace_that_was_moved_still_finds_its_model(
    workspace: Path, saved: Saved, clips: np.ndarray
) -> None:
    register(saved(1), "rostfine", alias="champion", kept=Registration(), workspace=workspace)
    moved = workspace.rename(workspace.with_name("moved"))
    found = load(workspace=moved).predict_clips(clips)
    assert (found == load_folder(saved(1)).predict_clips(clips)).all()


def test_a_copied_workspace_registers_beside_itself_and_not_in_the_original(
    workspace: Path, saved: Saved, clips: np.ndarray
) -> None:
    register(saved(1), "rostfine", alias="champion", kept=Registration(), workspace=workspace)
    before = sorted((workspace / "mlartifacts").rglob("*"))
    copy = workspace.with_name("copy")
    shutil.copytree(workspace, copy)
    register(saved(2), "rostfine", alias="champion", kept=Registration(), workspace=copy)
    assert sorted((workspace / "mlartifacts").rglob("*")) == before
    shutil.rmtree(workspace)
    found = load(workspace=copy).predict_clips(clips)
    assert (found == load_folder(saved(2)).predict_clips(clips)).all()


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("models:/rostfin@champion", "no model 'rostfin'; known: rostfine"),
        ("models:/rostfine@best", "no alias 'best' of model 'rostfine'; known: @champion, 1, 2"),
        ("models:/rostfine/7", "no version 7 of model 'rostfine'; known: @champion, 1, 2"),
        ("rostfine", "wanted models:/name@alias, models:/name/version or a folder of a model"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(
    registered: Registered, reference: str, message: str
) -> None:
    with pytest.raises(RegistryError) as raised:
        load(reference, registered[0])
    assert str(raised.value).endswith(message)


def test_a_workspace_without_a_registry_gets_none_by_a_look_up(workspace: Path) -> None:
    with pytest.raises(RegistryError, match="nothing is registered yet"):
        load(workspace=workspace)
    assert sorted(path.name for path in workspace.iterdir()) == ["dvc.yaml", "params.yaml"]


PYFUNC = """
import sys, numpy as np, mlflow
model = mlflow.pyfunc.load_model("models:/rostfine@champion")
print(model.metadata.signature)
print(model.predict(model.input_example).sum().round(3))
np.save(sys.argv[1], model.predict(np.load(sys.argv[2])))
"""


def test_mlflow_alone_loads_it_in_another_process(
    registered: Registered, saved: Saved, tmp_path: Path, clips: np.ndarray
) -> None:
    np.save(tmp_path / "clips.npy", clips)
    done = subprocess.run(
        [sys.executable, "-c", PYFUNC, tmp_path / "out.npy", tmp_path / "clips.npy"],
        env={
            **os.environ,
            "MLFLOW_TRACKING_URI": find_store(registered[0]).uri,
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Tensor('uint8', (-1, 16, 150, 150, 3))" in done.stdout
    assert done.stdout.endswith("\n1.0\n")
    wanted = load_folder(saved(2)).predict_clips(clips)
    assert np.load(tmp_path / "out.npy") == pytest.approx(wanted, abs=1e-6)


LEAN = """
import sys
from pathlib import Path
from rostfine.models import build_experiment
from rostfine.params import load_params
from rostfine.registry import load
assert "mlflow" not in sys.modules
load(workspace=Path(sys.argv[1]))
others = ("ray", "dvc", "prefect", "cv2", "av", "jinja2", "sklearn", "torchvision")
print([name for name in others if name in sys.modules])
"""


def test_importing_the_room_imports_no_mlflow_and_loading_no_other_engine(
    registered: Registered,
) -> None:
    command = [sys.executable, "-c", LEAN, registered[0]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_a_model_that_takes_speeds_asks_for_them_and_uses_them(tmp_path, clips, saved):
    settings = load_model(saved(1))[1]
    asking = dataclasses.replace(settings.experiment.input, speed="speed_px_s")
    experiment = dataclasses.replace(settings.experiment, input=asking)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_experiment(experiment)
    save_model(tmp_path, model, dataclasses.replace(settings, experiment=experiment))
    predictor = load_folder(tmp_path)
    for speed in (None, -2.0, float("nan")):
        with pytest.raises(ClipError, match="also takes the speed_px_s of each clip: a number"):
            predictor.predict_clip(clips[0], speed)
    slow, fast = predictor.predict_clip(clips[0], 1.0), predictor.predict_clip(clips[0], 400.0)
    assert max(abs(slow[grade] - fast[grade]) for grade in slow) > 1e-3
    both = predictor.predict_clips(clips[:2], np.array([1.0, 400.0]))
    assert both[0].tolist() == pytest.approx(list(slow.values()), abs=1e-5)


FOLDER = """
import sys
from rostfine.registry import load
load(sys.argv[1])
print("mlflow" in sys.modules)
"""


def test_a_model_in_a_folder_is_loaded_without_mlflow(saved: Saved) -> None:
    command = [sys.executable, "-c", FOLDER, saved(1)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "False\n", done.stderr
