"""What it costs that instruments end: who is in the test, and what is left without those that did not last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.evaluation.backtest import PriceGrid, make_price_grid, run_backtest
from finq_predictor.domain.evaluation.membership_coverage import MembershipCoverage, cover_membership
from finq_predictor.domain.evaluation.performance import days_per_year
from finq_predictor.domain.evaluation.skill import daily_skill
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.market.markets import Market

ASSUMED = (0.0, -0.30, -1.0)
"""Returns of a delisting under which a result is shown: nothing lost, the mean of failures, everything lost."""


@dataclass(frozen=True)
class YearCoverage:
    """The instruments of one year.

    Attributes:
        year: The year.
        instruments: How many had a bar in it.
        began: How many had their first bar in it, but for those with which the history begins.
        ended: How many had their last bar in it and have ended.
    """

    year: int
    instruments: int
    began: int
    ended: int


@dataclass(frozen=True)
class SurvivorshipBill:
    """Who is in the test of one model, and what those are worth to it that did not last.

    Attributes:
        model: Name of the model.
        instruments: Instruments that were asked about.
        ended: Those of them whose prices end before the last bar for good, sorted.
        coverage: The instruments of each year of the history.
        asked: Predictions.
        without_outcome: Predictions whose outcome is unknown, or a tie; traded like all others.
        skill: Mean daily skill of all rows; None where there is none.
        skill_of_lasting: The same of the instruments that did not end.
        net_return: Annual return after costs, by the return of a delisting that is assumed, as text.
        membership: How much of the dated membership of the index the bars cover; None where none was delivered, so that
            everybody who has bars is asked about.
    """

    model: str
    instruments: int
    ended: tuple[str, ...]
    coverage: tuple[YearCoverage, ...]
    asked: int
    without_outcome: int
    skill: float | None
    skill_of_lasting: float | None
    net_return: Mapping[str, float]
    membership: MembershipCoverage | None = None


def bill_survivorship(
    oos: pd.DataFrame,
    bars: pd.DataFrame,
    market: Market,
    *,
    horizon: int,
    rules: BacktestRules,
    strategy: str,
    skill: str,
    benchmark: pd.DataFrame | None = None,
    membership: pd.DataFrame | None = None,
) -> SurvivorshipBill:
    """Bill one model.

    Args:
        oos: Walk-forward predictions of one model, with and without an outcome.
        bars: Silver bars of the same market.
        market: After how many bars without a price an instrument has ended.
        horizon: Holding period in bars.
        rules: Positions and costs.
        strategy: How probabilities become positions.
        skill: Measure of skill.
        benchmark: ``ts`` and ``close``; hedges what is net long or short.
        membership: Silver membership; without rows there is none.
    """
    lasted = _last_bars(bars, market)
    asked = sorted(set(map(str, oos[INSTRUMENT])))
    ended = tuple(name for name in asked if not lasted.get(name, True))
    lasting = oos[~oos[INSTRUMENT].isin(ended)]
    held = bars.loc[bars[TS] >= oos[TS].min()]
    return SurvivorshipBill(
        model=str(oos["model"].iloc[0]),
        instruments=len(asked),
        ended=ended,
        coverage=_coverage(bars, lasted),
        asked=len(oos),
        without_outcome=int(oos["label"].isna().sum()),
        skill=_mean(daily_skill(oos, skill, market)),
        skill_of_lasting=_mean(daily_skill(lasting, skill, market)) if len(lasting) else None,
        net_return={
            f"{loss:+.0%}": _net_return(
                oos,
                make_price_grid(held, replace(rules, delisting_return=loss), market, benchmark),
                market,
                horizon,
                replace(rules, delisting_return=loss),
                strategy,
            )
            for loss in ASSUMED
        },
        membership=cover_membership(membership, bars, market) if membership is not None and len(membership) else None,
    )


def _last_bars(bars: pd.DataFrame, market: Market) -> dict[str, bool]:
    """Whether each instrument lasts to the end: whether too few bars came after its last one to call it ended."""
    times = np.sort(bars[TS].unique())
    last = bars.groupby(INSTRUMENT)[TS].max()
    after = len(times) - np.searchsorted(times, last.to_numpy(), side="right")
    return {str(name): bool(count < market.ended_after) for name, count in zip(last.index, after, strict=True)}


def _coverage(bars: pd.DataFrame, lasted: Mapping[str, bool]) -> tuple[YearCoverage, ...]:
    span = bars.groupby(INSTRUMENT)[TS].agg(["min", "max"])
    begin = span["min"].where(span["min"] > span["min"].min()).dt.year
    end = span["max"].where(~span.index.map(lasted).to_numpy(dtype=bool)).dt.year
    counts = bars.groupby(bars[TS].dt.year)[INSTRUMENT].nunique()
    return tuple(
        YearCoverage(int(year), int(count), int((begin == year).sum()), int((end == year).sum()))
        for year, count in counts.items()
    )


def _net_return(
    oos: pd.DataFrame, grid: PriceGrid, market: Market, horizon: int, rules: BacktestRules, strategy: str
) -> float:
    daily = run_backtest(oos, grid, market, horizon, rules, strategy)
    return float(daily["net_return"].mean() * days_per_year(market))


def _mean(daily: pd.Series) -> float | None:
    value = daily.mean()
    return float(value) if np.isfinite(value) else None
