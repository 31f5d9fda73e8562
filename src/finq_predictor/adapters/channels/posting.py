"""JSON that is posted to a receiver: retried, limited, with its secrets kept out of every text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Any

from finq_predictor.adapters.channels.base import Given
from finq_predictor.adapters.http import bodies
from finq_predictor.adapters.http.addresses import is_safe
from finq_predictor.adapters.http.credentials import Key
from finq_predictor.adapters.http.faults import UnreadableError
from finq_predictor.adapters.http.guard import Guard, Reply
from finq_predictor.adapters.http.live import require_live
from finq_predictor.adapters.http.log_lines import hide_in_logs
from finq_predictor.adapters.http.redaction import Redactor
from finq_predictor.adapters.http.sending import Sender
from finq_predictor.domain.errors import ConfigurationError, NotificationError, SourceError

Check = Callable[[bytes], str | None]
"""Looks at an answer, and says what is wrong with it; None where nothing is."""


class Post:
    """Posts JSON to one address, by the client through which providers are asked.

    What is posted may arrive twice, when an answer is lost on its way; receivers know it by its key.

    Args:
        given: What the channel is made of.
        url: The address; https, or http on this machine unless ``plain``.
        check: Looks at an answer of status 200 to 299.
        keys: Added to each request.
        secrets: What is to be seen nowhere, beside the keys.
        plain: Whether http to another machine is wanted.

    Raises:
        ConfigurationError: If nothing can be posted to the address safely.
    """

    def __init__(
        self,
        given: Given,
        url: str,
        check: Check,
        *,
        keys: Sequence[Key] = (),
        secrets: Iterable[str] = (),
        plain: bool = False,
    ) -> None:
        require_live()
        import httpx

        self._name, self._check = given.name, check
        self._redact = Redactor([*(key.secret.reveal() for key in keys), *secrets])
        try:
            self._url = httpx.URL(url)
        except httpx.InvalidURL:
            self._url = httpx.URL()
        if not self._url.host or not (is_safe(self._url) or (plain and self._url.scheme == "http")):
            raise ConfigurationError(
                f"The address of the channel {given.name} is {self._redact(url)!r}; expected https://HOST/..., or "
                "http:// on this machine; where the network is your own, say `plain: true` beside it."
            )
        self._guard = Guard(given.name, given.policy, redact=self._redact, hosts=given.hosts)
        self._sender = Sender(given.policy, keys, {"Content-Type": "application/json"}, None)

    def __call__(self, value: Any) -> None:
        """Post a value.

        Raises:
            NotificationError: If it was not taken.
        """
        content = json.dumps(value, allow_nan=False).encode()
        show_again = hide_in_logs(self._redact)
        try:
            self._guard.run("POST", str(self._url), lambda: self._sender.send(self._url, content=content), self._read)
        except SourceError as error:
            what = str(error)
        else:
            return
        finally:
            self._sender.close()
            show_again()
        raise NotificationError(f"The channel {self._name} did not take the message: {what}")

    def _read(self, reply: Reply[IO[bytes]]) -> None:
        if not 200 <= reply.status < 300:
            said = self._redact.short(reply.said) or "without a word"
            raise UnreadableError(
                f"HTTP status {reply.status}, {said}", f"Look at the address and the secret of {self._name}."
            )
        content = reply.body.read(1 << 16)
        wrong = self._check(content)
        if wrong is not None:
            raise UnreadableError(f"{wrong}: {bodies.excerpt(content) or 'nothing'}", "Somebody else may answer there.")


def anything(_content: bytes) -> str | None:
    """Take any answer."""
    return None
