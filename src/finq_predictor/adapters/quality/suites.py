"""What must hold in each layer: Great Expectations suites, one function per layer.

Cleaning and gates have judged single rows and whole deliveries before. The suites are the second pair of eyes: they
know nothing of how a table was made, and so also catch a fault in the making.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from finq_predictor.adapters.quality.engine import expectations
from finq_predictor.domain.columns import ASK, BID, INSTRUMENT, KNOWN_AT, OHLC, SOURCE, TS, VOLUME
from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.market.markets import get_market

Expectations = list[Any]

# Columns that only the suites see, made by `with_derived`.
HIGH_SHORTFALL, LOW_EXCESS = "high_shortfall", "low_excess"
_REQUIRED = ("bars", "benchmark")
MOMENTS = (TS, KNOWN_AT, "published_at")
_PRICE_CEILING = 1e7
_OHLC_TOLERANCE = 1e-3


def bronze(frame: pd.DataFrame, market: str, table: str) -> Expectations:  # noqa: ARG001 - one signature for all
    """A delivery has columns, knows its source, and is not empty where a run needs it."""
    gxe = expectations()

    wanted: Expectations = [gxe.ExpectColumnToExist(column=SOURCE)]
    if table in _REQUIRED:
        wanted += [
            gxe.ExpectTableRowCountToBeBetween(min_value=1),
            gxe.ExpectTableColumnCountToBeBetween(min_value=3),
            gxe.ExpectColumnValuesToNotBeNull(column=SOURCE),
        ]
    return wanted


def silver(frame: pd.DataFrame, market: str, table: str) -> Expectations:
    """Types, keys, ranges and the order of prices."""
    suites = {
        "bars": _bars,
        "benchmark": _benchmark,
        "articles": _articles,
        "macro": _macro,
        "sentiment": _sentiment,
    }
    if table not in suites:
        raise UnknownNameError("silver table with a suite", table, suites)
    return suites[table](frame, market)


def gold(frame: pd.DataFrame, market: str, table: str) -> Expectations:  # noqa: ARG001 - one signature for all
    """A key, ascending time, labels of 0 and 1, features that are finite and mostly there."""
    gxe = expectations()

    labels = [name for name in frame if name.startswith("label_") and not name.startswith("label_end")]
    targets = [name for name in frame if name.startswith(("label_", "forward_return_"))]
    features = [name for name in frame if name not in (TS, INSTRUMENT, *targets)]
    return [
        *_key(),
        *(gxe.ExpectColumnValuesToBeInSet(column=name, value_set=[0.0, 1.0]) for name in labels),
        *(_finite(name) for name in (*features, *targets) if pd.api.types.is_float_dtype(frame[name])),
        *(gxe.ExpectColumnValuesToNotBeNull(column=name, mostly=0.4) for name in features),
    ]


SUITES: dict[str, Callable[[pd.DataFrame, str, str], Expectations]] = {"bronze": bronze, "silver": silver, "gold": gold}


def with_derived(frame: pd.DataFrame) -> pd.DataFrame:
    """Add what the suites compare but no table holds: by how much open or close lie beyond high and low, relative."""
    if not set(OHLC) <= set(frame.columns):
        return frame
    ends = frame[["open", "close"]]
    return frame.assign(
        **{HIGH_SHORTFALL: ends.max(axis=1) / frame["high"] - 1, LOW_EXCESS: frame["low"] / ends.min(axis=1) - 1}
    )


def _bars(frame: pd.DataFrame, market: str) -> Expectations:
    gxe = expectations()

    prices, quotes = get_market(market).price_columns, get_market(market).quote_columns
    wanted: Expectations = [
        *_key(),
        *_typed({INSTRUMENT: "str"}),
        *_typed(dict.fromkeys((*prices, *quotes, VOLUME), "float64")),
        *_not_null(INSTRUMENT, TS, KNOWN_AT, *prices),
        *(_between(name, 0, _PRICE_CEILING, strict=True) for name in (*prices, *quotes)),
        _between(VOLUME, 0, None),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="high", column_B="low", or_equal=True),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A=KNOWN_AT, column_B=TS, or_equal=True),
        _between(HIGH_SHORTFALL, None, _OHLC_TOLERANCE),
        _between(LOW_EXCESS, None, _OHLC_TOLERANCE),
    ]
    if quotes and frame[[*quotes]].notna().any(axis=None):
        wanted += [
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A=ask, column_B=bid, or_equal=True, ignore_row_if="either_value_is_missing"
            )
            for bid, ask in zip(BID, ASK, strict=True)
        ]
    return wanted


def _benchmark(frame: pd.DataFrame, market: str) -> Expectations:  # noqa: ARG001 - one signature for all
    gxe = expectations()

    return [
        gxe.ExpectTableRowCountToBeBetween(min_value=1),
        gxe.ExpectColumnValuesToBeUnique(column=TS),
        *_typed({"close": "float64"}),
        *_not_null(TS, KNOWN_AT, "close"),
        _between("close", 0, _PRICE_CEILING, strict=True),
    ]


def _articles(frame: pd.DataFrame, market: str) -> Expectations:  # noqa: ARG001 - one signature for all
    gxe = expectations()

    return [
        *_not_null("article_id", INSTRUMENT, "published_at", KNOWN_AT, "title"),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A=KNOWN_AT, column_B="published_at", or_equal=True),
    ]


def _macro(frame: pd.DataFrame, market: str) -> Expectations:  # noqa: ARG001 - one signature for all
    gxe = expectations()

    return [
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["series", "period", KNOWN_AT]),
        *_typed({"value": "float64"}),
        *_not_null("series", "period", "value", KNOWN_AT),
    ]


def _sentiment(frame: pd.DataFrame, market: str) -> Expectations:  # noqa: ARG001 - one signature for all
    gxe = expectations()

    return [
        gxe.ExpectCompoundColumnsToBeUnique(column_list=[INSTRUMENT, TS]),
        *_not_null(INSTRUMENT, TS, "tone_sum", "article_count"),
        _finite("tone_sum"),
        _between("article_count", 0, None),
    ]


def _key() -> Expectations:
    gxe = expectations()

    return [
        gxe.ExpectTableRowCountToBeBetween(min_value=1),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=[INSTRUMENT, TS]),
        gxe.ExpectColumnValuesToBeIncreasing(column=TS),
    ]


def _typed(types: dict[str, str]) -> Expectations:
    gxe = expectations()

    return [gxe.ExpectColumnValuesToBeOfType(column=name, type_=kind) for name, kind in types.items()]


def _not_null(*names: str) -> Iterable[Any]:
    gxe = expectations()

    return [gxe.ExpectColumnValuesToNotBeNull(column=name) for name in names]


def _between(name: str, low: float | None, high: float | None, strict: bool = False) -> Any:
    gxe = expectations()

    return gxe.ExpectColumnValuesToBeBetween(column=name, min_value=low, max_value=high, strict_min=strict)


def _finite(name: str) -> Any:
    return _between(name, -1e300, 1e300)
