import threading
import time

import pytest

from rostfine.video.ahead import AHEAD, read_ahead


def test_items_come_in_order_and_all_of_them():
    assert list(read_ahead(range(50))) == list(range(50))
    assert list(read_ahead([])) == []


def test_the_next_items_are_made_while_one_is_looked_at_but_not_all_of_them():
    made = []
    items = read_ahead(made.append(k) or k for k in range(50))
    assert next(items) == 0
    deadline = time.monotonic() + 5
    while len(made) < AHEAD + 2 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.05)
    # The one looked at, those that wait, and the one that has no room yet.
    assert len(made) == AHEAD + 2
    items.close()


def test_an_error_comes_after_the_items_before_it():
    def breaks():
        yield from (1, 2)
        raise ValueError("damaged")

    items = read_ahead(breaks())
    assert (next(items), next(items)) == (1, 2)
    with pytest.raises(ValueError, match="damaged"):
        next(items)


def test_once_closed_nothing_touches_the_items_any_more():
    before = threading.active_count()
    released = []

    def counted():
        try:
            k = 0
            while True:
                yield (k := k + 1)
        finally:
            released.append(True)

    source = counted()
    items = read_ahead(source)
    assert next(items) == 1
    items.close()
    assert threading.active_count() == before
    source.close()
    assert released == [True]
