import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from rostfine.explain.look import look_at
from rostfine.explain.mass import mass_ratio, middle_of
from rostfine.metrics import emd
from rostfine.models import build_experiment
from rostfine.studies.attention import choose_frames, tabulate


@pytest.fixture
def results(results_of, save_models):
    results = results_of("attention", setting="smoke", leave_out=("rostfine_k_3",))
    save_models(results)
    return results


def test_each_figure_has_the_papers_models_and_the_nearest_of_their_frames(results, cell_of):
    output = tabulate(results)
    four, six, ten = output.pictures
    assert [picture.name for picture in output.pictures] == ["figure_4", "figure_6", "figure_10"]
    assert "of TimeSformer; RoSTFine, K = 5 in frames 0, 5, 10, 15 of 16" in four.says
    assert "of RoSTFine, K = 5; RoSTFine, K = 20 in frame 10 of 16" in six.says
    assert "of TimeSformer; RoSTFine, K = 5; RoSTFine, K = 20 in frames 0, 5, 10 of" in ten.says
    for picture in output.pictures:
        pixels = imread(io.BytesIO(picture.png), format="png")[..., :3]
        assert pixels.shape[1] <= 2080
        assert np.mean(np.ptp(pixels, axis=2) > 0.1) > 0.1, "heat is coloured"

    # Each sample by the model of its own fold, from the best to the worst predicted.
    truth = results.truth
    off = np.mean([emd(p, truth.labels) for p in results.predictions.values()], axis=0)
    (density,) = output.tables
    samples = list(density.cells["column"].unique())
    rows = [truth.sample_ids.index(sample) for sample in samples]
    assert len(rows) == 3
    assert (rows[0], rows[2]) == (off.argmin(), off.argmax())
    assert len(set(truth.folds[rows])) > 1
    experiment = results.study.experiments["rostfine_k_5"]
    for sample, fold in zip(samples, truth.folds[rows], strict=True):
        torch.manual_seed(int(fold))
        clip = np.load(f"data/clips/{sample}.npz")["frames"]
        look = look_at(clip, build_experiment(experiment), experiment)
        wanted = mass_ratio(look.heat, middle_of(len(look.heat), 40))
        assert cell_of(density, "RoSTFine, K = 5", sample)["mean"] == pytest.approx(wanted)


def test_models_without_attention_are_passed_over(results, results_of):
    vgg = results_of("baselines", setting="smoke").study.experiments["vgg16"]
    alone = replace(results.study, experiments={"vgg16": vgg})
    output = tabulate(replace(results, study=alone, predictions={"vgg16": results.truth.labels}))
    assert output.pictures + output.tables == ()


def test_models_of_other_frames_are_shown_in_those_that_both_were_given(results):
    look = look_at(np.zeros((16, 40, 40, 3), np.uint8), *_untrained(results))
    other = replace(look, frame_numbers=(0, 2, 4, 10))
    assert choose_frames((0, 4, 8), [look, other], 16) == [0, 10]
    assert choose_frames(range(0, 16, 2), [look], 16) == [0, 5, 10, 15]


def _untrained(results):
    experiment = results.study.experiments["timesformer"]
    return build_experiment(experiment), experiment
