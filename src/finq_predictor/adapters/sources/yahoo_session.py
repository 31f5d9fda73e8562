"""The session through which yfinance talks to Yahoo: its requests under our rules, and what Yahoo says made clear."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from finq_predictor.adapters.http import CallLog, Guard, Outcome, PassingError, Policy, Reply
from finq_predictor.adapters.http.faults import UnreadableError
from finq_predictor.domain.errors import SourceAnswerError, SourceError

if TYPE_CHECKING:
    from curl_cffi.requests import Response

CHART = "/v8/finance/chart/"


class NoPricesError(Exception):
    """There are no prices in the window that was asked for, which is an answer and no fault.

    Args:
        about: What Yahoo says of the symbol; empty where it says nothing.
    """

    def __init__(self, about: dict[str, Any]) -> None:
        self.about = about
        super().__init__("no prices")


def guarded_session(policy: Policy, calls: CallLog, base_url: str | None = None) -> Any:
    """A session for yfinance.

    Args:
        policy: Time-outs, retries, limits.
        calls: Is told of every attempt.
        base_url: Where to ask in place of Yahoo's hosts, whose names then begin the path.
    """
    return _session_class()(policy, calls, base_url)


@cache
def _session_class() -> type:
    from curl_cffi.requests import Session

    class GuardedSession(Session):  # type: ignore[type-arg, misc, unused-ignore]  # untyped where the library is not installed
        """yfinance accepts a session of this library only."""

        def __init__(self, policy: Policy, calls: CallLog, base_url: str | None) -> None:
            super().__init__(impersonate="chrome")
            self._guard, self._base_url = Guard("yahoo", policy, record=calls), base_url

        def request(self, method: Any, url: str, **options: Any) -> Any:  # type: ignore[override, unused-ignore]  # as yfinance calls it
            """Send a request of yfinance's under the rules of the policy."""
            where = url if self._base_url is None else f"{self._base_url}/{urlsplit(url).netloc}{urlsplit(url).path}"
            options["timeout"] = self._guard.policy.total_seconds

            def send() -> Reply[Response]:
                answer = super(GuardedSession, self).request(method, where, **options)
                return Reply(answer.status_code, answer.headers, len(answer.content), answer)

            try:
                return self._guard.run(method, where, send, _reader(url, options.get("params") or {}))
            except SourceError as error:
                if CHART in url:
                    raise
                # Cookies and the like are asked for first, and prices may be had without them.
                raise ConnectionError(str(error)) from None

    return GuardedSession


def _reader(url: str, query: Mapping[str, Any]) -> Callable[[Reply[Response]], Response]:
    if CHART not in url:
        return lambda reply: reply.body
    # Without a begin yfinance only asks where a symbol is traded.
    return _prices if "period1" in query else _chart


def _chart(reply: Reply[Response]) -> Response:
    """An answer about a symbol, or the error that it says."""
    text = reply.body.text
    if "Will be right back" in text:
        raise PassingError(Outcome.FAILED, "Yahoo says that it will be right back", reply.status, reply.size)
    try:
        chart = json.loads(text)["chart"]
        error, result = chart.get("error"), chart.get("result")
    except (ValueError, KeyError, TypeError, AttributeError):
        began = " ".join(text.split())[:80]
        raise UnreadableError(f"it is no table of prices but begins {began!r}", "Yahoo may have changed it.") from None
    if error:
        said = f"{error.get('code')}: {error.get('description')}"
        if "Data doesn't exist" in said:
            raise NoPricesError({})
        raise SourceError(f"Yahoo says {said!r}. Look at the symbol; it may have changed or ended.")
    if not result:
        raise SourceAnswerError("Yahoo answered without prices and without saying why; ask again later.")
    return reply.body


def _prices(reply: Reply[Response]) -> Response:
    """An answer with prices, or the news that there are none in the window."""
    answer = _chart(reply)
    result = json.loads(answer.text)["chart"]["result"][0]
    if not result.get("timestamp"):
        raise NoPricesError(result.get("meta") or {})
    return answer
