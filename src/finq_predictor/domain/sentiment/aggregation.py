"""From scored articles to a tone per instrument and bar, strictly point in time."""

from __future__ import annotations

import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, KNOWN_AT, TS, UTC_MICROSECONDS
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.exact_sums import SIZE, SUM, sums_by
from finq_predictor.domain.market.instruments import InstrumentKind
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.tables import SCORED_ARTICLES, SILVER_COVERAGE, SILVER_SENTIMENT

ARTICLE_ID = "article_id"
TONE_SUM = "tone_sum"
ARTICLE_COUNT = "article_count"
NEWEST = "newest"
WEIGHT = "weight"


def weights_of(articles: pd.DataFrame, *, count_repeats: bool = False, by_quality: bool = False) -> pd.Series:
    """Say how much each article counts.

    Args:
        articles: Silver articles; without ``duplicate_of`` nothing repeats, without ``quality`` all are of the best.
        count_repeats: Whether what tells a story again counts like the first that told it.
        by_quality: Whether an article counts by its quality.

    Returns:
        Weights in [0, 1] with the index of ``articles``; 0 counts not at all. Known when the article is.
    """
    weights = pd.Series(1.0, index=articles.index)
    if by_quality and "quality" in articles:
        weights = weights * articles["quality"]
    if not count_repeats and "duplicate_of" in articles:
        weights = weights.where(articles["duplicate_of"] == "", 0.0)
    return weights


def scored_frame(articles: pd.DataFrame, scores: pd.DataFrame, weights: pd.Series | None = None) -> pd.DataFrame:
    """Put scores beside the articles they belong to, with fixed columns and types, empty input included.

    Args:
        articles: N articles with ``article_id``, ``instrument`` and ``known_at``.
        scores: N rows ``tone``, ``confidence``, ``scorer`` in the same order.
        weights: N weights in the same order; None gives each the weight 1.

    Raises:
        DataError: If there is not one score per article.
    """
    if len(articles) != len(scores):
        raise DataError(f"Got {len(scores)} scores for {len(articles)} articles; there must be one for each.")
    return SCORED_ARTICLES.typed(
        pd.DataFrame(
            {
                ARTICLE_ID: articles[ARTICLE_ID].array,
                INSTRUMENT: articles[INSTRUMENT].array,
                KNOWN_AT: pd.to_datetime(articles[KNOWN_AT], utc=True).array,
                **{name: scores[name].array for name in ("tone", "confidence", "scorer")},
                WEIGHT: 1.0 if weights is None else weights.array,
            }
        )
    )


def aggregate_tone(
    scored: pd.DataFrame, bars_index: pd.DataFrame, market: Market, max_wait: pd.Timedelta | None = None
) -> pd.DataFrame:
    """Add up the tone of the articles that became known since an instrument's bar before.

    Each article counts once, at the first bar of its instrument whose close is not before the article was known.
    It counts with tone x confidence x weight, one of weight 0 not at all; one about a side, such as a currency, counts
    for every instrument that has it, + as base and - as quote.

    Args:
        scored: ``article_id, instrument, known_at, tone, confidence``; where instruments have two sides, the
            instrument is one of them or a side. Rows with NaN in known_at, tone or confidence are left out. Without a
            column ``weight`` every article has the weight 1.
        bars_index: The bars that exist, ``ts`` and ``instrument``, in any order.
        market: The market, whose instruments are meant.
        max_wait: Articles that waited longer than this for a bar are stale and left out; None keeps all.

    Returns:
        ``ts, instrument, tone_sum, article_count``, sorted by ts and instrument; only rows with an article. An
        article known after the last bar is left out, as is one about an instrument without bars. Known at ``ts``.
    """
    routed = _route(scored, bars_index, market.instruments)
    if routed.empty:
        return SILVER_SENTIMENT.empty()
    bars = bars_index[[TS, INSTRUMENT]].drop_duplicates().sort_values([TS, INSTRUMENT])
    bars = bars.assign(ts=bars[TS].astype(UTC_MICROSECONDS), instrument=bars[INSTRUMENT].astype("str"))
    placed = pd.merge_asof(routed, bars, left_on=KNOWN_AT, right_on=TS, by=INSTRUMENT, direction="forward")
    placed = placed.dropna(subset=[TS])
    if max_wait is not None:
        placed = placed[placed[TS] - placed[KNOWN_AT] <= max_wait]
    if placed.empty:
        return SILVER_SENTIMENT.empty()
    sums = sums_by(placed, [TS, INSTRUMENT], "weighted").rename(columns={SUM: TONE_SUM, SIZE: ARTICLE_COUNT})
    return SILVER_SENTIMENT.typed(sums)


def cover(scored: pd.DataFrame, bars_index: pd.DataFrame, max_silence: pd.Timedelta) -> pd.DataFrame:
    """Say for which bars it is known what was written, so that silence is told from not knowing.

    A bar before the first article, or so long after the newest one that articles seem to come in no more, is not
    complete. Only what was known at a bar decides on it.

    Args:
        scored: Scored articles; only ``known_at`` is read.
        bars_index: The bars for which articles were counted; only ``ts`` is read.
        max_silence: Longest time without an article about any instrument of the market.

    Returns:
        ``ts, newest, complete``, one row per close, increasing; none where there is no article at all.
    """
    known = pd.to_datetime(scored[KNOWN_AT], utc=True).astype(UTC_MICROSECONDS).dropna().sort_values()
    if known.empty:
        return SILVER_COVERAGE.empty()
    closes = pd.DataFrame({TS: pd.Series(bars_index[TS].astype(UTC_MICROSECONDS).unique()).sort_values()})
    newest = pd.DataFrame({NEWEST: known.drop_duplicates().array})
    table = pd.merge_asof(closes, newest, left_on=TS, right_on=NEWEST)
    return SILVER_COVERAGE.typed(table.assign(complete=table[TS] - table[NEWEST] <= max_silence))


def _route(scored: pd.DataFrame, bars_index: pd.DataFrame, instruments: InstrumentKind) -> pd.DataFrame:
    """Give each article the instruments it counts for, signed, in an order that rows given do not change."""
    usable = scored.dropna(subset=[KNOWN_AT, "tone", "confidence"])
    weighted = usable["tone"].astype("float64") * usable["confidence"].astype("float64")
    if WEIGHT in usable:
        usable, weighted = usable[usable[WEIGHT] > 0], weighted * usable[WEIGHT]
    usable = usable.assign(
        weighted=weighted,
        known_at=pd.to_datetime(usable[KNOWN_AT], utc=True).astype(UTC_MICROSECONDS),
        instrument=usable[INSTRUMENT].astype("str"),
    )[[ARTICLE_ID, INSTRUMENT, KNOWN_AT, "weighted"]]
    if instruments.two_sided and not usable.empty:
        targets = [str(target) for target in bars_index[INSTRUMENT].unique()]
        subjects = [str(subject) for subject in usable[INSTRUMENT].unique()]
        routes = pd.DataFrame(
            [(subject, target, instruments.exposure(subject, target)) for subject in subjects for target in targets],
            columns=[INSTRUMENT, "target", "sign"],
        ).query("sign != 0")
        usable = usable.merge(routes.astype({INSTRUMENT: "str", "target": "str"}), on=INSTRUMENT)
        usable = usable.assign(instrument=usable["target"], weighted=usable["weighted"] * usable["sign"])
        usable = usable.drop(columns=["target", "sign"])
    return usable.sort_values([KNOWN_AT, INSTRUMENT, ARTICLE_ID, "weighted"]).reset_index(drop=True)


__all__ = ["ARTICLE_COUNT", "TONE_SUM", "aggregate_tone", "cover", "scored_frame", "weights_of"]
