"""Daily bars of stocks from Alpha Vantage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from finq_predictor.adapters.bronze.coverage import Window
from finq_predictor.adapters.http import (
    CallLog,
    HttpClient,
    Key,
    Outcome,
    PassingError,
    Policy,
    refuse_keys,
    secret_of,
)
from finq_predictor.adapters.sources.one_by_one import one_by_one
from finq_predictor.adapters.sources.protocol import Part
from finq_predictor.domain.columns import AS_TRADED, PRICES, UTC_MICROSECONDS
from finq_predictor.domain.errors import SourceAnswerError
from finq_predictor.domain.market.calendars import NEW_YORK, get_calendar

ADDRESS = "https://www.alphavantage.co"
MOST_COMPACT = 90
"""Sessions for which the short answer is enough, which has 100 bars: some exchanges are open more often."""

_SERIES, _ABOUT = "Time Series (Daily)", "Meta Data"
_TOLD = ("2. Symbol", "3. Last Refreshed", "5. Time Zone")
_ADJUSTED = (
    "1. open", "2. high", "3. low", "4. close", "5. adjusted close", "6. volume", "7. dividend amount",
    "8. split coefficient",
)  # fmt: skip
_PLAIN = ("1. open", "2. high", "3. low", "4. close", "5. volume")
ZONE = "America/New_York"
"""In which the provider writes all times, whatever the exchange."""

_ZONES = frozenset({"US/Eastern", ZONE})
_DAY, _WEEK, _TICK = pd.Timedelta(days=1), pd.Timedelta(days=7), pd.Timedelta(1, "us")

# All of it comes with status 200, and "premium plans" are recommended on every occasion.
_PAID = re.compile(r"premium (?:endpoint|feature|function|parameter)", re.IGNORECASE)
_KEY = re.compile(r"api ?key.{0,40}(?:invalid|missing)|claim your free api key|demo.{0,4} api ?key", re.IGNORECASE)
_OFTEN = re.compile(r"rate limit|call frequency|sparingly|(?:requests?|calls?) per", re.IGNORECASE)
_WAITS = {"per second": 1.0, "per minute": 60.0, "": 3600.0}
"""Seconds to wait, by the limit that is told; that of a day is not over soon."""


class AlphaVantageSource:
    """Complete daily bars, symbol by symbol.

    A bar is complete when its session is over, and when the answer was made after that: the provider may repeat one
    that it made while the market was open. It has a bar some hours after its session, so that one that is not there is
    asked for again for a week. A split or dividend changes adjusted closes of the past, which are not asked for again;
    they stay what they were known to be.

    Args:
        instruments: Symbols as the provider writes them, such as ``AAPL``.
        adjusted: With adjusted closes, dividends and splits, for which the provider wants a paid plan; False for prices
            as they were, which are free.
        calendar: Whose sessions the bars are, see `get_calendar`.
        base_url: Another address.
        credentials: The entry ``alpha_vantage`` of the credentials, with its ``key``.
        policy: Other limits than the usual ones, by name; 5 requests a minute are the limit of a free key.

    Raises:
        ConfigurationError: If there is no key.
        UnknownNameError: If there is no such calendar.
    """

    provider = "alpha_vantage"
    simulated = False
    identity = ("instrument", "date")

    def __init__(
        self,
        instruments: Sequence[str],
        adjusted: bool = True,
        calendar: str = NEW_YORK,
        base_url: str | None = None,
        credentials: Mapping[str, Any] | None = None,
        policy: Mapping[str, Any] | None = None,
    ) -> None:
        refuse_keys("alpha_vantage", {"base_url": base_url})
        self.keys = tuple(instruments)
        self.calls = CallLog()
        self._adjusted, self._columns = adjusted, _ADJUSTED if adjusted else _PLAIN
        self._sessions = get_calendar(calendar)
        self._address = base_url or ADDRESS
        self._key = secret_of("alpha_vantage", "key", credentials)
        self._policy = Policy(**{"requests_per_minute": 5, **(policy or {})})

    @property
    def source_id(self) -> str:
        """The provider, and which prices."""
        return f"alpha_vantage-{'adjusted' if self._adjusted else 'plain'}"

    def fetch(
        self, keys: Sequence[str], since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp
    ) -> Iterator[Part]:
        """Ask for the bars whose sessions end in a window, see `WindowSource`; for none where no session does."""
        if not self._closing(since, until):
            return
        size = "compact" if self._closing(since, as_of) <= MOST_COMPACT else "full"
        with self._client() as client:
            yield from one_by_one(keys, lambda symbol: self._bars(client, symbol, size, (since, until), as_of))

    def _client(self) -> HttpClient:
        keys = [Key.in_query(self._key, "apikey")]
        return HttpClient("alpha_vantage", self._address, self._policy, keys=keys, record=self.calls)

    def _closing(self, since: pd.Timestamp, until: pd.Timestamp) -> int:
        closes = self._sessions.closes(since, until)
        return int(((closes >= since) & (closes < until)).sum())

    def _bars(self, client: HttpClient, symbol: str, size: str, window: Window, as_of: pd.Timestamp) -> Iterator[Part]:
        query = {
            "function": "TIME_SERIES_DAILY_ADJUSTED" if self._adjusted else "TIME_SERIES_DAILY",
            "symbol": symbol,
            "outputsize": size,
            "datatype": "json",
        }
        answer = client.get_json("query", query, partial(_judge, client))
        try:
            said, told, zone = (str(answer[_ABOUT][name]) for name in _TOLD)
            rows = [[symbol, date, *self._numbers(values)] for date, values in answer[_SERIES].items()]
            made = _made(told)
            dates = pd.Series(pd.to_datetime([row[1] for row in rows], format="%Y-%m-%d"))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SourceAnswerError(
                f"Alpha Vantage's bars of {symbol} have another form than they had: {error!r}. It may have changed its "
                "interface; nothing of this answer is kept."
            ) from None
        if said.upper() != symbol.upper() or zone not in _ZONES:
            raise SourceAnswerError(
                f"Alpha Vantage was asked for {symbol} in the time of New York and answered with {said} in {zone}; "
                "nothing of this answer is kept."
            )
        frame = pd.DataFrame(rows, columns=["instrument", "date", *self._columns]).assign(**{PRICES: AS_TRADED})
        (since, until), closes = window, self._closes(dates)
        end = self._answered(closes, (max(since, as_of - _WEEK), until if made is None else min(until, made)))
        if since < end:
            yield Part(frame[(closes >= since) & (closes < end)].reset_index(drop=True), (symbol,), since, end)

    def _answered(self, closes: pd.Series, recent: Window) -> pd.Timestamp:
        """Up to when bars are there, of those that are so recent that they are still to be waited for."""
        since, until = recent
        if since >= until:
            return until
        sessions = self._sessions.closes(since, until)
        absent = sessions[(sessions >= since) & (sessions < until) & ~sessions.isin(closes)]
        return until if absent.empty else absent.min()

    def _numbers(self, values: Mapping[str, str]) -> list[float]:
        return [float(values[name]) for name in self._columns]

    def _closes(self, dates: pd.Series) -> pd.Series:
        """When the bars of some dates were complete; one of a day without a session when that day is over."""
        if dates.empty:
            return pd.Series([], dtype=UTC_MICROSECONDS)
        closes = self._sessions.closes_of(dates).reindex(dates).set_axis(dates.index)
        return closes.fillna((dates + _DAY).dt.tz_localize(ZONE).astype(UTC_MICROSECONDS))


def _made(told: str) -> pd.Timestamp | None:
    """Just after an answer was made, where it says so; a date without a time of day is that of its last bar."""
    made = pd.Timestamp(told)
    return None if made == made.normalize() else made.tz_localize(ZONE).tz_convert("UTC") + _TICK


def _judge(client: HttpClient, answer: Any) -> None:
    """An error that came with the status of an answer."""
    if not isinstance(answer, dict):
        return
    said = next((str(answer[name]) for name in ("Error Message", "Note", "Information") if name in answer), None)
    if said is None:
        return
    if _PAID.search(said) or _KEY.search(said):
        raise client.refusal(said)
    if "Error Message" not in answer and _OFTEN.search(said):
        wait = next(seconds for limit, seconds in _WAITS.items() if limit in said.lower())
        raise PassingError(Outcome.THROTTLED, said, retry_after=wait)
    raise client.denial(said)
