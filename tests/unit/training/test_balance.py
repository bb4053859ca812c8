import pytest
import torch

from rostfine.training.balance import draw_order, loss_weights

GRADES = torch.tensor([0] * 6 + [2] * 3 + [4])
"""Modal grades of ten clips; B and D do not occur."""


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def labels(repeats: int = 1) -> torch.Tensor:
    """Soft labels, whose mode is what counts."""
    grades = GRADES.repeat(repeats)
    return 0.1 + 0.5 * torch.nn.functional.one_hot(grades, 5).float()


@pytest.mark.parametrize("balance", ["none", "loss"])
def test_without_balanced_sampling_the_order_is_that_of_randperm(balance):
    ours, plain = generator(5), generator(5)
    assert torch.equal(draw_order(labels(), balance, ours), torch.randperm(10, generator=plain))
    assert torch.equal(ours.get_state(), plain.get_state())


def test_balanced_sampling_draws_each_grade_alike_and_each_clip_of_a_grade():
    order = draw_order(labels(600), "sampling", generator())
    assert order.shape == (6000,)
    shares = GRADES.repeat(600)[order].bincount(minlength=5) / 6000
    assert shares.tolist() == pytest.approx([1 / 3, 0, 1 / 3, 0, 1 / 3], abs=0.02)
    clips = (order % 10).bincount(minlength=10) / 6000
    wanted = [1 / 18] * 6 + [1 / 9] * 3 + [1 / 3]
    assert clips.tolist() == pytest.approx(wanted, abs=0.02)


def test_balanced_sampling_takes_some_clips_more_than_once():
    order = draw_order(labels(), "sampling", generator())
    assert order.shape == (10,)
    assert len(order.unique()) < 10


@pytest.mark.parametrize("balance", ["none", "sampling"])
def test_the_generator_alone_decides_the_order(balance):
    many = labels(10)
    torch.manual_seed(1)
    first = draw_order(many, balance, generator(3))
    torch.manual_seed(2)
    assert torch.equal(first, draw_order(many, balance, generator(3)))
    assert not torch.equal(first, draw_order(many, balance, generator(4)))


def test_loss_weights_are_1_on_average_and_sum_to_the_same_in_each_grade():
    weights = loss_weights(labels(), "loss")
    assert weights is not None
    assert weights.mean().item() == pytest.approx(1)
    wanted = [10 / 18] * 6 + [10 / 9] * 3 + [10 / 3]
    assert weights.tolist() == pytest.approx(wanted)


@pytest.mark.parametrize("balance", ["none", "sampling"])
def test_other_ways_to_balance_weigh_no_loss(balance):
    assert loss_weights(labels(), balance) is None
