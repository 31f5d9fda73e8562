"""The process that started a worker: without it, nobody would ever end or replace the worker."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time

from finq_predictor.adapters.environment.reading import value_of

logger = logging.getLogger(__name__)
SUPERVISOR = "FINQ_SUPERVISOR_PID"
_PAUSE_S = 0.5


def end_with_supervisor() -> None:
    """End this process soon after the one that started it, even where that one had no time to say so.

    A worker that outlives `kill -9` of its server goes on to answer on the port, with a model that nobody renews, and
    the next server cannot listen there. A process that nobody supervises goes on.
    """
    supervisor = _supervisor()
    if supervisor is not None:
        threading.Thread(target=_watch, args=(supervisor,), name="finq-supervisor", daemon=True).start()


def _supervisor() -> int | None:
    if given := value_of(SUPERVISOR):
        return int(given)
    parent = multiprocessing.parent_process()
    return None if parent is None else parent.pid


def _watch(supervisor: int) -> None:
    while os.getppid() == supervisor:
        time.sleep(_PAUSE_S)
    logger.error("The process that started this one is gone; it ends.")
    # Not in good order: that would wait for clients that may never leave.
    os.kill(os.getpid(), signal.SIGKILL)
