"""The shared database, on SQLite and on a real PostgreSQL: its steps, its months, and who publishes what twice."""

from __future__ import annotations

import shutil
import tempfile
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from finq_predictor.adapters.bundle_store import save_bundle
from finq_predictor.adapters.database.engine import current, downgrade, engine_of, newest, upgrade, working
from finq_predictor.adapters.database.partitions import is_partition, make_partitions
from finq_predictor.adapters.database.publish import publish
from finq_predictor.adapters.database.reading import decisions, features_behind, history, judged, latest
from finq_predictor.adapters.database.rows import insert_new
from finq_predictor.adapters.database.schema import LIMITS, metadata, predictions
from finq_predictor.adapters.layout import Layout, locate
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.adapters.typed_json import to_json
from finq_predictor.cli.database import db
from finq_predictor.domain.columns import forward_return, label_end
from finq_predictor.domain.errors import ConfigurationError, SourceUnavailableError, StoreError
from finq_predictor.domain.tables import PREDICTIONS
from postgres_server import running_postgres
from synthetic_evaluation import make_world
from synthetic_values import make_decision

LATER = datetime(2100, 1, 1, tzinfo=UTC)
EVER = datetime(1990, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def postgres():
    with tempfile.TemporaryDirectory() as folder, running_postgres(Path(folder)) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres")
    engine = engine_of(url)
    yield engine
    downgrade(engine)
    engine.dispose()


@pytest.fixture(scope="module")
def world():
    return make_world(days=200, instruments=10)


@pytest.fixture
def root(world, tmp_path):
    return store(tmp_path / "data", world)


def store(root: Path, world, bars: int = 10, shift: float = 0.0) -> Path:
    """A snapshot of a market whose champion has spoken about the last bars that have an outcome."""
    bundle = world["candidates"]["logistic"]
    horizon = bundle.horizon
    gold = world["gold"].copy()
    gold[label_end(horizon)] = gold["ts"] + pd.Timedelta(days=horizon)
    gold[forward_return(horizon)] += shift
    times = gold.loc[gold[forward_return(horizon)].notna(), "ts"].drop_duplicates().sort_values()
    said = gold[gold["ts"].isin(times.iloc[-bars:])][["ts", "instrument"]].reset_index(drop=True)
    chances = np.linspace(0.3, 0.7, len(said))
    chances[0] = np.nan
    table = said.assign(
        probability=chances,
        prediction=pd.array([None, *(chances[1:] > 0.5)], dtype="boolean"),
        confidence=abs(chances - 0.5) * 2,
        decision=["abstain", *["predict"] * (len(said) - 1)],
        reason=["no price", *[None] * (len(said) - 1)],
        p_yes=chances,
        p_no=1.0 - chances,
        prediction_set="yes no",
        coverage=0.9,
        conformal_decision="undecided",
        flags="",
        model="logistic",
        version="1",
        status="promoted",
        simulated=True,
    )

    def put(name: str, write) -> None:
        writer.store(locate(Layout(root).place("equity", name)), write)

    put("gold", lambda path: gold.to_parquet(path))
    put("champion", lambda folder: save_bundle(bundle, folder))
    put("predictions", lambda path: PREDICTIONS.typed(table).to_parquet(path))
    put("promotion", lambda path: path.write_text(to_json(make_decision("promote", "logistic"))))
    return root


def test_the_steps_lead_up_and_down_and_twice_is_once(engine):
    assert current(engine) == ""
    assert upgrade(engine) == newest() == upgrade(engine)
    assert set(metadata.tables) <= set(inspect(engine).get_table_names())
    assert downgrade(engine) == ""
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    assert upgrade(engine) == newest()
    with pytest.raises(StoreError, match=r"There is no way to the step '9999'.*Known: base, \d{4}"):
        upgrade(engine, "9999")


def test_the_steps_lead_to_the_tables_that_the_code_knows(engine):
    upgrade(engine)
    with working(engine) as connection:
        make_partitions(connection, datetime(2024, 1, 5, tzinfo=UTC), datetime(2024, 1, 6, tzinfo=UTC))
        ours = {"include_name": lambda name, kind, _: kind != "table" or not is_partition(name)}
        assert compare_metadata(MigrationContext.configure(connection, opts=ours), metadata) == []


def test_two_that_upgrade_at_once_are_both_done(postgres):
    engine = engine_of(postgres)
    failed = _at_once(lambda number: upgrade(engine_of(postgres)), 4)
    assert failed == []
    assert current(engine) == newest()
    downgrade(engine)


def test_what_a_snapshot_says_is_published_once(engine, root):
    upgrade(engine)
    first = publish(engine, root, "equity")
    assert (first.predictions, first.audit_events) == (100, 1)
    assert first.outcomes == 100
    said = pd.read_parquet(SnapshotStore(root, "equity").newest().path("predictions"))
    again = publish(engine, root, "equity")
    assert replace(again, snapshot="") == type(again)("", 0, 0, 0, 0)
    newest_bar = said[said["ts"] == said["ts"].max()].reset_index(drop=True)
    found = latest(engine, "equity")
    pd.testing.assert_series_equal(found["probability"], newest_bar["probability"], check_exact=True)
    assert list(found["instrument"]) == list(newest_bar["instrument"])
    for name in LIMITS:
        pd.testing.assert_series_equal(found[name], newest_bar[name], check_exact=True, check_dtype=False)
    told = judged(engine, "equity", EVER, LATER, LATER)
    assert len(told) == 100
    assert told["label"].isin([0.0, 1.0]).all()


def test_nothing_that_was_not_known_yet_is_judged(engine, root):
    upgrade(engine)
    publish(engine, root, "equity")
    recorded = pd.Timestamp(SnapshotStore(root, "equity").newest().manifest.published_at)
    assert judged(engine, "equity", EVER, LATER, (recorded - pd.Timedelta(seconds=1)).to_pydatetime()).empty
    assert len(judged(engine, "equity", EVER, LATER, recorded.to_pydatetime())) == 100


def test_a_revised_outcome_stays_beside_the_old_one(engine, world, tmp_path):
    upgrade(engine)
    root = store(tmp_path / "data", world)
    publish(engine, root, "equity")
    before = datetime.now(UTC)
    old = judged(engine, "equity", EVER, LATER, before)
    store(root, world, shift=0.5)
    assert publish(engine, root, "equity").outcomes == 100
    assert publish(engine, root, "equity").outcomes == 0
    new = judged(engine, "equity", EVER, LATER, LATER)
    assert np.allclose(new["forward_return"] - old["forward_return"], 0.5)
    pd.testing.assert_frame_equal(judged(engine, "equity", EVER, LATER, before), old)


def test_a_prediction_is_traced_to_its_features(engine, root, world):
    upgrade(engine)
    new = publish(engine, root, "equity")
    said = latest(engine, "equity").iloc[0]
    found = features_behind(engine, new.snapshot, "equity", said["instrument"], said["ts"])
    bundle, gold = world["candidates"]["logistic"], world["gold"]
    row = gold[(gold["ts"] == said["ts"]) & (gold["instrument"] == said["instrument"])].iloc[0]
    expected = row[list(bundle.feature_set.names)].astype("float64").sort_index()
    pd.testing.assert_series_equal(found, expected, check_names=False)
    since, until = said["ts"] - pd.Timedelta(days=60), said["ts"] + pd.Timedelta(days=1)
    assert len(history(engine, "equity", said["instrument"], since, until)) == 10


def test_other_values_under_the_same_snapshot_are_refused_and_nothing_is_written(engine, root):
    upgrade(engine)
    publish(engine, root, "equity")
    with working(engine) as connection:
        rows = pd.DataFrame(connection.execute(predictions.select()).fetchall(), columns=predictions.c.keys())
    with pytest.raises(StoreError, match=r"100 rows of predictions .* other values"), working(engine) as connection:
        insert_new(connection, predictions, rows.assign(version="2"))
    assert (latest(engine, "equity")["version"] == "1").all()


def test_what_was_published_before_it_told_its_limits_stays_as_it_is(engine, root):
    """A database that was upgraded holds rows without them; the same snapshot again contradicts nothing."""
    upgrade(engine)
    publish(engine, root, "equity")
    with working(engine) as connection:
        connection.execute(predictions.update().values(dict.fromkeys(LIMITS)))
    assert publish(engine, root, "equity").predictions == 0
    assert latest(engine, "equity")[list(LIMITS)].isna().all(axis=None)
    with working(engine) as connection:
        connection.execute(predictions.update().values(p_yes=0.123))
    with pytest.raises(StoreError, match="other values"):
        publish(engine, root, "equity")


def test_decisions_are_kept_for_ever(engine, root):
    upgrade(engine)
    publish(engine, root, "equity")
    (verdict,) = decisions(engine, "equity")["verdict"]
    assert verdict == "promote"
    for change in ("UPDATE audit_events SET verdict = 'reject'", "DELETE FROM audit_events"):
        with pytest.raises(DBAPIError, match="only grows"), engine.begin() as connection:
            connection.execute(text(change))
    assert len(decisions(engine, "equity")) == 1


def test_several_publish_at_once_and_nothing_is_lost_or_doubled(engine, root):
    upgrade(engine)
    # Machines of their own, on which the same was pulled.
    roots = [Path(shutil.copytree(root, root.with_name(f"data {number}"))) for number in range(4)]
    failed = _at_once(lambda number: publish(engine, roots[number], "equity"), 4)
    assert failed == []
    with working(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM predictions")).scalar_one() == 100
        assert connection.execute(text("SELECT count(*) FROM outcomes")).scalar_one() == 100


def test_a_question_about_some_days_looks_at_their_months_only(postgres):
    engine = engine_of(postgres)
    upgrade(engine)
    try:
        days = datetime(2023, 11, 5, tzinfo=UTC), datetime(2024, 1, 6, tzinfo=UTC)
        with working(engine) as connection:
            made = make_partitions(connection, *days)
        assert [name for name in made if name.startswith("predictions")] == [
            f"predictions_y{month}" for month in ("2023m11", "2023m12", "2024m01", "2024m02", "2024m03")
        ]
        with working(engine) as connection:
            assert (
                make_partitions(connection, datetime(2023, 11, 5, tzinfo=UTC), datetime(2024, 1, 6, tzinfo=UTC)) == []
            )
            plan = connection.execute(
                text(
                    "EXPLAIN SELECT * FROM predictions WHERE market = 'equity' AND instrument = 'A' "
                    "AND ts >= '2023-12-03+00' AND ts < '2023-12-05+00'"
                )
            )
            said = "\n".join(line for (line,) in plan)
        assert "predictions_y2023m12" in said
        assert "predictions_y2023m11" not in said
        assert "predictions_y2024" not in said
    finally:
        downgrade(engine)


def test_a_database_at_another_step_is_refused_with_what_to_do(engine, root):
    with pytest.raises(StoreError, match=r"stands at nothing, and this code knows 000\d.*finq db upgrade"):
        publish(engine, root, "equity")


@pytest.mark.parametrize("url", ["mysql://me:secret@host/x", "no address, but a secret"])
def test_an_address_that_cannot_work_is_refused_without_its_password(url):
    with pytest.raises(ConfigurationError, match="FINQ_DATABASE_URL") as refused:
        engine_of(url)
    assert "secret" not in str(refused.value)


def test_a_server_that_is_not_there_is_named_without_the_password():
    with pytest.raises(SourceUnavailableError, match="postgresql market does not answer") as refused:
        current(engine_of("postgresql://me:secret@127.0.0.1:9/market"))
    assert "secret" not in str(refused.value)


def test_the_commands_do_it_all(root, tmp_path, monkeypatch):
    monkeypatch.setenv("FINQ_DATABASE_URL", f"sqlite:///{tmp_path / 'shared.db'}")
    assert f"stands at nothing; this code knows {newest()}" in _finq("current")
    assert f"sqlite shared.db stands at {newest()}." in _finq("upgrade")
    assert "100 predictions, 100 outcomes" in _finq("publish", "--root", str(root))
    assert "0 predictions, 0 outcomes" in _finq("publish", "--root", str(root), "--market", "equity")
    assert "stands at nothing" in _finq("downgrade", "--to", "base", "--yes")


def _finq(*words: str) -> str:
    done = CliRunner().invoke(db, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def _at_once(work, number: int) -> list[BaseException]:
    failed: list[BaseException] = []

    def guarded(one: int) -> None:
        try:
            work(one)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(one,)) for one in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def test_the_question_of_the_page_is_answered(postgres, root, project_path):
    page = (project_path / "docs/how-to/publish-to-a-database.md").read_text(encoding="utf-8")
    query = page.partition("```sql\n")[2].partition("```")[0]
    engine = engine_of(postgres)
    upgrade(engine)
    try:
        publish(engine, root, "equity")
        told = judged(engine, "equity", EVER, LATER, LATER).dropna(subset=["prediction", "label"])
        with working(engine) as connection:
            share = connection.execute(
                text(query.replace("2026-11-01", "1990-01-01").replace("2026-12-01", "2100-01-01"))
            )
            found = share.scalar_one()
        assert float(found) == pytest.approx((told["prediction"].astype(bool) == (told["label"] == 1)).mean())
    finally:
        downgrade(engine)


def test_the_newest_step_is_the_one_that_alembic_finds(tmp_path):
    engine = engine_of(f"sqlite:///{tmp_path / 'steps.db'}")
    configuration = Config()
    configuration.set_main_option("script_location", "finq_predictor.adapters.database:migrations")
    configuration.set_main_option("path_separator", "os")
    assert newest() == ScriptDirectory.from_config(configuration).get_current_head()
    assert current(engine) == ""
    for step in ("0001", newest(), "base"):
        (upgrade if step != "base" else downgrade)(engine, step)
        with engine.connect() as connection:
            assert current(engine) == (MigrationContext.configure(connection).get_current_revision() or "")
