"""Attention rollout (Abnar and Zuidema 2020, arXiv:2005.00928) in whole matrices.

A matrix (token, other token) says of each token how much of it comes from which other. Each layer
is half the token itself, its residual connection, and half what it attends to, heads averaged; the
rollout is the product of all layers. Tokens are those of the encoder, as `token_of` counts them.
"""

import numpy as np

from plain.rostfine import BRANCHES, Result
from plain.timesformer import Encoding, token_of


def encoder_rollout(encoding: Encoding) -> np.ndarray:
    """The rollout through all blocks of the encoder (token, other token)."""
    rolled = np.eye(len(encoding.tokens))
    for time, space in zip(encoding.time, encoding.space, strict=True):
        rolled = _half(in_space(space)) @ _half(in_time(time)) @ rolled
    return rolled


def in_time(maps: np.ndarray) -> np.ndarray:
    """Attention of every patch to itself in the other frames; the class token keeps itself."""
    patches, _, frames, _ = maps.shape
    matrix = np.zeros((1 + patches * frames, 1 + patches * frames))
    matrix[0, 0] = 1
    for patch in range(patches):
        averaged = maps[patch].mean(axis=0)
        for frame in range(frames):
            for other in range(frames):
                row, col = token_of(patch, frame, frames), token_of(patch, other, frames)
                matrix[row, col] = averaged[frame, other]
    return matrix


def in_space(maps: np.ndarray) -> np.ndarray:
    """Attention within each frame; the class token has the mean of its rows in all frames."""
    frames, _, tokens, _ = maps.shape
    patches = tokens - 1
    matrix = np.zeros((1 + patches * frames, 1 + patches * frames))
    for frame in range(frames):
        averaged = maps[frame].mean(axis=0)
        cols = [0, *(token_of(patch, frame, frames) for patch in range(patches))]
        matrix[0, cols] += averaged[0] / frames
        for patch in range(patches):
            matrix[token_of(patch, frame, frames), cols] = averaged[1 + patch]
    return matrix


def rostfine_rollout(result: Result, *, residual: bool = True) -> dict[str, np.ndarray]:
    """What the class token of each branch comes from (token), by branch name.

    `residual` says whether the blocks of the branches have residual connections.
    """
    encoder = encoder_rollout(result.encoding)
    starts = {
        "g": np.eye(len(encoder))[0],
        "s": _start_of_fgs(result, residual, len(encoder)),
        "t": _start_of_fgt(result, residual, len(encoder)),
    }
    return {name: starts[name] @ encoder for name in BRANCHES}


def _start_of_fgs(result: Result, residual: bool, tokens: int) -> np.ndarray:
    frames = len(result.taken)
    start = np.zeros(tokens)
    for frame in range(frames):
        row = _branch_rollout(result.fgs[:, frame], residual)[0]
        start[0] += row[0] / frames
        for k, token in enumerate(result.taken[frame]):
            start[token] += row[1 + k] / frames
    return start


def _start_of_fgt(result: Result, residual: bool, tokens: int) -> np.ndarray:
    row = _branch_rollout(result.fgt, residual)[0]
    start = np.zeros(tokens)
    start[0] = row[0]
    for position, token in enumerate(result.taken.ravel()):
        start[token] += row[1 + position]
    return start


def _branch_rollout(maps: np.ndarray, residual: bool) -> np.ndarray:
    rolled = np.eye(maps.shape[-1])
    for layer in maps:
        averaged = layer.mean(axis=0)
        rolled = (_half(averaged) if residual else averaged) @ rolled
    return rolled


def _half(matrix: np.ndarray) -> np.ndarray:
    return 0.5 * (np.eye(len(matrix)) + matrix)


def on_patches(row: np.ndarray, frames: int) -> np.ndarray:
    """The part of a rollout's row (token) that falls on patches (frame, patch)."""
    patches = (len(row) - 1) // frames
    picture = np.empty((frames, patches))
    for frame in range(frames):
        for patch in range(patches):
            picture[frame, patch] = row[token_of(patch, frame, frames)]
    return picture
