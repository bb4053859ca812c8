import dataclasses
from pathlib import Path

import numpy as np
import pytest

from rostfine.errors import InputError
from rostfine.export import command, export_command
from rostfine.params import load_params
from rostfine.training.saved import ModelSettings

PARAMS = load_params(Path(__file__).parents[3] / "params.small.yaml")


@pytest.fixture
def settings(input) -> ModelSettings:
    experiment = dataclasses.replace(PARAMS.experiments["rostfine"], input=input)
    clips = dataclasses.replace(PARAMS.clips, frames=6, size_px=40)
    return ModelSettings("tiny", "all data", "none: the last", experiment, PARAMS.tracking, clips)


@pytest.fixture
def folder(tmp_path, clips) -> Path:
    (tmp_path / "clips").mkdir()
    for number, frames in enumerate(clips.numpy()):
        np.savez(tmp_path / "clips" / f"V_{number}.npz", frames=frames)
    return tmp_path / "clips"


def test_the_command_tells_what_it_wrote_and_how_exact_it_is(tmp_path, model, settings):
    said = export_command(model, settings, tmp_path / "out", int8=False, clips=None)
    assert said.startswith(f"{tmp_path / 'out'}: fp32, at most ")
    assert said.endswith("from the original's probabilities on 2 clips")


def test_clips_to_calibrate_on_are_spread_over_the_folder(folder, settings, clips, monkeypatch):
    monkeypatch.setattr(command, "CLIPS", 3)
    picked = command._some_of(folder, settings)
    assert picked.shape == (3, 6, 40, 40, 3)
    np.testing.assert_array_equal(picked, clips[[0, 4, 7]])


@pytest.mark.parametrize(("int8", "clips"), [(True, None), (False, Path("clips"))])
def test_int8_and_clips_go_together(tmp_path, model, settings, int8, clips):
    with pytest.raises(InputError, match="wanted both --int8 and --clips DIR"):
        export_command(model, settings, tmp_path / "out", int8=int8, clips=clips)


def test_a_folder_without_clips_is_refused(tmp_path, model, settings):
    with pytest.raises(InputError, match="found none"):
        export_command(model, settings, tmp_path / "out", int8=True, clips=tmp_path)


def test_clips_of_another_shape_are_refused(tmp_path, folder, model, settings):
    other = dataclasses.replace(settings, clips=dataclasses.replace(settings.clips, size_px=48))
    with pytest.raises(InputError, match=r"wanted clips of \(6, 48, 48, 3\).*got \(6, 40, 40, 3\)"):
        export_command(model, other, tmp_path / "out", int8=True, clips=folder)
