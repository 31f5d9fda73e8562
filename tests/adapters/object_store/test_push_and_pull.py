"""Snapshots go through a real server of the S3 protocol: whole, once, and never over the work of somebody else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from finq_predictor.adapters.layout import Layout, locate
from finq_predictor.adapters.object_store.pull import pull
from finq_predictor.adapters.object_store.push import push
from finq_predictor.adapters.object_store.snapshots import StoredSnapshots
from finq_predictor.adapters.object_store.store import ObjectStore
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.domain.errors import (
    ConfigurationError,
    SourceRefusedError,
    SourceUnavailableError,
    StoreError,
    UnknownNameError,
)
from s3_server import tell, wire

URL = "s3://house/finq"


def put(root: Path, name: str, text: str) -> None:
    writer.store(locate(Layout(root).place("equity", name)), lambda path: path.write_text(text))


def put_folder(root: Path, texts: dict[str, str]) -> None:
    def write(folder: Path) -> None:
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)

    writer.store(locate(Layout(root).place("equity", "champion")), write)


@pytest.fixture
def root(tmp_path):
    """A table, a value and a folder."""
    root = tmp_path / "first"
    frame = pd.DataFrame({"close": [1.0, 2.5]})
    writer.store(locate(Layout(root).place("equity", "silver_bars")), frame.to_parquet)
    put_folder(root, {"bundle.json": "{}", "deep/model.json": "[1]"})
    put(root, "provenance", "old")
    return root


@pytest.fixture
def store(bucket, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    return ObjectStore.at(URL)


def text(root: Path, name: str = "provenance") -> str:
    return SnapshotStore(root, "equity").newest().path(name).read_text()


def keys(bucket) -> set[str]:
    return {each["Key"] for each in bucket.list_objects_v2(Bucket="house").get("Contents", ())}


def test_another_machine_opens_the_same_snapshot(root, store, tmp_path):
    given = push(root, "equity", store)
    taken = pull(tmp_path / "second", "equity", store)
    newest = SnapshotStore(root, "equity").newest()
    assert given.id == taken.id == newest.id
    assert taken.manifest == newest.manifest
    assert taken.damaged() == {}
    pd.testing.assert_frame_equal(pd.read_parquet(taken.path("silver_bars")), pd.DataFrame({"close": [1.0, 2.5]}))
    assert (taken.path("champion") / "deep/model.json").read_text() == "[1]"


def test_what_is_there_is_neither_sent_nor_fetched_again(root, store, tmp_path):
    assert push(root, "equity", store) == (SnapshotStore(root, "equity").newest().id, 4, True)
    assert push(root, "equity", store)[1:] == (0, False)
    pull(tmp_path / "second", "equity", store)
    put(root, "provenance", "new")
    assert push(root, "equity", store).sent == 1
    bytes_come = []
    pull(tmp_path / "second", "equity", store, progress=lambda total: bytes_come.append(total) or bool)
    assert bytes_come == [len("new")]
    assert text(tmp_path / "second") == "new"
    assert pull(tmp_path / "second", "equity", store).id == SnapshotStore(root, "equity").newest().id


def test_what_the_other_machine_makes_of_it_comes_back(root, store, tmp_path):
    push(root, "equity", store)
    pull(tmp_path / "second", "equity", store)
    put(tmp_path / "second", "provenance", "of the second")
    assert push(tmp_path / "second", "equity", store).new
    assert pull(root, "equity", store).id == SnapshotStore(tmp_path / "second", "equity").newest().id
    assert text(root) == "of the second"


def test_two_that_push_at_once_lose_nothing(root, store, tmp_path, monkeypatch):
    """The second gives its snapshot out after the first has looked and before it does so itself."""
    shutil.copytree(root, tmp_path / "second")
    put(root, "provenance", "of the first")
    put(tmp_path / "second", "provenance", "of the second")
    through = StoredSnapshots.write

    def meanwhile(self, stored, **options):
        monkeypatch.setattr(StoredSnapshots, "write", through)
        push(tmp_path / "second", "equity", ObjectStore.at(URL))
        through(self, stored, **options)

    monkeypatch.setattr(StoredSnapshots, "write", meanwhile)
    with pytest.raises(StoreError, match=r"which .*first has never had: somebody else pushed it. Pull it, or"):
        push(root, "equity", store)
    remote = StoredSnapshots(store, "equity")
    assert remote.pointer().id == SnapshotStore(tmp_path / "second", "equity").newest().id
    assert push(root, "equity", store, replace=True).new
    assert len(remote.ids()) == 2


def test_two_that_push_the_same_at_once_are_both_right(root, store, tmp_path, monkeypatch):
    shutil.copytree(root, tmp_path / "second")
    through = StoredSnapshots.write

    def meanwhile(self, stored, **options):
        monkeypatch.setattr(StoredSnapshots, "write", through)
        push(tmp_path / "second", "equity", ObjectStore.at(URL))
        through(self, stored, **options)

    monkeypatch.setattr(StoredSnapshots, "write", meanwhile)
    assert push(root, "equity", store)[1:] == (4, False)


def test_who_has_gone_on_from_what_was_pushed_long_ago_may_push(root, store):
    push(root, "equity", store)
    for number in range(25):
        put(root, "provenance", f"text {number}")
    SnapshotStore(root, "equity").prune()
    assert StoredSnapshots(store, "equity").pointer().id not in SnapshotStore(root, "equity").ids()
    assert push(root, "equity", store).new


def test_a_root_that_went_its_own_way_is_not_overwritten(root, store, tmp_path):
    push(root, "equity", store)
    other = tmp_path / "second"
    put(other, "provenance", "its own")
    with pytest.raises(StoreError, match=r"which was never pushed .*: a run published it here"):
        pull(other, "equity", store)
    assert text(other) == "its own"
    assert pull(other, "equity", store, replace=True).path("provenance").read_text() == "old"
    # What was there can still be gone back to.
    local = SnapshotStore(other, "equity")
    assert local.open(local.ids()[0]).path("provenance").read_text() == "its own"


def test_a_rollback_on_the_machine_that_pulls_stays(root, store, tmp_path):
    push(root, "equity", store)
    pull(tmp_path / "second", "equity", store)
    put(root, "provenance", "new")
    push(root, "equity", store)
    pull(tmp_path / "second", "equity", store)
    local = SnapshotStore(tmp_path / "second", "equity")
    local.roll_back(local.ids()[0], by="finq data rollback")
    assert text(tmp_path / "second") == "old"
    assert pull(tmp_path / "second", "equity", store).id == local.newest().id
    put(root, "provenance", "newer")
    push(root, "equity", store)
    with pytest.raises(StoreError, match="published it here"):
        pull(tmp_path / "second", "equity", store)
    assert text(tmp_path / "second") == "old"


def test_an_older_one_is_pulled_by_its_id_as_a_new_one(root, store, tmp_path):
    old = push(root, "equity", store).id
    put(root, "provenance", "new")
    push(root, "equity", store)
    back = pull(root, "equity", store, name=old)
    assert back.manifest.rolled_back_to == old
    assert text(root) == "old"
    # Looking again changes nothing, and what was pulled as a repetition is no way of its own.
    with pytest.raises(UnknownNameError, match="000009-none"):
        pull(tmp_path / "third", "equity", store, name="000009-none")
    assert not SnapshotStore(tmp_path / "third", "equity").ids()
    put(tmp_path / "elsewhere", "provenance", "else")
    for _ in range(2):
        assert pull(tmp_path / "elsewhere", "equity", store, name=old, replace=True).path("provenance").exists()


def test_nothing_is_published_when_a_run_publishes_meanwhile(root, store, tmp_path, monkeypatch):
    push(root, "equity", store)
    put(tmp_path / "second", "provenance", "its own")
    through = ObjectStore.download

    def meanwhile(self, *given):
        monkeypatch.setattr(ObjectStore, "download", through)
        put(tmp_path / "second", "provenance", "of a run")
        through(self, *given)

    monkeypatch.setattr(ObjectStore, "download", meanwhile)
    with pytest.raises(StoreError, match=r"was published below .* meanwhile"):
        pull(tmp_path / "second", "equity", store, replace=True)
    assert text(tmp_path / "second") == "of a run"


# What goes wrong -----------------------------------------------------------------------------------------------------


def test_an_upload_that_is_cut_off_leaves_the_old_state_and_goes_on(
    root, store, bucket, s3_server, monkeypatch, tmp_path
):
    push(root, "equity", store)
    old = StoredSnapshots(store, "equity").pointer().id
    put(root, "provenance", "new")
    put_folder(root, {"bundle.json": "{}", "big.json": "x" * 3_000_000})
    with wire(s3_server, lambda request, passed: request.startswith(b"PUT") and b"/objects/" in request) as cut:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", cut)
        with pytest.raises(SourceUnavailableError, match=r"did not write s3://house/finq/objects/.*repeat the command"):
            push(root, "equity", ObjectStore.at(URL))
    assert StoredSnapshots(store, "equity").pointer().id == old
    assert pull(tmp_path / "second", "equity", store).path("provenance").read_text() == "old"
    # The server had taken what it did not confirm, or it had not; either way nothing is lost.
    assert push(root, "equity", store).new
    assert pull(tmp_path / "second", "equity", store).damaged() == {}


def test_a_download_that_breaks_goes_on_where_it_broke(root, store, s3_server, monkeypatch, tmp_path):
    put(root, "provenance", "x" * 1_000_000)
    push(root, "equity", store)
    broken = []

    def once(request: bytes, passed: int) -> bool:
        if b"/objects/" in request and passed > 500_000 and not broken:
            broken.append(request)
            return True
        return False

    with wire(s3_server, once) as cut:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", cut)
        come = []
        pulled = pull(tmp_path / "second", "equity", ObjectStore.at(URL), progress=lambda total: come.append)
    assert broken
    assert pulled.damaged() == {}
    assert sum(come) == sum(path.stat().st_size for path in _files(root))


def test_a_pull_that_is_cut_off_publishes_nothing_and_goes_on(root, store, s3_server, monkeypatch, tmp_path):
    push(root, "equity", store)
    seen = set()

    def after_two(request: bytes, passed: int) -> bool:
        if b"/objects/" in request:
            seen.add(request.split()[1])
        return len(seen) > 2 and b"/objects/" in request

    with wire(s3_server, after_two) as cut:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", cut)
        with pytest.raises(SourceUnavailableError, match="repeat the command"):
            pull(tmp_path / "second", "equity", ObjectStore.at(URL))
    assert SnapshotStore(tmp_path / "second", "equity").ids() == []
    bytes_come = []
    pull(tmp_path / "second", "equity", store, progress=lambda total: bytes_come.append(total) or bool)
    assert 0 < bytes_come[0] < sum(path.stat().st_size for path in _files(root))
    assert not list((tmp_path / "second").rglob(".writing-*"))


def _files(root: Path) -> list[Path]:
    newest = SnapshotStore(root, "equity").newest()
    places = [root / entry.file for entry in newest.manifest.entries.values()]
    return [path for place in places for path in ([place] if place.is_file() else place.rglob("*")) if path.is_file()]


def test_a_damaged_object_is_refused_and_can_be_sent_again(root, store, bucket, tmp_path):
    push(root, "equity", store)
    entry = SnapshotStore(root, "equity").newest().manifest.entries["provenance"]
    bucket.put_object(Bucket="house", Key=f"finq/objects/{entry.content}", Body=b"odd")
    with pytest.raises(StoreError, match=r"is damaged: .* finq data push --again"):
        pull(tmp_path / "second", "equity", store)
    assert SnapshotStore(tmp_path / "second", "equity").ids() == []
    assert push(root, "equity", store, again=True).sent == 4
    assert text(tmp_path / "second") if pull(tmp_path / "second", "equity", store) else ""


def test_a_damaged_manifest_is_refused(root, store, bucket, tmp_path):
    name = push(root, "equity", store).id
    key = f"finq/snapshots/equity/{name}.json"
    found = json.loads(bucket.get_object(Bucket="house", Key=key)["Body"].read())
    found["manifest"]["entries"]["provenance"]["content"] = "0" * 64
    bucket.put_object(Bucket="house", Key=key, Body=json.dumps(found))
    with pytest.raises(StoreError, match="it was renamed or changed"):
        pull(tmp_path / "second", "equity", store)
    bucket.put_object(Bucket="house", Key=key, Body=b"{")
    with pytest.raises(StoreError, match="cannot be read as Stored"):
        pull(tmp_path / "second", "equity", store)
    push(root, "equity", store, again=True)
    assert pull(tmp_path / "second", "equity", store).id == name


@pytest.mark.parametrize("file", ["../../outside.json", "/tmp/outside.json", "02_silver/equity/provenance/../x.json"])
def test_a_manifest_that_leads_elsewhere_is_not_followed(root, store, bucket, tmp_path, file):
    name = push(root, "equity", store).id
    key = f"finq/snapshots/equity/{name}.json"
    found = json.loads(bucket.get_object(Bucket="house", Key=key)["Body"].read())
    entry = found["manifest"]["entries"]["provenance"]
    found["files"][file] = found["files"].pop(entry["file"])
    entry["file"] = file
    bucket.put_object(Bucket="house", Key=key, Body=json.dumps(found))
    with pytest.raises(StoreError, match=r"outside of its folder|it belongs at"):
        pull(tmp_path / "deep" / "second", "equity", store)
    assert not list(tmp_path.rglob("*outside*"))


def test_damage_here_is_not_given_to_others_and_is_healed_by_a_pull(root, store):
    push(root, "equity", store)
    file = SnapshotStore(root, "equity").newest().path("provenance")
    file.write_text("odd")
    assert pull(root, "equity", store).damaged() == {}
    put(root, "provenance", "new")
    SnapshotStore(root, "equity").newest().path("silver_bars").unlink()
    with pytest.raises(StoreError, match=r"is not whole, and is not given to others: .*bars.* is gone"):
        push(root, "equity", store)


def test_a_missing_bucket_and_an_empty_one_are_named(root, store, tmp_path):
    with pytest.raises(StoreError, match=r"There is no bucket 'houses' to read .*correct the URL"):
        push(root, "equity", ObjectStore.at("s3://houses/finq"))
    with pytest.raises(StoreError, match=r"Nothing of equity was pushed to s3://house/finq yet"):
        pull(tmp_path / "second", "equity", store)
    with pytest.raises(StoreError, match="there is nothing to push"):
        push(tmp_path / "nothing", "equity", store)


def test_wrong_keys_are_refused_with_where_they_belong(root, store, s3_server, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-that-is-wrong")
    tell(s3_server, "reset-auth", "0")
    try:
        with pytest.raises(SourceRefusedError, match=r"does not let us read .*AWS_ACCESS_KEY_ID.*s3: ") as refused:
            push(root, "equity", ObjectStore.at(URL))
    finally:
        tell(s3_server, "reset-auth", "1000000000")
    assert "a-secret" not in str(refused.value)


def test_no_keys_at_all_are_asked_for(root, bucket, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(SourceRefusedError, match="There are no keys to read"):
        push(root, "equity", ObjectStore.at(URL))


def test_a_server_that_is_not_there_is_named(root, bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(SourceUnavailableError, match="AWS_ENDPOINT_URL_S3"):
        push(root, "equity", ObjectStore.at(URL))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://key:secret@house/finq", "A key never stands in it"),
        ("s3://house/finq?token=abc", "A key never stands in it"),
        ("https://house/finq", "is no URL of an object store"),
        ("s3:///finq", "is no URL of an object store"),
        ("s3://house/../finq", "leads upwards"),
        ("s3://No_Such_Bucket!/x", "cannot be used"),
    ],
)
def test_a_url_that_cannot_work_is_refused_without_its_keys(root, bucket, url, said):
    with pytest.raises(ConfigurationError, match=said) as refused:
        push(root, "equity", ObjectStore.at(url))
    assert "secret@" not in str(refused.value)
    assert "abc" not in str(refused.value)


def test_keys_come_from_the_file_where_the_environment_has_none(root, bucket, s3_server, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name)
    entry = {"key": "file-key", "secret": "file-secret", "endpoint_url": s3_server}
    store = ObjectStore.at(URL, entry)
    assert push(root, "equity", store).new
    assert "file-secret" not in repr(vars(store))
    with pytest.raises(ConfigurationError, match="has endpoint, which nobody reads; expected some of key, secret"):
        ObjectStore.at(URL, {"endpoint": s3_server})


def test_a_large_file_goes_in_parts_and_memory_stays_small(root, store, bucket, tmp_path):
    import tracemalloc

    def write(path: Path) -> None:
        with path.open("wb") as file:
            for number in range(96):
                file.write(bytes([number]) * (1 << 20))

    writer.store(locate(Layout(root).place("equity", "gold")), write)
    tracemalloc.start()
    push(root, "equity", store)
    pull(tmp_path / "second", "equity", store)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    entry = SnapshotStore(root, "equity").newest().manifest.entries["gold"]
    # Its mark says that it came in several parts.
    assert "-" in bucket.head_object(Bucket="house", Key=f"finq/objects/{entry.content}")["ETag"]
    assert peak < 64 << 20
