"""What a model says of the newest bar of its market at a moment, as the API would say it then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.decisions import Action
from finq_predictor.domain.modelling.origin import ModelStatus
from finq_predictor.domain.modelling.staleness import STALE, why_stale

SIMULATED, PROVISIONAL = "simulated", "provisional"
MARK = "scheduled-"
"""How the ids of what is said on a schedule begin; what is said twice has the same one."""
_ID = 32


@dataclass(frozen=True)
class Statement:
    """What is said of one instrument.

    Attributes:
        instrument: Its name.
        probability: Calibrated; None where nothing is known.
        decision: See :class:`~finq_predictor.domain.modelling.decisions.Action`.
        reason: Why it abstains; None where it does not.
        flags: Of every rule that holds, after those of the model.
        prediction_set: The answers that cannot be ruled out; None where nothing is known.
    """

    instrument: str
    probability: float | None
    decision: str
    reason: str | None
    flags: tuple[str, ...]
    prediction_set: tuple[str, ...] | None


@dataclass(frozen=True)
class StatedBar:
    """What a model says of every instrument that closed at the newest bar.

    Attributes:
        market: Name of the market.
        ts: Close of the bar (UTC).
        said_at: The moment (UTC).
        horizon: How many bars ahead.
        model: Name of the model.
        version: Its version.
        snapshot: Id of the snapshot that holds all of it.
        statements: One for each instrument.
    """

    market: str
    ts: pd.Timestamp
    said_at: pd.Timestamp
    horizon: int
    model: str
    version: str
    snapshot: str
    statements: tuple[Statement, ...]

    def id_of(self, statement: Statement) -> str:
        """The id of a statement, equal for whoever says the same of the same bar by the same version."""
        about = (self.market, statement.instrument, self.ts.isoformat(), self.horizon, self.model, self.version)
        return MARK + sha256("\0".join(map(str, about)).encode()).hexdigest()[:_ID]


def flags_of(bundle: ModelBundle) -> list[str]:
    """The flags of every answer of a model."""
    holds = {SIMULATED: bundle.origin.simulated, PROVISIONAL: bundle.status is ModelStatus.PROVISIONAL}
    return [flag for flag, held in holds.items() if held]


def state_bar(
    predictions: pd.DataFrame, bundle: ModelBundle, market: Market, clock: pd.Timestamp, snapshot: str
) -> StatedBar:
    """Say what holds at a moment of the newest bar that was predicted.

    Args:
        predictions: A table of decisions, see :func:`~finq_predictor.domain.modelling.decisions.decide_rows`.
        bundle: The model that made it.
        market: Its market.
        clock: The moment (UTC); a made-up market stands at its newest bar.
        snapshot: Id of the snapshot that holds the predictions.
    """
    newest = predictions[TS].max()
    moment = (newest if bundle.origin.simulated else clock).floor("min")
    hours = market.sessions.open_hours_between(newest, moment)
    stale = why_stale(newest, hours, market.fresh_hours)
    rows = predictions[predictions[TS] == newest]
    return StatedBar(
        market.name,
        newest,
        clock,
        bundle.horizon,
        bundle.name,
        bundle.version,
        snapshot,
        tuple(_statements(rows, flags_of(bundle), stale)),
    )


def _statements(rows: pd.DataFrame, always: list[str], stale: str | None) -> Iterator[Statement]:
    names = ("probability", "decision", "reason", "flags", "prediction_set")
    plain = rows[[INSTRUMENT, *names]].astype(object).where(rows[[INSTRUMENT, *names]].notna(), None)
    for name, probability, decision, reason, flags, held in plain.itertuples(index=False, name=None):
        said = Statement(
            str(name),
            None if probability is None else float(probability),
            str(decision),
            reason,
            (*always, *str(flags).split()),
            None if held is None else tuple(str(held).split()),
        )
        if stale is not None and said.decision == Action.PREDICT:
            said = Statement(
                said.instrument,
                said.probability,
                Action.ABSTAIN.value,
                stale,
                (*said.flags, STALE),
                said.prediction_set,
            )
        yield said
