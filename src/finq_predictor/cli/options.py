"""The options that several commands take."""

from __future__ import annotations

from pathlib import Path

import click

from finq_predictor.domain.market.markets import MARKETS

DEFAULT_ROOT = Path("data")

root_option = click.option(
    "--root", type=click.Path(path_type=Path), default=DEFAULT_ROOT, show_default=True, help="Folder of the data."
)
market_option = click.option("--market", type=click.Choice(sorted(MARKETS)), help="Only this market.")
