"""What nothing needs goes, and what somebody needs stays, whoever looks first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finq_predictor.adapters.layout import Layout, locate
from finq_predictor.adapters.object_store import contents
from finq_predictor.adapters.object_store.backups import restore_stored, store_backup
from finq_predictor.adapters.object_store.contents import OBJECTS, PRUNING, WORK, needing, pruning
from finq_predictor.adapters.object_store.prune import prune
from finq_predictor.adapters.object_store.pull import pull
from finq_predictor.adapters.object_store.push import push
from finq_predictor.adapters.object_store.snapshots import StoredSnapshots
from finq_predictor.adapters.object_store.store import ObjectStore
from finq_predictor.adapters.snapshots import writer
from finq_predictor.domain.errors import StoreError


def put(root: Path, text: str) -> None:
    writer.store(locate(Layout(root).place("equity", "provenance")), lambda path: path.write_text(text))


@pytest.fixture
def store(bucket):
    return ObjectStore.at("s3://house/finq")


def objects(store: ObjectStore) -> int:
    return len(list(store.names(OBJECTS)))


def test_old_snapshots_go_and_the_one_that_is_given_out_stays(tmp_path, store):
    for number in range(5):
        put(tmp_path, f"text {number}")
        push(tmp_path, "equity", store)
    remote = StoredSnapshots(store, "equity")
    ids = remote.ids()
    # Somebody went back to the oldest.
    assert remote.point(ids[0], remote.pointer())
    assert prune(store, kept=2)[:2] == (2, 2)
    assert remote.ids() == [ids[0], *ids[3:]]
    assert pull(tmp_path / "second", "equity", store).path("provenance").read_text() == "text 0"
    assert prune(store, kept=2) == (0, 0, 0)


def test_what_a_backup_or_a_push_at_work_needs_stays(tmp_path, store):
    root = tmp_path / "data"
    put(root, "old")
    store_backup(root, store, "monday")
    push(root, "equity", store)
    put(root, "new")
    push(root, "equity", store)
    prune(store, kept=1)
    assert restore_stored(store, "monday", tmp_path / "restored").snapshots
    path = tmp_path / "file"
    path.write_text("sent, and not yet named by any manifest")
    store.upload(path, f"{OBJECTS}{'a' * 64}")
    with needing(store, ["a" * 64]):
        assert prune(store).objects == 0
    assert prune(store).objects == 1


def test_a_push_waits_for_whoever_clears_away(tmp_path, store, monkeypatch):
    put(tmp_path, "text")
    waited = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        # Its note is there already, so that whoever looks from now on sees what it needs.
        (note,) = store.names(WORK)
        assert len(json.loads(store.read(note.name).content)) == 1
        store.remove([PRUNING])

    monkeypatch.setattr(contents.time, "sleep", sleep)
    store.put(PRUNING, b"another machine")
    assert push(tmp_path, "equity", store).new
    assert waited
    assert not list(store.names(WORK))


def test_one_clears_away_at_a_time_and_a_dead_one_holds_nobody_up(store, monkeypatch):
    with pruning(store), pytest.raises(StoreError, match="Somebody else clears away"):
        prune(store)
    assert not list(store.names(PRUNING))
    store.put(PRUNING, b"a machine that died")
    monkeypatch.setattr(contents, "LONGEST_PRUNING", contents.timedelta(seconds=-5))
    assert prune(store) == (0, 0, 0)


def test_nothing_goes_where_a_manifest_cannot_be_read(tmp_path, store, bucket):
    put(tmp_path, "text")
    name = push(tmp_path, "equity", store).id
    bucket.put_object(Bucket="house", Key=f"finq/snapshots/equity/{name}.json", Body=b"{")
    bucket.put_object(Bucket="house", Key=f"finq/objects/{'b' * 64}", Body=b"for nobody")
    with pytest.raises(StoreError, match="cannot be read as Stored"):
        prune(store)
    assert objects(store) == 2
    assert not list(store.names(PRUNING))
