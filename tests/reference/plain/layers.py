"""Layers of a vision transformer on one row of tokens (token, dim)."""

import math
from collections.abc import Mapping

import numpy as np

Weights = Mapping[str, np.ndarray]

_erf = np.vectorize(math.erf, otypes=[float])


def linear(tokens: np.ndarray, weights: Weights, name: str, *, bias: bool = True) -> np.ndarray:
    """x W^T + b."""
    product = tokens @ weights[f"{name}.weight"].T
    return product + weights[f"{name}.bias"] if bias else product


def layer_norm(tokens: np.ndarray, weights: Weights, name: str, *, eps: float) -> np.ndarray:
    """Each token with mean 0 and variance 1, then scaled and shifted."""
    mean = tokens.mean(axis=-1, keepdims=True)
    variance = ((tokens - mean) ** 2).mean(axis=-1, keepdims=True)
    normed = (tokens - mean) / np.sqrt(variance + eps)
    return normed * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def gelu(x: np.ndarray) -> np.ndarray:
    """The exact one: x times the normal distribution function."""
    return x * 0.5 * (1 + _erf(x / math.sqrt(2)))


def mlp(tokens: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    """Two linear layers with a GELU between them."""
    return linear(gelu(linear(tokens, weights, f"{name}.fc1")), weights, f"{name}.fc2")


def softmax(x: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def attention(
    tokens: np.ndarray, weights: Weights, name: str, *, heads: int, qkv_bias: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Multi-head self-attention: what each token takes, and the maps (head, token, other)."""
    dim = tokens.shape[1]
    width = dim // heads
    query, key, value = np.split(linear(tokens, weights, f"{name}.qkv", bias=qkv_bias), 3, axis=1)
    taken, maps = [], []
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        attended = softmax(query[:, part] @ key[:, part].T / math.sqrt(width))
        taken.append(attended @ value[:, part])
        maps.append(attended)
    return linear(np.concatenate(taken, axis=1), weights, f"{name}.proj"), np.stack(maps)


def count(weights: Weights, prefix: str) -> int:
    """How many numbered modules `prefix`0, `prefix`1, ... there are."""
    numbers = {name[len(prefix) :].split(".")[0] for name in weights if name.startswith(prefix)}
    return len(numbers)
