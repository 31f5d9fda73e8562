"""From articles and macro releases as delivered to silver; what cannot be used is set aside with its reason."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, KNOWN_AT, RECEIVED_AT, UTC_MICROSECONDS
from finq_predictor.domain.ingestion.article_quality import note_on_quality, quality_of
from finq_predictor.domain.ingestion.column_mapping import Mapped, map_columns
from finq_predictor.domain.ingestion.near_duplicates import WINDOW, first_told
from finq_predictor.domain.ingestion.parsing import as_names, as_numbers, named_on
from finq_predictor.domain.ingestion.quarantine import Cleaned, Ledger
from finq_predictor.domain.ingestion.revisions import known_on_receipt, revised_times
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.ingestion.tally import Tally
from finq_predictor.domain.ingestion.times import parse_times
from finq_predictor.domain.tables import SILVER_ARTICLES, SILVER_MACRO

# What makes two posts one: who repeats it and which short link is used says nothing new.
_REPEATED = r"^(?:rt\s+@\w+:?\s*)+|https?://\S+|…"


def clean_articles(raw: pd.DataFrame, rules: Rules) -> Cleaned:
    """Divide delivered articles into silver and quarantine.

    An article counts from the moment it was first seen, and never before it was published; one of which only the day
    is known counts from the end of that day, see :meth:`~finq_predictor.domain.ingestion.times.Times.latest`. Of
    articles with one instrument and one text (retweets and links aside) the first known stays; another text under the
    same identity was known when it was received. So is, whatever it claims, an article whose source says `ON_RECEIPT`:
    what it claims to be its publication counts as far as it lies before.

    What tells a story again in nearly the same words stays and says so, see
    :func:`~finq_predictor.domain.ingestion.near_duplicates.first_told`: another threshold, or the wish to count how
    often a story came, must not need the delivery again.

    Args:
        raw: Articles as delivered, with lineage columns; no rows at all where there is no such source.
        rules: How to read them.

    Returns:
        Silver: ``article_id, instrument, published_at, known_at, title, body, source, duplicate_of, quality``, sorted
        by ``known_at, instrument, article_id``; ``body`` and ``source`` are empty where not delivered.

    Raises:
        MappingError: If the columns are not recognised.
    """
    if raw.empty:
        return _nothing(raw, SILVER_ARTICLES.empty())
    mapped = map_columns(raw, "articles", rules.reading.columns.get("articles"), instrument=rules.reading.instrument)
    frame, notes = _typed_articles(mapped, raw, rules)
    ledger = Ledger(len(raw))
    ledger.reject(frame["published_at"].isna().to_numpy(), "bad_time", "the time is missing or cannot be read")
    ledger.reject(frame[INSTRUMENT].isna().to_numpy(), "no_instrument", "the name of the instrument is missing")
    ledger.reject((frame["title"] == "").to_numpy(), "no_text", "the title is empty")
    _judge_moment(frame, raw, ledger, rules)
    _drop_repeated(frame, ledger)
    kept = frame[ledger.alive].sort_values([KNOWN_AT, INSTRUMENT, "article_id"], kind="stable", ignore_index=True)
    kept, judged = _judge_news(kept, rules)
    tally = _tally(frame, ledger, mapped, "title", (*notes, *judged))
    return Cleaned(SILVER_ARTICLES.typed(kept), ledger.quarantine(raw), tally)


def clean_macro(raw: pd.DataFrame, rules: Rules) -> Cleaned:
    """Divide delivered macro releases into silver and quarantine; every revision stays, each from its own release.

    A release of which only the day is known counts from the end of that day, one whose source says `ON_RECEIPT` from
    its receipt; another value under the same time of release is a revision that was known when it was received.

    Args:
        raw: Releases as delivered, with lineage columns; no rows at all where there is no such source.
        rules: How to read them.

    Returns:
        Silver: ``series, period`` (naive date), ``value, known_at``, sorted by ``known_at, series, period``.

    Raises:
        MappingError: If the columns are not recognised, the time of release among them.
    """
    if raw.empty:
        return _nothing(raw, SILVER_MACRO.empty())
    mapped = map_columns(raw, "macro", rules.reading.columns.get("macro"))
    frame, notes = _typed_macro(mapped, raw, rules)
    ledger = Ledger(len(raw))
    unknown = frame[["series", "period", KNOWN_AT]].isna().any(axis=1).to_numpy()
    ledger.reject(unknown, "bad_time", "series, period or time of release is missing or cannot be read")
    ledger.reject(frame["value"].isna().to_numpy(), "missing_value", "the value is not a number")
    early = (frame[KNOWN_AT] < frame["period"].dt.tz_localize("UTC")).to_numpy()
    ledger.reject(early, "known_too_early", "released before the period it speaks of began")
    _judge_moment(frame, raw, ledger, rules)
    # Rejected rows do not shadow good ones.
    again = frame.assign(_alive=ledger.alive).duplicated(["series", "period", KNOWN_AT, "_alive"], keep="last")
    ledger.reject(again.to_numpy(), "duplicate", "the same release was delivered more than once")
    kept = frame[ledger.alive].sort_values([KNOWN_AT, "series", "period"], kind="stable", ignore_index=True)
    return Cleaned(SILVER_MACRO.typed(kept), ledger.quarantine(raw), _tally(frame, ledger, mapped, "series", notes))


def known_times_of_articles(mapped: Mapped, raw: pd.DataFrame, rules: Rules) -> pd.Series:
    """When each delivered article was known, as :func:`clean_articles` has it."""
    return _typed_articles(mapped, raw, rules)[0][KNOWN_AT]


def known_times_of_macro(mapped: Mapped, raw: pd.DataFrame, rules: Rules) -> pd.Series:
    """When each delivered release was known, as :func:`clean_macro` has it."""
    return _typed_macro(mapped, raw, rules)[0][KNOWN_AT]


def _typed_articles(mapped: Mapped, raw: pd.DataFrame, rules: Rules) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Names, texts and times; and what was decided about days without a time of day."""
    frame, reading = mapped.frame, rules.reading
    written = parse_times(frame["published_at"], reading.zone, day_first=reading.day_first)
    published, dated = written.utc, written.dated
    seen = written.latest(reading.release_times.get("articles"))
    if KNOWN_AT in frame:
        marked, received = known_on_receipt(frame[KNOWN_AT], raw)
        noticed = parse_times(frame[KNOWN_AT].mask(marked), reading.zone, day_first=reading.day_first)
        dated = (noticed.dated | (noticed.utc.isna() & dated)) & ~marked
        seen = noticed.latest().fillna(seen).mask(marked, received)
        # What is here was published; a clock that says otherwise is wrong.
        published = published.mask(marked & ~(published <= received), received)
    typed = pd.DataFrame(
        {
            INSTRUMENT: named_on(as_names(frame[INSTRUMENT], rules.market), written, rules),
            "published_at": published,
            KNOWN_AT: seen.where(seen > published, published),
            **{name: _text(frame, name) for name in ("title", "body", "source")},
        }
    )
    identity = _text(frame, "article_id")
    made = identity == ""
    if made.any():
        identity = identity.where(~made, _content_ids(typed))
    typed = typed.assign(article_id=identity)
    known = revised_times(typed, raw, [INSTRUMENT, "article_id"], ["title", "body"])
    return typed.assign(**{KNOWN_AT: known}), _dated(dated, "articles", rules)


def _typed_macro(mapped: Mapped, raw: pd.DataFrame, rules: Rules) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Series, periods, values and times; and what was decided about days without a time of day."""
    frame, reading = mapped.frame, rules.reading
    marked, received = known_on_receipt(frame[KNOWN_AT], raw)
    released = parse_times(frame[KNOWN_AT].mask(marked), reading.zone, day_first=reading.day_first)
    typed = pd.DataFrame(
        {
            "series": frame["series"].astype("str").str.strip(),
            "period": parse_times(frame["period"], reading.zone, day_first=reading.day_first).wall.dt.normalize(),
            "value": as_numbers(frame["value"]),
            KNOWN_AT: released.latest(reading.release_times.get("macro")).fillna(received),
        }
    )
    known = revised_times(typed, raw, ["series", "period", KNOWN_AT], ["value"])
    return typed.assign(**{KNOWN_AT: known}), _dated(released.dated, "macro", rules)


def _dated(dated: pd.Series, table: str, rules: Rules) -> tuple[str, ...]:
    """Say from when rows count of which only the day is known."""
    if not dated.any():
        return ()
    release = rules.reading.release_times.get(table)
    moment = f"at {release}" if release else "at the end"
    return (
        f"{int(dated.sum())} of {len(dated)} rows have a date without a time of day; each counts as known {moment} of "
        f"that day ({rules.reading.zone})",
    )


def _judge_news(articles: pd.DataFrame, rules: Rules) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Articles as they became known, with what each repeats and its quality; and what there is to say of it."""
    articles = articles.assign(duplicate_of=first_told(articles))
    factors = quality_of(articles, rules.market.instruments)
    repeats = int((articles["duplicate_of"] != "").sum())
    told = f"{repeats} of {len(articles)} articles tell again what another one told up to {WINDOW.days} days before"
    return articles.assign(quality=factors.prod(axis=1)), (*((told,) if repeats else ()), *note_on_quality(factors))


def _text(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame:
        return pd.Series("", index=frame.index, dtype="str")
    return frame[name].astype("str").fillna("").str.strip()


def _content_ids(articles: pd.DataFrame) -> pd.Series:
    """An identity for articles that came without one: equal content and time, equal identity."""
    parts = zip(articles[INSTRUMENT], articles["published_at"], articles["title"], articles["body"], strict=True)
    ids = [sha256("\x1f".join(map(str, part)).encode()).hexdigest()[:16] for part in parts]
    return pd.Series(ids, index=articles.index, dtype="str")


def _drop_repeated(frame: pd.DataFrame, ledger: Ledger) -> None:
    alive = frame[ledger.alive]
    text = (alive["title"] + " " + alive["body"]).str.lower().str.replace(_REPEATED, "", regex=True)
    content = text.str.replace(r"\s+", " ", regex=True).str.strip()
    first = alive.assign(_content=content).sort_values(KNOWN_AT, kind="stable")
    again = first.index[first.duplicated([INSTRUMENT, "_content"], keep="first")]
    repeated = np.zeros(len(frame), dtype=bool)
    repeated[again] = True
    ledger.reject(repeated, "duplicate", "an article with the same text about the same instrument came before")


def _judge_moment(frame: pd.DataFrame, raw: pd.DataFrame, ledger: Ledger, rules: Rules) -> None:
    known = frame[KNOWN_AT]
    if RECEIVED_AT in raw:
        received = raw[RECEIVED_AT].reset_index(drop=True).astype(UTC_MICROSECONDS)
        early = (known > received).to_numpy()
        ledger.reject(early, "future", lambda rows: [f"known {known[row]}, received {received[row]}" for row in rows])
    if rules.as_of is not None:
        late = (known > rules.as_of).to_numpy()
        ledger.reject(late, "future", lambda rows: [f"known {known[row]}, after {rules.as_of}" for row in rows])


def _tally(frame: pd.DataFrame, ledger: Ledger, mapped: Mapped, name: str, notes: tuple[str, ...]) -> Tally:
    shares = frame.replace("", None).isna().mean()
    newest = frame[KNOWN_AT][ledger.alive].max()
    required = [column for column in ("title", "published_at", "period", "value", KNOWN_AT) if column in frame]
    return replace(
        ledger.tally(lambda rows: [f"row {row} ({str(frame[name].iloc[row])[:40]!r})" for row in rows]),
        null_shares={column: float(shares[column]) for column in required},
        columns=mapped.columns,
        notes=(*mapped.notes, *notes),
        newest=None if pd.isna(newest) else newest,
        out_of_order=int((~frame[KNOWN_AT][ledger.alive].diff().fillna(pd.Timedelta(0)).ge(pd.Timedelta(0))).sum()),
    )


def _nothing(raw: pd.DataFrame, silver: pd.DataFrame) -> Cleaned:
    return Cleaned(silver, Ledger(0).quarantine(raw), Tally(rows=0, kept=0, notes=("nothing was delivered",)))
