"""A folder of data is backed up into an object store, destroyed, and restored elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.layout import Layout, locate
from finq_predictor.adapters.object_store.address import Address
from finq_predictor.adapters.object_store.backups import restore_stored, store_and_name, store_backup
from finq_predictor.adapters.object_store.store import ObjectStore
from finq_predictor.adapters.snapshots import writer
from finq_predictor.domain.errors import ConfigurationError, StoreError


@pytest.fixture
def root(tmp_path) -> Path:
    root = tmp_path / "data"
    writer.store(locate(Layout(root).place("equity", "provenance")), lambda path: path.write_text("text"))
    BronzeStore(root / "01_bronze/equity/bars").keep_whole(pd.DataFrame({"close": [1.0], "_source": "own:a"}))
    return root


@pytest.fixture
def store(bucket):
    return ObjectStore.at("s3://house/finq")


def content(root: Path) -> dict[str, bytes]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_what_was_destroyed_is_restored_elsewhere(root, store, tmp_path):
    before = content(root)
    given = store_backup(root, store, "monday")
    shutil.rmtree(root)
    assert restore_stored(store, "monday", tmp_path / "restored") == given
    assert content(tmp_path / "restored") == before
    assert not list(tmp_path.glob(".finq-backup-*"))


def test_what_is_there_is_never_touched(root, store, tmp_path):
    store_backup(root, store, "monday")
    with pytest.raises(StoreError, match="There is a backup monday at s3://house/finq already"):
        store_backup(root, store, "monday")
    with pytest.raises(StoreError, match="There is something in"):
        restore_stored(store, "monday", root)
    with pytest.raises(StoreError, match=r"There is no backups/sunday\.json .*; backups there: monday"):
        restore_stored(store, "sunday", tmp_path / "restored")


def test_damage_is_found_and_nothing_is_made(root, store, bucket, tmp_path):
    given = store_backup(root, store, "monday")
    kept = next(file for name, file in given.files.items() if "provenance" in name)
    bucket.put_object(Bucket="house", Key=f"finq/objects/{kept.content}", Body=b"odd!")
    with pytest.raises(StoreError, match="is damaged"):
        restore_stored(store, "monday", tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


def test_the_name_is_the_last_part_of_the_url():
    assert store_and_name("s3://house/finq/monday") == (Address("house", "finq"), "monday")
    assert store_and_name("s3://house/monday") == (Address("house"), "monday")
    with pytest.raises(ConfigurationError, match="names a bucket only"):
        store_and_name("s3://house")
