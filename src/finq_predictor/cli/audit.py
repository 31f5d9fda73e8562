"""The command that looks for features which look ahead."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from finq_predictor.cli.options import market_option, root_option
from finq_predictor.domain.market.markets import MARKETS


@click.command()
@root_option
@market_option
@click.option("--times", default=5, show_default=True, help="Sampled times at which features are recomputed.")
@click.option("--seed", default=0, show_default=True, help="Which times are sampled.")
def audit(root: Path, market: str | None, times: int, seed: int) -> None:
    """Recompute every feature from data cut at sampled times; a feature that looks ahead is named and fails."""
    from finq_predictor.adapters.layout import Layout
    from finq_predictor.adapters.silver import read_silver
    from finq_predictor.domain.features.audit import audit_tables

    layout = Layout(root)
    present = [market] if market else layout.markets_with("silver_bars")
    if not present:
        raise click.ClickException(f"No silver data below {root}; run `make run` or give --root.")
    audits = [
        audit_tables(read_silver(layout, MARKETS[name]), MARKETS[name], times=times, seed=seed) for name in present
    ]
    for one in audits:
        for kind, names in (("looks ahead", one.leaking), ("needs more bars than it declares", one.short)):
            for name in names:
                click.echo(f"{one.market}: {name} {kind}")
        if one.clean:
            click.echo(
                f"{one.market}: none of {one.features} features looks ahead and every declared lookback suffices "
                f"(recomputed at {len(one.times)} times)."
            )
    if not all(one.clean for one in audits):
        sys.exit(1)
