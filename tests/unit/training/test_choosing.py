import dataclasses

import numpy as np
import pytest
import torch

from rostfine.errors import FoldError
from rostfine.training.choosing import choose_validation
from rostfine.training.data import Samples, TrainingData
from rostfine.training.fits import Fit
from rostfine.training.folds import split_for


def study(clips: int, patients: int, seed: int = 0) -> TrainingData:
    rng = np.random.default_rng(seed)
    labels = rng.dirichlet(np.ones(5) / 2, clips).astype(np.float32)
    names = tuple(f"s{i}" for i in range(clips))
    frames = torch.zeros(clips, 1, 1, 1, 3, dtype=torch.uint8)
    of = np.arange(clips) % patients
    samples = Samples(frames, torch.from_numpy(labels), names=names)
    return TrainingData(names, samples, of % 5, tuple(f"p{i}" for i in of))


def chosen_by(experiment, how, *, variant="paper"):
    fit = dataclasses.replace(experiment.fit, choose_epoch=how)
    return dataclasses.replace(experiment, fit=fit, variant=variant)


def test_no_patient_is_on_two_sides_and_every_clip_is_held_out_once(settings):
    data = study(clips=200, patients=40)
    experiment = chosen_by(settings.experiment, "validation")
    patients = np.array(data.patients)
    held_out = np.zeros(200, dtype=int)
    for fold in range(5):
        split = split_for(Fit(fold), data, experiment)
        sides = [set(patients[side]) for side in (split.train, split.choose, split.held_out)]
        assert all(sides)
        assert sum(map(len, sides)) == len(set.union(*sides)) == 40
        assert (split.train.astype(int) + split.choose + split.held_out == 1).all()
        held_out += split.held_out
    assert (held_out == 1).all()


def test_about_a_fifth_of_the_training_clips_chooses_in_the_same_proportions(settings):
    data = study(clips=400, patients=200)
    split = split_for(Fit(0), data, chosen_by(settings.experiment, "validation"))
    modes = data.samples.labels.argmax(dim=1).numpy()
    assert split.choose.sum() / (~split.held_out).sum() == pytest.approx(0.2, abs=0.03)
    for mode in range(5):
        share = (modes[split.choose] == mode).mean()
        assert share == pytest.approx((modes[split.train] == mode).mean(), abs=0.06)


def test_the_share_is_kept_where_patients_differ_in_clips():
    rng = np.random.default_rng(0)
    off = []
    for seed in range(30):
        patients = np.repeat(np.arange(12), rng.integers(1, 30, 12))
        modes = rng.choice(list("ABC"), len(patients))
        chosen = choose_validation(modes.tolist(), patients.astype(str).tolist(), 0.2, seed)
        off.append(abs(chosen.mean() - 0.2))
    # Of the five parts the nearest; any one of them is off by 0.04 in the median, at most by 0.2.
    assert np.median(off) < 0.03
    assert max(off) < 0.12


def test_the_last_epoch_needs_nobody_to_choose_it(settings):
    split = split_for(Fit(1), study(50, 10), chosen_by(settings.experiment, "last"))
    assert not split.choose.any()
    assert (split.train == ~split.held_out).all()


def test_as_published_those_held_out_choose(settings):
    experiment = chosen_by(settings.experiment, "validation", variant="published")
    split = split_for(Fit(1), study(50, 10), experiment)
    assert (split.choose == split.held_out).all()
    assert (split.train == ~split.held_out).all()


def test_the_final_fit_holds_nothing_out(settings):
    split = split_for(Fit(None), study(50, 10), chosen_by(settings.experiment, "validation"))
    assert not split.held_out.any()
    assert split.choose.any()


def test_one_patient_cannot_choose_the_epoch_for_itself():
    with pytest.raises(FoldError, match="validation needs clips of two patients or more.*got 1"):
        choose_validation(["A", "B"], ["p", "p"], 0.2, 0)


def test_clips_of_one_grade_only_are_not_trained_on(settings):
    data = study(20, 10)
    labels = torch.zeros(20, 5)
    labels[:, 2] = 1
    labels[data.folds == 3] = torch.eye(5)[0]
    data = dataclasses.replace(data, samples=dataclasses.replace(data.samples, labels=labels))
    experiment = chosen_by(settings.experiment, "last")
    with pytest.raises(FoldError, match="fold_3: wanted clips of two modal .* of grade C"):
        split_for(Fit(3), data, experiment)
    split_for(Fit(1), data, experiment)
