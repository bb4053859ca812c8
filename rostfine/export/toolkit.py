"""OpenVINO and NNCF: imported when needed, silent, and without their telemetry."""

import importlib
import io
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

from rostfine.errors import RostfineError


def import_openvino() -> Any:
    """Import OpenVINO. Raises RostfineError with what to install if it is missing."""
    return _import("openvino", "predict with or write an exported model")


def import_nncf() -> Any:
    """Import NNCF. Raises RostfineError with what to install if it is missing."""
    return _import("nncf", "calibrate a model for 8-bit integers")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep progress bars, log lines and warnings of other people's converters to themselves."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _import(name: str, purpose: str) -> Any:
    # Both report to their makers, and leave files at home, where they can import this; without
    # it they go on in silence.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    # NNCF makes its own kind of logger the default for everybody.
    logger_class = logging.getLoggerClass()
    try:
        with quiet():
            return importlib.import_module(name)
    except ImportError as error:
        raise RostfineError(
            f"{name} is needed to {purpose}, and is not installed ({error}): "
            "pip install 'rostfine[export]'"
        ) from error
    finally:
        logging.setLoggerClass(logger_class)
