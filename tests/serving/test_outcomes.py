"""What became of what was said: late and revised, each statement has one outcome, and the past can be asked for."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.adapters.database.engine import downgrade
from finq_predictor.adapters.database.served_reading import feedback_about, outcomes_over_time, statements
from finq_predictor.adapters.database.served_store import ServedStore, store_engine
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.score_cards import read_score_cards
from finq_predictor.cli import finq
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.serving.chores import Chores
from finq_predictor.serving.keeper import FOLDER, Keeper
from finq_predictor.serving.lines import prediction_line, read_line
from finq_predictor.serving.score_cards import score_cards
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.spool import Spool
from postgres_server import running_postgres
from serving import small_market
from serving.conftest import started
from serving.test_spool import said

BARS = [datetime(2024, 1, day, 21, tzinfo=UTC) for day in (30, 31)] + [datetime(2024, 2, 1, 21, tzinfo=UTC)]
NAMES = ("AAPL", "MSFT")
BEGIN = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def postgres():
    with tempfile.TemporaryDirectory() as folder, running_postgres(Path(folder)) as url:
        yield url


def rows_of(market: str, bars, names, minute: int = 0):
    at = int(datetime(2024, 2, 2, 0, minute, tzinfo=UTC).timestamp() * 1e6)
    return [
        read_line(
            prediction_line(
                f"p-{market}-{name}-{bar.day}-{minute}".encode(),
                b"r",
                at,
                b"null",
                said(market=market, instrument=name, feature_ts=bar.isoformat(), newest_ts=BARS[-1].isoformat()),
            ).rstrip()
        ).row
        for bar in bars
        for name in names
    ]


VALUES = st.none() | st.sampled_from([-0.5, 0.0, 0.5])
WORLD = st.lists(st.fixed_dictionaries({(name, bar): VALUES for name in NAMES for bar in BARS}), min_size=1, max_size=5)


def check_world(store: ServedStore, market: str, world) -> None:
    """Snapshots say one thing after the other, some of it twice and out of nowhere; ask as of each moment."""
    store.keep(rows_of(market, BARS, NAMES), [])
    store.keep(rows_of(market, BARS, NAMES, minute=1), [])
    told: dict = {}
    expected = []
    for number, snapshot in enumerate(world):
        moment = BEGIN + timedelta(days=number)
        known = pd.DataFrame(
            [
                {
                    "horizon": 5,
                    "instrument": name,
                    "ts": bar,
                    "forward_return": np.nan if value is None else value,
                    "label": np.nan if not value else float(value > 0),
                    "known_at": pd.NaT if value is None else BARS[-1] + timedelta(days=9),
                }
                for (name, bar), value in snapshot.items()
            ]
        )
        changed = sum(
            told.get(key) != value for key, value in snapshot.items() if not (value is None and key not in told)
        )
        assert store.record_outcomes(market, f"s{number}", moment, known) == changed
        assert store.record_outcomes(market, f"s{number}", moment, known) == 0
        told.update({key: value for key, value in snapshot.items() if value is not None or key in told})
        expected.append((moment, dict(told)))
    for moment, at_that_time in [(BEGIN - timedelta(seconds=1), {}), *expected, (None, told)]:
        found = statements(store.engine, market, as_of=moment)
        assert len(found) == len(NAMES) * len(BARS)
        assert (found["id"].str.endswith("-0")).all()
        for row in found.itertuples():
            value = at_that_time.get((row.instrument, row.ts.to_pydatetime()))
            assert (value is None and np.isnan(row.forward_return)) or row.forward_return == value


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def worlds(request, tmp_path_factory):
    """A store, and names of markets that nobody has used."""
    address = {} if request.param == "sqlite" else {"FINQ_STORE_URL": request.getfixturevalue("postgres")}
    store = ServedStore(store_engine(tmp_path_factory.mktemp("worlds"), address))
    store.open()
    yield store, count()
    downgrade(store.engine)


@settings(deadline=None, max_examples=8)
@given(world=WORLD)
def test_each_statement_has_one_outcome_and_the_past_stays_as_it_was_known(worlds, world):
    store, numbers = worlds
    check_world(store, f"market-{next(numbers)}", world)


def write_bars(root: Path, tables: dict[str, pd.DataFrame], until: int) -> None:
    times = tables["bars"]["ts"].drop_duplicates().sort_values()
    bars = tables["bars"]
    small_market.write_silver(root, MARKETS["fx"], {"bars": bars[bars["ts"] <= times.iloc[until]]})


@pytest.fixture
def grown(own_root):
    """A market that is served at its newest bar, that grows, and whose newest prices are corrected."""
    return own_root, small_market.silver(MARKETS["fx"], 400, 7)


def test_outcomes_come_with_the_bars_by_the_labels_of_training_and_revisions_stand_beside(grown, monkeypatch):
    root, tables = grown
    monkeypatch.delenv("FINQ_STORE_URL", raising=False)
    write_bars(root, tables, 389)
    with started(Settings(data_root=root, markets="fx")) as client:
        names = client.store.get("fx").predictor.panel.instruments
        answers = [client.post("/predict", {"instrument": name}).json() for name in names]
        asked = {"prediction_id": answers[0]["prediction_id"], "outcome": True}
        first = client.post("/feedback", asked).json()
        assert client.post("/feedback", asked).json()["feedback_id"] == first["feedback_id"]
        bar = {"instrument": names[1], "feature_ts": answers[1]["feature_ts"]}
        client.post("/feedback", {**bar, "outcome": True})
        client.post("/feedback", {**bar, "outcome": False})
    keeper = Keeper(root, lambda: ServedStore(store_engine(root, {})), chores=Chores(root).run_once)
    standing = keeper.run_once()
    assert (standing.kept, standing.outcomes) == (len(names) + 4, 0)
    engine = store_engine(root, {})
    assert statements(engine, "fx")["forward_return"].isna().all()
    before = datetime.now(UTC)
    write_bars(root, tables, 395)
    assert keeper.run_once().outcomes == len(names)
    labels = make_labels(small_market.panel_of(MARKETS["fx"], tables), MARKETS["fx"], (1,))
    found = statements(engine, "fx").merge(labels, on=["ts", "instrument"])
    np.testing.assert_array_equal(found["forward_return"], found["forward_return_1"])
    np.testing.assert_array_equal(found["label"], found["label_1"])
    known = datetime.now(UTC)
    # The price of the next bar is corrected.
    bars, ts = tables["bars"], pd.Timestamp(answers[0]["feature_ts"])
    later = (bars["ts"] > ts) & (bars["instrument"] == names[0])
    prices = [name for name in bars.columns if name.split("_")[-1] in ("open", "high", "low", "close")]
    bars.loc[later, prices] *= 2.0
    write_bars(root, tables, 395)
    assert keeper.run_once().outcomes == 1 + len(names)
    assert keeper.run_once().outcomes == 1 + len(names)
    over_time = outcomes_over_time(engine, "fx", names[0], ts.to_pydatetime())
    assert len(over_time) == 2
    assert over_time["forward_return"].is_monotonic_increasing
    now = statements(engine, "fx", instrument=names[0])["forward_return"].iloc[0]
    assert now == over_time["forward_return"].iloc[1]
    assert statements(engine, "fx", as_of=known, instrument=names[0])["forward_return"].iloc[0] == pytest.approx(
        found.loc[found["instrument"] == names[0], "forward_return_1"].iloc[0]
    )
    assert statements(engine, "fx", as_of=before)["forward_return"].isna().all()
    # What clients said stands beside it, and what they do not agree upon is shown.
    heard = feedback_about(engine, "fx")
    assert sorted(heard["instrument"].repeat(heard["given"])) == sorted([names[0], names[1], names[1]])
    (card,) = score_cards(engine, root, known).cards
    assert (card.counts.said, card.counts.matured, card.counts.known_before) == (len(names), len(names), 0)
    assert (card.feedback.given, card.feedback.conflicting >= 2, card.note != "") == (3, True, True)
    assert read_score_cards(root).cards == (card,)
    told = CliRunner().invoke(finq, ["score-card", "--root", str(root), "--market", "fx"], catch_exceptions=False)
    assert f"said {len(names)}: {len(names)} matured on 1 days" in told.output
    assert "figures are given from 100 on 20 days" in told.output


def test_score_cards_know_the_outcomes_that_another_process_recorded_first(grown, monkeypatch):
    root, tables = grown
    monkeypatch.delenv("FINQ_STORE_URL", raising=False)
    write_bars(root, tables, 389)
    with started(Settings(data_root=root, markets="fx")) as client:
        names = client.store.get("fx").predictor.panel.instruments
        for name in names:
            client.post("/predict", {"instrument": name})

    def keeper() -> Keeper:
        return Keeper(root, lambda: ServedStore(store_engine(root, {})), chores=Chores(root).run_once)

    service = keeper()
    service.run_once()
    (card,) = read_score_cards(root).cards
    assert card.counts.matured == 0
    write_bars(root, tables, 395)
    # A job that predicts on a schedule tidies up as the service does; its score-cards lie in a folder of its own.
    job = Chores(root, state=root / "of-the-job")
    assert job.run_once(ServedStore(store_engine(root, {})), past=False) == len(names)
    assert service.run_once().outcomes == 0
    (card,) = read_score_cards(root).cards
    assert card.counts.matured == len(names)


def test_the_commands_store_and_remove(grown, monkeypatch):
    root, _ = grown
    monkeypatch.delenv("FINQ_STORE_URL", raising=False)
    absent = CliRunner().invoke(finq, ["score-card", "--root", str(root)])
    assert (absent.exit_code, "Nothing that was served is stored" in absent.output) == (1, True)
    spool = Spool(Layout(root).served / FOLDER, 2**30)
    at = int((datetime.now(UTC) - timedelta(days=100)).timestamp() * 1e6)
    spool.record(prediction_line(spool.new_id(), b"r", at, b'"anna"', said()))
    spool.close()
    run = CliRunner()
    assert "1 lines stored; 0 could not be read" in run.invoke(finq, ["served", "drain", "--root", str(root)]).output
    done = run.invoke(finq, ["served", "prune", "--root", str(root), "--older-than", "31", "--yes"])
    assert "served predictions: 1, served statements: 1" in done.output, done.output


def test_figures_come_when_enough_has_matured(grown):
    root, _ = grown
    rng, tables = np.random.default_rng(0), small_market.silver(MARKETS["fx"], 600, 7)
    small_market.write_silver(root, MARKETS["fx"], tables)
    labels = make_labels(small_market.panel_of(MARKETS["fx"], tables), MARKETS["fx"], (1,)).dropna()
    spool = Spool(Layout(root).served / FOLDER, 2**30)
    for row in labels.itertuples():
        moment = row.ts.isoformat()
        line = said(
            market="fx", instrument=row.instrument, feature_ts=moment, newest_ts=moment, horizon=1,
            probability=float(np.clip(0.5 + 0.2 * (row.label_1 - 0.5) + 0.1 * rng.normal(), 0.01, 0.99)),
        )  # fmt: skip
        spool.record(prediction_line(spool.new_id(), b"r", int(row.ts.timestamp() * 1e6), b"null", line))
    spool.close()
    keeper = Keeper(root, lambda: ServedStore(store_engine(root, {})), chores=Chores(root, timedelta(10**4)).run_once)
    assert keeper.run_once().outcomes == len(labels)
    with started(Settings(data_root=root)) as client:
        told = client.get("/score-card?market=fx").json()
        assert client.get("/score-card?market=equity").json()["cards"] == []
        assert client.get("/score-card?market=nowhere").status_code == 404
    (card,) = told["cards"]
    assert card["note"] == ""
    figures = {one["name"]: one for one in card["figures"]}
    assert set(figures) == {
        "hit_rate", "rank_ic", "rank_ic_t", "brier", "ece", "auc", "precision", "calibration_slope", "paper_net_bp",
    }  # fmt: skip
    assert 0.7 < figures["hit_rate"]["low"] < figures["hit_rate"]["value"] < 1.0
    assert figures["rank_ic_t"]["value"] > 3.0
    assert figures["paper_net_bp"]["value"] is not None
