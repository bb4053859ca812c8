import pytest
import torch

from rostfine.models.outputs import Maps, ModelOutput

BATCH, LAYERS, FRAMES, PATCHES, HEADS = 2, 3, 4, 9, 2
BLOCKS, BRANCH_HEADS, K = 2, 3, 2


def random_maps(*shape):
    """Return maps of these axes, whose rows sum to 1 and are far from even."""
    return (2 * torch.randn(*shape, dtype=torch.float64)).softmax(dim=-1)


@pytest.fixture(params=["rostfine", "timesformer"])
def output(request) -> ModelOutput:
    """Random maps of two clips of 4 frames of 3 x 3 patches."""
    torch.manual_seed(0)
    return make_output(with_branches=request.param == "rostfine")


@pytest.fixture
def rostfine() -> ModelOutput:
    """The same, of RoSTFine."""
    torch.manual_seed(0)
    return make_output(with_branches=True)


def make_output(*, with_branches: bool) -> ModelOutput:
    names = ("g", "s", "t") if with_branches else ("g",)
    in_frame, in_clip = 1 + K, 1 + FRAMES * K
    return ModelOutput(
        logits=torch.zeros(len(names), BATCH, 5),
        branches=names,
        features={name: torch.zeros(BATCH, 8) for name in names},
        selected=torch.rand(BATCH, FRAMES, PATCHES).topk(K).indices if with_branches else None,
        maps=Maps(
            time=random_maps(BATCH, LAYERS, PATCHES, HEADS, FRAMES, FRAMES),
            space=random_maps(BATCH, LAYERS, FRAMES, HEADS, 1 + PATCHES, 1 + PATCHES),
            fgs=random_maps(BATCH, BLOCKS, FRAMES, BRANCH_HEADS, in_frame, in_frame)
            if with_branches
            else None,
            fgt=random_maps(BATCH, BLOCKS, BRANCH_HEADS, in_clip, in_clip)
            if with_branches
            else None,
        ),
    )
