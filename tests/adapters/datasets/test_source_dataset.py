from __future__ import annotations

import pandas as pd
import pytest
from kedro.io import DatasetError

from finq_predictor.adapters.datasets.source import SourceDataset

OWN = "finq_predictor.adapters.sources.own_file.OwnFileSource"
SIMULATED = "finq_predictor.adapters.sources.simulated.SimulatedSource"


def test_own_file_is_noted_in_every_row(tmp_path):
    pd.DataFrame({"a": [1, 2]}).to_csv(tmp_path / "x.csv", index=False)
    frame = SourceDataset({"class": OWN, "filepath": str(tmp_path / "x.csv"), "table": "bars"}).load()
    assert frame["a"].tolist() == [1, 2]
    assert frame["_source"].str.fullmatch(r"own:x\.csv#[0-9a-f]{8}").all()


def test_table_that_was_not_given_is_empty():
    frame = SourceDataset({"class": OWN, "filepath": None, "table": "articles"}).load()
    assert frame.empty
    assert "_source" in frame


def test_simulated_table_is_noted_as_such():
    options = {"market": "fx", "table": "macro", "years": 0.25}
    frame = SourceDataset({"class": SIMULATED, **options}).load()
    assert frame["_source"].str.startswith("simulated:simulated-").all()


def test_source_is_read_only_and_needs_a_class():
    with pytest.raises(DatasetError, match="read-only"):
        SourceDataset({"class": OWN, "filepath": None, "table": "bars"}).save(pd.DataFrame())
    with pytest.raises(DatasetError, match="needs a `class`"):
        SourceDataset({"table": "bars"})
