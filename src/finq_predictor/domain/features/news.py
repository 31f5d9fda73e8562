"""What articles said, from when they were known."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import feature


@feature(
    inputs=("tone_sum", "article_count"),
    windows=(1, 5, 20, 60),
    lookback=lambda n: n,
    unit="-1 to 1",
    source="Tetlock et al. (2008)",
    formula="n * mean(tone, n) / (n * mean(articles, n) + 1)",
)
def news_tone(bars: Bars, n: int) -> Matrix:
    """Tone of the articles of n bars, shrunk as if one neutral article more had come."""
    tone, count = (n * bars.mean(bars.field(name), n) for name in ("tone_sum", "article_count"))
    return tone / (count + 1.0)


@feature(
    inputs=("tone_sum", "article_count"),
    windows=(3, 10),
    lookback=lambda n: 8 * n,
    unit="-1 to 1",
    source="Garcia (2013)",
    formula="faded(tone, n) / (faded(articles, n) + 1)",
)
def news_tone_faded(bars: Bars, n: int) -> Matrix:
    """Tone of past articles, each counting half as much n bars later, shrunk by one neutral article."""
    weights = bars.fading(0.5 ** (1.0 / n), 8 * n)
    tone, count = (
        float(weights.sum()) * bars.weighted(bars.field(name), weights) for name in ("tone_sum", "article_count")
    )
    return tone / (count + 1.0)


@feature(
    inputs=("tone_sum", "article_count"),
    windows=(1, 2, 3, 5, 10),
    lookback=lambda k: k + 1,
    unit="-1 to 1",
    source="Tetlock (2007)",
    formula="lag(tone / (articles + 1), k)",
)
def news_tone_lag(bars: Bars, k: int) -> Matrix:
    """Tone of the articles of one bar, k bars ago, shrunk by one neutral article."""
    return bars.lag(bars.field("tone_sum") / (bars.field("article_count") + 1.0), k)


@feature(
    inputs=("tone_sum", "article_count"),
    windows=((5, 60),),
    lookback=lambda _, slow: slow,
    unit="-2 to 2",
    source="Tetlock et al. (2008)",
    formula=(
        "fast * mean(tone, fast) / (fast * mean(articles, fast) + 1) - slow * mean(tone, slow) / "
        "(slow * mean(articles, slow) + 1)"
    ),
)
def news_surprise(bars: Bars, fast: int, slow: int) -> Matrix:
    """Tone of the fast window minus that of the slow one, each shrunk by one neutral article."""
    parts = []
    for n in (fast, slow):
        tone, count = (n * bars.mean(bars.field(name), n) for name in ("tone_sum", "article_count"))
        parts.append(tone / (count + 1.0))
    return parts[0] - parts[1]


@feature(
    inputs=("article_count",),
    windows=(1, 5, 20),
    lookback=lambda n: n,
    unit="log articles",
    source="Fang and Peress (2009)",
    formula="log(1 + n * mean(articles, n))",
)
def news_count(bars: Bars, n: int) -> Matrix:
    """Logarithm of one plus the number of articles of n bars."""
    return bars.log(1.0 + n * bars.mean(bars.field("article_count"), n))


@feature(
    inputs=("article_count",),
    windows=((5, 60),),
    lookback=lambda _, slow: slow,
    unit="ratio",
    source="Barber and Odean (2008)",
    formula="log((mean(articles, fast) + 1 / slow) / (mean(articles, slow) + 1 / slow))",
)
def news_attention(bars: Bars, fast: int, slow: int) -> Matrix:
    """Logarithm of articles per bar in the fast window over those in the slow one, one article added to each."""
    count = bars.field("article_count")
    return bars.log((bars.mean(count, fast) + 1.0 / slow) / (bars.mean(count, slow) + 1.0 / slow))


@feature(
    inputs=("tone_sum", "article_count"),
    windows=(5,),
    lookback=lambda n: n,
    unit="share",
    source="Tetlock et al. (2008)",
    formula="abs(n * mean(tone, n)) / (n * mean(articles, n) + 2)",
)
def news_confidence(bars: Bars, n: int) -> Matrix:
    """How one-sided and how many the articles of n bars are: absolute tone with two neutral articles more."""
    tone, count = (n * bars.mean(bars.field(name), n) for name in ("tone_sum", "article_count"))
    return np.abs(tone) / (count + 2.0)


@feature(
    inputs=("tone_sum", "article_count", "close"),
    windows=(5,),
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source="Tetlock et al. (2008)",
    formula="sign(close / lag(close, n) - 1) * n * mean(tone, n) / (n * mean(articles, n) + 1)",
)
def news_coherence(bars: Bars, n: int) -> Matrix:
    """Tone of n bars times the direction of the return over them: positive where the market agrees."""
    tone, count = (n * bars.mean(bars.field(name), n) for name in ("tone_sum", "article_count"))
    return np.sign(bars.change(n)) * tone / (count + 1.0)


@feature(
    inputs=("tone_sum", "article_count", "close", "cross_section"),
    windows=(5, 20),
    lookback=lambda n: n,
    unit="rank, -0.5 to 0.5",
    source="Tetlock et al. (2008)",
    formula="rank(n * mean(tone, n) / (n * mean(articles, n) + 1))",
)
def rank_news_tone(bars: Bars, n: int) -> Matrix:
    """Rank of the tone of n bars among the instruments."""
    tone, count = (n * bars.mean(bars.field(name), n) for name in ("tone_sum", "article_count"))
    return bars.rank(tone / (count + 1.0))


@feature(
    inputs=("tone_sum", "article_count", "close", "cross_section"),
    windows=(5,),
    lookback=lambda n: n,
    unit="-1 to 1",
    source="Tetlock (2007)",
    formula="average(n * mean(tone, n) / (n * mean(articles, n) + 1))",
)
def market_tone(bars: Bars, n: int) -> Matrix:
    """Mean over all instruments of the tone of n bars."""
    tone, count = (n * bars.mean(bars.field(name), n) for name in ("tone_sum", "article_count"))
    return bars.row_mean(tone / (count + 1.0))
