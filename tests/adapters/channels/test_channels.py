"""Each kind of channel against a server of this machine: one that works, and one that is not itself."""

from __future__ import annotations

import logging
import socket
import time
from datetime import datetime

import pytest

from fake_time import FakeTime
from finq_predictor.adapters.alarms.settings import AlarmSettings
from finq_predictor.adapters.channels import CHANNEL_KINDS
from finq_predictor.adapters.channels.base import Given
from finq_predictor.adapters.http.hosts import Hosts
from finq_predictor.adapters.http.policy import Policy
from finq_predictor.domain.alarms.evaluation import Alarm
from finq_predictor.domain.alarms.policy import Message, News
from finq_predictor.domain.alarms.rules import ALARM_RULES
from finq_predictor.domain.alarms.samples import labels_of
from finq_predictor.domain.alarms.wording import wording
from finq_predictor.domain.errors import ConfigurationError, NotificationError
from receivers import Mailbox, mailbox, receiving

NOW = datetime.fromisoformat("2026-03-02T12:00:00+00:00").timestamp()
DRIFT = Alarm("feature-drift", labels_of({"market": "coins", "feature": "<!channel> & co"}), 1.0, NOW - 300)
DOWN = Alarm("service-down", labels_of({"instance": "127.0.0.1:8000"}), 0.0, NOW - 60)
RINGS = Message(News.RINGS, NOW, rings=(DRIFT,))
OVER = Message(News.RESOLVED, NOW, resolved=(DRIFT,))
DIGEST = Message(News.DIGEST, NOW, rings=(DOWN, DRIFT))
SECRET = "verysecrettoken1234"
QUICK = Policy(
    connect_seconds=1.0,
    read_seconds=0.4,
    total_seconds=0.6,
    attempts=3,
    first_wait_seconds=0.01,
    longest_wait_seconds=0.02,
    longest_retry_after_seconds=5.0,
)
GOOD = {
    "slack": (200, {}, b"ok"),
    "pagerduty": (202, {"Content-Type": "application/json"}, b'{"status": "success", "dedup_key": "a"}'),
    "webhook": (204, {}, b""),
    "alertmanager": (200, {}, b""),
}


def said(message):
    return wording(message, ALARM_RULES, "docs/runbooks")


def channel(kind, url, secret=None, **more):
    """A channel of a kind that posts to a server."""
    secrets = {"slack": f"{url}/services/T000/B000/{SECRET}", "pagerduty": SECRET}
    secret = secrets.get(kind, secret)
    options = {"slack": {}, "pagerduty": {"url": f"{url}/v2/enqueue"}}.get(kind, {"url": url})
    settings = AlarmSettings(
        channels={"my-own": {"kind": kind, **options}}, audiences={"on_call": ["my-own"], "team": ["my-own"]}
    )
    environment = {"FINQ_CHANNEL_MY_OWN": secret} if secret else {}
    made_of = {"policy": QUICK, "hosts": Hosts(), "environment": environment, **more}
    return settings.channel("my-own", **made_of)


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("message", [RINGS, OVER, DIGEST, Message(News.TEST, NOW)], ids=lambda one: one.news.value)
def test_a_message_arrives(kind, message):
    with receiving(GOOD[kind]) as server:
        channel(kind, server.url).send(said(message))
    assert server.got
    for _, headers, body, _ in server.got:
        assert headers["Content-Type"] == "application/json"
        assert body


def test_slack_gets_words_and_nobody_is_called_by_a_label():
    with receiving() as server:
        channel("slack", server.url).send(said(RINGS))
    ((path, _, body, _),) = server.got
    assert path == f"/services/T000/B000/{SECRET}"
    assert body["text"] == "Warning: Drifted feature"
    (attachment,) = body["attachments"]
    text = attachment["blocks"][0]["text"]["text"]
    assert "&lt;!channel&gt; &amp; co" in text
    assert "Runbook: docs/runbooks/drift-alarm.md" in text


def test_pagerduty_opens_an_incident_for_each_rule_and_closes_it():
    with receiving(GOOD["pagerduty"]) as server:
        pager = channel("pagerduty", server.url)
        for message in (RINGS, OVER, DIGEST, Message(News.TEST, NOW)):
            pager.send(said(message))
    told = [(body["event_action"], body["dedup_key"]) for body in server.bodies]
    assert told == [
        ("trigger", "finq-feature-drift"),
        ("resolve", "finq-feature-drift"),
        ("trigger", "finq-digest"),
        ("trigger", "finq-test"),
        ("resolve", "finq-test"),
    ]
    first = server.bodies[0]
    assert first["routing_key"] == SECRET
    assert first["payload"]["severity"] == "warning"
    assert first["payload"]["custom_details"]["runbooks"] == ["docs/runbooks/drift-alarm.md"]
    assert server.bodies[2]["payload"]["severity"] == "critical"


def test_a_webhook_gets_the_data_and_its_token():
    with receiving() as server:
        channel("webhook", server.url, secret=SECRET).send(said(RINGS))
    ((_, headers, body, _),) = server.got
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert (body["key"], body["news"], body["severity"]) == ("feature-drift", "firing", "warning")
    assert body["firing"] == [
        {
            "rule": "feature-drift",
            "labels": dict(DRIFT.labels),
            "value": 1.0,
            "since": "2026-03-02T11:55:00.000+00:00",
        }
    ]
    assert body["resolved"] == []


def test_alertmanager_gets_an_alert_for_each_alarm():
    with receiving() as server:
        manager = channel("alertmanager", server.url)
        manager.send(said(DIGEST))
        manager.send(said(OVER))
    (path, _, alerts, _), (_, _, over, _) = server.got
    assert path == "/api/v2/alerts"
    assert [one["labels"]["alertname"] for one in alerts] == ["service-down", "feature-drift"]
    assert alerts[0]["labels"]["instance"] == "127.0.0.1:8000"
    assert alerts[0]["startsAt"] == "2026-03-02T11:59:00.000+00:00" < alerts[0]["endsAt"]
    assert over[0]["endsAt"] == "2026-03-02T12:00:00.000+00:00"


BAD = {
    "429": [(429, {"Retry-After": "0"}, b"slow down")],
    "500": [(500, {}, b"broken")],
    "nothing": [None],
    "moved": [(302, {"Location": "http://127.0.0.1:1/"}, b"")],
    "forbidden": [(403, {}, b"invalid_token")],
}


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("answers", BAD.values(), ids=BAD)
def test_a_server_that_is_not_itself_is_told_and_shows_no_secret(kind, answers, caplog):
    began = time.monotonic()
    with receiving(*answers) as server, caplog.at_level(logging.DEBUG), pytest.raises(NotificationError) as failed:
        channel(kind, server.url, secret=SECRET).send(said(RINGS))
    assert str(failed.value).startswith("The channel my-own did not take the message:")
    assert SECRET not in str(failed.value) + caplog.text
    assert failed.value.__cause__ is None
    assert time.monotonic() - began < 10.0
    tries = {"429": 3, "500": 3, "nothing": 3, "moved": 1, "forbidden": 1}
    name = next(name for name, each in BAD.items() if each is answers)
    assert len(server.got) == tries[name]


@pytest.mark.parametrize("kind", ["slack", "pagerduty"])
@pytest.mark.parametrize(
    "garbage", [b"<html>please log in</html>", b"", b"\xff\xfe\x00", b'{"status": "invalid"}', b"[]"]
)
def test_garbage_under_status_200_is_not_taken_for_an_answer(kind, garbage):
    with receiving((200, {}, garbage)) as server, pytest.raises(NotificationError, match="cannot be used"):
        channel(kind, server.url).send(said(RINGS))
    assert len(server.got) == 1


def test_a_passing_fault_is_tried_again_after_the_time_that_is_asked_for():
    clock = FakeTime()
    with receiving((429, {"Retry-After": "3"}, b""), (500, {}, b""), (200, {}, b"ok")) as server:
        channel("slack", server.url, hosts=clock.hosts()).send(said(RINGS))
    assert len(server.got) == 3
    assert sum(clock.slept) >= 3.0


@pytest.mark.parametrize("kind", GOOD)
def test_nobody_there_is_told(kind):
    with receiving() as server:
        pass
    with pytest.raises(NotificationError, match="did not answer"):
        channel(kind, server.url).send(said(RINGS))


# E-mail and apprise --------------------------------------------------------------------------------------------------


def mail(box, **more):
    options = {"host": box.host, "port": box.port, "security": "insecure", "sender": "finq@example.org"}
    options |= {"kind": "email", "recipients": ["on-call@example.org", "team@example.org"], **more}
    settings = AlarmSettings(channels={"mail": options}, audiences={"on_call": ["mail"], "team": ["mail"]})
    return settings.channel("mail", policy=QUICK, environment={"FINQ_CHANNEL_MAIL": SECRET})


def test_a_mail_arrives():
    with mailbox() as box:
        mail(box).send(said(RINGS))
    recipients = sorted(to for _, some, _, _ in box.mails for to in some)
    assert recipients == ["on-call@example.org", "team@example.org"]
    sender, _, content, _ = box.mails[0]
    assert sender == "finq@example.org"
    assert "Warning: Drifted feature" in content
    assert "docs/runbooks/drift-alarm.md" in content


@pytest.mark.parametrize("answer", ["451 4.7.1 Greylisted, come back later", "554 5.7.1 Refused", "garbage"])
def test_a_mail_that_is_not_taken_is_told(answer):
    with mailbox() as box:
        box.refuse = answer
        with pytest.raises(NotificationError, match="The channel mail did not take the message"):
            mail(box).send(said(RINGS))


def test_a_mail_server_that_is_not_there_is_told():
    with mailbox() as box:
        pass
    with pytest.raises(NotificationError, match="The channel mail did not take"):
        mail(box).send(said(RINGS))


def test_a_mail_server_that_says_nothing_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        box = Mailbox(port=silent.getsockname()[1])
        began = time.monotonic()
        with pytest.raises(NotificationError, match="The channel mail did not take"):
            mail(box).send(said(RINGS))
    assert time.monotonic() - began < 5.0


def test_a_mail_server_that_lets_nobody_in_shows_no_password(caplog):
    with mailbox() as box, caplog.at_level(logging.DEBUG), pytest.raises(NotificationError) as failed:
        mail(box, user="finq").send(said(RINGS))
    assert SECRET not in str(failed.value) + caplog.text


def services(url):
    settings = AlarmSettings(channels={"more": {"kind": "apprise"}}, audiences={"on_call": ["more"], "team": ["more"]})
    return settings.channel("more", environment={"FINQ_CHANNEL_MORE": url})


def test_whatever_apprise_knows_is_a_channel():
    with receiving() as server:
        services(server.url.replace("http://", "json://") + f"/{SECRET}").send(said(RINGS))
    ((path, _, body, _),) = server.got
    assert path == f"/{SECRET}"
    assert body["title"] == "Warning: Drifted feature"


def test_a_service_of_apprise_that_fails_is_told_without_its_address():
    with receiving((500, {}, b"broken")) as server, pytest.raises(NotificationError) as failed:
        services(server.url.replace("http://", "json://") + f"/{SECRET}").send(said(RINGS))
    assert SECRET not in str(failed.value)


def test_an_address_that_apprise_cannot_read_is_refused_and_not_shown():
    with pytest.raises(ConfigurationError) as refused:
        services(f"nothing://{SECRET}")
    assert SECRET not in str(refused.value)


# What a channel is made of -------------------------------------------------------------------------------------------


def test_the_log_has_one_line_at_the_level_of_the_alarm(caplog):
    log = CHANNEL_KINDS["log"](Given("log", CHANNEL_KINDS["log"].options()))
    with caplog.at_level(logging.INFO):
        for message in (RINGS, Message(News.RINGS, NOW, rings=(DOWN,)), OVER):
            log.send(said(message))
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR", "INFO"]
    assert "service at 127.0.0.1:8000 does not answer" in caplog.records[1].getMessage()
    assert "\n" not in caplog.text.rstrip("\n").split("\n")[0]


def test_a_secret_may_be_a_file(tmp_path):
    file = tmp_path / "slack"
    with receiving() as server:
        file.write_text(f"{server.url}/services/x/{SECRET}\n")
        given = Given(
            "chat", CHANNEL_KINDS["slack"].options(), hosts=Hosts(), environment={"FINQ_CHANNEL_CHAT_FILE": str(file)}
        )
        CHANNEL_KINDS["slack"](given).send(said(RINGS))
    assert len(server.got) == 1


@pytest.mark.parametrize(
    ("kind", "options", "environment", "says"),
    [
        ("slack", {}, {}, "has no secret; put the address of the incoming webhook into FINQ_CHANNEL_A"),
        ("slack", {}, {"FINQ_CHANNEL_A": "http://hooks.example.org/x"}, "expected https"),
        ("slack", {}, {"FINQ_CHANNEL_A": "not an address"}, "expected https"),
        ("pagerduty", {}, {}, "the integration key"),
        ("webhook", {"url": "http://somewhere.example/x"}, {}, "say `plain: true`"),
        ("email", {"host": "h", "sender": "a@b.de", "recipients": ["c@d.de"], "user": "u"}, {}, "the password"),
    ],
)
def test_a_channel_that_lacks_something_says_what(kind, options, environment, says):
    found = CHANNEL_KINDS[kind]
    with pytest.raises(ConfigurationError, match=says):
        found(Given("a", found.options(**options), environment=environment))
