"""The command that turns the newest predictions of a market into weights within limits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli.options import root_option
from finq_predictor.domain.market.markets import MARKETS

if TYPE_CHECKING:
    import pandas as pd

    from finq_predictor.domain.portfolio.judging import PortfolioVerdict


@click.command()
@click.argument("market", type=click.Choice(sorted(MARKETS)))
@root_option
@click.option(
    "--held",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What is held now, a CSV file with instrument and weight as --out writes it: no more is traded than may be.",
)
@click.option("--capital", type=click.FloatRange(min=0.0, min_open=True), help="Show amounts of this capital, too.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the weights to this CSV file.")
def portfolio(market: str, root: Path, held: Path | None, capital: float | None, out: Path | None) -> None:
    """Give weights within limits for the newest predictions of MARKET.

    They are found by the optimiser that was promoted, and are equal where none was; it says which, and why.
    """
    verdict, weights, newest = _weights(market, root, held)
    click.echo(_which(verdict))
    amounts = weights if capital is None else weights.assign(amount=(weights["weight"] * capital).round(2))
    width = max(map(len, weights["instrument"]), default=0)
    for row in amounts.itertuples():
        amount = "" if capital is None else f"  {row.amount:>16,.2f}"
        click.echo(f"{row.instrument:{width}}  {row.weight:7.2%}  probability {row.probability:.3f}{amount}")
    rest = max(1.0 - float(weights["weight"].sum()), 0.0)
    bar = newest["ts"].iloc[0].isoformat()
    click.echo(
        f"{len(weights)} instruments from the bar of {bar}, {rest:.1%} stay cash.{_why_nothing(weights, newest)}"
    )
    if out is not None:
        _write(amounts, out)
        click.echo(f"wrote {out}")


def _weights(market: str, root: Path, held: Path | None) -> tuple[PortfolioVerdict, pd.DataFrame, pd.DataFrame]:
    """The verdict, the weights, and the newest predictions that they are made of."""
    import pandas as pd

    from finq_predictor.adapters.bundle_store import load_bundle
    from finq_predictor.adapters.snapshots.writer import one_snapshot
    from finq_predictor.adapters.typed_json import from_json
    from finq_predictor.domain.errors import StoreError
    from finq_predictor.domain.portfolio.judging import PortfolioVerdict, weigh_newest

    needed = ("portfolio_verdict", "predictions", "silver_bars", "champion")
    with one_snapshot(root, market) as snapshot:
        if absent := [name for name in needed if not snapshot.has(name)]:
            raise StoreError(
                f"There is no {', '.join(absent)} of {market} below {root}; run `make run`, or the evaluation: "
                f"kedro run --pipelines=evaluation --namespaces=evaluation.{market}"
            )
        place = snapshot.path("portfolio_verdict")
        verdict = from_json(PortfolioVerdict, place.read_bytes(), place, "Run the evaluation again.")
        predictions, bars = (pd.read_parquet(snapshot.path(name)) for name in ("predictions", "silver_bars"))
        horizon = load_bundle(snapshot.path("champion")).horizon
    newest = predictions[predictions["ts"] == predictions["ts"].max()]
    now = None if held is None else _read(held)
    return verdict, weigh_newest(newest, bars, MARKETS[market], horizon, verdict, now), newest


def _read(held: Path) -> pd.Series:
    import pandas as pd

    from finq_predictor.domain.errors import DataError

    table = pd.read_csv(held)
    if missing := {"instrument", "weight"} - set(table.columns):
        raise DataError(
            f"{held} lacks {', '.join(sorted(missing))}; expected columns instrument and weight, as --out writes them."
        )
    if not pd.to_numeric(table["weight"], errors="coerce").between(0.0, 1.0).all():
        raise DataError(f"{held} holds a weight that is no share of the capital; expected numbers from 0 to 1.")
    return table.set_index(table["instrument"].astype(str))["weight"].astype(float).groupby(level=0).sum()


def _which(verdict: PortfolioVerdict) -> str:
    if verdict.promoted:
        return f"Weights by {verdict.rule}, which was promoted: {verdict.reason}."
    return f"Equal weights; no optimiser was promoted: {verdict.reason}."


def _why_nothing(weights: pd.DataFrame, newest: pd.DataFrame) -> str:
    """What speaks against acting upon the predictions, where nothing is held."""
    if len(weights):
        return ""
    reasons = sorted(set(map(str, newest["reason"].dropna())))
    why = "; ".join(reasons) if reasons else "too few instruments were traded long enough"
    return f" Nothing is held: {why}."


def _write(weights: pd.DataFrame, out: Path) -> None:
    from finq_predictor.adapters.atomic_file import write_atomically

    write_atomically(out, lambda temporary: weights.to_csv(temporary, index=False))
