"""Decoding the next frames while the last ones are looked at."""

import queue
import threading
from collections.abc import Generator, Iterable
from typing import Any, Final, TypeVar

Item = TypeVar("Item")

AHEAD: Final = 3
"""How many frames may wait; a video is never in memory as a whole."""


def read_ahead(items: Iterable[Item]) -> Generator[Item]:
    """Yield `items` in order while a thread is at work on the next ones.

    It pays where making an item leaves the interpreter free, as decoders do. What making one
    raises is raised here, in its turn. Close it if it is not read to the end: the thread is done
    with `items` then.
    """
    waiting: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(AHEAD)
    closed = threading.Event()
    end = object()

    def make() -> None:
        try:
            for item in items:
                waiting.put((item, None))
                if closed.is_set():
                    return
            waiting.put((end, None))
        except BaseException as error:  # noqa: BLE001 (it is raised where the items are used)
            waiting.put((end, error))

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while (got := waiting.get())[0] is not end:
            yield got[0]
        if got[1] is not None:
            raise got[1]
    finally:
        closed.set()
        while thread.is_alive():
            # Room for what the thread may be about to put.
            with waiting.mutex:
                waiting.queue.clear()
                waiting.not_full.notify()
            thread.join(0.01)
