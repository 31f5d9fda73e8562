"""The command that makes an overlay of the configuration out of files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finq_predictor.cli.options import market_option

if TYPE_CHECKING:
    import pandas as pd

    from finq_predictor.loaded_frame import LoadedFrame

_DEFAULT_CONF = Path("conf")
_file = click.Path(dir_okay=False, path_type=str)


@click.command()
@click.option("--from", "bars", type=_file, required=True, help="File of bars or quotes.")
@click.option("--benchmark", type=_file, help="File of the benchmark.")
@click.option("--articles", type=_file, help="File of articles.")
@click.option("--macro", type=_file, help="File of macro releases.")
@click.option("--membership", type=_file, help="File of the dated members of the index.")
@market_option
@click.option("--name", help="Name of the overlay; that of the file if not given.")
@click.option("--instrument", help="Instrument of a file with one, and no such column.")
@click.option("--column", "columns", multiple=True, help="OURS=THEIRS, such as close=PX_1; may be given repeatedly.")
@click.option(
    "--conf", type=click.Path(path_type=Path), default=_DEFAULT_CONF, show_default=True, help="Configuration."
)
@click.option("--force", is_flag=True, help="Replace an overlay that this command wrote before.")
def init(
    bars: str,
    benchmark: str | None,
    articles: str | None,
    macro: str | None,
    membership: str | None,
    market: str | None,
    name: str | None,
    instrument: str | None,
    columns: tuple[str, ...],
    conf: Path,
    force: bool,
) -> None:
    """Recognise files of your own, say what they are, and write the overlay that runs on them."""
    from finq_predictor.adapters.overlays import Overlay, check_place, fewest_instruments, overlay_name, write_overlay

    name = name or overlay_name(Path(bars))
    check_place(conf, name, force)
    given = {"bars": bars, "benchmark": benchmark, "articles": articles, "macro": macro}
    given["membership"] = membership
    files = {table: file for table, file in given.items() if file is not None}
    loaded = _loaded(files, market, instrument, columns)
    click.echo(loaded.report)
    found, fewest = loaded.recognition, fewest_instruments(conf, loaded.rules.market)
    there = loaded.bars["instrument"].nunique()
    gates = {"min_instruments": max(there, 1)} if there < fewest else {}
    if gates:
        click.echo(f"Gate        min_instruments is lowered from {fewest} to {there}, all that the file has")
    place = write_overlay(conf, Overlay(name, loaded.rules.market, files, found.reading, gates), force)
    click.echo(f"\nWritten to {place}; results will lie in data/{name}.\n{_next_commands(loaded, name, conf)}")


def _loaded(files: dict[str, str], market: str | None, instrument: str | None, columns: tuple[str, ...]) -> LoadedFrame:
    from finq_predictor.domain.errors import ConfigurationError
    from finq_predictor.loaded_frame import load_frame

    tables = {table: _read(table, file) for table, file in files.items()}
    reading: dict[str, Any] = {"instrument": instrument} if instrument else {}
    if columns:
        reading["columns"] = {"bars": dict(map(_named, columns))}
    others = {table: tables.get(table) for table in ("benchmark", "articles", "macro", "membership")}
    loaded = load_frame(tables["bars"], **others, market=market, **reading)
    if loaded.recognition.wide:
        raise ConfigurationError(
            f"The file {files['bars']} has a column for each instrument; a run needs one row per bar. Write it anew: "
            "pandas.melt(table, id_vars=[DATE], var_name='instrument', value_name='close'), with open, high and low "
            "beside the close. In a notebook finq_predictor.load_frame takes it as it is."
        )
    return loaded


def _read(table: str, file: str) -> pd.DataFrame:
    """The table as a run receives it."""
    from finq_predictor.adapters.sources.own_file import OwnFileSource
    from finq_predictor.adapters.sources.protocol import lineage
    from finq_predictor.domain.columns import SOURCE

    source = OwnFileSource(file, table, parameter="from" if table == "bars" else table, required=True)
    return source.read().assign(**{SOURCE: lineage(source)})


def _named(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not (ours and equals and theirs):
        raise click.BadParameter(f"{text!r} is no OURS=THEIRS, such as close=PX_1.", param_hint="--column")
    return ours, theirs


def _next_commands(loaded: LoadedFrame, name: str, conf: Path) -> str:
    market = loaded.rules.market
    source = "" if conf == _DEFAULT_CONF else f" --conf-source {conf}"
    mean = (
        "No benchmark was given: each share is compared with the mean of all shares of the file, which is not the "
        "market. Give a real one now, by --benchmark and --force, or to a run: "
        f'--params "{market.file_parameter("benchmark")}=FILE"\n'
    )
    lacking = set(market.required_tables) - set(loaded.deliveries)
    return f"{mean if lacking else ''}Next:\n    kedro run{source} --env {name} --pipelines={market.name}"
