"""One request by httpx, to the end of its answer."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import IO, TYPE_CHECKING, cast

from finq_predictor.adapters.http.addresses import proxy_of
from finq_predictor.adapters.http.bodies import Body, message_of, whole
from finq_predictor.adapters.http.calls import Outcome
from finq_predictor.adapters.http.credentials import Key
from finq_predictor.adapters.http.faults import PassingError, UnreadableError
from finq_predictor.adapters.http.guard import Reply
from finq_predictor.adapters.http.policy import Policy

if TYPE_CHECKING:
    import httpx

_ERROR_BYTES = 1 << 16


class Sender:
    """Sends requests by a transport of httpx.

    The client of httpx is left out: it writes whole addresses into the log, with the keys in their queries, follows
    redirects by rules of its own and unpacks answers without a limit.

    Args:
        policy: Time-outs and limits of size.
        keys: Added to each request, just before it goes out.
        headers: Further headers.
        transport: Sends; None for the network, through the proxy that the environment names.
    """

    def __init__(
        self, policy: Policy, keys: Sequence[Key], headers: Mapping[str, str], transport: httpx.BaseTransport | None
    ) -> None:
        self._policy, self._keys, self._given = policy, tuple(keys), transport
        self._lock = Lock()
        self._transports: dict[str | None, httpx.BaseTransport] = {}
        # Nothing but gzip, because only that is unpacked here, with a limit.
        self._headers = {"User-Agent": "finq-predictor", "Accept": "*/*", "Accept-Encoding": "gzip", **headers}

    def close(self) -> None:
        """Close its connections."""
        for transport in [*self._transports.values(), *([self._given] if self._given else [])]:
            transport.close()

    def send(self, url: httpx.URL, file: IO[bytes] | None = None, content: bytes | None = None) -> Reply[IO[bytes]]:
        """Ask once.

        Args:
            url: What is asked, without keys.
            file: Takes the body, from its beginning; None to keep it in memory.
            content: What is posted; None to get.

        Returns:
            The answer with its body at the beginning; of one with a status from 400 only what it says.

        Raises:
            PassingError: If the network fails or the answer is cut off.
            UnreadableError: If the body is larger than allowed or packed in an unknown way.
        """
        from finq_predictor.adapters.http.deadlines import deadline

        transport = self._open(url)
        with deadline(self._policy.total_seconds):
            response = self._answer(transport, url, content)
            try:
                return self._read(response, file)
            finally:
                response.close()

    def _answer(self, transport: httpx.BaseTransport, url: httpx.URL, content: bytes | None) -> httpx.Response:
        """The answer as far as its headers."""
        import httpx

        try:
            return transport.handle_request(self._request(url, content))
        except httpx.TimeoutException as error:
            raise PassingError(Outcome.TIMED_OUT, f"no answer in time ({type(error).__name__})") from None
        except httpx.TransportError as error:
            raise PassingError(Outcome.UNREACHABLE, f"no answer ({type(error).__name__}: {error})") from None

    def _request(self, url: httpx.URL, content: bytes | None) -> httpx.Request:
        import httpx

        policy, headers = self._policy, dict(self._headers)
        for key in self._keys:
            headers |= key.headers()
            url = url.copy_merge_params(key.query()) if key.parameter else url
        times = httpx.Timeout(policy.read_seconds, connect=policy.connect_seconds, pool=policy.total_seconds)
        method = "GET" if content is None else "POST"
        return httpx.Request(method, url, headers=headers, content=content, extensions={"timeout": times.as_dict()})

    def _read(self, response: httpx.Response, file: IO[bytes] | None) -> Reply[IO[bytes]]:
        import httpx

        status = response.status_code
        if status >= 400:
            return self._error(response)
        kept = io.BytesIO() if file is None else file
        kept.seek(0)
        kept.truncate()
        body = Body(response.headers.get("content-encoding", ""), self._policy, kept.write)
        try:
            whole(_pieces(response), body)
        except httpx.TimeoutException:
            what = f"its end did not come in time, after {body.size} bytes"
            raise PassingError(Outcome.TIMED_OUT, what, status, body.size) from None
        except httpx.TransportError as error:
            raise PassingError(Outcome.CUT_OFF, f"{error}", status, body.size) from None
        except PassingError as fault:
            fault.status = status
            raise
        kept.seek(0)
        return Reply(status, dict(response.headers), body.size, kept)

    def _error(self, response: httpx.Response) -> Reply[IO[bytes]]:
        """What an error says, as far as that can be read; whether it is whole does not matter."""
        import httpx

        kept, headers, size = io.BytesIO(), response.headers, 0
        with suppress(httpx.TransportError, PassingError, UnreadableError):
            body = Body(headers.get("content-encoding", ""), self._policy, kept.write)
            for piece in _pieces(response):
                size += len(piece)
                body.take(piece)
                if body.unpacked > _ERROR_BYTES:
                    break
        said = message_of(kept.getvalue(), headers.get("content-type", ""))
        return Reply(response.status_code, dict(headers), size, io.BytesIO(), said)

    def _open(self, url: httpx.URL) -> httpx.BaseTransport:
        """The transport for an address, one for each proxy."""
        from finq_predictor.adapters.http.deadlines import transport

        if self._given is not None:
            return self._given
        proxy = proxy_of(url)
        with self._lock:
            if proxy not in self._transports:
                self._transports[proxy] = transport(proxy)
            return self._transports[proxy]


def _pieces(response: httpx.Response) -> Iterable[bytes]:
    """The body as it comes over the line; for a transport of tests, which has it already, too."""
    return cast("Iterable[bytes]", response.stream)
