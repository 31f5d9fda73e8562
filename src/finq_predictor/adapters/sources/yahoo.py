"""Bars of stocks, indices and currency pairs from Yahoo, through yfinance; no key is needed."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd

from finq_predictor.adapters.http import CallLog, Policy, refuse_keys
from finq_predictor.adapters.http.live import require_live
from finq_predictor.adapters.sources.one_by_one import one_by_one
from finq_predictor.adapters.sources.protocol import Part
from finq_predictor.adapters.sources.yahoo_session import NoPricesError, guarded_session
from finq_predictor.domain.columns import SPLIT_ADJUSTED
from finq_predictor.domain.errors import ConfigurationError, SourceAnswerError, SourceError, SourceUnavailableError

# Yahoo knows the hours of no more than two years.
OLDEST_HOURS = pd.Timedelta(days=729)
# Corrections of the closing auction arrive within minutes.
AFTER_CLOSE = pd.Timedelta(minutes=15)
QUOTE = "quote"
INTERVALS = {60: "1h", 1440: "1d"}

_COLUMNS = {
    "Open": "open", "High": "high", "Low": "low", "Close": "close", "Adj Close": "provider_adj_close",
    "Volume": "volume", "Dividends": "dividend", "Stock Splits": "split",
}  # fmt: skip


class YahooSource:
    """Complete bars, symbol by symbol.

    Prices are as Yahoo has them at the moment of the request: divided by every split up to then, but not by dividends.
    What Yahoo makes of dividends is delivered as ``provider_adj_close``, to be compared with; it changes backwards with
    every dividend and cannot be put together from deliveries of different days.

    Args:
        instruments: Our names, each with Yahoo's where that is another: ``{"EUR_USD": "EURUSD=X"}``; a list where they
            are the same. A dot in the name of a share is a dash at Yahoo.
        bar_minutes: 1440 for days, 60 for hours.
        series: Whether closes are values of a series, as of the VIX: ``series, period, value, known_at``, which is the
            day itself, and so known when it is over.
        currency: What prices must be quoted in, ``quote`` for the second side of a pair such as ``EUR_USD``; None takes
            any. A symbol that is quoted in another one is another security.
        base_url: Another address in place of Yahoo's hosts, whose names then begin the path.
        policy: Other limits than the usual ones, by name.

    Raises:
        ConfigurationError: If Yahoo has no such bars.
    """

    simulated = False

    def __init__(
        self,
        instruments: Sequence[str] | Mapping[str, str],
        bar_minutes: int = 1440,
        series: bool = False,
        currency: str | None = None,
        base_url: str | None = None,
        policy: Mapping[str, Any] | None = None,
    ) -> None:
        require_live("yfinance")
        refuse_keys("yahoo", {"base_url": base_url})
        if bar_minutes not in INTERVALS:
            raise ConfigurationError(f"Yahoo has no bars of {bar_minutes} minutes that last; expected 60 or 1440.")
        named = instruments if isinstance(instruments, Mapping) else {name: _at_yahoo(name) for name in instruments}
        self._symbols = dict(named)
        self.keys = tuple(self._symbols)
        self.calls = CallLog()
        self._interval, self._bar = INTERVALS[bar_minutes], pd.Timedelta(minutes=bar_minutes)
        self._currency, self._base_url, self._series = currency, base_url, series
        self._policy = Policy(**{"requests_per_minute": 120, "total_seconds": 30.0, **(policy or {})})

    @property
    def identity(self) -> tuple[str, ...]:
        """Instrument and time."""
        return ("series", "period") if self._series else ("instrument", "date")

    @property
    def source_id(self) -> str:
        """The provider and the length of a bar."""
        return f"yahoo-{self._interval}"

    def fetch(
        self, keys: Sequence[str], since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp
    ) -> Iterator[Part]:
        """Ask for a window, see `WindowSource`."""
        with guarded_session(self._policy, self.calls, self._base_url) as session, _errors_raised():
            yield from one_by_one(keys, lambda name: [self._part(session, name, since, until, as_of)])

    def _part(self, session: Any, name: str, since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp) -> Part:
        begin = since if self._interval == "1d" else max(since, as_of.ceil("h") - OLDEST_HOURS)
        if begin >= until:
            return Part(pd.DataFrame(), (name,))
        try:
            bars, about = self._history(session, self._symbols[name], begin, until)
        except NoPricesError as nothing:
            return Part(pd.DataFrame(), (name,), until=self._end(nothing.about, since, until, as_of))
        self._check(about, name)
        end = self._end(about, since, until, as_of)
        rows = bars[(bars.index >= begin) & (bars.index < end)]
        frame = rows[[column for column in _COLUMNS if column in rows]].rename(columns=_COLUMNS)
        frame.insert(0, "instrument", name)
        frame.insert(1, "date", _written(rows.index, self._interval))
        frame = frame.assign(currency=about["currency"], prices=SPLIT_ADJUSTED).reset_index(drop=True)
        return Part(_as_series(frame) if self._series else frame, (name,), until=end)

    def _history(
        self, session: Any, symbol: str, since: pd.Timestamp, until: pd.Timestamp
    ) -> tuple[pd.DataFrame, dict[str, Any]]:
        import yfinance
        from yfinance.exceptions import YFException, YFRateLimitError

        ticker = yfinance.Ticker(symbol, session=session)
        try:
            bars = ticker.history(
                start=since.floor("s").to_pydatetime(), end=until.ceil("s").to_pydatetime(), interval=self._interval,
                auto_adjust=False, actions=True, keepna=True,
            )  # fmt: skip
            return bars, dict(ticker.history_metadata)
        except (SourceError, NoPricesError):
            raise
        except YFRateLimitError:
            raise SourceUnavailableError(
                f"Yahoo did not answer for {symbol}: too many requests. Ask again later, or let another source answer."
            ) from None
        except (YFException, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            # What yfinance cannot read it tells by whatever its own code stumbles over.
            raise SourceAnswerError(
                f"Yahoo's answer for {symbol} cannot be read by yfinance: {type(error).__name__}: {str(error)[:200]}. "
                "Yahoo may have changed it; a newer version of yfinance may help. Nothing of this answer is kept."
            ) from None

    def _check(self, about: Mapping[str, Any], name: str) -> None:
        symbol = self._symbols[name]
        if about.get("symbol") != symbol:
            raise SourceAnswerError(f"Yahoo was asked for {symbol} and answered with {about.get('symbol')!r}.")
        expected = name.rpartition("_")[2] if self._currency == QUOTE else self._currency
        if expected is not None and about.get("currency") != expected:
            raise SourceAnswerError(
                f"Yahoo quotes {symbol} in {about.get('currency')!r}; expected {expected}. It may stand for "
                "another security now; correct its name, or leave `currency` out."
            )

    def _end(
        self, about: Mapping[str, Any], since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp
    ) -> pd.Timestamp:
        """Up to when bars that begin before are complete; a session begins with its day."""
        if self._interval != "1d":
            return min(as_of.floor(self._bar), until)
        if not about:
            # Nobody said where it is traded; by then every day is over everywhere.
            return max(min(until, as_of - pd.Timedelta(days=2)), since)
        today = as_of.tz_convert(str(about["exchangeTimezoneName"])).normalize()
        close = _moment(about["currentTradingPeriod"]["regular"]["end"])
        closed = close.tz_convert(today.tz).normalize() == today and close + AFTER_CLOSE <= as_of
        return until if closed else max(min(today.tz_convert("UTC"), until), since)


def _as_series(bars: pd.DataFrame) -> pd.DataFrame:
    values = bars.loc[bars["close"].notna(), ["instrument", "date", "close"]]
    named = values.rename(columns={"instrument": "series", "date": "period", "close": "value"})
    return named.assign(known_at=named["period"]).reset_index(drop=True)


def _moment(value: Any) -> pd.Timestamp:
    """A time as Yahoo gives it, in seconds, or as yfinance has read it."""
    return pd.Timestamp(value, unit="s", tz="UTC") if isinstance(value, int | float) else pd.Timestamp(value)


def _at_yahoo(name: str) -> str:
    return name.replace(".", "-")


def _written(starts: pd.DatetimeIndex, interval: str) -> Any:
    """A session is a date, whatever the zone of its exchange; an hour is its begin in UTC."""
    if interval == "1d":
        return starts.strftime("%Y-%m-%d").astype("str")
    return starts.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ").astype("str")


@contextmanager
def _errors_raised() -> Iterator[None]:
    """Let yfinance ask anew, and raise what it would otherwise print and forget."""
    from yfinance.config import YfConfig
    from yfinance.data import YfData

    # It remembers answers about the past for as long as the process lives, and the past may have been revised.
    YfData.cache_get.cache_clear()
    # It calls pandas in ways that will not last; that is between the two of them.
    warnings.filterwarnings("ignore", category=pd.errors.PandasChangeWarning, module=r"yfinance\.")
    before = YfConfig.debug.hide_exceptions
    YfConfig.debug.hide_exceptions = False
    silenced = logging.getLogger("yfinance")
    level = silenced.level
    silenced.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        YfConfig.debug.hide_exceptions = before
        silenced.setLevel(level)
