"""One disaster after the other, looked at every minute: one alarm, in time, to the right people, with its page."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from finq_predictor.adapters.alarms.looking import look
from finq_predictor.adapters.alarms.settings import AlarmSettings
from finq_predictor.adapters.alarms.standing import alone, read_remembered
from finq_predictor.domain.alarms.rules import ALARM_RULES
from finq_predictor.domain.alarms.samples import Scrape, labels_of
from finq_predictor.domain.errors import ConfigurationError
from receivers import receiving

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()
MINUTE = 60.0


def settings(on_call, team, **more):
    channels = {
        "pager": {"kind": "webhook", "url": on_call.url},
        "chat": {"kind": "webhook", "url": team.url},
    }
    return AlarmSettings(channels=channels, audiences={"on_call": ["pager"], "team": ["chat"]}, **more)


@dataclass
class World:
    """A healthy service and its surroundings, of which parts fail."""

    now: float = NOON
    changed: dict = field(default_factory=dict)
    gone: set = field(default_factory=set)

    def scrape(self) -> Scrape:
        heartbeat = {"finq_scheduler_heartbeat_timestamp_seconds": {(): self.now - 5}}
        healthy = {
            "up": {labels_of({"job": "finq-api", "instance": "127.0.0.1:8000"}): 1.0},
            "finq_ready": {(): 1.0},
            "finq_model_age_ratio": {labels_of({"market": "coins"}): 0.2},
            "finq_disk_free_ratio": {labels_of({"place": "data"}): 0.5},
            "finq_provider_calls": {labels_of({"market": "coins", "table": "bars", "source": "acme"}): 4.0},
            "finq_provider_failures": {labels_of({"market": "coins", "table": "bars", "source": "acme"}): 0.0},
            "finq_feature_drift_status": {
                labels_of({"market": "coins", "feature": name}): 0.0 for name in ("rsi_14", "macd")
            },
            **heartbeat,
        }
        samples = {name: of for name, of in {**healthy, **self.changed}.items() if name not in self.gone}
        return Scrape(self.now, samples)


@dataclass
class Disaster:
    name: str
    rule: str
    who: str
    runbook: str
    delay_s: float
    samples: dict
    gone: tuple = ()


PROVIDER = labels_of({"market": "coins", "table": "bars", "source": "acme"})
DISASTERS = [
    Disaster(
        "a dead provider", "dead-provider", "chat", "provider-changed", 300, {"finq_provider_failures": {PROVIDER: 4.0}}
    ),
    Disaster(
        "a killed scheduler",
        "scheduler-down",
        "pager",
        "failed-schedule",
        # Three minutes without a sign of life, and one more.
        180 + 60 + 60,
        {"finq_scheduler_heartbeat_timestamp_seconds": {(): NOON + 3 * MINUTE}},
    ),
    Disaster(
        "a full disk",
        "disk-full",
        "pager",
        "disk-full",
        300,
        {"finq_disk_free_ratio": {labels_of({"place": "data"}): 0.01}},
    ),
    Disaster(
        "a stale model",
        "old-model",
        "chat",
        "old-model",
        300,
        {"finq_model_age_ratio": {labels_of({"market": "coins"}): 1.2}},
    ),
    Disaster(
        "a drifted feature",
        "feature-drift",
        "chat",
        "drift-alarm",
        300,
        {"finq_feature_drift_status": {labels_of({"market": "coins", "feature": "rsi_14"}): 1.0}},
    ),
    Disaster(
        "a killed service",
        "service-down",
        "pager",
        "service-down",
        60,
        {"up": {labels_of({"job": "finq-api", "instance": "127.0.0.1:8000"}): 0.0}},
        ("finq_ready", "finq_model_age_ratio"),
    ),
]


@pytest.mark.parametrize("disaster", DISASTERS, ids=lambda one: one.name)
def test_a_disaster_is_one_alarm_in_time_and_not_repeated(disaster, tmp_path):
    rule = ALARM_RULES[disaster.rule]
    minutes = int(min(rule.cool_down.total_seconds(), 7200.0) / MINUTE)
    with receiving() as pager, receiving() as chat:
        who, world, file = settings(pager, chat), World(), tmp_path / "standing.json"
        told = {"pager": pager, "chat": chat}
        for _ in range(3):
            assert not look(file, who, world.scrape()).rings
            world.now += MINUTE
        began = world.now
        world.changed, world.gone = disaster.samples, set(disaster.gone)
        heard = None
        for _ in range(minutes):
            look(file, who, world.scrape())
            if heard is None and told[disaster.who].got:
                heard = world.now - began
            world.now += MINUTE
        (body,) = told[disaster.who].bodies
        assert heard is not None
        assert heard <= disaster.delay_s
        assert [one["rule"] for one in body["firing"]] == [disaster.rule]
        assert body["runbooks"] == [f"docs/runbooks/{disaster.runbook}.md"]
        (other,) = set(told) - {disaster.who}
        assert not told[other].got
        world.changed, world.gone = {}, set()
        look(file, who, world.scrape())
        assert [one["news"] for one in told[disaster.who].bodies] == ["firing", "resolved"]


def test_it_is_told_again_after_its_cool_down(tmp_path):
    with receiving() as pager, receiving() as chat:
        who, world, file = settings(pager, chat), World(), tmp_path / "standing.json"
        world.changed = DISASTERS[2].samples
        for _ in range(5 + 120 + 2):
            look(file, who, world.scrape())
            world.now += MINUTE
    assert [one["news"] for one in pager.bodies] == ["firing", "firing"]


def test_everything_at_once_is_a_digest_for_each(tmp_path):
    with receiving() as pager, receiving() as chat:
        who, world, file = settings(pager, chat, digest_above=1), World(), tmp_path / "standing.json"
        for disaster in DISASTERS[:5]:
            world.changed |= disaster.samples
        for _ in range(12):
            look(file, who, world.scrape())
            world.now += MINUTE
    assert [one["news"] for one in chat.bodies] == ["digest"]
    assert {one["rule"] for one in chat.bodies[0]["firing"]} == {"dead-provider", "old-model", "feature-drift"}


def test_a_channel_that_fails_is_tried_again_and_keeps_the_others_from_nothing(tmp_path):
    with receiving((400, {}, b"no")) as pager, receiving() as chat:
        who, world, file = settings(pager, chat), World(), tmp_path / "standing.json"
        world.changed = DISASTERS[2].samples | DISASTERS[3].samples
        found = []
        for minute in range(9):
            if minute == 7:
                pager.answers = [(200, {}, b"")]
            found.append(look(file, who, world.scrape()))
            world.now += MINUTE
    assert [len(one.failed) for one in found] == [0, 0, 0, 0, 0, 1, 1, 0, 0]
    assert "The channel pager did not take the message" in found[5].failed[0]
    assert len(chat.got) == 1
    assert len(pager.got) == 3
    assert [channel for channel, _ in found[7].told] == ["pager"]


def test_a_channel_without_its_secret_is_told_and_the_others_are_used(tmp_path):
    with receiving() as chat:
        who = AlarmSettings(
            channels={"pager": {"kind": "pagerduty"}, "chat": {"kind": "webhook", "url": chat.url}},
            audiences={"on_call": ["pager", "chat"], "team": ["chat"]},
        )
        world, file = World(changed=DISASTERS[2].samples), tmp_path / "standing.json"
        for _ in range(6):
            found = look(file, who, world.scrape(), environment={})
            world.now += MINUTE
    assert "FINQ_CHANNEL_PAGER" in found.failed[0]
    assert len(chat.got) == 1


def test_rates_need_two_looks_and_survive_a_new_process(tmp_path):
    """Between two looks nothing is in memory: what a rate needs is remembered on the disk."""
    with receiving() as pager, receiving() as chat:
        who, world, file = settings(pager, chat), World(), tmp_path / "standing.json"
        errors = labels_of({"route": "/predict", "status": "500"})
        for minute in range(8):
            world.changed = {"finq_prediction_requests_total": {errors: 60.0 * minute}}
            look(file, who, world.scrape())
            world.now += MINUTE
    assert [one["firing"][0]["rule"] for one in pager.bodies] == ["api-errors"]
    remembered, _ = read_remembered(file)
    assert len(remembered.scrapes) <= 8
    assert file.stat().st_size < 20_000


def test_what_is_remembered_stays_small(tmp_path):
    with receiving() as pager, receiving() as chat:
        who, world, file = settings(pager, chat), World(), tmp_path / "standing.json"
        for minute in range(150):
            failures = {labels_of({"job": f"job{number}"}): 1.0 for number in range(5)}
            world.changed = {"finq_job_failures_total": failures}
            look(file, who, world.scrape())
            world.now += MINUTE
            if minute == 70:
                early = file.stat().st_size
    assert file.stat().st_size < 1.2 * early


def test_damage_is_told_and_set_aside(tmp_path):
    file = tmp_path / "standing.json"
    file.write_text('{"holds": 3}')
    with receiving() as one:
        found = look(file, settings(one, one), World().scrape())
        assert "field holds" in found.failed[0]
        assert (tmp_path / "standing.damaged").is_file()
        assert not look(file, settings(one, one), World(NOON + 60).scrape()).failed


@pytest.fixture
def full_disk(tmp_path):
    """A disk of its own, on which nothing can be written any more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("a disk of its own takes the right to mount")
    try:
        with contextlib.suppress(OSError), (disk / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(b"0" * 4096)
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_full_is_told_once_all_the_same(full_disk):
    with receiving() as pager, receiving() as chat:
        who, world = settings(pager, chat), World(changed=DISASTERS[2].samples)
        failed = []
        for _ in range(20):
            failed += look(full_disk / "standing.json", who, world.scrape()).failed
            world.now += MINUTE
    assert [one["news"] for one in pager.bodies] == ["firing"]
    assert not failed


def test_where_nothing_can_be_remembered_that_is_told(full_disk, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(full_disk))
    with receiving() as one:
        found = look(full_disk / "standing.json", settings(one, one), World().scrape())
    assert "cannot be remembered" in found.failed[0]


def test_two_looks_at_once_are_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.setattr("finq_predictor.adapters.alarms.standing._LONGEST_WAIT_S", 0.1)
    file = tmp_path / "standing.json"
    with alone(file), pytest.raises(ConfigurationError, match="Another look"), alone(file):
        pass


def test_numbers_that_json_does_not_know_are_remembered(tmp_path):
    file = tmp_path / "standing.json"
    with receiving() as pager, receiving() as chat:
        who, world = settings(pager, chat), World()
        world.changed = {
            "finq_provider_calls": {PROVIDER: 0.0},
            "finq_provider_failures": {PROVIDER: 2.0},
            "finq_feature_missing_status": {labels_of({"market": "a", "feature": "b"}): float("nan")},
        }
        for _ in range(7):
            look(file, who, world.scrape())
            world.now += MINUTE
    assert [one["firing"][0]["rule"] for one in chat.bodies] == ["dead-provider"]


def test_an_alarm_of_a_rule_that_is_silenced_is_not_told(tmp_path):
    with receiving() as pager, receiving() as chat:
        who, world = settings(pager, chat, silenced=["disk-full"]), World(changed=DISASTERS[2].samples)
        for _ in range(8):
            look(tmp_path / "standing.json", who, world.scrape())
            world.now += MINUTE
    assert not pager.got
