"""The least that each setting of a simulation may be."""

from collections.abc import Mapping


def too_small(settings: object, least: Mapping[str, int | float]) -> list[str]:
    """Return a line for each setting that is less than it may be."""
    return [
        f"{name}: wanted at least {lowest}, got {getattr(settings, name)}"
        for name, lowest in least.items()
        if getattr(settings, name) < lowest
    ]
