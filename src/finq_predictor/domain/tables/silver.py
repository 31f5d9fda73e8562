"""Bronze and silver: what is delivered, what can be computed with, and what was set aside."""

from __future__ import annotations

from finq_predictor.domain.columns import (
    ADJ_CLOSE,
    ASK,
    BID,
    CONTENT_HASH,
    INSTRUMENT,
    KNOWN_AT,
    OHLC,
    REASON,
    RECEIVED_AT,
    RULE,
    SECTOR,
    SINCE,
    SOURCE,
    TS,
    UNTIL,
    VOLUME,
)
from finq_predictor.domain.tables.schema import ANY, COUNT, DATE, FLAG, NUMBER, TEXT, TIME, Column, Layer, Table, Within

_HIGHEST_PRICE = 1e7
_INSTRUMENT = Column(INSTRUMENT, TEXT, "Name of the instrument, spelled as the market spells it.")
_BAR = Column(TS, TIME, "Close of the bar.", "UTC")
_KNOWN = Column(KNOWN_AT, TIME, "When the row became known.", "UTC")


def _price(name: str, meaning: str, *, known: float = 1.0, optional: bool = False) -> Column:
    unit = "price"
    return Column(name, NUMBER, meaning, unit, known=known, optional=optional, above=0.0, high=_HIGHEST_PRICE)


_PARTS = ("First", "Highest", "Lowest", "Last")

BRONZE = Table(
    "bronze_*",
    Layer.BRONZE,
    "ingestion",
    "A row of a delivery, as it was received; deliveries are kept for ever.",
    (
        Column("*", ANY, "Whatever was delivered, under the name it came with.", known=0.0),
        Column(SOURCE, TEXT, "Kind and identity of the source, such as `own:prices.csv`."),
        Column(RECEIVED_AT, TIME, "When the delivery was received; added on reading.", "UTC", optional=True),
        Column(CONTENT_HASH, TEXT, "Hash of the whole delivery; added on reading.", optional=True),
    ),
)

SILVER_BARS = Table(
    "silver_bars",
    Layer.SILVER,
    "ingestion",
    "A bar of an instrument. Which of the optional columns there are is an answer of the market.",
    (
        _INSTRUMENT,
        _BAR,
        *(_price(name, f"{part} price of the bar.") for name, part in zip(OHLC, _PARTS, strict=True)),
        _price(ADJ_CLOSE, "Last price, adjusted for splits and dividends up to the day of delivery.", optional=True),
        *(_price(name, f"{part} bid.", known=0.0, optional=True) for name, part in zip(BID, _PARTS, strict=True)),
        *(_price(name, f"{part} ask.", known=0.0, optional=True) for name, part in zip(ASK, _PARTS, strict=True)),
        Column(VOLUME, NUMBER, "What was traded during the bar.", "units", known=0.0, low=0.0),
        _KNOWN,
        Column(SECTOR, TEXT, "Sector of the company.", known=0.0, optional=True),
    ),
    key=(INSTRUMENT, TS),
    ascending=TS,
    not_below=(("high", "low"), (KNOWN_AT, TS), *zip(ASK, BID, strict=True)),
    within=(Within(("open", "close"), "low", "high", 1e-3),),
    min_rows=1,
)

SILVER_BENCHMARK = Table(
    "silver_benchmark",
    Layer.SILVER,
    "ingestion",
    "A bar of the benchmark that labels are relative to.",
    (_BAR, _price("close", "Last price, adjusted where the source adjusts it."), _KNOWN),
    key=(TS,),
    min_rows=1,
)

SILVER_ARTICLES = Table(
    "silver_articles",
    Layer.SILVER,
    "ingestion",
    "An article about an instrument, in the order in which articles became known; none where there is no such source.",
    (
        Column("article_id", TEXT, "Its identity at the source, or one made from its content."),
        Column(INSTRUMENT, TEXT, "The instrument, or a side of it such as a currency, that it is about."),
        Column("published_at", TIME, "When it was published.", "UTC"),
        Column(KNOWN_AT, TIME, "When it was first seen, never before it was published.", "UTC"),
        Column("title", TEXT, "Its title."),
        Column("body", TEXT, "Its text; empty where not delivered."),
        Column("source", TEXT, "Who published it; empty where not delivered."),
        Column(
            "duplicate_of",
            TEXT,
            "Identity of the article up to three days before it whose story it tells again in nearly the same words; "
            "empty where it tells its own.",
        ),
        Column(
            "quality",
            NUMBER,
            "How much it is worth listening to by what could be seen of it when it became known; the reasons are the "
            "factors of `quality_of`.",
            "0 to 1",
            low=0.0,
            high=1.0,
        ),
    ),
    not_below=((KNOWN_AT, "published_at"),),
)

SILVER_MACRO = Table(
    "silver_macro",
    Layer.SILVER,
    "ingestion",
    "A release of a macro series or a revision of one; none where there is no such source.",
    (
        Column("series", TEXT, "Name of the series; one that ends in a currency is about that currency."),
        Column("period", DATE, "First day of the period the value speaks of.", "date"),
        Column("value", NUMBER, "The value.", "of the series"),
        Column(KNOWN_AT, TIME, "When it was released.", "UTC"),
    ),
    key=("series", "period", KNOWN_AT),
)

SILVER_MEMBERSHIP = Table(
    "silver_membership",
    Layer.SILVER,
    "ingestion",
    "A stay of an instrument in the index, as it was known from a time on: a later row about the same stay replaces it "
    "from its own known time. None where there is no such source.",
    (
        _INSTRUMENT,
        Column(SINCE, TIME, "Begin of the stay, which with the instrument names it.", "UTC"),
        Column(UNTIL, TIME, "First moment outside; missing while the stay lasts.", "UTC", known=0.0),
        Column(KNOWN_AT, TIME, "When that was known.", "UTC"),
    ),
    key=(INSTRUMENT, SINCE, KNOWN_AT),
    not_below=((UNTIL, SINCE),),
)

SILVER_ACTIONS = Table(
    "silver_actions",
    Layer.SILVER,
    "ingestion",
    "A split or a cash dividend as it was known from a time on; a later row under the same date and kind replaces it "
    "from its own known time. A market without them has no such table.",
    (
        _INSTRUMENT,
        Column("ex_date", DATE, "First session that trades without it, as the exchange dates it.", "date"),
        Column("kind", TEXT, "What it is.", choices=("split", "dividend")),
        Column(
            "value",
            NUMBER,
            "Of a split new shares per old one; of a dividend cash per share in the currency of the price, in terms of "
            "the prices that `silver_bars` has on that date. A split of 1 and a dividend of 0 take back what was known "
            "before.",
            "shares or price",
            low=0.0,
            high=_HIGHEST_PRICE,
        ),
        Column(KNOWN_AT, TIME, "When it was known, at the latest when trading opened on that date.", "UTC"),
    ),
    key=(INSTRUMENT, "ex_date", "kind", KNOWN_AT),
)

SILVER_REPAIRS = Table(
    "silver_repairs",
    Layer.SILVER,
    "ingestion",
    "A value of a bar or of an action that was delivered wrong, and what it was repaired to. Where nothing is repaired "
    "to, the value is doubted and nobody can tell the right one. A fault of an adjusted close goes back to the first "
    "bar; it has one row, of its last bar.",
    (
        _INSTRUMENT,
        Column(TS, TIME, "Close of the bar; of a dividend the close of the bar of its date.", "UTC"),
        Column("kind", TEXT, "The fault.", choices=("unit", "split", "dividend", "adjustment")),
        Column("column", TEXT, "The column that is wrong."),
        Column("delivered", NUMBER, "The value as it was delivered, in the shares of `silver_bars`.", "of the column"),
        Column("repaired", NUMBER, "The value that takes its place.", "of the column", known=0.0),
        Column(KNOWN_AT, TIME, "When the row that decided it was known; the repair counts from then on.", "UTC"),
        Column(REASON, TEXT, "Why it is taken for wrong."),
        Column(
            "in_time",
            FLAG,
            "Whether it was known by the decision of the bar: then `silver_bars` has the repaired value, else what one "
            "had. A repaired dividend counts in adjusted closes from its known time on.",
            optional=True,
        ),
    ),
    key=(INSTRUMENT, TS, "column", KNOWN_AT),
    not_below=((KNOWN_AT, TS),),
)

SCORED_ARTICLES = Table(
    "scored_articles",
    Layer.SILVER,
    "sentiment",
    "The tone of an article of `silver_articles`, in the same order.",
    (
        Column("article_id", TEXT, "Its identity."),
        Column(INSTRUMENT, TEXT, "The instrument, or a side of it, that it is about."),
        Column(KNOWN_AT, TIME, "When it became known.", "UTC"),
        Column("tone", NUMBER, "From bad to good for the instrument.", "-1 to 1", low=-1.0, high=1.0),
        Column("confidence", NUMBER, "How sure the scorer is.", "0 to 1", low=0.0, high=1.0),
        Column("scorer", TEXT, "Name of the scorer."),
        Column("weight", NUMBER, "How much it counts in the tone of a bar; 0 not at all.", "0 to 1", low=0.0, high=1.0),
    ),
)

SILVER_SENTIMENT = Table(
    "silver_sentiment",
    Layer.SILVER,
    "sentiment",
    "The tone of a bar: what became known about an instrument since its bar before; no row where nothing did.",
    (
        _BAR,
        _INSTRUMENT,
        Column("tone_sum", NUMBER, "Sum of tone x confidence x weight.", "articles"),
        Column("article_count", COUNT, "Articles that count.", "articles", low=1),
    ),
    key=(INSTRUMENT, TS),
)

SILVER_COVERAGE = Table(
    "silver_coverage",
    Layer.SILVER,
    "sentiment",
    "A bar of the market for which articles were counted. Where a bar has no row, or is not complete, it is not known "
    "what was written: its tone is missing, not zero.",
    (
        _BAR,
        Column("newest", TIME, "When the newest article about any instrument became known.", "UTC", known=0.0),
        Column("complete", FLAG, "Whether that is recent enough to believe that articles still come in."),
    ),
    key=(TS,),
    ascending=TS,
)

QUARANTINE = Table(
    "quarantine_*",
    Layer.SILVER,
    "ingestion",
    "A delivered row that cannot be used, as text.",
    (
        Column("*", TEXT, "The row as it was delivered, with its lineage.", known=0.0),
        Column(RULE, TEXT, "The first rule that it broke."),
        Column(REASON, TEXT, "What is wrong with it."),
    ),
)

PROVIDER_DIFFERENCES = Table(
    "provider_differences",
    Layer.SILVER,
    "ingestion",
    "A bar about which two providers differ; written whenever several delivered the same bars, also where a gate stops "
    "the run. Prices are as traded, so that a split that one of them has divided by is no difference.",
    (
        _INSTRUMENT,
        _BAR,
        Column("provider", TEXT, "Whose bar is used, or would be."),
        Column("other", TEXT, "Who says something else."),
        _price("close", "The close of the first."),
        _price("other_close", "The close of the other."),
        Column("difference", NUMBER, "The one close over the other, less 1.", "share", low=-1.0),
        Column("allowed", NUMBER, "How far they may differ, in either direction.", "share", low=0.0),
        Column("volume", NUMBER, "The volume of the first.", "units", known=0.0, low=0.0),
        Column("other_volume", NUMBER, "The volume of the other.", "units", known=0.0, low=0.0),
        Column("what", TEXT, "What differs: `close` or only `volume`."),
        Column("disbelieved", FLAG, "Whether neither close is believed, so that the bar is in quarantine."),
    ),
    key=(INSTRUMENT, TS, "other"),
    ascending=TS,
)

GATE_RESULTS = Table(
    "gate_results",
    Layer.SILVER,
    "ingestion",
    "What a gate found in the last delivery, whether or not it stopped the run.",
    (
        Column("market", TEXT, "Name of the market."),
        Column("as_of", TIME, "Moment of the run, or its last bar; NaT without bars.", "UTC", known=0.0),
        Column("frame", TEXT, "Table, and column where the gate is about one."),
        Column("rule", TEXT, "Name of the gate, as in the limits; after `quarantine.` a rule that set rows aside."),
        Column("value", NUMBER, "What was found; of a rule its share of the delivered rows.", "of the gate"),
        Column("limit", NUMBER, "What is allowed; NaN where something is only measured.", "of the gate", known=0.0),
        Column("passed", FLAG, "Whether it is allowed."),
        Column("severity", TEXT, "What a gate does that is closed.", choices=("stop", "warn", "note")),
        Column("found", TEXT, "Rows, dates or names, a few; empty where there are none."),
    ),
    key=("frame", "rule"),
)
