"""From what a client wrote to a market, an instrument and a bar."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from finq_predictor.domain.errors import FinqError, UnknownNameError
from finq_predictor.serving.answers import Served
from finq_predictor.serving.errors import InvalidRequestError
from finq_predictor.serving.schemas import PredictRequest, parse_date
from finq_predictor.serving.view import View

_SUGGESTIONS = 5


class Found(NamedTuple):
    """What a prediction is asked of."""

    served: Served
    instrument: str
    ts: pd.Timestamp


class Resolver:
    """Finds what predictions are asked of, all in one view; the same name or date is looked for once.

    Args:
        view: What is served.
        suggestions: For how many unknown names near misses are looked for, which takes a millisecond each.
    """

    def __init__(self, view: View, suggestions: int = _SUGGESTIONS) -> None:
        self._view = view
        self._suggestions = suggestions
        self._names: dict[tuple[str, str | None], tuple[Served, str] | FinqError] = {}
        self._bars: dict[tuple[str, str | None], pd.Timestamp | FinqError] = {}

    def look(self, asked: PredictRequest) -> Found | FinqError:
        """What a prediction is asked of, or why that cannot be said."""
        name = self._name(asked.instrument, asked.market)
        if isinstance(name, FinqError):
            return name
        served, instrument = name
        ts = self._bar(served, asked.prediction_date)
        return ts if isinstance(ts, FinqError) else Found(served, instrument, ts)

    def find(self, asked: PredictRequest) -> Found:
        """Like :meth:`look`, but raises what it would return."""
        found = self.look(asked)
        if isinstance(found, FinqError):
            raise found
        return found

    def _name(self, instrument: str, market: str | None) -> tuple[Served, str] | FinqError:
        key = (instrument, market)
        if key not in self._names:
            try:
                self._names[key] = self._view.find(instrument, market, suggest=self._suggestions > 0)
            except FinqError as error:
                # Its trace leads back here, and thousands of such circles would lie about until they are looked for.
                self._names[key] = error.with_traceback(None)
                self._suggestions -= isinstance(error, UnknownNameError)
        return self._names[key]

    def _bar(self, served: Served, when: str | None) -> pd.Timestamp | FinqError:
        key = (served.market.name, when)
        if key not in self._bars:
            try:
                self._bars[key] = bar_at(served, when)
            except FinqError as error:
                self._bars[key] = error.with_traceback(None)
        return self._bars[key]


def bar_at(served: Served, when: str | None) -> pd.Timestamp:
    """The bar that answers for a date as a client wrote it; the newest where it wrote none.

    Raises:
        InvalidRequestError: If it is not a date.
        PredictionRefusedError: If no bar answers for it.
    """
    try:
        return served.bar_at(None if when is None else parse_date(when))
    except ValueError as error:
        raise InvalidRequestError(f"prediction_date: {error}.") from None
