"""Write small/: seeded weights and clips, and what the plain float64 implementation makes of them.

Run it from anywhere after a change of plain/: python tests/reference/make_small.py
"""

import sys
from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
from plain import accuracy, losses
from plain.draw import (
    BRANCH_HEADS,
    GRADES,
    HEADS,
    TOP_K,
    draw_clips,
    draw_labels,
    draw_weights,
)
from plain.rollout import encoder_rollout, rostfine_rollout
from plain.rostfine import BRANCHES, Result, Settings, published_picture, rostfine
from plain.timesformer import timesformer

SMALL = Path(__file__).parent / "small"

SEED = 8
"""One with which no patch is selected, or comes before another, by less than 0.02 of attention."""

PAPER = Settings(HEADS, BRANCH_HEADS, TOP_K)
PUBLISHED = Settings(
    HEADS, BRANCH_HEADS, TOP_K, attention_layers=1, token_order=True, bare_branches=True
)

Arrays = dict[str, np.ndarray]


def main() -> None:
    """Write to the folder given, or to small/."""
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else SMALL)


def write(folder: Path) -> None:
    """Write every file of the set."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    # Half precision: exact in float32 and float64, and small on disk.
    weights = {name: value.astype(np.float16) for name, value in draw_weights(rng)}
    inputs = {name: value.astype(np.float16) for name, value in draw_clips(rng)}
    exact = {name: value.astype(np.float64) for name, value in (weights | inputs).items()}
    label = draw_labels(rng, len(inputs["clip"]))
    files = {
        "weights": weights,
        "inputs": inputs | {"label": label},
        "timesformer": timesformer_numbers(exact),
        "paper": rostfine_numbers(exact, label, PAPER),
        "published": rostfine_numbers(exact, label, PUBLISHED),
        "losses": loss_numbers(rng),
    }
    for name, arrays in files.items():
        np.savez_compressed(folder / f"{name}.npz", **arrays)


def timesformer_numbers(exact: Mapping[str, np.ndarray]) -> Arrays:
    """All that TimeSformer makes of the clips."""

    def of(clip: np.ndarray) -> Arrays:
        encoding, features, logits = timesformer(clip, exact, heads=HEADS)
        rollout = encoder_rollout(encoding)[0]
        named = {"features": features, "logits": logits, "rollout": rollout}
        return vars(encoding) | named

    arrays = stacked(of, exact["clip"])
    for name in ("longer", "shorter"):
        others = stacked(of, exact[f"clip_{name}"])
        arrays |= {f"{key}_{name}": others[key] for key in ("embedded", "logits")}
    return arrays


def rostfine_numbers(
    exact: Mapping[str, np.ndarray], label: np.ndarray, settings: Settings
) -> Arrays:
    """All that RoSTFine makes of the clips, and its losses."""

    def of(clip: np.ndarray) -> Arrays:
        return rostfine_results(rostfine(clip, exact, settings), exact, settings)

    arrays = stacked(of, exact["clip"])
    for name in BRANCHES:
        predicted = arrays[f"distribution_{name}"]
        arrays |= {f"{loss}_{name}": np.array(f(predicted, label)) for loss, f in LOSSES.items()}
        arrays[f"js_published_{name}"] = np.array(losses.js_published(label, predicted))
    features = [arrays[f"feature_{name}"] for name in BRANCHES]
    pairs = list(combinations(range(len(BRANCHES)), 2))
    arrays["diversity"] = np.array(losses.diversity(features, pairs))
    for one, other in pairs:
        both = BRANCHES[one] + BRANCHES[other]
        arrays[f"diversity_{both}"] = np.array(losses.diversity(features, [(one, other)]))
    return arrays


def rostfine_results(result: Result, weights: Arrays, settings: Settings) -> Arrays:
    """What RoSTFine makes of one clip, by name; the encoder's part is TimeSformer's."""
    arrays = {name: getattr(result, name) for name in ("score", "selected", "fgs", "fgt")}
    rollouts = rostfine_rollout(result, residual=not settings.bare_branches)
    for name in BRANCHES:
        arrays[f"feature_{name}"] = result.features[name]
        arrays[f"logits_{name}"] = result.logits[name]
        arrays[f"distribution_{name}"] = result.distributions[name]
        arrays[f"rollout_{name}"] = rollouts[name]
    arrays["distribution"] = result.distribution
    arrays["rollout"] = sum(rollouts.values()) / len(BRANCHES)
    if settings.bare_branches:
        arrays["picture"] = published_picture(result, weights, settings)
    return arrays


LOSSES = {"mse": losses.mse, "js": losses.js, "emd": losses.emd, "ce": losses.ce}


def loss_numbers(rng: np.random.Generator) -> Arrays:
    """Losses and accuracies of 30 predictions, some of them right about the order of grades."""
    label = draw_labels(rng, 30)
    predicted = (label + rng.dirichlet(np.ones(GRADES), 30)) / 2
    arrays = {"predicted": predicted, "label": label}
    arrays |= {name: np.array(loss(predicted, label)) for name, loss in LOSSES.items()}
    arrays["js_published"] = np.array(losses.js_published(label, predicted))
    arrays["js_published_as_metric"] = np.array(losses.js_published(predicted, label))
    for order in ("descending", "ascending"):
        arrays[f"balanced_accuracy_{order}"] = np.array(
            [
                accuracy.balanced_accuracy(predicted, label, rank, ascending=order == "ascending")
                for rank in range(1, GRADES + 1)
            ]
        )
    return arrays


def stacked(of: Callable[[np.ndarray], Arrays], clips: np.ndarray) -> Arrays:
    """Apply `of` to each clip, and put the results of all clips on a first axis."""
    results = [of(clip) for clip in clips]
    return {name: np.stack([result[name] for result in results]) for name in results[0]}


if __name__ == "__main__":
    main()
