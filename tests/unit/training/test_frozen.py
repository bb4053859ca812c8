from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from rostfine.clips.transforms import to_input
from rostfine.losses import objective
from rostfine.models import build_experiment
from rostfine.params import ExperimentParams, load_params
from rostfine.training.frozen import condense_clips, freeze_encoder, kept_condensed
from rostfine.training.optim import make_optimizer

CPU = torch.device("cpu")
LABELS = torch.rand(12, 5, generator=torch.Generator().manual_seed(1)).softmax(dim=1)
SMALL = load_params(Path(__file__).parents[3] / "params.small.yaml").experiments["rostfine"]


@pytest.fixture
def experiment() -> ExperimentParams:
    """Without the speed; the encoder drops paths while it trains."""
    model, given = replace(SMALL.model, drop_path=0.5), replace(SMALL.input, speed=None)
    return replace(SMALL, model=model, input=given)


@pytest.fixture
def model(experiment) -> nn.Module:
    torch.manual_seed(0)
    return build_experiment(experiment)


@pytest.fixture
def frames() -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (12, 16, 50, 50, 3), dtype=torch.uint8, generator=random)


def test_training_a_frozen_model_leaves_its_encoder_and_changes_all_behind_it(
    model, experiment, frames
):
    freeze_encoder(model)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    train(model, experiment, lambda: model(to_input(frames, experiment.input)))
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, before[name]) == name.startswith("encoder."), name


def test_training_on_condensed_clips_gives_the_weights_of_training_on_the_clips(
    model, experiment, frames
):
    states = []
    freeze_encoder(model)
    start = {name: weight.clone() for name, weight in model.state_dict().items()}
    train(model, experiment, lambda: model(to_input(frames, experiment.input)))
    states.append({name: weight.clone() for name, weight in model.state_dict().items()})
    model.load_state_dict(start)
    condensed = condense_clips(model, frames, experiment.input, device=CPU)
    train(model, experiment, lambda: model.predict_from(condensed))
    states.append(model.state_dict())
    for name, weight in states[0].items():
        torch.testing.assert_close(states[1][name], weight, rtol=0, atol=1e-5, msg=name)


def train(model, experiment, predict) -> None:
    """Three steps, each on all clips, with an encoder that drops no paths."""
    fit = replace(experiment.fit, optimizer="sgd", lr=0.01, weight_decay=0.01)
    optimizer = make_optimizer(model.train(), fit)
    model.encoder.eval()
    for _ in range(3):
        optimizer.zero_grad()
        objective(predict(), LABELS, experiment.loss).total.backward()
        optimizer.step()


def test_clips_are_condensed_batch_by_batch_without_dropped_paths_and_counted(
    model, experiment, frames
):
    wanted, counted = experiment.input, []
    condensed = condense_clips(
        model.train(),
        frames,
        wanted,
        device=CPU,
        batch=5,
        advance=lambda steps=1, note="": counted.append(steps),
    )
    with torch.no_grad():
        parts = [model.eval().condense(to_input(f, wanted)) for f in frames.split(5)]
    assert torch.equal(condensed, torch.cat(parts))
    assert not condensed.is_inference(), "nothing can be trained on it"
    assert counted == [5, 5, 2]


FEATURES = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(0))


class Maker:
    """Makes features, and knows how often."""

    def __init__(self, made: torch.Tensor = FEATURES) -> None:
        self.made, self.calls = made, 0

    def __call__(self) -> torch.Tensor:
        self.calls += 1
        return self.made


def test_features_are_made_once_and_read_ever_after(tmp_path):
    make = Maker()
    found = [kept_condensed(tmp_path / "new", "a key", make) for _ in range(3)]
    assert make.calls == 1
    assert all(torch.equal(one, FEATURES) for one in found)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["condensed.safetensors"]


def test_features_of_another_key_are_replaced(tmp_path):
    kept_condensed(tmp_path, "a key", Maker())
    other = Maker(FEATURES + 1)
    for _ in range(2):
        assert torch.equal(kept_condensed(tmp_path, "another key", other), FEATURES + 1)
    assert other.calls == 1


def test_features_with_any_byte_changed_or_missing_are_made_anew(tmp_path):
    kept_condensed(tmp_path, "a key", Maker())
    path = tmp_path / "condensed.safetensors"
    whole = path.read_bytes()
    damaged = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    damaged += [whole.replace(b"[3,2,4]", b"[4,2,3]"), whole.replace(b"F32", b"I32")]
    for content in [*damaged, whole[:-1], whole[: len(whole) // 2], b""]:
        path.write_bytes(content)
        make = Maker()
        for _ in range(2):
            assert torch.equal(kept_condensed(tmp_path, "a key", make), FEATURES)
        assert make.calls == 1, content


def test_what_fails_to_be_made_leaves_what_is_kept(tmp_path):
    def fail() -> torch.Tensor:
        raise MemoryError

    kept_condensed(tmp_path, "a key", Maker())
    with pytest.raises(MemoryError):
        kept_condensed(tmp_path, "another key", fail)
    make = Maker()
    kept_condensed(tmp_path, "a key", make)
    assert make.calls == 0
