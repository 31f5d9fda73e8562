"""Articles about instruments from NewsAPI, by a search for each."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from finq_predictor.adapters.http import (
    CallLog,
    HttpClient,
    Key,
    Outcome,
    PassingError,
    Policy,
    refuse_keys,
    secret_of,
)
from finq_predictor.adapters.sources.one_by_one import one_by_one
from finq_predictor.adapters.sources.protocol import Part
from finq_predictor.domain.columns import ON_RECEIPT
from finq_predictor.domain.errors import ConfigurationError, SourceAnswerError, SourceError, SourceRefusedError

ADDRESS = "https://newsapi.org/v2"
PAGE = 100
"""So many articles the provider gives in one answer."""

LONGEST_QUERY = 500
MOST_PASSES = 3

_SECOND, _DAY = pd.Timedelta(seconds=1), pd.Timedelta(days=1)
_THROTTLED = frozenset({"rateLimited", "apiKeyExhausted"})
_REFUSED = frozenset({"apiKeyInvalid", "apiKeyMissing", "apiKeyDisabled"})
# What stands in place of an article that was withdrawn, the same for all of them.
_REMOVED = "[Removed]"

logger = logging.getLogger(__name__)


class NewsApiSource:
    """Articles that a search finds, instrument by instrument and day by day.

    The provider finds an article later than it was published, on its free plan a day later, so that the last two days
    are worth asking for again; and what it says to be found by a search of the past was not found then. An article
    therefore counts from its receipt.

    Args:
        queries: Instruments to what is searched for, as the provider wants it written.
        language: Two letters, or None for all languages.
        most_results: So many articles the provider gives for one search on the plan that is paid for: 100 on the free
            one. A window with more is asked for in halves.
        as_published: Whether articles count from their publication, as if they had been received then. A history that
            is bought in one go is of no use otherwise, and too good with it.
        base_url: Another address.
        credentials: The entry ``newsapi`` of the credentials, with its ``key``.
        policy: Other limits than the usual ones, by name.

    Raises:
        ConfigurationError: If there is no key, or an option cannot be.
    """

    provider = "newsapi"
    simulated = False
    identity = ("instrument", "url")
    source_id = "newsapi"

    def __init__(
        self,
        queries: Mapping[str, str],
        language: str | None = "en",
        most_results: int = PAGE,
        as_published: bool = False,
        base_url: str | None = None,
        credentials: Mapping[str, Any] | None = None,
        policy: Mapping[str, Any] | None = None,
    ) -> None:
        refuse_keys("newsapi", {"base_url": base_url})
        for instrument, query in queries.items():
            if not 0 < len(query) <= LONGEST_QUERY:
                raise ConfigurationError(
                    f"The query of {instrument} has {len(query)} characters; NewsAPI takes 1 to {LONGEST_QUERY}."
                )
        if most_results < 1:
            raise ConfigurationError(f"`most_results` is {most_results}; expected 100, or what the plan gives.")
        self.keys = tuple(queries)
        self.calls = CallLog()
        self._queries, self._language, self._most = dict(queries), language, most_results
        self._known = {} if as_published else {"known_at": ON_RECEIPT}
        self._address = base_url or ADDRESS
        self._key = secret_of("newsapi", "key", credentials)
        self._policy = Policy(**(policy or {}))

    def fetch(
        self,
        keys: Sequence[str],
        since: pd.Timestamp,
        until: pd.Timestamp,
        as_of: pd.Timestamp,  # noqa: ARG002 - an article that was published is complete
    ) -> Iterator[Part]:
        """Ask for a window, see `WindowSource`: the oldest day first, so that an end in the middle leaves no hole."""
        with self._client() as client:
            yield from one_by_one(keys, lambda instrument: self._days(client, instrument, since, until))

    def _client(self) -> HttpClient:
        keys = [Key.in_header(self._key, "X-Api-Key")]
        return HttpClient("newsapi", self._address, self._policy, keys=keys, record=self.calls)

    def _days(self, client: HttpClient, instrument: str, since: pd.Timestamp, until: pd.Timestamp) -> Iterator[Part]:
        while since < until:
            end = min(since.floor("D") + _DAY, until)
            yield from self._parts(client, instrument, since, end)
            since = end

    def _parts(self, client: HttpClient, instrument: str, since: pd.Timestamp, until: pd.Timestamp) -> Iterator[Part]:
        """What there is of a window, in halves where it is too much for one answer."""
        try:
            frame = self._articles(client, instrument, since, until)
        except _TooManyError:
            middle = (since + (until - since) / 2).floor("s")
            if not since < middle < until:
                raise
            yield from self._parts(client, instrument, since, middle)
            yield from self._parts(client, instrument, middle, until)
            return
        yield Part(frame, (instrument,), since, until)

    def _articles(self, client: HttpClient, instrument: str, since: pd.Timestamp, until: pd.Timestamp) -> pd.DataFrame:
        query = {
            "q": self._queries[instrument],
            "from": _written(since.floor("s")),
            # The end is included there, and lies outside here.
            "to": _written(until.ceil("s") - _SECOND),
            "language": self._language,
            "sortBy": "publishedAt",
            "pageSize": str(PAGE),
        }
        found: dict[str, Mapping[str, Any]] = {}
        try:
            self._gather(client, query, found)
            rows = [[instrument, *_row(article)] for article in found.values()]
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise SourceAnswerError(
                f"NewsAPI's articles about {instrument} have another form than they had: {error!r}. It may have "
                "changed its interface; nothing of this answer is kept."
            ) from None
        frame = pd.DataFrame(rows, columns=["instrument", *_COLUMNS]).assign(**self._known)
        times = pd.to_datetime(frame["publishedAt"], utc=True, errors="coerce", format="ISO8601")
        return frame[((times >= since) & (times < until)) | times.isna()].reset_index(drop=True)

    def _gather(self, client: HttpClient, query: Mapping[str, str | None], found: dict[str, Mapping[str, Any]]) -> None:
        """All pages, and once more from the first one if the result grew meanwhile, since the newest come first."""
        for _ in range(MOST_PASSES):
            totals: list[int] = []
            while not totals or len(totals) * PAGE < totals[-1]:
                answer = self._asked(client, {**query, "page": str(len(totals) + 1)})
                articles = answer["articles"]
                totals.append(int(answer["totalResults"]))
                if totals[-1] > self._most:
                    raise _TooManyError(_too_many(query, f"there are {totals[-1]}, and the plan gives {self._most}"))
                found |= {article["url"]: article for article in articles if _is_there(article)}
                if not articles:
                    break
            if totals[-1] == totals[0]:
                return
        logger.info("newsapi: what is found from %s to %s grows while it is read", query["from"], query["to"])

    def _asked(self, client: HttpClient, query: Mapping[str, str | None]) -> Any:
        try:
            answer = client.get_json("everything", query, lambda answer: _judge(client, answer))
        except SourceRefusedError:
            raise
        except SourceError as error:
            if "too many results" not in str(error):
                raise
            raise _TooManyError(_too_many(query, str(error))) from None
        return answer


class _TooManyError(SourceError):
    """More than the provider gives for one search."""


def _too_many(query: Mapping[str, str | None], why: str) -> str:
    return (
        f"NewsAPI has too many articles on {query['q']!r} from {query['from']} to {query['to']}: {why}. Search for "
        "something narrower, or set `most_results` to what the plan gives."
    )


def _judge(client: HttpClient, answer: Any) -> None:
    """An error that came with the status of an answer."""
    if not isinstance(answer, dict) or answer.get("status") != "error":
        return
    code, said = str(answer.get("code")), str(answer.get("message"))
    if code in _THROTTLED:
        raise PassingError(Outcome.THROTTLED, f"{code}, {said}")
    if code in _REFUSED:
        raise client.refusal(f"{code}, {said}")
    if code == "maximumResultsReached":
        raise _TooManyError(f"{code}, too many results")
    raise client.denial(f"{code}, {said}. Look at the query, the dates and what the plan allows.")


def _is_there(article: Mapping[str, Any]) -> bool:
    return bool(article["url"]) and article["title"] != _REMOVED


_COLUMNS = ("url", "publishedAt", "title", "description", "source", "author")


def _row(article: Mapping[str, Any]) -> list[Any]:
    source = article["source"] or {}
    texts = [article[name] for name in ("url", "publishedAt", "title")]
    return [*texts, article.get("description"), source.get("name"), article.get("author")]


def _written(moment: pd.Timestamp) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}"
