"""A verdict that asks for another training, as a line of the log of requests."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from finq_predictor.adapters.layout import locate
from finq_predictor.adapters.retraining import RetrainEntry, RetrainLog
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.monitoring.retraining import RetrainVerdict

logger = logging.getLogger(__name__)


class RetrainRequestDataset(AbstractDataset[RetrainVerdict, RetrainEntry | None]):
    """Saving a verdict that asks for a training writes a request; loading gives the one that is open.

    No second request is written while one is open or a training for one is under way, nor within the pause after a
    training began.

    Args:
        filepath: The log of the market, as the layout has it.
        metadata: For other tools, such as kedro-viz.
        clock: Gives the time.
    """

    def __init__(
        self,
        filepath: str,
        metadata: dict[str, Any] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path, self._clock = Path(filepath), clock
        self.metadata = metadata

    def load(self) -> RetrainEntry | None:
        """The open request; None where there is none."""
        return self._log().open_request()

    def save(self, data: RetrainVerdict) -> None:
        """Write a request where the verdict asks for one.

        Raises:
            StoreError: If it is no verdict, or the log cannot be read.
        """
        if not isinstance(data, RetrainVerdict):
            raise StoreError(
                f"{self._path} keeps a RetrainVerdict, not {type(data).__name__}; let the node return one, or correct "
                "the catalog."
            )
        if data.reasons and data.held_back:
            logger.warning("%s: no training is asked for, %s.", data.market, data.held_back)
        if not data.asks:
            return
        pause = timedelta(hours=data.pause_hours)
        by = f"monitoring of {data.model}"
        asked = self._log().ask(data.reasons, by, now=self._clock(), pause=pause)
        if asked is not None:
            logger.warning("%s: another training is asked for, %s (request %s).", data.market, asked.why, asked.request)

    def _log(self) -> RetrainLog:
        where = locate(self._path)
        return RetrainLog(where.root, where.market)

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._path.as_posix()}
