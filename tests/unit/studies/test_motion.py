import torch

from rostfine.studies.motion import shuffle


def test_shuffling_keeps_the_first_frame_and_every_other_once_each_clip_by_itself() -> None:
    clips = torch.arange(6.0).view(1, 1, 6, 1, 1).expand(50, 3, 6, 2, 2).contiguous()
    clips += torch.tensor([0.0, 100.0, 200.0]).view(1, 3, 1, 1, 1)
    shuffled = shuffle(clips, torch.Generator().manual_seed(0))
    order = shuffled[:, 0, :, 0, 0]
    assert torch.equal(order[:, 0], torch.zeros(50))
    assert torch.equal(order.sort(dim=1).values, torch.arange(6.0).expand(50, 6))
    assert len({tuple(row) for row in order.tolist()}) > 25
    assert torch.equal(shuffled, order.view(50, 1, 6, 1, 1) + clips[:, :, :1, :, :])
