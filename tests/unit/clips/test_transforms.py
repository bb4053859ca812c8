import numpy as np
import pytest
import torch

from rostfine.clips.transforms import augment, frame_indices, to_input
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


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def laid(square: torch.Tensor) -> list[torch.Tensor]:
    """The eight ways to lay a square on itself."""
    turned = [torch.rot90(square, turns, (-2, -1)) for turns in range(4)]
    return turned + [one.flip(-1) for one in turned]


def standardised(clip: torch.Tensor) -> torch.Tensor:
    """Without what brightness and contrast change."""
    return (clip - clip.mean()) / clip.std()


def test_each_of_the_8_ways_to_lay_a_square_comes_up_an_eighth_of_the_time():
    clip = torch.randn(3, 2, 5, 5)
    many = augment(clip.expand(1600, -1, -1, -1, -1), generator())
    counts = [0] * 8
    for one in many:
        differences = [(standardised(one) - standardised(way)).abs().max() for way in laid(clip)]
        way = int(torch.stack(differences).argmin())
        assert differences[way] < 1e-4  # all frames and colours alike
        counts[way] += 1
    assert min(counts) > 150
    assert max(counts) < 250


def test_a_clip_that_is_not_square_is_only_flipped():
    clip = torch.randn(3, 2, 4, 6)
    many = augment(clip.expand(200, -1, -1, -1, -1), generator())
    found = set()
    flips = [clip, clip.flip(-1), clip.flip(-2), clip.flip(-1, -2)]
    for one in many:
        differences = [(standardised(one) - standardised(way)).abs().max() for way in flips]
        found.add(int(torch.stack(differences).argmin()))
        assert min(differences) < 1e-4
    assert found == {0, 1, 2, 3}


def test_brightness_moves_by_up_to_a_tenth_and_contrast_by_up_to_a_fifth():
    clips = (3 + torch.randn(1, 3, 2, 6, 6)).expand(2000, -1, -1, -1, -1)
    changed = augment(clips, generator())
    brighter = (changed.mean(dim=(1, 2, 3, 4)) - clips[0].mean()) * 0.225
    assert brighter.abs().max().item() == pytest.approx(0.1, abs=0.002)
    assert brighter.mean().item() == pytest.approx(0, abs=0.005)
    contrast = changed.flatten(1).std(dim=1) / clips[0].std()
    assert contrast.min().item() == pytest.approx(0.8, abs=0.005)
    assert contrast.max().item() == pytest.approx(1.2, abs=0.005)


def test_the_generator_alone_decides_and_the_clips_stay_as_they_are():
    clips = torch.randn(4, 3, 2, 6, 6)
    before = clips.clone()
    torch.manual_seed(1)
    first = augment(clips, generator(3))
    torch.manual_seed(2)
    assert torch.equal(first, augment(clips, generator(3)))
    assert not torch.equal(first, augment(clips, generator(4)))
    assert torch.equal(clips, before)
