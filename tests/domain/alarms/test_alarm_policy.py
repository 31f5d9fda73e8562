"""Nobody is told twice, nobody is flooded, nobody is woken for nothing, and nothing that lasts is forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.alarms.evaluation import Alarm, unexplained
from finq_predictor.domain.alarms.policy import (
    HOUR,
    Message,
    News,
    Policy,
    QuietHours,
    Standing,
    after,
    due,
    tidied,
)
from finq_predictor.domain.alarms.rule import Severity
from finq_predictor.domain.alarms.rules import ALARM_RULES
from finq_predictor.domain.alarms.samples import labels_of
from finq_predictor.domain.alarms.wording import wording
from finq_predictor.domain.errors import ConfigurationError

CRITICAL, WARNING = "service-down", "feature-drift"
RULES = {
    name: replace(rule, cool_down=timedelta(minutes=50), hushed_by=())
    for name, rule in ALARM_RULES.items()
    if name in (CRITICAL, WARNING, "disk-full", "stale-data", "old-model", "certificate", "closed-gate")
}
NIGHT = QuietHours(time(22), time(7))
# A midday, and the midnight after it.
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()
MIDNIGHT = NOON + 12 * HOUR


def alarm(rule=WARNING, since=0.0, **labels):
    return Alarm(rule, labels_of(labels or {"market": "coins"}), 1.0, since)


class Listener:
    """A channel that takes everything, as the runner treats it."""

    def __init__(self, policy):
        self.policy, self.standing, self.heard = policy, Standing(), []

    def look(self, rings, now):
        messages = due(rings, self.standing, self.policy, now)
        for message in messages:
            self.standing = after(self.standing, message, self.policy)
        self.standing = tidied(self.standing, rings, self.policy, now)
        self.heard += messages
        return messages


def listener(**more):
    return Listener(Policy(rules=RULES, **more))


def test_what_lasts_is_told_once_per_cool_down():
    ear = listener()
    times = [minute for minute in range(0, 121) if ear.look([alarm()], NOON + 60.0 * minute)]
    assert times == [0, 50, 100]


def test_the_end_is_told_once():
    ear = listener()
    ear.look([alarm()], NOON)
    (message,) = ear.look([], NOON + 60)
    assert (message.news, [one.rule for one in message.resolved]) == (News.RESOLVED, [WARNING])
    assert not ear.look([], NOON + 120)
    quiet = listener(resolved=False)
    quiet.look([alarm()], NOON)
    assert not quiet.look([], NOON + 60)


def test_what_flaps_is_told_once_per_cool_down():
    ear = listener()
    heard = [ear.look([alarm()] if minute % 2 == 0 else [], NOON + 60.0 * minute) for minute in range(49)]
    told = [message.news for messages in heard for message in messages]
    assert told == [News.RINGS, News.RESOLVED]


def test_alarms_of_one_rule_are_one_message_and_those_of_another_market_are_not_lost():
    ear = listener()
    (message,) = ear.look([alarm(feature="a"), alarm(feature="b")], NOON)
    assert len(message.rings) == 2
    (second,) = ear.look([alarm(feature="a"), alarm(feature="b"), alarm(feature="c")], NOON + 60)
    assert [dict(one.labels)["feature"] for one in second.rings] == ["c"]


def test_a_storm_is_a_digest():
    ear = listener(digest_above=2)
    storm = [alarm(rule) for rule in ("feature-drift", "stale-data", "old-model", "certificate")]
    (message,) = ear.look(storm, NOON)
    assert (message.news, len(message.rings)) == (News.DIGEST, 4)
    said = wording(message, RULES, "docs/runbooks")
    assert said.title == "Alarms of 4 rules: 4 ring"
    assert len(said.runbooks) == 4


def test_a_storm_of_critical_alarms_is_a_digest_beside_that_of_the_others():
    ear = listener(digest_above=1)
    messages = ear.look([alarm(CRITICAL), alarm("disk-full"), alarm(), alarm("old-model")], NOON)
    assert [message.news for message in messages] == [News.DIGEST, News.DIGEST]
    assert [one.rule for one in messages[0].rings] == ["disk-full", "service-down"]


def test_the_rate_holds_back_and_loses_nothing():
    ear = listener(per_hour=2, digest_above=9)
    ear.look([alarm(feature="a")], NOON)
    ear.look([alarm(feature=name) for name in "ab"], NOON + 60)
    assert not ear.look([alarm(feature=name) for name in "abc"], NOON + 120)
    (critical,) = ear.look([alarm(CRITICAL), *(alarm(feature=name) for name in "abc")], NOON + 180)
    assert critical.rings[0].rule == CRITICAL
    later = ear.look([alarm(feature=name) for name in "abc"], NOON + HOUR + 600)
    assert "c" in {dict(one.labels).get("feature") for message in later for one in message.rings}


def test_at_night_only_what_is_critical_is_told_and_the_rest_in_the_morning():
    ear = listener(quiet=NIGHT)
    (message,) = ear.look([alarm(), alarm(CRITICAL)], MIDNIGHT)
    assert message.rings[0].rule == CRITICAL
    (over,) = ear.look([alarm()], MIDNIGHT + 600)
    assert over.news is News.RESOLVED
    assert not ear.look([alarm()], MIDNIGHT + 6.9 * HOUR)
    (morning,) = ear.look([alarm()], MIDNIGHT + 7 * HOUR)
    assert morning.rings[0].rule == WARNING


def test_what_was_gone_by_the_morning_is_never_told():
    ear = listener(quiet=NIGHT)
    assert not ear.look([alarm()], MIDNIGHT)
    assert not ear.look([], MIDNIGHT + 8 * HOUR)


@pytest.mark.parametrize(
    ("quiet", "inside", "outside"),
    [
        (NIGHT, ["22:00", "23:59", "00:00", "06:59"], ["07:00", "12:00", "21:59"]),
        (QuietHours(time(12), time(13)), ["12:00", "12:59"], ["11:59", "13:00", "00:00"]),
        (QuietHours(time(22), time(7), "Asia/Tokyo"), ["13:00", "21:00"], ["22:30", "12:00"]),
    ],
)
def test_quiet_hours_are_those_of_their_zone(quiet, inside, outside):
    def at(text):
        return datetime.fromisoformat(f"2026-03-02T{text}:00+00:00").timestamp()

    assert all(quiet.cover(at(text)) for text in inside)
    assert not any(quiet.cover(at(text)) for text in outside)


def test_quiet_hours_follow_the_clock_of_summer():
    berlin = QuietHours(time(22), time(7), "Europe/Berlin")
    assert not berlin.cover(datetime(2026, 7, 1, 5, 30, tzinfo=UTC).timestamp())
    assert berlin.cover(datetime(2026, 1, 1, 5, 30, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "given", [(time(7), time(7), "UTC"), (time(1), time(2), "Mars/Olympus"), (time(1), time(2), "")]
)
def test_quiet_hours_that_cannot_be_are_refused(given):
    with pytest.raises(ConfigurationError):
        QuietHours(*given)


def test_of_a_service_that_is_down_nobody_hears_that_it_is_slow():
    rings = [alarm("service-down"), alarm("api-slow"), alarm("disk-full")]
    assert [one.rule for one in unexplained(rings, ALARM_RULES)] == ["service-down", "disk-full"]
    assert unexplained(rings[1:], ALARM_RULES) == tuple(rings[1:])


def test_a_rule_that_is_gone_is_over_and_named():
    ear = listener()
    ear.look([alarm()], NOON)
    ear.policy = replace(ear.policy, rules={})
    (message,) = ear.look([], NOON + 60)
    assert wording(message, {}, "").lines == ("Over: feature-drift: this rule is gone.",)


WORLDS = st.lists(
    st.tuples(
        st.sampled_from([1, 5, 30, 90, 300]), st.sets(st.sampled_from([(rule, tag) for rule in RULES for tag in "ab"]))
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(WORLDS, st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_whatever_happens_the_promises_hold(world, per_hour, digest_above, night):
    ear = listener(per_hour=per_hour, digest_above=digest_above, quiet=NIGHT if night else None)
    now, told, open_ones = NOON, {}, set()
    for minutes, keys in world:
        now += 60.0 * minutes
        rings = [alarm(rule, tag=tag) for rule, tag in sorted(keys)]
        messages = ear.look(rings, now)
        assert len(messages) <= 2 * digest_above + 1
        for message in messages:
            for one in message.rings:
                critical = RULES[one.rule].severity is Severity.CRITICAL
                assert critical or not (night and NIGHT.cover(now)), "told at night"
                assert now - told.get(one.key, -1e9) >= RULES[one.rule].cool_down.total_seconds(), "told twice"
                told[one.key] = now
                open_ones.add(one.key)
            for one in message.resolved:
                assert one.key in open_ones, "the end of what nobody was told"
                assert one.key not in {each.key for each in rings}
                open_ones.remove(one.key)
    counted = [
        message.at
        for message in ear.heard
        if any(RULES[one.rule].severity is Severity.WARNING for one in (*message.rings, *message.resolved))
    ]
    for at in counted:
        assert len([other for other in counted if at - HOUR < other <= at]) <= per_hour, "too many in an hour"
    # Whatever still rings by day, and has cooled down, is told within the next hours.
    rings = [alarm(rule, tag=tag) for rule, tag in sorted(world[-1][1])]
    later = now + 24 * HOUR - (now - NOON) % (24 * HOUR)
    before = len(ear.heard)
    for step in range(8):
        ear.look(rings, later + step * HOUR / 4)
    heard = {one.key for message in ear.heard[before:] for one in message.rings}
    assert heard >= {one.key for one in rings}, "something that lasts was forgotten"
    assert len(ear.standing.told) <= len(rings) + len(open_ones) + len(RULES) * 2


def test_a_test_says_that_it_is_one():
    said = wording(Message(News.TEST, NOON), RULES, "docs/runbooks")
    assert said.title == "Test of this channel"
    assert "Nothing is wrong" in said.text


def test_a_message_says_what_is_wrong_what_to_do_and_where_to_read():
    (message,) = listener().look([alarm(market="coins", feature="rsi_14")], NOON)
    said = wording(message, RULES, "https://wiki/runbooks/")
    assert said.title == "Warning: Drifted feature"
    assert said.lines[0] == "The feature rsi_14 of coins drifted. (1; limit > 0.5)"
    assert said.lines[1].startswith("Ask first whether the data are fresh")
    assert said.runbooks == ("https://wiki/runbooks/drift-alarm.md",)


def test_hundreds_of_alarms_are_cut():
    (message,) = listener().look([alarm(feature=f"f{number:03}") for number in range(200)], NOON)
    said = wording(message, RULES, "docs/runbooks")
    assert len(said.lines) == 22
    assert said.lines[20] == "... and 180 more."
