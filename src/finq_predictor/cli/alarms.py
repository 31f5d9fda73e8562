"""Commands about alarms: what would ring, what rings, and the files of Prometheus and Alertmanager."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli.options import root_option, state_option
from finq_predictor.domain.errors import FinqError, StoreError

if TYPE_CHECKING:
    from finq_predictor.adapters.alarms.settings import AlarmSettings
    from finq_predictor.domain.monitoring.gauges import Gauge

conf_option = click.option(
    "--conf",
    type=click.Path(path_type=Path),
    default=Path("conf"),
    show_default=True,
    help="Folder of the configuration.",
)
env_option = click.option("--env", help="Environment whose alarms.yml lies above that of the base.  [default: local]")


@click.group()
def alarms() -> None:
    """Know when something is wrong."""


@alarms.command("list")
@conf_option
@env_option
def list_rules(conf: Path, env: str | None) -> None:
    """List the rules: severity, who is told, the condition and the runbook."""
    from finq_predictor.domain.alarms.expressions import prometheus_time as span

    for rule in _settings(conf, env).rules.values():
        click.echo(f"{rule.name:<20} {rule.severity.value:<9} {rule.audience.value:<8} docs/runbooks/{rule.runbook}.md")
        click.echo(f"    {rule.promql()}   for {span(rule.hold)}, told again after {span(rule.cool_down)}")


@alarms.command()
@root_option
@state_option
@conf_option
@env_option
@click.option(
    "--target", type=click.Path(path_type=Path), help="Folder of files for a collector.  [default: below the data]"
)
@click.option("--every", type=click.FloatRange(min=1.0), help="Gather again and again, after so many seconds.")
def measure(
    root: Path, state: Path | None, conf: Path, env: str | None, target: Path | None, every: float | None
) -> None:
    """Gather what monitoring found, the disk, certificates, GPUs and what became of signals into files of metrics."""
    from finq_predictor.adapters.layout import Layout

    settings, folder = _settings(conf, env), target or Layout(state or root).metrics
    while every is not None:
        try:
            for problem in _gather(root, state, settings, folder)[1]:
                click.echo(f"Error: {problem}", err=True)
        except (FinqError, OSError) as error:
            # Whoever stays to gather has to be there when it is mended.
            click.echo(f"Error: {error}", err=True)
        time.sleep(every)
    written, problems = _gather(root, state, settings, folder)
    for file in written:
        click.echo(f"wrote {file}")
    if problems:
        raise click.ClickException(" ".join(problems))


@alarms.command()
@root_option
@state_option
@conf_option
@env_option
@click.option(
    "--target",
    type=click.Path(path_type=Path),
    help="Folder in which others, such as a scheduler, leave their metrics.  [default: below the data]",
)
@click.option("--every", type=click.FloatRange(min=1.0), help="Look again and again, after so many seconds.")
def check(
    root: Path, state: Path | None, conf: Path, env: str | None, target: Path | None, every: float | None
) -> None:
    """Look whether something is wrong, and tell whom it concerns; needs no Prometheus.

    It ends with 2 where something rings, and with 1 where something could not be read or told.
    """
    settings = _settings(conf, env).with_given_channels()
    while every is not None:
        try:
            _look(root, state, settings, target)
        except FinqError as error:
            # Whoever stays to look has to be there when it is mended.
            click.echo(f"Error: {error}", err=True)
        time.sleep(every)
    raise SystemExit(_look(root, state, settings, target))


@alarms.command()
@conf_option
@env_option
@click.option("--target", type=click.Path(path_type=Path), default=Path("deploy"), show_default=True)
def files(conf: Path, env: str | None, target: Path) -> None:
    """Write the files of Prometheus and Alertmanager that follow from the rules and the configuration."""
    from finq_predictor.adapters.alarms.deploy_files import write_deploy_files

    for file in write_deploy_files(target, _settings(conf, env)):
        click.echo(f"wrote {file}")


def _settings(conf: Path, env: str | None) -> AlarmSettings:
    from finq_predictor.adapters.alarms.settings import read_settings

    return read_settings(conf, env)


def _measured(root: Path, state: Path | None, settings: AlarmSettings) -> tuple[list[Gauge], list[str]]:
    """What is measured here, and what could not be."""
    from finq_predictor.adapters.alarms.graphics import graphics_gauges
    from finq_predictor.adapters.alarms.measuring import certificate_gauge, disk_gauge
    from finq_predictor.serving.score_gauges import score_gauges, served_signal_gauges

    places = [root] if state is None or state == root else [root, state]
    gauges = [disk_gauge(places), certificate_gauge(settings.all_certificates()), *graphics_gauges()]
    problems = []
    for measured in (score_gauges, served_signal_gauges):
        try:
            gauges += measured(state or root)
        except StoreError as error:
            problems.append(str(error))
    return gauges, problems


def _gather(root: Path, state: Path | None, settings: AlarmSettings, folder: Path) -> tuple[list[Path], list[str]]:
    """Write the files; what could not be measured is said, too."""
    from finq_predictor.adapters.alarms.measuring import gather

    gauges, problems = _measured(root, state, settings)
    return gather(root, folder, gauges), problems


def _look(root: Path, state: Path | None, settings: AlarmSettings, target: Path | None) -> int:
    from finq_predictor.adapters.alarms.failures import tell_failures
    from finq_predictor.adapters.alarms.looking import look, titles
    from finq_predictor.adapters.alarms.measuring import metric_files
    from finq_predictor.adapters.alarms.reading import metrics_key, scrape
    from finq_predictor.adapters.alarms.standing import alone
    from finq_predictor.adapters.layout import Layout

    layout = Layout(state or root)
    with alone(layout.alarms):
        gauges, problems = _measured(root, state, settings)
        files = metric_files(root, target or layout.metrics) | {name: Path(name) for name in settings.files}
        key = metrics_key(settings.targets)
        read = scrape(time.time(), files, settings.targets, gauges=gauges, key=key)
        found = look(layout.alarms, settings, read.scrape)
        # What nobody could be told of when it happened, as in quiet hours.
        failures = tell_failures(layout.failures, settings, (), time.time())
    for line in titles(found.rings, settings.rules):
        click.echo(f"rings  {line}")
    for line in titles(found.waits, settings.rules):
        click.echo(f"waits  {line}")
    for channel, title in (*found.told, *failures.told):
        click.echo(f"told   {channel}: {title}")
    wrong = [*problems, *read.problems, *found.failed, *failures.failed]
    for problem in wrong:
        click.echo(f"Error: {problem}", err=True)
    if not found.rings and not found.waits:
        click.echo("Nothing rings.")
    if wrong:
        return 1
    return 2 if found.rings else 0
