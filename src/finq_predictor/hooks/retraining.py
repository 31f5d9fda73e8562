"""A training takes the open request of its market, and says in the log what became of it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from finq_predictor.adapters.atomic_file import own_name
from finq_predictor.adapters.environment.reading import value_of
from finq_predictor.adapters.retraining import RetrainEntry, RetrainLog
from finq_predictor.adapters.scheduling.journal import RUN_ID
from finq_predictor.adapters.snapshots.member import SnapshotMember
from finq_predictor.domain.market.markets import MARKETS

logger = logging.getLogger(__name__)
_MADE = "candidates"


class RetrainHooks:
    """Whoever trains the candidates of a market takes its request; one that fails gives it back."""

    def __init__(self) -> None:
        self._taken: list[tuple[RetrainLog, RetrainEntry]] = []

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline, catalog: Any) -> None:
        """Take the open requests of the markets that are trained."""
        self._taken = []
        for market, root in _trained(pipeline, catalog).items():
            log = RetrainLog(root, market)
            request = log.begin(_name(), now=datetime.now(UTC))
            if request is not None:
                self._taken.append((log, request))
                logger.info("%s is trained on request: %s (%s).", market, request.why, request.request)

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """The requests are done."""
        self._end()

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """The requests are open again."""
        self._end(f"{type(error).__name__}: {error}"[:500])

    def _end(self, failure: str = "") -> None:
        for log, request in self._taken:
            log.finish(request.request, _name(), now=datetime.now(UTC), failure=failure)
        self._taken = []


def _trained(pipeline: Pipeline, catalog: Any) -> dict[str, Path]:
    """The markets whose candidates a run makes, and the folder of their data."""
    made = pipeline.all_outputs()
    wanted = {market: f"{market}.{_MADE}" for market in MARKETS if f"{market}.{_MADE}" in made}
    found = {market: catalog.get(name) for market, name in wanted.items()}
    return {market: member.where.root for market, member in found.items() if isinstance(member, SnapshotMember)}


def _name() -> str:
    """The run of the scheduler, where one started this process; else the process."""
    return value_of(RUN_ID) or own_name()
