from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rostfine.clips.store import read_frames
from rostfine.evaluation.predict import predict, predict_inputs
from rostfine.models import build_experiment
from rostfine.studies.held_out import held_out
from rostfine.studies.motion import WORSE, predict_shuffled, shuffle, tabulate


@pytest.fixture
def results(results_of, save_models):
    """Untrained models of three folds, and what they predict of frames in time."""
    kept = ("vgg16", "timesformer")
    whole = results_of("motion", setting="smoke").study.experiments
    results = results_of("motion", setting="smoke", leave_out=[k for k in whole if k not in kept])
    save_models(results)
    intact = {name: np.empty(results.truth.labels.shape) for name in kept}
    for name in kept:
        for fold in held_out(results.study.run_folder(name), results.clips, results.truth):
            intact[name][fold.rows] = predict_inputs(fold.model, fold.batches())
    return replace(results, predictions=intact)


def test_a_model_of_the_first_frame_loses_nothing_by_shuffling_and_one_of_all_frames_does(
    results, cell_of
):
    shuffled = tabulate(results).tables[-1]
    assert shuffled.name == "shuffled"
    first = cell_of(shuffled, "VGG16, first frame", WORSE)
    assert first[["mean", "low", "high"]].tolist() == [0, 0, 0]
    assert cell_of(shuffled, "VGG16, first frame", "p")["mean"] == 1
    apart = cell_of(shuffled, "TimeSformer", WORSE)
    assert apart["mean"] != 0
    intact, other = (
        cell_of(shuffled, "TimeSformer", f"EMD (10⁻²), {what}")["mean"]
        for what in ("intact", "shuffled")
    )
    assert apart["mean"] == pytest.approx(other - intact, abs=1e-9)


def test_every_clip_is_predicted_in_its_own_row_by_the_model_of_its_fold(results):
    found = predict_shuffled(results, "vgg16")
    experiment, truth = results.study.experiments["vgg16"], results.truth
    for row in (0, 1, 2, 23):
        torch.manual_seed(int(truth.folds[row]))
        model = build_experiment(experiment)
        clip = torch.from_numpy(read_frames(Path(f"data/clips/{truth.sample_ids[row]}.npz")))
        alone = predict(model, clip[None], experiment.input)
        np.testing.assert_allclose(found[row], alone[0], atol=1e-6)


def test_shuffling_keeps_the_first_frame_and_every_other_once_each_clip_by_itself() -> None:
    clips = torch.arange(6.0).view(1, 1, 6, 1, 1).expand(50, 3, 6, 2, 2).contiguous()
    clips += torch.tensor([0.0, 100.0, 200.0]).view(1, 3, 1, 1, 1)
    shuffled = shuffle(clips, torch.Generator().manual_seed(0))
    order = shuffled[:, 0, :, 0, 0]
    assert torch.equal(order[:, 0], torch.zeros(50))
    assert torch.equal(order.sort(dim=1).values, torch.arange(6.0).expand(50, 6))
    assert len({tuple(row) for row in order.tolist()}) > 25
    assert torch.equal(shuffled, order.view(50, 1, 6, 1, 1) + clips[:, :, :1, :, :])
