"""TimeSformer with divided space-time attention, one clip at a time."""

from dataclasses import dataclass

import numpy as np

from plain.layers import Weights, attention, count, layer_norm, linear, mlp

NORM_EPS = 1e-6


@dataclass(frozen=True)
class Encoding:
    """All that the encoder computes; tokens as `token_of` counts them."""

    embedded: np.ndarray  # token, dim
    block_out: np.ndarray  # layer, token, dim
    tokens: np.ndarray  # token, dim
    time: np.ndarray  # layer, patch, head, frame, other frame
    space: np.ndarray  # layer, frame, head, token, other token; token = 1 + patch


def token_of(patch: int, frame: int, frames: int) -> int:
    """Where in the sequence a patch of a frame is: patches outside, frames inside."""
    return 1 + patch * frames + frame


def timesformer(
    clip: np.ndarray, weights: Weights, *, heads: int
) -> tuple[Encoding, np.ndarray, np.ndarray]:
    """Encode a clip; return that, the features (dim) and the logits (grade)."""
    encoding = encode(clip, weights, heads=heads)
    features = encoding.tokens[0]
    return encoding, features, linear(features, weights, "head.linear")


def encode(clip: np.ndarray, weights: Weights, *, heads: int) -> Encoding:
    """Embed a clip, pass it through all blocks, normalise."""
    frames = clip.shape[1]
    embedded = tokens = embed(clip, weights)
    block_out, time, space = [], [], []
    for depth in range(count(weights, "encoder.blocks.")):
        tokens, in_time, in_space = block(
            tokens, weights, f"encoder.blocks.{depth}", heads=heads, frames=frames
        )
        block_out.append(tokens)
        time.append(in_time)
        space.append(in_space)
    normed = layer_norm(tokens, weights, "encoder.norm", eps=NORM_EPS)
    return Encoding(embedded, np.stack(block_out), normed, np.stack(time), np.stack(space))


def embed(clip: np.ndarray, weights: Weights) -> np.ndarray:
    """Project the patches of each frame, add where and when they are (eqs. 1 and 2)."""
    kernel = weights["encoder.patch_embed.proj.weight"]  # dim, channel, row, col
    bias = weights["encoder.patch_embed.proj.bias"]
    size = kernel.shape[2]
    frames, down, across = clip.shape[1], clip.shape[2] // size, clip.shape[3] // size
    position = resized_positions(weights["encoder.pos_embed"][0], down, across)
    time = resized(weights["encoder.time_embed"][0], frames)
    tokens = np.empty((1 + down * across * frames, len(kernel)))
    tokens[0] = weights["encoder.cls_token"][0, 0] + position[0]
    for frame in range(frames):
        for row in range(down):
            for col in range(across):
                rows = slice(row * size, (row + 1) * size)
                cols = slice(col * size, (col + 1) * size)
                pixels = clip[:, frame, rows, cols]
                projected = (kernel * pixels).sum(axis=(1, 2, 3)) + bias
                patch = row * across + col
                here = projected + position[1 + patch] + time[frame]
                tokens[token_of(patch, frame, frames)] = here
    return tokens


def block(
    tokens: np.ndarray, weights: Weights, name: str, *, heads: int, frames: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Attention in time, then in space, then the MLP: new tokens and both maps (eq. 3)."""
    patches = (len(tokens) - 1) // frames

    timed, time_maps = tokens.copy(), []
    for patch in range(patches):
        rows = [token_of(patch, frame, frames) for frame in range(frames)]
        normed = layer_norm(tokens[rows], weights, f"{name}.temporal_norm1", eps=NORM_EPS)
        taken, maps = attention(normed, weights, f"{name}.temporal_attn", heads=heads)
        timed[rows] += linear(taken, weights, f"{name}.temporal_fc")
        time_maps.append(maps)

    spaced, space_maps = timed.copy(), []
    for frame in range(frames):
        rows = [0, *(token_of(patch, frame, frames) for patch in range(patches))]
        normed = layer_norm(timed[rows], weights, f"{name}.norm1", eps=NORM_EPS)
        taken, maps = attention(normed, weights, f"{name}.attn", heads=heads)
        spaced[rows[1:]] += taken[1:]
        spaced[0] += taken[0] / frames  # The class token takes the mean over frames.
        space_maps.append(maps)

    normed = layer_norm(spaced, weights, f"{name}.norm2", eps=NORM_EPS)
    out = spaced + mlp(normed, weights, f"{name}.mlp")
    return out, np.stack(time_maps), np.stack(space_maps)


def resized_positions(embed: np.ndarray, down: int, across: int) -> np.ndarray:
    """Positions of a square grid on another one: of each place, the nearest in two dimensions."""
    side = round((len(embed) - 1) ** 0.5)
    places = [embed[0]]
    for row in range(down):
        for col in range(across):
            places.append(embed[1 + (row * side // down) * side + col * side // across])
    return np.stack(places)


def resized(embed: np.ndarray, length: int) -> np.ndarray:
    """The nearest entry for each of `length`."""
    return np.stack([embed[index * len(embed) // length] for index in range(length)])
