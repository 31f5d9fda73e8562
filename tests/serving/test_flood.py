"""No request holds up the others: what an anonymous client can send is sent in a loop while another one is timed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from attack.attacks import ATTACKS, DAYS
from attack.siege import ARGUMENTS, COMMAND, SETTINGS, SIEGES, under_flood, under_siege, warm_up, wide_market
from finq_predictor.serving.settings import Settings
from serving.conftest import started, wait_until
from serving.servers import UVICORN, Server, running

SECONDS = 0.5
FOREVER_MS = 5000.0
"""Waits are stated by ``make attack``; here only one as long as those of a server that is held up is none."""


@pytest.fixture(scope="module")
def wide(tmp_path_factory) -> Path:
    """A data root of one market with as many names as near misses need to be dear."""
    return wide_market(tmp_path_factory.mktemp("wide"))


@pytest.fixture(scope="module")
def server(wide, tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with running(COMMAND, folder, arguments=ARGUMENTS, FINQ_DATA_ROOT=str(wide), **SETTINGS) as server:
        warm_up(server)
        yield server


@pytest.mark.parametrize("name", [*ATTACKS, *SIEGES])
def test_nobody_waits_for_what_another_one_sends(server, name):
    report = (under_flood if name in ATTACKS else under_siege)(server, name, SECONDS)
    print(f"\n{report.line()}")
    assert report.wrong == ()
    assert report.worst_ms < FOREVER_MS


def test_no_more_wait_than_there_is_room_for(wide, tmp_path):
    variables = {"FINQ_MARKETS": "equity", "FINQ_WORK_THREADS": "1", "FINQ_WORK_WAITING": "1"}
    answers: list[httpx.Response] = []
    with running(UVICORN, tmp_path, FINQ_DATA_ROOT=str(wide), **variables) as server:

        def ask(number: int) -> None:
            body = {"market": "equity", "prediction_dates": DAYS[number * 30 : number * 30 + 30]}
            answers.append(httpx.post(f"{server.url}/batch_predict", json=body, timeout=60))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        remembered = [httpx.post(f"{server.url}/predict", json={"instrument": "AGNX"}, timeout=10) for _ in range(5)]
        for thread in threads:
            thread.join(timeout=60)
        assert {one.status_code for one in remembered} == {200}
        refused = [one for one in answers if one.status_code == 503]
        assert 200 in {one.status_code for one in answers}
        assert refused
        assert {one.json()["error"]["type"] for one in refused} == {"overloaded"}
        assert all(int(one.headers["retry-after"]) > 0 for one in refused)
        assert httpx.post(f"{server.url}/batch_predict", json={"instruments": ["AGNX"]}, timeout=10).status_code == 200
        # Routes and methods that do not exist make no series of their own.
        for number in range(50):
            httpx.request("GET", f"{server.url}/none{number}", timeout=10)
        text = httpx.get(f"{server.url}/metrics", timeout=10).text
        assert "none" not in text
        assert len({line.split(" ")[0] for line in text.splitlines() if line.startswith("finq_")}) < 400


def test_what_takes_too_long_is_given_up_and_said(two_markets):
    days = [f"2022-0{month}-{day:02d}" for month in (1, 2, 3) for day in range(1, 29)]
    with started(Settings(data_root=two_markets, markets=("equity",), answer_seconds=0.05)) as client:
        answer = client.post("/batch_predict", {"market": "equity", "prediction_dates": days})
        assert answer.status_code == 503
        assert answer.json()["error"]["type"] == "slow_answer"
        assert answer.json()["error"]["message"].startswith("The answer took longer than 0.05 s")
        assert answer.headers["retry-after"] == "2"
        # Nothing of it is worked on any more, and what is quick is answered.
        wait_until(lambda: client.app.state.runtime.gate.inside == 0, 10)
        assert client.post("/predict", {"instrument": "AAPL"}).status_code == 200
        counted = 'finq_prediction_errors_total{route="/batch_predict",type="slow_answer"} 1.0'
        assert counted in client.get("/metrics").text
