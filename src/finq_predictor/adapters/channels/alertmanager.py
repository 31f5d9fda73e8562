"""An Alertmanager, which then tells whom it tells of everything else."""

from __future__ import annotations

from typing import Any

from finq_predictor.adapters.channels.base import Channel, ChannelOptions, Given
from finq_predictor.adapters.channels.posting import Post, anything
from finq_predictor.adapters.channels.webhook import iso
from finq_predictor.adapters.http.credentials import Key
from finq_predictor.domain.alarms.evaluation import Alarm
from finq_predictor.domain.alarms.policy import News
from finq_predictor.domain.alarms.wording import Wording

_ALERTS = "/api/v2/alerts"
# It takes an alert for resolved when it did not hear of it for this long; we tell it once per cool-down, a day at most.
_HOLDS_S = 2 * 86_400.0
_TEST_S = 60.0
_DECISION_S = 3600.0


class AlertmanagerOptions(ChannelOptions):
    """Where it is; its secret, if it has one, is sent as ``Authorization: Bearer``.

    Attributes:
        url: Its address, without the path of its API.
        plain: Whether http to another machine is wanted.
    """

    url: str
    plain: bool = False


class AlertmanagerChannel(Channel):
    """Posts every alarm of a message as an alert of its own."""

    options = AlertmanagerOptions

    def __init__(self, given: Given) -> None:
        options = given.options
        assert isinstance(options, AlertmanagerOptions)
        token = given.secret_if_any("the token of the Alertmanager")
        keys = [] if token is None else [Key.bearer(token)]
        self._post = Post(given, options.url.rstrip("/") + _ALERTS, anything, keys=keys, plain=options.plain)

    def send(self, wording: Wording) -> None:
        """See ``Channel``."""
        at = wording.message.at
        if wording.news is News.TEST:
            self._post([_alert(Alarm("test", (), 0.0, at), wording, at + _TEST_S)])
            return
        if wording.news is News.DECISION:
            market = (("market", wording.message.about),)
            self._post([_alert(Alarm("decision", market, 0.0, at), wording, at + _DECISION_S)])
            return
        rings = [_alert(alarm, wording, wording.message.at + _HOLDS_S) for alarm in wording.message.rings]
        self._post(rings + [_alert(alarm, wording, wording.message.at) for alarm in wording.message.resolved])


def _alert(alarm: Alarm, wording: Wording, ends: float) -> dict[str, Any]:
    annotations = {"summary": wording.title, "description": wording.text, "runbook_url": " ".join(wording.runbooks)}
    return {
        "labels": {**dict(alarm.labels), "alertname": alarm.rule, "severity": wording.severity.value},
        "annotations": {name: text for name, text in annotations.items() if text},
        "startsAt": iso(alarm.since),
        "endsAt": iso(max(ends, alarm.since)),
    }
