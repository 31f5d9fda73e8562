"""A market's stored data are one state: readers see all of what was published, or all of what was before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from finq_predictor.adapters.layout import locate
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.snapshots.store import GRACE_S, SnapshotStore, markets_with
from finq_predictor.domain.errors import StoreError, UnknownNameError


def put(root: Path, name: str, text: str, market: str = "equity") -> None:
    place = root / "02_silver" / market / f"{name}.json"
    writer.store(locate(place), lambda path: path.write_text(text))


def read(root: Path, name: str, market: str = "equity") -> str:
    return writer.view(root, market).path(name).read_text()


@pytest.fixture
def run(tmp_path):
    """A run at work."""
    opened = []

    def begin() -> writer.Writer:
        opened.append(writer.begin(SnapshotStore(tmp_path, "equity"), by="kedro run", code="c" * 64))
        return opened[-1]

    yield begin
    for each in opened:
        writer.end(each)


def test_outside_of_a_run_everything_is_published_at_once(tmp_path):
    put(tmp_path, "provenance", "one")
    put(tmp_path, "provenance", "two")
    assert read(tmp_path, "provenance") == "two"
    assert [name[:6] for name in SnapshotStore(tmp_path, "equity").ids()] == ["000001", "000002"]


def test_what_a_killed_run_was_writing_is_removed_by_the_next_one(tmp_path):
    put(tmp_path, "provenance", "one")
    stored = SnapshotStore(tmp_path, "equity").newest().path("provenance")
    die = f"""
import os, signal
from pathlib import Path
from finq_predictor.adapters.snapshots.content import keep
def write(path):
    path.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
keep(Path({str(stored.parent)!r}), ".json", write)
"""
    assert subprocess.run([sys.executable, "-c", die], check=False).returncode == -signal.SIGKILL
    assert [path.name for path in stored.parent.iterdir() if path != stored] != []
    # One of this process is at work as well, and stays.
    writer.store(
        locate(tmp_path / "02_silver" / "equity" / "provenance.json"),
        lambda path: put(tmp_path, "provenance", "within") or (path.write_text("two") and None),
    )
    assert {path.read_text() for path in stored.parent.iterdir()} == {"one", "two", "within"}


def test_a_run_sees_what_it_stored_and_others_see_it_when_it_is_published(tmp_path, run):
    put(tmp_path, "provenance", "old")
    put(tmp_path, "ingestion_checks", "old")
    store, work = SnapshotStore(tmp_path, "equity"), run()
    put(tmp_path, "provenance", "new")
    put(tmp_path, "ingestion_checks", "new")
    assert read(tmp_path, "provenance") == "new"
    assert {name: store.newest().path(name).read_text() for name in ("provenance", "ingestion_checks")} == {
        "provenance": "old",
        "ingestion_checks": "old",
    }
    work.publish()
    assert {name: store.newest().path(name).read_text() for name in ("provenance", "ingestion_checks")} == {
        "provenance": "new",
        "ingestion_checks": "new",
    }


def test_a_run_reads_on_from_where_it_began(tmp_path, run):
    put(tmp_path, "provenance", "old")
    work = run()
    # Another process publishes meanwhile.
    other = writer.Writer(SnapshotStore(tmp_path, "equity"), "another", "d" * 64)
    entry = work.view.manifest.entries["provenance"]
    text = tmp_path / "02_silver" / "equity" / "provenance" / ("0" * 20 + ".json")
    text.write_text("newer")
    other.put("provenance", type(entry)(text.relative_to(tmp_path).as_posix(), "1" * 64))
    other.publish()
    assert read(tmp_path, "provenance") == "old"
    put(tmp_path, "ingestion_checks", "mine")
    published = work.publish()
    # What others published in the meantime is not lost.
    assert published.path("provenance").read_text() == "newer"
    assert published.path("ingestion_checks").read_text() == "mine"


def test_the_same_content_is_the_same_snapshot(tmp_path):
    put(tmp_path, "provenance", "one")
    before = SnapshotStore(tmp_path, "equity").newest()
    put(tmp_path, "provenance", "one")
    assert SnapshotStore(tmp_path, "equity").newest().id == before.id
    assert len(list((tmp_path / "02_silver/equity/provenance").iterdir())) == 1


def test_a_damaged_version_is_stored_again(tmp_path):
    put(tmp_path, "provenance", "one")
    snapshot = SnapshotStore(tmp_path, "equity").newest()
    snapshot.path("provenance").write_text("torn")
    assert "not what was stored" in snapshot.damaged()["provenance"]
    put(tmp_path, "provenance", "one")
    assert SnapshotStore(tmp_path, "equity").newest().damaged() == {}


def test_what_fails_to_be_written_leaves_nothing(tmp_path):
    put(tmp_path, "provenance", "one")

    def fail(path: Path) -> None:
        path.write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        writer.store(locate(tmp_path / "02_silver/equity/provenance.json"), fail)
    assert read(tmp_path, "provenance") == "one"
    assert len(list((tmp_path / "02_silver/equity/provenance").iterdir())) == 1


def test_an_older_snapshot_can_be_read_and_taken_back(tmp_path):
    put(tmp_path, "provenance", "one")
    put(tmp_path, "ingestion_checks", "one")
    store = SnapshotStore(tmp_path, "equity")
    old = store.newest()
    put(tmp_path, "provenance", "two")
    assert store.open(old.id).path("provenance").read_text() == "one"
    back = store.roll_back(old.id[:6], by="finq data rollback")
    assert back.manifest.rolled_back_to == old.id
    assert back.manifest.number == 4
    assert read(tmp_path, "provenance") == "one"
    with pytest.raises(UnknownNameError, match="snapshot of equity"):
        store.open("000009")


def test_what_is_not_kept_is_cleared_away_after_a_while(tmp_path, run):
    for text in ("one", "two", "three"):
        put(tmp_path, "provenance", text)
    store = SnapshotStore(tmp_path, "equity", kept=1)
    run()
    put(tmp_path, "ingestion_checks", "at work")
    orphan = tmp_path / "02_silver/equity/gone" / ("a" * 20 + ".parquet")
    orphan.parent.mkdir()
    orphan.write_text("of a run that was killed")
    # The manifests go at once, the files when nobody can still be reading them.
    assert all(path.suffix == ".json" for path in store.prune())
    later = time.time() + GRACE_S + 60
    removed = {path.name for path in store.prune(later)}
    assert orphan.name in removed
    assert store.ids() == [store.newest().id]
    assert read(tmp_path, "provenance") == "three"
    assert read(tmp_path, "ingestion_checks") == "at work"
    assert len(list((tmp_path / "02_silver/equity/provenance").iterdir())) == 1


def test_a_pointer_to_a_manifest_that_was_changed_is_an_error(tmp_path):
    put(tmp_path, "provenance", "one")
    store = SnapshotStore(tmp_path, "equity")
    file = store.folder / f"{store.newest().id}.json"
    said = json.loads(file.read_text())
    said["entries"]["provenance"]["content"] = "0" * 64
    file.write_text(json.dumps(said))
    with pytest.raises(StoreError, match="renamed or changed"):
        store.newest()


def test_what_was_never_stored_says_how_to_make_it(tmp_path):
    with pytest.raises(StoreError, match=r"no gold of equity .* kedro run --pipelines=features"):
        SnapshotStore(tmp_path, "equity").newest().path("gold")
    assert markets_with(tmp_path, "gold") == []


def test_a_dataset_knows_when_its_parents_are_others(tmp_path, run):
    work = run()
    put(tmp_path, "provenance", "one")
    put(tmp_path, "ingestion_checks", "made of one")
    work.descend("ingestion_checks", {"provenance": work.view.manifest.entries["provenance"].content})
    assert work.publish().manifest.behind("ingestion_checks") == {}
    writer.end(work)
    put(tmp_path, "provenance", "two")
    assert SnapshotStore(tmp_path, "equity").newest().manifest.behind("ingestion_checks") == {
        "provenance": "was replaced"
    }


def test_a_version_is_flushed_before_its_name_is_known(tmp_path, monkeypatch):
    seen = []
    real = os.fsync

    def noted(descriptor: int) -> None:
        seen.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    put(tmp_path, "provenance", "one")
    names = [Path(path).name for path in seen]
    pointer = next(place for place, name in enumerate(names) if name.startswith(".current"))
    assert any(name.startswith("content") for name in names[:pointer])


def descended(root: Path, name: str, text: str, **parents: str) -> None:
    """Store a dataset that was made from others."""
    work = writer.begin(SnapshotStore(root, "equity"), by="kedro run", code="c" * 64)
    put(root, name, text)
    work.descend(name, parents)
    work.publish()
    writer.end(work)


def test_whoever_reads_what_is_older_than_its_parents_is_told_once(tmp_path, caplog):
    put(tmp_path, "provenance", "one")
    entries = SnapshotStore(tmp_path, "equity").newest().manifest.entries
    descended(tmp_path, "ingestion_checks", "of one", provenance=entries["provenance"].content)
    read(tmp_path, "ingestion_checks")
    assert caplog.messages == []
    put(tmp_path, "provenance", "two")
    for _ in range(3):
        assert read(tmp_path, "ingestion_checks") == "of one"
        read(tmp_path, "provenance")
    assert caplog.messages == [
        "The ingestion_checks of equity is older than what it was made from (provenance was replaced). "
        "Make it with: kedro run --pipelines=ingestion,sentiment"
    ]
    put(tmp_path, "provenance", "one")
    assert SnapshotStore(tmp_path, "equity").newest().behind("ingestion_checks") == "", "it is what it was made from"


def test_a_champion_stays_when_its_data_change(tmp_path, caplog):
    place = tmp_path / "04_models" / "equity" / "champion"
    put(tmp_path, "provenance", "one")
    work = writer.begin(SnapshotStore(tmp_path, "equity"), by="kedro run", code="c" * 64)
    writer.store(locate(place), lambda folder: (folder.mkdir(), (folder / "a").write_text("model")))
    work.descend("champion", {"provenance": "0" * 64})
    work.publish()
    writer.end(work)
    descended(tmp_path, "ingestion_checks", "x", champion=work.view.manifest.entries["champion"].content)
    store = SnapshotStore(tmp_path, "equity")
    assert store.newest().manifest.entries["champion"].parents == {"provenance": "0" * 64}
    for name in ("champion", "ingestion_checks"):
        store.newest().path(name)
        assert store.newest().behind(name) == ""
    assert caplog.messages == []


def test_one_state_is_read_whatever_is_published_meanwhile(tmp_path):
    put(tmp_path, "provenance", "one")
    put(tmp_path, "ingestion_checks", "one")
    store = SnapshotStore(tmp_path, "equity", kept=1)
    with writer.one_snapshot(tmp_path, "equity") as held:
        assert read(tmp_path, "provenance") == "one"
        for text in ("two", "three"):
            put(tmp_path, "provenance", text)
            put(tmp_path, "ingestion_checks", text)
        store.prune(time.time() + 2 * GRACE_S)
        assert read(tmp_path, "ingestion_checks") == "one", "its files stay while it is read"
        assert writer.view(tmp_path, "equity").id == held.id
    assert read(tmp_path, "ingestion_checks") == "three"
    assert store.prune(time.time() + 2 * GRACE_S) != [], "and go when it is let go"


def test_what_a_run_of_ones_own_published_is_seen_by_who_holds_a_state(tmp_path, run):
    put(tmp_path, "provenance", "one")
    writer.hold(tmp_path, "equity")
    work = run()
    put(tmp_path, "provenance", "two")
    assert read(tmp_path, "provenance") == "two"
    work.publish()
    writer.end(work)
    assert read(tmp_path, "provenance") == "two"
    put(tmp_path, "provenance", "three")
    assert read(tmp_path, "provenance") == "two"
    writer.hold(tmp_path, "equity")
    assert read(tmp_path, "provenance") == "three"
    writer.let_go(tmp_path, "equity")


def test_where_nothing_was_published_nothing_is_held(tmp_path):
    with writer.one_snapshot(tmp_path, "equity"):
        put(tmp_path, "provenance", "one")
        assert read(tmp_path, "provenance") == "one"
