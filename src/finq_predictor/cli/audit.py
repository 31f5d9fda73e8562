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
    from finq_predictor.look_ahead import audit_market

    audits = [audit_market(root, MARKETS[name], times=times, seed=seed) for name in _present(root, market)]
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


def _present(root: Path, market: str | None) -> list[str]:
    names = [market] if market else [name for name in sorted(MARKETS) if (root / "02_silver" / name).is_dir()]
    if not names:
        raise click.ClickException(f"No silver data below {root}; run `make run` or give --root.")
    return names
