"""What earlier runs could not tell MLflow is sent by those that come later."""

import logging
import time
from pathlib import Path
from threading import Event
from typing import Final

from rostfine.errors import RegistryError
from rostfine.registry.outbox import Outbox, list_outboxes
from rostfine.registry.run_delivery import Delivery
from rostfine.registry.run_journal import hold, try_journal
from rostfine.registry.store import Store, answering, find_store, open_client

logger = logging.getLogger(__name__)

GOES_ON_WITHIN_S: Final = 30 * 24 * 3600.0
"""So long the outbox of a run that broke off waits for it to go on, when all of it was sent."""


def send_kept(workspace: Path) -> int:
    """Send the outboxes that earlier runs left, and return how many still hold something unsent.

    A run that was killed is ended as such; its outbox stays for a month in case that it goes on.
    Those of runs that are under way are left to them.

    Raises RegistryError if no registry is named and this is no workspace.
    """
    store = find_store(workspace)
    kept, answers = 0, True
    for outbox in list_outboxes(workspace):
        try:
            if _is_under_way(outbox):
                continue
            sent = _is_sent(outbox, store) or (answers and _send(outbox, store))
            if sent:
                _clear(outbox)
        except Exception as error:  # MLflow's many parts raise what they like.
            logger.debug("%s: %s", outbox.folder, error)
            # One outbox that MLflow refuses must not keep the others back; a dead server may.
            sent, answers = False, _answers(store)
        kept += not sent
    return kept


def _is_under_way(outbox: Outbox) -> bool:
    """Tell whether a process fills the outbox; where it was killed, that is noted as the end."""
    journal = try_journal(outbox)
    if not journal:
        return True
    if journal.lines and journal.lines[-1]["kind"] not in ("finish", "end"):
        journal.append("end", at_ms=journal.lines[-1].get("at_ms"), status="KILLED")
    journal.close()
    return False


def _is_sent(outbox: Outbox, store: Store) -> bool:
    head = outbox.head()
    if not head:
        return True
    sent = outbox.load_sent(store.uri, head["log"])
    return next(outbox.read(sent.offset), None) is None


def _send(outbox: Outbox, store: Store) -> bool:
    """Send an outbox; False if another process is at it."""
    head = outbox.head()
    if not head:
        return True
    lock = hold(outbox.sending)
    if not lock:
        return False
    with lock, answering(store):
        return Delivery(outbox, head, store).send(Event())


def _clear(outbox: Outbox) -> None:
    """Remove an outbox that was sent, unless it may go on."""
    if not outbox.journal.exists():
        return
    age_s = time.time() - outbox.journal.stat().st_mtime
    if age_s < GOES_ON_WITHIN_S and outbox.head() and not outbox.is_finished():
        return
    if journal := try_journal(outbox):
        outbox.remove()
        journal.close()


def _answers(store: Store) -> bool:
    try:
        with answering(store):
            open_client(store).search_experiments(max_results=1)
    except RegistryError as error:
        logger.debug("%s", error)
        return False
    return True
