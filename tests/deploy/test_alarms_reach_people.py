"""A real Prometheus and a real Alertmanager: a service dies, and people hear of it by Slack and by mail, in seconds."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import yaml

from finq_predictor.adapters.alarms.deploy_files import ALERTMANAGER, PROMETHEUS, RULES, write_deploy_files
from finq_predictor.adapters.alarms.settings import AlarmSettings
from finq_predictor.adapters.prometheus_text import prometheus_text
from finq_predictor.domain.alarms.metrics import METRICS
from finq_predictor.domain.monitoring.gauges import Gauge
from prometheus_servers import running_alertmanager, running_prometheus
from receivers import mailbox, receiving, wait_for

# What takes minutes in the file of the product takes seconds here; nothing else is changed.
FAST = {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
HOLD_S = 1.0
LONGEST_S = 25.0


class Target:
    """A service that tells metrics, until it is killed."""

    def __init__(self) -> None:
        page = prometheus_text([Gauge.of(METRICS["finq_ready"], [({}, 1.0)])]).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *about):
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/metrics"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def kill(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def _changed(file, change):
    content = yaml.safe_load(file.read_text())
    change(content)
    file.write_text(yaml.safe_dump(content))
    return file


def _quick_rules(content):
    for rule in content["groups"][0]["rules"]:
        rule["for"] = f"{HOLD_S:.0f}s"


def test_a_service_that_dies_is_told_by_slack_and_by_mail(tmp_path):
    target = Target()
    with receiving() as slack, mailbox() as box:
        settings = AlarmSettings(
            channels={
                "chat": {"kind": "slack"},
                "mail": {
                    "kind": "email",
                    "host": box.host,
                    "port": box.port,
                    "security": "insecure",
                    "sender": "finq@example.org",
                    "recipients": ["on-call@example.org"],
                },
            },
            audiences={"on_call": ["chat", "mail"], "team": ["mail"]},
            targets=[{"url": target.url}],
        )
        write_deploy_files(tmp_path, settings)
        (tmp_path / "chat").write_text(f"{slack.url}/services/T/B/x")

        def to_here(content):
            content["route"] |= {"group_wait": "200ms", "group_interval": "1s"}
            for receiver in content["receivers"]:
                for one in receiver.get("slack_configs", []):
                    one["api_url_file"] = str(tmp_path / "chat")

        manager_file = _changed(tmp_path / ALERTMANAGER, to_here)
        _changed(tmp_path / RULES, _quick_rules)
        with running_alertmanager(tmp_path / "am", manager_file) as manager:

            def here(content):
                content["global"] = FAST
                content["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [manager.split("//")[1]]
                content["scrape_configs"] = [one for one in content["scrape_configs"] if one["job_name"] != "node"]

            with running_prometheus(tmp_path / "prom", _changed(tmp_path / PROMETHEUS, here)) as prometheus:
                time.sleep(2.5)
                assert not slack.got, f"{prometheus} rings while all is well"
                target.kill()
                killed = time.monotonic()
                wait_for(lambda: bool(slack.got), LONGEST_S, "the message to Slack")
                wait_for(lambda: bool(box.mails), LONGEST_S, "the mail")
                seconds = slack.got[0][3] - killed, box.mails[0][3] - killed
                # Once only, as long as its cool-down lasts: some looks more.
                time.sleep(3.0)
    assert len(slack.got) == len(box.mails) == 1, "told twice"
    body = slack.bodies[0]["attachments"][0]
    assert body["title"] == "firing: Service down"
    assert "Runbook: docs/runbooks/service-down.md" in body["text"]
    assert "does not answer" in body["text"]
    _, recipients, mail, _ = box.mails[0]
    assert recipients == ["on-call@example.org"]
    assert "Subject: firing: Service down" in mail
    print(f"Slack after {seconds[0]:.1f} s, mail after {seconds[1]:.1f} s")
    assert max(seconds) < HOLD_S + 15.0


def test_secrets_that_nobody_replaced_tell_nobody(tmp_path, project_path):
    """Those that are made hold no key that somebody else's service would be asked with, and Alertmanager says so."""
    secrets = tmp_path / "secrets"
    made = [sys.executable, project_path / "deploy" / "compose" / "make_secrets.py", secrets]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    assert (secrets / "channel_pager").read_text() == ""
    assert (secrets / "channel_chat").read_text().startswith("http://127.0.0.1:9/")
    with receiving((202, {}, b"{}")) as pager:
        text = (project_path / "deploy" / ALERTMANAGER).read_text(encoding="utf-8")
        for there, here in {
            "/run/secrets": str(secrets),
            "https://events.pagerduty.com": pager.url,
            "mail.example.org:587": "127.0.0.1:9",
            "group_wait: 10s": "group_wait: 100ms",
        }.items():
            assert there in text
            text = text.replace(there, here)
        (tmp_path / "alertmanager.yml").write_text(text)
        with running_alertmanager(tmp_path / "am", tmp_path / "alertmanager.yml") as manager:
            said = {"title": "t", "summary": "s", "description": "d", "runbook_url": "r"}
            alert = {"labels": {"alertname": "service-down", "severity": "critical"}, "annotations": said}
            assert httpx.post(f"{manager}/api/v2/alerts", json=[alert], timeout=10).status_code == 200

            def failed() -> bool:
                metrics = httpx.get(f"{manager}/metrics", timeout=10).text
                found = re.search(r'notification_requests_failed_total\{integration="pagerduty"\} (\d+)', metrics)
                return found is not None and int(found[1]) > 0

            wait_for(failed, 20.0, "what it could not tell")
    assert pager.got == []
