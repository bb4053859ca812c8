"""Seeded weights by the names of the library's parameters, clips and labels, at a small size."""

from collections.abc import Iterator

import numpy as np

DIM, DEPTH, HEADS, PATCH_PX, MLP_RATIO = 24, 3, 3, 4, 2
FRAMES, IMAGE_PX, GRADES = 3, 16, 5
TOP_K, BRANCH_DEPTH, BRANCH_HEADS = 3, 2, 4

Named = Iterator[tuple[str, np.ndarray]]


def draw_weights(rng: np.random.Generator) -> Named:
    """Draw all weights of all models; none is zero."""
    yield from _embedding(rng)
    for depth in range(DEPTH):
        yield from _block(rng, f"encoder.blocks.{depth}")
    yield from _norm(rng, "encoder.norm")
    for head in ("head", "heads.g", "heads.s", "heads.t"):
        yield from _linear(rng, f"{head}.linear", GRADES, DIM)
    for branch in ("fgs", "fgt"):
        yield from _branch(rng, branch)
        yield from _bare_branch(rng, branch)


def draw_clips(rng: np.random.Generator) -> Named:
    """Draw two clips (sample, channel, frame, row, col), and two of other sizes and lengths."""
    yield "clip", rng.standard_normal((2, 3, FRAMES, IMAGE_PX, IMAGE_PX))
    yield "clip_longer", rng.standard_normal((1, 3, 5, 24, 20))
    yield "clip_shorter", rng.standard_normal((1, 3, 2, 12, 16))


def draw_labels(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Draw shares of 40 votes (sample, grade); some grades have none, some as many as others."""
    return rng.multinomial(40, [0.1, 0.3, 0.5, 0.08, 0.02], samples) / 40


def _embedding(rng: np.random.Generator) -> Named:
    patches = (IMAGE_PX // PATCH_PX) ** 2
    yield "encoder.cls_token", _noise(rng, 1, 1, DIM, std=0.5)
    yield "encoder.pos_embed", _noise(rng, 1, 1 + patches, DIM, std=0.5)
    yield "encoder.time_embed", _noise(rng, 1, FRAMES, DIM, std=0.5)
    kernel = (DIM, 3, PATCH_PX, PATCH_PX)
    yield "encoder.patch_embed.proj.weight", _noise(rng, *kernel, std=(3 * PATCH_PX**2) ** -0.5)
    yield "encoder.patch_embed.proj.bias", _noise(rng, DIM, std=0.2)


def _block(rng: np.random.Generator, name: str) -> Named:
    for part in ("temporal_norm1", "norm1", "norm2"):
        yield from _norm(rng, f"{name}.{part}")
    for part in ("temporal_attn", "attn"):
        yield from _attention(rng, f"{name}.{part}", qkv_bias=True)
    yield from _linear(rng, f"{name}.temporal_fc", DIM, DIM)
    yield from _mlp(rng, f"{name}.mlp", MLP_RATIO)


def _branch(rng: np.random.Generator, name: str) -> Named:
    for depth in range(BRANCH_DEPTH):
        block = f"{name}.blocks.{depth}"
        yield from _norm(rng, f"{block}.norm1")
        yield from _attention(rng, f"{block}.mhsa", qkv_bias=False)
        yield from _norm(rng, f"{block}.norm2")
        yield from _mlp(rng, f"{block}.mlp", 1)


def _bare_branch(rng: np.random.Generator, name: str) -> Named:
    yield from _norm(rng, f"{name}.norm1")
    for depth in range(BRANCH_DEPTH):
        yield from _attention(rng, f"{name}.mhsa.{depth}", qkv_bias=False)
    yield from _norm(rng, f"{name}.norm2")
    yield from _mlp(rng, f"{name}.mlp", 1)


def _attention(rng: np.random.Generator, name: str, *, qkv_bias: bool) -> Named:
    # Twice as strong as the rest, so that attention has peaks.
    yield from _linear(rng, f"{name}.qkv", 3 * DIM, DIM, gain=2, bias=qkv_bias)
    yield from _linear(rng, f"{name}.proj", DIM, DIM)


def _mlp(rng: np.random.Generator, name: str, ratio: int) -> Named:
    yield from _linear(rng, f"{name}.fc1", ratio * DIM, DIM)
    yield from _linear(rng, f"{name}.fc2", DIM, ratio * DIM)


def _linear(
    rng: np.random.Generator, name: str, out: int, into: int, *, gain: float = 1, bias: bool = True
) -> Named:
    yield f"{name}.weight", _noise(rng, out, into, std=gain * into**-0.5)
    if bias:
        yield f"{name}.bias", _noise(rng, out, std=0.2)


def _norm(rng: np.random.Generator, name: str) -> Named:
    yield f"{name}.weight", 1 + _noise(rng, DIM, std=0.2)
    yield f"{name}.bias", _noise(rng, DIM, std=0.2)


def _noise(rng: np.random.Generator, *shape: int, std: float) -> np.ndarray:
    return std * rng.standard_normal(shape)
