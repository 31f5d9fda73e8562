"""The file of the ledger only grows, whoever writes to it and whenever they are killed."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kedro.io import AbstractDataset, DatasetError

from finq_predictor.adapters.datasets.trial_ledger import TrialLedgerDataset
from finq_predictor.domain.evaluation.data_sketch import DataSketch
from finq_predictor.domain.evaluation.trial_ledger import Kind, LedgerEntry, TrialLedger


def sketch(start: int, stop: int) -> DataSketch:
    ts = pd.date_range("2022-01-03", periods=stop, freq="D", tz="UTC").as_unit("us")
    frame = pd.DataFrame({"ts": ts, "instrument": "EURUSD", "forward_return": [day / 1e4 for day in range(stop)]})
    return DataSketch.of(frame[start:])


OLD, NEW = sketch(0, 40), sketch(100, 140)


def entry(configuration: str, data: DataSketch = OLD, **changes) -> LedgerEntry:
    given = {
        "model": "logistic",
        "horizon": 1,
        "seed": 0,
        "at": "2024-05-01T12:00:00Z",
        "by": "ada",
        "run": "kedro run",
    }
    return LedgerEntry(**{"kind": Kind.JUDGED, "configuration": configuration, "data": data, **given, **changes})


def ledger_of(*entries: LedgerEntry) -> TrialLedger:
    return TrialLedger().add(entries)[0]


def dataset(folder: Path) -> TrialLedgerDataset:
    return TrialLedgerDataset(str(folder / "ledger" / "trials.jsonl"))


def filled(folder: Path, *configurations: str) -> TrialLedgerDataset:
    kept = dataset(folder)
    kept.save(ledger_of(*(entry(name, NEW if name == "new" else OLD) for name in configurations)))
    return kept


def test_nothing_was_tried_yet(tmp_path):
    kept = dataset(tmp_path)
    assert not kept.exists()
    assert kept.load() == TrialLedger()
    kept.save(TrialLedger())
    assert not kept.exists()
    assert kept.load() == TrialLedger()
    assert list(tmp_path.rglob("*.jsonl")) == []


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBER = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**50), 2**50)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.builds(
            entry,
            configuration=TEXT,
            data=st.sampled_from([OLD, NEW]),
            kind=st.sampled_from([Kind.SEARCH, Kind.JUDGED]),
            model=TEXT,
            horizon=st.integers(1, 99),
            seed=st.integers(0, 2**63),
            by=TEXT,
            run=TEXT,
            result=st.dictionaries(TEXT, NUMBER, max_size=3),
        ),
        max_size=6,
    )
)
def test_a_ledger_survives_the_round_trip(tmp_path_factory, entries):
    kept = dataset(tmp_path_factory.mktemp("ledger"))
    ledger = ledger_of(*entries)
    kept.save(ledger)
    again = kept.load()
    assert again == ledger
    assert [one.digest for one in again.entries] == [one.digest for one in ledger.entries]


def test_openings_keep_their_reason(tmp_path):
    kept = dataset(tmp_path)
    ledger = ledger_of(entry("a", kind=Kind.OPENING, reason="the release of May", result={"p_value": 0.01}))
    kept.save(ledger)
    assert kept.load().openings_on(OLD) == ledger.entries


def test_only_what_is_new_is_added_and_nothing_is_rewritten(tmp_path):
    kept = filled(tmp_path, "a", "b")
    before = kept._path.read_bytes()
    kept.save(kept.load())
    kept.save(ledger_of(entry("b", by="bob"), entry("a", at="2025-01-01T00:00:00Z")))
    assert kept._path.read_bytes() == before
    kept.save(kept.load().add([entry("c"), entry("a", NEW)])[0])
    after = kept._path.read_bytes()
    assert after.startswith(before)
    assert after.count(b"\n") == 4
    kept.load().verify()


def test_a_save_on_what_was_loaded_long_ago_loses_nothing(tmp_path):
    kept = filled(tmp_path, "a")
    early = kept.load()
    filled(tmp_path, "b")
    kept.save(early.add([entry("c")])[0])
    assert [one.configuration for one in kept.load().entries] == ["a", "b", "c"]


def test_rows_are_written_out_once(tmp_path):
    kept = filled(tmp_path, "a", "b", "new")
    kept.save(ledger_of(entry("c")))
    lines = [json.loads(line) for line in kept._path.read_text().splitlines()]
    assert [isinstance(line["data"], dict) for line in lines] == [True, False, True, False]
    assert lines[1]["data"] == lines[3]["data"] == OLD.identity
    assert len({id(one.data) for one in kept.load().entries}) == 2


def test_two_processes_that_add_at_the_same_time_lose_nothing(tmp_path):
    kept = filled(tmp_path, "first")
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_trial_ledger_dataset import dataset, entry, ledger_of
from pathlib import Path
kept = dataset(Path({str(tmp_path)!r}))
print("ready", flush=True)
sys.stdin.readline()
for number in range(50):
    kept.save(ledger_of(entry("both"), entry(f"{{sys.argv[1]}}-{{number}}")))
"""
    writers = [
        subprocess.Popen([sys.executable, "-c", code, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in ("ada", "bob")
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    while any(writer.poll() is None for writer in writers):
        kept.load()
    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0]
    told = [one.configuration for one in kept.load().entries]
    assert len(told) == len(set(told)) == 102
    for name in ("ada", "bob"):
        assert [one for one in told if one.startswith(name)] == [f"{name}-{number}" for number in range(50)]
    assert told.index("bob-0") < told.index("ada-49"), "they did not write at the same time"


@pytest.mark.parametrize("keep", [1, 40, 0.5, -2])
def test_a_line_torn_by_a_killed_process_is_dropped(keep, tmp_path, caplog):
    kept = filled(tmp_path, "a", "b")
    whole = kept._path.read_bytes()
    locked = kept._lock.read_bytes()
    filled(tmp_path, "new")
    added = kept._path.read_bytes()[len(whole) :]
    torn = added[: int(len(added) * keep) if isinstance(keep, float) else keep]
    kept._path.write_bytes(whole + torn)
    # The process was killed before it could note the new last line.
    kept._lock.write_bytes(locked)

    assert [one.configuration for one in kept.load().entries] == ["a", "b"]
    kept.save(kept.load())
    assert kept._path.read_bytes() == whole + torn
    assert caplog.text == ""
    with caplog.at_level(logging.WARNING):
        kept.save(ledger_of(entry("c")))
    assert f"its {len(torn)} bytes are removed. Run again what was killed" in caplog.text
    assert kept._path.read_bytes().startswith(whole)
    assert [one.configuration for one in kept.load().entries] == ["a", "b", "c"]


def test_the_first_line_may_be_torn_too(tmp_path):
    kept = dataset(tmp_path)
    kept._path.parent.mkdir()
    kept._path.write_text('{"kind": "jud')
    assert kept.load() == TrialLedger()
    assert filled(tmp_path, "a").load() == ledger_of(entry("a"))


def test_a_process_killed_before_it_noted_the_last_line_leaves_a_whole_ledger(tmp_path):
    kept = filled(tmp_path, "a")
    noted = kept._lock.read_bytes()
    filled(tmp_path, "b")
    kept._lock.write_bytes(noted)
    assert [one.configuration for one in kept.load().entries] == ["a", "b"]


def test_a_last_line_that_only_lacks_its_end_is_kept(tmp_path, caplog):
    kept = filled(tmp_path, "a", "b")
    content = kept._path.read_bytes()
    kept._path.write_bytes(content.rstrip(b"\n"))
    assert [one.configuration for one in kept.load().entries] == ["a", "b"]
    kept.save(ledger_of(entry("c")))
    assert kept._path.read_bytes().startswith(content)
    assert [one.configuration for one in kept.load().entries] == ["a", "b", "c"]
    assert caplog.text == ""


def edited(number: int, old: str, new: str):
    def spoil(lines: list[str]) -> list[str]:
        assert old in lines[number - 1]
        return [line.replace(old, new) if place == number else line for place, line in enumerate(lines, start=1)]

    return spoil


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (edited(1, '"by":"ada"', '"by":"eve"'), "Line 2 of the ledger of trials does not follow from line 1"),
        (edited(4, '"by":"ada"', '"by":"eve"'), "line 4, its last, was edited"),
        (edited(2, '"horizon":1', '"horizon":"1"'), r"Line 2 of .*trials\.jsonl cannot be read as .*field horizon"),
        (edited(2, '"by"', '"with"'), r"Line 2 of .*trials\.jsonl cannot be read as LedgerEntry: field"),
        (edited(2, OLD.identity, NEW.identity), r"Line 2 of .*trials\.jsonl names rows that no line before it holds"),
        (edited(4, OLD.identity, NEW.identity), "line 4, its last, was edited"),
        (edited(3, '"size":40', '"size":41'), "Line 4 of the ledger of trials does not follow from line 3"),
        (edited(2, "{", ""), r"Line 2 of .*trials\.jsonl is no JSON"),
        (
            edited(2, '"reason":""', '"reason":"x"'),
            r"Line 2 of .*trials\.jsonl holds what no entry holds: .*reason 'x'",
        ),
        (lambda lines: ["", *lines], r"Line 1 of .*trials\.jsonl is no JSON"),
        (lambda lines: [lines[0], "7", *lines[1:]], r"Line 2 of .*trials\.jsonl cannot be read as LedgerEntry"),
        (lambda lines: [*lines[:1], *lines[2:]], "Line 2 of the ledger of trials does not follow from line 1"),
        (lambda lines: lines[:-1], "line 3, its last, was edited, or lines after it were removed"),
        (lambda lines: [lines[0], lines[2], lines[1], lines[3]], "Line 2 of the ledger of trials does not follow"),
        (lambda lines: [*lines, lines[3]], "Line 5 of the ledger of trials does not follow from line 4"),
        (lambda lines: [], "Of the ledger of trials all were removed"),
    ],
)
def test_what_was_edited_is_named_and_nothing_is_added_to_it(spoil, said, tmp_path):
    kept = filled(tmp_path, "a", "b", "new", "c")
    lines = kept._path.read_text().splitlines()
    kept._path.write_text("".join(f"{line}\n" for line in spoil(lines)))
    content = kept._path.read_bytes()
    with pytest.raises(DatasetError, match=said) as caught:
        kept.load()
    assert str(kept._path) in str(caught.value)
    assert "restore the file and the .lock beside it from a backup" in str(caught.value)
    with pytest.raises(DatasetError, match=said):
        kept.save(ledger_of(entry("d")))
    assert kept._path.read_bytes() == content


def test_a_ledger_that_was_thrown_away_is_missed(tmp_path):
    kept = filled(tmp_path, "a")
    kept._path.unlink()
    with pytest.raises(DatasetError, match="all were removed"):
        kept.load()


def test_a_copy_without_its_lock_file_can_be_read_and_added_to(tmp_path):
    kept = filled(tmp_path, "a")
    kept._lock.unlink()
    assert len(kept.load().entries) == 1
    assert not kept._lock.exists(), "who only reads writes nothing"
    assert [one.configuration for one in filled(tmp_path, "b").load().entries] == ["a", "b"]


def test_only_a_ledger_is_kept(tmp_path):
    with pytest.raises(DatasetError, match=r"trials\.jsonl keeps a TrialLedger, not tuple; let the node return one"):
        dataset(tmp_path).save(ledger_of(entry("a")).entries)
    odd = ledger_of(entry("a"), replace(entry("b"), horizon="many"))
    with pytest.raises(DatasetError, match="This LedgerEntry holds what its fields do not allow"):
        dataset(tmp_path).save(odd)
    assert dataset(tmp_path).load() == TrialLedger()
    assert not dataset(tmp_path).exists()


def test_made_from_a_catalog_entry(tmp_path):
    entry = {
        "type": "finq_predictor.adapters.datasets.trial_ledger.TrialLedgerDataset",
        "filepath": str(tmp_path / "x.jsonl"),
        "metadata": {"kedro-viz": {"layer": "reports"}},
    }
    made = AbstractDataset.from_config("trial_ledger", entry)
    assert made.metadata == {"kedro-viz": {"layer": "reports"}}
    assert "x.jsonl" in str(made)
