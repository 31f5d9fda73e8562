from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kedro.io import DatasetError

from finq_predictor.adapters.bronze.arrivals import ARRIVED
from finq_predictor.adapters.bronze.content import content_hash
from finq_predictor.adapters.datasets.bronze import BronzeDataset
from finq_predictor.domain.errors import ConfigurationError


def delivery(*values, source="own:a"):
    return pd.DataFrame({"x": list(values), "_source": source})


def manifest(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def test_load_adds_lineage(tmp_path):
    bronze = BronzeDataset(str(tmp_path))
    bronze.save(delivery(1, 2))
    loaded = bronze.load()
    assert loaded.columns.tolist() == ["x", "_source", "_received_at", "_content_hash"]
    assert str(loaded["_received_at"].dtype) == "datetime64[us, UTC]"
    assert loaded["_content_hash"].unique().tolist() == [content_hash(delivery(1, 2))]


def test_same_delivery_adds_nothing(tmp_path):
    bronze = BronzeDataset(str(tmp_path))
    bronze.save(delivery(1, 2))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.name != ARRIVED}
    bronze.save(delivery(1, 2))
    bronze.save(bronze.load())
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.name != ARRIVED} == before


def test_order_and_types_count():
    assert content_hash(delivery(1, 2)) != content_hash(delivery(2, 1))
    assert content_hash(delivery(1, 2)) != content_hash(delivery(1.0, 2.0))
    assert content_hash(delivery(1, 2)) == content_hash(delivery(1, 2).set_axis([7, 8], axis=0))


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=3), min_size=1, max_size=6))
@settings(deadline=None, max_examples=20)
def test_nothing_delivered_is_ever_lost(tmp_path_factory, deliveries):
    folder = tmp_path_factory.mktemp("bronze")
    bronze = BronzeDataset(str(folder))
    for values in deliveries:
        bronze.save(delivery(*values))
        assert bronze.load()["x"].tolist() == values
    distinct = list(dict.fromkeys(map(tuple, deliveries)))
    assert len(list(folder.glob("part-*.parquet"))) == len(distinct)
    everything = BronzeDataset(str(folder), deliveries="all").load()["x"].tolist()
    assert everything == [value for values in distinct for value in values]


def test_all_means_all_of_the_last_source(tmp_path):
    bronze = BronzeDataset(str(tmp_path), deliveries="all")
    for values, source in [((1,), "own:a"), ((2,), "own:b"), ((3,), "own:a")]:
        bronze.save(delivery(*values, source=source))
    assert bronze.load()["x"].tolist() == [1, 3]


def test_old_content_is_current_again(tmp_path):
    bronze = BronzeDataset(str(tmp_path))
    for values in [(1,), (2,), (1,)]:
        bronze.save(delivery(*values))
    assert bronze.load()["x"].tolist() == [1]
    assert len(manifest(tmp_path)) == 3
    assert len(list(tmp_path.glob("part-*"))) == 2


def test_damaged_delivery_is_named_and_healed_by_the_next_run(tmp_path, caplog):
    bronze = BronzeDataset(str(tmp_path))
    bronze.save(delivery(1, 2))
    part = next(tmp_path.glob("part-*"))
    part.write_bytes(part.read_bytes()[:-40] + b"x" * 40)
    with pytest.raises(DatasetError, match=rf"{part.name}.*from 'own:a', is damaged.*Run the ingestion pipeline"):
        bronze.load()
    bronze.save(delivery(1, 2))
    assert "was damaged or gone" in caplog.text
    assert bronze.load()["x"].tolist() == [1, 2]
    assert len(manifest(tmp_path)) == 1


def test_absent_delivery_is_named(tmp_path):
    bronze = BronzeDataset(str(tmp_path))
    bronze.save(delivery(1))
    part = next(tmp_path.glob("part-*"))
    part.unlink()
    with pytest.raises(DatasetError, match=rf"{part.name} is in the manifest but the file is gone"):
        bronze.load()


def test_killed_between_part_and_manifest_recovers(tmp_path):
    bronze = BronzeDataset(str(tmp_path))
    bronze.save(delivery(1))
    (tmp_path / "manifest.jsonl").unlink()
    assert not bronze.exists()
    bronze.save(delivery(1))
    assert bronze.load()["x"].tolist() == [1]
    assert len(list(tmp_path.glob("part-*"))) == 1


def test_damaged_manifest_is_named(tmp_path):
    (tmp_path / "manifest.jsonl").write_text('{"hash": ')
    with pytest.raises(DatasetError, match=r"manifest.*manifest\.jsonl is damaged"):
        BronzeDataset(str(tmp_path)).load()


def test_nothing_delivered_yet(tmp_path):
    with pytest.raises(DatasetError, match="kedro run --pipelines=ingestion"):
        BronzeDataset(str(tmp_path)).load()


def test_no_rows_can_be_delivered(tmp_path):
    bronze = BronzeDataset(str(tmp_path))
    bronze.save(pd.DataFrame({"_source": pd.Series([], dtype="str")}))
    assert len(bronze.load()) == 0


def test_mixed_types_are_kept_as_text(tmp_path):
    bronze = BronzeDataset(str(tmp_path))
    bronze.save(pd.DataFrame({"x": [1, "two", None], "_source": "own:a"}))
    assert bronze.load()["x"].tolist()[:2] == ["1", "two"]
    assert bronze.load()["x"].isna().tolist() == [False, False, True]


def test_unknown_choice_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="must be 'last' or 'all', not 'first'"):
        BronzeDataset(str(tmp_path), deliveries="first")
