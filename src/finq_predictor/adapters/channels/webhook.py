"""Any receiver of JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from finq_predictor.adapters.channels.base import Channel, ChannelOptions, Given
from finq_predictor.adapters.channels.posting import Post, anything
from finq_predictor.adapters.http.credentials import Key
from finq_predictor.domain.alarms.evaluation import Alarm
from finq_predictor.domain.alarms.wording import Wording


class WebhookOptions(ChannelOptions):
    """Where it is; its secret, if it has one, is sent as ``Authorization: Bearer``.

    Attributes:
        url: The address.
        plain: Whether http to another machine is wanted.
    """

    url: str
    plain: bool = False


class WebhookChannel(Channel):
    """Posts a message as JSON, in words and as data."""

    options = WebhookOptions

    def __init__(self, given: Given) -> None:
        options = given.options
        assert isinstance(options, WebhookOptions)
        token = given.secret_if_any("the token of the receiver")
        keys = [] if token is None else [Key.bearer(token)]
        self._post = Post(given, options.url, anything, keys=keys, plain=options.plain)

    def send(self, wording: Wording) -> None:
        """See ``Channel``."""
        self._post(
            {
                "key": wording.key,
                "news": wording.news.value,
                "severity": wording.severity.value,
                "title": wording.title,
                "text": wording.text,
                "runbooks": list(wording.runbooks),
                "at": iso(wording.message.at),
                "firing": [_plain(alarm) for alarm in wording.message.rings],
                "resolved": [_plain(alarm) for alarm in wording.message.resolved],
            }
        )


def iso(moment: float) -> str:
    """A moment in seconds since 1970 as RFC 3339 writes it."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def _plain(alarm: Alarm) -> dict[str, Any]:
    # JSON knows no infinity.
    value = alarm.value if abs(alarm.value) < float("inf") else str(alarm.value)
    return {"rule": alarm.rule, "labels": dict(alarm.labels), "value": value, "since": iso(alarm.since)}
