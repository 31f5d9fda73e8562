"""Bars that a provider forgot to adjust for a split, or adjusted twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from finq_predictor.domain.arrays import Positions, Vector
from finq_predictor.domain.ingestion.delivered_history import PRICES, Action, Finding, History, repaired

_BEFORE, _AFTER = 15, 8
# Bars without a jump after which a level is believed.
_QUIET = 2
_TOLERANCE = 0.3
_NOISE = 4.0


def missed_splits(history: History, before: Sequence[Finding] = ()) -> list[Finding]:
    """Bars near a split that lie a factor of the split off what comes after it.

    The prices after the ex-date were traded in the new shares and are right. Walking back from them, every jump of the
    size of the split turns right into wrong or wrong into right. A split is judged once, on the first bar from its
    ex-date on after which the last jump lies two bars back; bars from then on are not looked at.

    Prices must be delivered adjusted for splits, as by Yahoo; in prices as traded every split would be found.

    Args:
        history: Bars and splits; jumps are measured in ``adj_close`` where it is above 0, so that dividends make none.
        before: What was found otherwise; it is put right from when it is known on.

    Returns:
        One finding per split that was missed, known with the bar on which it is judged.
    """
    found = (_missed(history, split, before) for split in history.splits)
    return [finding for finding in found if finding]


def _missed(history: History, split: Action, before: Sequence[Finding]) -> Finding | None:
    size = float(np.log(split.value))
    start = max(split.bar - _BEFORE, 1)
    for judge in range(max(split.bar, start + _QUIET), min(split.bar + _AFTER, len(history))):
        steps = np.diff(_levels(repaired(history, before, int(history.known[judge])), start - 1, judge + 1))
        jumps = _jumps(steps, size)
        if not jumps.any() or jumps[-_QUIET:].any():
            continue
        if abs(size) < _NOISE * 1.4826 * np.median(np.abs(steps)):
            return None
        # What is right stays; a bar before a jump is what the bar after it is, times the jump taken back.
        back = np.cumsum(jumps[::-1])[::-1]
        first = np.full(start - 1, back[0])
        power = np.clip(np.concatenate([first, back]), -1, 1)
        return _finding(history, split, power, judge)
    return None


def _levels(history: History, start: int, stop: int) -> Vector:
    adjusted, close = (history.values[name][start:stop] for name in ("adj_close", "close"))
    levels: Vector = np.log(adjusted if (adjusted > 0).all() else close)
    return levels


def _jumps(steps: Vector, size: float) -> Positions:
    """For each step 1 where prices jump by the split, -1 where they jump the other way, else 0."""
    slack = _TOLERANCE * abs(size)
    return (np.abs(steps - size) <= slack).astype(np.intp) - (np.abs(steps + size) <= slack).astype(np.intp)


def _finding(history: History, split: Action, power: Positions, judge: int) -> Finding | None:
    """The bars whose power is not zero; nothing where bars are wrong in both ways."""
    signs = set(np.sign(power[power != 0]).tolist())
    if len(signs) != 1:
        return None
    factor = split.value ** signs.pop()
    return Finding(
        "split",
        np.flatnonzero(power),
        {**dict.fromkeys(PRICES, factor), "volume": 1.0 / factor},
        max(int(history.known[judge]), split.known),
        f"off by the split of {split.value:g} from the prices after it",
    )
