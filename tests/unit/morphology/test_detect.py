import numpy as np
import pytest
import torch
from torchvision.models.detection.roi_heads import paste_masks_in_image

from rostfine.models.mask_rcnn import Found
from rostfine.morphology.detect import as_instances, paste
from rostfine.morphology.heads import decode

BOXES = [(5.3, 4.1, 30.2, 20.7), (-3.0, -2.0, 9.0, 12.5), (50.5, 30.1, 70.0, 60.0)]


@pytest.mark.parametrize("box", BOXES)
def test_a_mask_is_pasted_as_torchvision_pastes_it(box):
    y, x = np.mgrid[:28, :28]
    mask = np.exp(-(((x - 13) / 9) ** 2 + ((y - 15) / 6) ** 2)).astype(np.float32)
    size = (48, 64)
    boxes = torch.tensor([box]).float()
    theirs = paste_masks_in_image(torch.from_numpy(mask)[None, None], boxes, size)[0, 0] > 0.5
    ours = decode(paste(mask, boxes[0].numpy(), size))
    assert ours.sum() > 0
    # Two ways to interpolate: a pixel or two of the border may round the other way.
    assert (ours != theirs.numpy()).sum() <= 2


def test_what_is_found_has_the_names_of_its_classes_and_nothing_is_nothing():
    masks = torch.ones(2, 28, 28)
    boxes = torch.tensor([[1.0, 2.0, 11.0, 12.0], [20.0, 2.0, 30.0, 12.0]])
    found = Found(boxes, torch.tensor([2, 1]), torch.tensor([0.9, 0.4]), masks)
    first, second = as_instances(found, (20, 40), ("good", "bad"))
    assert (first.class_name, second.class_name) == ("bad", "good")
    assert first.box_px == (1.0, 2.0, 11.0, 12.0)
    assert second.score == pytest.approx(0.4)
    assert first.area_px == second.area_px > 0
    none = Found(boxes[:0], torch.tensor([]).long(), torch.tensor([]), masks[:0])
    assert as_instances(none, (20, 40), ("good", "bad")) == []
