"""A thread that sends an outbox while training fills it."""

import logging
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import IO, Final

from rostfine.registry.outbox import Outbox
from rostfine.registry.run_delivery import Delivery
from rostfine.registry.run_journal import hold
from rostfine.registry.run_kept import send_kept
from rostfine.registry.run_watch import Watch
from rostfine.registry.store import Store, answering

logger = logging.getLogger(__name__)

BETWEEN_S: Final = 2.0
"""Epochs of small models come faster than a database likes to be asked."""

FIRST_PAUSE_S, LONGEST_PAUSE_S, LAST_PAUSE_S = 2.0, 300.0, 1.0
MOST_SAID: Final = 300


class Sender:
    """Sends an outbox; whatever MLflow raises is said once, and sending is tried again later."""

    def __init__(self, outbox: Outbox, store: Store, workspace: Path) -> None:
        self._outbox, self._store, self._workspace = outbox, store, workspace
        self._news, self._hurry, self._stop = Event(), Event(), Event()
        self._lock: IO[bytes] | None = None
        self._delivery: Delivery | None = None
        self._watch = Watch(store)
        self._warned = self._others_too = self._done = False
        self.run_id: str | None = None
        self.failing = False
        self._thread = Thread(target=self._work, name="mlflow-sender", daemon=True)
        self._thread.start()

    def tell(self) -> None:
        """Say that there is something new to send."""
        self._news.set()

    def drain(self, wait_s: float) -> bool:
        """Wait `wait_s` at most for the rest to be sent, then stop; tells whether all was."""
        self._hurry.set()
        self._news.set()
        self._thread.join(wait_s)
        self._stop.set()
        return self._done

    def _work(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stop.is_set() and not self._done:
            self._news.wait()
            self._news.clear()
            # Asked before sending: what is told later is not surely sent this time.
            last = self._hurry.is_set()
            try:
                self._done = self._send(last) and last
                pause_s = FIRST_PAUSE_S
                self._rest(BETWEEN_S)
            except Exception as error:  # MLflow's many parts raise what they like.
                self._fail(error)
                self._rest(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        self._leave()

    def _send(self, last: bool) -> bool:
        """Send what there is, all of it unless another process is at it or this one stops."""
        self._lock = self._lock or hold(self._outbox.sending)
        head = self._outbox.head()
        if not self._lock or not head:
            self._news.set()
            return False
        with answering(self._store):
            self._delivery = self._delivery or Delivery(self._outbox, head, self._store)
            if last:
                self._watch.stop()
            done = self._delivery.send(self._stop)
        self.run_id, self.failing = self._delivery.run_id, False
        if self.run_id and not last:
            self._watch.keep(self.run_id)
        if not self._others_too:
            self._others_too = True
            Thread(target=send_kept, args=(self._workspace,), daemon=True).start()
        return done

    def _fail(self, error: Exception) -> None:
        self._delivery, self.failing = None, True
        self._news.set()
        if not self._warned and not self._stop.is_set():
            self._warned = True
            said = " ".join(str(error).split())[:MOST_SAID]
            logger.warning("%s; training goes on, and %s keeps it", said, self._outbox.folder)

    def _rest(self, seconds: float) -> None:
        if self._done:
            return
        if self._hurry.is_set():
            self._stop.wait(min(seconds, LAST_PAUSE_S))
        else:
            self._hurry.wait(seconds)

    def _leave(self) -> None:
        self._watch.stop()
        if self._done and self._outbox.is_finished():
            with suppress(OSError):
                self._outbox.remove()
        if self._lock:
            self._lock.close()
