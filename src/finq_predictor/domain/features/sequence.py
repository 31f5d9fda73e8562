"""A row's own past, bar by bar, for models that read sequences: a score then still depends on one row alone.

Lag 0 is the bar itself. Each value is on the scale of the 60 bars up to its own bar, so that no level of price, volume
or volatility is in it. These columns say once more, in many, what other families say in one: they are no part of the
default set.
"""

from __future__ import annotations

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import feature


@feature(
    inputs=("close",),
    windows=tuple(range(20)),
    lookback=lambda k: 61 + k,
    unit="standard deviations",
    source="Andersen et al. (2000)",
    formula="lag(logret / std(logret, 60), k)",
)
def seq_return(bars: Bars, k: int) -> Matrix:
    """Log return k bars ago over the volatility of the 60 bars up to then."""
    inner = bars.earlier(19)
    name = f"seq_return_{inner.first}"
    scaled = bars._once(name, lambda: bars.divide(bars.log_returns, inner.std(bars.log_returns, 60)))
    return bars.lag(scaled, k)


@feature(
    inputs=("close", "benchmark_close"),
    windows=tuple(range(20)),
    lookback=lambda k: 61 + k,
    unit="standard deviations",
    source="Jensen (1968)",
    formula="lag((ret - benchmark_ret) / std(ret - benchmark_ret, 60), k)",
)
def seq_excess(bars: Bars, k: int) -> Matrix:
    """Return above the benchmark's k bars ago over its standard deviation in the 60 bars up to then."""
    inner = bars.earlier(19)
    excess = bars._once("seq_excess", lambda: bars.returns - bars.benchmark_returns)
    scaled = bars._once(f"seq_excess_{inner.first}", lambda: bars.divide(excess, inner.std(excess, 60)))
    return bars.lag(scaled, k)


@feature(
    inputs=("high", "low"),
    windows=tuple(range(20)),
    lookback=lambda k: 60 + k,
    unit="ratio",
    source="Parkinson (1980)",
    formula="lag(log(high / low) / mean(log(high / low), 60), k)",
)
def seq_range(bars: Bars, k: int) -> Matrix:
    """Range of the bar k bars ago over its mean in the 60 bars up to then."""
    inner = bars.earlier(19)
    name = f"seq_range_{inner.first}"
    return bars.lag(bars._once(name, lambda: bars.divide(bars.log_range, inner.mean(bars.log_range, 60))), k)


@feature(
    inputs=("volume",),
    windows=tuple(range(20)),
    lookback=lambda k: 60 + k,
    unit="log ratio",
    source="Karpoff (1987)",
    formula="lag(log(volume / mean(volume, 60)), k)",
)
def seq_volume(bars: Bars, k: int) -> Matrix:
    """Logarithm of the volume k bars ago over its mean in the 60 bars up to then."""
    inner = bars.earlier(19)
    name = f"seq_volume_{inner.first}"
    scaled = bars._once(name, lambda: bars.log(bars.divide(bars.volume, inner.mean(bars.volume, 60))))
    return bars.lag(scaled, k)
