"""Walk forward with every rule, after the same costs as all else, beside equal weights and the quantile strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Flags, Matrix, Positions
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import DataError, UnknownNameError
from finq_predictor.domain.evaluation.backtest import (
    PriceGrid,
    daily_results,
    make_price_grid,
    prediction_matrix,
    trade_weights,
)
from finq_predictor.domain.evaluation.feature_validation.hac import hac_test
from finq_predictor.domain.evaluation.performance import days_per_year, measures
from finq_predictor.domain.evaluation.profit_parts import REST, newest_sectors
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.portfolio.limits import step_towards
from finq_predictor.domain.portfolio.optimisers import EQUAL, OPTIMISERS
from finq_predictor.domain.portfolio.rules import PortfolioRules
from finq_predictor.domain.portfolio.weighing import weigh

LEVEL = 0.05
FEWEST_DAYS = 120


@dataclass(frozen=True)
class RuleResult:
    """What one rule earned; None where it is not defined.

    Attributes:
        rule: A key of ``OPTIMISERS``.
        net_return: A year, after costs.
        sharpe: Annualised, after costs.
        max_drawdown: Largest fall, after costs.
        turnover: Value traded per day, both sides.
        t_equal: HAC t of the daily difference to equal weights, both brought to the same volatility.
        p_equal: One-sided chance of such a difference where there is none.
        t_quantile: The same beside the quantile strategy.
        failed: Rebalances at which it found no weights, so that what was held stayed.
    """

    rule: str
    net_return: float | None
    sharpe: float | None
    max_drawdown: float | None
    turnover: float
    t_equal: float | None
    p_equal: float | None
    t_quantile: float | None
    failed: int


@dataclass(frozen=True)
class PortfolioVerdict:
    """Whether an optimiser is better than equal weights after costs.

    Attributes:
        model: Whose probabilities were weighed.
        rule: The optimiser with the highest Sharpe ratio; equal weights where none was judged.
        promoted: Whether it is better than equal weights by more than luck among all that were tried.
        reason: Why, in words.
        days: Days on which all were judged.
        rebalances: How often weights were found.
        results: Of every rule, equal weights first.
        limits: Within which weights were found.
    """

    model: str
    rule: str
    promoted: bool
    reason: str
    days: int = 0
    rebalances: int = 0
    results: tuple[RuleResult, ...] = ()
    limits: PortfolioRules = field(default_factory=PortfolioRules)

    @property
    def in_use(self) -> str:
        """The rule by which weights are given."""
        return self.rule if self.promoted else EQUAL

    @property
    def figures(self) -> dict[str, float]:
        """Name -> what is known of the rule and of equal weights, as it is tracked."""
        found = {}
        for result in self.results:
            for name in ("net_return", "sharpe", "max_drawdown", "turnover", "t_equal", "p_equal", "t_quantile"):
                if (value := getattr(result, name)) is not None:
                    found[f"{result.rule}.{name}"] = float(value)
        return found


def judge_portfolios(
    oos: pd.DataFrame,
    bars: pd.DataFrame,
    market: Market,
    horizon: int,
    rules: BacktestRules,
    limits: PortfolioRules,
    quantile_net: pd.Series,
    benchmark: pd.DataFrame | None = None,
) -> PortfolioVerdict:
    """Walk forward with every rule.

    Args:
        oos: Out-of-sample predictions of one model: ``ts``, ``instrument``, ``model``, ``probability``.
        bars: Silver bars; those before the predictions teach covariances.
        market: The market.
        horizon: Bars that a probability is about.
        rules: What trading costs.
        limits: Within which weights are found.
        quantile_net: Daily net returns of the quantile strategy on the same predictions, by day.
        benchmark: ``ts`` and ``close``; hedges what is net long.

    Raises:
        DataError: If there is no prediction.
    """
    if oos.empty:
        raise DataError("There is no prediction to weigh.")
    model = str(oos["model"].iloc[0])
    grid = make_price_grid(bars, rules, market, benchmark)
    sectors = sectors_of(bars, grid.instruments)
    probability = prediction_matrix(oos, grid)
    moments = rebalance_rows(probability, limits)
    if len(moments) < 2:
        return PortfolioVerdict(model, EQUAL, promoted=False, reason="too few bars to rebalance twice", limits=limits)
    stop = min(int(np.flatnonzero(np.isfinite(probability).any(axis=1))[-1]) + rules.entry_lag + 1, len(grid.ts))
    daily, failed = {}, {}
    for rule in OPTIMISERS:
        decided, failed[rule] = _walk(rule, probability, grid, sectors, moments, horizon, limits)
        trades = trade_weights(decided, grid, market, 1, rules, slice(int(moments[0]) + rules.entry_lag, stop))
        daily[rule] = daily_results(trades, grid, market).set_index(TS)
    results = tuple(_result(rule, daily, quantile_net, failed[rule], market) for rule in OPTIMISERS)
    return _verdict(model, results, len(daily[EQUAL]), len(moments), limits)


def rebalance_rows(probability: Matrix, limits: PortfolioRules) -> Positions:
    """Rows at which weights are found: every so many bars among those with predictions and enough bars before (k)."""
    known = np.flatnonzero(np.isfinite(probability).any(axis=1))
    return known[known >= limits.lookback - 1][:: limits.every]


def sectors_of(bars: pd.DataFrame, instruments: pd.Index) -> list[str] | None:
    """The sector of each instrument as its newest bar says; None where bars have none."""
    known = newest_sectors(bars)
    return None if known is None or known.empty else [str(known.get(name, REST)) for name in instruments]


def _walk(
    rule: str,
    probability: Matrix,
    grid: PriceGrid,
    sectors: Sequence[str] | None,
    moments: Positions,
    horizon: int,
    limits: PortfolioRules,
) -> tuple[Matrix, int]:
    """Weights wanted at every bar, from one rebalance to the next, and how often none were found."""
    decided, now, failed = np.zeros(probability.shape), np.zeros(probability.shape[1]), 0
    for place, row in enumerate(moments):
        stop = moments[place + 1] if place + 1 < len(moments) else len(decided)
        past = slice(row + 1 - limits.lookback, row + 1)
        traded: Flags = grid.tradable[past]
        now = np.where(grid.ended[row], 0.0, now)
        try:
            wanted = weigh(rule, probability[row], grid.returns[past], traded, sectors, horizon, limits)
        except DataError:
            failed += 1
        else:
            # The first portfolio is bought whole; equal weight has no limit to what it trades.
            limited = now.any() and rule != EQUAL
            now = step_towards(wanted, now, limits.max_turnover) if limited else wanted
        decided[row:stop] = now
    return decided, failed


def _result(
    rule: str, daily: dict[str, pd.DataFrame], quantile_net: pd.Series, failed: int, market: Market
) -> RuleResult:
    mine = daily[rule]["net_return"]
    found = measures(mine.to_numpy(float), days_per_year(market), trials=1)
    t_equal, p_equal = _paired(mine, daily[EQUAL]["net_return"]) if rule != EQUAL else (None, None)
    return RuleResult(
        rule,
        _known(found["annualised_return"]),
        _known(found["sharpe"]),
        _known(found["max_drawdown"]),
        float(daily[rule]["turnover"].mean()),
        t_equal,
        p_equal,
        _paired(mine, quantile_net)[0],
        failed,
    )


def _paired(mine: pd.Series, other: pd.Series) -> tuple[float | None, float | None]:
    """HAC t and one-sided chance of the difference, each series brought to a volatility of one."""
    both = pd.concat([mine, other], axis=1, join="inner").dropna().to_numpy(float)
    spread = both.std(axis=0) if len(both) else np.zeros(2)
    if len(both) < FEWEST_DAYS or not (spread > 1e-15).all():
        return None, None
    test = hac_test(both[:, 0] / spread[0] - both[:, 1] / spread[1], 1)
    t, two = float(test.t[0]), float(test.p_value[0])
    return _known(t), _known(two / 2.0 if t > 0.0 else 1.0 - two / 2.0)


def _verdict(
    model: str, results: tuple[RuleResult, ...], days: int, rebalances: int, limits: PortfolioRules
) -> PortfolioVerdict:
    tried = [result for result in results if result.rule != EQUAL and result.sharpe is not None]
    equal = next(result for result in results if result.rule == EQUAL)
    judged = [result for result in tried if result.p_equal is not None]
    if not judged:
        reason = f"no optimiser could be compared with equal weights on {days} days"
        return PortfolioVerdict(model, EQUAL, False, reason, days, rebalances, results, limits)
    best = max(judged, key=lambda result: result.sharpe or 0.0)
    # The best of several is held to a level that is divided among them (Bonferroni).
    level = LEVEL / len(judged)
    better = (best.p_equal or 0.0) < level and (best.net_return or 0.0) > 0.0
    reason = (
        f"{best.rule} has a Sharpe ratio of {best.sharpe:.2f} after costs, equal weights {_said(equal.sharpe)}; "
        f"t of the difference {best.t_equal:.2f}, p {best.p_equal:.4f} against {level:.4f} for {len(judged)} optimisers"
        + ("" if better else ": not better by more than luck, or no profit")
    )
    return PortfolioVerdict(model, best.rule, better, reason, days, rebalances, results, limits)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _said(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def weigh_newest(
    predictions: pd.DataFrame,
    bars: pd.DataFrame,
    market: Market,
    horizon: int,
    verdict: PortfolioVerdict,
    held: pd.Series | None = None,
) -> pd.DataFrame:
    """Weights for the newest predictions, by the rule in use.

    Args:
        predictions: ``ts``, ``instrument``, ``probability`` and ``decision``; what is not to be acted upon is not held.
        bars: Silver bars up to the same time.
        market: The market.
        horizon: Bars that a probability is about.
        verdict: Says which rule is in use, and the limits.
        held: Instrument -> share of the capital that is held now, so that no more is traded than may be; None buys the
            portfolio whole.

    Returns:
        ``ts``, ``instrument``, ``probability``, ``weight``, largest first, those that are held; the rest is cash.

    Raises:
        DataError: If there is no prediction, or the rule finds no weights.
        UnknownNameError: If something is held that the market does not have.
    """
    if predictions.empty:
        raise DataError("There is no prediction to weigh.")
    newest = predictions[TS].max()
    acted = predictions[(predictions[TS] == newest) & (predictions["decision"] == "predict")]
    grid = make_price_grid(bars[bars[TS] <= newest], BacktestRules(), market)
    limits = verdict.limits
    if len(grid.ts) < limits.lookback:
        raise DataError(
            f"Weights are made of {limits.lookback} bars, and there are {len(grid.ts)}; deliver a longer history, or "
            "set evaluation.portfolio.rules.lookback lower."
        )
    said = acted.drop_duplicates(INSTRUMENT).set_index(INSTRUMENT)["probability"]
    probability = said.reindex(grid.instruments).to_numpy(float)
    past = slice(len(grid.ts) - limits.lookback, len(grid.ts))
    weights = weigh(
        verdict.in_use,
        probability,
        grid.returns[past],
        grid.tradable[past],
        sectors_of(bars, grid.instruments),
        horizon,
        limits,
    )
    if held is not None:
        for name in sorted(set(map(str, held.index)) - set(map(str, grid.instruments))):
            raise UnknownNameError("instrument", name, map(str, grid.instruments))
        before = held.reindex(grid.instruments).fillna(0.0).to_numpy(float)
        weights = step_towards(weights, before, limits.max_turnover)
    table = pd.DataFrame(
        {TS: newest, INSTRUMENT: grid.instruments.astype(str), "probability": probability, "weight": weights}
    )
    return table[table["weight"] > 1e-6].sort_values("weight", ascending=False, kind="stable", ignore_index=True)
