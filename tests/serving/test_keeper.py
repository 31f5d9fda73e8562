"""From the spool into the store exactly once: workers are killed, the database goes away, the keeper is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from sqlalchemy import text

from finq_predictor.adapters.database.engine import current, downgrade, engine_of, newest, working
from finq_predictor.adapters.database.served_store import ServedStore, is_open, store_engine
from finq_predictor.adapters.layout import Layout
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.serving import keeper as keeping
from finq_predictor.serving import recording
from finq_predictor.serving.caveats import OVERRIDDEN
from finq_predictor.serving.keeper import FOLDER, SPOILT, STANDING, Keeper, hold_keeping, pause_after
from finq_predictor.serving.lines import failure_line
from finq_predictor.serving.past import Past
from finq_predictor.serving.recording import end_keeper, start_keeper
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.spool import Spool, files_in
from postgres_server import running_postgres
from serving.conftest import wait_until
from serving.test_spool import MOMENT, line

WRITER = Path(__file__).with_name("spool_writer.py")


@pytest.fixture(scope="module")
def postgres():
    with tempfile.TemporaryDirectory() as folder, running_postgres(Path(folder)) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request, tmp_path):
    if request.param == "sqlite":
        yield store_engine(tmp_path, {})
        return
    engine = store_engine(tmp_path, {"FINQ_STORE_URL": request.getfixturevalue("postgres")})
    yield engine
    downgrade(engine)
    engine.dispose()


@pytest.fixture
def keeper(engine, tmp_path):
    return Keeper(tmp_path, lambda: ServedStore(engine))


def _now() -> int:
    """A keeper of its own process lives today, and keeps nothing that is older than its rules."""
    return int(1e6 * time.time())


def spool_of(keeper: Keeper, **given) -> Spool:
    return Spool(keeper.folder, 2**30, **given)


def stored(engine, table: str = "served_predictions", column: str = "id") -> list[str]:
    with working(engine) as connection:
        return [value for (value,) in connection.execute(text(f"SELECT {column} FROM {table}"))]


def writer(keeper: Keeper, lines: int, part: int = 100_000) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, WRITER, keeper.folder, str(lines), str(part)], stdout=subprocess.PIPE)


def acknowledged(process: subprocess.Popen[bytes]) -> list[str]:
    assert process.stdout is not None
    with process.stdout:
        told = process.stdout.read().decode()
    process.wait(30)
    return told[: told.rfind("\n") + 1].split()


def test_what_is_recorded_is_stored_once_and_the_spool_is_empty_then(engine, keeper):
    spool = spool_of(keeper, part=2_000)
    for number in range(40):
        assert spool.record(line(spool, user="anna", instrument=f"STOCK{number % 4}"))
    standing = keeper.run_once()
    assert (standing.kept, standing.waiting, standing.spoilt, standing.problem) == (40, 0, 0, "")
    assert len(files_in(keeper.folder)) == 1
    assert spool.record(line(spool))
    assert keeper.run_once().kept == 41
    spool.close()
    keeper.run_once()
    assert files_in(keeper.folder) == []
    assert len(set(stored(engine))) == len(stored(engine)) == 41
    # What is said again to whomever is one statement.
    assert sorted(stored(engine, "served_statements", "instrument")) == ["AAPL", *(f"STOCK{one}" for one in range(4))]
    assert set(stored(engine, column="asked_by")) == {"anna", None}
    told = orjson.loads((keeper.folder.parent / STANDING).read_bytes())
    assert told["kept"] == 41
    assert told["kept_until"] <= time.time()


def test_what_is_stored_is_told_before_the_chores_begin(keeper):
    told = []
    keeper.chores = lambda *_: told.append(orjson.loads((keeper.folder.parent / STANDING).read_bytes())["kept"]) or 0
    spool_of(keeper).record(line(spool_of(keeper)))
    keeper.run_once()
    assert told == [1]


def test_looking_again_and_again_keeps_nothing_more_in_memory(engine, keeper):
    spool, sizes = spool_of(keeper), []
    for number in range(1, 7):
        for _ in range(number):
            spool.record(line(spool, instrument=f"STOCK{number}"))
        keeper.run_once()
        sizes.append(len(engine._compiled_cache))
    assert sizes[-1] == sizes[1], "what was written for the database was written for it before"


def test_the_first_to_say_it_is_the_statement_in_whatever_order_they_come(engine, keeper):
    first, second = spool_of(keeper), spool_of(keeper)
    second.record(line(second, at=2_000_000_000_000_000, probability=0.9))
    keeper.run_once()
    first.record(line(first, at=1_900_000_000_000_000, probability=0.1))
    keeper.run_once()
    second.record(line(second, at=2_100_000_000_000_000, probability=0.5))
    keeper.run_once()
    assert stored(engine, "served_statements", "probability") == [0.1]
    assert len(stored(engine)) == 3


def test_what_is_not_a_statement_is_remembered_all_the_same(engine, keeper):
    spool = spool_of(keeper)
    spool.record(line(spool, flags=[OVERRIDDEN]))
    spool.record(line(spool, feature_ts=None, probability=None))
    spool.record(line(spool, feature_ts="2005-01-31T21:00:00+00:00"))
    keeper.run_once()
    assert len(stored(engine)) == 3
    assert stored(engine, "served_statements") == []
    assert keeper.asked_of_the_past


def test_workers_are_killed_at_any_moment_and_nothing_they_acknowledged_is_lost(engine, keeper):
    """Two at a time, six kills, the keeper at work meanwhile and begun anew each time."""
    chance, told = random.Random(7), []
    for _ in range(3):
        two = [writer(keeper, 10**9), writer(keeper, 10**9)]
        try:
            for process in two:
                assert process.stdout is not None
                told.append(process.stdout.readline().decode().strip())
            time.sleep(chance.uniform(0.0, 0.03))
            Keeper(keeper.root, keeper.open_store).run_once()
        finally:
            for process in two:
                process.send_signal(signal.SIGKILL)
                told += acknowledged(process)
    standing = Keeper(keeper.root, keeper.open_store).run_once()
    found = stored(engine)
    assert standing.waiting == 0
    assert len(found) == len(set(found))
    assert set(told) <= set(found)
    # A line may be written and not told of any more, one for each worker.
    assert len(found) - len(told) <= 6
    assert files_in(keeper.folder) == []


def test_half_a_line_of_a_killed_worker_is_left_out_and_counted(engine, keeper):
    spool = spool_of(keeper)
    spool.record(line(spool))
    (path,) = files_in(keeper.folder)
    with path.open("ab") as torn:
        torn.write(b'{"id":"never-answered","at":17')
    assert keeper.run_once().spoilt == 0
    spool.close()
    assert keeper.run_once().spoilt == 1
    assert len(stored(engine)) == 1
    assert files_in(keeper.folder) == []


def test_a_line_that_cannot_be_read_holds_up_nothing_and_is_put_aside(engine, keeper):
    spool = spool_of(keeper)
    spool.record(line(spool) + b'{"id":"x","what":1}\n' + line(spool))
    standing = keeper.run_once()
    assert (standing.kept, standing.spoilt) == (2, 1)
    assert (keeper.folder.parent / SPOILT).read_bytes() == b'{"id":"x","what":1}\n'


def test_a_keeper_that_dies_between_the_store_and_the_spool_doubles_nothing(engine, keeper, monkeypatch):
    spool = spool_of(keeper)
    for _ in range(5):
        spool.record(line(spool))
    spool.close()

    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    monkeypatch.setattr(keeper, "_remove", die)
    with pytest.raises(Killed):
        keeper.run_once()
    assert len(stored(engine)) == 5
    assert Keeper(keeper.root, keeper.open_store, batch=2).run_once().waiting == 0
    assert len(stored(engine)) == 5
    assert files_in(keeper.folder) == []


def test_the_database_goes_away_and_comes_back_and_nothing_is_lost(tmp_path):
    with tempfile.TemporaryDirectory() as folder:
        address = tmp_path / "address"
        keeper = Keeper(tmp_path, lambda: ServedStore(store_engine(tmp_path, {"FINQ_STORE_URL_FILE": str(address)})))
        spool = spool_of(keeper)
        address.write_text("postgresql://finq:hidden@127.0.0.1:9/postgres\n")
        told = [line(spool) for _ in range(10)]
        for one in told[:5]:
            spool.record(one)
        standing = keeper.run_once()
        assert (standing.waiting, standing.kept) == (5, 0)
        assert 0.0 < standing.kept_until < time.time()
        assert "does not answer" in standing.problem
        assert "FINQ_STORE_URL" in standing.problem
        assert "hidden" not in standing.problem
        with running_postgres(Path(folder)) as url:
            address.write_text(url)
            assert keeper.run_once().kept == 5
            engine = engine_of(url)
            assert len(stored(engine)) == 5
            # The server is stopped under an open keeper.
        for one in told[5:]:
            spool.record(one)
        standing = keeper.run_once()
        assert (standing.waiting, standing.kept) == (5, 5)
        assert standing.problem
        assert [pause_after(failures, 1.0) for failures in (0, 1, 2, 10)] == [1.0, 2.0, 4.0, 30.0]
    other = store_engine(tmp_path, {})
    keeper.open_store = lambda: ServedStore(other)
    assert keeper.run_once().waiting == 0
    assert len(stored(other)) == 5


def test_the_store_is_made_and_brought_up_to_date_by_itself(tmp_path, engine):
    assert not is_open(engine)
    ServedStore(engine).open()
    assert is_open(engine)
    downgrade(engine, "0001")
    assert not is_open(engine)
    ServedStore(engine).open()
    assert current(engine) == newest()
    if engine.dialect.name == "sqlite":
        with working(engine) as connection:
            assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
            assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2


def test_an_address_given_twice_or_not_to_be_read_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="both set"):
        store_engine(tmp_path, {"FINQ_STORE_URL": "sqlite://", "FINQ_STORE_URL_FILE": "there"})
    with pytest.raises(ConfigurationError, match="cannot be read"):
        store_engine(tmp_path, {"FINQ_STORE_URL_FILE": str(tmp_path / "absent")})
    with pytest.raises(ConfigurationError, match="FINQ_STORE_URL") as refused:
        store_engine(tmp_path, {"FINQ_STORE_URL": "mysql://me:hidden@host/x"})
    assert "hidden" not in str(refused.value)


def test_one_process_keeps_a_folder_and_ends_in_order(tmp_path, monkeypatch):
    monkeypatch.delenv("FINQ_STORE_URL", raising=False)
    settings = Settings(data_root=tmp_path, keeper_seconds=0.05)
    spool = Spool(Layout(tmp_path).served / FOLDER, 2**30)
    process = start_keeper(settings)
    assert process is not None
    assert start_keeper(settings) is None
    assert hold_keeping(tmp_path) is None
    spool.record(line(spool, at=_now()))
    spool.close()
    end_keeper(process)
    assert process.wait(30) == 0
    assert len(stored(store_engine(tmp_path, {}))) == 1
    assert files_in(Layout(tmp_path).served / FOLDER) == []
    held = hold_keeping(tmp_path)
    assert held is not None
    # A second one by hand leaves the field to who has it.
    monkeypatch.setattr(keeping.os, "nice", lambda _: None)
    keeping.main(["--root", str(tmp_path)])
    os.close(held)


def test_the_keeper_ends_with_the_worker_that_started_it(tmp_path):
    code = f"""
import sys, time
from pathlib import Path
from finq_predictor.serving.recording import end_keeper, start_keeper
from finq_predictor.serving.settings import Settings
print(start_keeper(Settings(data_root=Path({str(tmp_path)!r}), keeper_seconds=0.05)).pid, flush=True)
time.sleep(60)
"""
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    worker.stdout.readline()
    assert hold_keeping(tmp_path) is None
    worker.kill()
    worker.wait(10)
    worker.stdout.close()

    def ended() -> bool:
        held = hold_keeping(tmp_path)
        if held is not None:
            os.close(held)
        return held is not None

    wait_until(ended, 30)


def test_what_is_too_old_is_forgotten_by_whole_months(engine, keeper):
    spool = spool_of(keeper)
    for month in range(1, 7):
        at = datetime(2024, month, 20, tzinfo=UTC)
        moment = at.isoformat()
        microseconds = int(at.timestamp() * 1e6)
        spool.record(line(spool, at=microseconds, user="anna", feature_ts=moment, newest_ts=moment))
        failed = {"arm": "shadow", "market": "fx", "model": "logistic", "version": "9", "kind": "unanswered"}
        spool.record(failure_line(spool.new_id(), "r", microseconds, failed))
    keeper.run_once()
    assert len(stored(engine, "served_failures")) == 6
    done = keeper.store.prune(datetime(2024, 3, 15, tzinfo=UTC), datetime(2024, 5, 15, tzinfo=UTC))
    assert done["served_predictions"] == done["served_statements"] == 2
    assert done["served_failures"] == 2
    assert done["users forgotten"] == 2
    assert sorted(stored(engine, column="asked_by"), key=str) == [None, None, "anna", "anna"]
    assert len(stored(engine, "served_statements")) == 4
    # A month that was removed is made again where something comes for it.
    spool.record(line(spool, at=int(datetime(2024, 1, 3, tzinfo=UTC).timestamp() * 1e6), feature_ts=MOMENT))
    assert keeper.run_once().problem == ""
    assert len(stored(engine)) == 5


def test_a_keeper_that_takes_long_to_end_is_not_forgotten_while_it_runs(monkeypatch):
    monkeypatch.setattr(recording, "_LONGEST_END_S", 0.01)
    slow = [sys.executable, "-c", "import sys, time; sys.stdin.read(); time.sleep(0.5)"]
    end_keeper(first := subprocess.Popen(slow, stdin=subprocess.PIPE))
    assert first in recording._leaving
    first.wait(30)
    end_keeper(second := subprocess.Popen(slow, stdin=subprocess.PIPE))
    assert first not in recording._leaving
    second.wait(30)


def test_a_keeper_that_is_told_to_end_while_it_starts_stores_what_lies_there_first(tmp_path, monkeypatch):
    monkeypatch.delenv("FINQ_STORE_URL", raising=False)
    spool = Spool(Layout(tmp_path).served / FOLDER, 2**30)
    spool.record(line(spool, at=_now()))
    spool.close()
    process = start_keeper(Settings(data_root=tmp_path))
    assert process is not None
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    end_keeper(process)
    assert len(stored(store_engine(tmp_path, {}))) == 1


def test_connections_to_a_server_are_kept_and_no_question_takes_long(tmp_path, postgres, monkeypatch):
    monkeypatch.setenv("FINQ_STORE_URL", postgres)
    ServedStore(store_engine(tmp_path)).open()
    past = Past(tmp_path)
    who = text("SELECT pg_backend_pid(), current_setting('statement_timeout')")

    def asked(engine):
        with engine.connect() as connection:
            return tuple(connection.execute(who).one())

    first, second = (past.ask(asked)[0] for _ in range(2))
    past.leave()
    assert first == second
    assert first[1] == "10s"
