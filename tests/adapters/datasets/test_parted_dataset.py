"""A table in parts is kept as a version, checked part by part, and read as if it were one file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from kedro.validation import DataValidationError

from finq_predictor.adapters.datasets.feature_families import FeatureFamiliesDataset
from finq_predictor.adapters.datasets.snapshot import SnapshotDataset
from finq_predictor.adapters.parted_table import PartedTable, part_file, write_part
from finq_predictor.adapters.quality.validator import SuiteValidator
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.domain.market.markets import get_market
from finq_predictor.pipelines.features.nodes import build_gold
from finq_predictor.pipelines.features.params import FeaturesParams
from synthetic_silver import random_panel

PARTED = "finq_predictor.adapters.datasets.parted.PartedDataset"
EQUITY = get_market("equity")


@pytest.fixture(scope="module")
def made():
    return build_gold(random_panel(EQUITY), FeaturesParams(), market=EQUITY)


@pytest.fixture
def gold(made) -> pd.DataFrame:
    return made[1].copy()


def in_parts(gold: pd.DataFrame, folder, bars: int = 100) -> PartedTable:
    """The same table, so many bars a part."""
    folder.mkdir()
    number = gold["ts"].rank(method="dense").astype(int).sub(1) // bars
    for place, rows in gold.groupby(number):
        write_part(part_file(folder, int(place)), rows.reset_index(drop=True))
    return PartedTable(folder, len(gold), gold["ts"].max())


def kept(root) -> SnapshotDataset:
    return SnapshotDataset(filepath=f"{root}/03_gold/equity/gold.parquet", dataset=PARTED)


def test_what_comes_back_is_the_table(gold, tmp_path):
    table = in_parts(gold, tmp_path / "parts")
    assert len(table.files()) > 3
    kept(tmp_path).save(table)
    pd.testing.assert_frame_equal(kept(tmp_path).load(), gold, check_exact=True)
    assert not table.folder.exists(), "it was moved, not copied"
    # Whoever knows nothing of parts reads it by its path.
    path = path_of(tmp_path, "equity", "gold")
    pd.testing.assert_frame_equal(pd.read_parquet(path), gold, check_exact=True)
    taken = pd.read_parquet(path, columns=["ts", "ret_5"], filters=[("ts", ">=", gold["ts"].max())])
    assert taken["ts"].nunique() == 1


def test_a_snapshot_knows_its_rows_and_whether_it_is_whole(gold, tmp_path):
    kept(tmp_path).save(in_parts(gold, tmp_path / "parts"))
    snapshot = SnapshotStore(tmp_path, "equity").newest()
    entry = snapshot.manifest.entries["gold"]
    assert (entry.rows, pd.Timestamp(entry.known_until)) == (len(gold), gold["ts"].max())
    assert snapshot.damaged() == {}
    file = sorted(snapshot.path("gold").iterdir())[1]
    file.write_bytes(file.read_bytes()[:-1])
    assert set(SnapshotStore(tmp_path, "equity").newest().damaged()) == {"gold"}


def test_the_same_parts_are_the_same_version_and_a_frame_is_one_part(gold, tmp_path):
    for number in range(2):
        kept(tmp_path).save(in_parts(gold, tmp_path / f"parts{number}"))
    versions = tmp_path / "03_gold" / "equity" / "gold"
    assert len(list(versions.iterdir())) == 1
    kept(tmp_path).save(gold)
    assert len(list(versions.iterdir())) == 2
    pd.testing.assert_frame_equal(kept(tmp_path).load(), gold, check_exact=True)


def test_families_are_read_out_of_parts(made, gold, tmp_path):
    kept(tmp_path).save(in_parts(gold, tmp_path / "parts"))
    place = f"{tmp_path}/03_gold/equity/feature_set.json"
    SnapshotDataset(filepath=place, value="finq_predictor.domain.features.FeatureSet").save(made[0])
    family = FeatureFamiliesDataset(root=str(tmp_path), market="equity", families=["volatility"]).load()
    pd.testing.assert_frame_equal(family, gold[list(family.columns)], check_exact=True)


# Checks --------------------------------------------------------------------------------------------------------------

CHECK = SuiteValidator("gold", "equity", "gold")


def test_parts_of_a_good_table_pass(gold, tmp_path):
    table = in_parts(gold, tmp_path / "parts")
    # What is known on most rows of the table is not known at all in its first part.
    assert pd.read_parquet(table.files()[0])["ret_120"].notna().mean() < 0.5
    assert CHECK.validate(table) is table


def test_a_wrong_value_in_one_part_is_found(gold, tmp_path):
    gold.loc[len(gold) - 3, "label_5"] = 0.5
    with pytest.raises(DataValidationError, match="label_5"):
        CHECK.validate(in_parts(gold, tmp_path / "parts"))


def test_what_is_known_too_seldom_over_all_parts_is_found(gold, tmp_path):
    gold.loc[gold.index[: int(0.6 * len(gold))], "ret_5"] = np.nan
    with pytest.raises(DataValidationError, match=r"ret_5.*known on"):
        CHECK.validate(in_parts(gold, tmp_path / "parts"))


def test_no_row_at_all_is_found(tmp_path):
    (tmp_path / "parts").mkdir()
    with pytest.raises(DataValidationError, match="0 rows"):
        CHECK.validate(PartedTable(tmp_path / "parts", 0, None))
