"""Further checks of a challenger: how much it trades, what it looks at, and what it takes to answer with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from finq_predictor.domain.promotion.terms import Check

if TYPE_CHECKING:
    from finq_predictor.domain.promotion.checks import Case

_BYTES = 1e6


def turnover(case: Case) -> Check:
    """How much value it trades a day, in multiples of capital."""
    limit, value = case.rules.max_turnover, case.candidate.backtest.get("turnover_per_day", np.nan)
    if not np.isfinite(value):
        return Check("turnover", True, None, limit, "What it would trade was not measured.", gating=False)
    bound = _bound(limit, "times")
    detail = f"It trades {value:.2f} times its capital a day, both sides ({bound})."
    return Check("turnover", limit is None or bool(value <= limit), float(value), limit, detail, limit is not None)


def importance_moved(case: Case) -> Check:
    """Share of importance that lies on other features than the champion's."""
    limit, rival = case.rules.max_importance_moved, case.rival
    mine = _shares(case.candidate.importance)
    theirs = _shares(rival.importance) if rival is not None else {}
    if not mine or not theirs:
        detail = "There is no champion whose use of the features could be compared."
        return Check("importance_moved", True, None, limit, detail, gating=False)
    moved = 0.5 * sum(abs(mine.get(name, 0.0) - theirs.get(name, 0.0)) for name in sorted({*mine, *theirs}))
    bound = _bound(None if limit is None else 100 * limit, "%")
    detail = f"{100 * moved:.0f} % of what it looks at is other than what the champion looks at ({bound})."
    return Check("importance_moved", limit is None or moved <= limit, moved, limit, detail, limit is not None)


def row_latency(case: Case) -> Check:
    """How long one row takes."""
    cost = case.candidate.cost
    return _takes("row_latency", None if cost is None else cost.row_ms, case.rules.max_row_ms, "One row takes it")


def bar_latency(case: Case) -> Check:
    """How long all instruments of one bar take."""
    cost = case.candidate.cost
    what = "One bar takes it" if cost is None else f"The {cost.rows} instruments of one bar take it"
    return _takes("bar_latency", None if cost is None else cost.bar_ms, case.rules.max_bar_ms, what)


def model_size(case: Case) -> Check:
    """How large the stored model is."""
    cost, limit = case.candidate.cost, case.rules.max_model_mb
    if cost is None:
        return Check("model_size", True, None, limit, "Its size was not measured.", gating=False)
    size = cost.size / _BYTES
    detail = f"Stored it has {size:.2f} MB ({_bound(limit, 'MB')})."
    return Check("model_size", limit is None or size <= limit, size, limit, detail, limit is not None)


def _takes(name: str, value: float | None, limit: float | None, what: str) -> Check:
    if value is None:
        return Check(name, True, None, limit, "How long it takes was not measured.", gating=False)
    detail = f"{what} {value:.1f} ms ({_bound(limit, 'ms')})."
    return Check(name, limit is None or value <= limit, value, limit, detail, limit is not None)


def _bound(limit: float | None, what: str) -> str:
    return "reported only" if limit is None else f"limit {limit:g} {what}".rstrip()


def _shares(importance: Mapping[str, float]) -> dict[str, float]:
    """Importance of each feature as a share of all."""
    sizes = {name: abs(float(value)) for name, value in importance.items()}
    total = sum(sizes.values())
    return {name: size / total for name, size in sizes.items()} if total > 0 else {}
