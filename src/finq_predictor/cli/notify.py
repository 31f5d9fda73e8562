"""The command that tries a channel."""

from __future__ import annotations

import time
from pathlib import Path

import click


@click.command()
@click.option("--test", "channel", required=True, help="Name of the channel, as in alarms.yml.")
@click.option("--conf", type=click.Path(path_type=Path), default=Path("conf"), show_default=True)
@click.option("--env", help="Environment whose alarms.yml lies above that of the base.  [default: local]")
def notify(channel: str, conf: Path, env: str | None) -> None:
    """Send a test by a channel, past all limits and quiet hours."""
    from finq_predictor.adapters.alarms.settings import read_settings
    from finq_predictor.domain.alarms.policy import Message, News
    from finq_predictor.domain.alarms.wording import wording

    settings = read_settings(conf, env).with_given_channels()
    test = Message(News.TEST, time.time())
    settings.channel(channel).send(wording(test, settings.rules, settings.runbooks))
    click.echo(f"The channel {channel} took the test.")
