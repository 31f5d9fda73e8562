"""Headlines of feeds, RSS and Atom: what a feed holds now, about the instruments that it names."""

from __future__ import annotations

import calendar
import io
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from finq_predictor.adapters.http import CallLog, HttpClient, Policy, refuse_keys
from finq_predictor.adapters.http.live import require_live
from finq_predictor.adapters.sources.one_by_one import one_by_one
from finq_predictor.adapters.sources.plain_text import plain_text
from finq_predictor.adapters.sources.protocol import EVER, Part
from finq_predictor.domain.columns import ON_RECEIPT
from finq_predictor.domain.errors import ConfigurationError, SourceAnswerError, UnknownNameError
from finq_predictor.domain.ingestion.mentions import mentions

FEEDS = {
    "yahoo_finance": "https://finance.yahoo.com/news/rssindex",
    "fxstreet": "https://www.fxstreet.com/rss/news",
    "federal_reserve": "https://www.federalreserve.gov/feeds/press_monetary.xml",
    "ecb": "https://www.ecb.europa.eu/rss/press.html",
}
"""Public feeds about markets, for whoever names none: stocks, currencies, and two central banks."""

COLUMNS = ("feed", "id", "instrument", "link", "title", "summary", "published", "known_at")

_END = re.compile(rb"</(?:rss|feed|(?:\w+:)?rdf)>\s*(?:<!--.*?-->\s*)*$", re.IGNORECASE | re.DOTALL)

logger = logging.getLogger(__name__)


class RssSource:
    """Entries of feeds, feed by feed, each once for every instrument that it is about.

    A feed cannot be asked about the past. What it holds counts from its receipt, whatever it claims: its dates may be
    those of a rewritten entry, of another zone or of the future. An entry whose text changes is a revision; one that
    does not is the same in each delivery, because nothing in its row says when it was fetched.

    Args:
        feeds: Names to addresses; None for :data:`FEEDS`.
        instruments: Feeds to the instrument that they are about as a whole, such as those that a provider has for each
            symbol. Entries of other feeds are about what they name.
        names: Names to instruments, as `mentions` finds them beside cashtags and currency pairs.
        policy: Other limits than the usual ones, by name.

    Raises:
        ConfigurationError: If there is no feed, or an address holds a key.
    """

    simulated = False
    identity = ("feed", "id", "instrument")
    source_id = "rss"

    def __init__(
        self,
        feeds: Mapping[str, str] | None = None,
        instruments: Mapping[str, str] | None = None,
        names: Mapping[str, str] | None = None,
        policy: Mapping[str, Any] | None = None,
    ) -> None:
        require_live("feedparser")
        self._feeds = dict(FEEDS if feeds is None else feeds)
        refuse_keys("rss", self._feeds)
        if not self._feeds:
            raise ConfigurationError("There is no feed to ask; name one as `feeds: {NAME: ADDRESS}`.")
        if wrong := [name for name in instruments or {} if name not in self._feeds]:
            raise UnknownNameError("feed", wrong[0], self._feeds)
        self.keys = tuple(self._feeds)
        self.calls = CallLog()
        self._instruments, self._names = dict(instruments or {}), dict(names or {})
        self._policy = Policy(**(policy or {}))

    def fetch(
        self,
        keys: Sequence[str],
        since: pd.Timestamp,  # noqa: ARG002 - a feed has what it has
        until: pd.Timestamp,  # noqa: ARG002 - as since
        as_of: pd.Timestamp,  # noqa: ARG002 - as since
    ) -> Iterator[Part]:
        """Ask for what the feeds hold now, see `WindowSource`; no window changes that."""
        yield from one_by_one(keys, lambda feed: [self._held(feed)], apart=True)

    def _held(self, feed: str) -> Part:
        with HttpClient("rss", self._feeds[feed], self._policy, record=self.calls) as client:
            content = client.get_bytes()
        entries = _entries(content, feed)
        if entries and not any(_text(entry, "title") or _text(entry, "summary") for entry in entries):
            raise SourceAnswerError(
                f"The {len(entries)} entries of the feed {feed} have neither titles nor summaries; it may have changed "
                "its form. Nothing of it is kept."
            )
        found = [list(self._rows(feed, entry)) for entry in entries]
        if silent := sum(not rows for rows in found):
            logger.info("%s: %d of %d entries are about no instrument that is known here", feed, silent, len(found))
        frame = pd.DataFrame([row for rows in found for row in rows], columns=list(COLUMNS))
        # It is compared with all that ever came, since an entry may stay in its feed for as long as it likes.
        return Part(frame.drop_duplicates(ignore_index=True), (feed,), since=EVER)

    def _rows(self, feed: str, entry: Any) -> Iterator[list[Any]]:
        title, summary = _text(entry, "title"), _text(entry, "summary")
        link = entry.get("link") or None
        identity = entry.get("id") or link or title
        fixed = self._instruments.get(feed)
        about = (fixed,) if fixed else mentions(f"{title} \n {summary}", self._names)
        for instrument in about if identity else ():
            yield [feed, identity, instrument, link, title, summary, _published(entry), ON_RECEIPT]


def _entries(content: bytes, feed: str) -> list[Any]:
    """The entries of a feed, in its order; with a wrong character in it, those that can be read."""
    import feedparser

    # Never the bytes themselves, which it might take for the name of a file or an address.
    parsed = feedparser.parse(io.BytesIO(content))
    if not parsed.version:
        shown = plain_text(content[:2000].decode(errors="replace"))[:80]
        raise SourceAnswerError(
            f"What came from the feed {feed} is no feed but {shown!r}. It may have moved, or answer with a page to "
            "whoever is no browser; correct its address."
        )
    if parsed.bozo and not _END.search(content):
        raise SourceAnswerError(
            f"The feed {feed} ends in the middle ({parsed.bozo_exception}), so that its last entry may be half of one; "
            "nothing of it is kept. Ask again later."
        )
    if parsed.bozo:
        logger.warning("%s: the feed is not well-formed (%s); what could be read of it is kept", feed, _fault(parsed))
    return list(parsed.entries)


def _fault(parsed: Any) -> str:
    return f"{type(parsed.bozo_exception).__name__}: {parsed.bozo_exception}"


def _text(entry: Any, name: str) -> str:
    value = str(entry.get(name) or "")
    plain = entry.get(f"{name}_detail", {}).get("type") == "text/plain"
    return " ".join(value.split()) if plain else plain_text(value)


def _published(entry: Any) -> str | None:
    """What an entry claims to be its publication: ISO 8601 in UTC, or as it stands there."""
    # To ask for another key than those that are there makes the library guess.
    name = next((name for name in ("published", "updated") if name in entry), None)
    parsed = entry.get(f"{name}_parsed") if name else None
    if name is None or parsed is None:
        return str(entry[name]) if name else None
    try:
        return f"{pd.Timestamp(calendar.timegm(parsed), unit='s', tz='UTC'):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError):
        return str(entry[name])
