"""Packages of other people's networks: imported when one is asked for, and not before."""

import importlib
import warnings
from types import ModuleType

from rostfine.errors import ParamsError


def import_nets(module: str, *, network: str) -> ModuleType:
    """Import a module of networks, or raise ParamsError naming the extra that brings it."""
    try:
        with warnings.catch_warnings():
            # What they use of torch is deprecated, which is nothing that our users can change.
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ParamsError(
            f"model.name: {network} needs the package {package}, which is not installed or does "
            f"not work ({error}); pip install 'rostfine[video-nets]' brings it"
        ) from error
