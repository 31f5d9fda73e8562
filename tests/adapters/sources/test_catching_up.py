"""A source is asked for what is not there yet, for the last days again, and for nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kedro.io import DatasetError

from finq_predictor.adapters.bronze.asked import question_of
from finq_predictor.adapters.bronze.coverage import Coverage
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.datasets.bronze import BronzeDataset
from finq_predictor.adapters.datasets.source import Asking, SourceDataset
from finq_predictor.adapters.sources.catching_up import Plan, catch_up, wanted
from finq_predictor.adapters.sources.protocol import Part, WholeSource, WindowSource
from finq_predictor.domain.errors import ConfigurationError, SourceError


def hour(number: int) -> pd.Timestamp:
    return pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(hours=number)


def plan(since: int, until: int, again: int = 0) -> Plan:
    return Plan(hour(since), hour(until), pd.Timedelta(hours=again))


class Vendor:
    """A vendor with a bar an hour; some keys are down, and each key is a part of its own."""

    simulated = False
    source_id = "vendor"
    identity = ("key", "hour")

    def __init__(self, keys: Sequence[str] = ("A", "B"), down: Sequence[str] = (), revised: float = 0.0) -> None:
        self.keys = tuple(keys)
        self.down = set(down)
        self.revised = revised
        self.requests: list[tuple[str, pd.Timestamp, pd.Timestamp]] = []

    def fetch(self, keys, since, until, as_of) -> Iterator[Part]:
        assert until <= as_of
        for key in keys:
            self.requests.append((key, since, until))
            if key in self.down:
                raise SourceError(f"{key} is down.")
            hours = pd.date_range(since.ceil("h"), until, freq="h", inclusive="left")
            numbers = ((hours - hour(0)) // pd.Timedelta(hours=1)).to_numpy()
            close = numbers + self.revised * (numbers >= 18)
            yield Part(pd.DataFrame({"key": key, "hour": numbers, "close": close.astype(float)}), (key,))


def keep(store: BronzeStore, vendor: Vendor, wanted: Plan) -> list[int]:
    found = []
    for frame in catch_up(vendor, Coverage.read(store.folder), wanted):
        asked = question_of(frame)
        assert asked is not None
        found.append(store.keep_part(frame, asked))
    return found


def test_the_second_run_asks_for_the_new_hours_only(tmp_path):
    store, vendor = BronzeStore(tmp_path), Vendor()
    assert keep(store, vendor, plan(0, 20)) == [20, 20]
    vendor.requests.clear()
    assert keep(store, vendor, plan(0, 22)) == [2, 2]
    assert vendor.requests == [(key, hour(20), hour(22)) for key in "AB"]
    assert keep(store, vendor, plan(0, 22)) == []
    assert len(vendor.requests) == 2


def test_the_last_hours_are_asked_again_and_only_what_was_revised_is_kept(tmp_path):
    store = BronzeStore(tmp_path)
    keep(store, Vendor(), plan(0, 20))
    assert keep(store, Vendor(revised=0.5), plan(0, 21, again=4)) == [3, 3]
    rows = store.all()
    assert rows[rows["key"] == "A"].tail(3)["close"].tolist() == [18.5, 19.5, 20.5]
    assert len(rows) == 46


def test_a_longer_history_is_filled_in_front(tmp_path):
    store, vendor = BronzeStore(tmp_path), Vendor(["A"])
    keep(store, vendor, plan(10, 20))
    vendor.requests.clear()
    keep(store, vendor, plan(5, 21))
    assert vendor.requests == [("A", hour(5), hour(10)), ("A", hour(20), hour(21))]


def test_a_new_key_gets_its_whole_history(tmp_path):
    store = BronzeStore(tmp_path)
    keep(store, Vendor(["A"]), plan(0, 20))
    vendor = Vendor(["A", "C"])
    keep(store, vendor, plan(0, 21))
    assert vendor.requests == [("C", hour(0), hour(21)), ("A", hour(20), hour(21))]


def test_what_is_down_is_named_asked_again_next_time_and_does_not_hold_up_the_rest(tmp_path, caplog):
    store = BronzeStore(tmp_path)
    keep(store, Vendor(["A", "B"]), plan(0, 10))
    # One key is new and asked by itself, so that its failure is its own.
    keep(store, Vendor(["A", "B", "C"], down=["C"]), plan(0, 12))
    assert "C is down. The rest goes on; the next run asks again." in caplog.text
    vendor = Vendor(["A", "B", "C"])
    keep(store, vendor, plan(0, 12))
    assert vendor.requests == [("C", hour(0), hour(12))]


def test_a_source_that_never_had_anything_stops_the_run(tmp_path):
    with pytest.raises(SourceError, match="A is down"):
        keep(BronzeStore(tmp_path), Vendor(["A"], down=["A"]), plan(0, 10))


def test_an_interrupted_run_is_resumed_where_it_was(tmp_path):
    store, vendor = BronzeStore(tmp_path), Vendor(["A", "B", "C"])
    frames = catch_up(vendor, Coverage(), plan(0, 10))
    first = next(frames)
    store.keep_part(first, question_of(first))
    frames.close()
    again = Vendor(["A", "B", "C"])
    keep(store, again, plan(0, 10))
    assert [key for key, _, _ in again.requests] == ["B", "C"]
    assert len(store.all()) == 30


@given(st.lists(st.tuples(st.integers(0, 10), st.integers(1, 20), st.integers(0, 5)), min_size=1, max_size=5))
@settings(deadline=None, max_examples=50)
def test_whatever_was_asked_everything_is_asked_for_once_it_is_wanted(runs):
    coverage = Coverage()
    for since, length, again in runs:
        want = plan(since, since + length, again)
        for (begin, end), keys in wanted(["A"], coverage, want).items():
            assert want.since <= begin < end <= want.until
            coverage = coverage.with_window(keys, begin, end)
        assert coverage.missing("A", want.since, want.until) == []
        assert wanted(["A"], coverage, want) == {}


class Whole:
    simulated = False
    source_id = "file"

    def read(self) -> pd.DataFrame:
        return pd.DataFrame({"x": [1]})


def test_the_two_kinds_of_source_are_told_apart():
    assert isinstance(Vendor(), WindowSource)
    assert not isinstance(Vendor(), WholeSource)
    assert isinstance(Whole(), WholeSource)
    assert not isinstance(Whole(), WindowSource)


class Nothing:
    """No source at all."""


def dataset(kind: type, **asking) -> SourceDataset:
    return SourceDataset({"class": f"{__name__}.{kind.__name__}"}, asking or None)


def test_a_run_keeps_part_by_part_and_reads_all_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(pd.Timestamp, "now", staticmethod(lambda zone: hour(20) + pd.Timedelta(minutes=31)))
    bronze = BronzeDataset(str(tmp_path), deliveries="all")
    source = dataset(Vendor, held=str(tmp_path), since="2024-01-01", step="1h")
    for part in source.load():
        bronze.save(part)
    assert len(bronze.load()) == 40
    assert bronze.load()["_source"].unique().tolist() == ["own:vendor"]
    assert list(source.load()) == []


def test_what_a_source_needs_is_said():
    with pytest.raises(DatasetError, match=r"needs `asking: \{held: \.\.\., since: \.\.\.\}`"):
        dataset(Vendor).load()
    with pytest.raises(DatasetError, match="is no source: it has neither `read` nor `fetch`"):
        dataset(Nothing).load()
    with pytest.raises(DatasetError, match=r"(?s)`asking` of a source is wrong.*held.*Field required"):
        dataset(Vendor, since="2024-01-01")
    with pytest.raises(DatasetError, match="`since` is empty"):
        dataset(Vendor, held="x").load()
    with pytest.raises(ConfigurationError, match="`since` is 'soon'"):
        Asking(held="x", since="soon").plan(hour(0))
    for wrong in ("soon", "-1D"):
        with pytest.raises(DatasetError, match=r"(?s)`asking` of a source is wrong.*again"):
            dataset(Vendor, held="x", since="2024-01-01", again=wrong)
    with pytest.raises(ConfigurationError, match="nothing would be asked"):
        Asking(held="x", since="2024-02-01", until="2024-01-01").plan(hour(10_000))
    with pytest.raises(ConfigurationError, match="`since` is empty"):
        Asking(held="x", since="").plan(hour(0))
