import dataclasses

import numpy as np
import pytest
import torch
from scipy import ndimage

from rostfine.clips.augment import Draws, augment, draw
from rostfine.params import AugmentParams

STILL = AugmentParams("none", flip=False, shift=0.0, brightness=0.0, contrast=0.0, blur_px=0.0)
QUARTER = dataclasses.replace(STILL, turn="quarter", flip=True)
ANY = dataclasses.replace(STILL, turn="any", flip=True)
SHIFT = dataclasses.replace(STILL, shift=0.4)
LIT = dataclasses.replace(STILL, brightness=0.1, contrast=0.2)
BLUR = dataclasses.replace(STILL, blur_px=1.0)
EVERYTHING = AugmentParams("any", flip=True, shift=0.1, brightness=0.1, contrast=0.2, blur_px=1.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int = 1, rows: int = 12, cols: int = 12, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, 3, 2, rows, cols, generator=generator(seed)).repeat(count, 1, 1, 1, 1)


def drawn(count: int = 1, **values: float) -> Draws:
    """Draws that change nothing but what is named."""
    rest = draw(count, STILL, generator())
    return dataclasses.replace(
        rest, **{key: torch.tensor([v] * count) for key, v in values.items()}
    )


def laid(clip: torch.Tensor) -> list[torch.Tensor]:
    """Turned by 0 to 3 quarters anticlockwise, each as it is and then mirrored left to right."""
    turned = [torch.rot90(clip, quarters, (-2, -1)) for quarters in range(4)]
    return [one for way in turned for one in (way, way.flip(-1))]


def count_ways(changed: torch.Tensor, ways: list[torch.Tensor]) -> list[int]:
    """How many clips are exactly the first of the ways, the second, ...; no other may occur."""
    counts = [int((changed == way).flatten(1).all(dim=1).sum()) for way in ways]
    assert sum(counts) == len(changed)
    return counts


def test_each_of_the_8_ways_to_lay_a_square_comes_up_an_eighth_of_the_time():
    changed = augment(noise(1600), draw(1600, QUARTER, generator()), QUARTER)
    counts = count_ways(changed, laid(noise()[0]))
    assert min(counts) > 150
    assert max(counts) < 250


def test_a_clip_that_is_not_square_is_turned_by_halves_and_flipped():
    changed = augment(noise(800, 4, 6), draw(800, QUARTER, generator()), QUARTER)
    clip = noise(1, 4, 6)[0]
    ways = [clip, clip.flip(-1), clip.flip(-2), clip.flip(-1, -2)]
    assert min(count_ways(changed, ways)) > 150


@pytest.mark.parametrize(
    ("turn", "flip", "ways"), [("none", True, [0, 1]), ("quarter", False, [0, 2, 4, 6])]
)
def test_turns_and_flips_are_switched_on_apart(turn, flip, ways):
    params = dataclasses.replace(STILL, turn=turn, flip=flip)
    changed = augment(noise(1600), draw(1600, params, generator()), params)
    counts = count_ways(changed, [laid(noise()[0])[way] for way in ways])
    assert min(counts) > 0.9 * 1600 / len(ways)


@pytest.mark.parametrize("flip", [0.0, 1.0])
@pytest.mark.parametrize("quarters", range(4))
def test_a_turn_by_an_angle_that_is_a_quarter_lays_the_pixels_alike(quarters, flip):
    draws = drawn(turn=quarters / 4, flip=flip)
    exact = laid(noise()[0])[2 * quarters + int(flip)]
    assert torch.equal(augment(noise(), draws, QUARTER)[0], exact)
    torch.testing.assert_close(augment(noise(), draws, ANY)[0], exact, atol=1e-4, rtol=0)


def test_a_turn_is_anticlockwise_about_the_centre_also_of_a_frame_that_is_not_square():
    row, col = torch.meshgrid(torch.arange(30.0), torch.arange(40.0), indexing="ij")
    blob = torch.exp(-((row - 14.5) ** 2 + (col - 27.5) ** 2) / 2)  # 8 right of the centre
    up = augment(blob.expand(1, 3, 2, -1, -1), drawn(turn=30 / 360), ANY)[0, 0, 0]
    centre = [float((up * place).sum() / up.sum()) for place in (row, col)]
    assert centre == pytest.approx([14.5 - 4, 19.5 + 8 * 0.75**0.5], abs=0.02)


def test_flip_comes_after_the_turn_and_the_shift_after_both():
    flipped, shift = dataclasses.replace(ANY, shift=0.5), 3 / 12
    found = augment(noise(), drawn(turn=0.25, flip=1.0, right=shift), flipped)[0]
    wanted = torch.rot90(noise()[0], 1, (-2, -1)).flip(-1)[..., :-3]
    torch.testing.assert_close(found[..., 3:], wanted, atol=1e-4, rtol=0)


def test_a_shift_is_between_pixels_and_mirrors_what_comes_in():
    ramp = torch.arange(10.0).expand(1, 3, 2, 20, -1)
    right = augment(ramp, drawn(right=0.25), SHIFT)[0, 0, 0, 7]
    assert right.tolist() == pytest.approx(
        [1.5, 0.5, 0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5], abs=1e-5
    )
    down = augment(ramp.mT, drawn(down=0.25), SHIFT)[0, 0, 0, :, 7]
    assert torch.allclose(down, right)


def test_shifts_fill_the_range_both_ways():
    draws = draw(4000, SHIFT, generator())
    for shift in (draws.down, draws.right):
        assert shift.abs().max().item() == pytest.approx(0.4, abs=1e-3)
        assert shift.mean().item() == pytest.approx(0, abs=0.015)
        assert shift.std().item() == pytest.approx(0.4 / 3**0.5, rel=0.05)


@pytest.mark.parametrize("sd_px", [0.3, 1.0])
def test_blur_is_that_of_scipy_in_each_frame(sd_px):
    clips = noise(1, 10, 14)
    found = augment(clips, drawn(blur_px=sd_px), BLUR)
    sds = (0, 0, 0, sd_px, sd_px)
    wanted = ndimage.gaussian_filter(clips.numpy(), sds, mode="nearest", radius=(0, 0, 0, 3, 3))
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)


def test_no_blur_at_all_leaves_each_pixel_as_it_is():
    assert torch.equal(augment(noise(), drawn(blur_px=0.0), BLUR), noise())


def test_each_clip_has_a_blur_of_its_own_up_to_the_most():
    draws = draw(1000, BLUR, generator())
    assert draws.blur_px.min().item() == pytest.approx(0, abs=0.01)
    assert draws.blur_px.max().item() == pytest.approx(1, abs=0.01)
    spread = augment(noise(1000), draws, BLUR).flatten(1).std(dim=1)
    assert bool((spread[draws.blur_px.argsort()].diff() < 1e-6).all())


def test_brightness_moves_by_up_to_a_tenth_and_contrast_by_up_to_a_fifth():
    clips = 3 + noise(2000)
    changed = augment(clips, draw(2000, LIT, generator()), LIT)
    brighter = (changed.mean(dim=(1, 2, 3, 4)) - clips[0].mean()) * 0.225
    assert brighter.abs().max().item() == pytest.approx(0.1, abs=0.002)
    assert brighter.mean().item() == pytest.approx(0, abs=0.005)
    contrast = changed.flatten(1).std(dim=1) / clips[0].std()
    assert contrast.min().item() == pytest.approx(0.8, abs=0.005)
    assert contrast.max().item() == pytest.approx(1.2, abs=0.005)


def test_contrast_is_about_the_mean_of_the_whole_clip():
    clips = noise() + torch.arange(2.0).view(2, 1, 1)
    found = augment(clips, drawn(contrast=1.2, brighter=0.1), LIT)
    wanted = clips.mean() + 1.2 * (clips - clips.mean()) + 0.1 / 0.225
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("params", [QUARTER, EVERYTHING])
def test_all_frames_and_colours_of_a_clip_change_alike(params):
    clips = noise(6)[:, :1, :1].expand(-1, 3, 4, -1, -1)
    changed = augment(clips, draw(6, params, generator()), params)
    assert torch.equal(changed, changed[:, :1, :1].expand_as(changed))


@pytest.mark.parametrize(("rows", "cols"), [(40, 40), (24, 40)])
@pytest.mark.parametrize(
    "params", [EVERYTHING, dataclasses.replace(EVERYTHING, turn="quarter", shift=0.0)]
)
def test_a_clip_changes_alike_alone_and_among_others(params, rows, cols):
    clips = torch.randn(5, 3, 4, rows, cols, generator=generator())
    draws = draw(5, params, generator(1))
    together = augment(clips, draws, params)
    parts = [augment(clips[part], draws.take(part), params) for part in (slice(0, 1), slice(1, 5))]
    torch.testing.assert_close(torch.cat(parts), together, atol=1e-6, rtol=0)
    some = torch.tensor([3, 0])
    found = augment(clips[some], draws.take(some), params)
    torch.testing.assert_close(found, together[some], atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(AugmentParams)])
def test_a_setting_moves_no_draws_but_its_own(name):
    ours = {"brightness": ["brighter"], "shift": ["down", "right"]}.get(name, [name])
    without = dataclasses.replace(EVERYTHING, **{name: getattr(STILL, name)})
    numbers, sources = draw(20, EVERYTHING, generator()), (generator(), generator())
    fewer = draw(20, without, sources[0])
    changed = [k for k, v in vars(numbers).items() if not torch.equal(v, getattr(fewer, k))]
    assert changed == ours
    draw(20, EVERYTHING, sources[1])
    assert torch.equal(sources[0].get_state(), sources[1].get_state())


def test_the_generator_alone_decides_and_the_clips_stay_as_they_are():
    clips = torch.randn(4, 3, 2, 6, 6)
    before = clips.clone()
    torch.manual_seed(1)
    first = augment(clips, draw(4, EVERYTHING, generator(3)), EVERYTHING)
    torch.manual_seed(2)
    assert torch.equal(first, augment(clips, draw(4, EVERYTHING, generator(3)), EVERYTHING))
    assert not torch.equal(first, augment(clips, draw(4, EVERYTHING, generator(4)), EVERYTHING))
    assert torch.equal(clips, before)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("params", [QUARTER, EVERYTHING])
def test_clips_on_a_gpu_stay_there_and_change_alike(params):
    clips = torch.randn(5, 3, 4, 40, 40, generator=generator())
    draws = draw(5, params, generator(1))
    found = augment(clips.cuda(), draws, params)
    assert found.is_cuda
    torch.testing.assert_close(found.cpu(), augment(clips, draws, params), atol=1e-4, rtol=0)
