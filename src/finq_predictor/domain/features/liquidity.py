"""Price impact, and which way the quotes lean.

Quotes are stored without the sizes behind them, so the flow of orders is seen in the moves of bid and ask alone.
"""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import feature


@feature(
    inputs=("high", "low", "close"),
    windows=(20, 60),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Abdi and Ranaldo (2017)",
    formula=(
        "2 * sqrt(pos(mean((log(lag(close, 1)) - log(lag(high, 1) * lag(low, 1)) / 2) * "
        "(log(lag(close, 1)) - log(high * low) / 2), n)))"
    ),
)
def abdi_ranaldo(bars: Bars, n: int) -> Matrix:
    """Spread from closes and mid-ranges of neighbouring bars, averaged over n bars before it is cut at 0."""
    before = bars.lag(bars.close, 1)
    here = 0.5 * (bars.log(bars.close / bars.high) + bars.log(bars.close / bars.low))
    ahead = 0.5 * (bars.log(before / bars.high) + bars.log(before / bars.low))
    return 2.0 * np.sqrt(np.maximum(bars.mean(bars.lag(here, 1) * ahead, n), 0.0))


@feature(
    inputs=("close", "volume"),
    windows=(20, 60),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Kyle (1985)",
    formula="slope_on(ret, sign(ret) * volume, n) * mean(volume, n)",
)
def kyle_lambda(bars: Bars, n: int) -> Matrix:
    """Slope of returns on volume signed by them over n bars, times average volume: impact of a usual bar's volume."""
    return bars.beta(bars.returns, np.sign(bars.returns) * bars.volume, n) * bars.mean(bars.volume, n)


@feature(
    inputs=("close", "volume"),
    windows=(60,),
    lookback=lambda n: n + 2,
    unit="ratio",
    source="Pastor and Stambaugh (2003)",
    formula="slope_on(ret, lag(sign(ret) * volume, 1), n) * mean(volume, n)",
)
def volume_reversal(bars: Bars, n: int) -> Matrix:
    """Slope of returns on the signed volume of the bar before over n bars, times average volume."""
    signed = bars.lag(np.sign(bars.returns) * bars.volume, 1)
    return bars.beta(bars.returns, signed, n) * bars.mean(bars.volume, n)


@feature(
    inputs=("bid_close", "ask_close"),
    windows=(5, 20, 120),
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source="Cont et al. (2014)",
    formula="mean((sign(bid - lag(bid, 1)) + sign(ask - lag(ask, 1))) / 2, n)",
)
def quote_imbalance(bars: Bars, n: int) -> Matrix:
    """Order-flow imbalance of n bars with one unit at every quote: raised minus lowered bids and asks."""
    bid, ask = bars.field("bid_close"), bars.field("ask_close")
    return bars.mean(0.5 * (np.sign(bid - bars.lag(bid, 1)) + np.sign(ask - bars.lag(ask, 1))), n)


@feature(
    inputs=("bid_close", "ask_close"),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source="Hasbrouck (1991)",
    formula=(
        "mean(abs(log(ask / lag(ask, 1))) - abs(log(bid / lag(bid, 1))), n) / "
        "mean(abs(log(ask / lag(ask, 1))) + abs(log(bid / lag(bid, 1))), n)"
    ),
)
def quote_asymmetry(bars: Bars, n: int) -> Matrix:
    """How much more the ask moved than the bid, over all their moves of n bars."""
    ask, bid = (
        np.abs(bars.log(side / bars.lag(side, 1))) for side in (bars.field("ask_close"), bars.field("bid_close"))
    )
    return bars.divide(bars.mean(ask - bid, n), bars.mean(ask + bid, n))


@feature(
    inputs=("bid_close", "ask_close"),
    windows=(24, 120),
    lookback=lambda n: n,
    unit="ratio",
    source="Bollerslev and Melvin (1994)",
    formula="std(spread, n) / mean(spread, n)",
)
def spread_variation(bars: Bars, n: int) -> Matrix:
    """Standard deviation of the quoted spread over its average, n bars."""
    return bars.divide(bars.std(bars.quoted_spread, n), bars.mean(bars.quoted_spread, n))


@feature(
    inputs=("bid_close", "ask_close"),
    windows=(120,),
    lookback=lambda n: n,
    unit="share",
    source="Bollerslev and Melvin (1994)",
    formula="below(spread, n)",
)
def spread_percentile(bars: Bars, n: int) -> Matrix:
    """Share of n bars at which the quoted spread was narrower than now."""
    return bars.share_below(bars.quoted_spread, n)


@feature(
    inputs=("bid_close", "ask_close", "close"),
    windows=(60,),
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source="Glosten and Harris (1988)",
    formula="corr(abs(logret), spread, n)",
)
def spread_vol_corr(bars: Bars, n: int) -> Matrix:
    """Correlation of absolute returns and the quoted spread over n bars."""
    return bars.correlation(np.abs(bars.log_returns), bars.quoted_spread, n)


@feature(
    inputs=("bid_close", "ask_close"),
    windows=(24, 120),
    lookback=lambda n: n,
    unit="ratio",
    source="Evans and Lyons (2002)",
    formula="(bid + ask) / mean(bid + ask, n) - 1",
)
def mid_gap(bars: Bars, n: int) -> Matrix:
    """Mid of the closing quotes over its average of n bars, minus one."""
    both = bars.field("bid_close") + bars.field("ask_close")
    return both / bars.mean(both, n) - 1.0
