"""How busy the machine is while it trains: MLflow's own monitor."""

import logging
from typing import Any

from rostfine.registry.store import Store, import_mlflow


class Watch:
    """Tells a run of CPU, memory, disk, network and GPUs until it is stopped."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._monitor: Any = None

    def keep(self, run_id: str) -> None:
        """Begin, or begin again: the monitor gives up the first time that MLflow fails it."""
        if self._monitor and self._monitor._process and self._monitor._process.is_alive():
            return
        self.stop()
        module = import_mlflow("mlflow.system_metrics.system_metrics_monitor")
        logging.getLogger("mlflow.system_metrics").setLevel(logging.CRITICAL)
        self._monitor = module.SystemMetricsMonitor(
            run_id, resume_logging=True, tracking_uri=self._store.uri
        )
        self._monitor.start()

    def stop(self) -> None:
        """End, and send what was measured last."""
        monitor, self._monitor = self._monitor, None
        if monitor:
            monitor.finish()
