"""A decision and the model it is about, as the registry gets it and the log of decisions tells of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from finq_predictor.adapters.invocation import Invocation
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.model_hash import model_hash
from finq_predictor.domain.modelling.origin import ModelStatus
from finq_predictor.domain.promotion.decision import Decision, Verdict
from finq_predictor.domain.promotion.log import Act, LoggedModel, LogRecord

STANDINGS = {Verdict.PROMOTE: ModelStatus.PROMOTED, Verdict.PROVISIONAL: ModelStatus.PROVISIONAL}
"""Standing of a candidate that is put into use; any other verdict puts none into use."""


@dataclass(frozen=True)
class Registration:
    """A decision and the model it is about.

    Attributes:
        decision: The promotion decision; when it rejects, nothing is registered.
        bundle: The chosen candidate.
        oos: Its out-of-sample predictions, kept for the comparison with its successor.
        importance: Feature -> importance, kept for the same reason.
        tags: Written to the version; values are text.
        run_id: Run that the model came from; without one a run is made.
        asked: Who asked for the decision, and how.
        figures: What was measured of the candidate, for the log.
        champion_figures: The same of the champion.
    """

    decision: Decision
    bundle: ModelBundle
    oos: pd.DataFrame
    importance: Mapping[str, float]
    tags: Mapping[str, str]
    run_id: str | None = None
    asked: Invocation = field(default_factory=Invocation)
    figures: Mapping[str, float] = field(default_factory=dict)
    champion_figures: Mapping[str, float] = field(default_factory=dict)

    def entry(self, version: str, champion: LoggedModel | None) -> LogRecord:
        """The record of the decision.

        Args:
            version: Version in the registry that the candidate got; empty where it got none.
            champion: The model in use so far; None before the first.
        """
        decision, origin = self.decision, self.bundle.origin
        standing = STANDINGS.get(decision.decision)
        held = "" if champion is None else champion.status
        if decision.demoted and champion is not None:
            held = ModelStatus.PROVISIONAL.value
        if champion is not None:
            champion = replace(champion, figures={**champion.figures, **_finite(self.champion_figures)})
        candidate = LoggedModel(
            self.bundle.name,
            self.tags.get("model_hash", "") or model_hash(self.bundle),
            version,
            standing.value if standing else "",
            _finite(self.figures),
        )
        return LogRecord(
            act=Act(decision.decision.value),
            at="",
            market=decision.market,
            by=self.asked.user,
            run=self.asked.command,
            reason=decision.reason,
            in_use=version if standing else ("" if champion is None else champion.version),
            standing=standing.value if standing else held,
            candidate=candidate,
            champion=champion,
            checks=decision.checks,
            decided_as_of=decision.decided_as_of,
            data_hash=origin.data_hash,
            feature_set_hash=origin.feature_set_hash,
            code_hash=origin.code_hash,
            git_commit=origin.git_commit or "",
            seed=origin.seed,
            run_id=self.run_id or "",
            judged=decision.judged,
        )


def _finite(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items() if math.isfinite(value)}
