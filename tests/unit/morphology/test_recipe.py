import contextlib
import dataclasses
import math
from pathlib import Path

import pytest
import torch

from rostfine.errors import FoldError
from rostfine.morphology.dataset import read_dataset
from rostfine.morphology.detect import detect_all
from rostfine.morphology.fitting import find_in, trainable
from rostfine.morphology.heads import TRAIN, VALIDATION
from rostfine.morphology.params import load_morphology_params
from rostfine.morphology.pool import as_samples, fill_up, fitted_anchors
from rostfine.morphology.recipe import Heads
from rostfine.morphology.stored import read_pictures, write_pictures
from rostfine.morphology.tables import AS_PUBLISHED_FILE
from rostfine.simulate.heads import HeadSettings, simulate_heads
from rostfine.training.checkpoint import Checkpoints
from rostfine.training.folds import PREDICTIONS_FILE
from rostfine.training.loop import fit

CHECKOUT = Path(__file__).parents[3]
FEW = HeadSettings(
    train=6, validation=2, test=2, width_px=80, height_px=80, um_per_px=0.15,
    sperm_per_picture=(1, 2), seed=4,
)  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A few simulated pictures, as the tables that training reads."""
    folder = tmp_path_factory.mktemp("heads")
    params = load_morphology_params(CHECKOUT / "morphology" / "params.small.yaml")
    with contextlib.chdir(folder):
        simulate_heads(Path(params.data.folder), FEW)
        write_pictures(read_dataset(Path(params.data.folder), params.data))
    return folder, params


@pytest.fixture
def pictures(study, monkeypatch):
    monkeypatch.chdir(study[0])
    return read_pictures()


@pytest.fixture
def make_recipe(study, pictures):
    _, params = study
    small = params.experiments["small"]

    def make(epochs=2, **changes):
        model = dataclasses.replace(small.model, width=16, image_px=80, rois=16)
        shorter = dataclasses.replace(small.fit, epochs=epochs, warmup_epochs=0.0)
        experiment = dataclasses.replace(small, model=model, fit=shorter, **changes)
        anchors = fitted_anchors(pictures, 80)
        return Heads(experiment, params.data, anchors)

    return make


def split_of(pictures, split, classes):
    return as_samples([one for one in pictures if one.split == split], classes)


def test_a_fit_that_was_cut_short_ends_with_the_weights_of_one_that_was_not(
    study, pictures, make_recipe, tmp_path
):
    classes = study[1].data.classes
    train, choose = (split_of(pictures, one, classes) for one in (TRAIN, VALIDATION))
    whole = fit(train, make_recipe(), chooses=choose, on_epoch=lambda epoch: None)

    class Cut(Exception):
        pass

    def stop(epoch):
        if epoch.epoch == 1:
            raise Cut

    kept = Checkpoints(tmp_path, {})
    with pytest.raises(Cut):
        fit(train, make_recipe(), chooses=choose, on_epoch=stop, checkpoints=kept)
    again = fit(train, make_recipe(), chooses=choose, on_epoch=lambda _: None, checkpoints=kept)
    wanted = whole.model.state_dict()
    assert all(torch.equal(wanted[k], v) for k, v in again.model.state_dict().items())
    assert [one.valid for one in again.history] == [one.valid for one in whole.history]


def test_each_epoch_tells_all_terms_of_the_loss_and_the_precisions(study, pictures, make_recipe):
    classes = study[1].data.classes
    told = []
    train, choose = (split_of(pictures, one, classes) for one in (TRAIN, VALIDATION))
    fit(train, make_recipe(1), chooses=choose, on_epoch=told.append)
    (epoch,) = told
    assert set(epoch.train.branches) == {"class", "box", "mask", "rpn_class", "rpn_box"}
    assert epoch.train.total == pytest.approx(sum(epoch.train.branches.values()), rel=1e-5)
    known = set(epoch.valid.branches)
    assert known >= set(epoch.train.branches)
    assert known >= {"mask_ap", "mask_ap50.good", "box_ap75.good", "published_map"}
    assert known >= {"heads", "missed", "spurious", "found_share"}
    assert all(math.isfinite(value) for value in epoch.valid.branches.values())
    # Of equal precisions the lower loss is better.
    wanted = 1 - epoch.valid.branches["mask_ap"] + 1e-6 * epoch.valid.total
    assert epoch.valid.averaged == pytest.approx(wanted, abs=1e-9)


def test_an_epoch_may_have_fewer_steps_than_there_are_pictures(study, pictures, make_recipe):
    recipe = make_recipe(steps=1)
    assert recipe.at_most == recipe.fit.batch == 4
    assert make_recipe().at_most is None


def test_a_pool_has_as_many_pictures_of_each_class(study, pictures):
    classes = study[1].data.classes
    pool = fill_up(pictures, classes, 9, seed=1)
    labels = as_samples(pool, classes).labels
    assert labels.sum(dim=0).tolist() == [9.0, 9.0]
    own = [one.picture_id for one in pool]
    assert set(own) == {one.picture_id for one in pictures}  # 9 are more than there are of each
    assert own == [one.picture_id for one in fill_up(pictures, classes, 9, seed=1)]
    assert fill_up(pictures, classes, None, seed=1) == pictures


def test_what_is_found_stands_beside_the_picture_it_was_found_in(study, pictures, make_recipe):
    classes = study[1].data.classes
    recipe = make_recipe()
    model = recipe.start()
    feed = recipe.feed(as_samples(pictures, classes), torch.device("cpu"))
    found = detect_all(model, feed, pictures, batch=3)
    assert [one.picture_id for one in found] == [one.picture_id for one in pictures]
    assert {head.class_name for one in found for head in one.instances} <= set(classes)
    assert all(head.score < 1 for one in found for head in one.instances)


def test_without_heads_there_is_nothing_to_be_learnt(pictures):
    bare = [dataclasses.replace(one, instances=()) for one in pictures]
    with pytest.raises(FoldError, match="wanted pictures of the split train with heads, got none"):
        trainable(bare)


def test_a_published_run_also_leaves_what_is_found_as_its_code_evaluates(
    pictures, make_recipe, tmp_path
):
    plain = find_in(pictures, make_recipe().start(), make_recipe(), torch.device("cpu"))
    assert list(plain) == [PREDICTIONS_FILE]
    recipe = make_recipe(variant="published")
    both = find_in(pictures, recipe.start(), recipe, torch.device("cpu"))
    assert list(both) == [PREDICTIONS_FILE, AS_PUBLISHED_FILE]
    scores = [table["score"].sum() for table, _ in both.values()]
    assert scores[0] != scores[1]
