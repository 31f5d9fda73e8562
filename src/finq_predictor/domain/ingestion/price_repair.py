"""Broken histories, repaired: each repair with its reason and the time from which it was known.

Nothing is changed in place. A repair that needs later rows is a revision, known with the row that decided it; before,
the broken value is what one had.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, KNOWN_AT, REASON, TS, UTC_MICROSECONDS, VOLUME
from finq_predictor.domain.ingestion.adjustment import in_force, local_dates
from finq_predictor.domain.ingestion.corporate_actions import DIVIDEND, SPLIT
from finq_predictor.domain.ingestion.delivered_history import DIVIDEND_COLUMN, PRICES, Action, Finding, History
from finq_predictor.domain.ingestion.dividend_faults import dividend_faults
from finq_predictor.domain.ingestion.missed_splits import missed_splits
from finq_predictor.domain.ingestion.unit_errors import Anchor, unit_errors
from finq_predictor.domain.tables import SILVER_ACTIONS, SILVER_REPAIRS


def find_repairs(
    bars: pd.DataFrame,
    actions: pd.DataFrame,
    quotes: Mapping[str, tuple[float, pd.Timestamp]] | None = None,
    *,
    zone: str = "UTC",
) -> pd.DataFrame:
    """Say what is broken in delivered histories, and what it should be.

    Args:
        bars: One delivery of bars, with prices adjusted for splits and an ``adj_close`` adjusted for dividends too, as
            Yahoo delivers them. Bars without a close above 0 are passed over.
        actions: ``SILVER_ACTIONS`` of the same delivery, dividends adjusted for splits.
        quotes: By instrument a price in the right unit and when it was known (UTC); an order of magnitude is enough.
        zone: Time zone in which the exchange dates its sessions.

    Returns:
        ``SILVER_REPAIRS``, sorted by ``known_at, instrument, ts, column``. Of several rows about one value the last one
        known counts; ``repaired`` is NaN where a value is doubted and nothing better is known. Bars known up to a time
        give the repairs known up to that time.
    """
    facts, found = in_force(actions, zone=zone), []
    for name, own in bars.groupby(INSTRUMENT, sort=True):
        ordered = own[own["close"] > 0].sort_values(TS, kind="stable", ignore_index=True)
        if len(ordered) > 1:
            quote = (quotes or {}).get(str(name))
            history = _history(ordered, facts[facts[INSTRUMENT] == name], zone)
            found.append(_repairs_of(ordered, history, quote).assign(**{INSTRUMENT: name}))
    if not found:
        return SILVER_REPAIRS.empty()
    repairs = SILVER_REPAIRS.typed(pd.concat(found, ignore_index=True))
    key = [KNOWN_AT, INSTRUMENT, TS, "column"]
    return repairs.drop_duplicates(key, keep="last").sort_values(key, kind="stable", ignore_index=True)


def apply(bars: pd.DataFrame, repairs: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """The bars as repaired with what was known at a time.

    Args:
        bars: The bars that the repairs are about.
        repairs: ``SILVER_REPAIRS``.
        as_of: Time (UTC) at which one looks.

    Returns:
        The bars in their order; doubted values stay as delivered.
    """
    known = repairs[(repairs[KNOWN_AT] <= as_of) & (repairs["column"] != DIVIDEND_COLUMN)]
    last = known.sort_values(KNOWN_AT, kind="stable").drop_duplicates([INSTRUMENT, TS, "column"], keep="last").dropna()
    places = pd.MultiIndex.from_frame(bars[[INSTRUMENT, TS]])
    columns = {}
    for column, part in last.groupby("column"):
        better = part.set_index([INSTRUMENT, TS])["repaired"].reindex(places).to_numpy()
        columns[str(column)] = bars[str(column)].where(np.isnan(better), better)
    return bars.assign(**columns)


def revised_actions(actions: pd.DataFrame, repairs: pd.DataFrame, *, zone: str = "UTC") -> pd.DataFrame:
    """The actions with repaired dividends as further versions, each from the time its repair was known.

    Args:
        actions: ``SILVER_ACTIONS``; of several versions of a dividend the last one is taken for the repaired one.
        repairs: ``SILVER_REPAIRS`` about bars of the same instruments. What counts is by how much a dividend was wrong,
            so that they may be in other shares than the actions.
        zone: Time zone in which the exchange dates its sessions.
    """
    return pd.concat([actions, repaired_dividends(actions, repairs, zone=zone)], ignore_index=True)


def repaired_dividends(actions: pd.DataFrame, repairs: pd.DataFrame, *, zone: str = "UTC") -> pd.DataFrame:
    """What dividends were repaired to, as ``SILVER_ACTIONS``; see :func:`revised_actions`."""
    sure = repairs[(repairs["column"] == DIVIDEND_COLUMN) & repairs["repaired"].notna()]
    paid = actions[actions["kind"] == DIVIDEND].sort_values(KNOWN_AT, kind="stable")
    paid = paid.drop_duplicates([INSTRUMENT, "ex_date"], keep="last").sort_values("ex_date", kind="stable")
    # The bar of a dividend is the first one on its date or after it.
    wrong = sure.assign(_date=local_dates(sure[TS], zone), _known=sure[KNOWN_AT]).sort_values("_date", kind="stable")
    found = pd.merge_asof(
        wrong[[INSTRUMENT, "_date", "_known", "delivered", "repaired"]],
        paid[[INSTRUMENT, "ex_date", "kind", "value"]],
        left_on="_date",
        right_on="ex_date",
        by=INSTRUMENT,
    ).dropna(subset="ex_date")
    value = found["value"] * (found["repaired"] / found["delivered"])
    return SILVER_ACTIONS.typed(found.assign(value=value, **{KNOWN_AT: found["_known"]}))


def _history(bars: pd.DataFrame, facts: pd.DataFrame, zone: str) -> History:
    dates = local_dates(bars[TS], zone).to_numpy()
    places = np.searchsorted(dates, facts["ex_date"].to_numpy())
    known = facts[KNOWN_AT].astype(UTC_MICROSECONDS).astype("int64")
    placed = [
        (kind, Action(int(place), float(value), int(moment)))
        for kind, place, value, moment in zip(facts["kind"], places, facts["value"], known, strict=True)
        if 0 < place < len(bars)
    ]
    return History(
        {name: bars[name].to_numpy(dtype="float64") for name in (*PRICES, VOLUME)},
        bars[KNOWN_AT].astype("int64").to_numpy(),
        [action for kind, action in placed if kind == SPLIT],
        [action for kind, action in placed if kind == DIVIDEND],
    )


def _repairs_of(bars: pd.DataFrame, history: History, quote: tuple[float, pd.Timestamp] | None) -> pd.DataFrame:
    """The findings of one instrument as rows."""
    anchor = None if quote is None else Anchor(quote[0], quote[1].value // 1000)
    found = unit_errors(history, anchor)
    found += missed_splits(history, found)
    found += dividend_faults(history, found)
    cash = np.full(len(history), np.nan)
    for dividend in history.dividends:
        cash[dividend.bar] = dividend.value
    delivered = {**history.values, DIVIDEND_COLUMN: cash}
    current = {name: values.copy() for name, values in delivered.items()}
    parts = []
    for finding in sorted(found, key=lambda item: item.known):
        for column, factor in finding.factors.items():
            rows = finding.rows
            better = current[column][rows] * factor
            if np.isfinite(factor):
                current[column][rows] = better
            parts.append(_rows(bars, finding, column, delivered[column][rows], better))
    return pd.concat(parts, ignore_index=True) if parts else SILVER_REPAIRS.empty()


def _rows(bars: pd.DataFrame, finding: Finding, column: str, delivered: np.ndarray, better: np.ndarray) -> pd.DataFrame:
    known = pd.Timestamp(finding.known, unit="us", tz="UTC").as_unit("us")
    return pd.DataFrame(
        {
            TS: bars[TS].iloc[finding.rows].reset_index(drop=True),
            "kind": finding.kind,
            "column": column,
            "delivered": delivered,
            "repaired": better,
            KNOWN_AT: known,
            REASON: finding.reason,
        }
    )
