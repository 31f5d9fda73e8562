"""Events of PagerDuty, version 2."""

from __future__ import annotations

import json
import platform

from finq_predictor.adapters.channels.base import Channel, ChannelOptions, Given
from finq_predictor.adapters.channels.posting import Post
from finq_predictor.domain.alarms.policy import News
from finq_predictor.domain.alarms.wording import Wording

_LONGEST_SUMMARY = 1024


class PagerDutyOptions(ChannelOptions):
    """Where events are sent.

    Attributes:
        url: Its address; ``https://events.eu.pagerduty.com/v2/enqueue`` in Europe.
    """

    url: str = "https://events.pagerduty.com/v2/enqueue"


class PagerDutyChannel(Channel):
    """Opens an incident for each rule, and closes it."""

    options = PagerDutyOptions

    def __init__(self, given: Given) -> None:
        options = given.options
        assert isinstance(options, PagerDutyOptions)
        self._key = given.secret("the integration key of the service").reveal()
        self._post = Post(given, options.url, _answered, secrets=[self._key])

    def send(self, wording: Wording) -> None:
        """See ``Channel``. A digest opens an incident of its own, which a person closes; a decision leaves none."""
        if wording.news is not News.RESOLVED:
            details = {"alarms": list(wording.lines), "runbooks": list(wording.runbooks)}
            summary = f"{wording.title}. {wording.lines[0] if wording.lines else ''}"[:_LONGEST_SUMMARY]
            about = {"summary": summary, "source": platform.node(), "severity": wording.severity.value}
            self._tell("trigger", wording.key, {"payload": {**about, "custom_details": details}})
        if wording.news in (News.TEST, News.DECISION):
            self._tell("resolve", wording.key, {})
        for rule in sorted({alarm.rule for alarm in wording.message.resolved}):
            self._tell("resolve", rule, {})

    def _tell(self, action: str, key: str, more: dict[str, object]) -> None:
        self._post({"routing_key": self._key, "event_action": action, "dedup_key": f"finq-{key}", **more})


def _answered(content: bytes) -> str | None:
    try:
        taken = json.loads(content)["status"] == "success"
    except (ValueError, KeyError, TypeError):
        taken = False
    return None if taken else "it did not say success"
