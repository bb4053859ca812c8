import numpy as np
import pytest
import torch

from rostfine.clips.transforms import frame_indices, to_input
from rostfine.params import InputParams


@pytest.mark.parametrize(
    ("available", "wanted", "indices"),
    [
        (16, 8, [0, 2, 4, 6, 8, 10, 12, 15]),
        (16, 16, list(range(16))),
        (16, 1, [0]),
        (16, 2, [0, 15]),
        (3, 6, [0, 0, 0, 1, 1, 2]),
        (1, 3, [0, 0, 0]),
    ],
)
def test_frames_are_spread_from_first_to_last_and_rounded_down(available, wanted, indices):
    assert frame_indices(available, wanted).tolist() == indices


def test_intensities_0_and_255_become_minus_2_and_2_4444():
    clips = torch.zeros(1, 2, 8, 8, 3, dtype=torch.uint8)
    clips[:, 1] = 255
    ours = to_input(clips, InputParams(frames=2, image_px=8, speed=None))
    assert ours[0, :, 0].unique().tolist() == pytest.approx([-2], abs=1e-6)
    assert ours[0, :, 1].unique().tolist() == pytest.approx([0.55 / 0.225], abs=1e-6)


def test_each_pixel_stays_in_its_clip_colour_frame_row_and_column():
    rng = np.random.default_rng(0)
    clips = torch.from_numpy(rng.integers(0, 256, (2, 16, 6, 6, 3), dtype=np.uint8))
    ours = to_input(clips, InputParams(frames=8, image_px=6, speed=None))
    assert ours.shape == (2, 3, 8, 6, 6)
    back = ((ours * 0.225 + 0.45) * 255).round().to(torch.uint8)
    assert torch.equal(back.permute(0, 2, 3, 4, 1), clips[:, [0, 2, 4, 6, 8, 10, 12, 15]])


def test_growing_is_bilinear_between_pixel_centres():
    clips = torch.zeros(1, 1, 2, 2, 3, dtype=torch.uint8)
    clips[..., 1, :] = 200
    ours = (to_input(clips, InputParams(frames=1, image_px=4, speed=None)) * 0.225 + 0.45) * 255
    assert ours[0, 0, 0, 0].tolist() == pytest.approx([0, 50, 150, 200], abs=1e-3)


def test_shrinking_keeps_the_mean_of_a_line_one_pixel_wide():
    clips = torch.zeros(1, 1, 150, 150, 3, dtype=torch.uint8)
    for col in range(60, 90, 3):
        line = clips.clone()
        line[..., col, :] = 255
        ours = (to_input(line, InputParams(frames=1, image_px=50, speed=None)) * 0.225 + 0.45) * 255
        assert ours.sum(dim=-1).mean().item() == pytest.approx(255 / 3, rel=0.01)


@pytest.mark.parametrize(("rows", "cols", "size"), [(12, 20, (22, 36)), (20, 12, (36, 22))])
def test_the_shorter_side_becomes_22_px_and_the_other_keeps_the_ratio(rows, cols, size):
    clips = torch.zeros(1, 2, rows, cols, 3, dtype=torch.uint8)
    assert to_input(clips, InputParams(frames=2, image_px=22, speed=None)).shape == (1, 3, 2, *size)


def test_to_input_leaves_the_stored_clips_as_they_are():
    clips = torch.full((1, 2, 8, 8, 3), 7, dtype=torch.uint8)
    to_input(clips, InputParams(frames=2, image_px=8, speed=None))
    assert (clips == 7).all()
