"""A decision is told by the channels of the team, whatever the hour, and no channel undoes it."""

from __future__ import annotations

import logging

import pytest

from finq_predictor.adapters.alarms.decisions import in_words, tell_by_configuration, tell_decision, worth_telling
from finq_predictor.adapters.alarms.settings import AlarmSettings
from finq_predictor.domain.promotion.log import Act, LoggedModel, LogRecord
from receivers import receiving

BEFORE = LoggedModel("logistic", "hash-1", "1", "promoted")


def record(act: Act, in_use: str = "1", about: str = "2", **more) -> LogRecord:
    given = {
        "act": act,
        "at": "2024-05-01T03:00:00.000000+00:00",
        "market": "equity",
        "by": "ada",
        "run": "kedro run",
        "reason": "It passed.",
        "in_use": in_use,
        "standing": "promoted",
        "candidate": LoggedModel("xgboost", "hash-2", about),
        "champion": BEFORE,
        "number": 4,
        "hash": "abcdef0123456789" * 4,
    }
    return LogRecord(**{**given, **more})


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (record(Act.PROMOTE, in_use="2"), "equity: xgboost version 2 is promoted"),
        (record(Act.PROVISIONAL, in_use="2"), "equity: xgboost version 2 answers as a provisional champion"),
        (record(Act.AWAIT), "equity: xgboost version 2 waits for an approval"),
        (record(Act.APPROVE, in_use="2", approver="Grace"), "equity: xgboost version 2 is approved and in use"),
        (record(Act.REFUSE, approver="Grace"), "equity: xgboost version 2 is refused"),
        (record(Act.ROLL_BACK, in_use="2"), "equity: rolled back to xgboost version 2"),
        (record(Act.REJECT, standing="provisional"), "equity: champion version 1 is provisional from now on"),
        (record(Act.BEGIN_ANEW), "equity: the log of decisions was broken and begins anew"),
    ],
)
def test_what_changes_a_champion_or_waits_is_told(told, said):
    assert worth_telling(told)
    title, *lines = in_words(told)
    assert title == said
    assert lines[0] == "It passed."
    assert lines[-1].startswith(f"By {told.approver or 'ada'}, record 4, abcdef0123456789")
    assert ("finq approve equity 2 --by NAME" in " ".join(lines)) is (told.act is Act.AWAIT)


def test_what_changes_nothing_is_not_told():
    assert not worth_telling(record(Act.REJECT))


def test_the_team_is_told_past_quiet_hours_and_the_others_are_told_where_one_channel_fails():
    with receiving() as chat, receiving() as manager, receiving() as night:
        channels = {
            "down": {"kind": "webhook", "url": "http://127.0.0.1:9/x"},
            "hook": {"kind": "webhook", "url": chat.url},
            "manager": {"kind": "alertmanager", "url": manager.url.rstrip("/")},
            "night": {"kind": "webhook", "url": night.url},
        }
        settings = AlarmSettings(
            channels=channels,
            audiences={"on_call": ("night",), "team": ("down", "hook", "manager")},
            quiet={"start": "00:00", "end": "23:59"},
            per_hour=1,
        )
        failed = tell_decision(record(Act.PROMOTE, in_use="2"), settings)
    assert [one.partition(":")[0] for one in failed] == ["down"]
    (body,) = chat.bodies
    assert (body["news"], body["title"]) == ("decision", "equity: xgboost version 2 is promoted")
    assert body["runbooks"] == ["docs/runbooks/champion-rollback.md"]
    ((alert,),) = manager.bodies
    assert alert["labels"] == {"market": "equity", "alertname": "decision", "severity": "warning"}
    assert night.got == [], "who is on call need not act"


def test_a_configuration_that_cannot_be_read_is_a_warning(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        tell_by_configuration(record(Act.AWAIT), tmp_path, None)
    assert "not told of 'equity: awaiting approval xgboost (version 2)', which holds all the same" in caplog.text
