import numpy as np
import pytest
import torch

from rostfine.clips.transforms import PIXEL_MEAN, PIXEL_STD, frame_indices, to_input
from rostfine.evaluation.definitions import compute_scores
from rostfine.labels.folds import make_folds
from rostfine.losses import LOSSES, diversity, losses_of
from rostfine.metrics import METRICS, balanced_accuracy, evaluate_variant, grades_by_share
from rostfine.params import FoldParams, InputParams
from rostfine.variants import PUBLISHED, PUBLISHED_LABEL_SHIFT


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


@pytest.mark.parametrize("group", ["plain", "ties"])
def test_the_published_ranks_js_and_losses_are_reproduced_by_the_variant(known, group):
    predicted, label = known[f"{group}/pred"], known[f"{group}/label"]
    ours = evaluate_variant(predicted, label, PUBLISHED)
    assert ours["js"] == pytest.approx(float(known[f"{group}/official_js"]), abs=1e-6)
    assert ours["js"] == pytest.approx(float(known[f"{group}/official_metric_js"]), abs=1e-6)
    assert ours["mse"] == pytest.approx(float(known[f"{group}/official_mse"]), abs=1e-7)
    assert ours["hi"] == pytest.approx(float(known[f"{group}/paper_hi"]), abs=1e-9)
    published = ("1st", "2nd", "3rd", "4th", "5th")
    accuracies = [float(known[f"{group}/official_bacc_{rank}"]) for rank in published]
    assert [ours[f"bacc_{n}"] for n in range(1, 6)] == pytest.approx(accuracies, abs=1e-9)
    mean = float(known[f"{group}/official_bacc_avg"])
    assert np.mean(accuracies) == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize("group", ["plain", "ties"])
def test_the_tables_have_hi_and_the_published_order_beside_the_paper_s(known, group):
    predicted, label = known[f"{group}/pred"], known[f"{group}/label"]
    ours = {name: score.value() for name, score in compute_scores(predicted, label).items()}
    assert ours["hi"] == pytest.approx(float(known[f"{group}/paper_hi"]), abs=1e-9)
    for number, rank in enumerate(("1st", "2nd", "3rd", "4th", "5th"), start=1):
        theirs = float(known[f"{group}/official_bacc_{rank}"])
        assert ours[f"published_bacc_{number}"] == pytest.approx(theirs, abs=1e-9)
    mean = float(known[f"{group}/official_bacc_avg"])
    assert ours["published_bacc_mean"] == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize("group", ["plain", "ties"])
def test_grades_are_ordered_as_published(known, group):
    for name in ("pred", "label"):
        ascending = grades_by_share(-known[f"{group}/{name}"])
        assert np.array_equal(ascending, known[f"{group}/official_order_{name}"])


def test_the_published_js_loss_its_two_terms_and_its_gradient_are_reproduced(known):
    label, loss = torch.from_numpy(known["plain/label"]), losses_of(PUBLISHED)["js"]
    predicted = torch.from_numpy(known["plain/pred"]).requires_grad_()
    found = loss(predicted, label)
    found.backward()
    assert found.item() == pytest.approx(float(known["plain/official_loss_js"]), abs=1e-6)
    np.testing.assert_allclose(predicted.grad.numpy(), known["plain/grad_js"], rtol=0, atol=1e-6)
    terms = float(known["plain/kl_y_m"]) + float(known["plain/kl_p_m"]) / 2
    assert found.item() == pytest.approx(terms, abs=1e-6)
    ties = {k: torch.from_numpy(known[f"ties/{k}"]) for k in ("pred", "label")}
    of_ties = loss(ties["pred"], ties["label"]).item()
    assert of_ties == pytest.approx(float(known["ties/official_loss_js"]), abs=1e-6)


def test_the_losses_of_shifted_labels_are_the_published_ones(known):
    predicted = torch.from_numpy(known["ties/pred"])
    shifted = torch.from_numpy(known["ties/label"]) + PUBLISHED_LABEL_SHIFT
    for name, loss in losses_of(PUBLISHED).items():
        if name in {"mse", "js"}:
            wanted = float(known[f"ties/official_loss_{name}_shifted_label"])
            assert loss(predicted, shifted).item() == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("count", [23, 615])
def test_the_published_folds_hold_out_the_published_samples(known, count):
    samples = [f"s{i:03}" for i in range(count)]
    params = FoldParams("published", k=5, seed=123)
    folds = make_folds(samples, ["C"] * count, samples, params)["fold"].to_numpy()
    for number in range(5):
        held_out = np.flatnonzero(folds == number)
        assert np.array_equal(held_out, np.sort(known[f"kfold/{count}_test_{number}"]))


def test_diversity_of_two_branches_is_the_published_mean_absolute_cosine(known):
    features = {
        name: torch.from_numpy(known[f"div/{k}"]) for name, k in zip("gs", "ab", strict=True)
    }
    found = diversity(features, ["gs"]).item()
    assert found == pytest.approx(float(known["div/official"]), abs=1e-6)


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
    ours = to_input(video[None], InputParams(frames=8, image_px=22, speed=None))[0]
    np.testing.assert_allclose(ours.numpy(), known["input/clip_cthw_8f_22px"], rtol=0, atol=1e-5)


def test_the_shorter_side_of_a_12_by_20_clip_becomes_22_px(known):
    video = torch.from_numpy(known["input/rect_thwc_uint8"])
    ours = to_input(video[None], InputParams(frames=2, image_px=22, speed=None))[0].numpy()
    intensities = (ours * PIXEL_STD + PIXEL_MEAN) * 255
    np.testing.assert_allclose(intensities, known["input/rect_scaled_22"], rtol=0, atol=1e-3)
