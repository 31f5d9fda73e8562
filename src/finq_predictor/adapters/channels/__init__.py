"""Through which somebody is told: one file and one line in ``CHANNEL_KINDS`` for each kind."""

from __future__ import annotations

from finq_predictor.adapters.channels.base import Channel, ChannelOptions, Given
from finq_predictor.domain.registry import Registry

_HERE = __name__
CHANNEL_KINDS: Registry[type[Channel]] = Registry(
    "kind of channel",
    lazy={
        "log": f"{_HERE}.log:LogChannel",
        "slack": f"{_HERE}.slack:SlackChannel",
        "email": f"{_HERE}.email:EmailChannel",
        "pagerduty": f"{_HERE}.pagerduty:PagerDutyChannel",
        "webhook": f"{_HERE}.webhook:WebhookChannel",
        "alertmanager": f"{_HERE}.alertmanager:AlertmanagerChannel",
        "apprise": f"{_HERE}.apprise_services:AppriseChannel",
    },
)
"""Every kind of channel by name; imported when it is asked for."""

__all__ = ["CHANNEL_KINDS", "Channel", "ChannelOptions", "Given"]
