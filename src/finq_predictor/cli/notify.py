"""The command that tries a channel, and by which a scheduler of others tells of a job that failed."""

from __future__ import annotations

import time
from pathlib import Path

import click


@click.command()
@click.option("--test", "channel", help="Name of the channel, as in alarms.yml.")
@click.option("--failed", metavar="JOB", help="Tell that this job failed, as rules and channels want it.")
@click.option("--why", default="", help="What is known of it; goes to the log.")
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the data, where it is noted who was told.")
@click.option("--conf", type=click.Path(path_type=Path), default=Path("conf"), show_default=True)
@click.option("--env", help="Environment whose alarms.yml lies above that of the base.  [default: local]")
def notify(channel: str | None, failed: str | None, why: str, root: Path | None, conf: Path, env: str | None) -> None:
    """Send a test by a channel, past all limits and quiet hours; or tell that a job failed."""
    if (channel is None) == (failed is None):
        raise click.UsageError("Give either --test and a channel, or --failed and a job.")
    if failed is not None:
        _tell_failure(failed, why, root, conf, env)
    if channel is not None:
        _test(channel, conf, env)


def _test(channel: str, conf: Path, env: str | None) -> None:
    from finq_predictor.adapters.alarms.settings import read_settings
    from finq_predictor.domain.alarms.policy import Message, News
    from finq_predictor.domain.alarms.wording import wording

    settings = read_settings(conf, env).with_given_channels()
    test = Message(News.TEST, time.time())
    settings.channel(channel).send(wording(test, settings.rules, settings.runbooks))
    click.echo(f"The channel {channel} took the test.")


def _tell_failure(job: str, why: str, root: Path | None, conf: Path, env: str | None) -> None:
    from finq_predictor.adapters.alarms.failures import tell_failures
    from finq_predictor.adapters.alarms.settings import read_settings
    from finq_predictor.adapters.alarms.standing import alone
    from finq_predictor.adapters.layout import Layout
    from finq_predictor.adapters.scheduling.definition import Programs, data_root

    programs = Programs.of_environment()
    place = root or data_root(programs.project, programs.environment, programs.params)
    layout = Layout(place)
    with alone(layout.failures):
        found = tell_failures(layout.failures, read_settings(conf, env), [job], time.time())
    click.echo(f"failed {job}" + (f": {why}" if why else ""))
    for name, title in found.told:
        click.echo(f"told   {name}: {title}")
    for waits in found.held:
        click.echo(f"waits  {waits}: told later")
    if found.failed:
        raise click.ClickException(" ".join(found.failed))
