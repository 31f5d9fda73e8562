"""What a service says beside what it says of requests is lines of JSON as well, where that is wanted."""

from __future__ import annotations

import httpx
import pytest

from finq_predictor.adapters.log_lines import FORMAT
from log_laws import lawful
from serving.servers import BENTO, UVICORN, running


@pytest.mark.slow
@pytest.mark.parametrize("command", [UVICORN, BENTO], ids=["uvicorn", "bentoml"])
def test_a_service_tells_all_in_lines_of_json(two_markets, tmp_path, command):
    variables = {"FINQ_DATA_ROOT": str(two_markets), "FINQ_KEEPER": "false", "FINQ_RECORD": "false", FORMAT: "json"}
    # Nobody answers there, which is told.
    variables |= {"FINQ_REDIS_URL": "redis://:s3cr3t-w0rd@127.0.0.1:9/0"}
    with running(command, tmp_path, **variables) as server:
        answer = httpx.get(f"{server.url}/models", timeout=30)
    said = [(line, line.startswith("{")) for line in server.log.read_text().splitlines()]
    told = [lawful(line) for line, is_json in said if is_json]
    assert "s3cr3t-w0rd" not in server.log.read_text()
    requests = [one for one in told if one["event"] == "request"]
    assert answer.headers["X-Request-ID"] in {one["request"] for one in requests}
    served = [one for one in told if one["event"] == "log" and one["logger"] == "finq_predictor.serving.store"]
    assert len([one for one in served if one["message"].startswith("Serving ")]) == 2
    # Before the application is there the server speaks for itself.
    assert len([line for line, is_json in said if not is_json]) <= 4
