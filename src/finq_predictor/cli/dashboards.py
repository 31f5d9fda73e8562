"""Commands about dashboards: their files for Grafana, and their pictures."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import click


@click.group()
def dashboards() -> None:
    """Look at data, models, signals and machines."""


@dashboards.command()
@click.option("--target", type=click.Path(path_type=Path), default=Path("deploy/grafana/dashboards"), show_default=True)
def files(target: Path) -> None:
    """Write the files that Grafana reads."""
    from finq_predictor.adapters.grafana import write_dashboards
    from finq_predictor.domain.dashboards import DASHBOARDS

    for file in write_dashboards(list(DASHBOARDS.values()), target):
        click.echo(f"wrote {file}")


@dashboards.command()
@click.option("--prometheus", default="http://127.0.0.1:9090", show_default=True, help="Address of a Prometheus.")
@click.option("--hours", type=click.FloatRange(min=0.01), default=1.0, show_default=True, help="How far back.")
@click.option("--target", type=click.Path(path_type=Path), default=Path("."), help="Folder of the pictures.")
@click.argument("names", nargs=-1)
def draw(prometheus: str, hours: float, target: Path, names: tuple[str, ...]) -> None:
    """Draw dashboards from what a Prometheus answers; all where none is named."""
    from finq_predictor.adapters.atomic_file import write_atomically
    from finq_predictor.adapters.dashboard_picture import draw as draw_one
    from finq_predictor.adapters.dashboard_picture import prometheus_at
    from finq_predictor.domain.dashboards import DASHBOARDS

    DASHBOARDS.require(*names)
    ask, now = prometheus_at(prometheus), time.time()
    for name in names or DASHBOARDS:
        file = target / f"{name}.png"
        picture = draw_one(DASHBOARDS[name], ask, now, 3600.0 * hours)
        write_atomically(file, partial(_put, picture))
        click.echo(f"wrote {file}")


def _put(picture: bytes, file: Path) -> None:
    file.write_bytes(picture)
