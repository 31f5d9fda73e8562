"""The collector of a host knows of a line of ours how bad it is and to which trace it belongs."""

from __future__ import annotations

import json
import os
import subprocess
import time

from checkers import DEPLOY, checker
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from log_laws import lawful
from serving.collector import collecting

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
OURS = {"at": "2026-11-30T12:00:00.123456+00:00", "level": "ERROR", "event": "request", "run": None, "trace": TRACE}


def test_level_and_trace_of_a_line_are_those_of_the_record(tmp_path):
    lawful(json.dumps(OURS))
    lines = tmp_path / "abc" / "abc-json.log"
    lines.parent.mkdir()
    lines.touch()
    said = [json.dumps(OURS), "Started server process [7]", '{"level": "CRITICAL", "event": "log"}', "{no json}"]
    with collecting() as received:
        told = {**os.environ, "FINQ_LOGS_AT": f"{tmp_path}/*/*-json.log", "FINQ_LOGS_ENDPOINT": received.url}
        words = [checker("otel-collector"), "--config", str(DEPLOY / "logging" / "collector.yml")]
        # Its figures of itself would lie at a port that another one may have.
        words.append("--set=service.telemetry.metrics.level=none")
        process = subprocess.Popen(words, env=told, stderr=subprocess.PIPE, text=True)
        try:
            assert any("Everything is ready" in line for line in process.stderr)
            time.sleep(0.3)
            wrapped = [{"log": f"{one}\n", "stream": "stdout", "time": "2026-11-30T12:00:00.1Z"} for one in said]
            lines.write_text("".join(json.dumps(one) + "\n" for one in wrapped))
            end = time.monotonic() + 20
            while len(records(received.bodies)) < len(said):
                assert time.monotonic() < end, records(received.bodies)
                time.sleep(0.05)
        finally:
            process.terminate()
            process.wait(30)
            process.stderr.close()
    found = {record.body.string_value.strip(): record for record in records(received.bodies)}
    assert set(found) == set(said)
    ours = found[said[0]]
    assert (ours.severity_text, ours.trace_id.hex()) == ("ERROR", TRACE)
    assert found[said[2]].severity_number > ours.severity_number > 0
    for other in (said[1], said[3]):
        assert (found[other].severity_number, found[other].trace_id) == (0, b"")


def records(bodies: list[bytes]) -> list:
    found = []
    for body in bodies:
        for of_resource in ExportLogsServiceRequest.FromString(body).resource_logs:
            found += [record for scope in of_resource.scope_logs for record in scope.log_records]
    return found
