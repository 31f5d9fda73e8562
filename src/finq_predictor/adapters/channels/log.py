"""The log of this process, which needs nobody."""

from __future__ import annotations

import logging

from finq_predictor.adapters.channels.base import Channel, ChannelOptions, Given
from finq_predictor.adapters.log_lines import write_json_lines
from finq_predictor.domain.alarms.policy import News
from finq_predictor.domain.alarms.rule import Severity
from finq_predictor.domain.alarms.wording import Wording

_LOG = logging.getLogger("finq_predictor.alarms")


class LogOptions(ChannelOptions):
    """A log needs no options."""


class LogChannel(Channel):
    """Writes one line a message: at level ERROR what is critical, INFO what is over or was decided, else WARNING."""

    options = LogOptions

    def __init__(self, given: Given) -> None:
        self._log = _LOG.getChild(given.name)
        if not _LOG.hasHandlers():
            # A command that nobody configured a log for, which would drop what is over.
            handler = logging.StreamHandler()
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            _LOG.addHandler(handler)
            _LOG.setLevel(logging.INFO)
            write_json_lines()

    def send(self, wording: Wording) -> None:
        """See ``Channel``; it always works."""
        level = logging.ERROR if wording.severity is Severity.CRITICAL else logging.WARNING
        level = logging.INFO if wording.news in (News.RESOLVED, News.TEST, News.DECISION) else level
        told = {"event": "alarm", "news": wording.news.value, "alarm_severity": wording.severity.value}
        self._log.log(level, "%s. %s", wording.title, " ".join(wording.text.splitlines()), extra={"told": told})
