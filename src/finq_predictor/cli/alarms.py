"""Commands about alarms: what would ring, what rings, and the files of Prometheus and Alertmanager."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli.options import root_option, state_option

if TYPE_CHECKING:
    from finq_predictor.adapters.alarms.settings import AlarmSettings

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
    for rule in _settings(conf, env).rules.values():
        click.echo(f"{rule.name:<20} {rule.severity.value:<9} {rule.audience.value:<8} docs/runbooks/{rule.runbook}.md")
        click.echo(f"    {rule.promql()}   for {rule.hold}, told again after {rule.cool_down}")


@alarms.command()
@root_option
@state_option
@conf_option
@env_option
@click.option(
    "--target", type=click.Path(path_type=Path), help="Folder of files for a collector.  [default: below the data]"
)
def measure(root: Path, state: Path | None, conf: Path, env: str | None, target: Path | None) -> None:
    """Gather what monitoring found, the disk, certificates and score-cards into files of metrics."""
    for file in _measured(root, state, _settings(conf, env), target):
        click.echo(f"wrote {file}")


@alarms.command()
@root_option
@state_option
@conf_option
@env_option
@click.option("--target", type=click.Path(path_type=Path), help="As for measure.")
@click.option("--every", type=click.FloatRange(min=1.0), help="Look again and again, after so many seconds.")
def check(
    root: Path, state: Path | None, conf: Path, env: str | None, target: Path | None, every: float | None
) -> None:
    """Look whether something is wrong, and tell whom it concerns; needs no Prometheus.

    It ends with 2 where something rings, and with 1 where a channel did not take a message.
    """
    settings = _settings(conf, env)
    while True:
        ended = _look(root, state, settings, target)
        if every is None:
            raise SystemExit(ended)
        time.sleep(every)


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


def _measured(root: Path, state: Path | None, settings: AlarmSettings, target: Path | None) -> list[Path]:
    from finq_predictor.adapters.alarms.measuring import certificate_gauge, default_target, disk_gauge, gather
    from finq_predictor.serving.score_gauges import score_gauges

    places = [root] if state is None or state == root else [root, state]
    gauges = [disk_gauge(places), certificate_gauge(settings.certificates), *score_gauges(state or root)]
    return gather(root, target or default_target(state or root), gauges)


def _look(root: Path, state: Path | None, settings: AlarmSettings, target: Path | None) -> int:
    from finq_predictor.adapters.alarms.looking import look, titles
    from finq_predictor.adapters.alarms.reading import metrics_key, scrape
    from finq_predictor.adapters.alarms.standing import alone
    from finq_predictor.adapters.layout import Layout

    file = Layout(state or root).alarms
    with alone(file):
        read = [*_measured(root, state, settings, target), *map(Path, settings.files)]
        now = scrape(time.time(), read, settings.targets, key=metrics_key(settings.targets))
        found = look(file, settings, now)
    for line in titles(found.rings, settings.rules):
        click.echo(f"rings  {line}")
    for line in titles(found.waits, settings.rules):
        click.echo(f"waits  {line}")
    for channel, title in found.told:
        click.echo(f"told   {channel}: {title}")
    for problem in found.failed:
        click.echo(f"Error: {problem}", err=True)
    if not found.rings and not found.waits:
        click.echo("Nothing rings.")
    if found.failed:
        return 1
    return 2 if found.rings else 0
