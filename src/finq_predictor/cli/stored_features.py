"""Commands about the feature store: fill it, ask it, and ask the past."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli.options import market_option, root_option
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.market.markets import MARKETS

if TYPE_CHECKING:
    import pandas as pd

_one_market = click.option("--market", type=click.Choice(sorted(MARKETS)), required=True, help="Which market.")
_features = click.option("--feature", "wanted", multiple=True, help="Only this feature; may be repeated.")


@click.command()
@root_option
@market_option
def materialize(root: Path, market: str | None) -> None:
    """Bring the online store up to the newest bars of gold, as each run does at its end."""
    import pandas as pd

    from finq_predictor.adapters.feature_store.materialising import materialise_newest
    from finq_predictor.adapters.feature_store.opening import open_store
    from finq_predictor.adapters.snapshots.store import markets_with

    names = [market] if market else markets_with(root, "gold")
    if not names:
        raise click.ClickException(f"There is no gold below {root}. Make it with: kedro run --pipelines=features")
    store = open_store(root)
    for name in names:
        click.echo(str(materialise_newest(root, MARKETS[name], store, pd.Timestamp.now("UTC"))))
    store.close()


@click.command()
@click.argument("instruments", nargs=-1, required=True)
@root_option
@_one_market
@_features
@click.option("--lag", "lags", multiple=True, type=click.IntRange(min=1), help="Also so many bars before.")
@click.option("--at", help="Moment against which age is measured.  [default: now; of a made-up market its newest bar]")
def get(
    instruments: tuple[str, ...],
    root: Path,
    market: str,
    wanted: tuple[str, ...],
    lags: tuple[int, ...],
    at: str | None,
) -> None:
    """Show the newest features of INSTRUMENTS, what is known of each value, and how old it is."""
    import pandas as pd

    from finq_predictor.adapters.feature_store import FeatureStore

    there = FeatureStore(root)
    now = _moment(at) or there.moment(market, pd.Timestamp.now("UTC"))
    found = there.online(market, instruments, wanted or None, now=now, lags=lags)
    width = max(map(len, found.columns))
    for row in found.rows():
        value = "" if row["value"] is None else f"{row['value']:.6g}"
        age = "" if row["bar_ts"] is None else f"  {row['bar_ts']}, {row['age_hours']:.1f} open hours ago"
        click.echo(f"{row['instrument']:10} {row['feature']:{width}} {value:>13} {row['state']}{age}")


@click.command()
@click.option(
    "--entities",
    type=click.Path(path_type=Path),
    required=True,
    help="Parquet or CSV with the columns instrument and ts.",
)
@click.option("--to", "target", type=click.Path(path_type=Path), help="Parquet that is written; else a sum is told.")
@root_option
@_one_market
@_features
def history(entities: Path, target: Path | None, root: Path, market: str, wanted: tuple[str, ...]) -> None:
    """Join features onto moments of the past, as they were known then; every row that is asked for stays."""
    from finq_predictor.adapters.atomic_file import write_atomically
    from finq_predictor.adapters.feature_store.historical import historical
    from finq_predictor.domain.features.views import STATES

    found = historical(root, MARKETS[market], _entities(entities), wanted or None)
    counts = {str(state): int((found.codes == code).sum()) for code, state in enumerate(STATES)}
    click.echo(
        f"{market}: {len(found.table)} rows x {len(found.features)} features: "
        + ", ".join(f"{count} {state}" for state, count in counts.items())
    )
    if target is not None:
        write_atomically(target, lambda path: found.table.to_parquet(path, index=False))
        click.echo(f"{target} is written.")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@root_option
@market_option
@click.option(
    "--online", type=click.Choice(["sqlite", "redis"]), default="sqlite", show_default=True, help="Its store."
)
def feast(folder: Path, root: Path, market: str | None, online: str) -> None:
    """Write a repository of Feast into FOLDER: the views of the registry, and gold for it to read."""
    from finq_predictor.adapters.feature_store.feast_repository import write_repository
    from finq_predictor.adapters.snapshots.store import markets_with

    names = [market] if market else markets_with(root, "gold")
    if not names:
        raise click.ClickException(f"There is no gold below {root}. Make it with: kedro run --pipelines=features")
    for one in write_repository(root, folder, names, online):
        click.echo(
            f"{one.market}: {len(one.feature_set.names)} features, {one.rows} rows, up to {one.last.isoformat()}"
        )


def _entities(file: Path) -> pd.DataFrame:
    import pandas as pd

    if not file.is_file():
        raise DataError(f"There is no file {file}; give a Parquet or CSV file with the columns instrument and ts.")
    table = pd.read_csv(file) if file.suffix == ".csv" else pd.read_parquet(file)
    if file.suffix == ".csv" and "ts" in table:
        try:
            table["ts"] = pd.to_datetime(table["ts"], utc=True, format="ISO8601")
        except ValueError as error:
            raise DataError(f"{file}: {error}. Give moments as 2024-01-31T21:00:00Z.") from None
    return table


def _moment(given: str | None) -> pd.Timestamp | None:
    import pandas as pd

    if given is None:
        return None
    try:
        moment = pd.Timestamp(given)
    except ValueError:
        raise DataError(f"--at is {given!r}; give a moment such as 2024-01-31T21:00:00Z.") from None
    return moment.tz_localize("UTC") if moment.tz is None else moment.tz_convert("UTC")
