"""What would be lost in a crisis: the worst stretches that are known, and shocks that are laid down beforehand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

SPANS = (1, 5, 21)
"""Days of the stretches that are looked at."""
SHOCKS = {"market falls by a tenth": -0.10, "market falls by a fifth": -0.20, "market rises by a tenth": 0.10}
"""Moves of the market as a whole within a day."""
CROWDED = 3.0
"""So many deviations of a day at once."""
GAP = 0.05
"""So far every position opens on the wrong side at once."""


@dataclass(frozen=True)
class Scenario:
    """One scenario and what it would do.

    Attributes:
        scenario: What happens.
        lost: Return of the capital; below 0 is a loss.
        begins: First day of a stretch that was; empty for a shock.
        ends: Last day of it.
    """

    scenario: str
    lost: float
    begins: str = ""
    ends: str = ""


def worst_stretches(returns: pd.Series, spans: tuple[int, ...] = SPANS) -> list[Scenario]:
    """The stretch of each length in which most was lost, by summed returns on constant capital.

    Args:
        returns: Daily returns, indexed by day.
        spans: Lengths in days; those longer than the series are left out.
    """
    found = []
    for span in spans:
        if span > len(returns):
            continue
        sums = returns.rolling(span).sum()
        last = int(np.nanargmin(sums.to_numpy()))
        begins, ends = (str(pd.Timestamp(returns.index[place]).date()) for place in (last - span + 1, last))
        name = f"worst {span} days" if span > 1 else "worst day"
        found.append(Scenario(name, float(sums.iloc[last]), begins, ends))
    return found


def worst_of_market(returns: pd.Series, market: pd.Series, spans: tuple[int, ...] = SPANS) -> list[Scenario]:
    """What the strategy did in the stretches that were the worst of the market."""
    found = []
    for scenario in worst_stretches(market.reindex(returns.index).fillna(0.0), spans):
        within = returns[scenario.begins : scenario.ends]
        name = scenario.scenario.replace("worst", "worst of the market,")
        found.append(Scenario(name, float(within.sum()), scenario.begins, scenario.ends))
    return found


def shocks(market_beta: float, deviation: float, exposure: float) -> list[Scenario]:
    """What moves that are laid down beforehand would do.

    Args:
        market_beta: Exposure to the market, as a regression says; NaN counts as none.
        deviation: Of a day.
        exposure: Gross value held, a fraction of the capital.
    """
    beta = market_beta if np.isfinite(market_beta) else 0.0
    return [
        *(Scenario(name, beta * move) for name, move in SHOCKS.items()),
        Scenario(f"{CROWDED:g} deviations of a day against it", -CROWDED * deviation),
        Scenario(f"every position gaps by {GAP:.0%} against it", -GAP * exposure),
    ]
