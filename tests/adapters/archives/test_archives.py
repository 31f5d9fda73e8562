"""Everything is backed up, compressed, kept for a while, and comes back as it was; nothing is ever half."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from finq_predictor.adapters.archives.archive import (
    ARCHIVE,
    NOTE,
    Archive,
    Note,
    archive_name,
    archives_in,
    clear_old,
    make_archive,
    newest_good,
    read_archive,
    unpacked,
)
from finq_predictor.adapters.archives.databases import Database, databases
from finq_predictor.adapters.archives.drill import scratch_databases
from finq_predictor.adapters.archives.gathering import Ours, Places, gather, restore_gathered
from finq_predictor.adapters.archives.programs import program
from finq_predictor.adapters.archives.stored import clear_old_versions, newest_good_version, store_version, versions_in
from finq_predictor.adapters.atomic_file import own_name
from finq_predictor.adapters.database.engine import engine_of, upgrade
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.object_store.store import ObjectStore
from finq_predictor.adapters.snapshots.content import Kept, hash_of
from finq_predictor.adapters.typed_json import to_json
from finq_predictor.cli import cli
from finq_predictor.domain.errors import ConfigurationError, SourceUnavailableError, StoreError
from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.store import open_store
from finq_predictor.stating import StatementsDataset
from postgres_server import running_postgres
from serving import small_market
from stating.test_stating import stated

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HIDDEN = "hid4en"


@pytest.fixture(scope="module")
def market(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("archives") / "data"
    small_market.build(root, "fx", bars=300)
    return root


@pytest.fixture
def project(market, tmp_path) -> Path:
    """A project with data, configuration and keys of its own."""
    for name, content in {
        "conf/base/globals.yml": "root: data\n",
        "conf/base/airflow.yml": "default: {}\n",
        "conf/local/credentials.yml": f"oanda: {{token: {HIDDEN}}}\n",
        "pyproject.toml": "[project]\n",
    }.items():
        file = tmp_path / "project" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    shutil.copytree(market, tmp_path / "project" / "data")
    return tmp_path / "project"


def ours(project: Path, **given: object) -> Ours:
    root = project / "data"
    return Ours(**{"root": root, "state": root, "project": project, **given})


def content(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): hash_of(path) for path in files}


def run(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == code, done.output + str(done.exception)
    return done.output


def test_everything_comes_back_as_it_was(project, tmp_path):
    place, state = tmp_path / "backups", tmp_path / "state"
    open_store(state, make=True).add_account("ann", Role.ADMIN)
    made = make_archive(place, NOW, lambda target: gather(ours(project, state=state), target))
    assert made.folder == place / archive_name(NOW) == place / "finq-20260301T120000Z"
    assert made.damage() is None
    assert newest_good(place) == made
    # Anybody's own tools open it.
    listed = subprocess.run(
        ["tar", "--zstd", "-tf", made.folder / ARCHIVE], capture_output=True, text=True, check=True
    ).stdout
    assert "./data/backup.json" in listed
    assert "./configuration/conf/base/globals.yml" in listed
    assert "credentials" not in listed
    places = Places(tmp_path / "new", tmp_path / "new-state", tmp_path / "new-conf")
    with unpacked(made, tmp_path / "new") as opened:
        restore_gathered(opened, places)
    assert content(places.root) == content(project / "data")
    assert (places.configuration / "conf/base/globals.yml").read_text() == "root: data\n"
    assert [one.name for one in open_store(places.state).snapshot().accounts.values()] == ["ann"]
    assert [one for one in tmp_path.iterdir() if one.name.startswith(".")] == []
    # It never lies over anything.
    with unpacked(made, tmp_path / "new") as opened, pytest.raises(StoreError, match="There is something in"):
        restore_gathered(opened, places)
    with unpacked(made, tmp_path / "x") as opened, pytest.raises(StoreError, match="--state"):
        restore_gathered(opened, Places(tmp_path / "x"))
    assert not (tmp_path / "x").exists()


def test_keys_come_along_only_when_told_to(project, tmp_path):
    made = make_archive(tmp_path / "b", NOW, lambda target: gather(ours(project, secrets=True), target))
    with unpacked(made, tmp_path / "x") as opened:
        assert HIDDEN in (opened / "configuration/conf/local/credentials.yml").read_text()
    assert (made.folder / ARCHIVE).stat().st_mode & 0o077 == 0


def test_the_commands_of_the_schedule(project, tmp_path, monkeypatch):
    monkeypatch.setenv("FINQ_PROJECT", str(project))
    said = run("backup", "daily")
    place = project / "backups"
    (made,) = archives_in(place)
    assert f"are in {made.folder}, compressed to" in said
    assert run("backup", "list").endswith("good\n")
    figures = (Layout(project / "data").metrics / "finq_backup_daily.prom").read_text()
    assert f'finq_backup_size_bytes{{kind="daily"}} {float(made.note.archive.size)}' in figures
    assert "finq_backup_due_timestamp_seconds" in figures
    drilled = run("backup", "drill")
    assert f"{made.note.name}, made" in drilled
    assert "is answered with probability" in drilled
    assert "ask" in drilled.splitlines()[-1]
    assert (
        "finq_restore_drill_duration_seconds"
        in (Layout(project / "data").metrics / "finq_restore_drill.prom").read_text()
    )
    assert [one.name for one in project.iterdir() if one.name.startswith(".")] == []
    assert "nothing leaves this machine" in run("backup", "weekly")
    run("restore", "--root", tmp_path / "again", made.folder)
    assert content(tmp_path / "again") == {
        name: found for name, found in content(project / "data").items() if "alarms/metrics" not in name
    }
    (made.folder / ARCHIVE).write_bytes(b"rubbish")
    assert "1 damaged" in run("backup", "list", code=1)
    assert "There is no good backup" in run("backup", "drill", code=1)
    assert "is damaged" in run("restore", "--root", tmp_path / "other", made.folder, code=1)
    assert not (tmp_path / "other").exists()


def test_another_folder_by_hand_as_before(project, tmp_path):
    run("backup", "--root", project / "data", tmp_path / "by-hand")
    run("restore", "--root", tmp_path / "again", tmp_path / "by-hand")
    assert content(tmp_path / "again") == content(project / "data")


# Databases -----------------------------------------------------------------------------------------------------------


def rows(address: str, sql: str) -> list[tuple]:
    engine = create_engine(address)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]
    finally:
        engine.dispose()


def make_database(address: str, name: str) -> str:
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return address.rpartition("/")[0] + f"/{name}"


def test_real_postgres_is_dumped_drilled_and_restored_into_a_fresh_database(project, tmp_path, monkeypatch):
    folder = tmp_path / "postgres"
    folder.mkdir()
    with running_postgres(folder) as address:
        monkeypatch.setenv("FINQ_PROJECT", str(project))
        monkeypatch.setenv("DATABASE_URL", address)
        StatementsDataset(root=str(project / "data")).save(stated(project / "data", "fx"))
        open_store(project / "data", make=True).add_account("ann", Role.ADMIN)
        engine = create_engine(address)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE of_somebody_else (id serial)"))
            connection.execute(text("CREATE SCHEMA another"))
            connection.execute(text("CREATE TABLE another.thing (id int)"))
        engine.dispose()
        run("backup", "daily")
        made = newest_good(project / "backups")
        with unpacked(made, tmp_path / "x") as opened:
            assert [one.name for one in (opened / "databases").iterdir()] == ["store+accounts.dump"]
        drilled = run("backup", "drill")
        assert "store+accounts:" in drilled
        assert "databases " in drilled
        assert rows(address, "SELECT datname FROM pg_database WHERE datname LIKE 'finq_drill%'") == []

        # Into the same one it goes not, into an empty one it does, and both folders and database are as they were.
        again = ("restore", "--root", tmp_path / "new", made.folder)
        assert "tables of ours in the database" in run(*again, code=1)
        assert not (tmp_path / "new").exists()
        fresh = make_database(address, "fresh")
        monkeypatch.setenv("DATABASE_URL", fresh)
        run(*again)
        for table in ("served_predictions", "accounts", "alembic_version"):
            every = f"SELECT * FROM {table} ORDER BY 1"
            assert rows(fresh, every) == rows(address, every) != []
        assert rows(fresh, "SELECT to_regclass('of_somebody_else')") == [(None,)]
        # What is restored goes on: the next run stores into it.
        StatementsDataset(root=str(tmp_path / "new")).save(stated(tmp_path / "new", "fx"))
        monkeypatch.delenv("DATABASE_URL")
        assert "FINQ_STORE_URL or DATABASE_URL" in run("restore", "--root", tmp_path / "none", made.folder, code=1)
        run("restore", "--no-databases", "--root", tmp_path / "none", made.folder)

        # Two databases for what lay in one.
        monkeypatch.setenv("FINQ_STORE_URL", make_database(address, "one"))
        monkeypatch.setenv("FINQ_ACCESS_URL", make_database(address, "two"))
        assert "name one for both" in run("restore", "--root", tmp_path / "two", made.folder, code=1)


def test_a_user_that_may_make_no_database_names_one(project, tmp_path, monkeypatch):
    folder = tmp_path / "postgres"
    folder.mkdir()
    with running_postgres(folder) as address:
        engine = create_engine(address, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for command in (
                f"CREATE ROLE plain LOGIN PASSWORD '{HIDDEN}'",
                "CREATE DATABASE plain OWNER plain",
                "CREATE DATABASE scratch OWNER plain",
            ):
                connection.execute(text(command))
        engine.dispose()
        host = address.partition("@")[2].rpartition("/")[0]
        plain = f"postgresql://plain:{HIDDEN}@{host}/plain"
        monkeypatch.setenv("FINQ_PROJECT", str(project))
        monkeypatch.setenv("FINQ_STORE_URL", plain)
        StatementsDataset(root=str(project / "data")).save(stated(project / "data", "fx"))
        run("backup", "daily")
        said = run("backup", "drill", code=1)
        assert "CREATEDB" in said
        assert HIDDEN not in said
        assert "restored and answers" in run("backup", "drill", "--database", f"{plain.rpartition('/')[0]}/scratch")


def test_what_goes_wrong_is_told_without_a_password(project, tmp_path, monkeypatch):
    monkeypatch.setenv("FINQ_PROJECT", str(project))
    monkeypatch.setenv("FINQ_STORE_URL", f"postgresql://nobody:{HIDDEN}@127.0.0.1:1/x")
    said = run("backup", "daily", code=1)
    assert "does not answer" in said
    assert HIDDEN not in said
    assert not any((project / "backups").iterdir())
    monkeypatch.setattr("finq_predictor.adapters.archives.programs._DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="postgresql-client"):
        program("pg_dump")


def test_a_damaged_dump_restores_nothing(project, tmp_path, monkeypatch):
    folder = tmp_path / "postgres"
    folder.mkdir()
    with running_postgres(folder) as address:
        monkeypatch.setenv("FINQ_STORE_URL", address)
        upgrade(engine_of(address, "here"))
        gather(ours(project), tmp_path / "all")
        (dump,) = (tmp_path / "all" / "databases").iterdir()
        inventory = json.loads((tmp_path / "all" / "backup.json").read_text())
        dump.write_bytes(dump.read_bytes()[:-200])
        monkeypatch.setenv("FINQ_STORE_URL", make_database(address, "fresh"))
        with pytest.raises(StoreError, match="not whole"):
            restore_gathered(tmp_path / "all", Places(tmp_path / "new", databases=databases()))
        # Even where the inventory was made to fit.
        name = f"databases/{dump.name}"
        inventory["files"][name] = {"content": hash_of(dump), "size": dump.stat().st_size}
        (tmp_path / "all" / "backup.json").write_text(json.dumps(inventory))
        with pytest.raises(StoreError, match="pg_restore did not restore store"):
            restore_gathered(tmp_path / "all", Places(tmp_path / "new", databases=databases()))
        (database,) = databases()
        assert database.tables() == []
        assert not (tmp_path / "new").exists()


def test_a_database_that_is_a_file_comes_along(project, tmp_path, monkeypatch):
    monkeypatch.setenv("FINQ_PROJECT", str(project))
    monkeypatch.setenv("FINQ_ACCESS_URL", f"sqlite:///{tmp_path / 'accounts.db'}")
    open_store(project / "data", make=True).add_account("ann", Role.ADMIN)
    run("backup", "daily")
    assert "accounts: " in run("backup", "drill")
    monkeypatch.setenv("FINQ_ACCESS_URL", f"sqlite:///{tmp_path / 'elsewhere' / 'accounts.db'}")
    run("restore", "--root", tmp_path / "new", newest_good(project / "backups").folder)
    assert list(open_store(tmp_path / "new").snapshot().accounts) == ["ann"]


def test_what_a_killed_drill_left_on_the_server_is_removed(tmp_path):
    folder = tmp_path / "postgres"
    folder.mkdir()
    with running_postgres(folder) as address:
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        host = own_name().rpartition("-")[0].lower()
        left, other = f"finq_drill_{host}_{dead.pid}_0", f"finq_drill_another_{dead.pid}_0"
        for name in (left, other):
            make_database(address, name)
        with scratch_databases([Database(("store",), engine_of(address, "here"))], tmp_path) as (one,):
            assert one.tables() == []
            there = {name for (name,) in rows(address, "SELECT datname FROM pg_database")}
            assert left not in there
            assert other in there
        (count,) = rows(address, "SELECT count(*) FROM pg_database WHERE datname LIKE 'finq_drill%'")
        assert count == (1,)
    with (
        pytest.raises(SourceUnavailableError, match="does not answer"),
        scratch_databases([Database(("store",), engine_of(address, "here"))], tmp_path),
    ):
        pass


# Retention -----------------------------------------------------------------------------------------------------------


def put(place: Path, age_days: float, *, good: bool = True) -> Archive:
    """A small backup of a certain age."""
    moment = NOW - timedelta(days=age_days)
    folder = place / archive_name(moment)
    folder.mkdir(parents=True)
    (folder / ARCHIVE).write_bytes(folder.name.encode())
    kept = Kept(hash_of(folder / ARCHIVE), (folder / ARCHIVE).stat().st_size)
    note = Note(folder.name, moment.isoformat(), kept, 1, 1, {})
    (folder / NOTE).write_text(to_json(note))
    if not good:
        # Of the same size: only its checksum tells.
        (folder / ARCHIVE).write_bytes(b"x" * kept.size)
    return read_archive(folder)


def _age(backup: tuple[float, bool]) -> float:
    return backup[0]


@given(
    st.lists(
        st.tuples(st.integers(0, 2000).map(lambda hours: hours / 24), st.booleans()),
        max_size=8,
        unique_by=lambda x: x[0],
    ),
    st.integers(1, 60),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_newest_good_one_stays_and_nothing_that_is_young(tmp_path_factory, backups, days):
    place = tmp_path_factory.mktemp("kept")
    made = {put(place, age, good=good).note.name: (age, good) for age, good in backups}
    done = clear_old(place, timedelta(days=days), NOW)
    left = {one.note.name for one in archives_in(place)}
    assert left == set(made) - set(done.removed) == {one.note.name for one in done.kept}
    good = [age for age, is_good in made.values() if is_good]
    for name, (age, _) in made.items():
        removed = name in done.removed
        assert removed is (bool(good) and age > days and age > min(good))
    assert [one for one in place.iterdir() if one.name.startswith(".")] == []


def test_what_others_put_there_is_not_touched(tmp_path):
    place = tmp_path / "backups"
    put(place, 0)
    old = put(place, 100)
    strangers = [place / "finq-20200101T000000Z", place / "finq-holiday-pictures", place / "20200101"]
    for stranger in strangers:
        stranger.mkdir()
        (stranger / ARCHIVE).write_text("dear")
    shutil.copytree(old.folder, place / "finq-20190101T000000Z")  # its note says another name
    (place / "finq-20180101T000000Z").symlink_to(old.folder)
    (place / "finq-20170101T000000Z").write_text("a file")
    before = {one.name for one in place.iterdir()}
    done = clear_old(place, timedelta(days=30), NOW)
    assert done.removed == [old.note.name]
    assert {one.name for one in place.iterdir()} == before - {old.note.name}


def test_nothing_is_removed_while_no_good_one_is_newer(tmp_path):
    put(tmp_path, 0, good=False)
    put(tmp_path, 50, good=False)
    put(tmp_path, 60)
    put(tmp_path, 90)
    done = clear_old(tmp_path, timedelta(days=30), NOW)
    assert len(done.removed) == 1
    assert len(done.damaged) == 2
    assert newest_good(tmp_path).made_at == NOW - timedelta(days=60)


# Kills ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["all", ARCHIVE, NOTE])
def test_one_that_is_killed_leaves_nothing_half(project, tmp_path, moment):
    place = project / "backups"
    # The larger, the longer each step takes; the kill waits for a file and not for a time.
    (project / "data" / "mlartifacts").mkdir(exist_ok=True)
    (project / "data" / "mlartifacts" / "large").write_bytes(os.urandom(20_000_000))
    variables = {**os.environ, "FINQ_PROJECT": str(project)}
    command = [Path(sys.executable).with_name("finq"), "backup", "daily"]
    running = subprocess.Popen(command, env=variables, cwd=project, stdout=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not any(place.glob(f".finq-*.tmp/{moment}")):
        assert running.poll() is None or any(place.glob("finq-*")), "it ended before it could be killed"
        if running.poll() is not None:
            break
        assert time.monotonic() < end
    running.send_signal(signal.SIGKILL)
    running.wait()
    # Whole or not there at all.
    assert all(one.damage() is None for one in archives_in(place))
    assert {one.name for one in place.glob("[!.]*")} == {one.note.name for one in archives_in(place)}
    subprocess.run(command, env=variables, cwd=project, check=True, stdout=subprocess.DEVNULL)
    assert [one.name for one in place.iterdir() if one.name.startswith(".")] == []
    assert newest_good(place).damage() is None


def test_a_restore_that_is_killed_leaves_nothing_half(project, tmp_path):
    (project / "data" / "mlartifacts").mkdir(exist_ok=True)
    (project / "data" / "mlartifacts" / "large").write_bytes(os.urandom(20_000_000))
    made = make_archive(tmp_path / "b", NOW, lambda target: gather(ours(project), target))
    command = [Path(sys.executable).with_name("finq"), "restore", "--root", tmp_path / "here" / "data", made.folder]
    running = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not any((tmp_path / "here").glob(".finq-backup.*.tmp/data/*")):
        assert running.poll() is None
        assert time.monotonic() < end
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not (tmp_path / "here" / "data").exists()
    run("restore", "--root", tmp_path / "here" / "data", made.folder)
    assert content(tmp_path / "here" / "data") == content(project / "data")
    assert [one.name for one in (tmp_path / "here").iterdir()] == ["data"]


# An object store -----------------------------------------------------------------------------------------------------


def test_versions_in_an_object_store_share_their_files(project, tmp_path, bucket, monkeypatch):
    monkeypatch.setenv("FINQ_PROJECT", str(project))
    monkeypatch.setenv("FINQ_BACKUP_URL", "s3://house/backups")
    store = ObjectStore.at("s3://house/backups")
    for days in (400, 40, 1):
        moment = datetime.now(UTC) - timedelta(days=days)
        version = store_version(project / "data", store, moment, lambda target: gather(ours(project), target))
        _antedate(store, version.name, moment)
        (project / "data" / "mlartifacts").mkdir(exist_ok=True)
        (project / "data" / "mlartifacts" / "more").write_text(str(days))
    objects = [one.name for one in store.names("objects/")]
    assert len(objects) < 2 * len(versions_in(store)[0].inventory.files)
    said = run("backup", "weekly")
    assert "removed finq-" in said
    assert len(versions_in(store)) == 3
    assert 'kind="weekly"' in (Layout(project / "data").metrics / "finq_backup_weekly.prom").read_text()
    newest = newest_good_version(store)
    assert f"{newest.name}  " in run("backup", "list", "--url", "s3://house/backups")
    assert "restored and answers" in run("backup", "drill", "--url", "s3://house/backups")
    run("restore", "--root", tmp_path / "new", f"s3://house/backups/{newest.name}")
    metrics = "06_reports/alarms/metrics"
    assert content(tmp_path / "new") == {
        name: found for name, found in content(project / "data").items() if not name.startswith(metrics)
    }
    # A newest one with a hole is none, and the one before it stays however old it is.
    (hole, *_) = {kept.content for kept in newest.inventory.files.values()} - {
        kept.content for one in versions_in(store)[:-1] for kept in one.inventory.files.values()
    }
    store.remove([f"objects/{hole}"])
    good = newest_good_version(store)
    assert good.name != newest.name
    clear_old_versions(store, timedelta(days=0), datetime.now(UTC) + timedelta(days=1))
    assert [one.name for one in versions_in(store)] == [good.name, newest.name]
    with pytest.raises(StoreError, match="There is no good backup"):
        newest_good_version(ObjectStore.at("s3://house/nowhere"))


def _antedate(store: ObjectStore, name: str, moment: datetime) -> None:
    """As if it had been made then."""
    file = f"backups/{name}.json"
    found = store.read(file)
    inventory = json.loads(found.content)
    inventory["made_at"] = moment.isoformat(timespec="seconds")
    assert store.put(file, json.dumps(inventory).encode(), instead_of=found.etag)


def test_a_second_one_in_the_same_second_is_refused(project, tmp_path):
    make_archive(tmp_path, NOW, lambda target: gather(ours(project), target))
    with pytest.raises(StoreError, match="already"):
        make_archive(tmp_path, NOW, lambda target: gather(ours(project), target))
    assert pd.Timestamp(newest_good(tmp_path).made_at).tz is not None
