"""Predicted against measured, Bland-Altman, errors of the inputs, and what autoencoders see."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float, Float32, UInt8
from matplotlib.axes import Axes
from numpy import ndarray

from rostfine.errors import InputError
from rostfine.evaluation.statistics import Interval
from rostfine.evaluation.tables import ZERO_R
from rostfine.report.figures import INK, PREDICTED, TRUE, WORSE_THAN, Figure, drawing
from rostfine.visem.compare import RUNS, Comparison
from rostfine.visem.metrics import ALL, PARTICIPANT, STACK, Outcome
from rostfine.visem.params import INPUTS, InputName
from rostfine.visem.table1 import printed
from rostfine.visem.targets import TARGETS, WORDS, TargetName

ARRAYS: Final = ("frames", "feature", "reconstruction")
POINT: Final[Mapping[str, Any]] = {
    "color": PREDICTED,
    "marker": "o",
    "linestyle": "",
    "markersize": 3.5,
    "alpha": 0.75,
    "markeredgewidth": 0,
}
DASHED: Final = (0, (4, 3))
OFFSETS: Final = {STACK: -0.13, PARTICIPANT: 0.13}
MARKS: Final[Mapping[str, Mapping[str, Any]]] = {
    STACK: {"color": TRUE, "marker": "o", "markerfacecolor": "none", "label": "by stack"},
    PARTICIPANT: {"color": PREDICTED, "marker": "o", "label": "by participant"},
}


@dataclass(frozen=True)
class FeatureExample:
    """What the autoencoder of an input makes of one stack; `reconstruction` is from 0 to 1."""

    input_name: str
    frames: UInt8[ndarray, "frame row col"]
    feature: Float32[ndarray, "3 row col"]
    reconstruction: Float32[ndarray, "frame row col"]


def draw_agreement(comparison: Comparison, target: TargetName, input_name: str) -> Figure:
    """Draw predicted against measured percentages, a panel for each output.

    A point is a participant, its line the middle 95 % of its stacks.
    """
    outcome, zero = (comparison.outcomes[target][name] for name in (input_name, ZERO_R))
    with drawing(f"agreement_{input_name}_{target}", 9.6, 3.6) as (canvas, done):
        panels = canvas.subplots(1, 3)
        for place, (axes, output) in enumerate(zip(panels, TARGETS[target], strict=True)):
            _draw_points(axes, outcome, place)
            for line in np.unique(zero.predicted[:, place]):
                axes.axhline(line, color=WORSE_THAN, linewidth=0.8, linestyle=":")
            axes.set(title=WORDS[output], xlabel="measured, %", ylabel="predicted, %")
    maes = _said(comparison, target, input_name, "mae")
    return done(
        f"{input_name}, predicted against measured: a point is a participant, its line the middle "
        f"95 % of its stacks; dashed, equality; dotted, {ZERO_R} in each fold. Mean absolute "
        f"error by participant, in percentage points: {maes}."
    )


def draw_bland_altman(comparison: Comparison, target: TargetName, input_name: str) -> Figure:
    """Draw the difference of predicted and measured against their mean, a panel for each output."""
    outcome = comparison.outcomes[target][input_name]
    means = (outcome.predicted + outcome.measured) / 2
    with drawing(f"bland_altman_{input_name}_{target}", 9.6, 3.3) as (canvas, done):
        panels = canvas.subplots(1, 3, sharey=True)
        for place, (axes, output) in enumerate(zip(panels, TARGETS[target], strict=True)):
            for metric in ("agreement_low", "bias", "agreement_high"):
                key = (PARTICIPANT, metric, output)
                _draw_level(axes, comparison.metric(target, input_name, key), metric == "bias")
            axes.plot(means[:, place], outcome.error[:, place], **POINT)
            axes.axhline(0, color=INK, linewidth=0.8)
            axes.set(title=WORDS[output], xlabel="mean of predicted and measured, %")
        panels[0].set_ylabel("predicted - measured, %")
    bias = _said(comparison, target, input_name, "bias")
    return done(
        f"{input_name}, Bland-Altman: bias (line) and 95 % limits of agreement (dashed), shaded "
        f"with their 95 % intervals; a point is a participant. Bias in percentage points: {bias}."
    )


def draw_errors(comparison: Comparison) -> Figure:
    """Draw the mean absolute error of each input beside that of ZeroR and the paper's."""
    targets = list(comparison.outcomes)
    names = [*INPUTS, ZERO_R]
    with drawing("errors", 9.6, 3.1) as (canvas, done):
        panels = canvas.subplots(1, len(targets), squeeze=False)[0]
        for axes, target in zip(panels, targets, strict=True):
            for place, name in enumerate(names):
                _draw_errors_of(axes, comparison, target, name, place)
            axes.set_yticks(range(len(names)), names)
            axes.set(title=target.capitalize(), xlabel="mean absolute error, percentage points")
            axes.invert_yaxis()
            axes.grid(visible=False, axis="y")
        handles, labels = panels[0].get_legend_handles_labels()
        known = dict(zip(labels, handles, strict=True))
        canvas.legend(known.values(), known.keys(), loc="outside lower center", ncols=4)
    return done(
        "Mean absolute error of each input with 95 % intervals, participants resampled: over "
        "stacks, as published, and over participants whose stacks were averaged. Crosses: what "
        f"the paper prints, over stacks of other folds. Dotted: {ZERO_R} by participant."
    )


def draw_feature_images(examples: Mapping[str, FeatureExample]) -> bytes:
    """Draw for each input its first and last frame, feature image, reconstruction and error: PNG.

    Channels of a feature image are red, green and blue, each from 0 to its own largest value.
    """
    heads = ("first frame", "last frame", "feature image", "first frame, rebuilt", "error")
    errors = {name: _error(example) for name, example in examples.items()}
    most = max(float(error.max()) for error in errors.values())
    with drawing("feature_images", 9.6, 0.4 + 1.9 * len(examples)) as (canvas, done):
        panels = canvas.subplots(len(examples), len(heads), squeeze=False)
        for row, (name, example) in zip(panels, examples.items(), strict=True):
            _draw_example(row, example)
            shade = row[4].imshow(errors[name], cmap="magma", vmin=0, vmax=max(most, 1e-6))
            row[4].set_xlabel(f"mean {errors[name].mean():.3f}")
        for axes, head in zip(panels[0], heads, strict=True):
            axes.set_title(head, fontsize=9)
        canvas.colorbar(shade, ax=panels[:, -1], fraction=0.06, label="absolute error, of 1")
    return done("Feature images").png


def read_examples(
    workspace: Path, inputs: Collection[InputName] = tuple(INPUTS)
) -> dict[str, FeatureExample]:
    """Read the example that each input's autoencoder left, where it did.

    Raises InputError for a file that is damaged or holds something else.
    """
    found = dict[str, FeatureExample]()
    for name in inputs:
        path = workspace / RUNS / f"autoencoder_{name}" / "examples.npz"
        if path.exists():
            try:
                with np.load(path, allow_pickle=False) as held:
                    arrays = [held[part] for part in ARRAYS]
            except (OSError, ValueError, KeyError, BadZipFile) as error:
                wanted = ", ".join(ARRAYS)
                raise InputError(f"{path}: wanted arrays {wanted}, got {error}") from None
            found[name] = FeatureExample(name, *arrays)
    return found


def _draw_points(axes: Axes, outcome: Outcome, place: int) -> None:
    """Draw participants, the spread of their stacks, and the line of equality."""
    measured, predicted = outcome.measured[:, place], outcome.predicted[:, place]
    low, high = outcome.low[:, place], outcome.high[:, place]
    axes.vlines(measured, low, high, color=PREDICTED, linewidth=0.8, alpha=0.35)
    axes.plot(measured, predicted, **POINT)
    ends = [min(measured.min(), low.min()), max(measured.max(), high.max())]
    axes.plot(ends, ends, color=INK, linewidth=0.8, linestyle=DASHED)
    axes.set_aspect("equal", adjustable="datalim")


def _draw_level(axes: Axes, found: Interval, is_bias: bool) -> None:
    """Draw a line across with its interval as a band, and its number."""
    axes.axhspan(found.low, found.high, color=TRUE, alpha=0.25, linewidth=0)
    axes.axhline(found.mean, color=WORSE_THAN, linewidth=1, linestyle="-" if is_bias else DASHED)
    at = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "bottom", "fontsize": 8}
    axes.annotate(f"{found.mean:+.1f}", (0.995, found.mean), **cast(Any, at))


def _draw_errors_of(
    axes: Axes, comparison: Comparison, target: TargetName, name: str, place: int
) -> None:
    """Draw a line of a panel; of an input that was not predicted only what the paper prints."""
    if name in comparison.outcomes[target]:
        for level, mark in MARKS.items():
            found = comparison.metric(target, name, (level, "mae", ALL))
            at = place + OFFSETS[level]
            axes.plot([found.low, found.high], [at, at], color=mark["color"], linewidth=1.8)
            axes.plot(found.mean, at, linestyle="", markersize=5, **mark)
        if name == ZERO_R:
            axes.axvline(found.mean, color=WORSE_THAN, linewidth=0.9, linestyle=":")
    if name in printed()[target]:
        average = printed()[target][name]["average"]
        axes.plot(average, place, "x", color=INK, markersize=6, label="paper")


def _draw_example(row: ndarray, example: FeatureExample) -> None:
    """Draw the first four panels of an input."""
    largest = example.feature.max(axis=(1, 2), keepdims=True)
    feature = np.clip(example.feature / np.maximum(largest, 1e-6), 0, 1)
    grey = {"cmap": "gray", "vmin": 0, "vmax": 1}
    row[0].imshow(example.frames[0] / 255, **grey)
    row[1].imshow(example.frames[-1] / 255, **grey)
    row[2].imshow(np.moveaxis(feature, 0, -1))
    row[3].imshow(np.clip(example.reconstruction[0], 0, 1), **grey)
    row[0].set_ylabel(_frames_of(example))
    for axes in row:
        axes.set(xticks=[], yticks=[])
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)


def _frames_of(example: FeatureExample) -> str:
    name, count = example.input_name, len(example.frames)
    if count == 1:
        return f"{name}: a frame"
    same = bool((example.frames == example.frames[0]).all())
    return f"{name}: a frame {count} times" if same else f"{name}: {count} frames"


def _error(example: FeatureExample) -> Float[ndarray, "row col"]:
    """How far the first frame as it was rebuilt is off."""
    return np.asarray(np.abs(example.reconstruction[0] - example.frames[0] / 255), np.float64)


def _said(comparison: Comparison, target: TargetName, input_name: str, metric: str) -> str:
    sign = "+" if metric == "bias" else ""
    found = {
        WORDS[output]: comparison.metric(target, input_name, (PARTICIPANT, metric, output))
        for output in TARGETS[target]
    }
    return ", ".join(f"{word} {value.mean:{sign}.1f}" for word, value in found.items())
