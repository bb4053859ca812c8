import numpy as np
import pytest
import torch

from rostfine.models.mask_rcnn import HeadBatch
from rostfine.morphology.change import Changing, change
from rostfine.morphology.params import ChangeParams

ALL = ChangeParams(share=1.0, flip=True, quarter=True, blur_px=0.0)


def batch(count=1):
    """Pictures of 20 x 30 px whose only bright place is the one head."""
    masks = torch.zeros(1, 20, 30, dtype=torch.uint8)
    masks[0, 3:8, 5:17] = 1
    image = (200 * masks).expand(3, -1, -1).clone()
    target = {"boxes": torch.tensor([[5.0, 3.0, 17.0, 8.0]]), "labels": torch.tensor([1])}
    return HeadBatch((image,) * count, ({**target, "masks": masks},) * count)


def box_of(mask):
    rows, cols = np.nonzero(mask.numpy())
    return [cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]


def test_picture_mask_and_box_move_together():
    torch.manual_seed(3)
    done = change(batch(40), ALL)
    shapes = set()
    for image, target in zip(done.images, done.targets, strict=True):
        (mask,), (box,) = target["masks"], target["boxes"]
        assert torch.equal(image[0] > 0, mask > 0)
        assert box.tolist() == box_of(mask)
        shapes.add((tuple(image.shape[1:]), tuple(box.tolist())))
    assert len(shapes) == 8  # four quarter turns, each mirrored or not


def test_only_a_share_is_changed():
    torch.manual_seed(1)
    done = change(batch(200), ChangeParams(share=0.5, flip=True, quarter=True, blur_px=0.0))
    same = sum(torch.equal(one, batch().images[0]) for one in done.images)
    # Half of them, and an eighth of the others, whose turn is none.
    assert same / 200 == pytest.approx(0.5 + 0.5 / 8, abs=0.1)


def test_blur_leaves_masks_and_the_sum_of_light_as_they_are():
    torch.manual_seed(0)
    given = batch(20)
    done = change(given, ChangeParams(share=1.0, flip=False, quarter=False, blur_px=4.0))
    assert all(torch.equal(one["masks"], given.targets[0]["masks"]) for one in done.targets)
    light = float(given.images[0].sum())
    assert [float(one.sum()) for one in done.images] == pytest.approx([light] * 20, rel=0.06)
    brightest = [int(one.max()) for one in done.images]
    assert min(brightest) < 150
    assert len(set(brightest)) > 5


def test_pictures_are_changed_while_training_only():
    seen = []

    class Network(torch.nn.Module):
        def forward(self, given):
            seen.append(given)

    model = Changing(Network(), ALL)
    given = batch(8)
    model.eval()(given)
    assert seen[-1] is given
    model.train()(given)
    assert seen[-1] is not given
