"""What was delivered in parts: nothing lost, nothing doubled, revisions beside what they revise."""

from __future__ import annotations

import multiprocessing
import threading
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.adapters.bronze import merging
from finq_predictor.adapters.bronze import store as bronze_store
from finq_predictor.adapters.bronze.asked import Asked
from finq_predictor.adapters.bronze.content import row_hashes
from finq_predictor.adapters.bronze.coverage import COVERAGE, Coverage
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.domain.errors import StoreError

ORIGIN = "own:vendor"


def day(number: int) -> pd.Timestamp:
    return pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=number)


def asked(since: int, until: int, *keys: str) -> Asked:
    return Asked(ORIGIN, keys or ("A",), day(since), day(until), ("symbol", "day"))


def rows(*values: tuple[str, int, float]) -> pd.DataFrame:
    symbols, days, closes = zip(*values, strict=True) if values else ((), (), ())
    return pd.DataFrame(
        {
            "symbol": pd.Series(symbols, dtype="str"),
            "day": pd.Series(days, dtype="int64"),
            "close": pd.Series(closes, dtype="float64"),
            "_source": pd.Series(ORIGIN, index=range(len(symbols)), dtype="str"),
        }
    )


def held(store: BronzeStore) -> list[tuple[str, int, float]]:
    return [tuple(row) for row in store.all()[["symbol", "day", "close"]].itertuples(index=False)]


@pytest.fixture
def store(tmp_path):
    return BronzeStore(tmp_path / "bars")


def test_what_only_repeats_is_not_stored_again(store):
    assert store.keep_part(rows(("A", 0, 1.0), ("A", 1, 2.0)), asked(0, 2)) == 2
    assert store.keep_part(rows(("A", 1, 2.0), ("A", 2, 3.0)), asked(1, 3)) == 1
    assert store.keep_part(rows(("A", 1, 2.0), ("A", 2, 3.0)), asked(1, 3)) == 0
    assert held(store) == [("A", 0, 1.0), ("A", 1, 2.0), ("A", 2, 3.0)]
    assert len(list(store.folder.glob("*.parquet"))) == 2


def test_a_revision_stays_beside_what_it_revises_and_may_be_taken_back(store):
    for close in (1.0, 1.5, 1.0, 1.0):
        store.keep_part(rows(("A", 0, close)), asked(0, 1))
    assert held(store) == [("A", 0, 1.0), ("A", 0, 1.5), ("A", 0, 1.0)]


def test_rows_that_contradict_each_other_are_kept_once_however_often_they_come(store):
    for _ in range(3):
        store.keep_part(rows(("A", 0, 1.0), ("A", 0, 9.0)), asked(0, 1))
    assert held(store) == [("A", 0, 1.0), ("A", 0, 9.0)]


def test_numbers_are_the_same_whatever_they_are_written_as(store):
    store.keep_part(rows(("A", 0, 3.0)), asked(0, 1))
    assert store.keep_part(rows(("A", 0, 3.0)).astype({"close": "int64", "day": "float64"}), asked(0, 1)) == 0
    columns = ["_source", "close", "day", "symbol"]
    assert store.keep_part(rows(("A", 0, 3.0))[columns].assign(note=np.nan), asked(0, 1)) == 0
    assert store.keep_part(rows(("A", 0, 3.0)).assign(note="dividend"), asked(0, 1)) == 1


def test_another_provider_is_another_row(store):
    store.keep_part(rows(("A", 0, 3.0)), asked(0, 1))
    assert store.keep_part(rows(("A", 0, 3.0)).assign(_source="own:other"), asked(0, 1)) == 1
    assert store.all()["_source"].tolist() == [ORIGIN, "own:other"]


def test_what_was_answered_is_noted_even_if_there_was_nothing(store):
    assert store.keep_part(rows(), asked(0, 2, "A", "B")) == 0
    assert len(store.all()) == 0
    store.keep_part(rows(("B", 2, 1.0)), asked(2, 4, "B"))
    coverage = Coverage.read(store.folder)
    assert coverage.of("A") == [(day(0), day(2))]
    assert coverage.of("B") == [(day(0), day(4))]
    assert coverage.missing("A", day(0), day(4)) == [(day(2), day(4))]


def test_a_damaged_note_says_what_to_do_and_its_loss_doubles_nothing(store):
    store.keep_part(rows(("A", 0, 1.0)), asked(0, 1))
    note = store.folder / COVERAGE
    note.write_text("{")
    with pytest.raises(StoreError, match=r"coverage\.json.*is damaged.*Remove it"):
        store.keep_part(rows(("A", 1, 1.0)), asked(1, 2))
    note.unlink()
    assert store.keep_part(rows(("A", 0, 1.0), ("A", 1, 1.0)), asked(0, 2)) == 0
    assert held(store) == [("A", 0, 1.0), ("A", 1, 1.0)]


def test_a_row_without_its_identity_is_refused_and_nothing_changes(store):
    store.keep_part(rows(("A", 0, 1.0)), asked(0, 1))
    with pytest.raises(StoreError, match=r"own:vendor delivered lacks day, by which"):
        store.keep_part(rows(("A", 1, 1.0)).drop(columns="day"), asked(1, 2))
    assert held(store) == [("A", 0, 1.0)]


deliveries = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.integers(1, 4),
        st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 9), st.sampled_from([1.0, 2.0])), max_size=5),
        st.sampled_from(["keep", "keep", "keep and merge"]),
        st.sampled_from([False, False, True]),
    ),
    min_size=1,
    max_size=8,
)


@given(deliveries)
@settings(deadline=None, max_examples=12)
def test_any_past_state_is_there_again_bit_for_bit_whatever_was_merged(tmp_path_factory, given_deliveries):
    store = BronzeStore(tmp_path_factory.mktemp("bronze"))
    states = []
    for since, length, values, what, more_columns in given_deliveries:
        inside = [(symbol, since + number % length, close) for symbol, number, close in values]
        frame = rows(*inside)
        store.keep_part(frame.assign(volume=1) if more_columns else frame, asked(since, since + length, "A", "B"))
        if what == "keep and merge":
            before = store.all()
            store.merge()
            pd.testing.assert_frame_equal(store.all(), before, check_exact=True)
        states.append((store.entries()[-1].noted_at, store.all()))
    store.merge()
    for moment, state in states:
        pd.testing.assert_frame_equal(store.all(moment), state, check_exact=True)
    # What was said last under each identity is what is held last.
    said: dict[tuple[str, int], float] = {}
    for since, length, values, _, _ in given_deliveries:
        said |= {(symbol, since + number % length): close for symbol, number, close in values}
    last = {(symbol, number): close for symbol, number, close in held(store)}
    assert last == said


def test_the_number_of_files_stays_small_and_nothing_is_lost(store, monkeypatch):
    monkeypatch.setattr(bronze_store, "MOST_FILES", 5)
    for number in range(40):
        store.keep_part(rows(("A", number, float(number))), asked(number, number + 1))
        assert len(list(store.folder.glob("*.parquet"))) <= 6
    assert held(store) == [("A", number, float(number)) for number in range(40)]
    assert store.all()["_received_at"].is_monotonic_increasing
    assert store.all()["_content_hash"].nunique() == 40


def test_what_is_large_is_not_copied_again(store, monkeypatch):
    """Otherwise each day would copy all of history once more, and fifty million rows would take hours."""
    monkeypatch.setattr(bronze_store, "MOST_FILES", 4)
    monkeypatch.setattr(merging, "LARGE", 10)
    seen: dict[str, int] = {}
    for number in range(60):
        store.keep_part(rows(*[("A", 3 * number + n, 1.0) for n in range(3)]), asked(3 * number, 3 * number + 3))
        files = {file.name: file.stat().st_mtime_ns for file in store.folder.glob("merged-*")}
        assert all(files[name] == when for name, when in seen.items())
        per_file = Counter(entry.file for entry in store.entries())
        seen |= {name: files[name] for name, parts in per_file.items() if 3 * parts >= 10 and name in files}
        assert merging.small_files(store.entries()) <= 5
    assert len(seen) >= 8
    assert held(store) == [("A", number, 1.0) for number in range(180)]


def test_a_reader_meets_whole_states_while_files_are_merged(store, monkeypatch):
    monkeypatch.setattr(bronze_store, "MOST_FILES", 3)
    store.keep_part(rows(("A", 0, 0.0)), asked(0, 1))
    seen, problems, stop = [], [], threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                seen.append(len(store.all()))
            except Exception as error:
                problems.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 40):
        store.keep_part(rows(("A", number, 0.0)), asked(number, number + 1))
    stop.set()
    reader.join()
    assert not problems
    assert seen == sorted(seen)


def test_damage_is_named_and_not_merged_away(store):
    for number in range(3):
        store.keep_part(rows(("A", number, 1.0)), asked(number, number + 1))
    file = sorted(store.folder.glob("part-*"))[0]
    file.write_bytes(file.read_bytes()[:-10] + b"0123456789")
    with pytest.raises(StoreError, match=rf"{file.name}.*is damaged.*may not deliver again"):
        store.all()
    with pytest.raises(StoreError, match="nothing was merged"):
        store.merge()
    file.unlink()
    with pytest.raises(StoreError, match=rf"{file.name} is in the manifest but the file is gone"):
        store.all()


def test_what_cannot_be_merged_does_not_hold_up_what_comes(store, monkeypatch, caplog):
    monkeypatch.setattr(bronze_store, "MOST_FILES", 2)
    for number in range(2):
        store.keep_part(rows(("A", number, 1.0)), asked(number, number + 1))
    first = store.folder / store.entries()[0].file
    first.unlink()
    for number in range(2, 5):
        assert store.keep_part(rows(("A", number, 1.0)), asked(number, number + 1)) == 1
    assert "What was delivered now is kept all the same." in caplog.text
    assert [entry.rows for entry in store.entries()] == [1] * 5
    with pytest.raises(StoreError, match=rf"{first.name} is in the manifest but the file is gone"):
        store.all()


def test_what_a_lost_manifest_named_is_never_removed(store):
    for number in range(3):
        store.keep_part(rows(("A", number, 1.0)), asked(number, number + 1))
    store.merge()
    (merged,) = store.folder.glob("merged-*")
    (store.folder / "manifest.jsonl").unlink()
    for number in range(2, 6):
        store.keep_part(rows(("A", number, 1.0)), asked(number, number + 1))
    store.merge()
    assert merged.exists()
    assert held(store) == [("A", number, 1.0) for number in range(2, 6)]


def test_what_killed_merges_wrote_is_cleared_away_by_the_next(store, monkeypatch):
    def killed(*given):
        raise KeyboardInterrupt

    for day in range(3):
        store.keep_part(rows(("A", day, 1.0)), asked(day, day + 1))
        with monkeypatch.context() as patch:
            patch.setattr(bronze_store, "write_manifest" if day else "superfluous", killed)
            with pytest.raises(KeyboardInterrupt):
                store.merge()
    store.keep_part(rows(("A", 3, 1.0)), asked(3, 4))
    damaged = store.folder / "merged-0000000000000000.parquet"
    damaged.write_bytes(b"what is no Parquet")
    store.merge()
    assert {file.name for file in store.folder.glob("*.parquet")} == {damaged.name, store.entries()[0].file}
    assert held(store) == [("A", day, 1.0) for day in range(4)]


def test_each_state_has_a_name_of_its_own(store):
    names = [store.current()]
    for close in (1.0, 1.5, 1.0):
        store.keep_part(rows(("A", 0, close)), asked(0, 1))
        names.append(store.current())
    assert len(set(names)) == 4
    store.merge()
    assert store.current() == names[-1]


def test_a_state_before_the_first_delivery_is_none(store):
    with pytest.raises(StoreError, match=r"Nothing was delivered to .* yet"):
        store.all()
    store.keep_part(rows(("A", 0, 1.0)), asked(0, 1))
    with pytest.raises(StoreError, match=r"Nothing was delivered to .* by 2001"):
        store.all(pd.Timestamp("2001-01-01", tz="UTC"))


def deliver(folder, first: int) -> None:
    for number in range(first, first + 20):
        BronzeStore(folder).keep_part(rows(("A", number, 1.0), ("B", number, 2.0)), asked(number, number + 1, "A", "B"))


def test_two_that_write_the_same_lose_nothing_and_double_nothing(store):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=deliver, args=(store.folder, first)) for first in (0, 10)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert sorted(held(store)) == sorted(
        (name, number, close) for number in range(30) for name, close in (("A", 1.0), ("B", 2.0))
    )
    assert Coverage.read(store.folder).of("B") == [(day(0), day(30))]


def test_rows_of_equal_values_have_equal_hashes_and_no_others():
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.integers(0, 3, (500, 3)), columns=list("abc")).assign(name="x")
    hashes = row_hashes(frame)
    assert pd.Series(hashes).nunique() == len(frame.drop_duplicates())
    # Two columns that change places are another row.
    assert not np.array_equal(row_hashes(frame.rename(columns={"a": "b", "b": "a"})), hashes)
