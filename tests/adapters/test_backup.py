"""A folder of data is destroyed, restored elsewhere, and is the same."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from finq_predictor.adapters.backup import INVENTORY, back_up, damaged, read_inventory, restore, secrets_of
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.chained_file import copy_chained
from finq_predictor.adapters.layout import Layout, locate
from finq_predictor.adapters.promotion_log import PromotionLogFile
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.cli.backup import backup
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.promotion.log import Act, LogRecord
from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.store import open_store


def put(root: Path, name: str, text: str) -> None:
    writer.store(locate(Layout(root).place("equity", name)), lambda path: path.write_text(text))


@pytest.fixture
def root(tmp_path):
    """Two snapshots, a delivery, a ledger, a page and a file of an experiment."""
    root = tmp_path / "data"
    put(root, "provenance", "old")
    put(root, "provenance", "new")
    put(root, "gold", "gold")
    BronzeStore(root / "01_bronze/equity/bars").keep_whole(pd.DataFrame({"close": [1.0], "_source": "own:a"}))
    for name, text in {
        "04_models/equity/trials.jsonl": "{}\n",
        "04_models/equity/trials.jsonl.lock": "hash",
        "06_reports/equity/report.html": "page",
        "mlartifacts/1/run/artifacts/report.html": "page",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_what_was_served_comes_along_while_it_is_written(root, tmp_path):
    store = Layout(root).store
    store.parent.mkdir(parents=True)
    with closing(sqlite3.connect(store)) as writer_of_it:
        writer_of_it.execute("PRAGMA journal_mode=WAL")
        writer_of_it.execute("CREATE TABLE said (id)")
        writer_of_it.execute("INSERT INTO said VALUES (7)")
        writer_of_it.commit()
        # It lies in the log beside the file until somebody moves it there.
        back_up(root, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "restored")
    with closing(sqlite3.connect(Layout(tmp_path / "restored").store)) as reader:
        assert reader.execute("SELECT id FROM said").fetchall() == [(7,)]


def test_a_log_that_grows_while_it_is_copied_comes_back_whole(root, tmp_path, monkeypatch):
    log = PromotionLogFile(root, "equity")
    now = datetime(2024, 5, 1, tzinfo=UTC)

    def grow() -> None:
        log.append(LogRecord(Act.REJECT, "", "equity", "ada", "kedro run", "because", "", ""), now=now)

    def copied(source: Path, target: Path) -> None:
        copy_chained(source, target)
        if source == log.path:
            grow()

    grow()
    monkeypatch.setattr("finq_predictor.adapters.backup.copy_chained", copied)
    back_up(root, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "restored")
    assert len(log.read().records) == 2
    assert len(PromotionLogFile(tmp_path / "restored", "equity").read().records) == 1


def test_accounts_come_along_and_keys_only_when_told_to(root, tmp_path):
    accounts, key = Layout(root).accounts, Layout(root).experiment_key("equity")
    accounts.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(accounts)) as database:
        database.execute("CREATE TABLE accounts (name, password)")
        database.execute("INSERT INTO accounts VALUES ('ann', 'a hash')")
        database.commit()
    Layout(root).token_secret.write_text("signs tokens")
    key.write_text("divides callers")
    assert secrets_of(root) == [Layout(root).token_secret, key]
    for told, there in ((False, []), (True, ["signs tokens", "divides callers"])):
        made = tmp_path / f"backup-{told}"
        back_up(root, made, secrets=told)
        restore(made, tmp_path / f"restored-{told}")
        for place in (made, tmp_path / f"restored-{told}"):
            with closing(sqlite3.connect(Layout(place).accounts)) as reader:
                assert reader.execute("SELECT * FROM accounts").fetchall() == [("ann", "a hash")]
            assert [path.read_text() for path in secrets_of(place)] == there
            private = [Layout(place).accounts, *secrets_of(place)]
            assert {path.stat().st_mode & 0o777 for path in private} == {0o600}, "their owner's alone"
            assert Layout(place).access.stat().st_mode & 0o777 == 0o700
            assert not [
                path for path in place.rglob("*") if not told and path.name in ("token.secret", "experiment.key")
            ]


def test_the_command_says_which_keys_it_left_out(root, tmp_path):
    Layout(root).access.mkdir()
    Layout(root).token_secret.write_text("signs tokens")
    without = CliRunner().invoke(backup, ["--root", str(root), str(tmp_path / "without")])
    assert without.exit_code == 0, without.output
    assert "07_access/token.secret were left out" in without.output
    assert "finq auth rotate-secret" in without.output
    told = CliRunner().invoke(backup, ["--root", str(root), "--with-secrets", str(tmp_path / "with")])
    assert "It holds keys: 07_access/token.secret." in told.output
    assert "signs tokens" not in without.output + told.output


def content(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.name != INVENTORY
    }


def test_what_was_destroyed_is_restored_elsewhere(root, tmp_path):
    before = content(root)
    inventory = back_up(root, tmp_path / "backup")
    shutil.rmtree(root)
    assert restore(tmp_path / "backup", tmp_path / "another place") == inventory
    assert content(tmp_path / "another place") == before
    store = SnapshotStore(tmp_path / "another place", "equity")
    assert store.newest().id == inventory.snapshots["equity"]
    assert store.newest().damaged() == {}
    # Older snapshots came along.
    assert store.open(store.ids()[0]).path("provenance").read_text() == "old"


def test_a_backup_is_one_state_while_others_write(root, tmp_path):
    stop = threading.Event()

    def work() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            put(root, "provenance", f"text {number}")
            SnapshotStore(root, "equity", kept=2).prune()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for number in range(5):
            back_up(root, tmp_path / f"backup {number}")
    finally:
        stop.set()
        thread.join()
    for number in range(5):
        folder = tmp_path / f"backup {number}"
        store = SnapshotStore(folder, "equity")
        assert store.newest().id == read_inventory(folder).snapshots["equity"]
        assert store.newest().damaged() == {}


def test_a_backup_that_is_not_whole_is_refused_and_nothing_is_made(root, tmp_path):
    back_up(root, tmp_path / "backup")
    (tmp_path / "backup" / "06_reports/equity/report.html").write_text("another page")
    with pytest.raises(StoreError, match=r"is not whole: 06_reports/equity/report\.html is not what was backed up"):
        restore(tmp_path / "backup", tmp_path / "restored")
    assert not (tmp_path / "restored").exists()
    (tmp_path / "backup" / "06_reports/equity/report.html").unlink()
    assert damaged(tmp_path / "backup", read_inventory(tmp_path / "backup")) == [
        "06_reports/equity/report.html is gone"
    ]


def test_what_is_there_is_never_touched(root, tmp_path):
    back_up(root, tmp_path / "backup")
    before = content(root)
    with pytest.raises(StoreError, match="There is something in"):
        restore(tmp_path / "backup", root)
    with pytest.raises(StoreError, match="There is something at"):
        back_up(root, tmp_path / "backup")
    assert content(root) == before


def test_a_folder_that_only_a_service_writes_into_is_backed_up_as_well(tmp_path):
    state, restored = tmp_path / "state", tmp_path / "restored"
    open_store(state, make=True).add_account("desk", Role.PREDICTOR)
    inventory = back_up(state, tmp_path / "backup")
    assert inventory.snapshots == {}
    restore(tmp_path / "backup", restored)
    assert [one.name for one in open_store(restored).accounts()] == ["desk"]


def test_what_is_no_backup_is_said_to_be_none(root, tmp_path):
    with pytest.raises(StoreError, match=r"is no backup: there is no backup\.json"):
        restore(root, tmp_path / "restored")
    with pytest.raises(StoreError, match="there is nothing to back up"):
        back_up(tmp_path / "nothing", tmp_path / "backup")


def test_a_backup_that_fails_leaves_nothing(root, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "copy2", lambda source, target: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space left"):
        back_up(root, tmp_path / "backup")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_what_comes_and_goes_meanwhile_is_no_part_of_a_backup(root, tmp_path):
    """Half written versions and ones that are pruned again, in folders that are being looked through."""
    layer, stop = root / "02_silver/equity/provenance", threading.Event()

    def work() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            for name in (f".writing-x-{number}-a", f"{number:020x}"):
                (layer / name / "in" / "it").mkdir(parents=True)
                (layer / name / "in" / "it" / "file").touch()
            for name in (f".writing-x-{number}-a", f"{number:020x}"):
                shutil.rmtree(layer / name)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        inventories = [back_up(root, tmp_path / f"backup {number}") for number in range(40)]
    finally:
        stop.set()
        thread.join()
    assert len({tuple(inventory.files) for inventory in inventories}) == 1
