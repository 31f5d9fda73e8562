"""Batches of five hundred, and what becomes of a service that is asked more than it can answer.

Loopback only, for a bounded time. The machine is shared by server and clients: compare within one run.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from finq_predictor.adapters.silver import read_panel
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.domain.market.markets import MARKETS
from serving import small_market
from serving.servers import BENTO, running

SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
NAMES = tuple(f"S{number:03d}" for number in range(500))
REPEATS = 100
CLIENTS = 128
"""More than the service lets in at a time, which is 66."""
LONGEST_S = 30.0


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Five hundred stocks, three hundred and thirty bars and boosted trees."""
    folder, market = tmp_path_factory.mktemp("many"), MARKETS["equity"]
    tables = small_market.silver(market, bars=330, seed=1, instruments=NAMES)
    small_market.write_silver(folder, market, tables)
    small_market.crown(folder, small_market.train(market, small_market.panel_of(market, tables), "xgboost"))
    return folder


@pytest.fixture(scope="module")
def url(root, tmp_path_factory) -> Iterator[str]:
    with running(BENTO, tmp_path_factory.mktemp("server"), FINQ_DATA_ROOT=str(root), FINQ_MARKETS="equity") as server:
        yield server.url


def test_a_batch_of_five_hundred(root, url):
    days = _days(root, 5)
    bodies: dict[str, tuple[dict[str, Any], str]] = {
        "the newest bar, JSON": ({"market": "equity"}, "application/json"),
        "the newest bar, Arrow": ({"market": "equity"}, "application/vnd.apache.arrow.stream"),
        "one by one in the body": ({"requests": [{"instrument": name} for name in NAMES]}, "application/json"),
        "a hundred at five former bars": (
            {"instruments": list(NAMES[:100]), "prediction_dates": days},
            "application/json",
        ),
    }
    print(f"\nPOST /batch_predict, 500 predictions, recorded, one connection, load average {os.getloadavg()[0]:.1f}")
    print(f"{'what':40}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'first':>9}")
    with httpx.Client(timeout=60) as http:
        for name, (body, form) in bodies.items():
            took = [_seconds(http, f"{url}/batch_predict", body, form) for _ in range(REPEATS)]
            cuts = statistics.quantiles(took[1:], n=100)
            print(f"{name:40}" + "".join(f"{1e3 * one:9.1f}" for one in (cuts[49], cuts[94], cuts[98], took[0])))


def test_what_is_too_much_is_refused_and_soon_over(root, url):
    days = _days(root, 250)
    body = {"market": "equity", "prediction_dates": days[:2]}
    statuses: Counter[str] = Counter()
    unannounced: list[str] = []
    alone = _waits(url, 1.0)
    recovered = None
    with _flood(url, days, statuses, unannounced) as over, httpx.Client(timeout=60) as http:
        time.sleep(0.5)
        during = _waits(url, SECONDS)
        over.set()
        ended = time.perf_counter()
        while time.perf_counter() < ended + LONGEST_S:
            if http.post(f"{url}/batch_predict", json=body).status_code == 200:
                recovered = time.perf_counter() - ended
                break
            time.sleep(0.05)
    after = _waits(url, 1.0)
    print(f"\n{CLIENTS} clients ask for 500 predictions at bars nobody asked for, {SECONDS} s: {dict(statuses)}")
    for name, waits in (("before", alone), ("meanwhile", during), ("afterwards", after)):
        cuts = statistics.quantiles(waits, n=100)
        print(f"/predict of another client {name:12} p50 {1e3 * cuts[49]:8.1f} ms   p99 {1e3 * cuts[98]:8.1f} ms")
    print(f"answers again after {recovered:.2f} s, load average {os.getloadavg()[0]:.1f}")
    assert unannounced == []
    assert set(statuses) <= {"200", "503"}
    assert recovered is not None


@contextmanager
def _flood(url: str, days: list[str], statuses: Counter[str], unannounced: list[str]) -> Iterator[threading.Event]:
    over, alone = threading.Event(), threading.Lock()

    def ask(number: int) -> None:
        turn = number
        with httpx.Client(timeout=60) as http:
            while not over.is_set():
                body = {"market": "equity", "prediction_dates": [days[turn % len(days)]]}
                answer = http.post(f"{url}/batch_predict", json=body)
                turn += CLIENTS
                with alone:
                    statuses[str(answer.status_code)] += 1
                    if answer.status_code != 200 and "retry-after" not in answer.headers:
                        unannounced.append(answer.text[:200])
                if answer.status_code == 503:
                    # Clients that are sent away come again, though sooner than they are asked to.
                    time.sleep(0.1)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield over
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _waits(url: str, seconds: float) -> list[float]:
    end, took = time.perf_counter() + seconds, []
    with httpx.Client(timeout=60) as http:
        while time.perf_counter() < end:
            took.append(_seconds(http, f"{url}/predict", {"instrument": NAMES[0]}, "application/json"))
            time.sleep(0.005)
    return took


def _seconds(http: httpx.Client, url: str, body: dict[str, Any], form: str) -> float:
    began = time.perf_counter()
    answer = http.post(url, json=body, headers={"Accept": form})
    took = time.perf_counter() - began
    answer.raise_for_status()
    return took


def _days(root: Path, number: int) -> list[str]:
    """Closes of the last bars but the newest, the newest first."""
    market = MARKETS["equity"]
    panel = read_panel(SnapshotStore(root, market.name).newest(), market)
    return [ts.isoformat() for ts in panel.ts[-2 : -2 - number : -1]]
