"""Dividends in the wrong unit, and adjusted closes that do not follow from the dividends they were delivered with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from finq_predictor.domain.ingestion.delivered_history import DIVIDEND_COLUMN, Action, Finding, History, doubt, repaired

# A larger share of the price is paid so rarely that the price must show it.
_HIGH_YIELD = 0.10
_NEAR = 0.03
_UNIT = 100.0
# Bars after the ex-date that are seen when a dividend is judged.
_WAIT = 2
# The right dividend and the cash to adjust by, None where they are not known, and why; no reason, no fault.
_Verdict = tuple[float | None, float | None, str]


@dataclass(frozen=True)
class _Case:
    """A dividend beside what the price and the adjusted close made of it.

    Attributes:
        cash: The dividend as delivered.
        price: Last close before its date.
        implied: The dividend that the step of the adjusted close speaks of.
        step: That step: factor of the adjusted close before the date over the one on it.
        drop: How far the price fell from ``price`` on the date and the bar after it.
        same_day: Split on the same date; 1 where there is none.
        usual: The last dividend, as repaired, if the one before it was as large; else NaN.
        settled: Factor of the adjusted close before the date over the one two bars after it.
    """

    cash: float
    price: float
    implied: float
    step: float
    drop: float
    same_day: float
    usual: float
    settled: float

    @property
    def is_high(self) -> bool:
        return self.cash > _HIGH_YIELD * self.price

    @property
    def shown(self) -> bool:
        """Whether the price fell as such a dividend makes it fall."""
        return self.drop >= self.cash / 2

    @property
    def refuted(self) -> bool:
        """Whether so high a dividend would have shown and did not."""
        return self.is_high and self.drop < self.cash / 4

    def implies(self, cash: float) -> bool:
        """Whether the adjusted close was adjusted by that much; prices and factors are rounded."""
        return abs(self.implied - cash) <= _NEAR * cash + 2e-6 * self.price


def dividend_faults(history: History, before: Sequence[Finding] = ()) -> list[Finding]:
    """Dividends and adjustments that contradict each other, the price or the dividends before.

    Each dividend is judged on the second bar after its date, by that time's knowledge. Faults that are repaired: a
    dividend 100 times what the adjusted close was adjusted by, which the price refutes; one refuted by the price that
    was adjusted by all the same; one in shares of before a split of its date; a hundredth of the dividends before it;
    an adjusted close adjusted by a hundredth of a dividend, by nothing, or by so much more that the price refutes it;
    a dividend that is there again on the bar beside. What does not fit and is none of these is doubted.

    Args:
        history: Bars and dividends, both adjusted for splits as by Yahoo.
        before: What was found otherwise; it is put right from when it is known on.

    Returns:
        Findings about ``dividend`` on the bar of its date, and about ``adj_close`` of all bars before it.
    """
    found: list[Finding] = []
    right: list[tuple[int, float]] = []
    for dividend in history.dividends:
        if dividend.bar + _WAIT >= len(history):
            break
        judged = max(int(history.known[dividend.bar + _WAIT]), dividend.known)
        seen = _as_known(repaired(history, before, int(history.known[dividend.bar + _WAIT])), judged)
        case = _case(seen, dividend, [value for known, value in right if known <= judged])
        cash, adjusted, reason = _beside(seen, dividend, case) or _verdict(case)
        if reason:
            found += _findings(history, dividend, case, cash, adjusted, reason)
        if cash != 0:
            right.append((judged, dividend.value if cash is None else cash))
    return found


def _as_known(history: History, until: int) -> History:
    """The history with the actions that had been told by a time; one that is told late changes no earlier answer."""
    splits, dividends = (
        [action for action in actions if action.known <= until] for actions in (history.splits, history.dividends)
    )
    return replace(history, splits=splits, dividends=dividends)


def _beside(history: History, dividend: Action, case: _Case) -> _Verdict | None:
    """Of two equal dividends on neighbouring bars the one that the price does not show is the other one again."""
    near = [other for other in history.dividends if other != dividend and abs(other.bar - dividend.bar) <= _WAIT]
    if not near:
        return None
    close, other = history.values["close"], near[0]
    fell, fell_then = (float(close[item.bar - 1] - close[item.bar]) / item.value for item in (dividend, other))
    equal = abs(dividend.value - other.value) <= 1e-3 * dividend.value
    told = len(near) == 1 and equal and abs(dividend.bar - other.bar) == 1 and case.implies(case.cash)
    if told and fell >= 0.5 > fell_then:
        return None
    if told and fell_then >= 0.5 > fell:
        return 0.0, 0.0, "the dividend of the bar beside it again, and adjusted by twice"
    return None, None, "another dividend within two bars: one of them may be the other one again"


def _case(history: History, dividend: Action, right: list[float]) -> _Case:
    close, adjusted, bar = history.values["close"], history.values["adj_close"], dividend.bar
    price = float(close[bar - 1])
    step = float((adjusted[bar - 1] / price) / (adjusted[bar] / close[bar]))
    floor = float(np.nanmin(np.concatenate([history.values["low"][bar : bar + 2], close[bar : bar + 2]])))
    same_day = [split.value for split in history.splits if split.bar == bar]
    alike = len(right) > 1 and abs(right[-1] - right[-2]) <= _NEAR * right[-1]
    usual = right[-1] if alike else float("nan")
    split = float(np.prod(same_day)) if same_day else 1.0
    after = dividend.bar + _WAIT
    settled = step * float((adjusted[dividend.bar] / close[dividend.bar]) / (adjusted[after] / close[after]))
    return _Case(dividend.value, price, price * (1 - step), step, price - floor, split, usual, settled)


def _verdict(case: _Case) -> _Verdict:
    cash, small = case.cash, case.cash / _UNIT
    if case.implies(cash):
        if case.refuted:
            return small, small, "100 times what the price can show, and adjusted by all the same"
        if abs(cash * _UNIT - case.usual) <= _NEAR * case.usual:
            return cash * _UNIT, cash * _UNIT, "a hundredth of the dividends before it, and adjusted by as little"
        return None, None, ""
    if case.same_day != 1.0 and case.implies(cash / case.same_day):
        return cash / case.same_day, case.implied, "in shares of before the split of its date"
    if case.implies(small) and case.refuted:
        return small, case.implied, "100 times what the adjusted close was adjusted by, and the price does not show it"
    trusted = not case.is_high or case.shown
    if case.implies(small) and trusted:
        return cash, cash, "adjusted by a hundredth of the dividend"
    if max(abs(1 - case.step), abs(1 - case.settled)) < 1e-5 and trusted:
        return cash, cash, "not adjusted for the dividend"
    gap = (case.implied - cash) / case.price
    if gap > 2e-2 and abs(case.drop - cash) < abs(case.drop - case.implied) and trusted:
        return cash, cash, "adjusted by more than the dividend, which the price does not show"
    return None, None, "the adjusted close does not follow from the dividend"


def _findings(
    history: History, dividend: Action, case: _Case, cash: float | None, adjusted: float | None, reason: str
) -> list[Finding]:
    known = max(int(history.known[dividend.bar + _WAIT]), dividend.known)
    if cash is None or adjusted is None:
        return [doubt("dividend", dividend.bar, DIVIDEND_COLUMN, known, reason)]
    found = []
    if cash != dividend.value:
        rows = np.array([dividend.bar], dtype=np.intp)
        found.append(Finding("dividend", rows, {DIVIDEND_COLUMN: cash / dividend.value}, known, reason))
    factor = (1 - adjusted / case.price) / case.step
    if abs(factor - 1) > 1e-6:
        found.append(Finding("adjustment", np.arange(dividend.bar), {"adj_close": factor}, known, reason))
    return found
