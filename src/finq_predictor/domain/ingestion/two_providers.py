"""What two providers say about the same bars: where they differ, and where neither can be believed.

Prices are compared as they were traded, so that a split which only one of the two has divided by is no difference.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import (
    ASKED_AS,
    INSTRUMENT,
    RECEIVED_AT,
    SECOND_OPINION,
    SOURCE,
    TS,
    UTC_MICROSECONDS,
    VOLUME,
)
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.ingestion.tally import Agreement
from finq_predictor.domain.tables import PROVIDER_DIFFERENCES

_SHOWN = 5
# Fewer bars do not tell a factor that stays from one that happens.
_FEWEST_OF_A_FACTOR = 5


@dataclass(frozen=True)
class Compared:
    """What came of a comparison.

    Attributes:
        differences: ``PROVIDER_DIFFERENCES``: a row for each bar and other provider that differ beyond the limits.
        agreement: The same in numbers.
        notes: What there is to say of it, one sentence each.
    """

    differences: pd.DataFrame
    agreement: Agreement = field(default_factory=Agreement)
    notes: tuple[str, ...] = ()


def nothing_compared() -> Compared:
    """What there is to say where only one provider delivered."""
    return Compared(PROVIDER_DIFFERENCES.empty())


def opinions_in(raw: pd.DataFrame) -> np.ndarray:
    """Rows that were asked for only to compare others with them, (n) booleans."""
    if ASKED_AS not in raw:
        return np.zeros(len(raw), dtype=bool)
    return np.asarray(raw[ASKED_AS].eq(SECOND_OPINION).fillna(False), dtype=bool)


def has_two_providers(raw: pd.DataFrame) -> bool:
    """Whether there is anything to compare."""
    return SOURCE in raw and RECEIVED_AT in raw and raw[SOURCE].nunique() > 1


def said_by(bars: pd.DataFrame, raw: pd.DataFrame) -> pd.DataFrame:
    """What is compared of each row.

    Args:
        bars: Typed bars, prices as traded.
        raw: The same rows as delivered, with lineage.

    Returns:
        ``instrument, ts, close, volume, spread`` (ask - bid at the close, NaN without), ``provider, received,
        opinion`` (n), with a fresh index; what has no price, name or time is missing there.
    """
    spread = bars["ask_close"] - bars["bid_close"] if {"ask_close", "bid_close"} <= set(bars) else np.nan
    values = {name: bars[name].to_numpy() for name in (INSTRUMENT, TS, "close", VOLUME)}
    frame = pd.DataFrame({**values, "spread": np.asarray(spread)})
    received = raw[RECEIVED_AT].reset_index(drop=True).astype(UTC_MICROSECONDS)
    provider = raw[SOURCE].reset_index(drop=True).astype("str").str.partition(":")[2]
    return frame.assign(provider=provider, received=received, opinion=opinions_in(raw))


def compare(said: pd.DataFrame, rules: Rules) -> Compared:
    """Compare what several providers say about the same bars.

    Of each provider the row counts that it delivered last before the decision that is taken on the bar; of a history
    that was received at once, before or together with it. So nothing that comes later changes the answer.

    A close that lies further off than ``disbelief`` is disbelieved, unless a third provider stands by it: the past
    cannot tell which of two lies.

    Args:
        said: As :func:`said_by`, of all rows.
        rules: The limits, see `ComparisonRules`.

    Returns:
        Differences, sorted by time and instrument.
    """
    pairs = _pairs(said[said[TS].notna() & said[INSTRUMENT].notna() & (said["close"] > 0)], rules)
    if pairs.empty:
        return nothing_compared()
    limits = rules.cleaning.comparison
    apart = (pairs["close"] / pairs["other_close"] - 1).to_numpy()
    spread = pairs[["spread", "other_spread"]].max(axis=1).to_numpy()
    wide = limits.spreads * spread / pairs["other_close"].to_numpy()
    allowed = np.where(np.isnan(wide), limits.max_difference, wide)
    size = np.maximum(np.abs(apart), np.abs(1 / (1 + apart) - 1))
    volumes = pairs[["volume", "other_volume"]].to_numpy()
    both = (volumes > 0).all(axis=1)
    ratio = np.divide(volumes[:, 0], volumes[:, 1], out=np.ones(len(pairs)), where=both)
    traded = np.maximum(ratio, 1 / ratio) > limits.max_volume_ratio
    differs, far = size > allowed, size > np.maximum(limits.disbelief, allowed)
    stood_by = pd.Series(~differs & pairs["in_time"].to_numpy()).groupby(pairs["bar"].to_numpy()).transform("any")
    disbelieved = far & pairs["in_time"].to_numpy() & ~stood_by.to_numpy()
    pairs = pairs.assign(
        difference=apart, allowed=allowed, what=np.where(differs, "close", "volume"), disbelieved=disbelieved
    )
    found = pairs[differs | traded].sort_values([TS, INSTRUMENT, "other"], kind="stable", ignore_index=True)
    differences = PROVIDER_DIFFERENCES.typed(found)
    prices = found[found["what"] == "close"]
    agreement = Agreement(pairs["bar"].nunique(), prices["bar"].nunique(), tuple(_examples(prices)))
    return Compared(differences, agreement, tuple(_notes(pairs, prices)))


def disbelieved(bars: pd.DataFrame, differences: pd.DataFrame) -> dict[int, str]:
    """Rows whose price another provider contradicts, by position, each with what was said.

    Args:
        bars: Bars with ``instrument, ts``.
        differences: ``PROVIDER_DIFFERENCES``.
    """
    worst = differences[differences["disbelieved"]].drop_duplicates([INSTRUMENT, TS])
    if worst.empty:
        return {}
    keys = pd.MultiIndex.from_frame(worst[[INSTRUMENT, TS]])
    places = keys.get_indexer(pd.MultiIndex.from_frame(bars[[INSTRUMENT, TS]]))
    told = [_contradiction(row) for row in worst.to_dict("records")]
    return {int(row): told[places[row]] for row in np.flatnonzero(places >= 0)}


def _contradiction(row: dict[str, object]) -> str:
    return (
        f"{row['provider']} says {row['close']:g} and {row['other']} {row['other_close']:g}; nobody else stands by the "
        "one or the other"
    )


def _pairs(said: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """A row for each bar and provider beside the one that is believed: what both say."""
    said = said[said["provider"].groupby([said[INSTRUMENT], said[TS]]).transform("nunique") > 1]
    said = said.assign(bar=said.groupby([INSTRUMENT, TS], sort=False).ngroup()).sort_values("received", kind="stable")
    first = said["received"].where(~said["opinion"]).groupby(said["bar"]).transform("min")
    decision = said[TS] + rules.market.decision_delay
    said = said.assign(in_time=said["received"] <= decision.where(decision > first, first))
    # In this order the last word of a provider is the last one in time, and where none was, the first one.
    ordered = pd.concat([said[~said["in_time"]].iloc[::-1], said[said["in_time"]]])
    believed = ordered[~ordered["opinion"]].drop_duplicates("bar", keep="last").set_index("bar")
    others = ordered.drop_duplicates(["bar", "provider"], keep="last")
    others = others[others["bar"].isin(believed.index)].reset_index(drop=True)
    mine = believed.reindex(others["bar"]).reset_index(drop=True)
    theirs = {"provider": "other", "close": "other_close", VOLUME: "other_volume", "spread": "other_spread"}
    pairs = others.rename(columns=theirs).assign(**{name: mine[name] for name in theirs})
    return pairs[pairs["provider"] != pairs["other"]].reset_index(drop=True)


def _examples(prices: pd.DataFrame) -> list[str]:
    """The instruments that differ, the worst first: how often, when, by how much, and who said it."""
    found = []
    for (name, mine, other), rows in _by_instrument(prices):
        worst = rows.loc[(rows["difference"] + 1).map(np.log).abs().idxmax()]
        found.append(
            f"{name} {_when(rows[TS])}: {mine} {worst['close']:g}, {other} {worst['other_close']:g} "
            f"({worst['difference']:+.1%})"
        )
    return found[:_SHOWN]


def _notes(pairs: pd.DataFrame, prices: pd.DataFrame) -> list[str]:
    who = " and ".join(sorted({*pairs["provider"], *pairs["other"]}))
    bars, names = pairs["bar"].nunique(), pairs[INSTRUMENT].nunique()
    notes = [
        f"{who} were compared on {bars} bars of {names} instruments: {prices['bar'].nunique()} closes differ, "
        f"{prices.loc[prices['disbelieved'], 'bar'].nunique()} so far that neither is believed"
    ]
    for (name, mine, other), rows in list(_by_instrument(prices))[:_SHOWN]:
        factor = (rows["difference"] + 1).to_numpy()
        same = len(rows) >= _FEWEST_OF_A_FACTOR and np.ptp(np.log(factor)) < 0.5 * abs(np.log(np.median(factor)))
        if same and rows["disbelieved"].any():
            notes.append(
                f"{name}: {mine} is {np.median(factor):.4g} times {other} on all of {len(rows)} bars that differ, "
                f"{_when(rows[TS])}; that is how another currency or unit looks"
            )
        elif rows["disbelieved"].any():
            notes.append(f"{name}: {mine} and {other} contradict each other, {_when(rows[TS])}")
    return notes


def _by_instrument(prices: pd.DataFrame) -> list[tuple[tuple[str, str, str], pd.DataFrame]]:
    groups = [(key, rows) for key, rows in prices.groupby([INSTRUMENT, "provider", "other"], sort=True)]
    return sorted(groups, key=lambda one: -len(one[1]))


def _when(times: pd.Series) -> str:
    days = times.sort_values().dt.strftime("%Y-%m-%d").unique()
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
