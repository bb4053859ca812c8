import numpy as np
import pytest
import torch

from rostfine.clips.transforms import PIXEL_MEAN, PIXEL_STD, frame_indices, to_input
from rostfine.losses import LOSSES, diversity
from rostfine.metrics import METRICS, balanced_accuracy
from rostfine.params import InputParams


@pytest.fixture
def known(arrays):
    return arrays("metrics_losses_data")


@pytest.mark.parametrize("group", ["plain", "ties"])
def test_losses_are_the_reference_ones_within_1e_6(known, group):
    predicted, label = (torch.from_numpy(known[f"{group}/{k}"]) for k in ("pred", "label"))
    for name, reference in (("mse", "official_loss_mse"), ("js", "paper_js"), ("emd", "paper_emd")):
        loss = LOSSES[name](predicted, label).item()
        assert loss == pytest.approx(float(known[f"{group}/{reference}"]), abs=1e-6), name


@pytest.mark.parametrize("group", ["plain", "ties"])
def test_metrics_are_the_reference_ones_within_1e_9(known, group):
    predicted, label = known[f"{group}/pred"], known[f"{group}/label"]
    js = METRICS["js"](predicted, label)
    np.testing.assert_allclose(js, known[f"{group}/paper_js_per_sample"], rtol=0, atol=1e-9)
    emd = METRICS["emd"](predicted, label).mean()
    assert emd == pytest.approx(float(known[f"{group}/paper_emd"]), abs=1e-9)
    mse = METRICS["mse"](predicted, label).mean()
    assert mse == pytest.approx(float(known[f"{group}/official_mse"]), abs=1e-8)


def test_the_gradient_of_mse_is_the_published_one_within_1e_7(known):
    predicted = torch.from_numpy(known["plain/pred"]).requires_grad_()
    LOSSES["mse"](predicted, torch.from_numpy(known["plain/label"])).backward()
    np.testing.assert_allclose(predicted.grad.numpy(), known["plain/grad_mse"], rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("rank", "published"), [(1, "5th"), (2, "4th"), (3, "3rd"), (4, "2nd"), (5, "1st")]
)
def test_rank_1_is_the_published_5th_where_no_grades_tie(known, rank, published):
    ours = balanced_accuracy(known["plain/pred"], known["plain/label"], rank)
    theirs = float(known[f"plain/official_bacc_{published}"])
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_diversity_of_two_branches_is_the_published_mean_absolute_cosine(known):
    features = torch.stack([torch.from_numpy(known[f"div/{k}"]) for k in "ab"])
    assert diversity(features).item() == pytest.approx(float(known["div/official"]), abs=1e-6)


@pytest.mark.parametrize(
    ("available", "wanted", "name"),
    [
        (16, 8, "frame_index_8_of_16"),
        (16, 16, "frame_index_16_of_16"),
        (16, 32, "frame_index_32_of_16"),
        (32, 8, "slow_index_8_of_32"),
    ],
)
def test_the_published_frames_are_picked(known, available, wanted, name):
    assert frame_indices(available, wanted).tolist() == known[f"input/{name}"].tolist()


def test_8_frames_of_22_px_are_the_published_input_within_1e_5(known):
    video = torch.from_numpy(known["input/video_thwc_uint8"])
    ours = to_input(video[None], InputParams(frames=8, image_px=22))[0]
    np.testing.assert_allclose(ours.numpy(), known["input/clip_cthw_8f_22px"], rtol=0, atol=1e-5)


def test_the_shorter_side_of_a_12_by_20_clip_becomes_22_px(known):
    video = torch.from_numpy(known["input/rect_thwc_uint8"])
    ours = to_input(video[None], InputParams(frames=2, image_px=22))[0].numpy()
    intensities = (ours * PIXEL_STD + PIXEL_MEAN) * 255
    np.testing.assert_allclose(intensities, known["input/rect_scaled_22"], rtol=0, atol=1e-3)
