"""Proof by recomputation: no feature knows the future, and each declares the bars that decide it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.columns import KNOWN_AT, TS, UTC_MICROSECONDS
from finq_predictor.domain.errors import LookAheadError
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import FeatureSpec
from finq_predictor.domain.features.engine import select_features
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.panel import CROSS_SECTION, Panel, build_panel


@dataclass(frozen=True)
class Audit:
    """What an audit of a market found.

    Attributes:
        market: Name of the market.
        features: How many features were recomputed.
        times: When the data were cut.
        leaking: Names of features that change when the data after a bar are taken away.
        short: Names of features whose declared lookback does not suffice.
    """

    market: str
    features: int
    times: tuple[pd.Timestamp, ...]
    leaking: tuple[str, ...]
    short: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing looks ahead and every lookback suffices."""
        return not self.leaking and not self.short


def audit_tables(tables: Mapping[str, pd.DataFrame], market: Market, *, times: int, seed: int) -> Audit:
    """Recompute every feature of a market from its silver tables, cut at sampled times.

    Joins are audited too: the panel is built anew from tables that hold only what was known.

    Args:
        tables: The silver tables of :func:`~finq_predictor.domain.panel.panel_tables` that are there, by name.
        market: The market.
        times: How many times are sampled, from the second half of the history.
        seed: Which times are sampled.
    """
    panel = build_panel(market=market, **tables)
    specs = select_features(market, panel.available)
    later = np.arange(len(panel.ts) // 2, len(panel.ts))
    # Before anybody is known to be a member there is nothing to recompute.
    later = later[panel.universe[later].any(axis=1)]
    chosen = np.random.default_rng(seed).choice(later, size=min(times, len(later)), replace=False)
    at = [panel.ts[index] for index in sorted(chosen)]
    ahead = audit_look_ahead(panel, specs, at, rebuild=lambda ts: build_panel(market=market, **cut(tables, ts, market)))
    lookback = certify_lookback(panel, specs, at)
    return Audit(
        market=market.name,
        features=len(specs),
        times=tuple(at),
        leaking=tuple(ahead.loc[ahead["leaks"], "feature"]),
        short=tuple(lookback.loc[~lookback["sufficient"], "feature"]),
    )


def cut(tables: Mapping[str, pd.DataFrame], ts: pd.Timestamp, market: Market) -> dict[str, pd.DataFrame]:
    """What was known at a time: bars and tone that had closed, and of everything what had become known.

    A bar that becomes known between its close and its decision (``market.decision_hours``) counts at its close.
    """
    return {name: table[_known(table, market) <= ts] for name, table in tables.items()}


def _known(table: pd.DataFrame, market: Market) -> pd.Series:
    """When each row counts: from its close, or from when it was known if its decision had been taken by then."""
    if KNOWN_AT not in table:
        return table[TS]
    known = table[KNOWN_AT]
    return known.mask(known <= table[TS] + market.decision_delay, table[TS]) if TS in table else known


def audit_look_ahead(
    panel: Panel,
    specs: Iterable[FeatureSpec],
    at: Iterable[pd.Timestamp],
    rebuild: Callable[[pd.Timestamp], Panel] | None = None,
) -> pd.DataFrame:
    """Recompute features from data cut at sampled times and compare with those from all data.

    Args:
        panel: All data.
        specs: Features to audit.
        at: Times at which the data are cut.
        rebuild: Makes the panel of a time from tables cut at it, so that the joins are audited too; by default the rows
            of ``panel`` up to that time are taken.

    Returns:
        One row per feature: ``feature``, ``leaks`` (any difference in any bar up to a cut), ``cells`` (how many values
        differ), ``first_leak`` (the first such bar; NaT), ``largest_difference`` (of values known on both sides).
    """
    everything = Bars(panel)
    cuts = [Bars(rebuild(ts) if rebuild else panel.until(ts)) for ts in at]
    rows = []
    for spec in specs:
        full = _values(spec, everything, panel)
        cells, first, largest = 0, pd.NaT, 0.0
        for cut in cuts:
            past = _values(spec, cut, cut.panel)
            before = _aligned(full, panel, cut.panel)
            differs = ~((before == past) | (np.isnan(before) & np.isnan(past)))
            cells += int(differs.sum())
            if differs.any():
                found = cut.panel.ts[int(np.nonzero(differs.any(axis=1))[0][0])]
                first = found if first is pd.NaT else min(first, found)
                largest = max(largest, float(np.nanmax(np.abs(before - past)[differs], initial=0.0)))
        rows.append((spec.name, cells > 0, cells, first, largest))
    columns = ["feature", "leaks", "cells", "first_leak", "largest_difference"]
    report = pd.DataFrame(rows, columns=columns).astype({"leaks": bool})
    return report.assign(first_leak=pd.to_datetime(report["first_leak"], utc=True).astype(UTC_MICROSECONDS))


def require_no_look_ahead(report: pd.DataFrame) -> None:
    """Stop when the audit found a leak.

    Args:
        report: What :func:`audit_look_ahead` returned.

    Raises:
        LookAheadError: Names every leaking column with the first bar at which it leaks.
    """
    leaks = report[report["leaks"]]
    if len(leaks):
        named = ", ".join(f"{row.feature!r} (first at {row.first_leak})" for row in leaks.itertuples())
        raise LookAheadError(
            f"{len(leaks)} of {len(report)} features change when the data after a bar are taken away: {named}. "
            "A feature may only read its own bar and earlier ones."
        )


def certify_lookback(panel: Panel, specs: Iterable[FeatureSpec], at: Sequence[pd.Timestamp]) -> pd.DataFrame:
    """Recompute features from exactly the bars they declare, and from one fewer.

    Args:
        panel: At least as many bars before each time as the longest lookback.
        specs: Features to certify.
        at: Times at which they are recomputed.

    Returns:
        One row per feature: ``feature``, ``lookback`` (declared, bars), ``values`` (finite values compared),
        ``sufficient`` (bitwise the same from that many bars, at every time), ``necessary`` (with one bar fewer some
        value changed).
    """
    everything = Bars(panel)
    places = [panel.position(ts) for ts in at]
    rows = []
    for spec in specs:
        full = _values(spec, everything, panel)
        exact = [_last(spec, panel, place, spec.lookback) for place in places]
        fewer = [_last(spec, panel, place, spec.lookback - 1) for place in places]
        same = [_same(full[place], values) for place, values in zip(places, exact, strict=True)]
        changed = [not _same(full[place], values) for place, values in zip(places, fewer, strict=True)]
        finite = int(sum(np.isfinite(full[place]).sum() for place in places))
        rows.append((spec.name, spec.lookback, finite, all(same), any(changed)))
    return pd.DataFrame(rows, columns=["feature", "lookback", "values", "sufficient", "necessary"])


def _last(spec: FeatureSpec, panel: Panel, place: int, bars: int) -> Matrix:
    """Values at one row from the last ``bars`` bars up to it; without a bar nothing is known."""
    part = panel.rows(max(0, place - bars + 1), place + 1)
    if not len(part.ts):
        return np.full(len(panel.instruments), np.nan)
    last: Matrix = _values(spec, Bars(part, len(part.ts) - 1), part)[-1]
    return last


def _values(spec: FeatureSpec, bars: Bars, panel: Panel) -> Matrix:
    shape = (len(panel.ts), len(panel.instruments))
    # A series that was first released after the cut is no field of the cut panel: then nothing was known.
    if not set(spec.inputs) - {CROSS_SECTION} <= set(panel.fields):
        return np.full(shape, np.nan)
    with np.errstate(all="ignore"):
        values = spec.compute(bars)
    return np.broadcast_to(np.where(np.isfinite(values), values, np.nan), shape)


def _aligned(full: Matrix, panel: Panel, past: Panel) -> Matrix:
    """The part of the full values that the cut panel has bars and instruments for."""
    columns = pd.Index(panel.instruments).get_indexer(pd.Index(past.instruments))
    result: Matrix = full[panel.ts.get_indexer(past.ts)][:, columns]
    return result


def _same(one: Matrix, other: Matrix) -> bool:
    return bool(np.array_equal(one, other, equal_nan=True))
