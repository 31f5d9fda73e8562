"""The notes of calls as monitoring reads them: by table, with their times, and nothing where nobody was asked."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from kedro.io import DatasetError

from finq_predictor.adapters.bronze.call_notes import CALLS, note_outages
from finq_predictor.adapters.datasets.provider_notes import ProviderNotesDataset
from finq_predictor.adapters.layout import Folder
from finq_predictor.domain.monitoring.providers import measure_providers

NOW = pd.Timestamp("2024-03-05T12:00Z")


def call(hours: float, outcome: str, source: str = "yahoo") -> str:
    return json.dumps(
        {"source": source, "started_at": (NOW - pd.Timedelta(hours=hours)).isoformat(), "outcome": outcome}
    )


def test_calls_and_outages_of_every_table(tmp_path):
    bronze = tmp_path / Folder.BRONZE / "equity"
    for table, lines in {"bars": [call(1, "ok"), call(2.5, "timed out"), call(30, "failed")], "macro": []}.items():
        (bronze / table).mkdir(parents=True)
        (bronze / table / CALLS).write_text("".join(f"{line}\n" for line in [*lines, "{cut off"]))
    note_outages(bronze / "macro", ["the provider was down", "so was the other"])
    notes = ProviderNotesDataset(root=str(tmp_path), market="equity").load()
    assert len(notes.calls) == 3
    counted = measure_providers(notes, NOW, 24.0)
    assert counted.to_numpy().tolist() == [["bars", "yahoo", 2, 1, 0], ["macro", "", 0, 0, 2]]
    assert measure_providers(notes, NOW, 1.5)["calls"].tolist() == [1, 0]


def test_where_nobody_was_asked_there_is_nothing_to_count(tmp_path):
    dataset = ProviderNotesDataset(root=str(tmp_path), market="fx")
    assert measure_providers(dataset.load(), NOW, 24.0).empty
    with pytest.raises(DatasetError, match="sources write them"):
        dataset.save(dataset.load())
