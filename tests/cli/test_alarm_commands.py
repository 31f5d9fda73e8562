"""The commands about alarms, as somebody types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from finq_predictor.adapters.layout import Layout
from finq_predictor.cli import cli
from finq_predictor.domain.alarms.rules import ALARM_RULES
from receivers import receiving, wait_for


@pytest.fixture
def conf(tmp_path):
    (tmp_path / "conf" / "base").mkdir(parents=True)
    return tmp_path / "conf"


def write(conf: Path, **settings: object) -> None:
    given = {"channels": {"log": {"kind": "log"}}, "audiences": {"on_call": ["log"], "team": ["log"]}}
    (conf / "base" / "alarms.yml").write_text(yaml.safe_dump(given | settings))


def run(*words: str | Path, code: int = 0) -> str:
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == code, done.output + str(done.exception)
    return done.output


def test_the_rules_are_listed(project_path):
    listed = run("alarms", "list", "--conf", project_path / "conf")
    for rule in ALARM_RULES.values():
        assert f"{rule.name} " in listed
        assert rule.promql() in listed


def test_a_look_tells_what_rings_and_ends_with_2(conf, tmp_path):
    root = tmp_path / "data"
    with receiving() as chat:
        hook = {"kind": "webhook", "url": chat.url}
        write(conf, channels={"hook": hook}, audiences={"on_call": ["hook"], "team": ["hook"]}, certificates=["a:1"])
        words = ("alarms", "check", "--root", root, "--conf", conf)
        first = run(*words)
        assert "waits  certificate: The certificate of a:1 ends" in first
        standing = Layout(root).alarms
        kept = json.loads(standing.read_text())
        # As if ten minutes had passed.
        for alarm in kept["holds"]:
            alarm["since"] -= 600
        standing.write_text(json.dumps(kept))
        second = run(*words, code=2)
        assert "rings  certificate" in second
        assert "told   hook: Warning: Certificate ends soon" in second
        assert "told" not in run(*words, code=2)
    assert len(chat.got) == 1
    assert chat.bodies[0]["runbooks"] == ["docs/runbooks/certificate.md"]


def test_nothing_wrong_is_told_and_ends_with_0(conf, tmp_path):
    write(conf, limits={"disk-full": 0.0})
    assert run("alarms", "check", "--root", tmp_path / "data", "--conf", conf) == "Nothing rings.\n"


def test_metrics_are_gathered(conf, tmp_path):
    write(conf)
    told = run("alarms", "measure", "--root", tmp_path / "data", "--conf", conf, "--target", tmp_path / "out")
    assert told == f"wrote {tmp_path / 'out' / 'finq_surroundings.prom'}\n"
    assert "finq_disk_free_ratio{place=" in (tmp_path / "out" / "finq_surroundings.prom").read_text()


def test_a_channel_is_tried(conf):
    with receiving() as chat:
        write(conf, channels={"log": {"kind": "log"}, "hook": {"kind": "webhook", "url": chat.url}})
        assert run("notify", "--test", "hook", "--conf", conf) == "The channel hook took the test.\n"
    assert chat.bodies[0]["news"] == "test"
    assert "Did you mean 'hook'" in run("notify", "--test", "hok", "--conf", conf, code=1)


def test_the_log_is_seen_where_nobody_configured_one(conf):
    write(conf)
    finq = Path(sys.executable).parent / "finq"
    words = [finq, "notify", "--test", "log", "--conf", conf]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "INFO Test of this channel. Nothing is wrong." in done.stderr


def test_a_channel_that_does_not_take_it_is_told(conf):
    with receiving((401, {}, b"no")) as chat:
        write(conf, channels={"log": {"kind": "log"}, "hook": {"kind": "webhook", "url": chat.url}})
        told = run("notify", "--test", "hook", "--conf", conf, code=1)
    assert told.startswith("Error: The channel hook did not take the message: ")
    assert "401" in told


def test_the_files_are_written(conf, tmp_path):
    write(conf)
    told = run("alarms", "files", "--conf", conf, "--target", tmp_path / "deploy")
    assert told.count("wrote") == 4
    assert (tmp_path / "deploy" / "alertmanager" / "alertmanager.yml").is_file()


def test_it_looks_again_and_again_until_it_is_ended(conf, tmp_path):
    write(conf, limits={"disk-full": 0.0})
    finq = Path(sys.executable).parent / "finq"
    words = ["alarms", "check", "--root", tmp_path / "data", "--conf", conf, "--every", "1"]
    looking = subprocess.Popen([finq, *words], stdout=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        assert looking.stdout is not None
        began = time.monotonic()
        assert [looking.stdout.readline() for _ in range(2)] == [b"Nothing rings.\n"] * 2
        assert time.monotonic() - began < 60.0
    finally:
        looking.terminate()
        looking.communicate(timeout=30)


def test_a_webhook_of_slack_in_the_environment_is_enough(conf, tmp_path, monkeypatch):
    with receiving() as chat:
        write(conf, certificates=["a:1"])
        monkeypatch.setenv("SLACK_WEBHOOK_URL", chat.url)
        assert run("notify", "--test", "slack", "--conf", conf) == "The channel slack took the test.\n"
        words = ("alarms", "check", "--root", tmp_path / "data", "--conf", conf)
        run(*words)
        standing = Layout(tmp_path / "data").alarms
        kept = json.loads(standing.read_text())
        for alarm in kept["holds"]:
            alarm["since"] -= 600
        standing.write_text(json.dumps(kept))
        assert "told   slack: Warning: Certificate ends soon" in run(*words, code=2)
        assert len(chat.got) == 2
        # A channel of the kind that has a name of its own takes the same webhook, and none is added.
        everybody = {"on_call": ["team-chat"], "team": ["team-chat"]}
        write(conf, channels={"team-chat": {"kind": "slack"}}, audiences=everybody)
        run("notify", "--test", "team-chat", "--conf", conf)
        assert len(chat.got) == 3
        assert "Unknown channel 'slack'" in run("notify", "--test", "slack", "--conf", conf, code=1)


def test_every_command_refuses_a_variable_that_nobody_reads(conf, monkeypatch):
    write(conf)
    monkeypatch.setenv("FINQ_METRIC_KEY", "hid4en")
    said = run("alarms", "list", "--conf", conf, code=1)
    assert "FINQ_METRIC_KEY (did you mean FINQ_METRICS_KEY" in said
    assert "hid4en" not in said


def test_it_gathers_again_and_again_although_once_it_could_not(conf, tmp_path):
    write(conf)
    folder = tmp_path / "figures"
    # Where the folder should be lies a file.
    folder.write_text("")
    finq = Path(sys.executable).parent / "finq"
    words = ["alarms", "measure", "--root", tmp_path / "data", "--conf", conf, "--target", folder, "--every", "1"]
    gathering = subprocess.Popen([finq, *words], stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        assert gathering.stderr is not None
        assert b"Error: " in gathering.stderr.readline()
        folder.unlink()
        written = folder / "finq_surroundings.prom"
        wait_for(written.is_file, 30.0, "the first file")
        before = written.stat().st_mtime_ns
        wait_for(lambda: written.stat().st_mtime_ns > before, 30.0, "the next one")
    finally:
        gathering.terminate()
        gathering.communicate(timeout=30)


def fail(job: str, conf: Path, root: Path, *more: str, code: int = 0) -> str:
    return run("notify", "--failed", job, "--why", "exit code 7", "--root", root, "--conf", conf, *more, code=code)


def test_a_job_that_failed_elsewhere_is_told_to_the_team_once_within_its_cool_down(conf, tmp_path):
    root = tmp_path / "data"
    with receiving() as chat, receiving() as pager:
        hooks = {name: {"kind": "webhook", "url": one.url} for name, one in (("chat", chat), ("pager", pager))}
        write(conf, channels=hooks, audiences={"on_call": ["pager"], "team": ["chat"]})
        first = fail("dag.one", conf, root)
        assert "failed dag.one: exit code 7\ntold   chat: Warning: Failed job\n" in first
        assert "told" not in fail("dag.one", conf, root)
        assert "told   chat" in fail("dag.two", conf, root)
        # Nobody is told that it is over by whoever looks at other things.
        write(
            conf,
            channels=hooks,
            audiences={"on_call": ["pager"], "team": ["chat"]},
            limits={"disk-full": 0.0},
            targets=[],
        )
        assert "told" not in run("alarms", "check", "--root", root, "--conf", conf)
        kept = json.loads(Layout(root).failures.read_text())
        kept["channels"][0]["standing"]["told"][0]["at"] -= 7 * 3600
        Layout(root).failures.write_text(json.dumps(kept))
        assert "told   chat" in fail("dag.one", conf, root)
    assert len(chat.got) == 3
    assert "The job dag.one failed within the last hour" in json.dumps(chat.bodies[0])
    assert pager.got == []


def test_what_a_channel_does_not_take_or_may_not_hear_yet_is_told_later(conf, tmp_path):
    root, now = tmp_path / "data", time.strftime("%H:%M", time.gmtime())
    later = time.strftime("%H:%M", time.gmtime(time.time() + 7200))
    with receiving() as chat:
        hook = {"kind": "webhook", "url": chat.url}
        told = {
            "channels": {"hook": hook},
            "audiences": {"on_call": ["hook"], "team": ["hook"]},
            "targets": [],
            "limits": {"disk-full": 0.0},
        }
        write(conf, **told, quiet={"start": now, "end": later, "zone": "UTC"})
        assert "waits  dag.one: told later" in fail("dag.one", conf, root)
        assert chat.got == []
        write(conf, **told)
        assert "told   hook: Warning: Failed job" in run("alarms", "check", "--root", root, "--conf", conf)
        chat.answers = [(500, {}, b"no")]
        assert "did not take the message" in fail("dag.two", conf, root, code=1)
        chat.answers = [(200, {}, b"ok")]
        assert "told   hook" in run("alarms", "check", "--root", root, "--conf", conf)
        assert "told" not in run("alarms", "check", "--root", root, "--conf", conf)


def test_a_rule_that_is_silenced_tells_nobody(conf, tmp_path):
    write(conf, silenced=["failed-schedule"])
    assert fail("dag.one", conf, tmp_path / "data") == "failed dag.one: exit code 7\n"


@pytest.mark.parametrize("words", [(), ("--test", "log", "--failed", "x")], ids=str)
def test_it_is_told_what_to_do(conf, words):
    write(conf)
    assert "Give either --test and a channel, or --failed and a job." in run("notify", *words, "--conf", conf, code=2)
