"""Candles of currency pairs with bid, mid and ask from OANDA's v20 interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from finq_predictor.adapters.http import CallLog, HttpClient, Key, Policy, refuse_keys, secret_of
from finq_predictor.adapters.sources.one_by_one import one_by_one
from finq_predictor.adapters.sources.protocol import Part
from finq_predictor.domain.errors import ConfigurationError, SourceAnswerError, UnknownNameError

ADDRESSES = {"practice": "https://api-fxpractice.oanda.com/v3", "live": "https://api-fxtrade.oanda.com/v3"}
MOST_CANDLES = 5_000
"""So many the provider gives in one answer."""

GRANULARITIES = {1: "M1", 5: "M5", 15: "M15", 30: "M30", 60: "H1", 120: "H2", 240: "H4"}
"""Minutes of a bar to the provider's name; longer ones begin at an hour of its own."""

_SIDES = ("bid", "mid", "ask")
_PRICES = ("o", "h", "l", "c")


class OandaSource:
    """Complete candles, pair by pair.

    Args:
        instruments: Pairs as the provider writes them, such as ``EUR_USD``.
        environment: ``practice`` or ``live``: whose account the token is of. Prices of both are real.
        bar_minutes: Length of a bar, see :data:`GRANULARITIES`.
        base_url: Another address; None for that of the environment.
        credentials: The entry ``oanda`` of the credentials, with its ``token``.
        policy: Other limits than the usual ones, by name.

    Raises:
        ConfigurationError: If there is no token, or an option cannot be.
    """

    provider = "oanda"
    simulated = False
    identity = ("instrument", "time")

    def __init__(
        self,
        instruments: Sequence[str],
        environment: str = "practice",
        bar_minutes: int = 60,
        base_url: str | None = None,
        credentials: Mapping[str, Any] | None = None,
        policy: Mapping[str, Any] | None = None,
    ) -> None:
        refuse_keys("oanda", {"base_url": base_url})
        if environment not in ADDRESSES:
            raise UnknownNameError("environment of OANDA", environment, ADDRESSES)
        if bar_minutes not in GRANULARITIES:
            raise ConfigurationError(f"OANDA has no bars of {bar_minutes} minutes; expected one of {[*GRANULARITIES]}.")
        self.keys = tuple(instruments)
        self.calls = CallLog()
        self._granularity, self._bar = GRANULARITIES[bar_minutes], pd.Timedelta(minutes=bar_minutes)
        self._address = base_url or ADDRESSES[environment]
        self._token = secret_of("oanda", "token", credentials)
        self._policy = Policy(**{"requests_per_minute": 600, **(policy or {})})

    @property
    def source_id(self) -> str:
        """The provider and the length of a bar."""
        return f"oanda-{self._granularity}"

    def fetch(
        self, keys: Sequence[str], since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp
    ) -> Iterator[Part]:
        """Ask for a window, see `WindowSource`: so many candles at once as the provider gives."""
        # A candle that begins here may not be complete; it is asked for when it is.
        end = min(until, as_of.floor(self._bar))
        with self._client() as client:
            yield from one_by_one(keys, lambda pair: self._pages(client, pair, since.floor(self._bar), end))

    def _client(self) -> HttpClient:
        keys = [Key.bearer(self._token)]
        return HttpClient("oanda", self._address, self._policy, keys=keys, record=self.calls)

    def _pages(self, client: HttpClient, pair: str, since: pd.Timestamp, until: pd.Timestamp) -> Iterator[Part]:
        while since < until:
            end = min(since + MOST_CANDLES * self._bar, until)
            query = {"granularity": self._granularity, "price": "BMA", "from": _written(since), "to": _written(end)}
            answer = client.get_json(f"instruments/{pair}/candles", query)
            yield Part(self._candles(answer, pair, since, end), (pair,), since, end)
            since = end

    def _candles(self, answer: Any, pair: str, since: pd.Timestamp, until: pd.Timestamp) -> pd.DataFrame:
        try:
            said, granularity, candles = answer["instrument"], answer["granularity"], answer["candles"]
            rows = [_row(pair, candle) for candle in candles if candle["complete"]]
        except (KeyError, TypeError) as error:
            raise SourceAnswerError(
                f"OANDA's candles of {pair} have another form than they had: {error!r} is not there. It may have "
                "changed its interface; nothing of this answer is kept."
            ) from None
        if (said, granularity) != (pair, self._granularity):
            raise SourceAnswerError(
                f"OANDA was asked for {pair} {self._granularity} and answered with {said} {granularity}; nothing of "
                "this answer is kept."
            )
        frame = pd.DataFrame(rows, columns=["instrument", "time", "complete", "volume", *_COLUMNS])
        times = pd.to_datetime(frame["time"], utc=True, errors="coerce")
        return frame[((times >= since) & (times < until)) | times.isna()]


_COLUMNS = tuple(f"{side}_{price}" for side in _SIDES for price in _PRICES)


def _row(pair: str, candle: Mapping[str, Any]) -> list[Any]:
    prices = [float(candle[side][price]) for side in _SIDES for price in _PRICES]
    return [pair, candle["time"], True, int(candle["volume"]), *prices]


def _written(moment: pd.Timestamp) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
