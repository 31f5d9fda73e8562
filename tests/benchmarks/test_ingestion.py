"""Seconds and peak memory from a provider to silver with every check, beside pandas without any.

Stocks come from a warehouse: their history, and then one day more in the same process, as a scheduler has it.
Currencies come over HTTP from a replay of OANDA in a process of its own, a second time, so that its answers are made
and the libraries imported. pandas reads the same table with ``read_sql``, drops what is there twice and writes Parquet:
it keeps nothing of what came before, checks nothing, and reads everything again for one day more.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.adapters.snapshots.store import path_of
from finq_predictor.domain.market.calendars import get_calendar
from live_market import providers
from provider_replays import OandaReplay
from provider_server import Answer, Asked

PROJECT = Path(__file__).resolve().parents[2]
REAL = PROJECT.parent / "shared/data/equities"
PAIRS = tuple(f"{base}_USD" for base in ("EUR", "GBP", "AUD", "NZD", "CAD", "CHF", "SGD", "JPY", "SEK", "NOK"))
FAST = {"requests_per_minute": 100_000, "first_wait_seconds": 0.01, "longest_wait_seconds": 0.02}

SOURCE = """
equity.source_{name}:
  type: finq_predictor.adapters.datasets.source.SourceDataset
  source:
    class: finq_predictor.adapters.sources.warehouse.WarehouseSource
    url: sqlite:///{database}
    table: {table}
    time: date
    instrument: {instrument}
    timezone: America/New_York
  asking:
    held: ${{_root}}/01_bronze/equity/{name}
    since: "2013-02-01"
    until: ${{runtime_params:until,null}}
    again: 3D
    required: {required}
"""
BRONZE = """
"{market}.bronze_{table}":
  type: finq_predictor.adapters.datasets.bronze.BronzeDataset
  filepath: ${_root}/01_bronze/{market}/{table}
  deliveries: all
  validator:
    class: finq_predictor.adapters.quality.validator.SuiteValidator
    on: [save]
    options: {suite: bronze, market: "{market}", table: "part_of_{table}"}
"""


def load_tables() -> dict[str, pd.DataFrame]:
    """Real bars and the index where they are there, random ones otherwise."""
    if REAL.is_dir():
        bars = pd.read_parquet(REAL / "sp500_5yr_unadj_2013-02_2018-02.parquet").rename(
            columns={"symbol": "instrument"}
        )
        benchmark = pd.read_csv(REAL / "benchmark_sp500_index_2012-09_2018-02.csv.gz")
    else:
        days = get_calendar("XNYS").closes(pd.Timestamp("2013-02-08", tz="UTC"), pd.Timestamp("2018-02-08", tz="UTC"))
        dates = pd.DatetimeIndex(days).strftime("%Y-%m-%d")
        names = [f"S{number:03d}" for number in range(490)]
        close = 50 * np.exp(np.random.default_rng(0).normal(0, 0.015, (len(dates), len(names))).cumsum(axis=0))
        bars = pd.DataFrame({"date": np.repeat(dates, len(names)), "instrument": np.tile(names, len(dates))})
        bars = bars.assign(**dict.fromkeys(("open", "high", "low", "close"), close.ravel()), volume=1e6)
        benchmark = pd.DataFrame({"date": dates, "close": close.mean(axis=1)})
    tables = {"bars": bars, "benchmark": benchmark[benchmark["date"] >= "2013-02-01"]}
    days = {name: pd.to_datetime(table["date"]).dt.strftime("%Y-%m-%d") for name, table in tables.items()}
    return {name: table.assign(date=days[name]).sort_values("date") for name, table in tables.items()}


def warehouse(folder: Path, tables: dict[str, pd.DataFrame]) -> tuple[Path, Path]:
    """A warehouse and the configuration of a project that reads it."""
    database, conf = folder / "market.db", folder / "conf"
    with sqlite3.connect(database) as connection:
        for name, table in tables.items():
            table.to_sql(name, connection, index=False)
        connection.execute("create index by_date on bars (date)")
    shutil.copytree(PROJECT / "conf", conf)
    (conf / "warehouse/catalog").mkdir(parents=True)
    entries = [
        SOURCE.format(database=database, name="bars", table="bars", instrument="instrument", required="true"),
        SOURCE.format(database=database, name="benchmark", table="benchmark", instrument="null", required="true"),
        SOURCE.format(database=database, name="articles", table="null", instrument="null", required="false"),
        SOURCE.format(database=database, name="macro", table="null", instrument="null", required="false"),
    ]
    root = "_root: ${runtime_params:data_root,${globals:root}}"
    (conf / "warehouse/catalog/sources.yml").write_text(root + "".join(entries) + BRONZE, encoding="utf-8")
    return database, conf


def timed_run(market: str, env: str, params: dict[str, Any], conf: Path | None = None) -> tuple[float, float]:
    """Seconds on the wall and of the processor of all nodes of the ingestion; opening the project is not among them."""
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(PROJECT)
    given = {"conf_source": str(conf)} if conf else {}
    with KedroSession.create(PROJECT, env=env, runtime_params=params, **given) as session:
        session.load_context()
        began, busy = perf_counter(), process_time()
        session.run(pipeline_names=[market], namespaces=[f"ingestion.{market}"])
        return perf_counter() - began, process_time() - busy


def stocks(folder: str) -> list[tuple[str, float, float, float, int]]:
    tables = load_tables()
    database, conf = warehouse(Path(folder), tables)
    root, found = Path(folder) / "data", []
    days = sorted(tables["bars"]["date"].unique())[-3:]
    for what, day in zip(("stocks: history", "stocks: one day more", "stocks: another day"), days, strict=True):
        params = {"data_root": str(root), "until": f"{day}T05:00:00Z"}
        wall, busy = timed_run("equity", "warehouse", params, conf)
        found.append((what, wall, busy, _peak(), len(pd.read_parquet(path_of(root, "equity", "silver_bars")))))
    assert database.is_file()
    return found


def stocks_in_pandas(folder: str) -> list[tuple[str, float, float, float, int]]:
    database, _ = warehouse(Path(folder), load_tables())
    began, busy = perf_counter(), process_time()
    with sqlite3.connect(database) as connection:
        bars = pd.read_sql("select * from bars", connection, parse_dates=["date"])
    bars = bars.drop_duplicates(["date", "instrument"]).sort_values(["date", "instrument"], ignore_index=True)
    bars.to_parquet(Path(folder) / "bars.parquet")
    said = "pandas: history, and each day more"
    return [(said, perf_counter() - began, process_time() - busy, _peak(), len(bars))]


class RecordedOanda(OandaReplay):
    """Makes each answer once: what is measured is who asks."""

    def __init__(self, candles: pd.DataFrame, now: pd.Timestamp) -> None:
        super().__init__(candles, now)
        self._answers: dict[str, Answer] = {}

    def answer_to(self, asked: Asked) -> Answer:
        """The answer to a question, the same each time."""
        question = f"{asked.path} {sorted(asked.query.items())}"
        if question not in self._answers:
            self._answers[question] = super().answer_to(asked)
        return self._answers[question]


def serve(candles: pd.DataFrame, end: pd.Timestamp, told: Connection) -> None:
    """Answer in a process of its own until it is ended."""
    with RecordedOanda(candles, end) as oanda:
        told.send(oanda.url)
        told.recv()


def candles_of_a_year(end: pd.Timestamp) -> pd.DataFrame:
    times = pd.date_range(end - pd.Timedelta("365D"), end, freq="h")
    # The week of foreign exchange: from Sunday to Friday 17:00 in New York.
    local = times.tz_convert("America/New_York")
    day, hour = local.day_of_week, local.hour
    times = times[~(((day == 4) & (hour >= 17)) | (day == 5) | ((day == 6) & (hour < 17)))]
    parts = []
    for number, pair in enumerate(PAIRS):
        close = 1.2 * np.exp(np.random.default_rng(number).normal(0, 0.001, len(times)).cumsum())
        opened = np.concatenate([[1.2], close[:-1]])
        mid = {"o": opened, "h": np.maximum(opened, close), "l": np.minimum(opened, close), "c": close}
        sides = {
            f"{side}_{part}": value + shift
            for side, shift in (("bid", -1e-4), ("mid", 0.0), ("ask", 1e-4))
            for part, value in mid.items()
        }
        parts.append(pd.DataFrame({"instrument": pair, "time": times, "volume": 100, **sides}))
    return pd.concat(parts, ignore_index=True)


def currencies(folder: str) -> list[tuple[str, float, float, float, int]]:
    os.environ["FINQ_OANDA_TOKEN"] = "token-of-a-test"
    end = pd.Timestamp("2024-06-07 20:00", tz="UTC")
    candles = candles_of_a_year(end)
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(candles, end, theirs))
    server.start()
    with providers(end, stocks=1, sessions=300, hours=100) as others:
        others.at(end)
        params: dict[str, Any] = {
            **others.params,
            "limits": FAST,
            "oanda_url": f"{ours.recv()}/v3",
            "pairs": {pair: f"{pair.replace('_', '')}=X" for pair in PAIRS},
            "until": end.isoformat(),
            "reach": candles["time"].min().isoformat(),
        }
        timed_run("fx", "live", {**params, "data_root": f"{folder}/first"})
        wall, busy = timed_run("fx", "live", {**params, "data_root": f"{folder}/again"})
    ours.send("enough")
    server.join()
    rows = len(pd.read_parquet(path_of(Path(folder) / "again", "fx", "silver_bars")))
    return [(f"{len(PAIRS)} pairs, a year of hours over HTTP", wall, busy, _peak(), rows)]


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def test_from_a_provider_to_silver(tmp_path):
    print(f"\n{'real' if REAL.is_dir() else 'random'} stocks; s, busy s, peak MB, rows")
    for number, work in enumerate((stocks, stocks_in_pandas, currencies)):
        folder = tmp_path / str(number)
        folder.mkdir()
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            for what, wall, busy, peak, rows in pool.submit(work, str(folder)).result():
                print(f"  {what:36s} {wall:7.2f} {busy:7.2f} {peak:7.0f} {rows:10,d}")
                assert rows > 0
