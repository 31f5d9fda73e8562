"""What was served, looked up for those who ask: over connections that are kept, and not at all while the store is away.

A store that does not answer costs each question the time until that is certain, and one of the few places where work is
done. After two such questions nobody asks it for a while, and what can be answered without it still is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from finq_predictor.domain.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from finq_predictor.adapters.breaker import Breaker

logger = logging.getLogger(__name__)
_FAILURES, _OPEN_S = 2, 10.0
Found = TypeVar("Found")


class Looked(StrEnum):
    """What came of looking something up.

    Attributes:
        READ: It was found, or there is nothing of the kind.
        ABSENT: There is no store yet, or it stands at another step than this code.
        UNAVAILABLE: The store does not answer, or refuses.
    """

    READ = "read"
    ABSENT = "absent"
    UNAVAILABLE = "unavailable"


class Past:
    """The store of what was served, for a process that asks it again and again.

    Args:
        root: Folder that the service writes into.
        monotonic: Seconds of a clock that nobody sets.
    """

    def __init__(self, root: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._root, self._monotonic = root, monotonic
        self._engine: Engine | None = None
        self._open = False
        self._alone = Lock()
        self.problem: str | None = None

    @cached_property
    def _breaker(self) -> Breaker:
        # Imported by the first question: a service is ready without it.
        from finq_predictor.adapters.breaker import Breaker

        return Breaker(_FAILURES, _OPEN_S, self._monotonic)

    def ask(self, question: Callable[[Engine], Found]) -> tuple[Found | None, Looked]:
        """Ask the store.

        Args:
            question: What is asked of it once it is open.

        Returns:
            What was found, and what came of it; None where nothing could be looked up.
        """
        from finq_predictor.adapters.breaker import BreakerOpenError

        try:
            with self._breaker.trying():
                found = question(self._reached()) if self.is_open() else None
        except BreakerOpenError:
            return None, Looked.UNAVAILABLE
        except (DataError, ConfigurationError) as error:
            # Its text may show where it is, so that only the log has it; and only once.
            if self.problem is None:
                logger.warning("What was served cannot be looked up: %s", error)
            self.problem = "What was served cannot be looked up: the store does not answer, or refuses."
            self.leave()
            return None, Looked.UNAVAILABLE
        self.problem = None
        return (found, Looked.READ) if self._open else (None, Looked.ABSENT)

    def is_open(self) -> bool:
        """Whether the store is there, and stands at the step that this code knows.

        Raises:
            SourceUnavailableError: If it does not answer.
            StoreError: If it refuses.
            ConfigurationError: If its address is none.
        """
        from finq_predictor.adapters.database.served_store import has_store, is_open

        engine = self._reached()
        # A file may be taken away; tables never go back under a running service.
        self._open = has_store(engine) if self._open else is_open(engine)
        return self._open

    def standing(self) -> tuple[bool, str]:
        """Whether all is well with the store, and how it stands, in a sentence for everybody."""
        from finq_predictor.adapters.database.served_store import has_store

        there, looked = self.ask(has_store)
        if looked is Looked.UNAVAILABLE:
            return False, "It does not answer, or refuses; the log says why. What is answered waits in the spool."
        engine = self._reached()
        if not there and not has_store(engine):
            return True, "Not there yet; it is made when the first answer is stored."
        kind = "A file beside the data." if engine.dialect.name == "sqlite" else "A PostgreSQL server."
        if looked is Looked.READ:
            return True, kind
        return False, f"{kind} Its tables are at another step than this code; the keeper brings them up."

    def leave(self) -> None:
        """Close the connections; the next question reads the address again, which may be another by then."""
        with self._alone:
            if self._engine is not None:
                self._engine.dispose()
            self._engine, self._open = None, False

    def _reached(self) -> Engine:
        from finq_predictor.adapters.database.served_store import store_engine

        with self._alone:
            if self._engine is None:
                self._engine = store_engine(self._root, kept=True)
            return self._engine
