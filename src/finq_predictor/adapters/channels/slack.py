"""An incoming webhook of Slack, or of Mattermost, which takes the same."""

from __future__ import annotations

from urllib.parse import urlsplit

from finq_predictor.adapters.channels.base import Channel, ChannelOptions, Given
from finq_predictor.adapters.channels.posting import Post
from finq_predictor.adapters.environment.declared import DECLARED
from finq_predictor.domain.alarms.policy import News
from finq_predictor.domain.alarms.rule import Severity
from finq_predictor.domain.alarms.wording import Wording

PLAIN = DECLARED["FINQ_CHANNEL_SLACK"].plain
"""Well-known variables that hold the address of a webhook of Slack."""
# A section of Slack holds 3000 characters.
_LONGEST = 2900
_COLOURS = {Severity.CRITICAL: "#b3261e", Severity.WARNING: "#b26a00"}
_OVER = "#2e7d32"


class SlackOptions(ChannelOptions):
    """Its address is its secret: a webhook lets in whoever knows it."""


class SlackChannel(Channel):
    """Posts to an incoming webhook."""

    options = SlackOptions

    def __init__(self, given: Given) -> None:
        url = given.secret("the address of the incoming webhook", PLAIN).reveal()
        path = urlsplit(url).path
        self._post = Post(
            given, url, _answered, secrets=[url, path, *(part for part in path.split("/") if len(part) > 7)]
        )

    def send(self, wording: Wording) -> None:
        """See ``Channel``."""
        text = _escaped(wording.text)[:_LONGEST]
        colour = _OVER if wording.news is News.RESOLVED else _COLOURS[wording.severity]
        block = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
        self._post({"text": _escaped(wording.title), "attachments": [{"color": colour, "blocks": [block]}]})


def _answered(content: bytes) -> str | None:
    return None if content.strip() == b"ok" else "it said something else than ok"


def _escaped(text: str) -> str:
    """Nothing that arrives in a label makes Slack call somebody or show another link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
