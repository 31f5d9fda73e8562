"""Single trades become bars of the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT
from finq_predictor.domain.errors import ConfigurationError, closest
from finq_predictor.domain.ingestion.times import parse_times

_COLUMNS = ("price", "size")


@dataclass(frozen=True)
class TradeBars:
    """How trades are read.

    Attributes:
        time: Column of the time of a trade.
        instrument: Column of the instrument; None for trades of one.
        price: Column of the price.
        size: Column of the number of units; None where it is not recorded.
        minutes: Length of a bar.
    """

    time: str
    instrument: str | None
    price: str
    size: str | None
    minutes: int

    @classmethod
    def of(cls, columns: Mapping[str, str], time: str, instrument: str | None, minutes: int) -> Self:
        """Read the options of a source.

        Raises:
            ConfigurationError: If the price is not named, another name is unknown, or no day is a number of bars.
        """
        for name in columns:
            if name not in _COLUMNS:
                raise ConfigurationError(f"`trades` names the column of {name!r}. {closest(name, _COLUMNS)}")
        if "price" not in columns:
            raise ConfigurationError("`trades` needs the column of the price: {price: px, size: qty}.")
        if minutes <= 0 or 1440 % minutes:
            raise ConfigurationError(f"`bar_minutes` is {minutes}; expected a part of a day, such as 1, 5, 60 or 1440.")
        return cls(time, instrument, columns["price"], columns.get("size"), minutes)

    @property
    def bar(self) -> pd.Timedelta:
        """Length of a bar."""
        return pd.Timedelta(minutes=self.minutes)

    def bars(self, trades: pd.DataFrame, timezone: str) -> pd.DataFrame:
        """Make bars of trades.

        Args:
            trades: One row a trade, in the order in which they were made: within one moment the order says which was
                the first and which the last. Prices that are no number are left out.
            timezone: Zone of times that carry none.

        Returns:
            ``time`` (open of the bar, UTC), ``instrument``, ``open, high, low, close, volume``, ``trades`` (their
            number) and ``vwap``, sorted by time and instrument. A bar without a trade is not there. ``volume`` and
            ``vwap`` are NaN where no size is recorded.
        """
        price = pd.to_numeric(trades[self.price], errors="coerce")
        size = pd.Series(np.nan, index=trades.index) if self.size is None else trades[self.size]
        read = pd.DataFrame(
            {
                "time": parse_times(trades[self.time], timezone).utc.dt.floor(self.bar),
                INSTRUMENT: "" if self.instrument is None else trades[self.instrument].astype("str"),
                "price": price,
                "size": pd.to_numeric(size, errors="coerce"),
            }
        )[price.notna()]
        read = read.assign(value=read["price"] * read["size"])
        grouped = read.groupby(["time", INSTRUMENT], sort=True)
        bars = grouped["price"].agg(open="first", high="max", low="min", close="last", trades="size")
        volume = grouped["size"].sum(min_count=1)
        bars = bars.assign(volume=volume, vwap=grouped["value"].sum(min_count=1) / volume).reset_index()
        order = ["time", INSTRUMENT, "open", "high", "low", "close", "volume", "trades", "vwap"]
        return bars[order] if self.instrument is not None else bars[order].drop(columns=INSTRUMENT)
