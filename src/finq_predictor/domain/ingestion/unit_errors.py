"""Prices in the hundredth or hundredfold of the unit of their neighbours: pence for pounds, cents for rands."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.ingestion.delivered_history import PRICES, Finding, History, doubt

_UNIT = float(np.log(100.0))
_SLACK = float(np.log(2.0))
# A single price must fit its bar: a misprint of another size is not a unit.
_SLACK_OF_A_PRICE = float(np.log(1.25))
# Fewer bars do not establish a unit against the one that follows.
_ESTABLISHED = 5
_LONGEST = 20


@dataclass(frozen=True)
class Anchor:
    """A price in the right unit, as a quote of the instrument gives it.

    Attributes:
        price: The price; an order of magnitude is enough.
        known: When it was known, microseconds since 1970.
    """

    price: float
    known: int


def unit_errors(history: History, anchor: Anchor | None = None) -> list[Finding]:
    """Prices a factor of 100 off, or of its powers.

    A price of a bar that is off while others of the bar are not is judged by the bar itself and the close before it. A
    bar that is off as a whole is doubted; it is repaired when the price comes back, where more bars than are off had
    established the unit before. Where the unit changes and does not come back, the past cannot tell which one is
    right: a quote can, and where there is none the first bar of the change stays doubted.

    Args:
        history: Bars.
        anchor: A quote of the instrument.

    Returns:
        Findings, known with the row that decides: the bar itself, the first bar back in the unit, the quote.
    """
    parts = _partial(history)
    close = history.values["close"].copy()
    for part in parts:
        close[part.rows] *= part.factors.get("close", 1.0)
    steps = np.diff(np.log(close), prepend=np.log(close[0]))
    units = np.rint(steps / _UNIT)
    units[np.abs(steps - units * _UNIT) > _SLACK] = 0
    state = np.cumsum(units).astype(np.intp)
    whole = _excursions(history, state)
    if anchor is None:
        return parts + whole
    return parts + _anchored(history, state, close, whole, anchor)


def _partial(history: History) -> list[Finding]:
    """Single prices of a bar that disagree with the bar."""
    table = np.column_stack([history.values[name] for name in PRICES])
    off = np.zeros(table.shape)
    good = table > 0
    before = np.concatenate([[np.nan], history.values["close"][:-1]])[:, None]
    off[good] = (np.log(np.where(good, table, 1.0)) - np.log(before))[good]
    powers = np.rint(off / _UNIT)
    powers[(np.abs(off - powers * _UNIT) > _SLACK_OF_A_PRICE) | np.isnan(off)] = 0
    # The adjusted close may lie far below the close for years.
    own = powers[:, :4] != 0
    rows = np.flatnonzero(own.any(axis=1) & (~own).any(axis=1) & (np.abs(off[:, :4]) < 0.5).any(axis=1))
    return [_part(history, int(row), powers[row]) for row in rows]


def _part(history: History, row: int, powers: np.ndarray) -> Finding:
    values = {name: history.values[name][row] for name in PRICES}
    fixed = {name: values[name] * 100.0**-power for name, power in zip(PRICES, powers, strict=True)}
    fixed["adj_close"] = values["adj_close"] * fixed["close"] / values["close"]
    # A price in the small unit loses digits.
    if powers[2]:
        fixed["low"] = min(fixed["open"], fixed["low"], fixed["close"])
    if powers[1]:
        fixed["high"] = max(fixed["open"], fixed["high"], fixed["close"])
    factors = {name: fixed[name] / values[name] for name in PRICES if fixed[name] != values[name]}
    reason = "off by 100 from the other prices of its bar and the close before it"
    return Finding("unit", np.array([row], dtype=np.intp), factors, int(history.known[row]), reason)


def _excursions(history: History, state: Positions) -> list[Finding]:
    """Doubts of all changes of unit, and repairs of those that came back."""
    found, accepted, since = [], int(state[0]), 0
    row = 1
    while row < len(state):
        if state[row] == accepted:
            row += 1
            continue
        found.append(_change(history, row))
        end = row
        while end < len(state) and state[end] == state[row]:
            end += 1
        length = end - row
        back = end < len(state) and state[end] == accepted
        if back and length <= _LONGEST and row - since >= max(_ESTABLISHED, length + 1):
            power = int(accepted - state[row])
            found.append(
                Finding(
                    "unit",
                    np.arange(row, end),
                    dict.fromkeys(PRICES, 100.0**power),
                    int(history.known[end]),
                    "off by 100 from the bars before and after",
                )
            )
        else:
            accepted, since = int(state[row]), row
        row = end
    return found


def _change(history: History, row: int) -> Finding:
    reason = "100 times the close before it, or a hundredth: the unit changed, and the past cannot tell which is right"
    return doubt("unit", row, "close", int(history.known[row]), reason)


def _anchored(
    history: History, state: Positions, close: np.ndarray, whole: list[Finding], anchor: Anchor
) -> list[Finding]:
    """Bring all bars into the unit of a quote, which stands for the last bar known with it."""
    seen = np.flatnonzero(history.known <= anchor.known)
    if not len(seen):
        return whole
    last = int(seen[-1])
    # What the quote has settled is not settled again, and what was settled before it is not undone.
    kept = [
        finding if finding.known <= anchor.known else replace(finding, rows=finding.rows[finding.rows > last])
        for finding in whole
    ]
    offset = np.rint(np.log(close[last] / anchor.price) / _UNIT) - state[last]
    powers = (state + offset).astype(np.intp)[: last + 1]
    for finding in kept:
        factor = finding.factors["close"]
        if np.isfinite(factor) and finding.known <= anchor.known:
            powers[finding.rows] += round(np.log(factor) / _UNIT)
    return kept + [
        Finding(
            "unit",
            np.flatnonzero(powers == power),
            dict.fromkeys(PRICES, 100.0**-power),
            anchor.known,
            f"off by 100 from the quote {anchor.price:g}",
        )
        for power in sorted(set(powers.tolist()) - {0})
    ]
