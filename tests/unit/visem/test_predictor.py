"""Models of semen samples, used on stacks and videos."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rostfine.errors import ClipError, InputError, VideoError
from rostfine.registry.pyfunc_files import write_pyfunc
from rostfine.registry.store import import_mlflow
from rostfine.simulate.semen import SemenSettings as SimulatorSettings
from rostfine.simulate.semen import simulate_semen
from rostfine.training.saved import save_model
from rostfine.video.write import CODECS, write_video
from rostfine.visem.params import INPUTS, FramesParams, load_visem_params
from rostfine.visem.predictor import SemenPredictor, load_semen, semen_form
from rostfine.visem.recipes import build
from rostfine.visem.saved import SemenSettings
from rostfine.visem.targets import TARGETS

# MLflow and its migrations warn of their own affairs.
pytestmark = [
    pytest.mark.filterwarnings("ignore:::mlflow"),
    pytest.mark.filterwarnings("ignore:::alembic"),
]
PARAMS = load_visem_params(Path(__file__).parents[3] / "visem" / "params.small.yaml")
FRAMES = FramesParams(positions=6, image_px=32, videos_at_once=1)


def settings_of(target: str, given: str = "I4") -> SemenSettings:
    return SemenSettings(
        "semen", f"visem/{given}_{target}", "all data", "none: the last", "paper", target, given,
        FRAMES, PARAMS.regressor,
    )  # fmt: skip


def save(folder: Path, target: str, given: str = "I4", *, seed: int = 1) -> Path:
    settings = settings_of(target, given)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build(settings.regressor, settings.target, INPUTS[settings.input])
    save_model(folder, model, settings)
    return folder


def make_workspace(folder: Path) -> Path:
    folder.mkdir()
    for name in ("params.yaml", "dvc.yaml"):
        (folder / name).write_text("")
    return folder


def simulate(folder: Path, *, frames: int = 60) -> Path:
    wanted = SimulatorSettings(participants=1, frames=frames, width_px=160, height_px=120)
    simulate_semen(folder, wanted, processes=1)
    (video,) = (folder / "videos").iterdir()
    return video


@pytest.mark.parametrize("given", ["I1", "I2", "I3"])
def test_a_model_sees_only_the_frames_of_its_input(tmp_path: Path, given: str) -> None:
    model = load_semen(str(save(tmp_path / "model", "morphology", given)))
    stacks = np.random.default_rng(0).integers(0, 256, (20, 18, 32, 32), dtype=np.uint8)
    other = stacks.copy()
    seen = 1 if INPUTS[given].repeated else INPUTS[given].frames
    other[:, seen:] = 0
    found = model.predict_stacks(stacks)
    assert (model.predict_stacks(other) == found).all()
    other[:, seen - 1] = 0
    assert (model.predict_stacks(other) != found).any(axis=1).all()
    # Twenty are more than a batch.
    assert model.predict_stacks(stacks[17:]) == pytest.approx(found[17:], abs=1e-4)


def test_stacks_of_another_shape_are_refused(tmp_path: Path) -> None:
    model = load_semen(str(save(tmp_path / "model", "motility")))
    with pytest.raises(ClipError, match=r"wanted \(18, 32, 32\) .* got \(9, 32, 32\)"):
        model.predict_stacks(np.zeros((1, 9, 32, 32), np.uint8))


def test_a_video_of_fewer_stacks_advances_as_far_as_a_long_one(tmp_path: Path) -> None:
    model = load_semen(str(save(tmp_path / "model", "motility")))
    steps = list[int]()

    def advance(step: int = 1, note: str = "") -> None:
        steps.append(step)

    video = tmp_path / "short.avi"
    frames = list(np.random.default_rng(0).integers(0, 256, (20, 48, 64), dtype=np.uint8))
    write_video(video, frames, codec=CODECS["mjpeg"], frame_rate_hz=50.0)
    assert model.predict_video(video, advance=advance).stacks == 3
    assert sum(steps) == FRAMES.positions
    write_video(video, frames[:17], codec=CODECS["mjpeg"], frame_rate_hz=50.0)
    with pytest.raises(VideoError, match="wanted 18 frames or more, got 17"):
        model.predict_video(video)


def test_a_model_of_another_kind_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"kind": "autoencoder"}')
    with pytest.raises(InputError, match="wanted a model of semen .* got one of kind 'autoenc"):
        load_semen(str(tmp_path))
    (tmp_path / "settings.json").write_text('{"experiment": {}}')
    with pytest.raises(InputError, match="got one of kind 'clips'"):
        load_semen(str(tmp_path))


def test_mlflow_loads_the_model_by_its_form_and_checks_what_it_is_given(tmp_path: Path) -> None:
    folder = save(tmp_path / "model", "morphology", "I1")
    settings = settings_of("morphology", "I1")
    write_pyfunc(tmp_path / "pyfunc", folder, semen_form(settings), model_id="m-1")
    model = import_mlflow("mlflow.pyfunc").load_model(str(tmp_path / "pyfunc"))
    example = model.input_example["frames"]
    assert example.shape == (1, 18, 32, 32)
    found = model.predict({"frames": example})
    wanted = SemenPredictor(load_semen(str(folder)).model, settings).predict_stacks(example)
    assert (found == wanted).all()
    assert found.shape == (1, len(TARGETS["morphology"]))
    with pytest.raises(Exception, match="schema"):
        model.predict({"frames": example[:, :9]})
