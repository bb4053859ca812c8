"""Annotated pictures in numbers: the last look before hours are spent on them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from rostfine.morphology.agreement import Agreement, agree
from rostfine.morphology.dataset import Dataset, read_dataset
from rostfine.morphology.heads import SPLITS
from rostfine.morphology.measures import is_head, measure
from rostfine.morphology.pages import annotation_files
from rostfine.morphology.params import DataParams
from rostfine.progress import progress

QUANTILES: Final = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Sizes:
    """Of outlined heads: 5 %, 50 % and 95 % are not above these."""

    heads: int
    length_px: tuple[float, ...]
    width_px: tuple[float, ...]
    area_px: tuple[float, ...]
    um_per_px: float | None


@dataclass(frozen=True)
class Summary:
    """What `rostfine heads check` ends with; counts are of each split."""

    pictures: Mapping[str, int]
    instances: Mapping[str, Mapping[str, int]]
    boxes_only: int
    sizes: Sizes | None  # without an outlined head none
    agreement: Agreement | None


def summarize(dataset: Dataset, params: DataParams, second: Dataset | None = None) -> Summary:
    """Count and measure what can be used; with a `second` annotator also tell the agreement.

    Raises InputError if the two have no picture in common.
    """
    pictures = dataset.pictures
    split_of = [(one.split, own) for one in pictures for own in one.instances]
    counts = Counter((split, one.class_name) for split, one in split_of)
    return Summary(
        pictures={split: sum(one.split == split for one in pictures) for split in SPLITS},
        instances={s: {name: counts[s, name] for name in params.classes} for s in SPLITS},
        boxes_only=sum(not one.outlined for _, one in split_of),
        sizes=_sizes(dataset, params),
        agreement=agree(pictures, second.pictures, params.classes) if second else None,
    )


def read_told(folder: Path, params: DataParams) -> Dataset:
    """Read a data set and show the progress."""
    with progress(f"reading {folder}", len(annotation_files(folder))) as advance:
        return read_dataset(folder, params, advance=advance)


def read_second(folder: Path, params: DataParams) -> Dataset:
    """Read what a second annotator said of pictures; how they are split does not matter."""
    split = replace(params.split, method="random", file=None)
    dataset = read_told(folder, replace(params, split=split))
    faults = tuple(fault for fault in dataset.faults if fault.kind != "split")
    return replace(dataset, faults=faults)


def _sizes(dataset: Dataset, params: DataParams) -> Sizes | None:
    roles = {name: one.role for name, one in params.classes.items()}
    heads = [
        measure(one, (), params.um_per_px, classes=roles)
        for picture in dataset.pictures
        for one in picture.instances
        if is_head(one, roles) and one.outlined
    ]
    if not heads:
        return None
    lengths, widths, areas = ([getattr(one, key) for one in heads] for key in _MEASURED)
    return Sizes(len(heads), _spread(lengths), _spread(widths), _spread(areas), params.um_per_px)


_MEASURED = ("length_px", "width_px", "area_px")


def _spread(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in np.quantile(values, QUANTILES))
