"""From scored articles to a tone per instrument and bar, strictly point in time."""

from __future__ import annotations

import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, KNOWN_AT, TS, UTC_MICROSECONDS
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.market.markets import Market

ARTICLE_ID = "article_id"
TONE_SUM = "tone_sum"
ARTICLE_COUNT = "article_count"
SCORED_COLUMNS = (ARTICLE_ID, INSTRUMENT, KNOWN_AT, "tone", "confidence", "scorer")


def scored_frame(articles: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Put scores beside the articles they belong to, with fixed columns and types, empty input included.

    Args:
        articles: N articles with ``article_id``, ``instrument`` and ``known_at``.
        scores: N rows ``tone``, ``confidence``, ``scorer`` in the same order.

    Raises:
        DataError: If there is not one score per article.
    """
    if len(articles) != len(scores):
        raise DataError(f"Got {len(scores)} scores for {len(articles)} articles; there must be one for each.")
    return pd.DataFrame(
        {
            ARTICLE_ID: articles[ARTICLE_ID].astype("str").array,
            INSTRUMENT: articles[INSTRUMENT].astype("str").array,
            KNOWN_AT: pd.to_datetime(articles[KNOWN_AT], utc=True).astype(UTC_MICROSECONDS).array,
            "tone": scores["tone"].astype("float64").array,
            "confidence": scores["confidence"].astype("float64").array,
            "scorer": scores["scorer"].astype("str").array,
        }
    )


def aggregate_tone(
    scored: pd.DataFrame, bars_index: pd.DataFrame, market: Market, max_wait: pd.Timedelta | None = None
) -> pd.DataFrame:
    """Add up the tone of the articles that became known since an instrument's bar before.

    Each article counts once, at the first bar of its instrument whose close is not before the article was known.
    It counts with tone x confidence; one about a currency counts for every pair of it, + as base and - as quote.

    Args:
        scored: ``article_id, instrument, known_at, tone, confidence``; in an FX market the instrument is a pair or
            a currency of three letters. Rows with NaN in known_at, tone or confidence are left out.
        bars_index: The bars that exist, ``ts`` and ``instrument``, in any order.
        market: The market; without a benchmark and with 24/5 calendar the instruments are currency pairs.
        max_wait: Articles that waited longer than this for a bar are stale and left out; None keeps all.

    Returns:
        ``ts, instrument, tone_sum, article_count``, sorted by ts and instrument; only rows with an article. An
        article known after the last bar is left out, as is one about an instrument without bars. Known at ``ts``.
    """
    routed = _route(scored, bars_index, is_fx=market.calendar == "24/5")
    if routed.empty:
        return _empty()
    bars = bars_index[[TS, INSTRUMENT]].drop_duplicates().sort_values([TS, INSTRUMENT])
    bars = bars.assign(ts=bars[TS].astype(UTC_MICROSECONDS), instrument=bars[INSTRUMENT].astype("str"))
    placed = pd.merge_asof(routed, bars, left_on=KNOWN_AT, right_on=TS, by=INSTRUMENT, direction="forward")
    placed = placed.dropna(subset=[TS])
    if max_wait is not None:
        placed = placed[placed[TS] - placed[KNOWN_AT] <= max_wait]
    if placed.empty:
        return _empty()
    sums = placed.groupby([TS, INSTRUMENT], sort=True)["weighted"].agg(["sum", "size"]).reset_index()
    sums.columns = pd.Index([TS, INSTRUMENT, TONE_SUM, ARTICLE_COUNT])
    return sums.astype({TONE_SUM: "float64", ARTICLE_COUNT: "int64", INSTRUMENT: "str", TS: UTC_MICROSECONDS})


def currency_exposure(subject: str, pair: str) -> float:
    """Say how news about a subject counts for a currency pair.

    Args:
        subject: A currency of three letters or a pair, such as ``"EUR"``, ``"EUR_USD"``, ``"eur/usd"``.
        pair: A currency pair.

    Returns:
        1 for the base currency or the pair itself, -1 for the quote currency or the inverse pair, else 0.
    """
    about, target = _letters(subject), _letters(pair)
    base, quote = target[:3], target[3:]
    return {target: 1.0, base: 1.0, quote: -1.0, quote + base: -1.0}.get(about, 0.0)


def _letters(name: str) -> str:
    return "".join(character for character in name.upper() if character.isalpha())


def _route(scored: pd.DataFrame, bars_index: pd.DataFrame, *, is_fx: bool) -> pd.DataFrame:
    """Give each article the instruments it counts for, signed, in an order that rows given do not change."""
    usable = scored.dropna(subset=[KNOWN_AT, "tone", "confidence"])
    usable = usable.assign(
        weighted=usable["tone"].astype("float64") * usable["confidence"].astype("float64"),
        known_at=pd.to_datetime(usable[KNOWN_AT], utc=True).astype(UTC_MICROSECONDS),
        instrument=usable[INSTRUMENT].astype("str"),
    )[[ARTICLE_ID, INSTRUMENT, KNOWN_AT, "weighted"]]
    if is_fx and not usable.empty:
        pairs = [str(pair) for pair in bars_index[INSTRUMENT].unique()]
        subjects = [str(subject) for subject in usable[INSTRUMENT].unique()]
        routes = pd.DataFrame(
            [(subject, pair, currency_exposure(subject, pair)) for subject in subjects for pair in pairs],
            columns=[INSTRUMENT, "pair", "sign"],
        ).query("sign != 0")
        usable = usable.merge(routes.astype({INSTRUMENT: "str", "pair": "str"}), on=INSTRUMENT)
        usable = usable.assign(instrument=usable["pair"], weighted=usable["weighted"] * usable["sign"])
        usable = usable.drop(columns=["pair", "sign"])
    return usable.sort_values([KNOWN_AT, INSTRUMENT, ARTICLE_ID, "weighted"]).reset_index(drop=True)


def _empty() -> pd.DataFrame:
    columns = {TS: UTC_MICROSECONDS, INSTRUMENT: "str", TONE_SUM: "float64", ARTICLE_COUNT: "int64"}
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in columns.items()})


__all__ = ["ARTICLE_COUNT", "TONE_SUM", "aggregate_tone", "currency_exposure", "scored_frame"]
