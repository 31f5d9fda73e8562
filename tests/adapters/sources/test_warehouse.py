"""A warehouse is asked for windows, on SQLite and on a real PostgreSQL: every row once, none of it all in memory."""

from __future__ import annotations

import datetime as dt
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Column, Date, DateTime, Float, Integer, MetaData, Numeric, String, Table, create_engine, insert

from catching_up_runs import kept
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.sources.making import make_source
from finq_predictor.adapters.sources.protocol import WindowSource
from finq_predictor.adapters.sources.warehouse import WarehouseSource
from finq_predictor.domain.errors import ConfigurationError, SourceError
from postgres_server import running_postgres

START = pd.Timestamp("2024-01-01", tz="UTC")


@pytest.fixture(scope="module")
def postgres():
    with tempfile.TemporaryDirectory() as folder, running_postgres(Path(folder)) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'market.db'}"
        return
    url = request.getfixturevalue("postgres")
    yield url
    engine = create_engine(url)
    everything = MetaData()
    everything.reflect(engine)
    everything.drop_all(engine)
    engine.dispose()


def store_rows(url: str, name: str, columns: list[Column], rows: list[dict]) -> None:
    engine = create_engine(url)
    metadata = MetaData()
    table = Table(name, metadata, *columns)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(table), rows)
    engine.dispose()


def hourly(url: str, hours: int = 50, instruments: tuple[str, ...] = ("EUR_USD", "USD_SGD"), first: int = 0) -> None:
    rows = [
        {"pair": pair, "at": (START + pd.Timedelta(hours=number)).to_pydatetime(), "close": number + 0.5}
        for number in range(first, first + hours)
        for pair in instruments
    ]
    columns = [Column("pair", String(10)), Column("at", DateTime(timezone=True)), Column("close", Float)]
    store_rows(url, "bars", columns, rows)


def source(url: str, **changes) -> WarehouseSource:
    options = {"table": "bars", "time": "at", "instrument": "pair", "credentials": {"url": url}, **changes}
    return WarehouseSource(None, **options)


def collected(source: WarehouseSource, since, until) -> pd.DataFrame:
    parts = list(source.fetch(source.keys, since, until, until))
    begin = dict.fromkeys(source.keys, since)
    for part in parts:
        for key in part.keys:
            assert part.since == begin[key]
            begin[key] = part.until
    return pd.concat([part.frame for part in parts], ignore_index=True)


keep = partial(kept, since=START)


def hour(number: float) -> pd.Timestamp:
    return START + pd.Timedelta(hours=number)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_a_window_comes_in_parts_that_make_up_the_whole(url, chunk):
    hourly(url)
    rows = collected(source(url, chunk=chunk), hour(3), hour(40))
    expected = [(pair, number + 0.5) for number in range(3, 40) for pair in ("EUR_USD", "USD_SGD")]
    assert sorted(zip(rows["pair"], rows["close"], strict=True)) == sorted(expected)


def test_the_next_run_brings_what_is_new(url, tmp_path):
    hourly(url)
    store, warehouse = BronzeStore(tmp_path / "bronze"), source(url, chunk=9)
    assert isinstance(warehouse, WindowSource)
    assert keep(store, warehouse, hour(20)) == 40
    assert keep(store, warehouse, hour(25), again="6h") == 10
    assert keep(store, warehouse, hour(25)) == 0
    assert not store.all().duplicated(["pair", "at"]).any()
    assert len(store.all()) == 50


def test_a_new_instrument_gets_its_history(url, tmp_path):
    hourly(url)
    store = BronzeStore(tmp_path / "bronze")
    keep(store, source(url, instruments=["EUR_USD"]), hour(20))
    assert keep(store, source(url, instruments=["EUR_USD", "USD_SGD"]), hour(21)) == 22


def test_days_are_days_whatever_the_hour_of_the_run(url, tmp_path):
    rows = [{"symbol": "A", "day": dt.date(2024, 1, 1) + dt.timedelta(days=n), "close": float(n)} for n in range(10)]
    store_rows(url, "daily", [Column("symbol", String(5)), Column("day", Date), Column("close", Float)], rows)
    daily = source(url, table="daily", time="day", instrument="symbol", timezone="America/New_York")
    store = BronzeStore(tmp_path / "bronze")
    for hours in (30, 50, 60, 100, 260):
        keep(store, daily, hour(hours), again="2D")
    assert store.all()["close"].tolist() == [float(n) for n in range(10)]


@pytest.mark.parametrize("separator", [" ", "T"])
def test_times_in_text_are_cut_exactly(url, tmp_path, separator):
    texts = [(START + pd.Timedelta(hours=number)).tz_localize(None).isoformat(sep=separator) for number in range(60)]
    rows = [{"pair": "A", "at": text, "close": float(number)} for number, text in enumerate(texts)]
    store_rows(url, "bars", [Column("pair", String(5)), Column("at", String(30)), Column("close", Float)], rows)
    store = BronzeStore(tmp_path / "bronze")
    for hours in (10, 15, 39, 55):
        keep(store, source(url, chunk=4), hour(hours))
    assert store.all()["close"].tolist() == [float(number) for number in range(55)]


def test_a_row_without_a_time_is_not_asked_for_and_exact_numbers_stay_exact(url, tmp_path):
    columns = [Column("pair", String(5)), Column("at", DateTime(timezone=True)), Column("close", Numeric(20, 10))]
    rows = [{"pair": "A", "at": hour(1).to_pydatetime(), "close": 1.0000000001}, {"pair": "A", "at": None, "close": 1}]
    store_rows(url, "bars", columns, rows)
    found = collected(source(url), hour(0), hour(5))
    assert [float(value) for value in found["close"]] == [1.0000000001]


def trades_of(count: int, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    seconds = np.sort(generator.integers(0, 6 * 3600, count))
    return pd.DataFrame(
        {
            "id": np.arange(count),
            "sym": generator.choice(["A", "B"], count),
            "at": START + pd.to_timedelta(seconds, unit="s"),
            "px": 100 + generator.normal(0, 1, count).cumsum(),
            "qty": generator.integers(1, 100, count).astype(float),
        }
    )


@pytest.mark.parametrize("chunk", [3, 50, 10_000])
def test_trades_become_the_bars_that_pandas_makes_of_them(url, tmp_path, chunk):
    trades = trades_of(600)
    rows = [{**row, "at": row["at"].to_pydatetime()} for row in trades.to_dict("records")]
    columns = [
        Column("id", Integer, primary_key=True), Column("sym", String(5)), Column("at", DateTime(timezone=True)),
        Column("px", Float), Column("qty", Float),
    ]  # fmt: skip
    store_rows(url, "trades", columns, rows)
    columns = {"price": "px", "size": "qty"}
    made = source(url, table="trades", instrument="sym", trades=columns, bar_minutes=30, chunk=chunk)
    store = BronzeStore(tmp_path / "bronze")
    # The second run begins in the middle of a bar, which is not complete in the first.
    for until in (hour(2.25), hour(6)):
        keep(store, made, until)
    kept = store.all().sort_values(["instrument", "time"], ignore_index=True)
    for name, part in trades.groupby("sym"):
        bars = part.set_index("at").resample("30min")["px"].ohlc().dropna()
        ours = kept[kept["instrument"] == name]
        np.testing.assert_allclose(ours[["open", "high", "low", "close"]], bars)
        sizes = part.set_index("at").resample("30min")["qty"].sum()
        np.testing.assert_allclose(ours["volume"], sizes[sizes > 0])
        value = (part["px"] * part["qty"]).groupby(part["at"].dt.floor("30min")).sum()
        np.testing.assert_allclose(ours["vwap"], (value / sizes[sizes > 0]))
    assert kept["trades"].sum() == 600


def test_what_is_not_there_is_named_with_near_misses(url):
    hourly(url)
    since, until = hour(0), hour(5)
    with pytest.raises(SourceError, match=r"no table 'bar' that its user may see.*'bars'"):
        list(source(url, table="bar").fetch(["*"], since, until, until))
    with pytest.raises(SourceError, match=r"has no column 'att'.*'at'"):
        list(source(url, time="att").fetch(["*"], since, until, until))
    with pytest.raises(SourceError, match=r"column 'close' of .* is a .*; expected a date, a time or ISO text"):
        list(source(url, time="close").fetch(["*"], since, until, until))


def test_a_warehouse_that_is_down_is_named_without_its_password(postgres):
    address = postgres.replace(postgres.rsplit(":", 1)[1], "1/postgres")
    with pytest.raises(
        SourceError, match=r"postgres\.bars did not answer: OperationalError.*whether it is up"
    ) as caught:
        list(source(address).fetch(["*"], hour(0), hour(1), hour(1)))
    assert "secret" not in str(caught.value)
    assert "secret" not in source(postgres).source_id
    assert "127.0.0.1" not in source(postgres).source_id


def test_a_table_that_a_warehouse_does_not_have_asks_nothing(tmp_path):
    nothing = source("postgresql+psycopg://nobody@127.0.0.1:1/x", table=None)
    assert nothing.keys == ()
    store = BronzeStore(tmp_path / "articles")
    for _ in range(2):
        assert kept(store, nothing, hour(5), since=hour(0)) == 0
        # There is a table all the same, which says that there is nothing.
        assert store.all().empty
    assert len(store.entries()) == 1


def test_an_address_with_a_password_belongs_to_no_catalog(monkeypatch):
    with pytest.raises(ConfigurationError, match=r"holds a password.*FINQ_WAREHOUSE_URL.*`warehouse: url:`") as caught:
        WarehouseSource("postgresql+psycopg://reader:secret@host/market", "bars")
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="There is no url for warehouse"):
        WarehouseSource(None, "bars")
    assert WarehouseSource("postgresql+psycopg://reader@host/market", "bars").source_id == "market.bars"
    monkeypatch.setenv("FINQ_WAREHOUSE_URL", "postgresql+psycopg://reader:secret@host/market")
    kept = make_source({"class": f"{WarehouseSource.__module__}.WarehouseSource", "url": None, "table": "bars"})
    assert kept.source_id == "market.bars"


def test_options_that_contradict_each_other_are_refused():
    with pytest.raises(ConfigurationError, match="chosen by the column `instrument`, which is not given"):
        source("sqlite://", instrument=None, instruments=["A"])
    with pytest.raises(ConfigurationError, match="needs the column of the price"):
        source("sqlite://", trades={"size": "qty"})
    with pytest.raises(ConfigurationError, match=r"column of 'pric'.*'price'"):
        source("sqlite://", trades={"pric": "px"})
    with pytest.raises(ConfigurationError, match="`bar_minutes` is 7; expected a part of a day"):
        source("sqlite://", trades={"price": "px"}, bar_minutes=7)
