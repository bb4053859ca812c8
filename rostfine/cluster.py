"""Ray, joined or started: the one way in for what runs on several processes or machines.

Ray is imported by the functions that need it: that takes seconds, and Ray reads `ENVIRONMENT` then.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from rostfine.errors import ClusterError

ENVIRONMENT: Final[Mapping[str, str]] = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""What Ray reads when it is imported and started; a setting of the user's own wins."""
GUARDED: Final[Mapping[str, str]] = {"RAY_AUTH_MODE": "token"}
"""Who joins a Ray that was started here must know the token that Ray keeps in the home folder."""
OBJECT_STORE_BYTES: Final = 200 * 2**20
"""Videos and clips are read by each worker itself; nothing large is passed."""


@contextmanager
def running_ray(environment: Mapping[str, str] | None = None) -> Iterator[Any]:
    """Join the cluster of RAY_ADDRESS, or start Ray on this machine; yields the module `ray`.

    `environment` is what else Ray is to read. Raises ClusterError if Ray does not start.
    """
    here = {
        "address": "local",  # never some other cluster that happens to run on this machine
        "include_dashboard": False,
        "object_store_memory": OBJECT_STORE_BYTES,
    }
    joins = bool(os.environ.get("RAY_ADDRESS"))
    for name, value in {**ENVIRONMENT, **(environment or {}), **({} if joins else GUARDED)}.items():
        os.environ.setdefault(name, value)
    import ray

    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **({} if joins else here))
    except (OSError, RuntimeError, ValueError) as error:
        raise ClusterError(f"Ray did not start: {' '.join(str(error).split())}") from error
    try:
        yield ray
    finally:
        ray.shutdown()
