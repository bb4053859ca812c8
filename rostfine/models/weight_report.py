"""What became of the weights of a file, for people to read."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

MOST_NAMED: Final = 8


@dataclass(frozen=True)
class LoadReport:
    """What became of each name: those of the model in the first four, of the file in the last.

    `copied` weights of time come from those of space; `fresh` ones stay as they were. `layout` is
    what the names of the file were taken for.
    """

    loaded: tuple[str, ...]
    resized: tuple[str, ...]
    copied: tuple[str, ...]
    fresh: tuple[str, ...]
    ignored: tuple[str, ...]
    layout: str

    @property
    def text(self) -> str:
        """The layout, and which weights became what: a line for each fate that befell any."""
        lines = [
            f"{what} ({len(names)}): {_abridged(names)}"
            for what, names in self._fates().items()
            if names
        ]
        return "\n".join([f"layout: {self.layout}", *lines])

    def _fates(self) -> Mapping[str, tuple[str, ...]]:
        return {what: names for what, names in vars(self).items() if what != "layout"}


def first_of(names: Iterable[str]) -> str:
    """Name the first three, and say how many there are."""
    known = list(names)
    shown = ", ".join(known[:3]) or "none"
    return shown if len(known) <= 3 else f"{shown}, ... ({len(known)})"


def _abridged(names: Iterable[str]) -> str:
    """Name layers instead of weights, the same ones of all blocks once, and large parts whole."""
    parts: dict[str, list[str]] = {}
    for name in names:
        layer = re.sub(r"\.\d+(?=\.)", ".*", name)
        layer = re.sub(r"\.(weight|bias)$", "", layer)
        part = parts.setdefault(layer.partition(".")[0], [])
        if layer not in part:
            part.append(layer)
    shown = [
        layer for top, part in parts.items() for layer in (part if len(part) <= 3 else [f"{top}.*"])
    ]
    return ", ".join(shown[:MOST_NAMED] + (["..."] if len(shown) > MOST_NAMED else []))
