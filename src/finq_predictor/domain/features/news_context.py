"""News against what is usual, against each other and against what the market did.

What is stored of the articles of a bar is the sum of their tones and their number. So how much the articles of one bar
disagree, how sure the scorer was of each, and which policy they speak of is not known here.
"""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import feature
from finq_predictor.domain.panel import NEWS_FIELDS


@feature(
    inputs=NEWS_FIELDS,
    windows=((5, 60),),
    lookback=lambda _, slow: slow,
    unit="z-score",
    source="Tetlock et al. (2008)",
    formula="(mean(bar_tone, fast) - mean(bar_tone, slow)) / std(bar_tone, slow)",
)
def news_tone_zscore(bars: Bars, fast: int, slow: int) -> Matrix:
    """Tone per bar of the fast window minus that of the slow one, in standard deviations of the slow one."""
    tone = bars.field("tone_sum") / (bars.field("article_count") + 1.0)
    return bars.divide(bars.mean(tone, fast) - bars.mean(tone, slow), bars.std(tone, slow))


@feature(
    inputs=NEWS_FIELDS,
    windows=(5, 20),
    lookback=lambda n: 2 * n,
    unit="-2 to 2",
    source="Tetlock (2007)",
    formula="mean(bar_tone, n) - lag(mean(bar_tone, n), n)",
)
def news_tone_change(bars: Bars, n: int) -> Matrix:
    """Tone per bar of n bars minus that of the n bars before."""
    tone = bars.field("tone_sum") / (bars.field("article_count") + 1.0)
    return bars.mean(tone, n) - bars.lag(bars.earlier(n).mean(tone, n), n)


@feature(
    inputs=("tone_sum",),
    windows=(20,),
    lookback=lambda n: n,
    unit="share",
    source="Antweiler and Frank (2004)",
    formula="1 - abs(mean(tone, n)) / mean(abs(tone), n)",
)
def news_disagreement(bars: Bars, n: int) -> Matrix:
    """How much the tones of n bars cancel each other: 0 where all point one way, 1 where nothing is left."""
    tone = bars.field("tone_sum")
    return 1.0 - bars.divide(np.abs(bars.mean(tone, n)), bars.mean(np.abs(tone), n))


@feature(
    inputs=NEWS_FIELDS,
    windows=(5, 20),
    lookback=lambda n: n,
    unit="root of articles",
    source="Heston and Sinha (2017)",
    formula="n * mean(tone, n) / sqrt(n * mean(articles, n) + 1)",
)
def news_strength(bars: Bars, n: int) -> Matrix:
    """Sum of tones over the root of articles in n bars: a signal that weighs more the more was written."""
    tone, count = (n * bars.mean(bars.field(name), n) for name in NEWS_FIELDS)
    return tone / np.sqrt(count + 1.0)


@feature(
    inputs=(*NEWS_FIELDS, "close"),
    windows=(5,),
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source="Chan (2003)",
    formula=(
        "larger(sign(close / lag(close, n) - 1) * mean(tone, n), 0 * close) * n / (n * mean(articles, n) + 1) * "
        "sign(mean(tone, n))"
    ),
)
def news_agreed_tone(bars: Bars, n: int) -> Matrix:
    """Tone of n bars where the return over them has the same sign, else 0: the signal that the market confirms."""
    tone, count = (n * bars.mean(bars.field(name), n) for name in NEWS_FIELDS)
    moved = np.sign(bars.change(n))
    agreed = np.where(np.isnan(moved), np.nan, (moved * tone > 0.0).astype(np.float64))
    return agreed * tone / (count + 1.0)


@feature(
    inputs=(*NEWS_FIELDS, "close"),
    windows=(60,),
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source="Tetlock et al. (2008)",
    formula="corr(bar_tone, ret, n)",
)
def news_ret_corr(bars: Bars, n: int) -> Matrix:
    """Correlation of the tone and the return of the same bar over n bars: whether the market hears it."""
    tone = bars.field("tone_sum") / (bars.field("article_count") + 1.0)
    return bars.correlation(tone, bars.returns, n)


@feature(
    inputs=(*NEWS_FIELDS, "close"),
    windows=(60,),
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source="Tetlock (2007)",
    formula="corr(lag(bar_tone, 1), ret, n)",
)
def news_lead_corr(bars: Bars, n: int) -> Matrix:
    """Correlation of a return with the tone of the bar before over n bars: whether news led."""
    tone = bars.field("tone_sum") / (bars.field("article_count") + 1.0)
    return bars.correlation(bars.lag(tone, 1), bars.returns, n)


@feature(
    inputs=(*NEWS_FIELDS, "close", "cross_section"),
    windows=(5,),
    lookback=lambda n: n,
    unit="-2 to 2",
    source="Tetlock et al. (2008)",
    formula=(
        "n * mean(tone, n) / (n * mean(articles, n) + 1) - average(n * mean(tone, n) / (n * mean(articles, n) + 1))"
    ),
)
def excess_tone(bars: Bars, n: int) -> Matrix:
    """Tone of n bars minus the mean of all instruments."""
    tone, count = (n * bars.mean(bars.field(name), n) for name in NEWS_FIELDS)
    own = tone / (count + 1.0)
    return own - bars.row_mean(own)


@feature(
    inputs=(*NEWS_FIELDS, "close", "cross_section"),
    windows=(5,),
    lookback=lambda n: n,
    unit="0 to 2",
    source="Diether et al. (2002)",
    formula="spread_among(n * mean(tone, n) / (n * mean(articles, n) + 1))",
)
def tone_dispersion(bars: Bars, n: int) -> Matrix:
    """Standard deviation among instruments of the tone of n bars: how much the news of a market disagree."""
    tone, count = (n * bars.mean(bars.field(name), n) for name in NEWS_FIELDS)
    return bars.row_std(tone / (count + 1.0))


@feature(
    inputs=("article_count",),
    windows=(10,),
    lookback=lambda n: n,
    unit="share of n",
    source="Fang and Peress (2009)",
    formula="since_max(smaller(articles, 0 * articles + 1), n) / n",
)
def news_silence(bars: Bars, n: int) -> Matrix:
    """Bars since the last article within n bars, over n; 0 also where none came at all."""
    return bars.bars_since_max(np.minimum(bars.field("article_count"), 1.0), n) / n


@feature(
    inputs=("macro_*", *NEWS_FIELDS),
    windows=(5,),
    lookback=lambda n: n,
    unit="-1 to 1",
    source="Neuhierl and Weber (2019)",
    formula="sign(macro_change(series)) * n * mean(tone, n) / (n * mean(articles, n) + 1)",
)
def macro_accord(bars: Bars, series: str, n: int) -> Matrix:
    """Tone of n bars, positive where it points the way in which the series last changed."""
    tone, count = (n * bars.mean(bars.field(name), n) for name in NEWS_FIELDS)
    return np.sign(bars.field(f"macro_{series}.change")) * tone / (count + 1.0)
