"""What callers were told, once each, is held against what followed; what it would have earned comes out as gauges."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

import numpy as np
import pytest
from click.testing import CliRunner

from finq_predictor.adapters.database.served_reading import statements
from finq_predictor.adapters.database.served_store import ServedStore, store_engine
from finq_predictor.adapters.datasets.snapshot import SnapshotDataset
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.signal_records import FILE, read_signal_records
from finq_predictor.cli import finq
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.evaluation.paper_book import TradingTerms
from finq_predictor.domain.evaluation.signal_record import Figure, SignalRecord
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.serving.chores import Chores
from finq_predictor.serving.keeper import Keeper
from finq_predictor.serving.lines import prediction_line
from finq_predictor.serving.score_cards import score_cards
from finq_predictor.serving.score_gauges import served_signal_gauges
from finq_predictor.serving.signal_records import first_told, served_record
from finq_predictor.serving.spool import FOLDER, Spool
from serving import small_market
from serving.test_spool import said

FX = MARKETS["fx"]
BARS = 620


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A market of which a champion said something at every bar, twice, and a shadow something else."""
    root = tmp_path_factory.mktemp("told")
    tables = small_market.silver(FX, BARS, 7)
    small_market.write_silver(root, FX, {"bars": tables["bars"]})
    labels = make_labels(small_market.panel_of(FX, tables), FX, (1,)).dropna()
    spool, rng = Spool(Layout(root).served / FOLDER, 2**30), np.random.default_rng(0)
    for row in labels.itertuples():
        right = bool(row.label_1) == bool(rng.uniform() < 0.8)
        for number, (arm, rises) in enumerate((("champion", right), ("champion", not right), ("shadow", not right))):
            line = said(
                market="fx", instrument=row.instrument, feature_ts=row.ts.isoformat(), newest_ts=row.ts.isoformat(),
                horizon=1, model="logistic", version=str(1 + number), arm=arm, probability=0.7 if rises else 0.3,
            )  # fmt: skip
            spool.record(prediction_line(spool.new_id(), b"r", int(row.ts.timestamp() * 1e6) + number, b"null", line))
    spool.close()
    keeper = Keeper(root, lambda: ServedStore(store_engine(root, {})), chores=Chores(root).run_once)
    keeper.run_once()
    keeper.run_once()
    return root


def test_what_was_told_first_counts_once_whoever_says_it_again(told):
    engine = store_engine(told, {})
    everything = statements(engine, "fx")
    first = first_told(everything)
    assert len(everything) == 3 * len(first)
    assert set(first["version"]) == {"1"}
    assert first_told(everything[everything["arm"] == "shadow"]).empty


def test_the_keeper_leaves_the_record_and_it_is_right_as_often_as_it_was_made_to_be(told):
    (record,) = read_signal_records(told).records
    assert (record.market, record.source) == ("fx", "served")
    figures = {(one.figure, one.window): one.value for one in record.readings if not one.part}
    assert figures[Figure.ACCURACY, "30d"] == pytest.approx(0.8, abs=0.03)
    assert figures[Figure.SILENT_DAYS, ""] == 0.0
    # Prices of the next bar are others than those of the label, and every trade costs.
    profit, drawdown = figures[Figure.PNL, "90d"] / record.capital_usd, figures[Figure.DRAWDOWN, "90d"]
    assert drawdown >= -profit
    assert np.sign(figures[Figure.SHARPE, "90d"]) == np.sign(profit)
    again = served_record(store_engine(told, {}), told, FX)
    assert again == record


def test_it_comes_out_as_gauges_and_through_the_command(told, tmp_path):
    samples = {gauge.name: gauge.samples for gauge in served_signal_gauges(told)}
    assert {labels["source"] for labels, _ in samples["finq_simulated_pnl_usd"]} == {"served"}
    done = CliRunner().invoke(finq, ["alarms", "measure", "--root", str(told), "--target", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert (
        'finq_model_accuracy_ratio{market="fx",source="served",window="30d"} 0.'
        in (tmp_path / "finq_surroundings.prom").read_text()
    )


def test_where_nothing_was_told_there_is_nothing_and_what_is_damaged_is_said(tmp_path):
    assert not any(gauge.samples for gauge in served_signal_gauges(tmp_path))
    store = ServedStore(store_engine(tmp_path, {}))
    store.open()
    assert served_record(store.engine, tmp_path, FX) is None
    small_market.write_silver(tmp_path, FX, {"bars": small_market.silver(FX, 100, 7)["bars"]})
    assert served_record(store.engine, tmp_path, FX) is None
    file = Layout(tmp_path).served / FILE
    file.write_text('{"made_at": 3}')
    with pytest.raises(StoreError, match=r"signals.json cannot be read.*made_at"):
        read_signal_records(tmp_path)
    done = CliRunner().invoke(finq, ["alarms", "measure", "--root", str(tmp_path), "--target", str(tmp_path / "m")])
    assert done.exit_code == 1
    assert "signals.json cannot be read" in done.output
    assert "finq_disk_free_ratio" in (tmp_path / "m" / "finq_surroundings.prom").read_text()


def test_bars_that_were_taken_back_withhold_the_book_and_nothing_else(told, tmp_path):
    root = tmp_path / "data"
    shutil.copytree(told, root)
    bars = small_market.silver(FX, BARS, 7)["bars"]
    small_market.write_silver(root, FX, {"bars": bars[bars["instrument"] != bars["instrument"].iloc[0]]})
    record = served_record(store_engine(root, {}), root, FX)
    assert record.strategy == ""
    assert {one.figure for one in record.readings} >= {Figure.ACCURACY, Figure.PER_HOUR}
    assert not list(record.of(Figure.PNL))


def test_it_is_traded_by_the_terms_by_which_the_champion_was_judged(told, tmp_path):
    root = tmp_path / "data"
    shutil.copytree(told, root)

    def paper() -> tuple[SignalRecord, float]:
        engine, now = store_engine(root, {}), datetime.now(UTC)
        cards = score_cards(engine, root, now, market="fx").cards
        figures = {one.name: one.value for card in cards if card.arm == "champion" for one in card.figures}
        return served_record(engine, root, FX), figures["paper_net_bp"]

    usual, plain = paper()
    place = Layout(root).place("fx", "trading_terms").as_posix()
    kept = SnapshotDataset(filepath=place, value=f"{TradingTerms.__module__}.{TradingTerms.__name__}")
    kept.save(TradingTerms("threshold", BacktestRules(cost_bp=50.0, use_quotes=False, capital=2e6)))
    agreed, dear = paper()
    assert (usual.capital_usd, agreed.capital_usd, agreed.strategy) == (1e6, 2e6, "threshold")
    assert sum(one.value for one in agreed.of(Figure.PNL)) < 2 * sum(one.value for one in usual.of(Figure.PNL))
    assert dear < plain
