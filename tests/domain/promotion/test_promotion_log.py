"""The log of decisions: what a chain of records can prove, and what it answers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.domain.promotion.log import (
    Act,
    Anchor,
    LoggedModel,
    LogRecord,
    PromotionLog,
    canonical,
    first_break,
    sealed,
    unmet,
)


def record(act: Act, number: int, in_use: str, about: str = "", **more) -> LogRecord:
    given = {
        "act": act,
        "at": f"2024-01-0{number}T12:00:00.000000+00:00",
        "market": "equity",
        "by": "ada",
        "run": "kedro run",
        "reason": "because",
        "in_use": in_use,
        "standing": "promoted" if in_use else "",
        "candidate": LoggedModel("logistic", f"hash-{about}", about) if about else None,
        "number": number,
        "hash": f"h{number}",
    }
    return LogRecord(**{**given, **more})


HISTORY = PromotionLog(
    (
        record(Act.PROVISIONAL, 1, "1", "1", standing="provisional"),
        record(Act.REJECT, 2, "1", "", standing="provisional"),
        record(Act.PROMOTE, 3, "2", "2"),
        record(Act.AWAIT, 4, "2", "3"),
        record(Act.APPROVE, 5, "3", "3", approver="grace"),
        record(Act.ROLL_BACK, 6, "2", "2"),
    )
)


def day(number: int) -> datetime:
    return datetime(2024, 1, number, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "in_use", "why"), [(1, "1", 1), (2, "1", 1), (3, "2", 3), (4, "2", 3), (5, "3", 5), (6, "2", 6)]
)
def test_who_was_champion_and_why(number, in_use, why):
    then = HISTORY.until(day(number))
    assert then.last.in_use == in_use
    assert then.why_in_use().number == why


def test_before_the_first_decision_there_was_nobody():
    assert HISTORY.until(datetime(2023, 1, 1, tzinfo=UTC)).why_in_use() is None
    assert PromotionLog().head == ""
    assert PromotionLog().waiting() is None


@pytest.mark.parametrize(("number", "waits"), [(3, None), (4, "3"), (5, None)])
def test_a_candidate_waits_until_somebody_decides(number, waits):
    waiting = HISTORY.until(day(number)).waiting()
    assert (waiting and waiting.about) == waits


def test_a_rejected_candidate_of_the_next_day_ends_no_waiting():
    log = PromotionLog((*HISTORY.records[:4], record(Act.REJECT, 5, "2", "4")))
    assert log.waiting().about == "3"
    newer = PromotionLog((*log.records, record(Act.AWAIT, 6, "2", "5")))
    assert newer.waiting().about == "5", "the newest candidate waits"


def test_a_refusal_holds_for_that_very_model_until_it_is_approved():
    refused = record(Act.REFUSE, 5, "2", "3", approver="grace")
    log = PromotionLog((*HISTORY.records[:4], refused))
    assert log.waiting() is None
    assert log.refusal_of("hash-3").approver == "grace"
    assert log.refusal_of("hash-2") is None
    later = PromotionLog((*log.records, record(Act.AWAIT, 6, "2", "3"), record(Act.APPROVE, 7, "3", "3")))
    assert later.refusal_of("hash-3") is None


def chain(count: int) -> list[dict]:
    records, previous = [], ""
    for number in range(1, count + 1):
        said = {"number": number, "at": f"2024-01-{number:02d}", "previous": previous, "reason": f"r{number}"}
        records.append(sealed(said))
        previous = records[-1]["hash"]
    return records


def test_the_hash_of_a_record_can_be_computed_with_any_tool():
    (said,) = chain(1)
    without = {name: value for name, value in said.items() if name != "hash"}
    text = json.dumps(without, sort_keys=True, separators=(",", ":"))
    assert said["hash"] == sha256(text.encode()).hexdigest()
    assert json.loads(canonical(said)) == said


@given(st.integers(1, 6), st.data())
def test_no_record_can_be_edited_removed_moved_or_put_in_unseen(count, data):
    """Whoever edits one, and even gives it a fitting hash, is found, at the latest by the hash of the last record."""
    records = chain(count)
    head = records[-1]["hash"]
    assert first_break(records, head) == ""
    place = data.draw(st.integers(0, count - 1))
    kind = data.draw(st.sampled_from(["edit", "edit and hash", "remove", "repeat", "cut", "anew"]))
    if kind == "edit":
        records[place] = {**records[place], "reason": "another"}
        assert first_break(records, head).startswith(f"Record {place + 1} was edited")
    elif kind == "edit and hash":
        records[place] = sealed({**records[place], "reason": "another"})
        said = first_break(records, head)
        last = f"Records after number {count} were removed, or everything was written anew"
        assert said.startswith(f"Record {place + 2} does not follow" if place + 1 < count else last)
    elif kind == "remove":
        del records[place]
        assert first_break(records, head)
    elif kind == "repeat":
        records.insert(place, records[place])
        assert first_break(records, head).startswith(f"Record {place + 2} does not follow")
    elif kind == "cut":
        assert "removed" in first_break(records[:place], head)
    else:
        anew = [sealed({**records[0], "reason": "another"})]
        for one in records[1:]:
            anew.append(sealed({**one, "previous": anew[-1]["hash"]}))
        assert first_break(anew) == "", "the chain alone cannot tell"
        assert "written anew" in first_break(anew, head), "a hash that was noted elsewhere can"


def test_numbers_and_times_only_grow():
    one, two = chain(2)
    later = sealed({**two, "number": 3})
    assert first_break([one, later]).startswith("Record 2 says that it is number 3")
    assert first_break([one, sealed({**two, "at": "2023-12-31"})]) == "Record 2 is older than the one before it."


def test_an_anchor_is_met_by_a_record_by_what_was_set_aside_or_by_who_dealt_with_it():
    gone = Anchor("h9", "a report")
    assert unmet([Anchor("h3", "a report")], HISTORY) == ()
    assert unmet([gone], HISTORY) == (gone,)
    assert unmet([gone], HISTORY, '{"hash":"h9"}') == ()
    dealt = replace(record(Act.BEGIN_ANEW, 7, "2"), missed=("h9",))
    assert unmet([gone], PromotionLog((*HISTORY.records, dealt))) == ()


@pytest.mark.parametrize(
    ("act", "in_use", "standing", "changes"),
    [
        (Act.PROMOTE, "2", "promoted", True),
        (Act.REJECT, "1", "promoted", False),
        (Act.REJECT, "1", "provisional", True),
        (Act.AWAIT, "1", "promoted", False),
        (Act.BEGIN_ANEW, "1", "provisional", False),
    ],
)
def test_a_champion_that_is_demoted_has_changed_too(act, in_use, standing, changes):
    before = LoggedModel("logistic", "hash-1", "1", "promoted")
    assert record(act, 2, in_use, "2", champion=before, standing=standing).changes_champion is changes
