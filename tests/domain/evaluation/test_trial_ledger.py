"""Trials are counted once and for ever, by configuration and by what the data hold."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from enum import StrEnum
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import ConfigurationError, DataError, StoreError
from finq_predictor.domain.evaluation.data_sketch import SKETCH, DataSketch
from finq_predictor.domain.evaluation.trial_ledger import (
    Kind,
    LedgerEntry,
    TrialLedger,
    configuration_hash,
    level_of_opening,
)

LAW = settings(deadline=None, max_examples=40)


def world(days: int = 300, instruments: int = 20, seed: int = 0) -> pd.DataFrame:
    """Rows by day; more days are the same rows and further ones."""
    ts = pd.date_range("2022-01-03 21:00", periods=days, freq="B", tz="UTC").as_unit("us")
    outcome = np.random.default_rng(seed).normal(0, 0.01, (days, instruments))
    names = [f"S{number}" for number in range(instruments)]
    return pd.DataFrame(
        {"ts": ts.repeat(instruments), "instrument": np.tile(names, days), "forward_return": outcome.ravel()}
    )


@cache
def rows(start: int, stop: int) -> DataSketch:
    """Sketch of some rows of one large world."""
    return DataSketch.of(world(days=500, instruments=40).iloc[start:stop])


def entry(configuration: str = "a", data: DataSketch | None = None, kind: Kind = Kind.JUDGED, **changes) -> LedgerEntry:
    given = {
        "model": "logistic",
        "horizon": 5,
        "seed": 1,
        "at": "2024-05-01T12:00:00+00:00",
        "by": "ada",
        "run": "kedro run",
        "reason": "release" if kind is Kind.OPENING else "",
        **changes,
    }
    return LedgerEntry(kind=kind, configuration=configuration, data=data or rows(0, 4000), **given)


def ledger_of(*entries: LedgerEntry) -> TrialLedger:
    return TrialLedger().add(entries)[0]


# What the data are


def test_the_sketch_says_how_many_rows_from_when_to_when():
    frame = world(days=3, instruments=2)
    frame.loc[[0, 5], "forward_return"] = [np.nan, np.inf]
    sketch = DataSketch.of(frame)
    assert (sketch.size, len(sketch.values)) == (4, 4)
    assert (sketch.first, sketch.last) == ("2022-01-03T21:00:00+00:00", "2022-01-05T21:00:00+00:00")
    assert (np.diff(sketch.values) > 0).all()
    assert len(DataSketch.of(world()).values) == SKETCH < DataSketch.of(world()).size == 6000


def test_order_repeats_other_columns_and_types_change_nothing():
    frame = world()
    sketch = DataSketch.of(frame)
    assert DataSketch.of(pd.concat([frame, frame[:100]])) == sketch
    assert DataSketch.of(frame.sample(frac=1, random_state=1).assign(_source="renamed.csv")) == sketch
    assert DataSketch.of(frame.assign(instrument=frame["instrument"].astype("category"))) == sketch
    assert DataSketch.of(frame.assign(instrument=frame["instrument"].astype(object))) == sketch
    elsewhere = frame["ts"].dt.tz_convert("America/New_York").dt.as_unit("ns")
    assert DataSketch.of(frame.assign(ts=elsewhere)) == sketch


def test_noise_of_computation_changes_nothing_and_another_price_does():
    frame = world()
    frame.loc[:99, "forward_return"] = 0.0
    sketch = DataSketch.of(frame)
    noisy = DataSketch.of(frame.assign(forward_return=frame["forward_return"] - 1e-14))
    assert sketch.containment(noisy) > 0.99
    assert DataSketch.of(frame.assign(forward_return=frame["forward_return"] + 2e-6)).containment(sketch) < 0.01


def test_another_seed_is_another_world():
    assert DataSketch.of(world(seed=1)).containment(DataSketch.of(world(seed=2))) < 0.01


def test_a_sketch_is_the_same_in_every_process_and_for_ever():
    frame = pd.DataFrame(
        {
            "ts": pd.to_datetime(["2024-01-02 21:00", "2024-01-03 21:00"], utc=True),
            "instrument": ["AAPL", "MSFT"],
            "forward_return": [0.0125, -0.0],
        }
    )
    # These digits stand in ledgers; a change of them would make every trial of the past a trial on other data.
    assert DataSketch.of(frame).hashes == "1f7220035c63562529999000c19eb391"


@pytest.mark.parametrize("days", [100, 1000])
def test_data_that_grew_hold_the_same_data(days):
    old, grown = DataSketch.of(world(days)), DataSketch.of(world(days + 5))
    # The generator fills day by day, so that the first days are the same.
    assert old.containment(grown) == grown.containment(old) == old.share_in(grown) == 1.0
    assert grown.share_in(old) == pytest.approx(days / (days + 5), abs=0.01)


ALL = 20_000
SPANS = st.tuples(st.integers(0, ALL - 1), st.integers(1, ALL)).map(lambda drawn: (drawn[0], min(sum(drawn), ALL)))


@LAW
@given(SPANS, SPANS)
def test_containment_is_symmetric_in_bounds_and_near_the_truth(first, second):
    one, two = rows(*first), rows(*second)
    found = one.containment(two)
    assert found == two.containment(one)
    assert 0.0 <= found <= 1.0
    assert one.containment(one) == one.share_in(one) == 1.0
    smaller, larger = sorted((one, two), key=lambda sketch: sketch.size)
    common = max(0, min(first[1], second[1]) - max(first[0], second[0])) / smaller.size
    if larger.size <= SKETCH:
        assert found == pytest.approx(common)
    elif common in (0.0, 1.0):
        assert smaller.size < 0.02 * larger.size or found == common
    elif smaller.size > 0.5 * larger.size:
        assert found == pytest.approx(common, abs=0.1)


def test_what_cannot_be_compared_counts_where_the_times_meet():
    large = DataSketch.of(world(days=2000, instruments=60))
    frame = world(days=2000, instruments=60)
    lonely = next(
        sketch for row in range(1000) if (sketch := DataSketch.of(frame[row : row + 1])).values[0] > large.values[-1]
    )
    assert np.isnan(lonely.share_in(large))
    assert lonely.containment(large) == large.containment(lonely) == 1.0
    assert replace(lonely, first="2050-01-01T00:00:00+00:00", last="2051").containment(large) == 0.0


def test_half_a_million_rows_are_sketched():
    sketch = DataSketch.of(world(days=1200, instruments=500))
    assert (sketch.size, len(sketch.values)) == (600_000, SKETCH)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda frame: frame.drop(columns="instrument"), "without instrument they cannot be. Give the rows"),
        (lambda frame: frame.assign(forward_return=np.nan), "None of 40 rows has an outcome.*log no trial"),
        (lambda frame: frame[:0], "None of 0 rows"),
        (lambda frame: frame.assign(ts=frame["ts"].dt.tz_localize(None)), "times in ts have no zone; give them in UTC"),
    ],
)
def test_rows_that_cannot_be_known_are_refused(spoil, said):
    with pytest.raises(DataError, match=said):
        DataSketch.of(spoil(world(days=2)))


# What a configuration is

NUMBERS = st.integers(-(2**40), 2**40)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@LAW
@given(st.dictionaries(st.text(max_size=5), PLAIN, max_size=5))
def test_a_configuration_is_what_it_says_not_how(content):
    def reworded(value):
        if isinstance(value, dict):
            return {key: reworded(value[key]) for key in reversed(value)}
        if isinstance(value, list):
            return tuple(map(reworded, value))
        whole = isinstance(value, int) and not isinstance(value, bool)
        return np.float64(value) if whole else value

    first = configuration_hash(content)
    assert len(first) == 16
    assert configuration_hash(reworded(content)) == first
    assert configuration_hash({**content, "a longer name": 1}) != first


def test_what_differs_is_another_configuration():
    class Objective(StrEnum):
        LOSS = "loss"

    contents = [{"a": 1}, {"a": 1.5}, {"a": "1"}, {"a": True}, {"a": [1]}, {"a": None}, {"b": 1}, {"a": {"b": 1}}, {}]
    assert len({configuration_hash(content) for content in contents}) == len(contents)
    assert configuration_hash({"a": 1.0}) == configuration_hash({"a": np.int32(1)}) == configuration_hash({"a": 1})
    assert configuration_hash({"a": -0.0}) == configuration_hash({"a": 0})
    assert configuration_hash({"a": Objective.LOSS}) == configuration_hash({"a": "loss"})


def test_a_configuration_hash_is_the_same_in_every_process():
    code = (
        "from finq_predictor.domain.evaluation.trial_ledger import configuration_hash as h;"
        "print(h({'b': [1, 2.5], 'a': None}))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True).stdout
    assert said.strip() == configuration_hash({"a": None, "b": (1.0, 2.5)}) == "e57f5d37865437a8"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"model": {"depth": [1, {2}]}}, r"configuration\.model\.depth\[1\] holds \{2\} of type set.*say it as text"),
        ({"model": {1: "x"}}, r"configuration\.model has the key 1; only text"),
    ],
)
def test_what_has_no_lasting_hash_is_refused(content, said):
    with pytest.raises(DataError, match=said):
        configuration_hash(content)


# What is counted


def test_a_repeated_run_counts_once_whoever_makes_it():
    ledger, new = TrialLedger().add([entry(), entry(by="bob", at="2025-01-01T00:00:00Z"), entry("b")])
    assert [one.configuration for one in new] == ["a", "b"]
    assert ledger.judged_on(rows(0, 4000)) == len(ledger.entries) == 2
    assert ledger.add([entry(by="eve")]) == (ledger, ())


def test_data_that_grew_by_a_little_are_the_same_trial():
    ledger = ledger_of(entry(data=rows(0, 10000)))
    assert ledger.add([entry(data=rows(0, 10030))]) == (ledger, ())


def test_data_that_grew_by_more_are_the_same_trial_and_are_kept():
    ledger, new = ledger_of(entry(data=rows(0, 10000))).add([entry(data=rows(0, 12000))])
    assert new == ()
    assert len(ledger.entries) == 2
    assert ledger.judged_on(rows(0, 12000)) == 1
    # Otherwise nobody would know that the last rows were seen.
    assert ledger.judged_on(rows(10500, 12000)) == 1


def test_the_same_configuration_on_other_data_is_a_trial_of_these():
    ledger, new = ledger_of(entry(data=rows(0, 4000))).add([entry(data=rows(4000, 8000))])
    assert len(new) == 1
    assert ledger.judged_on(rows(4000, 8000)) == ledger.judged_on(rows(0, 8000)) == 1
    assert ledger.judged_on(rows(12000, 16000)) == 0


def test_search_judgement_and_opening_are_counted_apart():
    ledger = ledger_of(
        entry("a", kind=Kind.SEARCH),
        entry("b", kind=Kind.SEARCH),
        entry("a"),
        entry("a", kind=Kind.OPENING, reason="release"),
        entry("b", kind=Kind.OPENING, reason="review"),
        entry("b", rows(0, 5000), kind=Kind.OPENING, reason="again"),
        entry("c", rows(8000, 9000), kind=Kind.OPENING, reason="elsewhere"),
    )
    data = rows(0, 4000)
    assert (ledger.searched_on(data), ledger.judged_on(data)) == (2, 1)
    assert [(one.configuration, one.reason) for one in ledger.openings_on(data)] == [("a", "release"), ("b", "review")]


def test_overlap_is_of_the_smaller_set():
    ledger = ledger_of(entry(data=rows(0, 10000)))
    assert ledger.judged_on(rows(9500, 10500)) == 1
    assert ledger.judged_on(rows(9500, 10500), overlap=0.7) == 0
    assert ledger.judged_on(rows(9970, 10970)) == 0


DATA = [(0, 4000), (0, 4600), (3000, 7000), (9000, 9500), (0, 12000)]
ENTRIES = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(DATA), st.sampled_from(list(Kind))), max_size=10
).map(lambda drawn: [entry(configuration, rows(*span), kind) for configuration, span, kind in drawn])


def counts(ledger: TrialLedger) -> list[tuple[int, int, set[str]]]:
    return [
        (
            ledger.judged_on(rows(*span)),
            ledger.searched_on(rows(*span)),
            {one.configuration for one in ledger.openings_on(rows(*span))},
        )
        for span in DATA
    ]


@LAW
@given(ENTRIES, st.randoms())
def test_the_order_of_entries_does_not_change_a_count(entries, random):
    kept = ledger_of(*entries).entries
    shuffled = random.sample(kept, len(kept))
    assert counts(TrialLedger(tuple(shuffled))) == counts(TrialLedger(kept)) == counts(TrialLedger(tuple(entries)))


@LAW
@given(ENTRIES, ENTRIES)
def test_adding_is_idempotent_and_forgets_nothing(first, second):
    ledger = ledger_of(*first)
    longer, new = ledger.add(second)
    longer.verify()
    assert longer.entries[: len(ledger.entries)] == ledger.entries
    assert set(map(id, new)) <= set(map(id, longer.entries))
    assert longer.add([*second, *first, *longer.entries]) == (longer, ())
    for before, after in zip(counts(ledger), counts(longer), strict=True):
        assert before[0] <= after[0]
        assert before[1] <= after[1]
        assert before[2] <= after[2]


# Whether it is what it was


def chain(length: int) -> TrialLedger:
    return ledger_of(*(entry(str(number), result={"p_value": 0.5, "n": 3}) for number in range(length)))


EDITS = {
    "kind": Kind.SEARCH,
    "model": "other",
    "configuration": "other",
    "horizon": 6,
    "seed": 2,
    "data": rows(0, 10),
    "at": "2024-05-02T12:00:00+00:00",
    "by": "eve",
    "run": "finq",
    "result": {"p_value": 0.01},
    "previous": "0" * 64,
}


@LAW
@given(st.integers(2, 6), st.data())
def test_an_edited_line_is_found(length, data):
    ledger = chain(length)
    ledger.verify(ledger.head)
    ledger.verify(ledger.entries[0].digest)
    place = data.draw(st.integers(0, length - 1))
    name = data.draw(st.sampled_from(sorted(EDITS)))
    edited = list(ledger.entries)
    edited[place] = replace(edited[place], **{name: EDITS[name]})
    named = min(place + (1 if name == "previous" else 2), length)
    with pytest.raises(StoreError, match=rf"[Ll]ine {named}\b.*edited"):
        TrialLedger(tuple(edited)).verify(ledger.head)


@LAW
@given(st.integers(2, 6), st.data())
def test_a_removed_or_moved_line_is_found(length, data):
    ledger = chain(length)
    place, other = data.draw(st.permutations(range(length)))[:2]
    fewer = list(ledger.entries)
    del fewer[place]
    with pytest.raises(StoreError, match="removed"):
        TrialLedger(tuple(fewer)).verify(ledger.head)
    swapped = list(ledger.entries)
    swapped[place], swapped[other] = swapped[other], swapped[place]
    with pytest.raises(StoreError, match="moved"):
        TrialLedger(tuple(swapped)).verify()


def test_all_that_an_entry_says_is_in_its_digest():
    one = entry(result={"p_value": 0.5, "n": 3})
    others = [replace(one, **{name: value}) for name, value in EDITS.items()]
    # As many rows in as many days, and other outcomes.
    others += [replace(one, data=DataSketch.of(world(days=100, instruments=40, seed=seed))) for seed in (1, 2)]
    assert len({each.digest for each in (one, *others)}) == len(others) + 1


def test_what_is_broken_is_named():
    entries = chain(4).entries
    with pytest.raises(StoreError, match="Line 3 of the ledger of trials does not follow from line 2: one of the two"):
        TrialLedger((*entries[:2], entries[3])).verify()
    with pytest.raises(StoreError, match=r"Line 1 .* says that something stood before it"):
        TrialLedger(entries[1:]).verify()
    with pytest.raises(StoreError, match="line 2, its last, was edited, or lines after it were removed"):
        TrialLedger(entries[:2]).verify(entries[3].digest)
    with pytest.raises(StoreError, match="Of the ledger of trials all were removed"):
        TrialLedger().verify(entries[3].digest)
    TrialLedger().verify()


def test_equal_numbers_have_one_digest():
    assert entry(result={"n": 3}).digest == entry(result={"n": 3.0}).digest != entry(result={"n": 3.5}).digest
    assert entry(result={"n": 2**60 + 1}).digest == entry(result={"n": float(2**60)}).digest


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"kind": Kind.OPENING, "reason": " "},
            "opening was given the reason ' '; an opening of the sealed window",
        ),
        ({"kind": Kind.JUDGED, "reason": "why not"}, "judged was given the reason 'why not'"),
        ({"at": "2024-05-01T12:00:00"}, "made at '2024-05-01T12:00:00'; give the time of the run as ISO 8601 in UTC"),
        ({"at": "yesterday"}, "made at 'yesterday'"),
        ({"result": {"p_value": float("nan")}}, "holds {'p_value': nan}; leave out what is not defined"),
    ],
)
def test_an_entry_that_could_not_answer_is_refused(changes, said):
    with pytest.raises(DataError, match=said):
        entry(**changes)


# What an opening costs


@LAW
@given(st.floats(0.001, 0.999), st.integers(1, 200))
def test_all_openings_ever_share_one_level(alpha, openings):
    levels = [level_of_opening(alpha, k) for k in range(1, openings + 1)]
    assert levels == sorted(levels, reverse=True)
    assert sum(levels) == pytest.approx(alpha * openings / (openings + 1))


def test_levels_out_of_range_are_refused():
    assert level_of_opening(0.06, 1) == 0.03
    with pytest.raises(ConfigurationError, match="level over all openings is 5; give one between 0 and 1"):
        level_of_opening(5, 1)
    with pytest.raises(ConfigurationError, match="counted from 1, not 0"):
        level_of_opening(0.05, 0)
