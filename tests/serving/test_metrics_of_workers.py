"""Whichever worker is asked for the metrics, it tells those of the server."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from debian_servers import installed
from serving import small_market
from serving.conftest import wait_until
from serving.servers import BENTO, UVICORN, running
from serving.test_store import _crown

pytestmark = pytest.mark.slow

ASKED = "finq_prediction_requests_total"
PREDICT = {"route": "/predict", "status": "200"}


def told(url: str) -> str:
    """The page, over a connection of its own: any worker may answer."""
    return httpx.get(f"{url}/metrics", timeout=30).text


def value(text: str, name: str, **labels: str) -> float:
    """The sum of the samples that have some labels."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


def ask(url: str, number: int) -> None:
    """Requests over connections of their own, several at a time, so that every worker gets some."""
    with ThreadPoolExecutor(8) as threads:
        body = {"instrument": "EUR_USD"}
        answers = threads.map(lambda _: httpx.post(f"{url}/predict", json=body, timeout=60), range(number))
        assert [answer.status_code for answer in answers] == [200] * number


def counting(folder: Path) -> set[int]:
    """Workers that have counted a prediction."""
    files = folder.rglob("counter_*.db")
    return {int(file.stem.rpartition("_")[2]) for file in files if b"/predict" in file.read_bytes()}


@pytest.fixture
def short_folder():
    with tempfile.TemporaryDirectory(prefix="finq", dir="/tmp") as folder:
        yield Path(folder)


@dataclass
class Asked:
    """A server of two workers, and how many predictions were asked of it.

    Attributes:
        url: Where it is.
        data: Folder of the data that it serves.
        counts: Folder in which the workers count.
        asked: So many, of one pair.
    """

    url: str
    data: Path
    counts: Path
    asked: int = 0

    def ask(self, number: int) -> None:
        """Ask for predictions, and take note."""
        ask(self.url, number)
        self.asked += number


@pytest.fixture(scope="module", params=["bentoml", "uvicorn"])
def two_workers(request, two_markets, tmp_path_factory):
    """A server of two workers, of which both have answered."""
    folder = tmp_path_factory.mktemp(request.param)
    data = Path(shutil.copytree(two_markets, folder / "data"))
    variables = {"FINQ_DATA_ROOT": str(data), "FINQ_WORKERS": "2", "FINQ_POLL_SECONDS": "0.5"}
    with tempfile.TemporaryDirectory(prefix="finq", dir="/tmp") as counts:
        if request.param == "bentoml":
            command, arguments = BENTO, ()
            variables["TMPDIR"] = counts
        else:
            command, arguments = UVICORN, ("--workers", "2")
            variables["PROMETHEUS_MULTIPROC_DIR"] = counts
        with running(command, folder, arguments=arguments, seconds=240.0, **variables) as server:
            wait_until(lambda: value(told(server.url), "finq_ready") == 1.0, 90)
            asked = Asked(server.url, data, Path(counts))
            while len(counting(asked.counts)) < 2 and asked.asked < 2000:
                asked.ask(40)
            assert len(counting(asked.counts)) == 2, "one worker got every request"
            yield asked


def test_the_sum_is_the_same_whoever_is_asked(two_workers):
    for _ in range(20):
        text = told(two_workers.url)
        assert value(text, ASKED, **PREDICT) == two_workers.asked
        assert value(text, "finq_predictions_total", market="fx") == two_workers.asked
        assert value(text, "finq_prediction_duration_seconds_count", route="/predict") == two_workers.asked
        assert value(text, "finq_prediction_duration_seconds_bucket", route="/predict", le="+Inf") == two_workers.asked
        assert "pid=" not in text, "one series, not one a worker"
        assert value(text, "finq_model_info") == 2.0, "one model of each market"
        assert value(text, "finq_ready") == 1.0


def test_a_worker_that_is_killed_takes_no_counts_with_it_and_leaves_no_state(two_workers):
    victim = min(counting(two_workers.counts))
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: not _lives(victim), 20)
    wait_until(lambda: _answers(two_workers.url), 60)
    for _ in range(5):
        assert value(told(two_workers.url), ASKED, **PREDICT) == two_workers.asked
    assert [one for one in two_workers.counts.rglob("gauge_*.db") if one.stem.endswith(f"_{victim}")] == []
    # Another one takes its place, and counts on.
    wait_until(lambda: len(_living(two_workers.counts)) == 2 and value(told(two_workers.url), "finq_ready") == 1.0, 90)
    two_workers.ask(40)
    text = told(two_workers.url)
    assert value(text, ASKED, **PREDICT) == two_workers.asked
    assert value(text, "finq_model_info") == 2.0


def test_of_a_model_that_was_replaced_nothing_is_told(two_workers):
    url = two_workers.url
    _crown(two_workers.data, "2")
    wait_until(lambda: value(told(url), "finq_model_info", market="equity", version="1") == 0.0, 90)
    for _ in range(5):
        text = told(url)
        assert value(text, "finq_model_info", market="equity", version="2") == 1.0
        assert not re.search(r'finq_model_info\{.*market="equity".*version="1"', text)


@pytest.fixture(scope="session")
def promtool() -> str:
    return installed("promtool", "prometheus")


def _in_form(promtool: str, url: str) -> None:
    httpx.post(f"{url}/predict", json={"instrument": "NOBODY"}, timeout=30)
    done = subprocess.run([promtool, "check", "metrics"], input=told(url), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_what_one_worker_tells_is_in_the_form_of_prometheus(bentoml_server, promtool):
    ask(bentoml_server.url, 10)
    _in_form(promtool, bentoml_server.url)


def test_what_two_workers_tell_is_in_the_form_of_prometheus(two_workers, promtool):
    _in_form(promtool, two_workers.url)


@pytest.mark.proof
def test_two_servers_of_one_home_count_apart(two_markets, tmp_path, short_folder):
    """BentoML gives all servers of a home one folder, and clears it when another one starts."""
    variables = {"FINQ_DATA_ROOT": str(two_markets), "FINQ_MARKETS": "fx", "TMPDIR": str(short_folder)}
    with running(BENTO, tmp_path, seconds=240.0, **variables) as first:
        ask(first.url, 5)
        with running(BENTO, tmp_path, seconds=240.0, **variables) as second:
            ask(second.url, 3)
            assert value(told(first.url), ASKED, **PREDICT) == 5
            assert value(told(second.url), ASKED, **PREDICT) == 3


def test_one_process_alone_counts_for_itself(client):
    before = value(client.get("/metrics").text, ASKED, **PREDICT)
    client.post("/predict", {"instrument": small_market.PAIRS[0]})
    text = client.get("/metrics").text
    assert value(text, ASKED, **PREDICT) == before + 1
    assert value(text, "finq_ready") == 1.0


def _living(folder: Path) -> list[int]:
    pids = {int(file.stem.rpartition("_")[2]) for file in folder.rglob("gauge_livemin_*.db")}
    return [pid for pid in pids if _lives(pid)]


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/metrics", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
