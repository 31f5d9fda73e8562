"""When bronze last came, and what is said of what did not."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from click.testing import CliRunner

from finq_predictor.adapters.bronze.arrivals import ARRIVED, arrived_at, not_fresh, note_arrival
from finq_predictor.adapters.bronze.call_notes import note_outages
from finq_predictor.adapters.datasets.bronze import BronzeDataset
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.cli import finq
from finq_predictor.domain.errors import StoreError, UnknownNameError

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)


def place(root):
    return Layout(root).place("fx", "bronze_bars")


def test_each_delivery_is_an_arrival_also_one_that_brings_nothing_new(tmp_path):
    dataset = BronzeDataset(place(tmp_path).as_posix())
    assert arrived_at(place(tmp_path)) is None
    frame = pd.DataFrame({"a": [1], "_source": ["own:1"]})
    dataset.save(frame)
    first = arrived_at(place(tmp_path))
    assert first is not None
    assert datetime.now(UTC) - first < timedelta(minutes=1)
    note_arrival(place(tmp_path), NOON)
    dataset.save(frame)
    assert arrived_at(place(tmp_path)) >= first


def test_what_could_not_be_had_is_no_arrival(tmp_path):
    note_arrival(place(tmp_path), NOON)
    note_outages(place(tmp_path), ["not all of it could be had"])
    note_arrival(place(tmp_path), NOON + HALF_AN_HOUR)
    assert arrived_at(place(tmp_path)) == NOON


@pytest.fixture
def delivered(small_project, tmp_path):
    """A folder with deliveries of FX, and silver that was made of them."""
    for layer in ("01_bronze", "02_silver"):
        shutil.copytree(small_project / layer / "fx", tmp_path / layer / "fx")
    store = SnapshotStore(small_project, "fx")
    shutil.copytree(store.folder, SnapshotStore(tmp_path, "fx").folder)
    note_arrival(place(tmp_path), NOON)
    return tmp_path


def test_what_is_old_or_never_came_is_said(delivered):
    asked = ["fx.bronze_bars", "equity.bronze_bars"]
    assert not_fresh(delivered, asked[:1], HALF_AN_HOUR, NOON + HALF_AN_HOUR) == []
    assert not_fresh(delivered, asked, HALF_AN_HOUR, NOON + 2 * HALF_AN_HOUR) == [
        "fx.bronze_bars was delivered 60 min ago",
        "equity.bronze_bars was never delivered",
    ]
    with pytest.raises(UnknownNameError, match="Unknown stored dataset 'bronce_bars'"):
        not_fresh(delivered, ["fx.bronce_bars"], HALF_AN_HOUR, NOON)


def test_what_came_and_is_not_published_is_waited_for(delivered):
    """As while an ingestion is under way, or where a gate has stopped it."""
    dataset = BronzeDataset(place(delivered).as_posix())
    dataset.save(dataset.load().iloc[:-5])
    now = datetime.now(UTC)
    (said,) = not_fresh(delivered, ["fx.bronze_bars"], HALF_AN_HOUR, now)
    assert said.startswith("fx.bronze_bars came and is not in silver yet")
    assert not_fresh(delivered, ["fx.bronze_articles"], timedelta(days=9999), now) == []


@pytest.mark.parametrize("text", ["", "soon", "2026-03-02T12:00:00"])
def test_a_note_that_is_no_time_is_named(tmp_path, text):
    note_arrival(place(tmp_path), NOON)
    (place(tmp_path) / ARRIVED).write_text(text)
    with pytest.raises(StoreError, match="is no time with a zone; remove it"):
        arrived_at(place(tmp_path))


def test_the_command_says_what_it_waits_for(delivered):
    def ask(*words: str):
        return CliRunner().invoke(finq, ["data", "fresh", "--root", str(delivered), *words])

    missing = ask("fx.bronze_bars")
    assert missing.exit_code == 3
    assert missing.output.startswith("fx.bronze_bars was delivered ")
    assert missing.output.endswith(" min ago\n")
    note_arrival(place(delivered), datetime.now(UTC))
    assert (ask("fx.bronze_bars").exit_code, ask("fx.bronze_bars").output) == (0, "Fresh: fx.bronze_bars.\n")
    assert ask("--within", "0", "fx.bronze_bars").exit_code == 3
    unknown = ask("fx.bronce_bars")
    assert unknown.exit_code == 1
    assert "Unknown stored dataset" in unknown.output


def test_the_folder_is_that_of_the_runs(delivered, monkeypatch):
    monkeypatch.setenv("FINQ_KEDRO_PARAMS", f"seed=1,data_root={delivered}")
    note_arrival(place(delivered), datetime.now(UTC))
    done = CliRunner().invoke(finq, ["data", "fresh", "fx.bronze_bars"])
    assert done.exit_code == 0, done.output
