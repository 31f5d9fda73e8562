"""Each way a delivery can be bad: a clear error or quarantine, earlier layers whole, and the next run recovers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from finq_predictor.adapters.bronze.arrivals import ARRIVED
from finq_predictor.adapters.layout import Folder, Layout
from finq_predictor.adapters.snapshots.store import path_of
from finq_predictor.domain.errors import GateError
from synthetic_market_files import market_frames, write_market


def is_kept(file):
    """A delivery, or what is noted of one; when it came last is new each time."""
    return file.is_file() and file.name != ARRIVED


@pytest.fixture
def market(tmp_path):
    bars, benchmark = market_frames()
    return tmp_path, bars, benchmark


def _published(ingestion, market):
    """A first good run, and what it left."""
    folder, bars, benchmark = market
    ingestion.run("equity", "own", **write_market(folder, bars, benchmark))
    return ingestion.silver("equity")


def _recovers(ingestion, market, before):
    folder, bars, benchmark = market
    ingestion.run("equity", "own", **write_market(folder, bars, benchmark))
    assert ingestion.silver("equity") == before


def _layers(files):
    """Silver without quarantine, which tells of the latest delivery even when it stops the run."""
    return {name: content for name, content in files.items() if not name.startswith("quarantine")}


def test_a_run_again_changes_nothing(ingestion, market):
    before = _published(ingestion, market)
    bronze = {file: file.read_bytes() for file in sorted((ingestion.root / Folder.BRONZE).rglob("*")) if is_kept(file)}
    _recovers(ingestion, market, before)
    again = {file: file.read_bytes() for file in sorted((ingestion.root / Folder.BRONZE).rglob("*")) if is_kept(file)}
    assert again == bronze


def test_corrupted_file_stops_and_recovers(ingestion, market):
    before = _published(ingestion, market)
    folder, bars, benchmark = market
    files = write_market(folder, bars, benchmark)
    whole = folder / "bars.parquet"
    bars.to_parquet(whole)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(DatasetError, match=r"bars\.parquet.*cannot be read as parquet.*deliver it again"):
        ingestion.run("equity", "own", **{**files, "bars": str(whole)})
    assert ingestion.silver("equity") == before
    _recovers(ingestion, market, before)


def test_column_without_values_stops_and_recovers(ingestion, market):
    before = _published(ingestion, market)
    folder, bars, benchmark = market
    files = write_market(folder, bars.assign(close=np.nan), benchmark)
    with pytest.raises(GateError, match=r"bars\.close, rule max_null_share: found 1, allowed 0\.1\. Rows: row 0 \(S00"):
        ingestion.run("equity", "own", **files)
    assert _layers(ingestion.silver("equity")) == _layers(before)
    reasons = pd.read_parquet(Layout(ingestion.root).place("equity", "quarantine_bars"))
    assert set(reasons["rule"]) == {"missing_price"}
    assert reasons["reason"].str.contains("close").all()
    _recovers(ingestion, market, before)


def test_duplicated_rows_are_set_aside(ingestion, market):
    before = _published(ingestion, market)
    folder, bars, benchmark = market
    ingestion.run("equity", "own", **write_market(folder, pd.concat([bars, bars.head(50)]), benchmark))
    after = ingestion.silver("equity")
    assert after["bars.parquet"] == before["bars.parquet"]
    aside = pd.read_parquet(Layout(ingestion.root).place("equity", "quarantine_bars"))
    assert (len(aside), set(aside["rule"])) == (50, {"duplicate"})
    _recovers(ingestion, market, before)


def test_future_date_is_set_aside(ingestion, market):
    before = _published(ingestion, market)
    folder, bars, benchmark = market
    tomorrow = bars.tail(1).assign(date="2045-01-03")
    ingestion.run("equity", "own", **write_market(folder, pd.concat([bars, tomorrow]), benchmark))
    assert ingestion.silver("equity")["bars.parquet"] == before["bars.parquet"]
    aside = pd.read_parquet(Layout(ingestion.root).place("equity", "quarantine_bars"))
    assert aside["rule"].tolist() == ["future"]
    assert "2045-01-03" in aside["reason"][0]


def test_gap_in_benchmark_stops_and_recovers(ingestion, market):
    before = _published(ingestion, market)
    folder, bars, benchmark = market
    gap = benchmark[~benchmark["date"].between("2023-03-06", "2023-03-10")]
    with pytest.raises(GateError, match=r"benchmark, rule max_benchmark_gap: found 5.*2023-03-06"):
        ingestion.run("equity", "own", **write_market(folder, bars, gap))
    assert _layers(ingestion.silver("equity")) == _layers(before)
    _recovers(ingestion, market, before)


def test_old_benchmark_stops(ingestion, market):
    folder, bars, benchmark = market
    with pytest.raises(GateError, match=r"benchmark, rule max_benchmark_age: found 5, allowed 2.*2023-06-26"):
        ingestion.run("equity", "own", **write_market(folder, bars, benchmark.iloc[:-5]))


def test_too_few_stocks_stop(ingestion, market):
    folder, bars, benchmark = market
    few = bars[bars["symbol"] < "S19"]
    with pytest.raises(GateError, match=r"bars, rule min_instruments: found 19, allowed 20"):
        ingestion.run("equity", "own", **write_market(folder, few, benchmark))


def test_run_killed_between_tables_recovers(ingestion, market, monkeypatch):
    """The worst moment: some silver tables are new, some old."""
    before = _published(ingestion, market)
    folder, bars, benchmark = market
    from finq_predictor.pipelines.ingestion import nodes

    calls = []

    def publish_once(cleaned, checks):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return cleaned

    monkeypatch.setattr(nodes, "publish", publish_once)
    with pytest.raises(KeyboardInterrupt):
        ingestion.run("equity", "own", **write_market(folder, bars.iloc[24:], benchmark))
    monkeypatch.undo()
    pd.read_parquet(path_of(ingestion.root, "equity", "silver_bars"))
    _recovers(ingestion, market, before)


def test_file_that_was_not_given_names_the_parameter(ingestion):
    with pytest.raises(
        DatasetError, match=r'No file was given for the (bars|benchmark).*--params "(bars|benchmark)=FILE"'
    ):
        ingestion.run("equity", "own")
    with pytest.raises(DatasetError, match=r'--params "quotes=FILE"'):
        ingestion.run("fx", "own")


def test_strange_columns_are_listed(ingestion, market):
    folder, bars, benchmark = market
    files = write_market(folder, bars.rename(columns={"close": "PX_LAST"}), benchmark)
    with pytest.raises(Exception, match=r"bars from 'own:bars\.csv.*Missing: close.*PX_LAST"):
        ingestion.run("equity", "own", **files)


def test_own_files_never_mix_with_the_simulator(ingestion, market):
    folder, bars, benchmark = market
    catalog = ingestion.run("equity", "own", **write_market(folder, bars, benchmark))
    provenance = catalog.load("equity.provenance")
    assert (provenance.source, provenance.simulated) == ("own", False)
    nothing = {"articles": 0, "macro": 0, "membership": 0, "actions": 0, "repairs": 0}
    assert provenance.rows == {"bars": len(bars), "benchmark": len(benchmark), **nothing}
    for market_name in ("equity", "fx"):
        for table in ("bars", "articles", "macro"):
            source = ingestion.catalog(market_name, "own")[f"{market_name}.source_{table}"]
            assert "file_or_folder" in str(source)


@pytest.mark.parametrize("market_name", ["equity", "fx"])
def test_simulated_market_passes(ingestion, market_name):
    catalog = ingestion.run(market_name, "test", data_root=str(ingestion.root))
    provenance = catalog.load(f"{market_name}.provenance")
    assert provenance.simulated is True
    assert provenance.source_id.startswith("simulated-")
    assert all(check.passed for check in catalog.load(f"{market_name}.ingestion_checks").checks)
    # The simulator delivers dirt; a run that finds none has not looked.
    assert {"duplicate", "missing_price", "impossible_prices"} <= set(
        catalog.load(f"{market_name}.quarantine_bars")["rule"]
    )
