"""The one HTTP client through which live sources talk to the world."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, TypeVar

from finq_predictor.adapters.http import bodies
from finq_predictor.adapters.http.addresses import Query, base_of, below, next_address
from finq_predictor.adapters.http.calls import Record, no_record
from finq_predictor.adapters.http.credentials import Key, where
from finq_predictor.adapters.http.faults import UnreadableError
from finq_predictor.adapters.http.guard import Guard, Reply
from finq_predictor.adapters.http.hosts import HOSTS, Hosts
from finq_predictor.adapters.http.live import require_live
from finq_predictor.adapters.http.log_lines import hide_in_logs
from finq_predictor.adapters.http.policy import Policy
from finq_predictor.adapters.http.redaction import Redactor
from finq_predictor.adapters.http.sending import Sender
from finq_predictor.domain.errors import SourceAnswerError, SourceError, SourceRefusedError

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

MOST_REDIRECTS = 5
# Of a streamed answer, in memory; what is more lies in a file that has no name.
_IN_MEMORY = 8 << 20
_LONGEST_LINE = 1 << 20
# 402: the plan does not include it, which is a matter of the key too.
_NOT_LET_IN = frozenset({401, 402, 403})


class HttpClient:
    """Asks one provider, under the rules of a policy, and shows its keys to nobody else.

    Args:
        source: The provider's name in this project, such as ``"oanda"``.
        base_url: Its address; https, or http on this machine.
        policy: Time-outs, retries, limits.
        keys: What it wants to see, and how.
        headers: Further headers, none of them secret.
        record: Is told of every attempt.
        hosts: The hosts that are known; tests give their own.
        transport: Sends requests; None for the network.

    Raises:
        ConfigurationError: If the address cannot be asked safely or holds a key.

    Example:
        Candles of a pair::

            keys = [Key.bearer(secret_of("oanda", "token", credentials))]
            with HttpClient("oanda", "https://api-fxtrade.oanda.com/v3", keys=keys, record=log) as client:
                client.get_json("instruments/EUR_USD/candles", {"granularity": "D"})
    """

    def __init__(
        self,
        source: str,
        base_url: str,
        policy: Policy | None = None,
        *,
        keys: Sequence[Key] = (),
        headers: Mapping[str, str] | None = None,
        record: Record = no_record,
        hosts: Hosts = HOSTS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        require_live()
        self.source, self.policy = source, policy or Policy()
        self._base = base_of(source, base_url)
        self._keys = tuple(keys)
        self._redact = Redactor(key.secret.reveal() for key in self._keys)
        self._guard = Guard(source, self.policy, record=record, redact=self._redact, hosts=hosts)
        self._sender = Sender(self.policy, self._keys, headers or {}, transport)
        self._show_again = hide_in_logs(self._redact)

    def __repr__(self) -> str:
        return self._redact(f"<client of {self.source} at {self._base}>")

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._sender.close()
        self._show_again()

    def get_json(self, path: str = "", query: Query | None = None, check: Callable[[Any], None] | None = None) -> Any:
        """What the provider says in JSON.

        Args:
            path: Below the client's address; empty for the address itself.
            query: Parameters; those that are None are left out.
            check: Looks at the value and raises a `PassingError` to have it asked for again, as for "too many requests"
                under status 200.

        Raises:
            SourceUnavailableError: If the provider cannot be asked now.
            SourceRefusedError: If it does not accept the key.
            SourceAnswerError: If the answer is cut off, empty, too large, a page or no JSON.
            SourceError: If it says that there is no such thing, or what else is wrong with the request; also if the
                address would be too long to be asked.
        """

        def read(reply: Reply[IO[bytes]]) -> Any:
            value = bodies.as_json(reply.body.read(), _content_type(reply))
            if check is not None:
                check(value)
            return value

        return self._get(path, query, read)

    def get_text(self, path: str = "", query: Query | None = None) -> str:
        """The answer as text, in the charset that its header names, else UTF-8; errors as for `get_json`."""
        return self._get(path, query, lambda reply: bodies.as_text(reply.body.read(), _content_type(reply)))

    def get_bytes(self, path: str = "", query: Query | None = None) -> bytes:
        """The answer as it is, unpacked; errors as for `get_json`."""

        def read(reply: Reply[IO[bytes]]) -> bytes:
            content = reply.body.read()
            bodies.refuse_empty(content)
            return content

        return self._get(path, query, read)

    def stream_lines(self, path: str = "", query: Query | None = None) -> Iterator[str]:
        """The lines of a large answer, without their ends.

        The first line is given only when the whole answer lies in a temporary file, so that nobody works on the half of
        one that was cut off, and whatever the caller takes its time for, the provider does not wait.

        Raises:
            SourceAnswerError: Also if a line is longer than a mebibyte; other errors as for `get_json`.
        """

        def read(reply: Reply[IO[bytes]]) -> tuple[IO[bytes], str]:
            bodies.refuse_page(reply.body.read(512), _content_type(reply))
            reply.body.seek(0)
            return reply.body, bodies.charset_of(_content_type(reply))

        with SpooledTemporaryFile(_IN_MEMORY) as file:
            content, charset = self._get(path, query, read, file)
            try:
                yield from _lines(content, charset)
                return
            except (UnicodeDecodeError, LookupError, UnreadableError) as error:
                what = error.what if isinstance(error, UnreadableError) else f"its text is not in {charset[:40]!r}"
            raise SourceAnswerError(
                self._redact(f"The answer of {self.source} to {path or self._base} cannot be used: {what}.")
            )

    def refusal(self, said: str) -> SourceRefusedError:
        """The error for a provider that says in an answer of status 200 that it does not accept the key."""
        return self._refusal(self._redact.short(said))

    def _refusal(self, said: str) -> SourceRefusedError:
        places = " and ".join(dict.fromkeys(key.secret.where for key in self._keys))
        advice = f"Look at the key in {places}" if self._keys else f"It may want a key: set {where(self.source)}"
        text = f"{self.source} does not let us in: {said}. {advice}, and at what it is allowed to ask for."
        return SourceRefusedError(self._redact(text))

    def denial(self, said: str) -> SourceError:
        """The error for a provider that says in an answer of status 200 what is wrong with the request."""
        return SourceError(self._redact(f"{self.source} says no: {said}"))

    def _get(
        self,
        path: str,
        query: Query | None,
        read: Callable[[Reply[IO[bytes]]], T],
        file: IO[bytes] | None = None,
    ) -> T:
        url = below(self._base, path, query or {})
        for _ in range(MOST_REDIRECTS + 1):
            send = partial(self._sender.send, url, file)
            answer = self._guard.run("GET", str(url), send, partial(self._judged, url, read))
            if not isinstance(answer, _Moved):
                return answer
            url = answer.url
        raise SourceAnswerError(
            self._redact(
                f"{self.source} sends us from one address to the next, {MOST_REDIRECTS} times, at last to {url}. "
                "Correct the address of the source."
            )
        )

    def _judged(self, url: httpx.URL, read: Callable[[Reply[IO[bytes]]], T], reply: Reply[IO[bytes]]) -> T | _Moved:
        """What is wanted of an answer, where it leads, or the error that it says."""
        asked, said = f"GET {url}", self._redact.short(reply.said) or "without a word"
        if reply.status in _NOT_LET_IN:
            raise self._refusal(f"HTTP status {reply.status} to {asked}, {said}")
        if reply.status >= 400:
            text = f"{self.source} says no to {asked}: HTTP status {reply.status}, {said}"
            raise SourceError(self._redact(f"{text}. Look at the symbol, the dates and the address of the source."))
        if reply.status in (301, 302, 303, 307, 308):
            return _Moved(next_address(url, reply.headers.get("location", ""), bool(self._keys)))
        if not 200 <= reply.status < 300:
            raise UnreadableError(f"its HTTP status is {reply.status}", "Nobody asked for that; ask again later.")
        return read(reply)


class _Moved:
    """Where an answer leads."""

    def __init__(self, url: httpx.URL) -> None:
        self.url = url


def _content_type(reply: Reply[IO[bytes]]) -> str:
    return str(reply.headers.get("content-type", ""))


def _lines(content: IO[bytes], charset: str) -> Iterator[str]:
    text = io.TextIOWrapper(content, encoding="utf-8-sig" if charset in ("utf-8", "utf8") else charset)
    try:
        while line := text.readline(_LONGEST_LINE + 1):
            if len(line) > _LONGEST_LINE:
                raise UnreadableError(f"a line is longer than {_LONGEST_LINE:,} characters", "")
            yield line.rstrip("\r\n")
    finally:
        text.detach()
