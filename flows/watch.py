"""New batches of votes start a retraining by themselves."""

import logging
from collections.abc import Callable
from threading import Event, Thread
from typing import Final

log: Final = logging.getLogger(__name__)


def watch(
    look: Callable[[], str], start: Callable[[], bool], *, every_s: float, over: Event
) -> Thread:
    """Look every `every_s` seconds, and start once for each thing that is seen, until `over`.

    `look` returns a name of all that is new, or nothing; `start` tells whether it did. What goes
    wrong is said once, and tried again at the next look.
    """
    thread = Thread(target=_watch, args=[look, start, every_s, over], daemon=True)
    thread.start()
    return thread


def _watch(look: Callable[[], str], start: Callable[[], bool], every_s: float, over: Event) -> None:
    started, said = "", ""
    while not over.wait(every_s):
        try:
            seen = look()
            if seen and seen != started:
                if not start():
                    continue
                log.info("new batches of votes: a retraining is started")
            started, said = seen, ""
        except Exception as error:  # a disk or a server may fail in any way, and come back
            if repr(error) != said:
                log.warning("new votes are not looked for: %r", error)
            said = repr(error)
