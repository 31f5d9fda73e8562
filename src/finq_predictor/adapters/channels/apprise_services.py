"""Whatever apprise knows: Teams, Telegram, Discord, ntfy, Opsgenie and a hundred more."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from io import StringIO
from typing import Any

from finq_predictor.adapters.channels.base import Channel, ChannelOptions, Given
from finq_predictor.adapters.http.redaction import Redactor
from finq_predictor.domain.alarms.policy import News
from finq_predictor.domain.alarms.rule import Severity
from finq_predictor.domain.alarms.wording import Wording
from finq_predictor.domain.errors import ConfigurationError, NotificationError


class AppriseOptions(ChannelOptions):
    """Its address, as apprise writes it, is its secret."""


class AppriseChannel(Channel):
    """Sends through one address of apprise, such as ``tgram://TOKEN/CHAT``."""

    options = AppriseOptions

    def __init__(self, given: Given) -> None:
        require_apprise()
        import apprise

        url = given.secret("the address as apprise writes it").reveal()
        self._name, self._redact = given.name, Redactor([url])
        self._service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if self._service is None:
            raise ConfigurationError(
                f"The address in {given.variable} is none that apprise can read. Look at its page about the service; "
                "it begins with the name of the service, as tgram://."
            )

    def send(self, wording: Wording) -> None:
        """See ``Channel``."""
        notify_by(self._service, self._name, wording, self._redact)


def require_apprise() -> None:
    """Make sure that apprise is here.

    Raises:
        ConfigurationError: If it is not.
    """
    if find_spec("apprise") is None:
        raise ConfigurationError(
            "This channel needs apprise, which this environment lacks. Install it: pip install -e '.[alarms]'"
        )


def notify_by(service: Any, name: str, wording: Wording, redact: Redactor) -> None:
    """Send by a service of apprise, which tells why it failed in its log only.

    Raises:
        NotificationError: If it was not taken; with what the service logged, without its secrets.
    """
    import apprise

    kinds = {Severity.CRITICAL: apprise.NotifyType.FAILURE, Severity.WARNING: apprise.NotifyType.WARNING}
    kind = kinds[wording.severity]
    if wording.news in (News.RESOLVED, News.TEST):
        kind = apprise.NotifyType.SUCCESS if wording.news is News.RESOLVED else apprise.NotifyType.INFO
    logged = StringIO()
    with apprise.LogCapture(level=logging.WARNING, delete=False, fmt="%(message)s") as capture:
        taken = service.notify(body=wording.text or wording.title, title=wording.title, notify_type=kind)
        logged.write(capture.getvalue())
    if not taken:
        why = redact.short(" ".join(logged.getvalue().split())) or "it did not say why"
        raise NotificationError(f"The channel {name} did not take the message: {why}")
