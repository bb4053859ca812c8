"""RoSTFine, one clip at a time: as the paper has it, and with the faults of the published code."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from plain.layers import Weights, attention, count, layer_norm, linear, mlp, softmax
from plain.timesformer import Encoding, encode, token_of

NORM_EPS = 1e-5
"""Of the branches; the encoder has a smaller one."""

BRANCHES = ("g", "s", "t")


@dataclass(frozen=True)
class Settings:
    """What the weights do not tell. The last three are 2, False, False in the paper.

    In the published code they are 1, True, True.
    """

    heads: int
    branch_heads: int
    top_k: int
    attention_layers: int = 2
    token_order: bool = False
    bare_branches: bool = False


@dataclass(frozen=True)
class Result:
    """All that RoSTFine computes; by branch name what each branch has."""

    encoding: Encoding
    score: np.ndarray  # frame, patch
    selected: np.ndarray  # frame, k
    taken: np.ndarray  # frame, k: where in the sequence the selected tokens were read
    fgs: np.ndarray  # layer, frame, head, token, other token; token = 1 + k
    fgt: np.ndarray  # layer, head, token, other token; token = 1 + frame * top_k + k
    features: Mapping[str, np.ndarray]  # dim
    logits: Mapping[str, np.ndarray]  # grade

    @property
    def distributions(self) -> dict[str, np.ndarray]:
        """The grade distribution of each branch."""
        return {name: softmax(logits) for name, logits in self.logits.items()}

    @property
    def distribution(self) -> np.ndarray:
        """The mean of the branches (eq. 20)."""
        return sum(self.distributions.values()) / len(BRANCHES)


def rostfine(clip: np.ndarray, weights: Weights, settings: Settings) -> Result:
    """Encode, select, let both branches look, and predict from all three features."""
    frames, top_k = clip.shape[1], settings.top_k
    encoding = encode(clip, weights, heads=settings.heads)
    score = scores(encoding.space[-settings.attention_layers :])
    selected = np.argsort(-score, axis=1, kind="stable")[:, :top_k]
    patches = score.shape[1]
    taken = np.empty((frames, top_k), dtype=int)
    for frame in range(frames):
        for k, patch in enumerate(selected[frame]):
            taken[frame, k] = place(patch, frame, patches, frames, settings.token_order)
    cls, chosen = encoding.tokens[0], encoding.tokens[taken]

    in_frames, fgs = [], []
    for frame in range(frames):
        row = np.concatenate([cls[None], chosen[frame]])  # eq. 6
        out, maps = branch(row, weights, "fgs", settings)
        in_frames.append(out[0])
        fgs.append(maps)
    row = np.concatenate([cls[None], *chosen])  # eq. 9
    in_time, fgt = branch(row, weights, "fgt", settings)

    features = {"g": cls, "s": sum(in_frames) / frames, "t": in_time[0]}  # eqs. 8 and 11
    logits = {name: linear(features[name], weights, f"heads.{name}.linear") for name in BRANCHES}
    by_layer = np.stack(fgs, axis=1)
    return Result(encoding, score, selected, taken, by_layer, fgt, features, logits)


def published_picture(result: Result, weights: Weights, settings: Settings) -> np.ndarray:
    """What the published code draws (frame, patch): attention of the class token in FGS.

    Of the last block alone, on what enters the first: the blocks between are left out. Heads are
    summed; patches that are not selected have none.
    """
    picture = np.zeros_like(result.score)
    last = count(weights, "fgs.mhsa.") - 1
    for frame, patches in enumerate(result.selected):
        row = result.encoding.tokens[[0, *result.taken[frame]]]
        normed = layer_norm(row, weights, "fgs.norm1", eps=NORM_EPS)
        heads = settings.branch_heads
        _, maps = attention(normed, weights, f"fgs.mhsa.{last}", heads=heads, qkv_bias=False)
        picture[frame, patches] = maps[:, 0, 1:].sum(axis=0)
    return picture


def scores(space: np.ndarray) -> np.ndarray:
    """What the class token pays to each patch, over all layers and heads given (eq. 4)."""
    layers, frames, heads, tokens = space.shape[:4]
    total = np.zeros((frames, tokens - 1))
    for layer in range(layers):
        for head in range(heads):
            total += space[layer, :, head, 0, 1:]
    return total


def place(patch: int, frame: int, patches: int, frames: int, token_order: bool) -> int:
    """Where a selected token is read: under the fault as if frames came outside, not patches."""
    return 1 + frame * patches + patch if token_order else token_of(patch, frame, frames)


def branch(
    tokens: np.ndarray, weights: Weights, name: str, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """All blocks of FGS or FGT on one row of tokens: what comes out, and the maps by layer."""
    heads = settings.branch_heads
    if settings.bare_branches:
        return _bare_branch(tokens, weights, name, heads)
    maps = []
    for depth in range(count(weights, f"{name}.blocks.")):
        block = f"{name}.blocks.{depth}"
        normed = layer_norm(tokens, weights, f"{block}.norm1", eps=NORM_EPS)
        taken, found = attention(normed, weights, f"{block}.mhsa", heads=heads, qkv_bias=False)
        tokens = tokens + taken
        normed = layer_norm(tokens, weights, f"{block}.norm2", eps=NORM_EPS)
        tokens = tokens + mlp(normed, weights, f"{block}.mlp")  # eq. 10
        maps.append(found)
    return tokens, np.stack(maps)


def _bare_branch(
    tokens: np.ndarray, weights: Weights, name: str, heads: int
) -> tuple[np.ndarray, np.ndarray]:
    maps = []
    for depth in range(count(weights, f"{name}.mhsa.")):
        normed = layer_norm(tokens, weights, f"{name}.norm1", eps=NORM_EPS)
        mhsa = f"{name}.mhsa.{depth}"
        tokens, found = attention(normed, weights, mhsa, heads=heads, qkv_bias=False)
        maps.append(found)
    normed = layer_norm(tokens, weights, f"{name}.norm2", eps=NORM_EPS)
    return mlp(normed, weights, f"{name}.mlp"), np.stack(maps)
