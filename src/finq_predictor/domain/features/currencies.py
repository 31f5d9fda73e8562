"""What all pairs together say of the two currencies of a pair: which of them is strong, and of which is spoken well."""

from __future__ import annotations

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._moments import currency_balance
from finq_predictor.domain.features._registry import feature
from finq_predictor.domain.market.markets import Trait


@feature(
    inputs=("close", "cross_section"),
    windows=(1, 5, 20, 120),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Menkhoff et al. (2012)",
    needs=(Trait.PAIRS,),
    formula="currencies(log(close / lag(close, n)))",
)
def currency_strength(bars: Bars, n: int) -> Matrix:
    """Logarithmic return of the base against all it is quoted with over n bars, minus that of the quote currency."""
    return currency_balance(bars, bars.log(bars.close / bars.lag(bars.close, n)))


@feature(
    inputs=("close", "cross_section"),
    windows=(5, 20),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Menkhoff et al. (2012)",
    needs=(Trait.PAIRS,),
    formula="log(close / lag(close, n)) - currencies(log(close / lag(close, n))) / 2",
)
def pair_residual(bars: Bars, n: int) -> Matrix:
    """Logarithmic return of the pair over n bars minus half of what its two currencies did against all."""
    change = bars.log(bars.close / bars.lag(bars.close, n))
    return change - 0.5 * currency_balance(bars, change)


@feature(
    inputs=("tone_sum", "article_count", "close", "cross_section"),
    windows=(5, 20),
    lookback=lambda n: n,
    unit="-2 to 2",
    source="Rognone et al. (2020)",
    needs=(Trait.PAIRS,),
    formula="currencies(n * mean(tone, n) / (n * mean(articles, n) + 1))",
)
def currency_tone(bars: Bars, n: int) -> Matrix:
    """Tone of n bars about the base by all pairs that it is in, minus that about the quote currency."""
    tone, count = (n * bars.mean(bars.field(name), n) for name in ("tone_sum", "article_count"))
    return currency_balance(bars, tone / (count + 1.0))
